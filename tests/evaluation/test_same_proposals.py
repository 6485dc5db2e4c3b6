"""Verifiers on the same key frames: who sees the truth, what counts once, tables by verifier and by attribute."""

import numpy as np
import pytest

from chatdesc.backends import create
from chatdesc.evaluation.same_proposals import attribute_rows, choice_difference_rows, choice_rows, judge, once
from chatdesc.evidence import Choice
from chatdesc.types import BackendError
from chatdesc.verification.recorded import Seen
from tests.makers.evidence import HERE, THERE, evidence


class Told:
    """A verifier that keeps what it was asked, and takes the proposal ``index``."""

    max_batch, workers = 2, 1

    def __init__(self, index=0, doubt=0.2, fails=False):
        self.index, self.doubt, self.fails, self.calls = index, doubt, fails, []

    def choose(self, requests):
        self.calls.append(requests)
        return [BackendError("no memory") if self.fails else Choice(self.index, doubt=self.doubt) for _ in requests]


def frames():
    """One key frame where the tracker is lost, two where it is right, one without the target."""
    lost = evidence([THERE, HERE], truth=THERE, seed=1)
    right = evidence([THERE, HERE], truth=HERE, seed=2)
    return [("a", lost), ("a", right), ("b", right), ("b", evidence([THERE, HERE], seed=3))]


def test_only_the_oracle_is_shown_the_truth_and_batches_are_kept():
    verifiers = {"oracle": Told(), "mine": Told()}
    judge(frames(), verifiers)
    for name, told in verifiers.items():
        assert [len(call) for call in told.calls] == [2, 2]
        shown = [request.evidence.truth is not None for call in told.calls for request in call]
        assert shown == ([True, True, True, False] if name == "oracle" else [False] * 4)


def test_progress_is_told_for_each_verifier():
    told = []
    judge(frames(), {"a": Told(), "b": Told()}, lambda *what: told.append(what))
    assert told == [(0, 8, ""), (4, 8, "same proposals: a"), (8, 8, "same proposals: b")]


def test_figures_worked_out_by_hand():
    """The first proposal is right in one of three key frames, the tracker's in two; chance has a half of each."""
    same = judge(frames(), {"first": Told(0), "own": Told(None), "oracle": create("verifier", "oracle")})
    first, own, oracle = choice_rows(same)
    assert [first[k] for k in ("key_frames", "IoU", "share", "lost")] == pytest.approx([4, 1 / 3, -1 / 3, 1])
    assert [own[k] for k in ("IoU", "share", "lost")] == pytest.approx([2 / 3, 1 / 3, -1])
    assert [oracle[k] for k in ("IoU", "share", "none_auc", "calibration")] == [1, 1, None, None]
    assert (first["none_auc"], first["balanced"]) == (0.5, 0.5)  # the same doubt, and sure, everywhere
    assert first["calibration"] == pytest.approx(abs(0.25 - 0.2))


def test_a_verifier_that_fails_is_an_error():
    with pytest.raises(BackendError, match="no memory"):
        judge(frames(), {"mine": Told(fails=True)})


def test_what_several_arms_met_in_the_same_state_counts_once():
    first, later = evidence([THERE, HERE], since=4), evidence([THERE, HERE], since=8)
    seen = [("a", Seen(4, first, Choice(0))), ("a", Seen(4, first, Choice(1))), ("b", Seen(4, first, Choice(0)))]
    seen += [("a", Seen(8, first, Choice(0))), ("a", Seen(8, later, Choice(0)))]
    assert [name for name, _ in once(seen)] == ["a", "b", "a", "a"]


def test_references_are_not_compared_by_their_doubt():
    same = judge(frames(), {"random": create("verifier", "random"), "mine": Told(), "other": Told(1)})
    rows = choice_difference_rows(same, [("random", "mine"), ("other", "mine")])
    by = {(row["before"], row["measure"]) for row in rows}
    assert ("random", "share") in by and ("random", "none_auc") not in by and ("other", "none_auc") in by


def test_by_attribute_every_arm_has_its_auc_and_its_figures():
    same = judge(frames(), {"mine": Told(0), "oracle": create("verifier", "oracle")})
    aucs = {"OV": {"no-text": 0.5, "mine": 0.6}, "POC": {"no-text": None, "mine": None}}
    rows = attribute_rows(same, {"OV": {"a"}, "POC": {"c"}}, aucs)
    assert [(r["attribute"], r["arm"], r["AUC"]) for r in rows][:2] == [("OV", "no-text", 0.5), ("OV", "mine", 0.6)]
    alone, mine, _, nothing = rows
    assert (alone["IoU"], alone["key_frames"], mine["IoU"], mine["lost"]) == (None, 0, 0.5, 1)
    assert (nothing["key_frames"], nothing["IoU"]) == (0, None)
    assert len({tuple(row) for row in rows}) == 1
    np.testing.assert_array_equal(same.of({"b"}).sequences, ["b", "b"])
