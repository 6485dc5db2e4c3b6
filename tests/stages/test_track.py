from dataclasses import replace

import numpy as np
import pytest

from chatdesc.config import Settings
from chatdesc.evidence import Choice
from chatdesc.stages.sequence import tracking_column
from chatdesc.stages.track import MAX_PROPOSALS, Phrase, next_stop, top_proposals, track
from chatdesc.types import BackendError, Embed, Embedding, Follow, Followed, Ground
from tests.makers.sequences import drive, flat, leads, sequence_of
from tests.makers.verifiers import VERIFIERS

HERE, THERE, EVEN = [10, 10, 20, 20], [60, 10, 20, 20], [12, 10, 20, 20]
EVERY = Settings(ground_every=4, min_score=0.2)


class Scene:
    """A scripted tracker, grounder and encoder.

    The tracker stays where it was started, at ``scores`` per frame (0.9 where none is given); it ends a call after a
    score below the limit. With ``drift`` it goes that many pixels to the right per frame. The grounder finds ``found``
    [(box, score)]; crops that look like the target are ``like``.
    """

    def __init__(self, found=(), scores=None, like=(HERE,), background=(), drift=0):
        self.drift = np.float32([drift, 0, 0, 0])
        self.found, self.scores, self.background = list(found), scores or {}, list(background)
        self.like = [tuple(map(float, b)) for b in like]

    def __call__(self, request):
        if isinstance(request, Follow):
            return self.follow(request)
        if isinstance(request, Ground):
            found = self.background if " . " in request.text or request.text == "pole" else self.found
            word = request.text.split()[0]
            return leads(request.text, *((word, box, score) for box, score in found))
        crops = [[1.0, 0.0] if tuple(map(float, c.box)) in self.like else [0.0, 1.0] for c in request.crops]
        return Embedding(np.array(crops, np.float32), np.array([[1, 0]], np.float32), np.zeros(1, bool))

    def follow(self, request):
        box = request.session if request.init is None else request.init
        scores = []
        for t in range(request.start, request.stop):
            scores.append(self.scores.get(t, 0.9))
            if scores[-1] < request.min_score:
                break
        boxes = np.float32([box + (k + 1) * self.drift for k in range(len(scores))])
        return Followed(boxes, np.array(scores, np.float32), boxes[-1])


def run(scene, settings=EVERY, frames=14, text="kite", background=(), boxes=HERE, **changes):
    sequence = sequence_of(frames, boxes, **changes)
    done, asked = drive(track(sequence, text, background, settings, 0.35, "attributes"), scene)
    assert len(done.boxes) == len(done.sources) == len(done.scores) == frames
    return done, flat(asked)


def of_kind(asked, kind):
    return [r for r in asked if isinstance(r, kind)]


@pytest.mark.parametrize(
    ("every", "frames", "keys"),
    [(4, 14, (4, 8, 12)), (4, 13, (4, 8, 12)), (1, 4, (1, 2, 3)), (20, 14, ()), (13, 14, (13,)), (4, 1, ())],
)
def test_key_frames_every_k_th(every, frames, keys):
    done, asked = run(Scene([(HERE, 0.9)]), Settings(ground_every=every), frames)
    assert done.key_frames == keys
    assert [g.frame.index for g in of_kind(asked, Ground)] == list(keys)
    assert done.boxes.dtype == done.scores.dtype == np.float32
    assert done.sources == ("given",) + ("tracker",) * (frames - 1)


def test_a_tracker_that_language_agrees_with_is_never_restarted():
    unsure = dict.fromkeys(range(14), 0.5)  # so that the language box wins the verification
    for found in ([(EVEN, 0.99)], [(HERE, 0.99)], []):
        done, asked = run(Scene(found, unsure, like=[HERE, EVEN]))
        inits = [f.init for f in of_kind(asked, Follow)]
        assert inits[0].tolist() == HERE
        assert inits[1:] == [None] * (len(inits) - 1)
        assert set(done.sources) == {"given", "tracker"}
        np.testing.assert_array_equal(done.boxes, np.tile(np.float32(HERE), (14, 1)))
        np.testing.assert_allclose(done.scores, [1.0] + [0.5] * 13)


