from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import chatdesc
from chatdesc.config import Settings
from chatdesc.engine.budget import Account
from chatdesc.engine.counts import Counts, counts
from chatdesc.engine.pilot import Pilot
from chatdesc.engine.plan import Plan, duration, forecast, plan
from chatdesc.engine.prices import Price
from chatdesc.stages.align import align
from chatdesc.stages.reflect import reflect_ranges
from chatdesc.stages.track import Phrase, track
from chatdesc.synthetic import render
from chatdesc.types import BackendError, ChatdescError, Describe, Embed, Embedding, Follow, Followed, Ground
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


PILOT = Pilot(
    sequences=2, loading=5.0, seconds=12.0, bounds=Counts(80, 16, 60, 12, 78), keys=Counts(0, 0, 20, 10, 0),
    done=Counts(80, 8, 40, 12, 78), looked=1.0,
    busy={"describe": 4.0, "ground": 10.0, "embed": 2.0, "track": 8.0},
    account=Account(8, 800, 80),
)  # fmt: skip


def test_work_on_key_frames_grows_with_the_video_and_the_rest_does_not():
    """Of 40 groundings at most beside key frames 20 were made: half; all 20 on key frames were."""
    assert PILOT.expected(Counts(1000, 16, 340, 112, 998), Counts(0, 0, 300, 110, 0)) == Counts(1000, 8, 320, 112, 998)
    early = replace(PILOT, looked=1.5, done=Counts(80, 8, 50, 17, 78))  # an unsure tracker: half as many again
    assert early.expected(Counts(1000, 16, 340, 112, 998), Counts(0, 0, 300, 110, 0)).grounder == 20 + 450


def test_a_forecast_by_hand():
    """The stages were at work for 24 s within 12 s, so each call counts half."""
    assert PILOT.per_call() == pytest.approx({"describe": 0.25, "ground": 0.125, "embed": 1 / 12, "track": 4 / 78})
    total, keys = Counts(160, 32, 120, 24, 156), Counts(0, 0, 40, 20, 0)  # twice the work
    price = Price(1.0, 10.0, "EUR", "2026-11-01")
    found = forecast(5, 1, total, keys, PILOT, price)
    assert found.expected == Counts(160, 16, 80, 24, 156)
    assert found.seconds == pytest.approx(5 + 2 * 12)
    assert found.account == Account(16, 1600, 160)
    text = "\n".join(found.lines())
    for part in ("no text to try", "describer calls            16          32", "16 requests, 1,760 tokens, 0.00 EUR",
                 "estimated time           29 s   (from 2 sequences done in 17 s)", "125 ms"):  # fmt: skip
        assert part in text


@pytest.fixture
def data(tmp_path):
    render(tmp_path / "data", count=3, frames=4, seed=4)
    return tmp_path / "data"


def test_a_plan_says_what_a_run_then_does(data, tmp_path):
    """All sequences are tried here, so the forecast of calls is exact."""
    options = {"rounds": 1, "tracker": "kcf", "ground_every": 2}
    found = chatdesc.plan("synthetic", data, out=tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()
    done = chatdesc.annotate("synthetic", data, tmp_path / "run", **options)
    items = {stage.name: stage.use.items for stage in done.profile.stages}
    expected = found.expected
    assert (expected.describer, expected.grounder) == (items["describe"], items["ground"])
    assert expected.encoder == items["embed attributes"]
    assert expected.tracked == 3 * 3
    assert expected.describer <= found.counts.describer
    assert found.tried[0] == 3
    assert found.seconds > 0


def test_a_plan_skips_what_cannot_be_done(data, tmp_path):
    next(data.rglob("groundtruth.txt")).write_text("")
    found = chatdesc.plan("synthetic", data, out=tmp_path / "run", rounds=0, tracker="none")
    assert (found.sequences, found.skipped, found.tried[0]) == (3, 1, 2)
    assert found.expected.tracked == 0


def test_a_model_that_fails_is_told(data, tmp_path, monkeypatch):
    failing = lambda self, requests: [BackendError("no key")] * len(requests)  # noqa: E731
    monkeypatch.setattr("chatdesc.backends.attributes.AttributesDescriber.describe", failing)
    with pytest.raises(ChatdescError, match="no key"):
        chatdesc.plan("synthetic", data, out=tmp_path / "run")


def test_nothing_to_measure():
    run = SimpleNamespace(dataset={}, settings=Settings(), models=None)
    assert plan(run, []) == Plan(0, 0, Counts(0, 0, 0, 0, 0))
    assert not any("estimated" in line for line in plan(run, []).lines())


@pytest.mark.parametrize(("seconds", "text"), [(3, "3 s"), (99, "99 s"), (600, "10 min"), (36_000, "10.0 h")])
def test_durations(seconds, text):
    assert duration(seconds) == text
