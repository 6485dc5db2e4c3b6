import numpy as np
import pytest

from chatdesc.backends import create
from chatdesc.backends.word_queries import queries, share_out
from chatdesc.metrics.overlap import iou_matrix
from chatdesc.types import FrameRef, Ground, split_words
from tests.makers.grounders import annotate, build
from tests.makers.sequences import frames_of

FAMILIES = ("owlv2", "omdet-turbo")
TEXTS = ("red circle", "The large BLUE square, on the left of a dog", "green car . red object . a dog", "?", "the of")
SIZES = ((96, 128), (128, 96), (96, 128), (60, 200))


@pytest.fixture(scope="module", params=FAMILIES)
def grounder(request, tmp_path_factory):
    folder = build(request.param, tmp_path_factory.mktemp("models") / request.param)
    return create("grounder", f"{request.param}:{folder}", device="cpu", batch_size=5)


@pytest.fixture(scope="module")
def video():
    rng = np.random.default_rng(0)
    return [frames_of([rng.integers(0, 255, (*size, 3), dtype=np.uint8)]) for size in SIZES]


def test_queries_of_a_phrase():
    asked = queries("The Red kite of the red dog")
    assert asked.texts == ("the red kite of the red dog", "red", "kite", "dog")
    assert [w.text for w in asked.words] == ["The", "Red", "kite", "of", "the", "red", "dog"]
    assert asked.phrase == (0,) * 7
    assert asked.alone == (None, 1, 2, None, None, 1, 3)


def test_queries_of_several_phrases():
    asked = queries(" red kite . a dog. red?")
    assert asked.texts == ("red kite", "red", "kite", "a dog", "dog")
    assert asked.phrase == (0, 0, 3, 3, 1)
    assert asked.alone == (1, 2, None, 4, 1)


def test_a_phrase_of_small_words_speaks_all_the_same():
    assert queries("of the").alone == (1, 2)


def test_a_phrase_shares_its_score_out():
    # queries: "the red kite", "red", "kite", "dog"
    asked = queries("the red kite. dog")
    scores = np.array([[0.8, 0.1, 0.4, 0.3], [0.2, 0.02, 0.01, 0.6], [0.5, 0.0, 0.0, 0.0]])
    shared = share_out(scores, asked)
    np.testing.assert_allclose(shared, [[0, 0.2, 0.8, 0.3], [0, 0.2, 0.1, 0.6], [0, 0, 0, 0]], atol=1e-6)
    assert shared.dtype == np.float32


def theirs(grounder, image, text):
    """Boxes xywh and scores of queries as transformers' own path gives them."""
    import torch

    loaded, asked = grounder.loaded, queries(text)
    more = {} if grounder.family == "owlv2" else {"task": f"Detect {', '.join(asked.texts)}."}
    lengths = {"owlv2": 16, "omdet-turbo": 77}
    inputs = loaded.processor(
        images=image.copy(), text=[list(asked.texts)], return_tensors="pt",
        text_kwargs={"padding": "max_length", "truncation": True, "max_length": lengths[grounder.family]}, **more,
    )  # fmt: skip
    with torch.inference_mode():
        outputs = loaded.model(**inputs)
    logits = outputs.logits if grounder.family == "owlv2" else outputs.decoder_class_logits
    return outputs, share_out(logits[0].sigmoid().numpy(), asked)


def converted(grounder, outputs, size):
    """Corners as transformers' post-processing gives them, without its suppression."""
    loaded = grounder.loaded
    if grounder.family == "owlv2":
        post = loaded.processor.post_process_grounded_object_detection
        return post(outputs, threshold=0.0, target_sizes=[size])[0]["boxes"].numpy()
    from transformers.image_transforms import center_to_corners_format

    return center_to_corners_format(outputs.decoder_coord_logits[0]).numpy() * np.array([size[1], size[0]] * 2)