def test_a_tracker_that_lost_the_target_starts_anew_from_the_language_box():
    """The target stands at THERE from the first frame on, but the given box of the tracker drifts off it."""
    lost = Scene([(THERE, 0.8)], like=[HERE, THERE])
    lost.like.remove(tuple(map(float, HERE)))

    def answer(request):
        reply = lost(request)
        if isinstance(request, Embed):  # the template, and what was verified last, look like the target
            reply.crops[:2] = [1, 0]
        return reply

    sequence = sequence_of(10, HERE)
    done, asked = drive(track(sequence, "kite", (), EVERY, 0.35, "attributes"), answer)
    follows = of_kind(flat(asked), Follow)
    assert done.key_frames == (4, 8)
    assert done.sources == ("given", *["tracker"] * 3, "language", *["tracker"] * 5)
    np.testing.assert_array_equal(follows[1].init, THERE)
    assert (follows[1].start, follows[1].session, follows[2].init) == (5, None, None)
    np.testing.assert_array_equal(done.boxes[:4], np.tile(np.float32(HERE), (4, 1)))
    np.testing.assert_array_equal(done.boxes[4:], np.tile(np.float32(THERE), (6, 1)))
    np.testing.assert_allclose(done.scores, [1.0, 0.9, 0.9, 0.9, 0.8, 0.9, 0.9, 0.9, 0.9, 0.9])


def test_a_low_score_calls_for_language_early_and_then_waits_a_while():
    scores = dict.fromkeys(range(6, 30), 0.1)
    done, asked = run(Scene([(HERE, 0.9)], scores), Settings(ground_every=16, min_score=0.2), 30)
    # frame 6 is low; for 16 // 4 frames after a key frame low scores do not count
    assert done.key_frames == (6, 11, 16, 21, 26)
    assert [f.min_score for f in of_kind(asked, Follow)][:4] == [0.2, 0.0, 0.2, 0.0]


@pytest.mark.parametrize(
    ("at", "last", "expected"),
    [
        (1, None, (17, 16, 0.2)),  # to the first key frame, and that one included
        (16, None, (17, 16, 0.2)),
        (17, 16, (21, 32, 0.0)),  # the calm after a key frame: 16 // 4 frames
        (20, 16, (21, 32, 0.0)),
        (21, 16, (33, 32, 0.2)),
        (31, 30, (33, 32, 0.0)),  # a key frame that is due ends the calm
        (33, 32, (37, 48, 0.0)),
        (37, 32, (40, 48, 0.2)),  # the video ends before the next one is due
        (38, 36, (40, 48, 0.0)),
    ],
)
def test_how_far_to_track_before_the_next_decision(at, last, expected):
    assert next_stop(at, 40, last, Settings(ground_every=16, min_score=0.2)) == expected


def test_a_target_that_was_not_found_is_looked_for_sooner():
    every_16 = Settings(ground_every=16, min_score=0.2)
    assert next_stop(17, 40, 16, every_16, searching=True) == (21, 20, 0.0)  # 16 // 4 frames after the last look
    assert next_stop(30, 40, 29, every_16, searching=True) == (33, 32, 0.0)  # the next one is due sooner
    assert next_stop(3, 9, 2, Settings(ground_every=1), searching=True) == next_stop(3, 9, 2, Settings(ground_every=1))


def test_the_search_ends_after_a_while(monkeypatch):
    settings = Settings(ground_every=16)
    monkeypatch.setitem(VERIFIERS, "similarity", lambda e: Choice(None))
    done, _ = run(Scene([(THERE, 0.9)]), settings, 70)
    assert done.key_frames == done.none_frames == (16, 20, 24, 28, 32, 48, 64)
    monkeypatch.setitem(VERIFIERS, "similarity", lambda e: Choice(0 if e.since > 20 else None))
    done, _ = run(Scene([(THERE, 0.9)], {24: 0.5, 48: 0.5}), settings, 70)
    assert done.none_frames == (16, 20, 32, 36, 40, 44, 64, 68)
    assert sorted(set(done.key_frames) - set(done.none_frames)) == [24, 48]


