"""Texts tried in tracking: a scripted world in which the tracker goes over to another thing, and one text brings it
back."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from chatdesc.config import Settings
from chatdesc.evidence import Choice
from chatdesc.stages.reflect import reflect, reflect_ranges
from chatdesc.stages.self_consistency import Backwards, backwards, first_box_alone
from chatdesc.stages.track import Phrase
from chatdesc.stages.trials import NoTrials, SelfTrials, TrackTrials, kept, trials_of, window
from chatdesc.types import BackendError, Candidates, Describe, Embed, Embedding, Follow, Followed, Ground
from tests.makers.sequences import drive, flat, leads, sequence_of
from tests.makers.verifiers import VERIFIERS

HERE, THERE = [10, 10, 20, 20], [40, 10, 20, 20]
GOOD, BAD = Phrase(0, "good kite", ("sky",)), Phrase(0, "bad kite")
SWITCH, FRAMES = 6, 16
TRACK = Settings(ground_every=4, feedback=f"track:{FRAMES}", rounds=2)
SELF = replace(TRACK, feedback=f"self:{FRAMES}")


class World:
    """The target is HERE all along. From frame SWITCH on, a tracker that was on it before is THERE, on something else.

    "good" leads HERE and "bad" THERE; only crops of HERE look like the target. ``fails`` are words on which the
    grounder fails in key frames.
    """

    def __init__(self, says=(), fails=()):
        self.says, self.fails = iter(says), fails

    def __call__(self, request):
        if isinstance(request, Describe):
            return f'{{"target": "{next(self.says)}"}}'
        if isinstance(request, Follow):
            return self.follow(request)
        if isinstance(request, Ground):
            return self.ground(request)
        crops = [[1.0, 0.0] if c.box.tolist() == HERE else [0.0, 1.0] for c in request.crops]
        assert isinstance(request, Embed)
        return Embedding(np.array(crops, np.float32), np.array([[1, 0]], np.float32), np.zeros(1, bool))

    def follow(self, request):
        times = [time_of(request.frames, t) for t in range(request.start - 1, request.stop)]
        box, boxes = request.session if request.init is None else request.init.tolist(), []
        for before, now in pairwise(times):
            request.frames[request.start + len(boxes)]
            box = THERE if before < SWITCH <= now else box
            boxes.append(box)
        return Followed(np.array(boxes, np.float32), np.full(len(boxes), 0.9, np.float32), box)

    def ground(self, request):
        request.frame.image()
        if request.frame.index and any(word in request.text for word in self.fails):
            return BackendError("out of memory")
        word = request.text.split()[0]
        return leads(request.text, (word, {"good": HERE, "bad": THERE}[word], 0.9)) if word != "sky" else leads("sky")


def time_of(frames, index):
    """When a frame is, whichever direction the frames are in."""
    return int(frames.paths[index].removeprefix("img/").removesuffix(".png")) - 1


def sequence(**changes):
    return sequence_of(FRAMES, HERE, manual=None, **changes)


def tried(trials, *phrases, world=None):
    gains, asked = drive(trials.of(phrases), world or World())
    return gains, asked


class TestTrack:
    def test_gains_by_hand(self):
        """Lost from 6 on without text; "good" brings it back on the key frame 8."""
        [good, bad], _ = tried(TrackTrials(sequence(), TRACK, 0.35), GOOD, BAD)
        assert good.values == (1,) * 5 + (0,) * 2 + (1,) * 8
        assert bad.values == (1,) * 5 + (0,) * 10
        assert (good.score, good.baseline) == pytest.approx((13 / 15, 5 / 15))
        assert good.difference.mean == pytest.approx(8 / 15)
        assert bad.difference == (0, 0, 0)
        assert (good.kind, good.frames, good.block, good.led) == ("track", FRAMES, 4, ())

    def test_where_it_left_and_onto_what(self):
        [good, bad], _ = tried(TrackTrials(sequence(), TRACK, 0.35), GOOD, BAD)
        assert good.left is None
        assert bad.left == (6, 8, tuple(map(float, THERE)), "tracker")

    def test_what_the_describer_hears(self):
        trials = TrackTrials(sequence(), TRACK, 0.35)
        [bad], _ = tried(trials, BAD)
        left, asked = drive(trials.left("bad kite", bad), World())
        assert [(r.text, r.frame.index) for r in asked] == [("bad kite", 8)]
        assert (left.after, left.of, left.frame.index, left.by, left.words) == (6, FRAMES, 8, "tracker", ("bad",))
        assert (left.box.tolist(), left.target.tolist()) == (THERE, HERE)
        assert drive(trials.left("good kite", replace(bad, left=None)), World()) == (None, [])

    def test_a_text_that_led_the_tracker_away_is_named_as_the_cause(self, monkeypatch):
        """A verifier that takes the words' first proposal; a sure tracker is held on key frame 4, but not on 5."""
        monkeypatch.setitem(VERIFIERS, "credulous", lambda evidence: Choice(0))
        [bad], _ = tried(TrackTrials(sequence(), replace(TRACK, verifier="credulous"), 0.35), BAD)
        assert bad.left == (5, 7, tuple(map(float, THERE)), "language")

    def test_frames_without_the_target_do_not_count(self):
        visible = np.ones(FRAMES, bool)
        visible[4:9] = False
        [bad], _ = tried(TrackTrials(sequence(visible=visible), TRACK, 0.35), BAD)
        assert bad.values == (1,) * 3 + (0,) * 7
        assert bad.left.frame == 9

    def test_tracks_run_in_step(self):
        _, asked = tried(TrackTrials(sequence(), TRACK, 0.35), GOOD, BAD)
        assert [(type(r), r.text) for r in asked[0]] == [(Follow, ""), (Follow, "good kite"), (Follow, "bad kite")]
        assert [type(r) for r in asked[1]] == [Ground, Ground, Ground]  # "good kite" with its background

    def test_a_text_is_tracked_once(self):
        trials = TrackTrials(sequence(), TRACK, 0.35)
        first, _ = tried(trials, GOOD, GOOD)
        again, asked = tried(trials, GOOD)
        assert asked == []
        assert first == again * 2

    def test_a_failure_is_raised(self):
        with pytest.raises(BackendError, match="out of memory"):
            tried(TrackTrials(sequence(), TRACK, 0.35), GOOD, BAD, world=World(fails=("bad",)))


