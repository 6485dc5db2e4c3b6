import csv
import json
import re

import numpy as np
import pytest
from typer.testing import CliRunner

from chatdesc.cli import app
from chatdesc.evaluate import OWN, Truth, evaluate, evaluate_all, read_truths, rules_for
from chatdesc.evaluate_tables import Tables, group_rows, overall_row, protocol_rows, sequence_rows
from chatdesc.loaders import NAMES, load
from chatdesc.metrics.protocols import PROTOCOLS
from chatdesc.results import ResultFolder
from chatdesc.types import ChatdescError
from tests.loaders.conftest import lasot, put

TRUTH = np.tile([[10.0, 20.0, 30.0, 40.0]], (4, 1)) + np.array(
    [[0.0, 0, 0, 0], [5, 0, 0, 0], [10, 0, 0, 0], [15, 0, 0, 0]]
)
RIGHT = np.array([1.0, 0, 0, 0])


def lines(boxes):
    return "".join(",".join(f"{v:g}" for v in box) + "\n" for box in boxes)


@pytest.fixture
def results(tmp_path):
    """A folder of one file per sequence, and the ground truth TRUTH for each."""

    def make(protocol="lasot", missing="error", truths=None, **tracks):
        for name, boxes in tracks.items():
            put(tmp_path / "mine" / f"{name}.txt", boxes if isinstance(boxes, str) else lines(boxes))
        known = {name: Truth(TRUTH, None) for name in truths or tracks}
        return evaluate(ResultFolder(str(tmp_path / "mine")), known, "lasot", PROTOCOLS[protocol], missing)

    return make


def test_a_perfect_track_and_one_that_is_lost(results):
    lost = TRUTH.copy()
    lost[1:, 0] += 500
    one = results(a=TRUTH, b=lost)
    row = overall_row(one)
    assert (row["tracker"], row["protocol"], row["sequences"]) == ("mine", "lasot", "2/2")
    assert row["P20"] == row["P"] == (1 + 1 / 4) / 2
    assert row["AUC"] == pytest.approx((1 + 1 / 4) / 2 * 20 / 21)
    assert [line.notes for line in one.lines] == [(), ()]


def test_one_row_short_is_mended_aloud(results):
    one = results(first=TRUTH[1:], last=TRUTH[:3])
    first, last = one.lines
    put = "one row short: taken to begin after the given box, which was put before the first row"
    assert first.notes == (put,)
    assert first.score.auc == pytest.approx(20 / 21)
    assert last.notes[0] == "one row short: taken to begin with the given box, so the last frame has no box"
    assert last.score.op75 == 3 / 4  # the box before is held, which is 5 of 30 px off


SLOW = TRUTH[:1] + np.arange(4)[:, None] * RIGHT * 0.9


@pytest.mark.parametrize(("given", "short"), [(SLOW, "first"), (SLOW + 0.4, "last"), (SLOW + 0.6, "last")])
def test_a_target_that_moves_by_a_pixel_does_not_begin_late(tmp_path, given, short):
    """Only the given box itself, cut or rounded to whole pixels, is the given box."""
    put(tmp_path / "a.txt", lines(given[1:] if short == "first" else np.round(given)[:3]))
    (line,) = evaluate(ResultFolder(str(tmp_path)), {"a": Truth(given, None)}, "x", PROTOCOLS["otb"]).lines
    assert ("begin after" in line.notes[0]) == (short == "first")
    assert line.score.precision[2] == 1


@pytest.mark.parametrize("most", [1, 2, 1024])
def test_all_files_of_a_tracker_lack_the_same_row(tmp_path, monkeypatch, most):
    """In ``b`` the target stands still, so that file alone would seem to begin with the given box."""
    monkeypatch.setattr("chatdesc.evaluate.MOST", most)
    still = np.tile(TRUTH[:1], (4, 1)) + (np.arange(4) > 1)[:, None] * RIGHT * 100
    truths = {name: Truth(still if name == "b" else TRUTH, None) for name in "abc"}
    for name, truth in truths.items():
        put(tmp_path / "first" / f"{name}.txt", lines(truth.boxes[1:]))
        put(tmp_path / "last" / f"{name}.txt", lines(truth.boxes[:3] if name != "c" else truth.boxes[:3] + 2))
    first, last = (evaluate(ResultFolder(str(tmp_path / f)), truths, "x", PROTOCOLS["otb"]) for f in ("first", "last"))
    assert [line.score.op50 for line in first.lines] == [1, 1, 1]
    assert all("after the given box, as in most files of this tracker" in line.notes[0] for line in first.lines)
    assert all("with the given box, as in most files of this tracker" in line.notes[0] for line in last.lines)
    for name in "ac":
        put(tmp_path / "first" / f"{name}.txt", lines(TRUTH))
    told = evaluate(ResultFolder(str(tmp_path / "first")), truths, "x", PROTOCOLS["otb"]).lines
    assert "with the given box, so" in told[1].notes[0]  # where others have all rows, one broke off


