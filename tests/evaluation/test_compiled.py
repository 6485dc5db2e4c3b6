"""Compiled loops: the same boxes, scores, notes and errors as with care, and the same work without numba."""

import csv
import importlib.util
import random
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatdesc.evaluation import compiled, evaluate, result_files
from chatdesc.evaluation.compiled import Quick, loops_for
from chatdesc.evaluation.evaluate import Refused, evaluate_trackers
from chatdesc.evaluation.results import MatchedFolder, ResultFolder
from chatdesc.evaluation.tables import overall_row
from chatdesc.evaluation.truths import Truth
from chatdesc.metrics.protocols import PROTOCOLS
from tests.makers.datasets import put
from tests.makers.results import measures
from tests.metrics.test_passed import made_up
from tests.standins.result_files import result_file


@pytest.fixture
def loops():
    pytest.importorskip("numba")
    found = loops_for(compiled.ENOUGH, 0)
    assert found is not None
    return found


@pytest.fixture
def start_again():
    """numba as it is at the start of a process."""
    compiled._start.cache_clear()
    yield
    compiled._start.cache_clear()


def forget(monkeypatch):
    """Have the loops imported anew."""
    for name in ("chatdesc.evaluation.compiled_boxes", "chatdesc.metrics.compiled_counts"):
        monkeypatch.delitem(sys.modules, name, raising=False)


def boxes_of(loops, files):
    """The boxes of each file, None where it is left alone."""
    tracks = loops.read(files)
    read = [tracks.of(place) for place in range(len(files))]
    return [None if one is None else one.boxes.copy() for one in read]


def same(one, other):
    return one.shape == other.shape and one.tobytes() == other.tobytes()  # also signs of zeros


@pytest.mark.parametrize(
    ("data", "boxes"),
    [
        (b"1,22,333,4444\n", [[1, 22, 333, 4444]]),
        (b"-1,-22.5,-333.25,-9999.125", [[-1, -22.5, -333.25, -9999.125]]),
        (b"0\t0.\t.7\t08\r\n1 2, 3,   4 \t\r\n\n \n", [[0, 0, 0.7, 8], [1, 2, 3, 4]]),
        (b"1234567,12345678,123456789,123456789012345", [[1234567, 12345678, 123456789, 123456789012345]]),
        (b"0.123456,.1234567,0.1234567,0.12345678", [[0.123456, 0.1234567, 0.1234567, 0.12345678]]),
        (b"1234567.8,12345678.9,1.2345678901234,-12345.67890123", [[1234567.8, 12345678.9, 1.2345678901234, -12345.67890123]]),  # noqa: E501
    ],
)  # fmt: skip
def test_numbers_worked_out_by_hand(loops, data, boxes):
    assert [one.tolist() for one in boxes_of(loops, [data, b"x", data])[::2]] == [boxes] * 2


@pytest.mark.parametrize(
    "data",
    """1,2,3|1,2,3,4,5|1,2,3,4\n\n5,6,7,8||\n|\n1,2,3,4|1,,3,4|1,2,3,4,|,1,2,3|1,2,3,x|1,2,3,4/|1,2,3,+4|1e2,2,3,4
    nan,2,3,4|1,2,3,4\r5,6,7,8|1,2,3,4-|1,2,3,-|1,-2-,3,4|1,--2,3,4|1-2,2,3,4|1.0.0,2,3,4|1..0,2,3,4|1,2,.,4|-.,2,3,4
    1;2;3;4|1 ,2,3,4|\ufeff1,2,3,4|1_0,2,3,4|\u0661,2,3,4|1\n2\n3\n4|1,2\n3,4|1.-0,2,3,4|-,1,2,3|1:2:3:4
    0x1,2,3,4|12345678x,2,3,4|1234567.1.2,2,3,4|12345678-9,2,3,4|1234567890123456,2,3,4|1.234567890123456,2,3,4
    1,2,3,4,5,6,7,8|1,2,3 4,5|1,2,3\n4|1,2,3, |1,2,3,4\n5,6,7|1,2,3,4\x005|1,2,3,4\n5,6,7,8,|1,2,3,4\x0b
    1,2,3,4\n\x1f""".replace("\n    ", "|").split("|"),
)
def test_all_else_is_left_alone(loops, data):
    odd, plain = data.encode(), b"1,2.5,3,4\n"
    for files in ([odd], [plain, odd], [odd, plain], [plain, odd + b"\n", plain]):
        for file, boxes in zip(files, boxes_of(loops, files), strict=True):
            assert (boxes is not None) == (file == plain)


