"""The labels of the benchmark with frames: geometry says what a text fits, and what each of its words does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from chatdesc.synthetic import Scene, Thing


def a_thing(size, colour, shape, x=80.0):
    return Thing(colour, shape, size, 20.0, (x, 120.0), (0.0, 0.0), (0.0, 0.0), 0.0, (0, 0, 0))


RED, BLUE = a_thing("small", "red", "circle"), a_thing("small", "blue", "circle", 240.0)
SQUARE = a_thing("large", "red", "square", 160.0)


@pytest.mark.parametrize(
    ("things", "text", "roles"),
    [
        ((RED, BLUE, SQUARE), "red circle", ["needed", "needed"]),
        ((RED, SQUARE), "red circle", ["redundant", "needed"]),
        ((RED, SQUARE), "small red circle", ["redundant"] * 3),
        ((BLUE, SQUARE), "red circle", ["harmful", None]),  # true of a thing of which "circle" is not
        ((BLUE, RED), "red circle", [None, None]),  # it means the other thing
        ((BLUE, SQUARE), "green circle", [None, None]),  # true of nothing
        ((BLUE, a_thing("large", "red", "star")), "small red circle", [None] * 3),  # the star is not alike
    ],
)
def test_what_each_word_does(benchmark_of, things, text, roles):
    assert list(benchmark_of("planted_words").roles_of(things, text.split()).values()) == roles


def test_as_many_harmful_as_needed_words(benchmark_of):
    scenes, roles = benchmark_of("planted_words").planted_words(4, 8, seed=2)
    assert [scene.fault for scene in scenes] == ["harmful"] * 4 + ["needed"] * 4
    for scene, known in zip(scenes, roles, strict=True):
        assert list(known) == scene.manual.split() and scene.fault in known.values()


@pytest.mark.parametrize(
    ("text", "fault", "pole", "half_seen"),
    [
        ("red circle", "ambiguous", None, False),
        ("red circle", "ambiguous", 240.0, True),  # covers the twin
        ("red circle", "ambiguous", 205.0, False),  # 5 pixels of it
        ("red circle", "ambiguous", 105.0, True),  # 15 pixels of the target
        ("blue circle", "wrong_target", None, False),
        ("blue circle", "wrong_target", 240.0, True),  # what is meant
        ("blue circle", "wrong_target", 105.0, False),
        ("red circle", "none", 105.0, False),
    ],
)
def test_what_stands_behind_the_pole_is_no_planted_fault(benchmark_of, text, fault, pole, half_seen):
    """Target and other thing are 40 pixels wide about x = 80 and 240."""
    other = replace(BLUE, colour="red") if fault == "ambiguous" else BLUE
    scene = Scene((RED, other), (0.0, 0.0), pole, 1, text, fault)
    assert benchmark_of("planted_scenes")._half_seen(scene) is half_seen


def test_colours_change_in_the_frames_that_are_written(benchmark_of, tmp_path):
    import cv2

    bench = benchmark_of("planted_scenes")
    scene = bench.ChangingScene((replace(RED, tint=(205, 35, 40)), replace(BLUE, tint=(40, 70, 205))), (0.0, 0.0), None,
                                1, "red circle", bench.CHANGES, change=2)  # fmt: skip
    [name] = bench.write_planted(tmp_path, [scene], 4)
    frames = [cv2.imread(str(tmp_path / "circle" / name / "img" / f"{t:08d}.jpg")) for t in range(1, 5)]
    assert [int(np.argmax(frame[120, 80])) for frame in frames] == [2, 2, 0, 0]  # BGR: red, then blue