def test_an_unsure_trackers_box_is_not_remembered_unless_words_lead_to_it(monkeypatch):
    """Its score is 0 on frame 4. If nothing was verified there, the next look is on frame 5, at the given box still."""
    for found, since in (([(THERE, 0.9)], 5), ([(EVEN, 0.9)], 4)):
        seen = []
        monkeypatch.setitem(VERIFIERS, "similarity", lambda e, seen=seen: seen.append(e) or Choice(len(e.boxes) - 1))
        run(Scene(found, {4: 0.0}, like=[HERE]), Settings(ground_every=4, min_score=0.2), 10)
        assert [e.since for e in seen[:2]] == [4, since]


def test_what_is_remembered_is_the_proposal_that_was_verified(monkeypatch):
    """It agrees with the tracker's box, so the tracker is not restarted; but the box that was verified is another."""
    seen = []
    monkeypatch.setitem(VERIFIERS, "similarity", lambda e: seen.append(e) or Choice(0))
    run(Scene([(EVEN, 0.9)]), frames=10)
    assert [e.verified.tolist() for e in seen] == [HERE, EVEN]


@pytest.mark.parametrize(("boxes", "scores"), [(0, 0), (5, 5), (2, 1), (1, 4)])
def test_a_tracker_that_answers_for_other_frames_than_it_was_asked_for_is_refused(boxes, scores):
    def tracker(request):
        assert request.stop - request.start == 4
        return Followed(np.tile(np.float32(HERE), (boxes, 1)), np.full(scores, 0.9, np.float32), "session")

    with pytest.raises(BackendError, match=rf"the tracker gave {boxes} box.* and {scores} score.* for 4 frames"):
        drive(track(sequence_of(5, HERE), "", (), EVERY, 0.35, "attributes"), tracker)


def test_a_tracker_may_answer_for_fewer_frames_and_in_double_precision():
    def tracker(request):
        return Followed(np.array([[0.1 + request.start, 10, 20, 20]]), np.array([0.9]), "session")

    done, _ = drive(track(sequence_of(5, HERE), "", (), EVERY, 0.35, "attributes"), tracker)
    assert done.boxes.dtype == done.scores.dtype == np.float32
    assert done.boxes[:, 0].tolist() == [10, *map(float, np.float32([1.1, 2.1, 3.1, 4.1]))]


def test_without_a_text_there_is_no_language():
    done, asked = run(Scene([(THERE, 0.9)], dict.fromkeys(range(14), 0.0)), text="")
    assert (done.key_frames, done.sources) == ((), ("given",) + ("tracker",) * 13)
    [follow] = asked
    assert (follow.start, follow.stop, follow.min_score) == (1, 14, 0.0)
    assert len(done.chosen_iou) == len(done.random_iou) == len(done.oracle_iou) == 0


def test_background_is_grounded_apart():
    scene = Scene([(EVEN, 0.9)], background=[(EVEN, 0.9)])
    _, asked = run(scene, background=("tall tree", "pole"), frames=6)
    assert [g.text for g in of_kind(asked, Ground)] == ["kite", "tall tree . pole"]
    assert [g.text for g in of_kind(run(scene, frames=6)[1], Ground)] == ["kite"]


def test_words_of_place_are_grounded_as_long_as_they_fit_where_the_target_is():
    """The target starts on the left of a frame 64 pixels wide and is beyond its middle from frame 6 on."""
    text = "red kite on the left"
    scene = Scene(drift=3, like=[HERE, *([10 + 3 * k, 10, 20, 20] for k in (4, 8, 12))])
    done, asked = run(scene, text=text)
    assert [g.text for g in of_kind(asked, Ground)] == [text, "red kite", "red kite"]
    assert (done.key_frames, done.places_dropped) == ((4, 8, 12), (8, 12))
    assert {r.texts for r in of_kind(asked, Embed)} == {(text,)}
    assert {r.text for r in of_kind(asked, Follow)} == {text}
    whole, asked = run(scene, Settings(ground_every=4, drop_places=False), text=text)
    assert [g.text for g in of_kind(asked, Ground)] == [text] * 3
    assert whole.places_dropped == ()


def test_a_text_that_is_nothing_but_a_place_is_grounded_as_it_is():
    done, asked = run(Scene(drift=3), text="on the left")
    assert {g.text for g in of_kind(asked, Ground)} == {"on the left"}
    assert done.places_dropped == ()


