"""Frames counted without a look at each: the same counts as with care, tie by tie."""

import numpy as np
import pytest

from chatdesc.metrics import ope
from chatdesc.metrics.ope import measure_many, score_many
from chatdesc.metrics.passed import count_passed
from chatdesc.metrics.protocols import PROTOCOLS

USUAL = ("lasot", "tnl2k", "tnl2kpy", "otb", "pytracking", "ostrack")
LASOT = PROTOCOLS["lasot"]


def of(track, truth, rules=LASOT, seen=None):
    boxes = [np.array(one, float).T.copy() for one in (track, truth)]
    return count_passed(*boxes, seen, rules, np.zeros(len(track), np.intp), 1)


def test_counts_worked_out_by_hand():
    # A box of 20 x 20 moved by 10: a third is shared, 10 px off, half a width. By 30: nothing, 30 px, 1.5 widths.
    truth = [[100, 100, 20, 20]] * 3
    passed = of([[100, 100, 20, 20], [110, 100, 20, 20], [130, 100, 20, 20]], truth)
    assert passed.overlap[0].nonzero()[0].tolist() == [0, 7, 20]  # 0; 1/3 exceeds 0 to .30; 1 exceeds 0 to .95
    assert passed.error[0].nonzero()[0].tolist() == [0, 10, 30]
    assert passed.norm_error[0].nonzero()[0].tolist() == [
        0,
        50,
        51,
    ]  # of 51 thresholds .50 is the last, and not exceeded


def test_frames_without_a_true_box_and_without_a_target():
    track, truth = [[100, 100, 20, 20]] * 3, [[100, 100, 20, 20], [100, 100, 0, 20], [100, 100, 20, 20]]
    passed = of(track, truth, seen=np.array([True, True, False]))
    assert passed.overlap[0][[0, 20]].tolist() == [2, 1]
    assert passed.error[0][[0, 51]].tolist() == passed.norm_error[0][[0, 51]].tolist() == [2, 1]
    passed = of(track, truth, PROTOCOLS["ostrack"])
    assert passed.error[0][[0, 51]].tolist() == [2, 1] and passed.norm_error[0][[0, 51]].tolist() == [3, 0]


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf, 1e200])
@pytest.mark.parametrize("place", range(4))
def test_numbers_that_need_care(number, place):
    box, odd = [[100, 100, 20, 20]] * 2, [[100, 100, 20, 20], [100, 100, 20, 20]]
    odd[1][place] = number
    assert of(box, box) is not None
    assert of(odd, box) is None and of(box, odd) is None


def test_boxes_and_rules_that_need_care():
    box = [[100, 100, 20, 20]]
    assert of([[100, 100, 0, 20]], box) is None and of([[100, 100, 20, -1]], box) is None
    assert of([[0, 0, 1e-200, 1e-200]], [[0, 0, 1e-200, 1e-200]]) is None
    assert {name for name, rules in PROTOCOLS.items() if of(box, box, rules) is None} == PROTOCOLS.keys() - set(USUAL)


def made_up(seed, sequences=12):
    """Truths and tracks of whole and half pixels, which tie often, of decimals, and of boxes that are none."""
    rng = np.random.default_rng(seed)
    for number in range(sequences):
        frames = int(rng.integers(1, 400))
        truth = rng.integers(1, 60, (frames, 4)).astype(float)
        move = (
            rng.integers(-8, 9, truth.shape) / (2 if number % 3 else 1) if number % 2 else rng.normal(0, 4, truth.shape)
        )
        track = truth + move.round(number % 4)
        if number % 3 == 0:
            truth[rng.random(frames) < 0.1, int(rng.integers(4))] = 0
            track[rng.random(frames) < 0.1, int(rng.integers(4))] = [0, -3, np.nan][number % 9 // 3]
        yield track, truth, rng.random(frames) > 0.1 if number % 2 else None


@pytest.mark.parametrize("name", USUAL)
def test_the_same_counts_as_with_care(name, monkeypatch):
    made = list(zip(*(one for seed in range(8) for one in made_up(seed)), strict=True))
    quick = score_many(*made, PROTOCOLS[name])
    calls = []
    monkeypatch.setattr(ope, "count_passed", lambda *_: calls.append(1))
    slow = score_many(*made, PROTOCOLS[name])
    assert calls
    for one, other in zip(quick, slow, strict=True):
        if isinstance(one, ValueError):
            assert str(one) == str(other)
            continue
        for curve in ("success", "precision", "norm_precision"):
            assert getattr(one, curve).tolist() == getattr(other, curve).tolist()
        assert (one.frames, one.repaired, one.cut, one.lacking) == (
            other.frames,
            other.repaired,
            other.cut,
            other.lacking,
        )


@pytest.mark.parametrize("name", PROTOCOLS)
def test_measures_of_many_are_those_of_each(name):
    made = list(zip(*made_up(3, 40), strict=True))
    scores = [one for one in score_many(*made, PROTOCOLS[name]) if not isinstance(one, ValueError)]
    assert len(scores) > 1
    measures = ("auc", "precision_at_20", "norm_precision_at_20", "norm_precision_auc", "op50", "op75")
    assert measure_many(scores).tolist() == [[getattr(score, measure) for measure in measures] for score in scores]
