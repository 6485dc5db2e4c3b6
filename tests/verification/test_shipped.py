"""The shipped verifiers on key frames where the choice is clear, and with faults put into what they are told."""

from dataclasses import replace

import numpy as np
import pytest

from chatdesc.backends import create
from chatdesc.metrics.overlap import iou_matrix
from chatdesc.types import Verify
from chatdesc.verification.figures import Judged
from tests.makers.evidence import evidence

NAMES = ("similarity", "learned", "learned:tiny:verifier-linear")
COSINES = [p + n for p in ("", "background_", "beside_") for n in ("template", "recent", "text")]
WAS = [100, 80, 24, 24]


def clear(seed):
    """A tracker that stands still; the target, if it is there, has moved on, and alone looks like the template."""
    rng = np.random.default_rng(seed)
    since = int(rng.integers(4, 24))
    target = [*(np.array(WAS[:2]) + rng.normal(0, 1.5 * since, 2)), 24, 24]
    other = [*rng.uniform(10, 280, 2), 24, 24]
    here = rng.random() < 0.7
    boxes = [*rng.permutation([target, other] if here else [other]), WAS]
    on_it = iou_matrix(np.float32(boxes), np.float32([target]))[:, 0] if here else np.zeros(2)
    cosines = np.where(on_it > 0.5, 0.9, 0.2) + rng.normal(0, 0.03, len(boxes))
    beside = rng.uniform(-0.1, 0.15, 4)
    return evidence(
        boxes, truth=target if here else None, template=cosines, recent=cosines, text=0.8 * cosines, anchor=0.72,
        beside_template=beside, beside_recent=beside, beside_text=0.8 * beside, previous=WAS, verified=WAS,
        scores=[*rng.uniform(0.5, 0.9, len(boxes) - 1), 0.9], verified_score=0.9, since=since,
        age=since + int(rng.integers(0, 12)), first=np.array([60, 60, 24, 24], np.float32),
    )  # fmt: skip


def judged(name, frames, seen=lambda e: e):
    verifier = create("verifier", name)
    return Judged.of(frames, verifier.choose([Verify("", seen(e)) for e in frames]))


@pytest.fixture(scope="module")
def frames():
    return [clear(k) for k in range(300)]


@pytest.mark.parametrize("name", NAMES)
def test_the_target_is_found_where_it_alone_is_like_the_template(name, frames):
    found = judged(name, frames)
    assert found.share() > 0.85
    assert found.none_auc() > 0.9


def squeezed(e):
    narrow = {n: 0.5 + 0.5 * getattr(e, n) if "text" not in n else 0.2 + 0.1 * getattr(e, n) for n in COSINES}
    return replace(e, anchor=0.2 + 0.1 * e.anchor, **narrow)


@pytest.mark.parametrize("name", NAMES)
def test_a_narrow_cone_changes_nothing(name, frames):
    assert abs(judged(name, frames, squeezed).share() - judged(name, frames).share()) < 0.01


@pytest.mark.parametrize("name", NAMES)
def test_the_truth_is_not_looked_at(name, frames):
    verifier = create("verifier", name)
    plain = verifier.choose([Verify("", e) for e in frames])
    lies = [replace(e, truth=e.boxes[0]) for e in frames]
    assert verifier.choose([Verify("", e) for e in lies]) == plain


FAULTS = {
    "features of another proposal": lambda e: replace(e, template=e.template[::-1], recent=e.recent[::-1]),
    "beside for the proposals": lambda e: replace(
        e, template=e.beside_template[: len(e.boxes)], recent=e.beside_recent[: len(e.boxes)]
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", NAMES)
def test_a_wiring_fault_is_noticed(name, fault, frames):
    assert judged(name, frames, FAULTS[fault]).share() < 0.8
