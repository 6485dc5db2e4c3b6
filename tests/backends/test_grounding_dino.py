import importlib.util

import numpy as np
import pytest

from chatdesc.backends import create
from chatdesc.backends.grounding_dino import prompt
from chatdesc.backends.words_and_boxes import split_words, word_scores
from chatdesc.metrics.overlap import iou_matrix
from chatdesc.types import FrameRef, Ground
from tests.makers.grounders import annotate, bert_tokenizer, build
from tests.makers.sequences import frames_of

FAMILIES = ("grounding-dino", "mm-grounding-dino")
TEXTS = (
    "red circle",
    "The LARGE blue square, on the left of the swinging dog",
    " green car . red object\t. a dog",
    "?!",
)
SIZES = ((96, 128), (128, 96), (96, 128), (60, 200))


@pytest.fixture(scope="module", params=FAMILIES)
def grounder(request, tmp_path_factory):
    folder = build(request.param, tmp_path_factory.mktemp("models") / request.param)
    return create("grounder", f"{request.param}:{folder}", device="cpu", batch_size=3)


@pytest.fixture(scope="module")
def video():
    rng = np.random.default_rng(0)
    return [frames_of([rng.integers(0, 255, (*size, 3), dtype=np.uint8)]) for size in SIZES]


@pytest.fixture(scope="module")
def tokenizer():
    return bert_tokenizer()


def columns(text, tokenizer):
    """Per word of ``text`` the places of its first and last token, found by giving each token its place as score."""
    spans = tokenizer(prompt(text, tokenizer, 256), return_offsets_mapping=True)["offset_mapping"]
    places = np.arange(len(spans), dtype=float)[None]
    words = split_words(text)
    first = len(spans) - word_scores(len(spans) - places, spans, words)[0]
    return first.tolist(), word_scores(places, spans, words)[0].tolist()


def test_tokens_of_words(tokenizer):
    text = " The  cafe's red-dog (dog)"
    pieces = "[CLS] the c ##a ##f ##e [UNK] s red [UNK] dog [UNK] dog [UNK] . [SEP]"
    assert tokenizer.convert_ids_to_tokens(tokenizer(prompt(text, tokenizer, 256))["input_ids"]) == pieces.split()
    assert columns(text, tokenizer) == ([1, 2, 8, 12], [1, 7, 10, 12])


@pytest.mark.parametrize("text", ["İ red dog", "Ünïcode RED dog", "red\u0301 dog", "\U0001f436 red dog", "ẞ red dog"])
def test_other_alphabets_do_not_shift_words(text, tokenizer):
    tokens = tokenizer.convert_ids_to_tokens(tokenizer(prompt(text, tokenizer, 256))["input_ids"])
    _, last = columns(text, tokenizer)
    assert tokens[int(last[-1])] == "dog"
    assert tokens.index("red") in [int(c) for c in last]


@pytest.mark.parametrize(
    ("text", "asked"),
    [("Red DOG", "red dog."), ("red dog. ", "red dog. "), ("Red dog?", "red dog?"), ("red . Dog", "red . dog.")],
)
def test_prompts_are_lower_case_and_closed(text, asked, tokenizer):
    assert prompt(text, tokenizer, 256) == asked


@pytest.mark.parametrize("text", ["red dog " * 200, "swinging " * 100, "x" * 90 + " red" * 300, "red. " * 200])
def test_long_texts_are_cut_at_a_word_and_closed(text, tokenizer):
    asked = prompt(text, tokenizer, 256)
    tokens = tokenizer(asked)["input_ids"]
    assert 245 < len(tokens) <= 256
    assert tokens[-2] == 1012
    assert text.startswith(asked.rstrip("."))
    assert text[len(asked.rstrip(".")) :][:1] in (" ", ".", "r", "s")


def test_a_word_that_is_longer_than_the_limit(tokenizer):
    assert len(tokenizer(prompt("a" * 90 + " red", tokenizer, 20))["input_ids"]) <= 20


