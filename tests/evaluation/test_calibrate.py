import tomllib

import numpy as np
import pytest

import chatdesc
from chatdesc.backends import create
from chatdesc.evaluation.calibrate import (
    THRESHOLDS,
    Calibration,
    Point,
    calibrate,
    cautions,
    choose,
    draw,
    evidence,
    score,
)
from chatdesc.synthetic import render
from chatdesc.tables import plain_table
from chatdesc.types import BackendError, ChatdescError, Grounding
from tests.makers.sequences import leads, sequence_of

ON, OFF = (10, 10, 20, 20), (40, 10, 20, 20)


class Data:
    """Sequences by name."""

    dataset = "lasot"

    def __init__(self, *sequences):
        self.by_name = {s.name: s for s in sequences}
        self.names = list(self.by_name)

    def __getitem__(self, name):
        return self.by_name[name]


class Scripted:
    """A grounder that finds what a test says, by text."""

    name, max_batch, workers, threshold = "scripted", 64, 1, 0.3

    def __init__(self, answer):
        self.answer, self.asked = answer, []

    def describe_self(self):
        return {}

    def ground(self, requests):
        self.asked += requests
        return [self.answer(r.text) for r in requests]


def kites(count, **changes):
    return [sequence_of(2, name=f"kite-{i}", manual=f"kite {i}", **changes) for i in range(count)]


def found(*pairs):
    """Evidence of one frame from ``(score, IoU)`` of each proposal."""
    return np.array([s for s, _ in pairs], float), np.array([o for _, o in pairs], float)


def test_scores_by_hand():
    frames = [
        found((0.9, 0.8), (0.5, 0.1), (0.2, 0.0)),  # target first
        found((0.6, 0.0), (0.4, 0.3), (0.4, 0.5)),  # something else first
        found(
            (0.3, 0.29),
        ),  # never the target
        found(),
    ]
    low, middle, high, none = score(frames, (0.3, 0.5, 0.9, 0.95), 0.3)
    assert low == Point(0.3, pytest.approx((1 / 2 + 2 / 3 + 0) / 3), 0.5, pytest.approx(7 / 16), 6 / 4)
    assert middle.precision == pytest.approx((1 / 2 + 0) / 2) and middle.recall == 0.25
    assert middle.f == pytest.approx(0.25) and middle.kept == 0.75
    assert high == Point(0.9, 1.0, 0.25, pytest.approx(0.4), 0.25)
    assert none == Point(0.95, 0.0, 0.0, 0.0, 0.0)


def test_a_crowded_frame_counts_once():
    crowd = found(*[(0.9, 0.0)] * 50)
    [point] = score([crowd, found((0.9, 0.9))], (0.5,), 0.3)
    assert point.precision == 0.5 and point.recall == 0.5


def test_evidence_is_the_best_word_and_the_overlap():
    scores, ious = evidence(leads("red kite", ("red", ON, 0.4), ("kite", OFF, 0.7)), np.array(ON))
    np.testing.assert_allclose(scores, [0.4, 0.7])
    np.testing.assert_allclose(ious, [1, 0])
    empty = Grounding(np.zeros((0, 4), np.float32), (), np.zeros((0, 0), np.float32))
    assert [len(part) for part in evidence(empty, np.array(ON))] == [0, 0]


def curve(*values):
    return tuple(Point(round(0.1 * (i + 1), 1), v, v, v, 1.0) for i, v in enumerate(values))


@pytest.mark.parametrize(
    ("values", "best", "plateau"),
    [
        ((0.1, 0.5, 0.9, 0.5), 0.3, (0.3, 0.3)),
        ((0.1, 0.89, 0.9, 0.885, 0.1), 0.3, (0.2, 0.4)),
        ((0.9, 0.9, 0.9, 0.9, 0.1, 0.9), 0.2, (0.1, 0.4)),
        ((0.1, 0.1, 0.2, 0.9), 0.4, (0.4, 0.4)),
        ((0.0, 0.0), 0.35, (0.35, 0.35)),
    ],
)
def test_the_middle_of_the_plateau(values, best, plateau):
    assert choose(curve(*values), 0.35) == (best, plateau)


def test_cautions():
    assert cautions(curve(0.1, 0.9), (0.2, 0.2), 20, 20) == ()
    assert "only 9 sequences" in cautions(curve(0.1, 0.9), (0.2, 0.2), 9, 20)[0]
    assert "15 of 20" in cautions(curve(0.1, 0.9), (0.2, 0.2), 15, 20)[0]
    assert "flat" in cautions(curve(0.9, 0.9, 0.9, 0.9), (0.1, 0.4), 20, 20)[0]
    assert "no threshold" in cautions(curve(0.0, 0.0), (0.3, 0.3), 20, 20)[0]