class TestSelf:
    def test_gains_by_hand(self):
        """The way back from THERE stays there, so the directions part in frame 5; from HERE it comes home."""
        over = first_box_alone(sequence())
        [good, bad], _ = tried(SelfTrials(over, SELF, 0.35), GOOD, BAD)
        assert good.values == (1,) * 15
        assert bad.values == (1,) * 6 + (0,) * 9
        assert bad.baseline == pytest.approx(6 / 15)
        assert bad.left == (6, 0, tuple(map(float, THERE)), "tracker")
        assert (good.left, good.kind) == (None, "self")

    def test_where_the_words_lead_is_compared_with_the_track(self):
        """On key frames 4, 8 and 12: "good" leads to its track always, "bad" only where the tracker went astray."""
        [good, bad], _ = tried(SelfTrials(first_box_alone(sequence()), SELF, 0.35), GOOD, BAD)
        assert good.led == (1, 1, 1)
        assert bad.led == (0, 1, 1)

    def test_a_describer_is_shown_what_was_followed_in_the_first_frame(self):
        trials = SelfTrials(first_box_alone(sequence()), SELF, 0.35)
        [bad], _ = tried(trials, BAD)
        left, _ = drive(trials.left("bad kite", bad), World())
        assert (left.frame.index, left.box.tolist(), left.target.tolist()) == (0, THERE, HERE)

    @pytest.mark.parametrize("garbage", [np.nan, 0.0, -7.0, 1e9])
    def test_no_box_but_the_first_is_looked_at(self, garbage):
        boxes = np.tile(np.float32(HERE), (FRAMES, 1))
        boxes[1:] = garbage
        hidden = np.arange(FRAMES) % 2 == 0
        whole, _ = drive(reflect(sequence(), SELF, 0.35), World(["bad kite", "good kite"]))
        blind, _ = drive(
            reflect(replace(sequence(), boxes=boxes, visible=hidden), SELF, 0.35), World(["bad kite", "good kite"])
        )
        assert whole == blind
        assert (whole.scope, whole.chosen.text, len(whole.rounds)) == ("self", "good kite", 2)

    def test_frames_backwards_are_those_of_the_video(self):
        forwards = sequence().frames
        back = Backwards(forwards, 5)
        assert len(back) == 5
        assert [back[i][0, 0, 0] for i in (0, 4, -1)] == [4, 0, 0]
        assert back.encoded(0) == forwards.encoded(4)
        assert back.key != forwards.key
        for index in (5, -6):
            with pytest.raises(IndexError):
                back[index]

    def test_the_way_back_has_one_box(self):
        over = backwards(sequence(), np.float32(THERE))
        assert over.boxes[0].tolist() == THERE
        assert np.isnan(over.boxes[1:]).all()
        assert over.visible is None


