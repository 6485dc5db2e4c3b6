"""Exports and imports proven with Argilla's own client, which needs an environment of its own.

pip install argilla
CHATDESC_ARGILLA_PYTHON=.../bin/python pytest tests/decisions/test_argilla_client.py
"""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from chatdesc import api
from chatdesc.decisions import argilla
from tests.makers.reviews import HOSTILE, NAMES, damaged, reviewed
from tests.standins import argilla_team
from tests.standins.argilla_team import ADA, BEN, EDITED

CLIENT = os.environ.get("CHATDESC_ARGILLA_PYTHON", "")
pytestmark = pytest.mark.skipif(
    not CLIENT, reason="CHATDESC_ARGILLA_PYTHON names no Python that has the package argilla"
)

LAYOUTS = ("flat.json", "flat_columns.json", "lines.jsonl")
NESTED = ("nested.json", "columns.json", "index.json")


def team(export, out):
    """The client's team at work; what it has seen."""
    alone = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(out.parent / "home")}
    done = subprocess.run([CLIENT, argilla_team.__file__, export, out], capture_output=True, text=True, env=alone)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def answered(tmp_path_factory):
    """``run``, ``data``, the ``export``, the team's ``out``, and what it has ``seen``."""
    root = tmp_path_factory.mktemp("argilla")
    run = reviewed(root)
    api.review_export(run, root / "export", to="argilla", root=root / "data")
    (root / "seen.json").write_text(json.dumps(team(root / "export", root / "out")))
    return root


def seen(root):
    return json.loads((root / "seen.json").read_text())


def queue(root):
    return [record["metadata"]["sequence"] for record in json.loads((root / "export" / "records.json").read_text())]


def test_settings_come_back_as_they_were_written(answered):
    told, written = seen(answered)["settings"], argilla.settings()
    for part in ("fields", "questions", "metadata"):
        known = [{name: each[name] for name in own} for own, each in zip(written[part], told[part], strict=True)]
        for own, each in zip(written[part], known, strict=True):
            assert own == each | {"settings": {name: each["settings"][name] for name in own["settings"]}}
    assert told["distribution"] == written["distribution"] and told["guidelines"] == written["guidelines"]


def test_texts_come_back_unchanged(answered):
    assert {(manual, refined) for manual, refined, _ in seen(answered)["records"]} == {(t, t[::-1]) for t in HOSTILE}
    assert {metadata["sequence"] for *_, metadata in seen(answered)["records"]} == set(NAMES)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_answers_of_every_flat_layout_are_the_same_decisions(answered, tmp_path, layout):
    done = api.review_import(
        answered / "run", answered / "out" / layout, decisions=tmp_path, reviewer={ADA: "ada", BEN: "ben"}
    )
    first, second, third = queue(answered)
    made = {(d.sequence, d.reviewer): d for d in done.decisions}
    assert made[first, "ada"].text == EDITED and made[first, "ada"].reason == "a reason"
    assert made[first, "ben"].side == "manual" and made[first, "ben"].text in HOSTILE
    assert (made[second, "ada"].verdict, made[second, "ada"].kind) == ("flag", "wrong_target")
    assert made[third, "ada"].verdict == "skip"
    assert len(made) == 4 and done.changed == ()
    assert done.left_out == ((second, f"a draft of {BEN} that was not submitted"),)
    again = [api.review_import(answered / "run", answered / "out" / name, decisions=tmp_path) for name in LAYOUTS]
    assert [(done.decisions, done.known) for done in again] == [((), 4)] * 3


@pytest.mark.parametrize("layout", NESTED)
def test_nested_layouts_do_not_say_who_submitted(answered, tmp_path, layout):
    done = api.review_import(answered / "run", answered / "out" / layout, decisions=tmp_path)
    assert done.decisions == () and len(done.left_out) == 5
    assert sum("flatten=True" in why for _, why in done.left_out) == 4


@pytest.mark.parametrize(
    ("place", "old", "new", "why"),
    [
        (".argilla/settings.json", '"label_selection"', '"labels"', "ValidationError"),
        (".argilla/settings.json", '"accept manual"', '"edit"', "must be unique"),
        ("records.json", '"evidence":', '"evidences":', "AssertionError: evidences"),
        ("records.json", "image/webp;base64,", "image/webp;base64,AAAA", "UnidentifiedImageError"),
    ],
)
def test_the_client_refuses_a_damaged_export(answered, tmp_path, place, old, new, why):
    """Or else the tests above would prove nothing."""
    export = damaged(answered / "export", tmp_path / "export", place, old, new)
    done = subprocess.run([CLIENT, argilla_team.__file__, export, tmp_path / "out"], capture_output=True, text=True)
    assert done.returncode != 0 and why in done.stderr
