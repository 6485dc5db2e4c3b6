"""``chatdesc evaluate`` on a few small files."""

import csv
import json
import re
import sys
from unittest.mock import patch

import pytest

from chatdesc.drawing.figures import KINDS
from chatdesc.metrics.protocols import PROTOCOLS
from chatdesc.types import ChatdescError
from tests.makers.commands import call
from tests.makers.datasets import lasot, put
from tests.makers.results import TRUTH, lines


def run(*arguments, columns=200, kinds=("svg",)):
    """Evaluate; plots of all three ``kinds`` take seconds."""
    with patch("chatdesc.drawing.figures.KINDS", kinds):
        return call("evaluate", *arguments, columns=columns)


@pytest.fixture
def dataset(tmp_path):
    root = lasot(tmp_path / "data", {"boat-1": 4, "car-1": 3}, frames=False)
    for name in ("boat-1", "car-1"):
        put(tmp_path / "mine" / f"{name}.txt", (root / name[:-2] / name / "groundtruth.txt").read_text())
    return root, tmp_path / "mine"


def test_the_command(dataset, tmp_path):
    root, mine = dataset
    done = run("lasot", root, "--results", f"{mine}=me", "--by", "category", "--out", tmp_path / "scores")
    assert done.exit_code == 0, done.output
    assert "lasot, protocol lasot, in %" in done.output and "by category" in done.output and "2/2" in done.output
    assert "warning" not in done.output
    with open(tmp_path / "scores" / "per_sequence.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0])[:8] == ["tracker", "sequence", "AUC", "P20", "PNorm20", "PNormAUC", "OP50", "OP75"]
    assert [(row["sequence"], float(row["P20"])) for row in rows] == [("boat-1", 0.5), ("car-1", 1 / 3)]
    assert "| me | lasot | 2/2 | 39.68 | 41.67 |" in (tmp_path / "scores" / "overall.md").read_text()
    assert (tmp_path / "scores" / "by_category.csv").exists()


def test_a_foreign_protocol_is_warned_of(dataset):
    root, mine = dataset
    done = run("lasot", root, "--results", mine, "--protocol", "got10k", "--by", "sequence")
    assert "warning: got10k is not lasot's own protocol (lasot)" in done.output
    assert "got10k reads no marks of absence on lasot" in done.output
    assert "boat-1" in done.output


def test_all_protocols_on_the_command_line(dataset):
    root, mine = dataset
    done = run("lasot", root, "--results", mine, "--compare-protocols")
    assert done.exit_code == 0, done.output
    assert all(name in done.output for name in PROTOCOLS)


def test_groups_under_every_protocol(dataset, tmp_path):
    root, mine = dataset
    done = run("lasot", root, "--results", mine, "--compare-protocols", "--by", "category", "--out", tmp_path / "s")
    assert done.exit_code == 0, done.output
    with open(tmp_path / "s" / "by_category.csv", newline="") as file:
        found = [(row["group"], row["protocol"]) for row in csv.DictReader(file)]
    assert found == [(group, name) for name in PROTOCOLS for group in ("boat", "car")]
    assert "every protocol, by category, in %" in done.output
    assert (tmp_path / "s" / "protocols.tex").exists() and not (tmp_path / "s" / "success.svg").exists()
    one = run("lasot", root, "--results", mine, "--compare-protocols", "--by", "sequence")
    assert one.output.count("boat-1") >= len(PROTOCOLS)


@pytest.mark.parametrize("by", [(), ("--by", "category"), ("--by", "sequence")])
def test_names_are_whole_on_eighty_columns(dataset, by):
    root, mine = dataset
    long = "a_tracker_with_a_very_long_name_as_a_folder_has_it"
    done = run("lasot", root, "--results", mine, "--results", f"{mine}={long}", "--compare-protocols", *by, columns=80)
    assert all(len(re.findall(rf" {name} ", done.output)) >= 2 for name in PROTOCOLS)
    assert (
        " seqs " in done.output
        and " PNorm20 " in done.output
        and "2/2 " in done.output
        and max(map(len, done.output.splitlines())) <= 80
    )


def test_plots_and_a_latex_table_are_written(dataset, tmp_path):
    root, mine = dataset
    done = run("lasot", root, "--results", mine, "--out", tmp_path / "s", kinds=KINDS)
    assert {"success.png", "success.pdf", "precision.svg", "norm_precision.png", "overall.tex"} <= {
        p.name for p in (tmp_path / "s").iterdir()
    }
    assert "success.svg" in done.output


def test_a_tracker_has_plots_of_its_curves_under_every_protocol(dataset, tmp_path):
    root, mine = dataset
    done = run(
        "lasot", root, "--results", f"{mine}=../a/b", "--compare-protocols", "--out", tmp_path / "s", kinds=KINDS
    )
    assert {p.suffix for p in (tmp_path / "s" / "__a_b").iterdir()} == {".png", ".pdf", ".svg"}
    precision = (tmp_path / "s" / "__a_b" / "precision.svg").read_text()
    assert "../a/b on lasot" in precision and f"written: {tmp_path / 's' / '__a_b'}" in done.output
    assert "at 20 px, %" in precision and re.search(r"trackingnet \[[0-9.]+, area\]", precision)
    assert all(re.search(rf"{name} \[[0-9.]+\]", precision) for name in PROTOCOLS if name != "trackingnet")


def test_under_all_protocols_every_note_is_said_once(dataset, tmp_path):
    root, mine = dataset
    rows = (mine / "boat-1.txt").read_text().split("\n")
    put(mine / "boat-1.txt", "\n".join([rows[0], "NaN,NaN,NaN,NaN", *rows[2:]]))
    (mine / "car-1.txt").unlink()
    done = run("lasot", root, "--results", mine, "--compare-protocols", "--missing", "skip", "--out", tmp_path / "s")
    assert done.exit_code == 0, done.output
    said = done.output.replace("\n", " ")
    assert said.count("there is no car-1.txt") == said.count("took the one before") == said.count("is a miss") == 1
    assert "took the one before (lasot, tnl2k, otb, tnl2kpy)" in said and "mine: 1 left out; " in said
    assert said.count("no marks of absence") == 1
    assert "otb, got10k, trackingnet read no marks of absence on lasot" in said
    with open(tmp_path / "s" / "per_sequence.csv", newline="") as file:
        found = [row for row in csv.DictReader(file) if "there is no car-1.txt" in row["notes"]]
    assert [row["protocol"] for row in found] == list(PROTOCOLS)


def test_files_that_are_no_sequence_are_said(dataset, tmp_path):
    root, mine = dataset
    for name in ("Boat_1", "boat-1_time", "x", "y", "z", "u", "v"):
        put(mine / f"{name}.txt", lines(TRUTH))
    done = run("lasot", root, "--results", mine, "--compare-protocols", "--out", tmp_path / "s")
    unread = (
        "6 files are no sequence of this dataset, or a second file of one: Boat_1.txt, u.txt, v.txt, x.txt, y.txt, ..."
    )
    assert done.output.count(f"mine: {unread}") == 1
    assert unread in (tmp_path / "s" / "protocols.csv").read_text()
    some = run("lasot", root, "--results", mine, "--sequences", "boat-1").output
    assert "mine: 1 file is no sequence of this dataset, or a second file of one: Boat_1.txt" in some
    assert "second file" not in run("lasot", root, "--results", mine, "--sequences", "car-1").output


@pytest.mark.parametrize(("missing", "auc"), [("skip", ""), ("zero", "0.0")])
def test_one_folder_of_another_dataset_among_others(dataset, tmp_path, missing, auc):
    root, mine = dataset
    put(tmp_path / "lab" / "other" / "x.txt", lines(TRUTH))
    for path in mine.iterdir():
        put(tmp_path / "lab" / "right" / path.name, path.read_text())
    asked = ("lasot", root, "--results", f"{tmp_path / 'lab'}/*", "--missing", missing, "--out", tmp_path / "s")
    done = run(*asked)
    assert done.exit_code == 0, done.output
    with open(tmp_path / "s" / "overall.csv", newline="") as file:
        other, right = csv.DictReader(file)
    assert (other["AUC"], right["sequences"]) == (auc, "2/2") and float(right["AUC"]) > 0
    assert "other: no file is a sequence of this dataset; found x.txt" in other["notes"]
    assert "other: boat-1" not in done.output
    alone = run("lasot", root, "--results", tmp_path / "lab" / "other", "--missing", missing)
    assert "no file is a sequence of this dataset" in str(alone.exception)


def test_without_matplotlib_there_are_tables_and_a_remedy(dataset, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    root, mine = dataset
    done = run("lasot", root, "--results", mine, "--out", tmp_path / "s")
    assert done.exit_code == 0 and "pip install 'chatdesc[plots]'" in done.output
    assert (tmp_path / "s" / "overall.tex").exists()


def test_all_trackers_of_a_folder(dataset, tmp_path):
    root, mine = dataset
    for name in ("one", "two"):
        (tmp_path / "lab" / name).mkdir(parents=True)
        for path in mine.iterdir():
            (tmp_path / "lab" / name / path.name).write_text(path.read_text())
    done = run("lasot", root, "--results", f"{tmp_path / 'lab'}/*", "--out", tmp_path / "s")
    with open(tmp_path / "s" / "per_sequence.csv", newline="") as file:
        assert [(r["tracker"], r["sequence"]) for r in csv.DictReader(file)] == [
            (t, s) for t in ("one", "two") for s in ("boat-1", "car-1")
        ]
    assert done.exit_code == 0
    put(tmp_path / "lab" / "zzz" / "other.txt", lines(TRUTH))
    done = run("lasot", root, "--results", f"{tmp_path / 'lab'}/*")
    assert "zzz: no file is a sequence of this dataset" in str(done.exception) and "boat-1" not in done.output
    (tmp_path / "empty").mkdir()
    done = run("lasot", root, "--results", f"{tmp_path / 'empty'}/*")
    assert "holds no folder and no zip" in str(done.exception)


def test_two_trackers_of_one_name_are_refused(dataset):
    root, mine = dataset
    done = run("lasot", root, "--results", mine, "--results", mine)
    assert isinstance(done.exception, ChatdescError) and "two trackers are called mine" in str(done.exception)


def test_the_published_numbers_of_otb(shared_data, tmp_path):
    folder = shared_data / "results_otb100"
    trackers = json.loads((folder / "reference.json").read_text())["trackers"]
    named = [part for t in trackers for part in ("--results", folder / "results" / t)]
    done = run("folder", folder / "groundtruth", *named, "--protocol", "otb", "--out", tmp_path)
    assert done.exit_code == 0, done.output
    with open(tmp_path / "overall.csv", newline="") as file:
        rows = {row["tracker"]: row for row in csv.DictReader(file)}
    for tracker, published in trackers.items():
        assert rows[tracker]["sequences"] == "100/100"
        for measure in ("AUC", "P20"):
            assert float(rows[tracker][measure]) == pytest.approx(published[measure], abs=1e-12)
            assert f"{100 * published[measure]:.2f}" in done.output


class TestDamagedGroundTruth:
    @staticmethod
    def made(place, absent=("0\n0\n", "0\n1\n"), boxes="1,2,3,4\n5,6,7,8\n"):
        for name, flags in zip("ab", absent, strict=True):
            put(place / "truth" / f"{name}.txt", boxes if name == "b" else "1,2,3,4\n5,6,7,8\n")
            put(place / "results" / f"{name}.txt", "1,2,3,4\n5,6,7,8\n")
            if flags is not None:
                put(place / "truth" / "absent" / f"{name}.txt", flags)
        return run("folder", place / "truth", "--results", place / "results", "--protocol", "lasot")

    def test_sound_files_cause_no_remark(self, tmp_path):
        done = self.made(tmp_path)
        assert done.exit_code == 0 and "marks of absence" not in done.output and "flags" not in done.output

    @pytest.mark.parametrize(
        ("flags", "says"),
        [
            ("0\nhello\n", "absent/b.txt:2: 'hello' is not a number"),
            ("0\n", "absent/b.txt: 1 flag for 2 boxes"),
            (None, "1 of 2 sequences has no marks of absence, unlike the others: b"),
        ],
    )
    def test_marks_of_absence_that_are_odd_are_said(self, tmp_path, flags, says):
        done = self.made(tmp_path, ("0\n0\n", flags))
        assert done.exit_code == 0 and says in " ".join(done.output.split())

    @pytest.mark.parametrize("row", ["5,6,7", "x,y,w,h"])
    def test_boxes_that_cannot_be_read_are_an_error(self, tmp_path, row):
        done = self.made(tmp_path, boxes=f"1,2,3,4\n{row}\n")
        assert isinstance(done.exception, ChatdescError)
        assert "the ground truth of b cannot be trusted: b.txt:2: " in str(done.exception)
