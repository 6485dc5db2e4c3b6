"""The models of a command: which are made with which options, how the scheduler asks them, what is closed."""

from __future__ import annotations

import pytest

from chatdesc.backends.attributes import AttributesDescriber
from chatdesc.config import Resources, Settings
from chatdesc.engine import models
from chatdesc.engine.cache import CachedDescriber
from chatdesc.engine.models import Models
from chatdesc.types import ChatdescError, Describe, Embed, Follow, Ground, Verify


class Stub:
    """Plays all roles; ``asked`` has the calls, ``closed`` whether it was told to let go."""

    name, threshold = "stub", 0.4

    def __init__(self, max_batch=5, workers=2):
        self.max_batch, self.workers, self.asked, self.closed = max_batch, workers, [], False

    def describe(self, requests):
        self.asked.append(("describe", requests))
        return ["a kite"]

    def ground(self, requests):
        self.asked.append(("ground", requests))
        return []

    def embed(self, requests):
        self.asked.append(("embed", requests))
        return []

    def choose(self, requests):
        self.asked.append(("choose", requests))
        return []

    def follow(self, requests):
        self.asked.append(("follow", requests))
        return []

    def close(self):
        self.closed = True


@pytest.fixture
def made(monkeypatch):
    """(role, spec, options) of each backend that is asked for; stubs are made in their place."""
    made = []

    def create(role, spec, **options):
        made.append((role, spec, options))
        return Stub()

    monkeypatch.setattr(models, "create", create)
    return made


def test_one_backend_per_role_and_an_encoder_for_each_name(made):
    settings = Settings(describer="a", grounder="b", tracker="c", encoders=("d", "e:model"))
    found = Models.create(settings, Resources(device="cpu"))
    assert [(role, spec) for role, spec, _ in made] == [
        ("describer", "a"),
        ("grounder", "b"),
        ("tracker", "c"),
        ("encoder", "d"),
        ("encoder", "e:model"),
        ("verifier", "similarity"),
    ]
    assert {options["device"] for _, _, options in made} == {"cpu"}
    assert list(found.encoders) == ["d", "e:model"]
    assert isinstance(found.describer, Stub), "no cache was asked for"


def test_no_tracker_is_made_where_none_is_wanted(made):
    assert Models.create(Settings(tracker="none"), Resources()).tracker is None
    assert "tracker" not in {role for role, _, _ in made}


def test_the_describer_gets_the_server_and_the_settings_of_its_answers(made):
    resources = Resources(base_url="http://127.0.0.1:1/v1", concurrency=9, batch_size=3)
    Models.create(Settings(region="crop", max_tokens=17), resources)
    [options] = [options for role, _, options in made if role == "describer"]
    assert (options["base_url"], options["concurrency"], options["max_batch"]) == ("http://127.0.0.1:1/v1", 9, 3)
    assert options.items() >= Settings(region="crop", max_tokens=17).describer_options().items()
    made.clear()
    Models.create(Settings(), Resources())
    assert all("max_batch" not in options for _, _, options in made), "the backend's own"


def test_an_unknown_name_is_refused():
    with pytest.raises(ChatdescError, match="no grounder is called 'atributes'; did you mean attributes"):
        Models.create(Settings(grounder="atributes"), Resources())


def test_answers_are_cached_where_that_saves_time(made, tmp_path):
    found = Models.create(Settings(), Resources(), tmp_path / "answers.sqlite")
    assert isinstance(found.describer, CachedDescriber)
    assert isinstance(found.describer.inner, Stub)


def test_answers_that_are_measured_as_quickly_are_not_cached(tmp_path):
    found = Models.create(Settings(), Resources(), tmp_path / "answers.sqlite")
    assert isinstance(found.describer, AttributesDescriber)


@pytest.mark.parametrize(("given", "counts"), [(None, 0.4), (0.0, 0.0), (0.7, 0.7)])
def test_the_setting_goes_before_the_grounders_own_threshold(given, counts):
    assert Models(grounder=Stub()).threshold(Settings(box_threshold=given)) == counts


def test_a_lane_for_each_backend():
    roles = {name: Stub(size, workers) for size, (name, workers) in enumerate(zip("dgtefv", (1, 2, 3, 4, 5, 6)), 10)}
    encoders, verifiers = {"e": roles["e"], "f": roles["f"]}, {"v": roles["v"]}
    lanes = Models(roles["d"], roles["g"], roles["t"], encoders, verifiers).lanes()
    wanted = {Describe: "d", Ground: "g", (Embed, "e"): "e", (Embed, "f"): "f", (Verify, "v"): "v", Follow: "t"}
    assert [lane.kind for lane in lanes] == list(wanted)
    calls = {Describe: "describe", Ground: "ground", (Verify, "v"): "choose", Follow: "follow"}
    for lane in lanes:
        backend = roles[wanted[lane.kind]]
        assert (lane.max_batch, lane.workers) == (backend.max_batch, backend.workers)
        lane.call(["request"])
        assert backend.asked == [(calls.get(lane.kind, "embed"), ["request"])]


def test_a_role_without_a_backend_has_no_lane():
    assert [lane.kind for lane in Models(grounder=Stub()).lanes()] == [Ground]
    assert Models().lanes() == []


def test_closing_lets_go_of_a_describer_and_of_its_cache(tmp_path):
    alone, inner, cache = Stub(), Stub(), Stub()
    Models(describer=alone).close()
    Models(describer=CachedDescriber(inner, cache)).close()
    assert alone.closed and inner.closed and cache.closed
    Models().close()
    Models(describer=AttributesDescriber()).close()
