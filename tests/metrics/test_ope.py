import csv
import importlib.util

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatdesc.metrics.ope import LASOT, PROTOCOLS, curve_above, curve_within, mean_score, score_many, score_sequence
from tests.makers.results import measures

TRUTH = np.tile([[100.0, 100.0, 20.0, 20.0]], (4, 1))


def moved(*offsets):
    """The true boxes, each moved to the right by so many pixels."""
    boxes = TRUTH[: len(offsets)].copy()
    boxes[:, 0] += offsets
    return boxes


def test_a_track_by_hand():
    # Moved by 5: 15 of 25 px are shared, IoU 300 / 500 = 0.6. By 10: 1/3. By 30: none, 30 px off, 1.5 widths.
    score = score_sequence(moved(0, 5, 10, 30), TRUTH)
    exceeded = [21 - 1, 12, 7, 0]  # thresholds 0, .05 .. that 1, .6, 1/3 and 0 exceed; .6 itself is a near tie
    assert score.auc == pytest.approx(sum(exceeded) / 4 / 21)
    assert score.precision_at_20 == 3 / 4
    assert score.norm_precision_at_20 == 1 / 4  # 0, .25, .5, 1.5 widths
    assert score.norm_precision[50] == 3 / 4  # half a width is within 0.5
    assert (score.op50, score.op75) == (2 / 4, 1 / 4)
    assert (score.protocol, score.frames) == ("lasot", 4)


def test_thresholds_are_strict_for_overlap_and_not_for_errors():
    assert curve_above([0.5, 0.0, np.nan], np.array([0, 0.5]), 3).tolist() == [1 / 3, 0]
    assert curve_within([20.0, 21.0, np.nan], np.array([20.0]), 3).tolist() == [1 / 3]


@given(
    st.sampled_from(sorted(PROTOCOLS)),
    st.lists(st.floats(-2, 130, width=32) | st.just(np.nan), max_size=30),
    st.booleans(),
)
def test_curves_count_as_comparisons_do(name, values, reached):
    """Values on thresholds, beside them by one step of a float, and anywhere."""
    rules = PROTOCOLS[name]
    for thresholds in (rules.success_thresholds, rules.precision_thresholds, rules.norm_thresholds):
        near = [np.nextafter(thresholds, d) for d in (-np.inf, np.inf)]
        data = np.concatenate([thresholds, *near, [np.inf, -1.0], np.array(values, np.float64)])
        over = data[:, None] >= thresholds if reached else data[:, None] > thresholds
        finite = data[~np.isinf(data)]  # no overlap is infinite
        over = over[~np.isinf(data)]
        assert curve_above(finite, thresholds, 7, reached).tolist() == (over.sum(0) / 7).tolist()
        assert curve_within(data, thresholds, 7).tolist() == ((data[:, None] <= thresholds).sum(0) / 7).tolist()


def curves(score):
    return (score.success.tolist(), score.precision.tolist(), score.norm_precision.tolist(), score.frames,
            score.repaired, score.cut, score.lacking)  # fmt: skip


@pytest.mark.parametrize("name", PROTOCOLS)
def test_tracks_do_not_touch_one_another(name, monkeypatch):
    """Scored together, in blocks of any size: the same as alone, and errors stay with their track."""
    rng = np.random.default_rng(1)
    truths = [TRUTH[:1] + rng.normal(0, 2, (n, 4)) for n in (5, 3, 9, 4, 6, 8)]
    tracks = [truth + rng.normal(0, 2, truth.shape) for truth in truths]
    tracks[0][:2] = np.nan  # nothing good before them
    tracks[1][1:, 2] = 0
    tracks[2] = np.concatenate([tracks[2], tracks[2]])
    tracks[3] = tracks[3][:2]
    tracks[4][[0, 3], 3] = -4
    truths[5][2] = np.nan
    seen = [None if i % 2 else rng.random(len(t)) > 0.3 for i, t in enumerate(truths)]
    alone = []
    for of in zip(tracks, truths, seen, strict=True):
        try:
            alone.append(curves(score_sequence(*of, PROTOCOLS[name])))
        except ValueError as error:
            alone.append(str(error))
    for block in (1, 7, 1000):
        monkeypatch.setattr("chatdesc.metrics.ope.BLOCK", block)
        together = score_many([np.asfortranarray(t) for t in tracks], truths, seen, PROTOCOLS[name])
        assert [str(s) if isinstance(s, ValueError) else curves(s) for s in together] == alone
    assert sum(not isinstance(s, str) for s in alone) >= 2


def test_absent_frames_are_misses():
    score = score_sequence(TRUTH, TRUTH, visible=[True, True, False, False])
    assert score.auc == pytest.approx(0.5 * 20 / 21)
    assert score.precision_at_20 == score.norm_precision_at_20 == 0.5


def test_a_visible_frame_with_a_bad_true_box_hits_in_error_and_misses_in_overlap():
    truth = TRUTH.copy()
    truth[3] = [1, 1, 0, 0]
    score = score_sequence(TRUTH, truth)
    assert score.success[0] == 3 / 4
    assert score.precision_at_20 == score.norm_precision_at_20 == 1