def test_the_evidence_of_a_key_frame(monkeypatch):
    seen = []
    monkeypatch.setitem(VERIFIERS, "similarity", lambda e: seen.append(e) or Choice(len(e.boxes) - 1))
    scene = Scene(
        [(EVEN, 0.8), (THERE, 0.9)], {4: 0.5}, like=[HERE, THERE], background=[(EVEN, 0.7), (HERE, 0.1)], drift=1
    )
    done, _ = run(scene, frames=6, background=("tall tree", "pole"), boxes=moved(THERE, 6))
    [e] = done.evidence
    assert seen[0].truth is None  # no verifier but the oracle is shown it
    assert e.boxes.tolist() == [THERE, EVEN, [14, 10, 20, 20]]
    np.testing.assert_allclose(e.scores, [0.9, 0.8, 0.5])
    for cosines in (e.template, e.recent, e.text):
        np.testing.assert_array_equal(cosines, [1, 0, 0])
    assert (e.background.tolist(), e.background_scores.tolist()) == ([EVEN], [pytest.approx(0.7)])
    assert (e.previous.tolist(), e.truth.tolist()) == ([13, 10, 20, 20], THERE)


def test_what_is_embedded_on_a_key_frame():
    _, asked = run(Scene([(THERE, 0.9), (EVEN, 0.3)]), frames=10)
    first, second = of_kind(asked, Embed)
    assert (first.encoder, first.texts) == ("attributes", ("kite",))
    # template, last verified crop, the proposals above the threshold, the tracker's own box; and once what is beside
    # the target in the first frame, as far as it is in the frame (64 x 48)
    own, beside = [(0, HERE), (0, HERE), (4, THERE), (4, HERE)], (0, [40, 10, 20, 20])
    assert [(c.frame.index, c.box.tolist()) for c in first.crops] == [*own, beside]
    assert [(c.frame.index, c.box.tolist()) for c in second.crops[:2]] == [(0, HERE), (4, HERE)]
    assert len(second.crops) == 4


def moved(box, frames=14):
    """Ground truth that is elsewhere from frame 1 on."""
    boxes = np.tile(np.float32(box), (frames, 1))
    boxes[0] = HERE
    return boxes


def test_the_truth_does_not_move_a_track():
    scene = Scene([(THERE, 0.9), (EVEN, 0.6)], {6: 0.1}, like=[EVEN])
    for verifier in ("similarity", "random"):
        tracks = [run(scene, Settings(ground_every=4, verifier=verifier), boxes=moved(b))[0] for b in (HERE, THERE)]
        np.testing.assert_array_equal(tracks[0].boxes, tracks[1].boxes)
        assert tracks[0].sources == tracks[1].sources
    seeing = Settings(ground_every=4, verifier="oracle")
    assert "language" in run(scene, seeing, boxes=moved(THERE))[0].sources
    assert "language" not in run(scene, seeing, boxes=moved(HERE))[0].sources


def test_verification_is_compared_on_key_frames_with_a_visible_target():
    boxes = moved(THERE)
    visible = np.ones(14, bool)
    visible[8] = False
    done, _ = run(Scene([(THERE, 0.9)]), boxes=boxes, visible=visible)
    assert done.key_frames == (4, 8, 12)
    np.testing.assert_array_equal(done.chosen_iou, [0, 0])
    np.testing.assert_array_equal(done.oracle_iou, [1, 1])
    assert set(done.random_iou) <= {0.0, 1.0}


def test_random_choice_differs_between_sequences_and_repeats():
    many = Scene([([60 + k, 10, 20, 20], 0.9 - k / 50) for k in range(7)], like=[])
    settings = Settings(ground_every=1, verifier="random", seed=-3)
    one, same, other = (run(many, settings, name=n)[0].boxes for n in ("kite-1", "kite-1", "kite-2"))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_top_proposals():
    found = [("kite", [k, 0, 9, 9], s) for k, s in enumerate([0.2, 0.9, 0.5, 0.35, 0.5])]
    boxes, scores = top_proposals(leads("red kite", *found), 0.35)
    assert boxes[:, 0].tolist() == [1, 2, 4, 3]
    np.testing.assert_allclose(scores, [0.9, 0.5, 0.5, 0.35])
    assert len(top_proposals(leads("kite", *[("kite", HERE, 0.9)] * 30), 0.35)[0]) == MAX_PROPOSALS
    for none in (leads("kite"), leads("", *[])):
        assert top_proposals(none, 0.35)[0].shape == (0, 4)