def reference(grounder, frames, text):
    """Boxes as transformers computes them, the logits as the network gives them, and the tokens' offsets."""
    import torch

    loaded = grounder.loaded
    image, asked = frames[0], text.lower() + "."
    inputs = loaded.processor(images=image.copy(), text=asked, return_tensors="pt")
    with torch.inference_mode():
        outputs = loaded.model(**inputs)
    found = loaded.processor.post_process_grounded_object_detection(
        outputs, inputs["input_ids"], threshold=0.0, target_sizes=[image.shape[:2]]
    )[0]
    spans = loaded.processor.tokenizer(asked, return_offsets_mapping=True)["offset_mapping"]
    return found["boxes"].numpy(), outputs.logits[0].sigmoid().numpy(), spans


def test_the_matrix_is_that_of_the_logits(grounder, video):
    text = "large swinging dog"
    boxes, tokens, _ = reference(grounder, video[0], text)
    pieces = grounder.loaded.processor.tokenizer.tokenize(text + ".")
    starts = [pieces.index(p) + 1 for p in ("large", "s", "dog")]
    by_hand = np.stack([tokens[:, a:b].max(1) for a, b in zip(starts, [*starts[1:], starts[2] + 1], strict=True)], 1)
    order = np.argsort(-by_hand.max(1), kind="stable")
    [found] = grounder.ground([Ground(FrameRef(video[0], 0), text)])
    assert [w.text for w in found.words] == ["large", "swinging", "dog"]
    np.testing.assert_allclose(found.scores, by_hand[order], atol=1e-5)
    theirs = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], 1)[order]
    whole = (boxes[order] >= 0).all(1) & (boxes[order] <= [128, 96, 128, 96]).all(1)
    assert whole.any()
    np.testing.assert_allclose(found.boxes[whole], theirs[whole], atol=1e-3)


def test_on_a_cpu_only_what_is_asked_about_one_frame_shares_a_pass(grounder, video, monkeypatch):
    assert grounder.batches.limit == 3  # as asked
    free = create("grounder", f"{grounder.family}:{grounder.model}", device="cpu")
    assert (free.batches.size, free.batches.limit) == (8, free.max_batch)
    passes, forward = [], free._forward
    monkeypatch.setattr(free, "_forward", lambda items: passes.append([item.frame for item in items]) or forward(items))
    asked = [text for text in TEXTS if split_words(text)][:2]
    free.ground([Ground(FrameRef(video[k], 0), text) for text in asked for k in (0, 2)])  # of one size
    assert [len(set(frames)) for frames in passes] == [1, 1] and [len(frames) for frames in passes] == [2, 2]


def test_batches_change_nothing(grounder, video):
    requests = [Ground(FrameRef(frames, 0), text) for frames in video for text in TEXTS]
    together = grounder.ground(requests)
    for request, one in zip(requests, together, strict=True):
        [alone] = grounder.ground([request])
        np.testing.assert_allclose(one.boxes, alone.boxes, atol=1e-3)
        np.testing.assert_allclose(one.scores, alone.scores, atol=1e-4)
        assert one.words == split_words(request.text) == alone.words
        assert bool(one.words) == bool(len(one.boxes))


def test_boxes_lie_within_their_own_image(grounder, video):
    found = grounder.ground([Ground(FrameRef(frames, 0), "red circle") for frames in video])
    for one, (height, width) in zip(found, SIZES, strict=True):
        assert (one.boxes[:, :2] >= 0).all() and (one.boxes[:, 2:] > 0).all()
        assert (one.boxes[:, :2] + one.boxes[:, 2:] <= np.array([width, height]) + 1e-3).all()
        assert np.ptp(one.boxes[:, 0]) > width / 4 and np.ptp(one.boxes[:, 1]) > height / 4


def test_words_beyond_the_cut_score_nothing(grounder, video):
    texts = ["red dog " * 200, "red dog"]
    found, short = grounder.ground([Ground(FrameRef(video[0], 0), text) for text in texts])
    assert found.scores.shape[1] == 400 and (found.truncated, short.truncated) == (True, False)
    assert (found.scores[:, :250] > 0).all()
    assert (found.scores[:, 256:] == 0).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_whole_run(family, tmp_path):
    rows = annotate(family, build(family, tmp_path / "tiny"), tmp_path)
    assert [row["problems"] for row in rows] == [[], []]
    for row in rows:
        assert row["grounding"]["grounder"] == f"{family}:tiny"
        assert str(tmp_path) not in str(row["provenance"])
        tried = [one["positive"] + one["negative"] for one in row["rounds"]]
        assert any(tried) and all(word in one["text"] for words, one in zip(tried, row["rounds"]) for word in words)


