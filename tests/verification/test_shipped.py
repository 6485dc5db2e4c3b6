"""The shipped verifiers on films that no training has seen, and with faults put into what they are told."""

from dataclasses import replace

import numpy as np
import pytest

from chatdesc.backends import create
from chatdesc.types import Verify
from chatdesc.verification.figures import Judged
from tests.verification.test_learned import made

NAMES = ("similarity", "learned", "learned:tiny:verifier-linear")
COSINES = [p + n for p in ("", "background_", "beside_") for n in ("template", "recent", "text")]


def judged(name, frames, seen=lambda e: e):
    verifier = create("verifier", name)
    return Judged.of(frames, verifier.choose([Verify("", seen(e)) for e in frames]))


@pytest.fixture(scope="module")
def frames():
    return [made(k) for k in range(5000, 5300)]


@pytest.mark.parametrize("name", NAMES)
def test_the_target_is_found_where_it_alone_is_like_the_template(name, frames):
    found = judged(name, frames)
    assert found.share() > 0.9
    assert found.none_auc() > 0.9


def squeezed(e):
    return replace(e, anchor=None, **{n: 0.5 + 0.5 * getattr(e, n) if "text" not in n else 0.2 + 0.1 * getattr(e, n)
                                      for n in COSINES})  # fmt: skip


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
    "features of another proposal": lambda e: replace(e, template=np.roll(e.template, 1), recent=np.roll(e.recent, 1)),
    "beside for the proposals": lambda e: replace(e, template=e.beside_template[:3], recent=e.beside_recent[:3]),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", NAMES)
def test_a_wiring_fault_is_noticed(name, fault, frames):
    assert judged(name, frames, FAULTS[fault]).share() < 0.6
