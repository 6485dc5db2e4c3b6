"""Tables on a terminal, in files and as frames."""

import csv
import itertools
import os
import platform
from dataclasses import dataclass

import pytest

from chatdesc.atomic import make_folder
from chatdesc.metrics.paired import known_mean
from chatdesc.tables import Tables, Tabular, percent, plain, plain_table, show, write_table
from chatdesc.types import ChatdescError
from tests.makers.rows import printed

ROWS = [
    {"tracker": "a_1", "protocol": "lasot", "AUC": 0.5, "P20": 0.25, "P": 0.25, "notes": ("x", "y")},
    {"tracker": "b&c", "protocol": "lasot", "AUC": 0.75, "P20": None, "P": None, "notes": ()},
]


def test_means_and_numbers():
    assert known_mean([1.0, None, float("nan"), 2.0]) == 1.5
    assert known_mean([None, float("nan")]) is known_mean([]) is None
    assert (show(None), show(0.126), show(2.0, 1)) == ("-", "0.13", "2.0")


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
        "| a_1 | lasot | 50.00 | 25.00 | 25.00 | x; y |",
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


def test_a_table_too_wide_breaks_names_last():
    row = {"judge": "owlv2:google/owlv2-base-patch16-ensemble", "measure": "grounding IoU", "gain": "+0.6 (0.6..0.6)"}
    at = {width: printed(plain_table([row], "", width), width) for width in (80, 66, 40)}
    assert "grounding IoU" in at[80] and "+0.6 (0.6..0.6)" in at[80]
    assert row["judge"] in at[66] and "(0.6..0.6)" in at[66] and "grounding IoU" not in at[66]
    assert row["judge"] not in at[40] and "(0.6..0.6)" in at[40] and "grounding" in at[40]
    assert all(len(line) <= width for width, text in at.items() for line in text.splitlines())


def test_tables_are_written_as_csv_and_markdown(tmp_path):
    rows = [
        {"encoder": "clip", "manual": 20.123456, "low": None, "n": 3},
        {"encoder": "b", "manual": 1.0, "low": 2.0, "n": 4},
    ]
    paths = write_table(rows, tmp_path / "new", "alignment")
    assert [p.name for p in paths] == ["alignment.csv", "alignment.md"]
    with paths[0].open(newline="", encoding="utf-8") as file:
        assert list(csv.DictReader(file)) == [{k: "" if v is None else str(v) for k, v in row.items()} for row in rows]
    assert paths[1].read_text().splitlines() == [
        "| encoder | manual | low | n |",
        "| --- | --- | --- | --- |",
        "| clip | 20.12 | - | 3 |",
        "| b | 1.00 | 2.00 | 4 |",
    ]


@dataclass(frozen=True, slots=True)
class Two(Tabular):
    """A result of two rows."""

    def records(self):
        return ROWS


def test_a_result_is_a_frame_as_well():
    frame = Two().table()
    assert frame.columns == list(ROWS[0]) and frame["P20"].to_list() == [0.25, None]
    assert frame["notes"].to_list() == [["x", "y"], []]
    pandas = Two().to_pandas()
    assert list(pandas.columns) == frame.columns and pandas["AUC"].to_list() == [0.5, 0.75]
    assert pandas["notes"].to_list() == [["x", "y"], []]


def test_notes_are_joined_where_they_are_written(tmp_path):
    write_table(ROWS, tmp_path, "notes")
    with open(tmp_path / "notes.csv", newline="") as file:
        assert [row["notes"] for row in csv.DictReader(file)] == ["x; y", ""]
    assert (plain(("x", "y")), percent(()), percent(3), plain("a")) == ("x; y", "", "3", "a")


def test_bars_in_cells_are_escaped(tmp_path):
    write_table([{"tracker": "a|b", "notes": ("x|y",)}], tmp_path, "bars")
    assert (tmp_path / "bars.md").read_text().splitlines()[2] == r"| a\|b | x\|y |"


def test_a_table_without_rows_is_not_written(tmp_path):
    assert write_table([], tmp_path / "new", "nothing") == []
    assert list((tmp_path / "new").iterdir()) == []


def test_no_cell_of_a_sheet_is_a_formula(tmp_path):
    texts = ("=cmd|' /C calc'!A0", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1")
    rows = [{"=tracker": text, "AUC": -0.5, "n": -3, "low": "-0.25", "notes": (text,)} for text in texts]
    write_table(rows, tmp_path, "sheet")
    with open(tmp_path / "sheet.csv", newline="") as file:
        [head, *lines] = csv.reader(file)
    assert head[0] == "'=tracker"
    assert lines == [[f"'{text}", "-0.5", "-3", "-0.25", f"'{text}"] for text in texts]
    assert (tmp_path / "sheet.md").read_text().splitlines()[2].startswith("| =cmd")


def test_links_in_the_place_of_temporary_files_are_not_followed(tmp_path, monkeypatch):
    out, victim = tmp_path / "out", tmp_path / "victim"
    victim.write_text("precious")
    out.mkdir()
    monkeypatch.setattr("chatdesc.atomic._numbers", itertools.count(7))
    for name in ("overall.csv.tmp", "overall.md.tmp", *(f".{platform.node()}-{os.getpid()}-{n}.tmp" for n in (7, 8))):
        (out / name).symlink_to(victim)
    write_table(ROWS, out, "overall")
    assert victim.read_text() == "precious" and (out / "overall.csv").read_text().startswith(next(iter(ROWS[0])))


def test_work_that_breaks_off_leaves_the_old_tables_and_nothing_else(tmp_path):
    write_table(ROWS, tmp_path, "overall")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(ValueError, match="fields not in fieldnames"):
        write_table([{"AUC": 1.0}, {"other": 1.0}], tmp_path, "overall")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