def test_an_empty_box_takes_the_one_before_it():
    track = moved(0, 5, 0, 0)
    track[2] = np.nan
    track[3, 2] = 0
    score = score_sequence(track, TRUTH)
    assert score.repaired == 2
    assert score.success.tolist() == score_sequence(moved(0, 5, 5, 5), TRUTH).success.tolist()


def test_an_unusable_first_box_spreads_but_is_not_repaired():
    track = np.concatenate([np.full((2, 4), np.nan), TRUTH[2:]])
    score = score_sequence(track, TRUTH)
    assert score.repaired == 1
    assert score.success[0] == 3 / 4  # the first is given, the second is still nothing


def test_a_row_that_is_partly_nan_is_a_miss():
    track = TRUTH.copy()
    track[2, 0] = np.nan
    score = score_sequence(track, TRUTH)
    assert (score.repaired, score.success[0], score.precision_at_20) == (0, 3 / 4, 3 / 4)


@pytest.mark.parametrize(("empty", "place"), [(2, 2), (2, 3), (3, 2), (3, 3)])
def test_an_empty_box_takes_the_one_before_it_whatever_is_nan_elsewhere(empty, place):
    track = moved(0, 5, 0, 0)
    track[2, empty] = 0
    track[3, place] = np.nan
    score = score_sequence(track, TRUTH)
    alone = moved(0, 5, 5, 0)
    alone[3, place] = np.nan
    assert score.repaired == 1
    assert score.success.tolist() == score_sequence(alone, TRUTH).success.tolist()


def test_the_first_box_is_given_and_surplus_rows_are_cut():
    score = score_sequence(np.concatenate([moved(80), TRUTH[1:], TRUTH[:3]]), TRUTH)
    assert score.auc == pytest.approx(20 / 21)
    assert score.cut == 3


def test_lengths_must_fit():
    with pytest.raises(ValueError, match="3 boxes for 4 frames"):
        score_sequence(TRUTH[:3], TRUTH)
    with pytest.raises(ValueError, match="2 visibility flags for 4 frames"):
        score_sequence(TRUTH, TRUTH, visible=[True, True])
    with pytest.raises(ValueError, match="no frame"):
        score_sequence(np.zeros((0, 4)), np.zeros((0, 4)))


def test_the_mean_weighs_sequences_alike_and_leaves_out_the_hopeless():
    perfect, nothing = score_sequence(TRUTH, TRUTH), score_sequence(TRUTH[:1], TRUTH[:1], visible=[False])
    half = score_sequence(moved(0, 80), TRUTH[:2])
    overall = mean_score([perfect, half, nothing])
    assert overall.precision_at_20 == (1 + 0.5) / 2
    assert overall.frames == 7
    with pytest.raises(ValueError, match="no sequence"):
        mean_score([])


@given(st.lists(st.tuples(*[st.floats(-50, 300)] * 4), min_size=4, max_size=4))
def test_curves_are_shares_and_monotone(track):
    score = score_sequence(track, TRUTH)
    for curve, order in ((score.success, -1), (score.precision, 1), (score.norm_precision, 1)):
        assert ((curve >= 0) & (curve <= 1)).all()
        assert (np.diff(curve) * order >= 0).all()


@pytest.fixture(scope="module")
def lasot(shared_data):
    """What makes predictions, and per sequence of the test split: index, name, boxes, absence."""
    golden = shared_data / "golden"
    spec = importlib.util.spec_from_file_location("make_predictions", golden / "make_predictions.py")
    maker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    data = []
    for index, name in enumerate((golden / "lasot_testing_set.txt").read_text().split()):
        folder = shared_data / "lasot_annos" / name.rsplit("-", 1)[0] / name
        boxes, absent = (maker.load_rows(folder / f) for f in ("groundtruth.txt", "absent.toolkit.txt"))
        data.append((index, name, boxes, absent.ravel()))
    return maker.make, data, golden / "official_lasot_octave"


def official(folder, file, tracker):
    with open(folder / file, newline="") as lines:
        return [row for row in csv.DictReader(lines) if row["tracker"] == tracker]


@pytest.mark.parametrize(("tracker", "step"), [("t4_intbox", 1), ("e1_nan", 5), ("t5_zero", 9), ("e5_static", 3)])
def test_equals_the_official_toolkit(lasot, tracker, step):
    make, data, folder = lasot
    expected = {row["sequence"]: row for row in official(folder, "per_sequence.csv", tracker)}
    scores = []
    for index, name, boxes, absent in data[::step]:
        scores.append(score_sequence(make(tracker, name, index, boxes, absent), boxes, absent != 1))
        for measure, value in measures(scores[-1]).items():
            assert value == pytest.approx(float(expected[name][measure]), abs=1e-12), (name, measure)
    if step == 1:
        overall = official(folder, "overall.csv", tracker)[0]
        for measure, value in measures(mean_score(scores, LASOT)).items():
            assert value == pytest.approx(float(overall[measure]), abs=1e-12), measure
