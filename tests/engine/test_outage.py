"""A model server that goes away in the middle of a run, or answers rubbish: nothing of it is kept as right."""

from __future__ import annotations

import json
import sqlite3

import pytest

from chatdesc.config import Resources, Settings
from chatdesc.engine.run import Run, failed
from chatdesc.loaders import load
from chatdesc.rows.store import Store
from chatdesc.synthetic import render
from tests.standins.openai_server import Reply, completion, quick_and_with_key, serving

pytestmark = pytest.mark.usefixtures("windows_for_proposals")

REFLECTING = "A grounding model was asked"
FIRST, BETTER = '{"target": "thing"}', '{"target": "small thing on the left"}'


class Describing:
    """The script of a server; what it does depends on the request alone, so that every run gets the same answers.

    Attributes:
        away: while it is true, requests of later rounds are cut off.
        rubbish: while it is true, first answers cannot be read.
    """

    def __init__(self):
        self.away = self.rubbish = False

    def __call__(self, body, n):
        later = REFLECTING in json.dumps(body["messages"])
        if later and self.away:
            return Reply(fault="reset")
        if not later and self.rubbish:
            return Reply(completion("Sorry, I cannot help with that."))
        return Reply(completion(BETTER if later else FIRST))


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    root = tmp_path_factory.mktemp("outage") / "scenes"
    render(root, count=4, frames=2, seed=11)
    return root


@pytest.fixture
def server(monkeypatch):
    quick_and_with_key(monkeypatch)
    script = Describing()
    with serving(script) as served:
        served.script = script
        yield served


def annotate(scenes, out, server):
    """Run what is pending: (how many sequences that were, all rows)."""
    settings = Settings(describer="openai:kite-vl", tracker="none", alignment_frames=1, rounds=1)
    run = Run.create(load("lasot", scenes), out, settings, Resources(base_url=server.url))
    try:
        with Store.open(out, run.config()) as store:
            pending = run.pending(store)
            run.annotate(store)
            return len(pending), list(run.rows(store))
    finally:
        run.close()


def stored(out):
    with sqlite3.connect(out / "requests.sqlite") as connection:
        return {bytes(answer).decode() for (answer,) in connection.execute("SELECT answer FROM answers")}


def test_an_outage_after_the_first_answers_is_made_good_by_the_same_command(scenes, tmp_path, server):
    _, undisturbed = annotate(scenes, tmp_path / "undisturbed", server)
    assert not any(map(failed, undisturbed))
    asked_twice = [row for row in undisturbed if len(row["rounds"]) > 2]
    assert asked_twice  # the manual text is a candidate too

    server.script.away = True
    _, rows = annotate(scenes, tmp_path / "run", server)
    broken = [row for row in rows if failed(row)]
    assert [row["sequence"] for row in broken] == [row["sequence"] for row in asked_twice]
    assert {row["status"] for row in broken} == {"describe_failed"}
    assert all(row["rounds"] and row["problems"] for row in broken)  # what was found before stays

    server.script.away = False
    pending, rows = annotate(scenes, tmp_path / "run", server)
    assert pending == len(broken)
    assert rows == undisturbed


def test_answers_that_cannot_be_read_are_asked_for_again(scenes, tmp_path, server):
    server.script.rubbish = True
    _, rows = annotate(scenes, tmp_path / "run", server)
    assert all(row["text"] is None and row["status"] == "describe_failed" for row in rows)
    assert not (tmp_path / "run" / "requests.sqlite").exists() or stored(tmp_path / "run") == set()

    server.script.rubbish = False
    pending, rows = annotate(scenes, tmp_path / "run", server)
    assert pending == len(rows) == 4
    assert not any(map(failed, rows))
    assert stored(tmp_path / "run") <= {FIRST, BETTER}
