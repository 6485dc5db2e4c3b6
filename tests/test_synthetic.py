from dataclasses import replace

import numpy as np
import pytest

import chatdesc
from chatdesc.synthetic import (
    CANVAS,
    COLOURS,
    FAULTS,
    PLACES,
    SHAPES,
    SIZES,
    SPLITS,
    TWINS,
    Thing,
    backdrop,
    draw,
    hidden,
    phrase,
    place_of,
    render,
    scenes,
    stills,
    truth,
    unique_phrase,
    words_of,
)

KNOWN = {*COLOURS, *SHAPES, *SIZES, *PLACES}
MANY = [scene for seed in range(12) for scene in scenes(20, 40, seed)]


def fitting(text, scene):
    """The indices of the things of which every known word of a text is true."""
    words = set(text.split()) & KNOWN
    return [k for k, thing in enumerate(scene.things) if words <= words_of(thing)]


def of_fault(fault):
    return [s for s in MANY if s.fault == fault]


def test_all_faults_are_planted():
    assert {s.fault for s in MANY} == set(FAULTS)
    assert sum(s.fault == "none" for s in MANY) == len(MANY) // 2


def test_a_sound_text_is_true_of_the_target_alone():
    for scene in of_fault("none"):
        assert fitting(scene.manual, scene) == [0], (scene.manual, scene.things)


def test_a_wrong_text_is_true_of_another_thing_and_not_of_the_target():
    for scene in of_fault("wrong_target"):
        found = fitting(scene.manual, scene)
        assert found
        assert 0 not in found


def test_an_ambiguous_text_fits_the_target_and_something_else():
    for scene in of_fault("ambiguous"):
        found = fitting(scene.manual, scene)
        assert 0 in found
        assert len(found) > 1, (scene.manual, scene.things)


def test_a_typo_is_a_sound_text_with_letters_swapped():
    for scene in of_fault("typo"):
        sound = unique_phrase(scene.things[0], list(scene.things[1:]))
        assert fitting(sound, scene) == [0]
        assert scene.manual != sound
        assert sorted(scene.manual) == sorted(sound)
        wrong = [(a, b) for a, b in zip(scene.manual.split(), sound.split(), strict=True) if a != b]
        for a, b in wrong:
            assert b in KNOWN
            assert a not in KNOWN
            assert (a[0], len(a)) == (b[0], len(b))


def test_things_lie_in_the_first_frame_and_apart():
    for scene in MANY:
        boxes = np.array([scene.box(thing, 0) for thing in scene.things])
        assert (boxes[:, :2] > 0).all()
        assert (boxes[:, :2] + boxes[:, 2:] < CANVAS).all()
        for k, one in enumerate(boxes):
            for other in boxes[:k]:
                gap = np.maximum(one[:2] - (other[:2] + other[2:]), other[:2] - (one[:2] + one[2:]))
                assert gap.max() > 0


@pytest.mark.parametrize("k", range(6))
def test_the_box_encloses_what_is_drawn(k):
    scene = replace(MANY[k], pole=None)
    background = backdrop(scene.background)
    for t in (0, 13, 39):
        alone = replace(scene, things=scene.things[:1])
        without = draw(replace(scene, things=()), t, background).astype(float)
        change = np.abs(draw(alone, t, background) - without).sum(2)
        drawn = change > change.max() / 2  # without the soft edge
        rows, columns = np.flatnonzero(drawn.any(1)), np.flatnonzero(drawn.any(0))
        x, y, w, h = scene.box(scene.things[0], t)
        drawn_box = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
        inside = np.clip([x, y, x + w, y + h], 0, [*CANVAS, *CANVAS])
        tip = 0.05 * w if alone.things[0].shape in ("star", "triangle") else 0  # a corner is thinner than a pixel
        np.testing.assert_allclose(drawn_box, inside, atol=1.5 + tip)
        if not tip and (inside == [x, y, x + w, y + h]).all():
            assert np.abs((drawn_box - inside).reshape(2, 2).mean(0)).max() < 0.6  # nor is it off its middle


def test_the_target_is_drawn_above_the_others():
    target = MANY[0].things[0]
    scene = replace(MANY[0], pole=None, things=(target, replace(target, tint=(1, 2, 3))))
    x, y, w, h = scene.box(target, 3)
    assert draw(scene, 3, backdrop(1))[round(y + h / 2), round(x + w / 2)].tolist() == list(target.tint)


def test_hidden_frames_show_next_to_nothing_of_the_target_and_occur():
    seen = 0
    for scene in (s for s in MANY if s.pole is not None):
        frames = [t for t in range(40) if hidden(scene, t)]
        assert 0 not in frames
        seen += len(frames)
        for t in [*frames[:1], 0]:
            background = backdrop(scene.background)
            target = replace(scene, things=scene.things[:1])
            whole = draw(replace(target, pole=None), t, background) != draw(
                replace(target, pole=None, things=()), t, background
            )
            shown = draw(target, t, background) != draw(replace(target, things=()), t, background)
            share = shown.any(2).sum() / whole.any(2).sum()
            assert share < 0.1 if t in frames else share > 0.4
    assert seen > 10
    assert not any(hidden(s, t) for s in MANY if s.pole is None for t in (0, 20))


