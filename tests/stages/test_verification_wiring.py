"""Deliberate wiring faults of verification, one at a time: each must be noticed by one of the checks here."""

from dataclasses import replace
from zlib import crc32

import numpy as np
import pytest

from chatdesc.config import Settings
from chatdesc.evidence import Choice, Evidence
from chatdesc.stages import track as tracking
from chatdesc.stages.track import track
from chatdesc.types import Embedding, Follow, Followed, Ground
from tests.makers.evidence import HERE, THERE, evidence
from tests.makers.sequences import drive, flat, leads, sequence_of
from tests.makers.verifiers import VERIFIERS

OTHER, TREE = [30, 5, 18, 18], [5, 25, 14, 14]


def vector(*named):
    """A unit vector of its own for every name."""
    values = np.random.default_rng(crc32(repr(named).encode())).normal(size=64)
    return (values / np.linalg.norm(values)).astype(np.float32)


def of_crop(index, box):
    return vector("crop", index, [round(float(v)) for v in box])


def answer(request):
    """A tracker that moves a pixel per frame, a grounder that finds two boxes, and an encoder that knows every crop."""
    if isinstance(request, Follow):
        start = request.session if request.init is None else np.float32(request.init)
        count = request.stop - request.start
        boxes = start + np.arange(1, count + 1)[:, None] * np.float32([1, 0, 0, 0])
        return Followed(boxes.astype(np.float32), np.full(count, 0.8, np.float32), boxes[-1])
    if isinstance(request, Ground):
        if request.text == "tree":
            return leads("tree", ("tree", TREE, 0.7))
        return leads("kite", ("kite", THERE, 0.9), ("kite", OTHER, 0.6))
    crops = np.stack([of_crop(c.frame.index, c.box) for c in request.crops])
    return Embedding(crops, np.array([vector(t) for t in request.texts], np.float32), np.zeros(0, bool))


def seen(monkeypatch, decide, verifier="similarity"):
    """The evidence of two key frames (4 and 8), the track, and what was asked; ``decide`` chooses."""
    found = []
    steps = track(sequence_of(10, HERE), "kite", ("tree",), Settings(ground_every=4), 0.35, "attributes")
    with monkeypatch.context() as now:
        now.setitem(VERIFIERS, verifier, lambda e: found.append(e) or decide(e))
        done, asked = drive(steps, answer)
    return found, done, flat(asked)


def the_evidence_is_that_of_its_proposals(monkeypatch):
    """On frame 8; on frame 4 the first language box was verified, so the tracker goes on from there."""
    (first, e), _, _ = seen(monkeypatch, lambda e: Choice(0))
    own = [64, 10, 20, 20]
    np.testing.assert_array_equal(first.boxes, [THERE, OTHER, [14, 10, 20, 20]])
    np.testing.assert_array_equal(e.boxes, [THERE, OTHER, own])
    crops = np.stack([of_crop(8, b) for b in e.boxes])
    tree, beside = of_crop(8, TREE)[None], of_crop(0, [40, 10, 20, 20])[None]
    for name, other in (("template", of_crop(0, HERE)), ("recent", of_crop(4, THERE)), ("text", vector("kite"))):
        np.testing.assert_allclose(getattr(e, name), crops @ other, atol=1e-6)
        np.testing.assert_allclose(getattr(e, f"background_{name}"), tree @ other, atol=1e-6)
        np.testing.assert_allclose(getattr(e, f"beside_{name}"), beside @ other, atol=1e-6)
    assert e.anchor == pytest.approx(float(of_crop(0, HERE) @ vector("kite")), abs=1e-6)
    np.testing.assert_array_equal(e.background, [TREE])
    np.testing.assert_allclose(e.scores, [0.9, 0.6, 0.8])
    assert (e.verified.tolist(), e.since, e.verified_score) == (THERE, 4, pytest.approx(0.8))


def none_of_them_leaves_the_tracker_alone(monkeypatch):
    (_, e, *_), done, asked = seen(monkeypatch, lambda e: Choice(None))
    follows = [r for r in asked if isinstance(r, Follow)]
    assert [f.init is None for f in follows] == [False] + [True] * (len(follows) - 1)
    assert set(done.sources) == {"given", "tracker"}
    assert done.boxes[:, 0].tolist() == list(range(10, 20))
    assert (e.verified.tolist(), e.since) == (HERE, e.boxes[-1, 0] - 10)
    np.testing.assert_allclose(e.recent, e.template, atol=1e-6)
    assert done.none_frames == done.key_frames


