import json

import cv2
import numpy as np
import pytest

from chatdesc.backends import attributes
from chatdesc.backends.attribute_words import measure
from chatdesc.backends.attributes import AttributesDescriber, AttributesEncoder, AttributesGrounder, phrases, suppress
from chatdesc.config import Settings
from chatdesc.lru_cache import LruCache
from chatdesc.metrics.overlap import iou_matrix
from chatdesc.protocols import Describer, Encoder, Grounder
from chatdesc.stages.reflect import reflect
from chatdesc.types import BackendError, Crop, Departure, Describe, Embed, FrameRef, Ground
from chatdesc.vocabulary import COLOURS, POSITIONS, SHAPES, VOCABULARY, canonical, outline
from tests.makers.sequences import drive, frames_of, sequence_of

# The colours as a screen names them: none is a focal colour of the backend.
SCREEN = {
    "black": (0, 0, 0), "white": (255, 255, 255), "gray": (128, 128, 128), "red": (255, 0, 0), "orange": (255, 165, 0),
    "yellow": (255, 255, 0), "green": (0, 128, 0), "blue": (0, 0, 255), "purple": (128, 0, 128),
    "pink": (255, 192, 203), "brown": (139, 69, 19),
}  # fmt: skip
WALL, SKIN = (128, 124, 120), (200, 120, 90)


def picture(*things, wall=WALL, size=(240, 320), seed=0):
    """``things`` (shape, colour, xywh) on a wall with some grain."""
    grain = np.random.default_rng(seed).normal(0, 3, (*size, 1))
    image = np.clip(np.array(wall) + grain, 0, 255).astype(np.uint8)
    for shape, colour, (x, y, w, h) in things:
        corners = np.round(outline(shape) * (w, h) + (x, y)).astype(np.int32)
        cv2.fillPoly(image, [corners], SCREEN[colour], cv2.LINE_AA)
    return image


ROOM = {
    "large red circle": ("circle", "red", (20, 20, 60, 60)),
    "blue circle": ("circle", "blue", (220, 20, 60, 60)),
    "red square": ("square", "red", (30, 150, 60, 60)),
    "small red circle": ("circle", "red", (230, 170, 24, 24)),
}


@pytest.fixture(scope="module")
def room():
    return frames_of([picture(*ROOM.values())])


def evidence(thing, words, wall=WALL):
    seen = measure(picture(thing, wall=wall), np.array([thing[2]], np.float32))
    return {w: float(seen.evidence(w)[0]) for w in words}


def ground(frames, text, backend=None):
    [answer] = (backend or AttributesGrounder()).ground([Ground(FrameRef(frames, 0), text)])
    if isinstance(answer, Exception):
        raise answer
    return answer


@pytest.mark.parametrize("colour", COLOURS)
def test_every_colour_is_named(colour):
    seen = evidence(("square", colour, (120, 80, 60, 60)), COLOURS, SKIN if colour == "gray" else WALL)
    assert {c for c, e in seen.items() if e > 0.5} == {colour}


@pytest.mark.parametrize("colour", ["red", "white", "black"])
@pytest.mark.parametrize("side", [24, 70])
@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_is_told_from_the_others(shape, side, colour):
    seen = evidence((shape, colour, (120, 80, side, side)), SHAPES)
    assert max(seen, key=seen.get) == shape
    assert side < 30 or seen[shape] > attributes.TRUE_ENOUGH


@pytest.mark.parametrize(
    ("box", "true", "false"),
    [
        ((5, 5, 12, 12), {"small", "tiny", "left", "top"}, {"large", "right", "bottom", "center", "tall", "wide"}),
        ((230, 150, 80, 80), {"large", "right", "bottom"}, {"small", "tiny", "left", "top", "center"}),
        ((130, 90, 60, 60), {"center"}, {"left", "right", "top", "bottom", "small"}),
        ((150, 60, 20, 120), {"tall"}, {"wide"}),
        ((100, 110, 120, 20), {"wide"}, {"tall"}),
    ],
)
def test_size_position_and_aspect_words(box, true, false):
    seen = evidence(("square", "red", box), true | false)
    assert {w for w, e in seen.items() if e > 0.6} == true