numbers = st.one_of(
    st.integers(-(10**17), 10**17).map(str),
    st.decimals(-10_000, 10_000, places=2).map(str),
    st.floats(-1e5, 1e5, allow_nan=False).map(repr),
    st.from_regex(rb"-?[0-9]{0,9}\.?[0-9]{0,9}", fullmatch=True).map(bytes.decode),
    st.sampled_from(["nan", "1e5", "-0", "+1", "-0.00", "0" * 20 + "1", "9" * 400, "--1", "1.2.3", "", "_", "x"]),
)


@st.composite
def files(draw):
    """Files of odd numbers, mostly four in a line."""
    few = st.integers(0, 9).map(lambda number: 4 if number else 3)
    kind = draw(st.sampled_from([numbers, numbers.filter(lambda text: len(text) < 9)]))
    lines = [draw(st.lists(kind, min_size=n, max_size=n)) for n in draw(st.lists(few, min_size=1, max_size=5))]
    separator = draw(st.sampled_from([",", "\t", " ", ", ", ",\t", ";", "  ", " ,"]))
    end = draw(st.sampled_from(["\n", "\r\n", "\r", "\n\n", " \n"]))
    text = end.join(separator.join(line) for line in lines) + draw(st.sampled_from(["", end, " ", "\n\n\t", "\x00"]))
    return text.encode()


@settings(max_examples=200)
@given(st.lists(files() | st.integers(0).map(lambda seed: result_file(random.Random(seed))), min_size=1, max_size=6))
def test_every_bit_is_that_of_one_number_at_a_time(several):
    pytest.importorskip("numba")
    for data, boxes in zip(several, boxes_of(loops_for(compiled.ENOUGH, 0), several), strict=True):
        careful = result_files._careful(data)
        assert boxes is None or (not careful.error and same(boxes, np.asarray(careful.boxes, order="C"))), data


