import numpy as np
import pytest

from chatdesc.evaluation.evaluate import Refused, evaluate_folder, evaluate_trackers
from chatdesc.evaluation.results import MatchedFolder, ResultFolder
from chatdesc.evaluation.tables import group_rows, overall_row, protocol_rows, sequence_rows
from chatdesc.evaluation.truths import OWN, Truth, read_truths, rules_for
from chatdesc.loaders import NAMES, load
from chatdesc.metrics.protocols import PROTOCOLS
from chatdesc.names import counted
from chatdesc.types import ChatdescError
from tests.makers.datasets import put
from tests.makers.results import TRUTH, lines

RIGHT = np.array([1.0, 0, 0, 0])


@pytest.fixture
def results(tmp_path):
    """A folder of one file per sequence, and the ground truth TRUTH for each."""

    def make(protocol="lasot", missing="error", truths=None, **tracks):
        for name, boxes in tracks.items():
            put(tmp_path / "mine" / f"{name}.txt", boxes if isinstance(boxes, str) else lines(boxes))
        known = {name: Truth(TRUTH, None) for name in truths or tracks}
        return evaluate_folder(ResultFolder(str(tmp_path / "mine")), known, "lasot", PROTOCOLS[protocol], missing)

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
    (line,) = evaluate_folder(ResultFolder(str(tmp_path)), {"a": Truth(given, None)}, "x", PROTOCOLS["otb"]).lines
    assert ("begin after" in line.notes[0]) == (short == "first")
    assert line.score.precision[2] == 1


@pytest.mark.parametrize("most", [1, 2, 1024])
def test_all_files_of_a_tracker_lack_the_same_row(tmp_path, monkeypatch, most):
    """In ``b`` the target stands still, so that file alone would seem to begin with the given box."""
    monkeypatch.setattr("chatdesc.evaluation.evaluate.MOST", most)
    still = np.tile(TRUTH[:1], (4, 1)) + (np.arange(4) > 1)[:, None] * RIGHT * 100
    truths = {name: Truth(still if name == "b" else TRUTH, None) for name in "abc"}
    for name, truth in truths.items():
        put(tmp_path / "first" / f"{name}.txt", lines(truth.boxes[1:]))
        put(tmp_path / "last" / f"{name}.txt", lines(truth.boxes[:3] if name != "c" else truth.boxes[:3] + 2))
    first, last = (
        evaluate_folder(ResultFolder(str(tmp_path / f)), truths, "x", PROTOCOLS["otb"]) for f in ("first", "last")
    )
    assert [line.score.op50 for line in first.lines] == [1, 1, 1]
    assert all("after the given box, as in most files of this tracker" in line.notes[0] for line in first.lines)
    assert all("with the given box, as in most files of this tracker" in line.notes[0] for line in last.lines)
    for name in "ac":
        put(tmp_path / "first" / f"{name}.txt", lines(TRUTH))
    told = evaluate_folder(ResultFolder(str(tmp_path / "first")), truths, "x", PROTOCOLS["otb"]).lines
    assert "with the given box, so" in told[1].notes[0]  # where others have all rows, one broke off


def test_trackers_that_write_no_first_row_have_their_own_numbers(shared_data, tmp_path):
    folder = shared_data / "results_otb100"
    truths = read_truths(load("folder", folder / "groundtruth"))
    for tracker in ("KCF", "TLD"):
        for path in (folder / "results" / tracker).iterdir():
            put(tmp_path / tracker / path.name, "\n".join(path.read_text().split("\n")[1:]))
        whole, cut = (ResultFolder(str(place / tracker)) for place in (folder / "results", tmp_path))
        truths.pop("tiger1", None)  # which the benchmark begins later
        mean, again = (evaluate_folder(one, truths, "folder", PROTOCOLS["otb"]).overall() for one in (whole, cut))
        assert again.auc == pytest.approx(mean.auc, abs=1e-12)