@pytest.mark.parametrize("which", range(len(SIZES)))
def test_boxes_and_scores_are_those_of_transformers(grounder, video, which):
    text, image = "the large blue square. red dog", video[which][0]
    outputs, scores = theirs(grounder, image, text)
    boxes = converted(grounder, outputs, image.shape[:2])
    size = np.array([image.shape[1], image.shape[0]] * 2)
    boxes = np.clip(boxes, 0, size)
    boxes[:, 2:] -= boxes[:, :2]
    [found] = grounder.ground([Ground(FrameRef(video[which], 0), text)])
    assert len(found.boxes)
    for box, row in zip(found.boxes, found.scores, strict=True):
        near = np.abs(boxes - box).max(1) < 1e-2
        assert np.abs(scores[near] - row).max(1).min() < 1e-4
    best = scores[(boxes[:, 2:] >= 1).all(1)].max()
    assert found.scores[0].max() == pytest.approx(best, abs=1e-5)


def test_batches_change_nothing(grounder, video):
    requests = [Ground(FrameRef(frames, 0), text) for frames in video for text in TEXTS]
    together = grounder.ground(requests)
    for request, one in zip(requests, together, strict=True):
        [alone] = grounder.ground([request])
        np.testing.assert_allclose(one.boxes, alone.boxes, atol=1e-3)
        np.testing.assert_allclose(one.scores, alone.scores, atol=1e-4)
        assert one.words == split_words(request.text)
        assert bool(one.words) == bool(len(one.boxes))


def test_boxes_are_apart_and_within_their_image(grounder, video):
    found = grounder.ground([Ground(FrameRef(frames, 0), "red circle") for frames in video])
    for one, (height, width) in zip(found, SIZES, strict=True):
        ious = iou_matrix(one.boxes, one.boxes)
        assert (ious[~np.eye(len(ious), dtype=bool)] <= 0.5).all()
        assert (one.boxes[:, :2] >= 0).all()
        assert (one.boxes[:, :2] + one.boxes[:, 2:] <= np.array([width, height]) + 1e-3).all()


def test_long_phrases_are_cut_and_long_texts_are_not_too_much(grounder, video):
    text = "the large red dog on the left of the road " * 20
    [found] = grounder.ground([Ground(FrameRef(video[0], 0), text)])
    assert found.scores.shape[1] == 200 and found.truncated
    content = [w.text not in ("the", "of", "on") for w in found.words]
    assert (found.scores[:, content] > 0).all() and not found.scores[:, np.logical_not(content)].any()


def test_a_text_is_cut_where_one_of_its_phrases_is(grounder, video):
    room = grounder.context - 2  # the first and the last token are the text encoder's own
    fits, cut = " ".join(["a"] * room), " ".join(["a"] * (room + 1))
    texts = [fits, cut, f"{fits}. {fits}", f"a. {cut}"]
    found = grounder.ground([Ground(FrameRef(video[0], 0), text) for text in texts])
    assert [one.truncated for one in found] == [False, True, False, True]


@pytest.mark.parametrize("grounder", ["owlv2"], indirect=True)
def test_each_picture_and_query_is_encoded_once(grounder, video, monkeypatch):
    model, seen = grounder.loaded.model, []
    encode, look = model.owlv2.get_text_features, model.image_embedder
    monkeypatch.setattr(model.owlv2, "get_text_features", lambda **k: seen.append(len(k["input_ids"])) or encode(**k))
    monkeypatch.setattr(model, "image_embedder", lambda **k: seen.append(len(k["pixel_values"])) or look(**k))
    grounder.ground([Ground(FrameRef(video[i], 0), t) for i in (0, 1) for t in ("red dog", "red car")])
    assert seen == [5, 2]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_whole_run(family, tmp_path):
    rows = annotate(family, build(family, tmp_path / "tiny"), tmp_path)
    assert [row["problems"] for row in rows] == [[], []]
    for row in rows:
        assert row["grounding"]["grounder"] == f"{family}:tiny"
        tried = [one["positive"] + one["negative"] for one in row["rounds"]]
        assert any(tried) and all(word in one["text"] for words, one in zip(tried, row["rounds"]) for word in words)
