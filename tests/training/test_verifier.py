import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

TRAINING = Path(__file__).resolve().parents[2] / "training"
if not TRAINING.is_dir():
    pytest.skip("the training recipes are not here (they are in the repository only)", allow_module_level=True)
sys.path.insert(0, str(TRAINING))

import films  # noqa: E402
import verifier_data  # noqa: E402

from chatdesc.backends import create  # noqa: E402
from chatdesc.evidence import Choice  # noqa: E402
from chatdesc.metrics.overlap import iou  # noqa: E402
from chatdesc.types import Verify  # noqa: E402
from tests.makers.evidence import HERE, THERE, evidence  # noqa: E402


@pytest.fixture(scope="module")
def shown():
    return list(films.films("train", 6))


def test_no_film_is_in_two_splits():
    starts = {s: {f.things[0, 0].tobytes() for f in films.films(s, 6)} for s in films.SEEDS}
    assert len(set.union(*starts.values())) == sum(map(len, starts.values())) == 18


def test_every_second_target_is_away_for_a_while(shown):
    away = [(~film.sequence.valid()).sum() for film in shown]
    assert all(film.sequence.valid()[0] for film in shown)
    assert all(count >= 8 for count in away[1::2])


def test_boxes_move_with_the_zoom():
    """A white patch on black, enlarged as frames are, lies where its box is moved to."""
    image, box = np.zeros((240, 320, 3), np.uint8), np.float32([100, 60, 40, 30])
    image[60:90, 100:140] = 255
    middle = np.array([110.0, 80.0])
    seen = films._enlarged(image, 1.6, middle)[..., 0] > 127
    (top, bottom), (left, right) = (np.flatnonzero(seen.any(axis))[[0, -1]] for axis in (1, 0))
    found = np.float32([left, top, right + 1 - left, bottom + 1 - top])
    assert iou(found, films._moved(box, 1.6, middle)) > 0.95
    assert films._zoom(0.5)[0] == films._zoom(-0.5)[-1] == 1


def test_failing_trackers_fail_in_their_way(shown):
    film = next(f for f in shown if len(f.things) > 1)
    first = film.sequence.boxes[0]
    follow = films.Follow(film.sequence.frames, 1, 30, init=first)
    tracks = {kind: films.Failing(kind, [film]).follow([follow])[0].boxes for kind in ("still", "drift", "switch")}
    assert (tracks["still"] == first).all()
    assert iou(tracks["drift"][0], film.sequence.boxes[1]) > 0.5 > iou(tracks["drift"][-1], film.sequence.boxes[29])
    np.testing.assert_array_equal(tracks["switch"][-1], film.things[1, 29])


class Says:
    def __init__(self, index):
        self.index = index

    def choose(self, requests):
        return [Choice(self.index) for _ in requests]


def test_what_decides_is_drawn_between_verifiers():
    drawn = verifier_data.Drawn([Says(0), Says(1)])
    asked = [Verify("", replace(evidence([THERE, HERE]), seed=seed)) for seed in range(4)]
    assert [c.index for c in drawn.choose(asked)] == [0, 1, 0, 1]


def test_recorded_films_are_kept_and_have_their_truth(shown, tmp_path):
    models = {role: create(role, "attributes") for role in ("grounder", "encoder")}
    settings = films.from_preset("offline", ground_every=20)
    grounder = films.Remembered(models["grounder"])
    bench = films.Bench(shown[:1], grounder, models["encoder"], settings, models["grounder"].threshold)
    verifier_data.record(bench, tmp_path, verifier_data.mixed(), ["still"])
    [file] = tmp_path.glob("still/*.npz")
    before = file.stat().st_mtime_ns
    verifier_data.record(bench, tmp_path, None, ["still"])  # nobody is asked again
    assert file.stat().st_mtime_ns == before
    found = verifier_data.load(tmp_path, ["still"])
    assert {(one.film, one.kind) for one in found} == {(shown[0].sequence.name, "still")}
    for one in found:
        visible = shown[0].sequence.valid()[one.seen.frame]
        truth = one.seen.evidence.truth
        assert (truth is not None) == visible
        assert truth is None or truth.tolist() == shown[0].sequence.boxes[one.seen.frame].tolist()
