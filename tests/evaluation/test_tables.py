import csv

import pytest

from chatdesc.atomic import make_folder
from chatdesc.evaluation.tables import latex, shown
from chatdesc.tables import Tables
from chatdesc.types import ChatdescError

ROWS = [
    {"tracker": "a_1", "protocol": "lasot", "AUC": 0.5, "P20": 0.25, "P": 0.25, "notes": "x"},
    {"tracker": "b&c", "protocol": "lasot", "AUC": 0.75, "P20": None, "P": None, "notes": ""},
]


def test_tables_grow_row_by_row_and_appear_when_done(tmp_path):
    with Tables(tmp_path / "new") as tables:
        for row in ROWS:
            tables.add("overall", [row])
        tables.add("nothing", [])
        assert not (tmp_path / "new" / "overall.csv").exists()
    assert [p.name for p in tables.paths] == ["overall.csv", "overall.md"]
    with open(tables.paths[0], newline="") as file:
        assert [row["AUC"] for row in csv.DictReader(file)] == ["0.5", "0.75"]
    assert tables.paths[1].read_text().splitlines()[2:] == [
        "| a_1 | lasot | 50.00 | 25.00 | 25.00 | x |",
        "| b&c | lasot | 75.00 | - | - |  |",
    ]
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == ["overall.csv", "overall.md"]


def test_what_broke_off_leaves_the_old_tables(tmp_path):
    (tmp_path / "overall.csv").write_text("old")

    def break_off():
        with Tables(tmp_path) as tables:
            tables.add("overall", ROWS)
            raise KeyError

    with pytest.raises(KeyError):
        break_off()
    assert [p.name for p in tmp_path.iterdir()] == ["overall.csv"]
    assert (tmp_path / "overall.csv").read_text() == "old"


def test_without_a_folder_nothing_is_written(tmp_path):
    with Tables(None) as tables:
        tables.add("overall", ROWS)
    assert tables.paths == []


def test_latex():
    lines = latex(ROWS, "50 % of x").splitlines()
    assert lines[2:7] == [
        r"\caption{50 \% of x}",
        r"\begin{tabular}{llrr}",
        r"\hline",
        r"tracker & protocol & AUC & P20 \\",  # P says nothing that P20 does not
        r"\hline",
    ]
    assert lines[7] == r"a\_1 & lasot & 50.00 & \textbf{25.00} \\"
    assert lines[8] == r"b\&c & lasot & \textbf{75.00} & - \\"
    assert "textbf" not in latex(ROWS[:1])


def test_a_place_that_cannot_be_written_is_said_before_any_work(tmp_path):
    (tmp_path / "file").write_text("mine")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ChatdescError, match=r"file.*: cannot be written \(.*\); choose another folder with --out"):
            make_folder(place)
        with pytest.raises(ChatdescError, match="choose another"), Tables(place):
            pytest.fail("the work was begun")
    make_folder(None)
    make_folder(tmp_path / "a" / "b")
    assert list((tmp_path / "a").rglob("*")) == [tmp_path / "a" / "b"]


def test_a_folder_in_the_place_of_a_table_leaves_no_halves(tmp_path):
    (tmp_path / "overall.csv").mkdir()
    with pytest.raises(ChatdescError, match=r"overall\.csv: cannot be written"), Tables(tmp_path) as tables:
        tables.add("overall", ROWS)
    assert not list(tmp_path.glob("*.tmp"))


def test_what_a_table_takes_as_its_own_is_escaped(tmp_path):
    row = ROWS[0] | {"tracker": "a|b", "notes": "x|y"}
    with Tables(tmp_path) as tables:
        tables.add("overall", [row])
    assert tables.paths[1].read_text().splitlines()[2] == r"| a\|b | lasot | 50.00 | 25.00 | 25.00 | x\|y |"
    assert r"a\textbar{}\textless{}\textgreater{}\{\$\textasciicircum{}\textasciitilde{}\textbackslash{}\} &" in latex(
        [row | {"tracker": "a|<>{$^~\\}"}]
    )


def test_latex_compares_trackers_under_one_protocol_only():
    common = ROWS[0] | {"P20": None, "P": None}
    mine = [common | {"protocol": name, "AUC": value} for name, value in (("lasot", 0.5), ("otb", 0.9))]
    assert "textbf" not in latex(mine)
    theirs = [
        common | {"protocol": name, "AUC": value, "tracker": "b"} for name, value in (("lasot", 0.6), ("otb", 1.0))
    ]
    bold = [line.partition("textbf{")[2][:5] for line in latex([*mine, *theirs]).splitlines() if " & " in line]
    assert bold == ["", "", "", "60.00", "100.0"]


def test_a_narrow_terminal_shows_fewer_columns():
    measures = dict.fromkeys(("AUC", "P20", "PNorm20", "PNormAUC", "OP50", "OP75", "P", "PNorm"), 0.5)
    names = ("pysot-toolkit", "trackingnet")
    rows = [{"tracker": "STARK_ST101", "protocol": n, "sequences": "280/280", **measures, "notes": ""} for n in names]
    wide, usual = (list(shown(rows, width)[0]) for width in (120, 80))
    assert wide == ["tracker", "protocol", "seqs", "AUC", "P20", "PNorm20", "PNormAUC", "OP50", "OP75", "P"]
    assert usual == ["tracker", "protocol", "seqs", "AUC", "P20", "PNorm20", "PNormAUC", "P"]
    assert list(shown(rows[:1], 20)[0]) == ["tracker", "seqs", "AUC", "P20", "PNorm20"]
    assert shown([], 80) == []