@pytest.mark.parametrize("settings", [TRACK, SELF])
def test_every_frame_is_decoded_once(settings):
    """For the tracks of all rounds, in both directions, and for grounding."""
    whole = sequence()
    done, _ = drive(reflect(whole, settings, 0.35), World(["bad kite", "bad kite", "good kite"]))
    assert len(done.rounds) == 3
    assert all(one.gain for one in done.rounds)
    assert Counter(whole.frames.read_bytes.asked) == dict.fromkeys(whole.frames.paths, 1)


def test_without_a_cache_of_its_own_they_would_be_decoded_again():
    whole = sequence()
    tried(TrackTrials(whole, TRACK, 0.35), GOOD, BAD)
    assert max(Counter(whole.frames.read_bytes.asked).values()) > 1


def test_the_next_request_says_where_the_tracker_left_the_target():
    world = World(["bad kite", "good kite"])
    done, asked = drive(reflect(sequence(), TRACK, 0.35), world)
    first, second = (r for r in flat(asked) if isinstance(r, Describe))
    assert first.departure is None
    assert (second.departure.after, second.departure.of, second.ambiguous) == (6, FRAMES, True)
    for part in ("stayed on the object for 6 of 16 frames", "did not bring it back", "tell the two apart: bad"):
        assert part in second.prompt
        assert part not in second.plain_prompt
    assert len(second.prompt) == len(second.plain_prompt) + len(second.departure.said)
    assert [one.gain.score > 0.5 for one in done.rounds] == [False, True]
    assert (done.chosen.text, done.scope) == ("good kite", "track_test_split")


def test_a_tracker_that_fails_is_said_and_may_pass():
    done, _ = drive(reflect(sequence(split="train"), TRACK, 0.35), World(["good kite"], fails=("good",)))
    assert (done.failed_stage, done.may_pass, done.scope) == ("tracking", True, "track")
    assert done.error == "tracking_failed: BackendError: out of memory"
    assert done.rounds[0].gain is None


def test_each_range_is_tried_from_its_first_visible_frame():
    visible = np.ones(FRAMES, bool)
    visible[:10] = False
    settings = replace(TRACK, feedback="track:6", every=8, rounds=0, ground_every=3)
    [only], asked = drive(reflect_ranges(sequence(visible=visible), settings, 0.35), World(["good kite"]))
    assert (only.start, only.stop, only.frame, only.scope) == (8, 16, 10, "track_test_split")
    assert only.rounds[0].gain.frames == 6
    assert min(time_of(r.frames, r.start - 1) for r in flat(asked) if isinstance(r, Follow)) == 10


@pytest.mark.parametrize("settings", [Settings(), Settings(feedback="uniform:3")])
def test_nothing_is_tried_unless_it_is_asked_for(settings):
    trials = trials_of(sequence(), settings, 0.35)
    assert isinstance(trials, NoTrials)
    assert tried(trials, GOOD) == ([None], [])
    assert drive(trials.left("x", None), World()) == (None, [])


def test_without_ground_truth_after_the_first_frame_there_is_nothing_to_compare():
    assert isinstance(trials_of(first_box_alone(sequence()), TRACK, 0.35), NoTrials)
    assert isinstance(trials_of(first_box_alone(sequence()), SELF, 0.35), SelfTrials)
    assert isinstance(trials_of(window(sequence(), 1), SELF, 0.35), NoTrials)


def test_a_window_shares_the_frames_of_its_sequence():
    whole = kept(sequence(), 4)
    part = window(whole, 4)
    assert part.frames is whole.frames
    assert (len(part), whole.frames.cache.max_items) == (4, 4)


def test_all_texts_of_a_source_are_tried_in_tracking():
    class Giving(World):
        def __call__(self, request):
            return Candidates(("bad kite", "good kite")) if isinstance(request, Describe) else super().__call__(request)

    done, asked = drive(reflect(sequence(), TRACK, 0.35), Giving())
    assert [one.text for one in done.rounds] == ["bad kite", "good kite"]
    assert [one.gain.score for one in done.rounds] == pytest.approx([5 / 15, 13 / 15])
    assert done.chosen.text == "good kite"
    assert sum(isinstance(request, Describe) for request in flat(asked)) == 1
