"""Verification with the offline encoder as it is, and with its cosines pushed into a narrow cone as CLIP's are."""

from functools import cache

import numpy as np
import pytest

from chatdesc.backends import create
from chatdesc.config import Settings
from chatdesc.metrics.overlap import iou
from chatdesc.stages.track import track
from chatdesc.synthetic import backdrop, draw, scenes
from chatdesc.types import Embed, Follow, Followed, Frames
from tests.makers.sequences import drive, leads, png, sequence_of
from tests.standins.narrow_cone import NarrowCone

FRAMES, EVERY = 13, 4


@cache
def films():
    """(sequence, boxes [n, 13, 4] of its things, the target first) of six scenes."""
    found = []
    for k, scene in enumerate(scenes(6, FRAMES, seed=5)):
        files = {f"{t}.png": png(draw(scene, t, backdrop(scene.background))) for t in range(FRAMES)}
        boxes = np.stack([[scene.box(thing, t) for t in range(FRAMES)] for thing in scene.things])
        sequence = sequence_of(1, boxes[0][0], name=f"{k}")
        frames = Frames(tuple(files), files.__getitem__)
        found.append((type(sequence)(f"{k}", "synthetic", None, None, frames, boxes[0]), boxes))
    return found


def answers(encoder, boxes):
    """A sure tracker that is stuck three sizes off from the first frame on, and a grounder that finds every thing."""

    def answer(request):
        if isinstance(request, Follow):
            stuck = boxes[0, 0] + np.float32([3, 0, 0, 0]) * boxes[0, 0, 2]
            held = request.session if request.init is None else stuck if request.start == 1 else request.init
            count = request.stop - request.start
            return Followed(np.tile(np.float32(held), (count, 1)), np.full(count, 0.95, np.float32), held)
        if isinstance(request, Embed):
            return encoder.embed([request])[0]
        return leads("thing", *(("thing", b, 0.5) for b in boxes[:, request.frame.index]))

    return answer


def tracks(encoder, verifier):
    settings = Settings(ground_every=EVERY, verifier=verifier)
    found = []
    for sequence, boxes in films():
        steps = track(sequence, "thing", (), settings, 0.3, "attributes")
        found.append(drive(steps, answers(encoder, boxes))[0])
    return found


@pytest.fixture(scope="module")
def encoder():
    return create("encoder", "attributes")


def overlap(done):
    """Mean IoU from the first key frame on."""
    pairs = zip(done, films(), strict=True)
    return float(np.mean([iou(d.boxes, sequence.boxes)[EVERY:].mean() for d, (sequence, _) in pairs]))


def test_a_narrow_cone_changes_no_track(encoder):
    for wide, narrow in zip(tracks(encoder, "similarity"), tracks(NarrowCone(encoder), "similarity"), strict=True):
        np.testing.assert_array_equal(wide.boxes, narrow.boxes)
        assert (wide.key_frames, wide.none_frames) == (narrow.key_frames, narrow.none_frames)


def test_a_lost_tracker_is_brought_back_with_a_narrow_cone(encoder):
    found = {name: overlap(tracks(NarrowCone(encoder), name)) for name in ("similarity", "raw-similarity", "oracle")}
    assert found["oracle"] - found["similarity"] < 0.2  # its vectors tell a box from its half badly
    assert found["similarity"] - found["raw-similarity"] > 0.3