@pytest.mark.parametrize("protocol", ["pysot", "pytracking", "otb"])
def test_one_row_short_under_other_protocols(results, protocol):
    (line,) = results(protocol, last=TRUTH[:3]).lines
    assert line.score is not None and line.score.frames == 4


def test_surplus_rows_and_nan_leave_a_note(results):
    holes = TRUTH.copy()
    holes[2] = np.nan
    assert results(a=np.concatenate([TRUTH, TRUTH[:2]]), b=holes).lines[0].notes == ("2 surplus rows were cut",)
    assert results(a=TRUTH, b=holes).lines[1].notes == ("1 box without a size or a number took the one before",)
    assert results("got10k", a=TRUTH, b=holes).lines[1].notes == ("1 row with NaN or infinite numbers is a miss",)


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
        ("lasot", {1: [NAN] * 4}, 0, 1),  # takes the given box
        ("lasot", {0: [INF, 20, 30, 40], 1: [NAN] * 4}, 1, 1),  # takes what was written in the first row
        ("lasot", {2: [INF, 20, 0.5, 40]}, 1, 0),  # half a pixel is a size
        ("lasot", {2: [INF, 20, 30, 0.5]}, 1, 0),
    ],
)
def test_rows_that_are_misses_for_want_of_numbers_are_counted(results, protocol, rows, misses, repaired):
    track = np.concatenate([TRUTH, TRUTH[:2]])
    for place, row in rows.items():
        track[place] = row
    [line] = results(protocol, a=track).lines
    told = counted(misses, "row with NaN or infinite numbers is a miss", "rows with NaN or infinite numbers are misses")
    assert [note for note in line.notes if "infinite" in note] == ([told] if misses else [])
    assert line.score.repaired == repaired


def test_shrinking_denominators_are_said(results):
    (line,) = results("got10k", a=TRUTH[:2]).lines
    assert line.notes == ("2 rows short: left out of the denominator",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2,3,4\n1,2,3\n", r"mine/b\.txt:2: expected 4 numbers, found 3"),
        ("", r"mine/b\.txt: is empty"),
        ("1,2,3,4\n", r"mine/b\.txt: the track has 1 box for 4 frames"),
    ],
)
def test_a_bad_result_is_an_error_that_names_it(results, text, message):
    with pytest.raises(ChatdescError, match=rf"1 of 2 sequences.*\n.*{message}"):
        results(a=TRUTH, b=text)


def test_a_refusal_carries_its_reason_beside_its_message(results):
    with pytest.raises(Refused) as caught:
        results(a=TRUTH, b="1,2,3\n", c="")
    [reason] = caught.value.reason
    assert reason.endswith("b.txt:1: expected 4 numbers, found 3") and "2 of 3 sequences" in str(caught.value)


def test_missing_results(results):
    with pytest.raises(ChatdescError, match=r"there is no gone\.txt\n--missing skip leaves"):
        results(a=TRUTH, truths=["a", "gone"])
    skipped = results(a=TRUTH, truths=["a", "gone"], missing="skip")
    zero = results(a=TRUTH, truths=["a", "gone"], missing="zero")
    assert [overall_row(one)["P20"] for one in (skipped, zero)] == [1, 1 / 2]
    assert [overall_row(one)["sequences"] for one in (skipped, zero)] == ["1/2", "2/2"]
    assert overall_row(skipped)["notes"] == ("1 left out",)
    assert overall_row(zero)["notes"] == ("1 sequence without a score counts as misses",)
    assert [sequence_rows(one)[1]["AUC"] for one in (skipped, zero)] == [None, 0]
    [why] = sequence_rows(zero)[1]["notes"]
    assert why.endswith("mine: there is no gone.txt") and sequence_rows(zero)[1]["frames"] == 0


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
    row = overall_row(evaluate_folder(ResultFolder(str(tmp_path)), truths, "lasot", PROTOCOLS["lasot"]))
    assert row["P20"] == 1
    assert "1 without any success are no part of its mean" in row["notes"]