def test_trackers_that_write_no_first_row_have_their_own_numbers(shared_data, tmp_path):
    folder = shared_data / "results_otb100"
    truths = read_truths(load("folder", folder / "groundtruth"))
    for tracker in ("KCF", "TLD"):
        for path in (folder / "results" / tracker).iterdir():
            put(tmp_path / tracker / path.name, "\n".join(path.read_text().split("\n")[1:]))
        whole, cut = (ResultFolder(str(place / tracker)) for place in (folder / "results", tmp_path))
        truths.pop("tiger1", None)  # which the benchmark begins later
        mean, again = (evaluate(one, truths, "folder", PROTOCOLS["otb"]).overall() for one in (whole, cut))
        assert again.auc == pytest.approx(mean.auc, abs=1e-12)


@pytest.mark.parametrize("protocol", ["pysot", "pytracking", "otb"])
def test_one_row_short_under_other_protocols(results, protocol):
    (line,) = results(protocol, last=TRUTH[:3]).lines
    assert line.score is not None and line.score.frames == 4


def test_surplus_rows_and_nan_leave_a_note(results):
    holes = TRUTH.copy()
    holes[2] = np.nan
    assert results(a=np.concatenate([TRUTH, TRUTH[:2]]), b=holes).lines[0].notes == ("2 surplus rows were cut",)
    assert results(a=TRUTH, b=holes).lines[1].notes == ("1 boxes without a size or a number took the one before",)
    assert results("got10k", a=TRUTH, b=holes).lines[1].notes == ("1 rows with NaN or infinite numbers are misses",)


NAN, INF = np.nan, np.inf


@pytest.mark.parametrize(
    ("protocol", "rows", "misses", "repaired"),
    [
        ("got10k", {0: [NAN] * 4, 5: [NAN] * 4}, 0, 0),  # one is given, the other cut
        ("pysot", {0: [NAN] * 4, 5: [NAN] * 4}, 1, 0),
        ("got10k", {1: [NAN, 1, 2, 3], 2: [INF, 1, 2, 3]}, 2, 0),
        ("lasot", {1: [NAN, 1, 2, 3], 2: [NAN] * 4}, 2, 1),  # the second takes the first
        ("lasot", {1: [5, 20, 30, 40], 2: [NAN] * 4, 3: [1, INF, 3, 4]}, 1, 1),
        ("lasot", {0: [NAN] * 4, 1: [NAN] * 4}, 1, 1),
        ("pytracking", {3: [1, 2, INF, 3]}, 1, 0),
    ],
)
def test_rows_that_are_misses_for_want_of_numbers_are_counted(results, protocol, rows, misses, repaired):
    track = np.concatenate([TRUTH, TRUTH[:2]])
    for place, row in rows.items():
        track[place] = row
    [line] = results(protocol, a=track).lines
    told = f"{misses} rows with NaN or infinite numbers are misses"
    assert (told in line.notes) == bool(misses) and line.score.repaired == repaired


def test_shrinking_denominators_are_said(results):
    (line,) = results("got10k", a=TRUTH[:2]).lines
    assert line.notes == ("2 rows short: left out of the denominator",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2,3,4\n1,2,3\n", r"mine/b\.txt:2: expected 4 numbers, found 3"),
        ("", r"mine/b\.txt: is empty"),
        ("1,2,3,4\n", r"mine/b\.txt: the track has 1 boxes for 4 frames"),
    ],
)
def test_a_bad_result_is_an_error_that_names_it(results, text, message):
    with pytest.raises(ChatdescError, match=rf"1 of 2 sequences.*\n.*{message}"):
        results(a=TRUTH, b=text)


def test_missing_results(results):
    with pytest.raises(ChatdescError, match=r"there is no gone\.txt\n--missing skip leaves"):
        results(a=TRUTH, truths=["a", "gone"])
    skipped = results(a=TRUTH, truths=["a", "gone"], missing="skip")
    zero = results(a=TRUTH, truths=["a", "gone"], missing="zero")
    assert [overall_row(one)["P20"] for one in (skipped, zero)] == [1, 1 / 2]
    assert [overall_row(one)["sequences"] for one in (skipped, zero)] == ["1/2", "2/2"]
    assert "1 left out" in overall_row(skipped)["notes"]
    assert "1 sequences without a score count as misses" in overall_row(zero)["notes"]
    assert [sequence_rows(one)[1]["AUC"] for one in (skipped, zero)] == [None, 0]
    assert "there is no gone.txt" in sequence_rows(zero)[1]["notes"]