def an_answer_is_no_none(monkeypatch):
    for decide in (lambda e: Choice(0), lambda e: Choice(2)):
        (_, e), done, _ = seen(monkeypatch, decide)
        assert (done.none_frames, e.since) == ((), 4)


def an_unsure_choice_is_taken_but_not_remembered(monkeypatch):
    (_, e, *_), done, _ = seen(monkeypatch, lambda e: Choice(0, verified=False))
    assert done.sources[4] == "language"
    assert (e.verified.tolist(), done.none_frames) == (HERE, ())


def doubt_is_greater_where_nothing_is_like_the_target(monkeypatch):
    there = evidence([THERE, HERE], template=[0.2, 0.9], recent=[0.2, 0.9], beside_template=[0.1, 0.2])
    away = replace(there, template=np.float32([0.2, 0.15]), recent=np.float32([0.2, 0.15]))
    present, absent = VERIFIERS["similarity"](there), VERIFIERS["similarity"](away)
    assert (present.index, present.verified, absent.verified) == (1, True, False)
    assert present.doubt < absent.doubt


def the_truth_changes_nothing(monkeypatch):
    e = evidence([THERE, HERE, OTHER], template=[0.6, 0.5, 0.4])
    truths = [np.array(box, np.float32) for box in (THERE, HERE, OTHER)]
    answers = {VERIFIERS["similarity"](replace(e, truth=t)) for t in (None, *truths)}
    assert len(answers) == 1


CHECKS = (
    the_evidence_is_that_of_its_proposals,
    none_of_them_leaves_the_tracker_alone,
    an_answer_is_no_none,
    an_unsure_choice_is_taken_but_not_remembered,
    doubt_is_greater_where_nothing_is_like_the_target,
    the_truth_changes_nothing,
)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_verification_is_wired_right(check, monkeypatch):
    check(monkeypatch)


def evidence_with(change):
    """Evidence as ``track`` makes it, changed."""

    def put(monkeypatch):
        def changed(*given, **named):
            e = Evidence(*given, **named)
            return replace(e, **change(e))

        monkeypatch.setattr(tracking, "Evidence", changed)

    return put


def answers_with(change):
    """The answers of ``similarity``, changed."""

    def put(monkeypatch):
        own = VERIFIERS["similarity"]
        monkeypatch.setitem(VERIFIERS, "similarity", lambda e: change(own(e), e))

    return put


def decided_with(change):
    """What ``track`` is told, changed."""

    def put(monkeypatch):
        own = tracking._decide

        monkeypatch.setattr(tracking, "_decide", lambda e, choice, *rest: own(e, change(choice), *rest))

    return put


MUTANTS = {
    "features of another proposal": evidence_with(lambda e: {"template": np.roll(e.template, 1)}),
    "all features of another proposal": evidence_with(
        lambda e: {name: getattr(e, name)[::-1] for name in ("template", "recent", "text", "scores")}
    ),
    "boxes of another proposal": evidence_with(lambda e: {"boxes": e.boxes[::-1]}),
    "template and last verified swapped": evidence_with(lambda e: {"template": e.recent, "recent": e.template}),
    "last verified box is the tracker's own": evidence_with(lambda e: {"verified": e.previous}),
    "background taken for proposals": evidence_with(lambda e: {"background_template": e.template}),
    "none inverted": decided_with(lambda c: Choice(0) if c.index is None else Choice(None)),
    "none ignored": decided_with(lambda c: Choice(c.index or 0)),
    "doubt inverted": answers_with(lambda c, e: replace(c, verified=not c.verified, doubt=-c.doubt)),
    "truth leaks in": answers_with(lambda c, e: c if e.truth is None else VERIFIERS["oracle"](e)),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_wiring_fault_of_verification_is_noticed(name, monkeypatch):
    MUTANTS[name](monkeypatch)
    assert any(lost(check, monkeypatch) for check in CHECKS), "no check notices this fault"


def lost(check, monkeypatch):
    try:
        check(monkeypatch)
    except Exception:
        return True
    return False