def test_the_otb_benchmark_starts_tiger1_at_frame_6(tmp_path):
    truth = np.tile(TRUTH[:1], (10, 1)) + np.arange(10)[:, None] * [[30, 0, 0, 0]]
    put(tmp_path / "Tiger1.txt", lines(truth[5:]))
    (line,) = evaluate_folder(
        ResultFolder(str(tmp_path)), {"Tiger1": Truth(truth, None)}, "folder", PROTOCOLS["otb"]
    ).lines
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
    assert set(OWN) == set(NAMES) - {"folder", "got10k"}  # GOT-10k measures AO, which no protocol here is


def all_protocols(folder, names):
    rules, truths = list(PROTOCOLS.values()), {name: Truth(TRUTH, None) for name in names}
    [scored] = evaluate_trackers([MatchedFolder.of(folder, tuple(truths))], truths, "lasot", rules)
    return protocol_rows("mine", rules, scored)


def test_all_protocols_side_by_side(tmp_path):
    track = TRUTH.copy()
    track[2] = np.nan
    put(tmp_path / "a.txt", lines(track))
    rows = all_protocols(ResultFolder(str(tmp_path)), "a")
    assert [row["protocol"] for row in rows] == list(PROTOCOLS)
    found = {row["protocol"]: row for row in rows}
    assert found["pytracking"]["AUC"] is None
    [why] = found["pytracking"]["notes"]  # one note, though there is a semicolon in it
    assert "pytracking refuses a result with NaN" in why and why.endswith("; write numbers, or choose another protocol")
    assert found["got10k"]["P20"] == 3 / 4 and found["lasot"]["P20"] == 1
    with pytest.raises(ChatdescError, match=r"there is no b\.txt"):
        all_protocols(ResultFolder(str(tmp_path)), "ab")


def test_files_are_read_once_for_all_protocols(tmp_path, monkeypatch):
    for name in "abc":
        put(tmp_path / f"{name}.txt", lines(TRUTH))
    folder, asked = ResultFolder(str(tmp_path)), []
    real = folder.read
    monkeypatch.setattr(folder, "read", lambda path: asked.append(path) or real(path))
    assert len(all_protocols(folder, "abc")) == len(PROTOCOLS)
    assert asked == ["a.txt", "b.txt", "c.txt"]


@pytest.mark.parametrize(("chunk", "most"), [(1, 1024), (1 << 20, 2), (1 << 20, 1024)])
def test_chunks_change_nothing(tmp_path, monkeypatch, chunk, most):
    """Eleven sequences, one missing, one unreadable, in any number of files at a time: all lines in their order."""
    monkeypatch.setattr("chatdesc.evaluation.evaluate.CHUNK", chunk)
    monkeypatch.setattr("chatdesc.evaluation.evaluate.MOST", most)
    names = [f"s{i:02}" for i in range(11)]
    for i, name in enumerate(names):
        if i != 4:
            put(tmp_path / f"{name}.txt", "1,2\n" if i == 7 else lines(TRUTH + i * RIGHT))
    done = []
    truths, matched = {n: Truth(TRUTH, None) for n in names}, MatchedFolder.of(ResultFolder(str(tmp_path)), names)
    [[one]] = evaluate_trackers([matched], truths, "lasot", [PROTOCOLS["got10k"]], "skip", done.append)
    assert [line.sequence for line in one.lines] == names and sum(done) == 11
    assert [line.sequence for line in one.lines if line.score is None] == ["s04", "s07"]
    areas = [line.score.auc for line in one.lines if line.score]
    assert areas == sorted(areas, reverse=True) and areas[0] > areas[-1]


def test_decimals_of_the_ground_truth_are_taken_as_written(tmp_path):
    """30.1 is no float32; an overlap that reaches a threshold by the last bit must not be moved below it."""
    truth = put(tmp_path / "truth" / "a.txt", "30.1,20.3,10.7,5.9\n30.2,20.3,10.7,5.9\n").parent
    boxes = read_truths(load("folder", str(truth)))["a"].boxes
    assert boxes.tolist() == [[30.1, 20.3, 10.7, 5.9], [30.2, 20.3, 10.7, 5.9]]
