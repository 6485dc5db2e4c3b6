"""Figures of samples of sequences: those of the key frames in the sample, and intervals that hold what is true."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatdesc.evaluation.resampled import Drawn, figure_differences, samples, sequences_about
from chatdesc.evaluation.same_proposals import MEASURES
from chatdesc.verification.figures import Judged


def some_judged(rng, count):
    """Key frames of which a quarter show no target."""
    ious = rng.uniform(0, 1, (3, count))
    low, chosen, high = np.sort(ious, 0)
    visible = rng.random(count) > 0.25
    parts = [np.where(visible, part, 0.0) for part in (chosen, low, high, rng.uniform(0, high))]
    doubt = np.round(rng.random(count), 1)
    return Judged(*parts, visible, doubt, doubt < 0.5)


def plainly(judged):
    """The figures as ``Judged`` itself has them."""
    lost = judged.share(judged.lost)
    return judged.iou(), judged.share(), lost, judged.none_auc(), judged.balanced(), judged.calibration()


@given(st.integers(0, 10_000), st.integers(1, 30), st.integers(1, 5))
def test_a_sample_has_the_figures_of_its_key_frames(seed, count, of):
    rng = np.random.default_rng(seed)
    judged, sequences = some_judged(rng, count), rng.integers(0, of, count).astype(str)
    names = np.unique(sequences)
    counts = rng.integers(0, 3, (2, len(names)))
    drawn = Drawn.of(judged, sequences, np.vstack([np.ones(len(names), int), counts]))
    for k, times in enumerate([np.ones(len(names), int), *counts]):
        rows = np.concatenate([np.tile(np.flatnonzero(sequences == n), t) for n, t in zip(names, times, strict=True)])
        if len(rows):
            wanted = plainly(judged.rows(rows.astype(int)))
            np.testing.assert_allclose([getattr(drawn, m)[k] for m in MEASURES], wanted, atol=1e-9)


def two(gain, count):
    """A verifier, and one that chooses better by ``gain`` in each of ``count`` sequences of two key frames."""
    rng = np.random.default_rng(3)
    floor, best = np.full(2 * count, 0.2), np.full(2 * count, 1.0)
    chosen = rng.uniform(0.3, 0.5, 2 * count)
    visible, doubt = np.ones(2 * count, bool), np.zeros(2 * count)
    judged = [Judged(c, floor, best, floor, visible, doubt, visible) for c in (chosen, chosen + gain)]
    return (*judged, np.repeat([f"s{k}" for k in range(count)], 2))


def differences(before, after, sequences, measures):
    drawn = [Drawn.of(judged, sequences, samples(sequences)) for judged in (before, after)]
    return figure_differences(*drawn, measures, sequences_about(after, sequences))


def test_a_difference_is_that_of_the_figures():
    """A gain of .04 in IoU is one of .05 in the share, as the gap is .8 everywhere; all key frames are lost."""
    gain = np.tile([0.02, 0.06], 20)
    rows = {row["measure"]: row for row in differences(*two(gain, 20), MEASURES)}
    assert [rows[m]["difference"] for m in ("IoU", "share", "lost")] == pytest.approx([0.04, 0.05, 0.05])
    assert rows["IoU"]["low"] is None  # all sequences gain the same, so nothing is known of others
    assert rows["none_auc"] == {"measure": "none_auc", "pairs": 0, "difference": None, "low": None, "high": None}


def test_the_interval_is_about_as_wide_as_the_standard_error_says():
    gain = np.repeat(np.random.default_rng(5).normal(0.04, 0.03, 40), 2)
    [row] = differences(*two(gain, 40), ("IoU",))
    half = 1.96 * gain[::2].std(ddof=1) / np.sqrt(40)
    assert (row["high"] - row["low"]) / 2 == pytest.approx(half, rel=0.15)
    assert row["low"] < row["difference"] < row["high"] and row["pairs"] == 40


def test_few_sequences_have_no_interval():
    [row] = differences(*two(np.linspace(0, 0.1, 18), 9), ("IoU",))
    assert (row["pairs"], row["low"], row["high"]) == (9, None, None)


def test_where_lost_counts_the_sequences_in_which_the_tracker_is_lost():
    before, after, sequences = two(np.linspace(0, 0.1, 40), 20)
    found = np.where(np.arange(40) < 6, 0.2, 0.9)
    before, after = (Judged(j.chosen, j.mean, j.best, found, j.visible, j.doubt, j.sure) for j in (before, after))
    [row] = differences(before, after, sequences, ("lost",))
    assert (row["pairs"], row["low"]) == (3, None)