@given(st.lists(st.tuples(st.integers(-(10**9), 10**9), st.integers(0, 6)), min_size=4, max_size=80))
def test_plain_numbers_are_read(values):
    pytest.importorskip("numba")
    texts = [f"{value / 10**places:.{places}f}" for value, places in values[: len(values) // 4 * 4]]
    data = "\n".join(",".join(texts[i : i + 4]) for i in range(0, len(texts), 4)).encode()
    [boxes] = boxes_of(loops_for(compiled.ENOUGH, 0), [data])
    assert boxes.ravel().tolist() == [float(text) for text in texts]


def written(folder, seed):
    """Truths, and a tracker's files of them: plain, short, long, late, damaged, missing."""
    truths = {}
    for number, (track, truth, seen) in enumerate(made_up(seed, 40)):
        name = "Tiger1" if number == 9 else f"thing-{number}"
        cut = {5: track[:-1], 6: np.concatenate([track, track[:2]]), 7: track[: len(track) // 2], 9: track[5:]}
        boxes = cut.get(number, track)
        truths[name] = Truth(np.asfortranarray(truth), seen)
        text = "\r\n".join(",".join(map("{:.2f}".format if number % 4 else repr, box)) for box in boxes.tolist())
        if number != 11:
            put(
                folder / f"{name.upper() if number == 12 else name}.txt",
                text.replace("1", "x") if number == 13 else text,
            )
    truths["odd"] = Truth(np.array([[1.0, 1, 5, 5], [1, np.inf, 5, 5]]), None)
    truths["blank"] = Truth(np.array([[1.0, 1, 5, 5], [1, 1, 1e-300, 1e-300]]), np.array([True, False]))
    truths = {"flags": Truth(np.ones((2, 4)), np.array([False]))} | truths  # too few, which must move no others
    for name in ("odd", "blank", "flags"):
        put(folder / f"{name}.txt", "1,1,5,5\n2,2,5,5\n")
    return truths


def told(evaluation):
    """All that there is to an evaluation, to the last bit."""
    if isinstance(evaluation, Refused):
        return str(evaluation)
    lines = []
    for line in evaluation.lines:
        score = line.score
        curves = score and [getattr(score, key).tobytes() for key in ("success", "precision", "norm_precision")]
        counts = score and (score.frames, score.repaired, score.cut, score.lacking, score.rules.name)
        lines.append((line.sequence, line.notes, curves, counts))
    return lines, overall_row(evaluation)


@pytest.mark.parametrize("missing", ["skip", "zero", "error"])
@pytest.mark.parametrize("seed", range(3))
def test_scores_notes_and_errors_are_the_same(seed, missing, loops, tmp_path, monkeypatch):
    truths = written(tmp_path / "mine", seed)
    folder = MatchedFolder.of(ResultFolder(str(tmp_path / "mine")), tuple(truths))

    def scored(found):
        monkeypatch.setattr(evaluate, "loops_for", lambda *_: found)
        monkeypatch.setattr(evaluate, "FEW", 17)
        [one] = evaluate_trackers([folder], truths, "lasot", list(PROTOCOLS.values()), missing)
        return list(map(told, one))

    counted = []
    real = Quick.scores
    monkeypatch.setattr(Quick, "scores", lambda *of: counted.extend(real(*of)) or real(*of))
    quick = scored(loops)
    assert {len(one) for one in counted} - {0}  # something was scored by them
    assert quick == scored(None)


def test_boxes_that_stay_bad_are_left_to_care(loops):
    truths = {"a": Truth(np.array([[10.0, 10, 5, 5]] * 3), None)}
    rules = [PROTOCOLS["lasot"], PROTOCOLS["pytracking"], PROTOCOLS["got10k"]]
    quick = Quick(loops, truths, rules)

    def done(text):
        return [len(one) for one in quick.scores(loops.read([text]), 0)]

    assert done(b"10,10,5,5\n10,10,0,5\n10,10,5,5") == [1, 1, 0]
    assert done(b"10,10,5,5\n10,10,-1,5\n10,10,5,5") == [1, 0, 0]
    assert done(b"10,10,0,5\n10,10,5,5\n10,10,5,5") == [1, 1, 0]
    assert done(b"10,10,0,5\n10,10,0,5\n10,10,5,5") == [0, 0, 0]  # the first box is bad, and the second takes it


@pytest.mark.parametrize("order", ["C", "F"])
def test_truths_of_another_type_are_scored_alike(order, loops, tmp_path, monkeypatch):
    rng = np.random.default_rng(5)
    truth = np.asarray(rng.uniform(1, 300, (500, 4)), np.float32, order=order)
    put(tmp_path / "mine" / "a.txt", "\n".join(",".join(map(repr, box)) for box in (truth * 1.01).tolist()))
    truths = {"a": Truth(truth, None)}
    folder = MatchedFolder.of(ResultFolder(str(tmp_path / "mine")), tuple(truths))

    def scored(found):
        monkeypatch.setattr(evaluate, "loops_for", lambda *_: found)
        [[one]] = evaluate_trackers([folder], truths, "lasot", [PROTOCOLS["lasot"]])
        return told(one)

    assert scored(loops) == scored(None)
    assert Quick(loops, truths, [])._boxes.dtype == np.float64


@pytest.mark.parametrize("row", ["10.00,10.00,5.00,5.00", "10,10.0,5,5e0"])
def test_a_true_box_put_before_a_result_is_looked_at_too(row, tmp_path, monkeypatch):
    truths = {"a": Truth(np.array([[np.inf, 10.0, 5, 5], [10, 10, 5, 5]]), None)}
    put(tmp_path / "mine" / "a.txt", f"{row}\n")
    monkeypatch.setattr(evaluate, "loops_for", lambda *_: None)
    folder = MatchedFolder.of(ResultFolder(str(tmp_path / "mine")), tuple(truths))
    [[one]] = evaluate_trackers([folder], truths, "lasot", [PROTOCOLS["pysot"]])
    assert one.lines[0].notes[1:] == ("1 row with NaN or infinite numbers is a miss",)


def test_rules_by_which_empty_boxes_are_scored_are_left_to_care(loops):
    truths = {"a": Truth(np.array([[10.0, 10, 5, 5]] * 2), None)}
    quick = Quick(loops, truths, [replace(PROTOCOLS["lasot"], bad_box="scored")])
    assert quick.scores(loops.read([b"10,10,5,5\n10,10,0,5"]), 0) == [{}]


def test_the_golden_scores(shared_data, loops, tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("make_predictions", shared_data / "golden" / "make_predictions.py")
    maker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    names = (shared_data / "golden" / "lasot_testing_set.txt").read_text().split()
    truths, trackers = {}, ("t1_jitter", "t4_intbox", "t5_zero", "e1_nan", "e5_static")
    for index, name in list(enumerate(names))[::20]:
        place = shared_data / "lasot_annos" / name.rsplit("-", 1)[0] / name
        boxes, absent = (maker.load_rows(place / file) for file in ("groundtruth.txt", "absent.toolkit.txt"))
        absent = absent.ravel()[: len(boxes)]
        truths[name] = Truth(np.asfortranarray(boxes), absent != 1)
        for tracker in trackers:
            made = maker.make(tracker, name, index, boxes, absent)
            put(
                tmp_path / tracker / f"{name}.txt",
                "".join("{:.2f},{:.2f},{:.2f},{:.2f}\n".format(*box) for box in made),
            )
    folders = [MatchedFolder.of(ResultFolder(str(tmp_path / tracker)), tuple(truths)) for tracker in trackers]
    for protocol, place in (("lasot", "official_lasot_octave"), ("ostrack", "ostrack")):
        expected = list(csv.DictReader((shared_data / "golden" / place / "per_sequence.csv").open()))
        monkeypatch.setattr(evaluate, "loops_for", lambda *_: loops)
        quick = [one for [one] in evaluate_trackers(folders, truths, "lasot", [PROTOCOLS[protocol]], "skip")]
        for evaluation in quick:
            rows = {row["sequence"]: row for row in expected if row["tracker"] == evaluation.tracker}
            for line in evaluation.lines:
                if line.score and rows:
                    found = measures(line.score)
                    for measure in found.keys() & rows[line.sequence].keys():
                        assert found[measure] == pytest.approx(float(rows[line.sequence][measure]), abs=1e-6)
        monkeypatch.setattr(evaluate, "loops_for", lambda *_: None)
        slow = [one for [one] in evaluate_trackers(folders, truths, "lasot", [PROTOCOLS[protocol]], "skip")]
        assert list(map(told, quick)) == list(map(told, slow))


def test_little_work_starts_no_numba():
    code = "import sys; from chatdesc.evaluation.compiled import *; loops_for(ENOUGH - 1, 0)"
    command = [sys.executable, "-c", f"{code}; print('numba' in sys.modules)"]
    shown = subprocess.run(command, check=True, capture_output=True, text=True)
    assert shown.stdout.strip() == "False"


def test_what_has_started_is_used_for_little_work(loops):
    assert loops_for(1, 1) is loops


def test_many_files_are_much_work(start_again, monkeypatch):
    monkeypatch.setattr(compiled, "_started", lambda: "loops")
    assert loops_for(0, compiled.ENOUGH // compiled.PER_FILE) == "loops"


def test_without_numba(start_again, monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    forget(monkeypatch)
    assert loops_for(compiled.ENOUGH, 0) is None


def test_where_nothing_can_be_kept(start_again, monkeypatch):
    numba = pytest.importorskip("numba")

    def njit(**_):
        def refuse(function):
            raise RuntimeError(f"cannot cache function {function.__name__!r}: no locator available for file '<x>'")

        return refuse

    monkeypatch.setattr(numba, "njit", njit)
    forget(monkeypatch)
    assert loops_for(compiled.ENOUGH, 0) is None


def test_where_the_disk_is_full(start_again, monkeypatch):
    boxes = pytest.importorskip("chatdesc.evaluation.compiled_boxes")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(boxes, "read_boxes", full)
    assert loops_for(compiled.ENOUGH, 0) is None