def test_where_every_result_is_missing_zero_is_zero(results):
    """Of the whole tracker, and of a group."""
    one = results(a="1,2\n", b=TRUTH, missing="zero")
    rows = {row["group"]: row for row in group_rows(one, {"bad": frozenset("a"), "good": frozenset("b")})}
    assert (rows["bad"]["AUC"], rows["bad"]["sequences"], rows["good"]["P20"]) == (0, "1/1", 1)
    assert one.overall(frozenset()) is None
    none = results(a="1,2\n", truths=["a", "gone"], missing="zero")
    assert (overall_row(none)["AUC"], overall_row(none)["P"], overall_row(none)["sequences"]) == (0, 0, "2/2")
    assert overall_row(results(a="1,2\n", missing="skip"))["AUC"] is None


def test_a_sequence_left_out_of_a_mean_is_said(tmp_path):
    truths = {"a": Truth(TRUTH, None), "b": Truth(TRUTH, np.zeros(4, np.bool_))}
    for name in truths:
        put(tmp_path / f"{name}.txt", lines(TRUTH))
    row = overall_row(evaluate(ResultFolder(str(tmp_path)), truths, "lasot", PROTOCOLS["lasot"]))
    assert row["P20"] == 1
    assert "1 without any success are no part of its mean" in row["notes"]


def test_the_otb_benchmark_starts_tiger1_at_frame_6(tmp_path):
    truth = np.tile(TRUTH[:1], (10, 1)) + np.arange(10)[:, None] * [[30, 0, 0, 0]]
    put(tmp_path / "Tiger1.txt", lines(truth[5:]))
    (line,) = evaluate(ResultFolder(str(tmp_path)), {"Tiger1": Truth(truth, None)}, "folder", PROTOCOLS["otb"]).lines
    assert line.score.precision_at_20 == 1 and line.score.frames == 5
    assert line.notes == ("starts at frame 6, as otb has it",)


def test_the_protocol_is_the_datasets_own_unless_asked():
    assert rules_for("tnl2k", None) == (PROTOCOLS["tnl2k"], "")
    assert rules_for("folder", "otb") == (PROTOCOLS["otb"], "")
    rules, warning = rules_for("tnl2k", "ostrack")
    assert rules.name == "ostrack" and "not tnl2k's own protocol (tnl2k)" in warning
    with pytest.raises(ChatdescError, match="folder has no protocol of its own; add --protocol"):
        rules_for("folder", None)
    with pytest.raises(ChatdescError, match="no protocol 'vot'; known are lasot"):
        rules_for("lasot", "vot")
    assert set(OWN) == set(NAMES) - {"folder"}


def all_protocols(path, names):
    folder, rules = ResultFolder(str(path)), list(PROTOCOLS.values())
    return protocol_rows("mine", rules, evaluate_all(folder, {n: Truth(TRUTH, None) for n in names}, "lasot", rules))


def test_all_protocols_side_by_side(tmp_path):
    track = TRUTH.copy()
    track[2] = np.nan
    put(tmp_path / "a.txt", lines(track))
    rows = all_protocols(tmp_path, "a")
    assert [row["protocol"] for row in rows] == list(PROTOCOLS)
    found = {row["protocol"]: row for row in rows}
    assert found["pytracking"]["AUC"] is None and "refuses a result with NaN" in found["pytracking"]["notes"]
    assert found["got10k"]["P20"] == 3 / 4 and found["lasot"]["P20"] == 1
    with pytest.raises(ChatdescError, match=r"there is no b\.txt"):
        all_protocols(tmp_path, "ab")


def run(*arguments, columns=200):
    return CliRunner().invoke(app, ["evaluate", *map(str, arguments)], env={"COLUMNS": str(columns)})


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
    assert (tmp_path / "s" / "protocols.tex").exists() and not (tmp_path / "s" / "success.png").exists()
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


def test_files_are_read_once_for_all_protocols(tmp_path, monkeypatch):
    for name in "abc":
        put(tmp_path / f"{name}.txt", lines(TRUTH))
    folder, asked = ResultFolder(str(tmp_path)), []
    real = folder.read
    monkeypatch.setattr(folder, "read", lambda path: asked.append(path) or real(path))
    rules = list(PROTOCOLS.values())
    found = evaluate_all(folder, {n: Truth(TRUTH, None) for n in "abc"}, "lasot", rules)
    assert asked == ["a.txt", "b.txt", "c.txt"] and len(found) == len(PROTOCOLS)