def test_the_tracker_is_told_the_phrase_in_force():
    sequence = sequence_of(14, HERE)
    later = (Phrase(5, "blue kite"), Phrase(10, "tail"))
    steps = track(sequence, "kite", (), EVERY, 0.35, "attributes", later)
    asked = flat(drive(steps, Scene([(HERE, 0.9)]))[1])
    told = [(f.start, f.text) for f in of_kind(asked, Follow)]
    assert [t for s, t in told] == ["kite" if s < 5 else "blue kite" if s < 10 else "tail" for s, _ in told]
    assert {t for _, t in told} == {"kite", "blue kite", "tail"}
    assert [(g.frame.index, g.text) for g in of_kind(asked, Ground)] == [(4, "kite"), (8, "blue kite"), (12, "tail")]


def test_a_sure_tracker_on_something_alike_is_restarted_when_the_same_proposal_wins_again(monkeypatch):
    """Far proposals win on every key frame; the third is not where the second was."""
    alike = {"like": [HERE, THERE, EVEN], "drift": 0}
    monkeypatch.setitem(VERIFIERS, "similarity", lambda e: Choice(0))
    done, _ = run(Scene([(THERE, 0.9)], **alike), Settings(ground_every=16), 40)
    assert done.held_frames == (16,)
    assert done.key_frames[:2] == (16, 20)  # it is asked again soon
    assert done.sources[16:21] == ("tracker",) * 4 + ("language",)
    places = iter([[60, 10, 20, 20], [10, 90, 20, 20], [10, 92, 20, 20]])
    scene = Scene(**alike)

    def answer(request):
        if isinstance(request, Ground):
            return leads(request.text, (request.text, next(places, HERE), 0.9))
        return scene(request)

    monkeypatch.setitem(VERIFIERS, "similarity", lambda e: Choice(0 if len(e.boxes) > 1 else None))
    done, _ = drive(track(sequence_of(30, HERE), "kite", (), Settings(ground_every=16), 0.35, "attributes"), answer)
    assert done.held_frames == (16, 20)
    assert done.sources[24] == "language"


@pytest.mark.parametrize("change", ["unsure", "unlike"])
def test_an_unsure_tracker_or_one_on_something_else_is_restarted_at_once(change, monkeypatch):
    monkeypatch.setitem(VERIFIERS, "similarity", lambda e: Choice(0))
    found = [(THERE, 0.9)]
    scene = Scene(found, {4: 0.5}) if change == "unsure" else Scene(found, like=[HERE], drift=1)
    done, _ = run(scene, frames=6)
    assert (done.held_frames, done.sources[4]) == ((), "language")


def test_where_a_tracker_is_held_its_own_box_counts(monkeypatch):
    monkeypatch.setitem(VERIFIERS, "similarity", lambda e: Choice(0))
    done, _ = run(Scene([(THERE, 0.9)], like=[HERE, THERE]), frames=6, boxes=HERE)
    assert (done.held_frames, done.key_frames) == ((4,), (4, 5))
    np.testing.assert_allclose(done.chosen_iou, [1, 0])  # held, then taken


class Listens(Scene):
    """A tracker that is given the words."""

    def follow(self, request):
        return replace(super().follow(request), text=request.text)


def test_what_the_tracker_was_told_stands_with_its_first_frame():
    later = (Phrase(6, "kite on the left"),)
    sequence = sequence_of(14, HERE)
    done, asked = drive(track(sequence, "kite", (), EVERY, 0.35, "attributes", later), Listens([(HERE, 0.9)]))
    told = [(r.start, r.text) for r in asked if isinstance(r, Follow)]
    changed = min(start for start, text in told if text != "kite")
    assert changed == 6 and done.heard == ((1, "kite"), (6, "kite on the left"))
    assert tracking_column(done, sequence, EVERY)["texts"] == [
        {"start": 1, "text": "kite"}, {"start": 6, "text": "kite on the left"},
    ]  # fmt: skip
    deaf, _ = drive(track(sequence, "kite", (), EVERY, 0.35, "attributes", later), Scene([(HERE, 0.9)]))
    assert deaf.heard == () and tracking_column(deaf, sequence, EVERY)["texts"] == []