def test_tone_and_texture():
    assert evidence(("square", "black", (120, 80, 60, 60)), ["dark", "bright", "plain"]) == {
        "dark": 1,
        "bright": 0,
        "plain": 1,
    }
    assert evidence(("square", "white", (120, 80, 60, 60)), ["dark", "bright"]) == {"dark": 0, "bright": 1}
    checks = (np.indices((60, 60)).sum(0) // 6 % 2)[..., None]
    image = picture()
    image[80:140, 120:180] = np.where(checks, (250, 150, 130), (90, 10, 10))
    checked = measure(image, np.array([[120, 80, 60, 60]], np.float32))
    assert checked.evidence("patterned")[0] > 0.6 > checked.evidence("plain")[0]


@pytest.mark.parametrize(
    ("word", "meaning"),
    [
        ("RED", "red"), ("reds", "red"), ("greenish", "green"), ("grey", "gray"), ("circles", "circle"),
        ("crosses", "cross"), ("cross", "cross"), ("balls", "circle"), ("Leftmost", "left"), ("huge", "large"),
        ("kite", None), ("s", None), ("", None), ("es", None),
    ],
)  # fmt: skip
def test_synonyms_and_plurals(word, meaning):
    assert canonical(word) == meaning


def test_the_vocabulary_names_itself():
    assert [canonical(w) for w in VOCABULARY] == list(VOCABULARY)


@pytest.mark.parametrize(
    ("text", "thing"),
    [
        ("blue circle", "blue circle"),
        ("The Blue Balls", "blue circle"),
        ("red square", "red square"),
        ("square", "red square"),
        ("small red circle", "small red circle"),
        ("big red circle", "large red circle"),
        ("red circle on the left at the top", "large red circle"),
        ("red circle at the bottom", "small red circle"),
        ("red thing at the bottom on the left", "red square"),
        ("circle on the right at the top", "blue circle"),
    ],
)
def test_the_grounder_finds_the_right_thing(room, text, thing):
    found = ground(room, text)
    best = found.boxes[found.scores.max(1).argmax()]
    overlap = iou_matrix(best[None], np.array([t[2] for t in ROOM.values()]))[0]
    assert list(ROOM)[overlap.argmax()] == thing
    assert overlap.max() > 0.7
    assert found.scores.max() > AttributesGrounder.threshold


def test_the_matrix_says_which_word_found_what(room):
    found = ground(room, "a red circle")
    assert [w.text for w in found.words] == ["a", "red", "circle"]
    assert found.scores.shape == (len(found.boxes), 3)
    assert found.scores.min() >= 0
    assert found.scores.max() <= 1
    assert not found.scores[:, 0].any()
    overlap = iou_matrix(found.boxes, np.array([ROOM[k][2] for k in ("large red circle", "red square", "blue circle")]))
    circle, square, blue = (found.scores[overlap[:, k].argmax()] for k in range(3))
    assert circle[1] > 0.6 < circle[2]
    assert square[1] > square[2]
    assert blue[1] == 0 < blue[2]


@pytest.mark.parametrize("text", ["kite flying", "", "...", "的"])
def test_a_text_without_a_known_word_finds_nothing(room, text):
    found = ground(room, text)
    assert found.boxes.shape == (0, 4)
    assert found.scores.shape == (0, len(found.words))


def test_a_blank_picture_has_nothing_to_find():
    blank = frames_of([np.full((60, 80, 3), 127, np.uint8)])
    found = ground(blank, "red circle")
    assert len(found.boxes) == 0 or found.scores.max() < AttributesGrounder.threshold


def test_phrases_end_with_a_full_stop_and_keep_offsets():
    text = "Red ball. tall tree's . "
    found = phrases(text)
    assert [[m for _, m in p] for p in found] == [["red", "circle"], ["tall", None]]
    assert all(text[w.start : w.end] == w.text for p in found for w, _ in p)


def test_overlapping_and_nested_proposals_are_suppressed():
    boxes = np.array([[0, 0, 10, 10], [1, 0, 10, 10], [2, 2, 4, 4], [50, 0, 10, 10], [90, 0, 5, 5]], np.float32)
    assert suppress(boxes, np.array([0.5, 0.9, 0.8, 0.4, 0.0], np.float32)) == [1, 3]
    assert suppress(boxes, np.array([0.5, 0.9, 0.8, 0.4, 0.0], np.float32), keep=1) == [1]


def describe(frames, box, **changes):
    [answer] = AttributesDescriber().describe([Describe(FrameRef(frames, 0), np.array(box, np.float32), "", **changes)])
    if isinstance(answer, Exception):
        raise answer
    return json.loads(answer)


TWINS = ("circle", "red", (30, 90, 50, 50)), ("circle", "red", (240, 90, 50, 50)), ("square", "blue", (140, 20, 40, 40))


@pytest.fixture(scope="module")
def twins():
    return frames_of([picture(*TWINS)])


def test_the_first_answer_says_what_the_box_holds(twins):
    answer = describe(twins, TWINS[0][2])
    assert answer["target"] == "red circle"
    assert [b.split()[0] for b in answer["background"]] == ["blue", "red"]
    assert describe(twins, TWINS[2][2])["target"] == "blue square"
    assert describe(twins, TWINS[0][2], category="hotAirBalloon")["target"] == "red hot air balloon"


def test_background_that_led_to_the_target_is_not_named_again(twins):
    first, *others = describe(twins, TWINS[0][2])["background"]
    assert describe(twins, TWINS[0][2], background_dropped=(first,))["background"] == others


def test_a_negative_word_is_dropped_and_a_distinguishing_one_takes_its_place(twins):
    said = {"previous": "red circle", "tried": ("red circle",)}
    for (_, _, box), side in zip(TWINS[:2], ("left", "right"), strict=True):
        words = describe(twins, box, negative=("red",), **said)["target"].split()
        assert "red" not in words
        assert {"circle", side} <= set(words)
    words = describe(twins, TWINS[0][2], negative=("red", "circle"), **said)["target"].split()
    assert not {"red", "circle"} & set(words)
    assert "left" in words


def test_a_negative_word_is_dropped_even_where_it_would_set_the_target_apart():
    frames = frames_of([picture(("circle", "red", (30, 90, 50, 50)), ("circle", "blue", (240, 90, 50, 50)))])
    said = {"previous": "the circle", "tried": ("the circle",)}
    assert "red" in describe(frames, (30, 90, 50, 50), **said)["target"].split()
    words = describe(frames, (30, 90, 50, 50), negative=("Red",), **said)["target"].split()
    assert "red" not in words
    assert {"circle", "left"} <= set(words)


def test_words_set_the_target_apart_from_what_a_tracker_went_over_to():
    """Nothing in the first frame is like the target; what was followed later differs in its size, or in its place."""
    large, small = ("circle", "red", (20, 20, 60, 60)), ("circle", "red", (230, 170, 24, 24))
    elsewhere = ("circle", "red", (240, 20, 60, 60))
    frames = frames_of([picture(large, ("square", "blue", (200, 150, 40, 40))), picture(small), picture(elsewhere)])
    said = {"previous": "red circle", "tried": ("red circle",), "positive": ("red", "circle"), "category": "circle"}

    def after(index, thing):
        gone = Departure(9, 40, FrameRef(frames, index), np.array(thing[2], np.float32))
        return describe(frames, large[2], departure=gone, **said)["target"]

    assert after(1, small) == "large red circle"
    assert after(2, elsewhere) == "red circle on the left"


def test_a_text_that_was_tried_is_not_said_again(twins):
    said = {"previous": "red circle", "negative": ("red",)}
    tried = ("red circle",)
    for _ in range(3):
        text = describe(twins, TWINS[0][2], tried=tried, **said)["target"]
        assert text not in tried
        tried += (text,)


def test_motion_is_told_when_it_is_large_and_nothing_lasting_sets_the_target_apart(twins):
    said = {"previous": "red circle", "tried": ("red circle",)}
    box = TWINS[0][2]
    for motion, words in (((3, 0), "to the right"), ((-3, 1), "to the left"), ((0, 4), "down"), ((1, -4), "up")):
        assert describe(twins, box, motion=motion, **said)["target"].endswith(f"moving {words}")
        assert "moving" not in describe(twins, box, motion=motion)["target"]
        assert "moving" not in describe(twins, TWINS[2][2], motion=motion, previous="square")["target"]
    assert "moving" not in describe(twins, box, motion=(1.0, 1.0), **said)["target"]


@pytest.mark.parametrize(
    ("other", "lasting"),
    [
        (("circle", "blue", (240, 90, 36, 36)), "red"),
        (("circle", "red", (240, 60, 100, 100)), "small"),
        (("circle", "red", (240, 90, 36, 36)), None),
    ],
    ids=["another colour", "another size", "nothing but its place"],
)
def test_a_place_is_named_only_where_nothing_that_lasts_sets_the_target_apart(other, lasting):
    frames = frames_of([picture(("circle", "red", (20, 90, 36, 36)), other)])
    words = set(describe(frames, (20, 90, 36, 36), previous="the circle", tried=("the circle",))["target"].split())
    assert lasting is None or lasting in words
    assert bool(words & set(POSITIONS)) == (lasting is None)


def test_a_place_is_the_last_word_for_a_first_answer():
    frames = frames_of([picture(("square", "gray", (10, 20, 20, 60)))])
    words = describe(frames, (10, 20, 20, 60), category="pole", negative=("gray", "dark", "bright", "small", "tiny"))
    assert words["target"] == "tall pole"


def reflected(sequence, **settings):
    describer, grounder = AttributesDescriber(), AttributesGrounder()

    def answer(request):
        [found] = describer.describe([request]) if isinstance(request, Describe) else grounder.ground([request])
        return found

    return drive(reflect(sequence, Settings(**settings), grounder.threshold), answer)[0]


def test_reflection_with_the_offline_backends_finds_what_sets_the_target_apart(twins):
    found = reflected(sequence_of([picture(*TWINS)], TWINS[1][2], manual="the circle", category=None))
    first, last = found.rounds[0], found.chosen
    assert (first.text, first.iou, first.accepted) == ("red circle", 0.0, False)
    assert (last.source, last.accepted) == ("refined", True)
    assert "right" in last.text
    assert last.iou > 0.7
    assert last.margin > max(first.margin, found.manual.margin) + 0.2


def test_only_the_box_of_the_request_is_known_of_the_truth():
    images = [picture(*TWINS)] * 3
    boxes = np.array([TWINS[0][2]] * 3, np.float32)
    elsewhere = boxes.copy()
    elsewhere[1:] = [240, 90, 50, 50]
    assert reflected(sequence_of(images, boxes)) == reflected(sequence_of(images, elsewhere))


def answers(requests, backend):
    found = (backend.ground if isinstance(backend, AttributesGrounder) else backend.describe)(requests)
    return [a if isinstance(a, str) else (a.boxes.tobytes(), a.words, a.scores.tobytes()) for a in found]


def test_answers_repeat_and_do_not_depend_on_the_batch(room, twins, monkeypatch):
    pairs = [(f, t) for f in (room, twins) for t in ("red circle", "square on the left", "blue thing")]
    grounds = [Ground(FrameRef(f, 0), t) for f, t in pairs]
    describes = [
        Describe(FrameRef(f, 0), np.array(b, np.float32), "")
        for f, b in ((room, (20, 20, 60, 60)), (twins, TWINS[1][2]))
    ]
    for requests, backend in ((grounds, AttributesGrounder()), (describes, AttributesDescriber())):
        at_once = answers(requests, backend)
        for seed in (1, 2):  # whatever has been measured before, and whatever OpenCV draws
            cv2.setRNGSeed(seed)
            monkeypatch.setattr(attributes, "_measured", LruCache(256))
            assert [answers([r], type(backend)())[0] for r in reversed(requests)][::-1] == at_once


def test_a_picture_is_searched_once_for_describer_and_grounder(twins, monkeypatch):
    calls = []
    monkeypatch.setattr(attributes, "_measured", LruCache(256))
    real = attributes.proposals
    monkeypatch.setattr(attributes, "proposals", lambda image: calls.append(1) or real(image))
    describe(twins, TWINS[0][2])
    ground(twins, "red circle")
    ground(twins, "square")
    assert len(calls) == 1


def test_a_failed_request_is_answered_with_its_error_in_its_place(twins):
    def gone(path):
        raise FileNotFoundError(path)

    broken = type(twins)(("gone.jpg",), gone)
    first, second, third = AttributesGrounder().ground([Ground(FrameRef(f, 0), "red") for f in (twins, broken, twins)])
    assert isinstance(second, Exception)
    assert "gone.jpg" in str(second)
    np.testing.assert_array_equal(first.boxes, third.boxes)
    assert not isinstance(second, BackendError)  # a broken frame is the data's fault


TEXTS = ("red circle", "blue circle", "red square", "the white star", "kite")


def embed(frames, boxes, texts=TEXTS):
    [answer] = AttributesEncoder().embed(
        [Embed("attributes", tuple(Crop(FrameRef(frames, 0), np.float32(b)) for b in boxes), texts)]
    )
    return answer


def test_the_right_text_comes_first_for_a_crop(room):
    names = ["large red circle", "blue circle", "red square"]
    found = embed(room, [ROOM[n][2] for n in names])
    cosines = found.crops @ found.texts.T
    assert cosines.argmax(1).tolist() == [0, 1, 2]
    np.testing.assert_allclose(np.linalg.norm(found.crops, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(found.texts[:4], axis=1), 1, rtol=1e-5)
    assert not found.truncated.any()


def test_an_unknown_text_is_a_vector_of_zeros(room):
    found = embed(room, [ROOM["blue circle"][2]])
    assert not found.texts[4].any()
    assert found.texts.shape == (5, found.crops.shape[1])


def test_crops_of_several_frames_keep_their_order_and_may_be_none(room, twins):
    crops = [(room, ROOM["blue circle"][2]), (twins, TWINS[0][2]), (room, ROOM["red square"][2])]
    request = Embed("attributes", tuple(Crop(FrameRef(f, 0), np.float32(b)) for f, b in crops), ())
    [answer] = AttributesEncoder().embed([request])
    for row, (frames, box) in zip(answer.crops, crops, strict=True):
        np.testing.assert_array_equal(row, embed(frames, [box]).crops[0])
    assert answer.texts.shape[0] == len(answer.truncated) == 0
    assert embed(room, []).crops.shape[0] == 0


def test_boxes_may_reach_out_of_the_picture_or_have_no_size(room):
    boxes = np.array([[-30, -30, 40, 40], [310, 230, 50, 50], [5, 5, 0, 0], [400, 400, 10, 10]], np.float32)
    seen = measure(room[0], boxes)
    assert np.isfinite(seen.matrix(VOCABULARY)).all()
    assert np.isfinite(embed(room, boxes).crops).all()


def test_the_roles_keep_the_protocols():
    assert isinstance(AttributesDescriber(), Describer)
    assert isinstance(AttributesGrounder(), Grounder)
    assert isinstance(AttributesEncoder(), Encoder)
    assert AttributesEncoder().describe_self()["name"] == "attributes"