@pytest.fixture(scope="module")
def trained(shared_data):
    return create("grounder", f"mm-grounding-dino:{shared_data / 'tiny_models' / 'grounder'}", device="cpu")


@pytest.fixture(scope="module")
def scenes(shared_data):
    """The module that drew the scenes on which the small network was trained."""
    path = shared_data.parent / "examples" / "train_tiny_grounder" / "scenes.py"
    if not path.is_file():
        pytest.skip(f"no {path.name} beside the shared data")
    spec = importlib.util.spec_from_file_location("tiny_scenes", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


THINGS = (("red", "circle", 24, 26, 15), ("blue", "circle", 70, 24, 15), ("green", "triangle", 70, 70, 16))


def drawn(scenes, width=96, things=THINGS):
    """A picture, and the boxes xywh of its things by colour."""
    import cv2

    image, boxes = np.full((96, width, 3), (130, 128, 124), np.uint8), {}
    for colour, shape, x, y, radius in things:
        outline = scenes.poly(shape, x, y, radius)
        points = np.round((outline - 0.5) * 16).astype(np.int32)
        cv2.fillPoly(image, [points], scenes.COLOURS[colour], cv2.LINE_AA, 4)
        boxes[colour] = np.concatenate([outline.min(0), np.ptp(outline, 0)])
    return image, boxes


@pytest.mark.parametrize("width", [96, 144])
@pytest.mark.parametrize("colour", ["red", "blue", "green"])
def test_words_find_what_they_name(trained, scenes, colour, width):
    image, boxes = drawn(scenes, width)
    text = f"{colour} {'triangle' if colour == 'green' else 'circle'}"
    [found] = trained.ground([Ground(FrameRef(frames_of([image]), 0), text)])
    assert iou_matrix(found.boxes[:1], boxes[colour][None])[0, 0] > 0.7
    assert found.scores[0].min() > 0.6
    others = [box for name, box in boxes.items() if name != colour]
    elsewhere = found.scores[iou_matrix(found.boxes, np.array(others)).max(1) > 0.5]
    assert elsewhere.size and elsewhere.max() < 0.6


@pytest.mark.parametrize(
    "text", ["red circle . green triangle", "  Green triangle.\tRED circle", "É! red circle. green triangle?"]
)
def test_each_word_leads_to_its_own_thing(trained, scenes, text):
    image, boxes = drawn(scenes)
    [found] = trained.ground([Ground(FrameRef(frames_of([image]), 0), text)])
    column = {w.text.lower(): i for i, w in enumerate(found.words)}
    at = {c: iou_matrix(found.boxes, boxes[c][None])[:, 0] > 0.7 for c in ("red", "green", "blue")}
    best = {c: found.scores[rows].max(0) for c, rows in at.items()}
    assert best["red"][column["red"]] > 2 * max(best["green"][column["red"]], best["blue"][column["red"]])
    assert best["green"][column["green"]] > 2 * max(best["red"][column["green"]], best["blue"][column["green"]])


def test_many_scenes_at_once(trained, scenes):
    """Over sixty phrases, the best proposal is on what the phrase describes."""
    rng = np.random.default_rng(11)
    requests, boxes = [], []
    while len(requests) < 60:
        image, things = scenes.scene(rng)
        phrase = scenes.phrase_for(rng, things[0], things, force="no side")
        named = [t["box"] for t in things if scenes.matches(phrase, t)]
        if len(named) == 1:
            requests.append(Ground(FrameRef(frames_of([image]), 0), " ".join(phrase)))
            boxes.append(np.concatenate([named[0][:2], named[0][2:] - named[0][:2]]))
    found = trained.ground(requests)
    ious = [iou_matrix(one.boxes[:1], box[None])[0, 0] for one, box in zip(found, boxes, strict=True)]
    assert np.mean(ious) > 0.8