def test_thresholds_are_in_order():
    assert list(THRESHOLDS) == sorted(set(THRESHOLDS)) and THRESHOLDS[0] > 0 and THRESHOLDS[-1] < 1


def calibrated(sequences=12, **changes):
    """The target scores from .5 to .6, what lies beside it .4."""
    grounder = Scripted(lambda t: leads(t, ("kite", ON, 0.5 + int(t.split()[1]) / 100), ("kite", OFF, 0.4)))
    return calibrate(Data(*kites(sequences)), grounder, **({"k": 12} | changes)), grounder


def test_the_threshold_that_parts_target_from_rest():
    result, grounder = calibrated()
    assert isinstance(result, Calibration)
    assert 0.4 < result.best <= 0.5 and result.plateau == (0.45, 0.5)
    assert result.at(result.best).f == 1
    assert result.at(0.3).precision == 0.5 and result.at(0.3).recall == 1
    assert result.sequences == 12 and result.warnings == () and result.problems == ()
    assert all(request.frame.index == 0 for request in grounder.asked)


def test_rows_and_toml():
    result, _ = calibrated()
    rows = result.rows()
    assert [r["threshold"] for r in rows] == list(THRESHOLDS)
    assert {r["threshold"]: r[""] for r in rows if r[""]} == {result.best: "best", 0.3: "default"}
    assert len(plain_table(rows).rows) == len(rows)
    text = result.as_toml()
    assert tomllib.loads(text) == {"box_threshold": result.best}
    assert "12 sequences of lasot, seed 0, theta 0.3" in text
    few, _ = calibrated(3)
    assert "# only 3 sequences" in few.as_toml()
    assert tomllib.loads(few.as_toml()) == {"box_threshold": few.best}


def test_a_dataset_that_is_smaller_than_asked_for_lacks_nothing():
    assert calibrated(12, k=20)[0].warnings == ()
    spoiled = Scripted(lambda t: BackendError("no") if t == "kite 3" else leads(t, ("kite", ON, 0.5)))
    assert "11 of 12 sequences" in calibrate(Data(*kites(12)), spoiled, k=20).warnings[0]


def test_the_draw_follows_the_seed():
    data = Data(*kites(20))
    names = [[s.name for s, _ in draw(data, 5, seed, None)] for seed in (0, 0, 1)]
    assert names[0] == names[1] != names[2]
    assert all(len(set(n)) == 5 for n in names)


def test_only_sequences_with_a_target_and_a_text_are_drawn():
    good, mute = kites(2)[0], sequence_of(2, name="mute", manual=" \n")
    hidden = sequence_of(2, name="hidden", visible=np.array([False, True]))
    unnamed = sequence_of(2, name="unnamed", manual=None)
    data = Data(mute, good, hidden, unnamed)
    assert [(s.name, t) for s, t in draw(data, 9, 0, None)] == [("kite-0", "kite 0")]
    texts = {"mute": "red\nkite", "unnamed": "", "hidden": "x"}
    assert [(s.name, t) for s, t in draw(data, 9, 0, texts)] == [("mute", "red kite")]


def test_what_fails_is_left_out_and_named():
    answer = lambda t: BackendError("no memory") if t == "kite 3" else leads(t, ("kite", ON, 0.6))  # noqa: E731
    result = calibrate(Data(*kites(12)), Scripted(answer), k=12)
    assert result.sequences == 11
    assert result.problems == ("kite-3: BackendError: no memory",)
    assert "11 of 12" in result.warnings[0]


def test_nothing_to_calibrate_on():
    with pytest.raises(ChatdescError, match="no sequence has a text"):
        calibrate(Data(*kites(2, visible=np.array([False, False]))), Scripted(leads))
    with pytest.raises(ChatdescError, match="no model"):
        calibrate(Data(*kites(2)), Scripted(lambda t: BackendError("no model")))


def test_where_nothing_finds_the_target_the_default_stays():
    result = calibrate(Data(*kites(12)), Scripted(lambda t: leads(t, ("kite", OFF, 0.6))), k=12)
    assert result.best == result.default == 0.3
    assert "no threshold" in result.warnings[0]


def test_on_synthetic_sequences(tmp_path):
    render(tmp_path, count=6, frames=2, seed=2)
    data = chatdesc.load("lasot", tmp_path)
    result = calibrate(data, create("grounder", "attributes"), k=4, seed=1)
    assert result.sequences == 4 and result.problems == ()
    assert 0 < result.at(result.best).f <= 1
    assert [p.kept for p in result.points] == sorted((p.kept for p in result.points), reverse=True)
    again = calibrate(data, create("grounder", "attributes"), k=4, seed=1, in_flight=1)
    assert again == result
