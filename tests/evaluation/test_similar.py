"""Similar-object frames, by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatdesc.config import Settings
from chatdesc.evaluation.arm_rows import keep_track
from chatdesc.evaluation.compare import scored
from chatdesc.evaluation.results import ResultFolder
from chatdesc.evaluation.similar import (
    found_by,
    frames_of_rows,
    is_similar,
    looked_at,
    scored_on,
    similar_frames,
)
from chatdesc.evaluation.truths import Truth
from chatdesc.metrics.protocols import PROTOCOLS
from chatdesc.stages.track import Phrase
from tests.makers.sequences import drive, leads, sequence_of

HERE, THERE = [10, 10, 20, 20], [40, 20, 20, 20]


def key_frame(frame, target, other):
    return {"frame": frame, "target": target, "other": other}


def test_the_best_on_the_target_and_the_best_elsewhere():
    boxes = np.float32([HERE, [12, 10, 20, 20], THERE, [60, 40, 9, 9]])
    scores = np.float32([0.5, 0.75, 0.25, 0.375])
    truth = np.float32(HERE)
    assert found_by(boxes, scores, truth, 20, 0.3) == key_frame(20, 0.75, 0.375)
    assert found_by(boxes[2:], scores[2:], truth, 20, 0.3) == key_frame(20, None, 0.375)
    assert found_by(boxes[:2], scores[:2], truth, 20, 0.3) == key_frame(20, 0.75, None)
    assert found_by(boxes, scores, None, 20, 0.3) == found_by(boxes[:0], scores[:0], truth, 20, 0.3)


@pytest.mark.parametrize(
    ("target", "other", "similar"),
    [(0.5, 0.25, True), (0.5, 0.2, False), (0.5, 0.9, True), (None, 0.9, False), (0.5, None, False)],
)
def test_similar_is_within_the_margin_where_the_words_find_both(target, other, similar):
    assert is_similar(key_frame(4, target, other), 0.25) is similar


def test_a_key_frame_speaks_up_to_the_next_and_for_none_before_it():
    one, other = [key_frame(4, 0.5, 0.5), key_frame(8, 0.5, 0.1)], [key_frame(12, 0.5, 0.45)]
    assert similar_frames([one], 14, 4, 0.1).nonzero()[0].tolist() == [4, 5, 6, 7]
    assert similar_frames([one, other], 14, 4, 0.1).nonzero()[0].tolist() == [4, 5, 6, 7, 12, 13]
    assert not similar_frames([], 14, 4, 0.1).any()


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=5), st.floats(0, 0.5), st.floats(0, 0.5))
def test_a_wider_margin_finds_no_fewer_frames(found, margin, more):
    records = [[key_frame(4 * (i + 1), *scores) for i, scores in enumerate(found)]]
    narrow, wide = (similar_frames(records, 30, 4, m) for m in (margin, margin + more))
    assert (wide | narrow).tolist() == wide.tolist()


def test_words_whose_track_is_known_are_looked_at_on_every_key_frame_where_the_target_is_visible():
    sequence = sequence_of(14, HERE, visible=np.arange(14) != 8)
    words = (Phrase(0, "kite"), Phrase(8, "red kite"))

    def ground(request):
        return leads(request.text, ("kite", HERE, 0.75), ("kite", THERE, 0.5))

    found, asked = drive(looked_at(sequence, words, Settings(ground_every=4), 0.3), ground)
    assert found == [key_frame(4, 0.75, 0.5), key_frame(8, None, None), key_frame(12, 0.75, 0.5)]
    assert [(r.frame.index, r.text) for [r] in asked] == [(4, "kite"), (8, "red kite"), (12, "red kite")]


def row(name, **arms):
    return {"sequence": name, "arms": {arm: {"key_frames": found} for arm, found in arms.items()}}


def test_frames_and_scores_by_hand(tmp_path):
    """Ten frames of which 4 to 7 are similar: one arm is on the target there in three frames, the other in none."""
    truth = np.tile([100.0, 100, 20, 20], (10, 1))
    truths = {"a": Truth(truth, None), "b": Truth(truth, np.arange(10) != 5)}
    far = truth + np.array([400, 0, 0, 0])
    for name in "ab":
        keep_track(tmp_path, "good", name, np.where((np.arange(10) == 4)[:, None], far, truth).tolist())
        keep_track(tmp_path, "bad", name, np.where((np.arange(10) >= 4)[:, None], far, truth).tolist())
    rows = [
        row("a", good=[key_frame(4, 0.5, 0.5)], other=[key_frame(8, 0.5, 0.5)]),
        row("b", good=[key_frame(8, 0.5, 0.3)]),
        row("elsewhere", good=[key_frame(4, 0.5, 0.5)]),
    ]
    frames = frames_of_rows(rows, truths, ["good", "bad"], 4, 0.1)
    assert {name: mask.nonzero()[0].tolist() for name, mask in frames.items()} == {"a": [4, 5, 6, 7]}
    folders = {arm: ResultFolder("", str(tmp_path / "tracks" / arm)) for arm in ("good", "bad")}
    arms = scored(folders, truths, "lasot", PROTOCOLS["lasot"])
    alike = scored_on(frames, arms, tmp_path, truths, "lasot")
    assert {arm: [line.sequence for line in of.lines] for arm, of in alike.items()} == {"good": ["a"], "bad": ["a"]}
    assert [alike[arm].lines[0].score.precision_at_20 for arm in ("good", "bad")] == [0.75, 0]
    assert arms["good"].lines[0].score.precision_at_20 == 0.9  # on all frames the first one is given
