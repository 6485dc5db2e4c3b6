from types import SimpleNamespace

import numpy as np
import pytest

from chatdesc.config import Settings
from chatdesc.engine.plan import Counts, Plan, counts, duration, plan, seconds_per_call
from chatdesc.stages.align import align
from chatdesc.stages.reflect import reflect_ranges
from chatdesc.stages.track import Phrase, track
from chatdesc.types import BackendError, Describe, Embed, Embedding, Follow, Followed, Ground, Problem
from tests.makers.sequences import drive, flat, leads, sequence_of


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        # rounds + 1 with background and the manual text, 4 frames x 2 texts, then 2 key frames with background
        (Settings(rounds=3, ground_every=20), Counts(50, 4, 4 + 5 + 8 + 4, 1 + 2, 49)),
        (Settings(rounds=0, ground_every=49, encoders=("a", "b")), Counts(50, 1, 1 + 2 + 8 + 2, 2 + 1, 49)),
        (Settings(rounds=3, tracker="none"), Counts(1 + 4, 4, 4 + 5 + 8, 1, 0)),
        (Settings(rounds=1, tracker="none", feedback="uniform:3"), Counts(1 + 4 + 2, 2, 2 + 3 * 3 + 8, 1, 0)),
    ],
)
def test_counts_by_hand(settings, expected):
    assert counts(sequence_of(50), settings) == expected


def test_no_manual_text_no_grounding_of_it():
    one, two = (counts(sequence_of(50, manual=m), Settings()) for m in (None, "kite"))
    assert (one.grounder, two.grounder) == (8 + 4 + 4, 9 + 8 + 4)


SETTINGS = [
    Settings(rounds=2, ground_every=5),
    Settings(rounds=1, feedback="uniform:3"),
    Settings(rounds=1, every=6),
    Settings(rounds=1, every=10, alignment_frames=7),
    Settings(rounds=2, ground_every=5, feedback="track:12"),
    Settings(rounds=1, ground_every=3, feedback="track:5", every=6),
    Settings(rounds=1, ground_every=5, feedback="self:99"),
]


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("manual", ["a kite", None])
def test_counts_bound_what_the_stages_ask_for(settings, manual):
    """With a text that is never accepted and a sure tracker they are exact."""
    sequence = sequence_of(23, manual=manual)

    def answer(request):
        if isinstance(request, Describe):
            return f'{{"target": "text {len(request.tried)}", "background": ["sky"]}}'
        if isinstance(request, Ground):
            return leads(request.text)
        if isinstance(request, Follow):
            n = request.stop - request.start
            return Followed(np.tile(sequence.boxes[0], (n, 1)), np.ones(n, np.float32), 1)
        shape = (len(request.crops), 2), (len(request.texts), 2)
        return Embedding(*(np.ones(s, np.float32) / np.sqrt(2) for s in shape), np.zeros(len(request.texts), bool))

    starts = range(0, 23, settings.every or 23)
    texts = {"refined": tuple(Phrase(start, "x") for start in starts)}
    texts |= {"manual": (Phrase(0, manual),)} if manual else {}
    stages = reflect_ranges(sequence, settings, 0.3), align(sequence, texts, settings, 0.3)
    asked = [
        r
        for stage in (*stages, track(sequence, "x", ("sky",), settings, 0.3, "a"))
        for r in flat(drive(stage, answer)[1])
    ]
    planned = counts(sequence, settings)
    after_departures = settings.rounds * len(starts) if settings.heard.tracked else 0  # this tracker never departs
    grounder = planned.grounder - after_departures
    for kind, number in ((Describe, planned.describer), (Ground, grounder), (Embed, planned.encoder)):
        assert sum(isinstance(r, kind) for r in asked) == number
    assert sum(r.stop - r.start for r in asked if isinstance(r, Follow)) == planned.tracked


class Clock:
    """Time that passes only in backends."""

    now = 0.0

    def perf_counter(self):
        return self.now

    def call(self, seconds):
        def answer(requests):
            self.now += next(seconds)
            return [None] * len(requests)

        return answer


@pytest.fixture
def backends(monkeypatch):
    """The first call of each takes 100 s (a model is loaded), the second 1, 2, 3 and 4 s."""
    clock = Clock()
    monkeypatch.setattr("chatdesc.engine.plan.time", clock)
    one, two, three, four = (clock.call(iter([100, s])) for s in (1, 2, 3, 4))
    return SimpleNamespace(
        describer=SimpleNamespace(describe=one),
        grounder=SimpleNamespace(ground=two),
        encoders={"attributes": SimpleNamespace(embed=three)},
        tracker=SimpleNamespace(follow=four),
    )


def test_calibration_leaves_out_the_first_call(backends):
    assert seconds_per_call(sequence_of(30), backends) == {"describe": 1, "ground": 2, "embed": 3, "track": 0.4}


def test_a_sequence_of_one_frame_and_no_tracker(backends):
    assert "track" not in seconds_per_call(sequence_of(1), backends)


def test_a_backend_that_fails_is_told(backends):
    backends.describer.describe = lambda requests: [BackendError("no key")]
    with pytest.raises(BackendError, match="no key"):
        seconds_per_call(sequence_of(5), backends)


def test_a_plan_adds_up_and_skips_what_cannot_be_done(backends):
    broken = sequence_of(2, problems=(Problem("missing_frames", "none", fatal=True),))
    settings = Settings(ground_every=10)
    run = SimpleNamespace(
        dataset={"x": broken, "a": sequence_of(30), "b": sequence_of(30)}, settings=settings, models=backends
    )
    found = plan(run, ["x", "a", "b"])
    one = counts(sequence_of(30), settings)
    assert (found.sequences, found.skipped) == (3, 1)
    assert found.counts == one + one
    expected = 2 * (one.describer * 1 + one.grounder * 2 + one.encoder * 3 + one.tracked * 0.4)
    assert found.seconds == pytest.approx(expected)
    text = "\n".join(found.lines())
    for part in ("missing frames or boxes", "describer calls", "estimated time", "2000 ms"):
        assert part in text


def test_nothing_to_measure():
    run = SimpleNamespace(dataset={}, settings=Settings(), models=None)
    assert plan(run, []) == Plan(0, 0, Counts(0, 0, 0, 0, 0), None, {})
    assert not any("estimated" in line for line in plan(run, []).lines())


@pytest.mark.parametrize(("seconds", "text"), [(3, "3 s"), (99, "99 s"), (600, "10 min"), (36_000, "10.0 h")])
def test_durations(seconds, text):
    assert duration(seconds) == text