@pytest.mark.parametrize(("chunk", "most"), [(1, 1024), (1 << 20, 2), (1 << 20, 1024)])
def test_chunks_change_nothing(tmp_path, monkeypatch, chunk, most):
    """Eleven sequences, one missing, one unreadable, in any number of files at a time: all lines in their order."""
    monkeypatch.setattr("chatdesc.evaluate.CHUNK", chunk)
    monkeypatch.setattr("chatdesc.evaluate.MOST", most)
    names = [f"s{i:02}" for i in range(11)]
    for i, name in enumerate(names):
        if i != 4:
            put(tmp_path / f"{name}.txt", "1,2\n" if i == 7 else lines(TRUTH + i * RIGHT))
    done = []
    one = evaluate(
        ResultFolder(str(tmp_path)),
        {n: Truth(TRUTH, None) for n in names},
        "lasot",
        PROTOCOLS["got10k"],
        "skip",
        done.append,
    )
    assert [line.sequence for line in one.lines] == names and sum(done) == 11
    assert [line.sequence for line in one.lines if line.score is None] == ["s04", "s07"]
    areas = [line.score.auc for line in one.lines if line.score]
    assert areas == sorted(areas, reverse=True) and areas[0] > areas[-1]


def test_plots_and_a_latex_table_are_written(dataset, tmp_path):
    root, mine = dataset
    done = run("lasot", root, "--results", mine, "--out", tmp_path / "s")
    assert {"success.png", "success.svg", "precision.svg", "norm_precision.png", "overall.tex"} <= {
        p.name for p in (tmp_path / "s").iterdir()
    }
    assert "success.svg" in done.output


def test_a_tracker_has_plots_of_its_curves_under_every_protocol(dataset, tmp_path):
    root, mine = dataset
    done = run("lasot", root, "--results", f"{mine}=../a/b", "--compare-protocols", "--out", tmp_path / "s")
    assert {p.suffix for p in (tmp_path / "s" / "__a_b").iterdir()} == {".png", ".svg"}
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
    assert said.count("there is no car-1.txt") == said.count("took the one before") == said.count("are misses") == 1
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


def test_two_trackers_never_share_a_folder_of_plots():
    from chatdesc.evaluating import _folder_names

    assert _folder_names(["a b", "a_b", "A b", "a_b-2", ".."]) == ["a_b", "a_b-2", "A_b-3", "a_b-2-2", "_"]


def test_without_matplotlib_there_are_tables_and_a_remedy(dataset, tmp_path, monkeypatch):
    import sys

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


def test_memory_does_not_grow_with_the_number_of_trackers(tmp_path):
    """What is kept of a tracker is a mean and a row, not its sequences."""
    import tracemalloc

    from chatdesc.evaluating import Work

    names = [f"s{i}" for i in range(60)]
    truths = {name: Truth(TRUTH, None) for name in names}
    for name in names:
        put(tmp_path / "mine" / f"{name}.txt", lines(TRUTH + 300))
    work = Work("lasot", truths, [PROTOCOLS["lasot"]], "skip", None, {}, Tables(None))
    folders = [ResultFolder(f"{tmp_path / 'mine'}=t{number}") for number in range(24)]
    work.score(folders[:2], lambda count: None)
    sizes = []
    tracemalloc.start()
    work.score(folders[2:], lambda count: sizes.append(tracemalloc.get_traced_memory()[0]))
    tracemalloc.stop()
    sizes = sizes[8:]  # with as many trackers on their way as there ever are
    assert len(sizes) == 14
    assert (sizes[-1] - sizes[0]) / (len(sizes) - 1) < 30 * 1024  # sixty curves of each would be over 60 kB
    assert len(work.rows) == len(work.means) == 24


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


def test_decimals_of_the_ground_truth_are_taken_as_written(tmp_path):
    """30.1 is no float32; an overlap that reaches a threshold by the last bit must not be moved below it."""
    truth = put(tmp_path / "truth" / "a.txt", "30.1,20.3,10.7,5.9\n30.2,20.3,10.7,5.9\n").parent
    boxes = read_truths(load("folder", str(truth)))["a"].boxes
    assert boxes.tolist() == [[30.1, 20.3, 10.7, 5.9], [30.2, 20.3, 10.7, 5.9]]


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
            ("0\n", "absent/b.txt: 1 flags for 2 boxes"),
            (None, "1 of 2 sequences have no marks of absence, unlike the others: b"),
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