def contents(root):
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path):
    names = render(tmp_path / "a", 4, 3, seed=5)
    assert render(tmp_path / "b", 4, 3, seed=5) == names
    render(tmp_path / "c", 4, 3, seed=6)
    one, same, other = (contents(tmp_path / k) for k in "abc")
    assert one == same
    assert one.keys() != other.keys() or one != other
    assert len(set(names)) == 4


def test_the_first_look_alike_has_the_size_that_is_asked_for():
    for same_size in (True, False):
        for scene in scenes(10, 40, 3, same_size):
            target, *others = scene.things
            alike = [o for o in others if (o.colour, o.shape) == (target.colour, target.shape)]
            assert all((o.size == target.size) == same_size for o in alike[:1])
            assert all((o.size == target.size) != same_size for o in alike[1:])


def test_things_travel_further_from_the_same_first_frame(tmp_path):
    near, far = tmp_path / "near", tmp_path / "far"
    names = render(near, 3, 5, seed=5)
    assert render(far, 3, 5, seed=5, travel=3) == names
    for name in names:
        folder = f"{name.partition('-')[0]}/{name}"
        assert (near / folder / "img/00000001.jpg").read_bytes() == (far / folder / "img/00000001.jpg").read_bytes()
        starts, ends = zip(
            *(np.loadtxt(r / folder / "groundtruth.txt", delimiter=",")[[0, -1]] for r in (near, far)), strict=True
        )
        moved = [abs(end[0] - start[0]) for start, end in zip(starts, ends, strict=True)]
        assert moved[1] > moved[0]


def test_a_rendered_dataset_is_read_as_lasot(tmp_path):
    names = render(tmp_path, 6, 24, seed=4)
    dataset = chatdesc.load("lasot", str(tmp_path), split="test")
    made = scenes(6, 24, 4)
    assert sorted(names) == sorted(s.name for s in dataset)
    for name, scene in zip(names, made, strict=True):
        sequence = dataset[name]
        assert (sequence.status, sequence.manual_text) == ("ok", scene.manual)
        assert sequence.category == scene.things[0].shape
        np.testing.assert_allclose(sequence.boxes, [scene.box(scene.things[0], t) for t in range(24)], atol=0.51)
        assert sequence.visible.tolist() == [not hidden(scene, t) for t in range(24)]
        assert sequence.frames[23].shape == (CANVAS[1], CANVAS[0], 3)


def thing_at(x, y):
    """A small red circle at a share of the frame's width and height."""
    return Thing("red", "circle", "small", 18.0, (x * CANVAS[0], y * CANVAS[1]), (0, 0), (0, 0), 0.0, (205, 35, 40))


def test_what_is_true_of_a_thing():
    thing = thing_at(0.2, 0.6)
    true = [w for w in KNOWN if truth(thing, w)]
    assert sorted(true) == ["circle", "left", "red", "small"] and place_of(thing) == ["left"]
    assert truth(thing, "bottom") is None and truth(thing, "top") is False and truth(thing, "right") is False


def test_a_phrase_has_the_words_that_are_named_and_any_noun():
    thing = thing_at(0.2, 0.1)
    assert phrase(thing, ["red", "left", "top"]) == "red circle on the left at the top"
    assert phrase(thing, ["small", "top"], "object") == "small object at the top"


@pytest.mark.parametrize("twin", TWINS)
def test_twins_differ_in_one_respect_alone(twin):
    for still in stills("test", 12, twin=twin):
        first, second = still.things[:2]
        differing = [k for k in ("colour", "shape", "size") if getattr(first, k) != getattr(second, k)]
        assert differing == ([] if twin in PLACES else [twin])
        if twin in PLACES:
            assert truth(first, twin) and truth(second, twin) is False


def test_stills_depend_on_split_seed_and_number_alone():
    [_, third] = list(stills("train", 4))[1::2]
    [again] = stills("train", 1, start=3)
    assert (third.image == again.image).all() and third.things == again.things
    others = [next(stills(split, 1, seed, start=3)) for split in SPLITS for seed in (0, 1)]
    assert len({one.image.tobytes() for one in others}) == 6


def test_the_boxes_of_a_still_hold_its_things():
    for still in stills("validation", 20):
        for thing, (x, y, w, h) in zip(still.things, still.boxes, strict=True):
            assert x >= 0 and y >= 0 and x + w <= CANVAS[0] and y + h <= CANVAS[1]
            middle = still.image[round(y + h * 0.6), round(x + w / 2)].astype(int)
            own = min(COLOURS, key=lambda c: np.abs(middle - COLOURS[c]).sum())
            covered = any(
                o is not thing and np.hypot(*np.subtract(o.start, thing.start)) < o.radius + thing.radius
                for o in still.things
            )
            assert own == thing.colour or covered
