import numpy as np
import pytest

from chatdesc.backends import create
from chatdesc.stages.ground import feedback
from chatdesc.types import FrameRef, Ground, Word
from tests.makers.grounders import annotate, build
from tests.makers.sequences import frames_of

SIZES = ((96, 128), (128, 96), (96, 128))
TEXTS = ("red circle", "The large BLUE square on the left of the dog", "green car . red object", "dog", "...")


@pytest.fixture(scope="module", params=["sam3", "sam3-video"])
def grounder(request, tmp_path_factory):
    folder = build(request.param, tmp_path_factory.mktemp("models") / request.param)
    return create("grounder", f"sam3:{folder}", device="cpu", batch_size=2)


@pytest.fixture(scope="module")
def video():
    rng = np.random.default_rng(0)
    return [frames_of([rng.integers(0, 255, (*size, 3), dtype=np.uint8)]) for size in SIZES]


def theirs(grounder, image, phrase):
    """Boxes xywh and scores as transformers' own path gives them."""
    import torch

    loaded = grounder.loaded
    inputs = loaded.processor(images=image.copy(), text=phrase, return_tensors="pt")
    with torch.inference_mode():
        outputs = loaded.model(**{k: inputs[k] for k in ("pixel_values", "input_ids", "attention_mask")})
    sizes = [image.shape[:2]]
    found = loaded.processor.post_process_object_detection(outputs, threshold=0.0, target_sizes=sizes)[0]
    boxes = found["boxes"].numpy()
    return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], 1), found["scores"].numpy()


@pytest.mark.parametrize("which", [0, 1])
def test_boxes_and_scores_are_those_of_transformers(grounder, video, which):
    boxes, scores = theirs(grounder, video[which][0], "red circle")
    order = np.argsort(-scores, kind="stable")
    [found] = grounder.ground([Ground(FrameRef(video[which], 0), "Red Circle")])
    assert found.words == (Word("Red Circle", 0, 10),)
    np.testing.assert_allclose(found.scores[:, 0], scores[order], atol=1e-5)
    np.testing.assert_allclose(found.boxes, boxes[order], atol=1e-2)


def test_phrases_are_asked_for_one_by_one(grounder, video):
    parts = [theirs(grounder, video[0][0], phrase)[1] for phrase in ("green car", "red object")]
    [found] = grounder.ground([Ground(FrameRef(video[0], 0), "green car . red object")])
    assert found.words == (Word("green car", 0, 9), Word("red object", 12, 22))
    np.testing.assert_allclose(found.scores.max(1), -np.sort(-np.concatenate(parts)), atol=1e-5)
    for column, scores in enumerate(parts):
        own = found.scores[:, column]
        np.testing.assert_allclose(own[own > 0], -np.sort(-scores), atol=1e-5)
    said = feedback(found, found.boxes[0], theta=0.3, threshold=0.0)
    assert said.positive == said.negative == ()


def test_batches_change_nothing(grounder, video):
    requests = [Ground(FrameRef(frames, 0), text) for text in TEXTS for frames in video]
    together = grounder.ground(requests)
    for request, one in zip(requests, together, strict=True):
        [alone] = grounder.ground([request])
        np.testing.assert_allclose(one.boxes, alone.boxes, atol=1e-3)
        np.testing.assert_allclose(one.scores, alone.scores, atol=1e-4)
        assert bool(len(one.boxes)) == (request.text != "...")


def test_long_texts_are_cut(grounder, video):
    texts = ["a red dog on the left " * 40, "a red dog"]
    found, short = grounder.ground([Ground(FrameRef(video[0], 0), text) for text in texts])
    assert len(found.boxes) and found.scores.shape[1] == 1 and (found.truncated, short.truncated) == (True, False)


def test_each_picture_is_encoded_once(grounder, video, monkeypatch):
    model, seen = grounder.loaded.model, []
    look = model.get_vision_features
    monkeypatch.setattr(model, "get_vision_features", lambda **k: seen.append(len(k["pixel_values"])) or look(**k))
    grounder.ground([Ground(FrameRef(video[0], 0), t) for t in ("red dog", "red car")])
    assert seen == [1]


def test_feedback_has_no_words(grounder, video):
    [found] = grounder.ground([Ground(FrameRef(video[0], 0), "red circle")])
    said = feedback(found, found.boxes[0], theta=0.3, threshold=0.0)
    assert said.iou == pytest.approx(1) and said.proposals == len(found.boxes)
    assert said.positive == said.negative == ()


def test_a_whole_run(tmp_path):
    rows = annotate("sam3", build("sam3", tmp_path / "tiny"), tmp_path)
    assert [row["problems"] for row in rows] == [[], []]
    for row in rows:
        assert row["grounding"]["grounder"] == "sam3:tiny"
        assert not any(one["positive"] or one["negative"] for one in row["rounds"])
        assert any(one["iou"] for one in row["rounds"])
