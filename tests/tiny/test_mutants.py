"""Deliberate wiring faults, one at a time: for each, the results of the shipped models must be lost.

A fault that no check notices is a check that is missing in ``checks``.
"""

from dataclasses import replace

import numpy as np
import pytest

from chatdesc import region, types
from chatdesc.backends import crop_encoder, grounding_dino, open_clip_model, transformers_vlm
from chatdesc.metrics.overlap import iou_matrix
from chatdesc.stages import align, describe, ground, reflect, track
from chatdesc.verification import answer
from tests.tiny import checks

SWAPPED = {"manual": "refined", "refined": "manual"}


def corner_sizes(boxes):
    """xywh -> x0 y0 x1 y1 in the same columns."""
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], 1)


def another_frame(frames, index):
    return types.FrameRef(frames, (index + len(frames) // 2) % len(frames))


def centre_size_taken_for_corners(put):
    put(grounding_dino, "corners", lambda boxes: boxes)


def corners_taken_for_sizes(put):
    own = grounding_dino.to_pixels
    put(grounding_dino, "to_pixels", lambda *given: corner_sizes(own(*given)))


def width_and_height_swapped(put):
    own = grounding_dino.to_pixels
    put(grounding_dino, "to_pixels", lambda boxes, width, height: own(boxes, height, width))


def matrix_transposed(put):
    own = grounding_dino.word_scores

    def scores(tokens, spans, words):
        made = own(tokens, spans, words)
        return np.ascontiguousarray(made.T).reshape(made.shape)

    put(grounding_dino, "word_scores", scores)


def word_offsets_shifted_by_a_token(put):
    own = grounding_dino.word_scores
    put(grounding_dino, "word_scores", lambda tokens, *rest: own(np.roll(tokens, 1, 1), *rest))


def sigmoid_twice(put):
    own = grounding_dino.word_scores
    put(grounding_dino, "word_scores", lambda tokens, *rest: own(1 / (1 + np.exp(-tokens)), *rest))


def groundings_given_to_the_wrong_requests(put):
    own = grounding_dino.GroundingDinoGrounder._forward
    put(grounding_dino.GroundingDinoGrounder, "_forward", lambda self, items: own(self, items)[::-1])


def positive_and_negative_words_swapped(put):
    own = ground.positive_negative
    put(ground, "positive_negative", lambda *given: own(*given)[::-1])


def overlap_in_another_convention(put):
    put(ground, "iou_matrix", lambda boxes, truth: iou_matrix(corner_sizes(boxes), truth))


def threshold_ignored(put):
    own = reflect.feedback
    put(reflect, "feedback", lambda grounding, box, theta, threshold, lead: own(grounding, box, theta, 0.0, lead))


def sign_of_the_margin(put):
    own = reflect.feedback

    def turned(*given):
        seen = own(*given)
        return replace(seen, margin=-seen.margin)

    put(reflect, "feedback", turned)


def last_round_in_place_of_the_best(put):
    put(reflect, "choose", lambda rounds, manual, keep: rounds[-1])


def first_round_in_place_of_the_best(put):
    put(reflect, "choose", lambda rounds, manual, keep: rounds[0])


def another_frame_grounded(put):
    put(reflect, "FrameRef", another_frame)


def feedback_left_out_of_the_prompt(put):
    own = describe.fill
    put(describe, "fill", lambda *parts, **values: own(*parts, **values | {"negative": "none", "ambiguous": ""}))


def positive_and_negative_swapped_in_the_prompt(put):
    own = describe.fill
    put(
        describe,
        "fill",
        lambda *parts, **v: own(*parts, **v | {"negative": v["positive"], "positive": v["negative"]}),
    )


def background_and_target_swapped(put):
    own = describe._fields

    def swapped(value):
        found = own(value)
        return (found[1][0], (found[0],)) if found and found[1] else found

    put(describe, "_fields", swapped)


def picture_without_the_box(put):
    put(region, "_boxed", lambda image, corners, max_pixels: region.downscale(image, max_pixels))


def box_drawn_in_another_convention(put):
    own = region._boxed
    put(region, "_boxed", lambda image, c, limit: own(image, (c[0], c[1], c[2] - c[0], c[3] - c[1]), limit))


def answers_given_to_the_wrong_requests(put):
    own = transformers_vlm.TransformersDescriber._say
    put(transformers_vlm.TransformersDescriber, "_say", lambda self, messages: own(self, messages)[::-1])


def red_and_blue_swapped(put):
    own = types.FrameRef.image
    put(types.FrameRef, "image", lambda self: own(self)[..., ::-1])


def pictures_mirrored(put):
    own = types.FrameRef.image
    put(types.FrameRef, "image", lambda self: own(self)[:, ::-1])


def crop_red_and_blue_swapped(put):
    own = crop_encoder.cut_out
    put(crop_encoder, "cut_out", lambda image, box: own(image[..., ::-1], box))


def crop_in_another_convention(put):
    own = crop_encoder.cut_out
    put(crop_encoder, "cut_out", lambda image, b: own(image, (b[0], b[1], max(b[2] - b[0], 1), max(b[3] - b[1], 1))))


def crop_from_another_frame(put):
    put(align, "FrameRef", another_frame)


def crop_normalised_twice(put):
    own = open_clip_model.OpenClipModel.encode_crops

    def again(self, tensors):
        import json

        import torch

        used = json.loads(self.facts["preprocessing"])
        mean, std = (torch.tensor(used[key])[:, None, None] for key in ("mean", "std"))
        return own(self, [(tensor - mean) / std for tensor in tensors])

    put(open_clip_model.OpenClipModel, "encode_crops", again)


def texts_given_to_the_wrong_vectors(put):
    own = open_clip_model.OpenClipModel.encode_texts
    put(open_clip_model.OpenClipModel, "encode_texts", lambda self, tokens: own(self, tokens)[::-1])


def manual_and_refined_swapped_in_scoring(put):
    own = align._score
    put(align, "_score", lambda encoder, name, *rest: own(encoder, SWAPPED[name], *rest))


def tracker_started_anew_on_the_wrong_box(put):
    own = track._decide

    def decide(evidence, choice, frame, settings, state):
        own(evidence, choice, frame, settings, state)
        if state.init is not None:
            state.init = evidence.previous

    put(track, "_decide", decide)


def worst_proposal_verified(put):
    put(answer, "last_best", lambda values: int(values.argmin()))


def key_frame_of_another_frame(put):
    put(track, "FrameRef", another_frame)


FIND = [checks.phrases_find_their_thing]
APART = [checks.lookalikes_are_told_apart]
WORDS = [checks.words_score_on_what_bears_them]
ABSENT = [checks.absent_things_are_not_found]
SAY = [checks.descriptions_are_true]
DROP = [checks.reflection_drops_what_led_elsewhere]
RANK = [checks.the_right_description_ranks_first]
BETTER = [checks.reflection_finds_better_texts]
CHOOSE = [checks.the_best_text_is_chosen]
JUDGE = [checks.clip_prefers_refined_texts]
BACK = [checks.words_bring_a_lost_tracker_back]

MUTANTS = {
    centre_size_taken_for_corners: FIND,
    corners_taken_for_sizes: FIND,
    width_and_height_swapped: FIND,
    matrix_transposed: FIND + WORDS,
    word_offsets_shifted_by_a_token: WORDS,
    sigmoid_twice: ABSENT + BETTER,
    groundings_given_to_the_wrong_requests: FIND,
    positive_and_negative_words_swapped: BETTER,
    overlap_in_another_convention: BETTER,
    threshold_ignored: ABSENT,
    sign_of_the_margin: BETTER,
    last_round_in_place_of_the_best: CHOOSE,
    first_round_in_place_of_the_best: BETTER,
    another_frame_grounded: BETTER,
    feedback_left_out_of_the_prompt: DROP + BETTER,
    positive_and_negative_swapped_in_the_prompt: DROP,
    background_and_target_swapped: SAY,
    picture_without_the_box: SAY + BETTER,
    box_drawn_in_another_convention: SAY + BETTER,
    answers_given_to_the_wrong_requests: SAY,
    red_and_blue_swapped: SAY,
    pictures_mirrored: APART,
    crop_red_and_blue_swapped: RANK,
    crop_in_another_convention: RANK,
    crop_from_another_frame: JUDGE,
    crop_normalised_twice: RANK,
    texts_given_to_the_wrong_vectors: RANK,
    manual_and_refined_swapped_in_scoring: JUDGE,
    tracker_started_anew_on_the_wrong_box: BACK,
    worst_proposal_verified: BACK,
    key_frame_of_another_frame: BACK,
}


def lost(check):
    """Whether a result is lost; a crash counts, for nobody would overlook it."""
    try:
        check()
    except Exception:
        return True
    return False


@pytest.fixture(autouse=True)
def _nothing_remembered():
    """The encoder keeps the vectors of texts, right ones and those of a mutant."""
    checks.backend("encoder")._known.clear()
    yield
    checks.backend("encoder")._known.clear()


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_a_wiring_fault_is_noticed(mutant, monkeypatch):
    mutant(monkeypatch.setattr)
    assert any(lost(check) for check in MUTANTS[mutant]), "no check notices this fault"
