"""Exports and imports proven with Label Studio's own SDK, which needs an environment of its own.

pip install label-studio-sdk
CHATDESC_LABEL_STUDIO_PYTHON=.../bin/python pytest tests/decisions/test_label_studio_sdk.py
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
from pathlib import Path

import pytest

from chatdesc import api
from chatdesc.rows.store import Store
from tests.makers.reviews import HOSTILE, NAMES, damaged, reviewed
from tests.standins import label_studio_team
from tests.standins.label_studio_team import EDITED

SDK = os.environ.get("CHATDESC_LABEL_STUDIO_PYTHON", "")
pytestmark = pytest.mark.skipif(
    not SDK, reason="CHATDESC_LABEL_STUDIO_PYTHON names no Python that has the package label-studio-sdk"
)


def team(export, out):
    """The SDK's team at work; what it has seen."""
    done = subprocess.run([SDK, label_studio_team.__file__, export, out], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def answered(tmp_path_factory):
    """``run``, ``data``, the ``export`` with proposals of a grounder, the team's ``out``, and what it has ``seen``."""
    root = tmp_path_factory.mktemp("label-studio")
    run = reviewed(root)
    api.review_export(run, root / "export", to="label-studio", root=root / "data", grounder="attributes")
    (root / "seen.json").write_text(json.dumps(team(root / "export", root / "out")))
    return root


def seen(root):
    return json.loads((root / "seen.json").read_text())


def test_the_sdk_finds_the_questions_in_the_configuration(answered):
    told = seen(answered)
    assert told["controls"] == ["boxes", "edited_text", "kind", "reason", "verdict"]
    assert told["data"] == ["evidence", "later_frames", "manual_text", "refined_text", "template"]
    assert told["labels"]["boxes"] == ["manual", "refined", "target"]
    assert {"JSON", "JSON_MIN", "CSV", "COCO"} <= set(told["formats"])


def test_its_answers_are_decisions(answered, tmp_path):
    done = api.review_import(answered / "run", answered / "out" / "json" / "result.json", decisions=tmp_path)
    tasks = json.loads((answered / "export" / "tasks.json").read_text())
    made = {d.sequence: d for d in done.decisions}
    assert done.left_out == () and done.changed == () and set(made) == set(NAMES)
    first, second, third = (made[task["data"]["sequence"]] for task in tasks)
    assert (first.verdict, first.text, first.reason, first.reviewer) == ("edit", EDITED, "a reason", "label-studio-1")
    assert (second.verdict, second.kind, second.reviewer) == ("flag", "wrong_target", "label-studio-2")
    assert (third.verdict, third.reviewer) == ("skip", "label-studio-3")


def test_json_min_of_its_converter_says_the_same(answered, tmp_path):
    whole, brief = (answered / "out" / name / "result.json" for name in ("json", "json_min"))
    first = api.review_import(answered / "run", whole, decisions=tmp_path)
    again = api.review_import(answered / "run", brief, decisions=tmp_path)
    assert (len(first.decisions), again.decisions, again.known) == (3, (), 2)  # JSON-MIN has no skipped tasks


def test_texts_come_back_unchanged(answered):
    pairs = {(text, text[::-1]) for text in HOSTILE}
    assert {(manual, refined) for manual, refined in seen(answered)["texts"]} == pairs
    brief = json.loads((answered / "out" / "json_min" / "result.json").read_text())
    assert {(record["manual_text"], record["refined_text"]) for record in brief} < pairs
    with (answered / "out" / "csv" / "result.csv").open(newline="", encoding="utf-8") as file:
        assert {(line["manual_text"], line["refined_text"]) for line in csv.DictReader(file)} < pairs


def test_coco_has_the_targets_box_in_the_frames_pixels(answered):
    coco = json.loads((answered / "out" / "coco" / "result.json").read_text())
    first = json.loads((answered / "export" / "tasks.json").read_text())[0]["data"]["sequence"]
    row = next(iter(Store(answered / "run").rows([first])))
    assert (coco["images"][0]["width"], coco["images"][0]["height"]) == (320, 240)
    assert Path(coco["images"][0]["file_name"]).stem.startswith(first)
    assert coco["annotations"][0]["bbox"] == pytest.approx(row["boxes"][0], abs=0.01)


def test_proposals_are_predictions_that_it_takes(tmp_path):
    """Texts that the grounder understands: ``team`` validates every prediction."""
    run = reviewed(tmp_path, ["green square", "star", "red star"])
    api.review_export(run, tmp_path / "export", to="label-studio", root=tmp_path / "data", grounder="attributes")
    tasks = json.loads((tmp_path / "export" / "tasks.json").read_text())
    assert sum(len(task["predictions"]) for task in tasks) > 3
    assert team(tmp_path / "export", tmp_path / "out")["labels"]["boxes"] == ["manual", "refined", "target"]


def test_texts_alone(answered, tmp_path):
    api.review_export(answered / "run", tmp_path / "export", to="label-studio")
    assert team(tmp_path / "export", tmp_path / "out")["controls"] == ["edited_text", "kind", "reason", "verdict"]


@pytest.mark.parametrize(
    ("place", "old", "new", "why"),
    [
        ("config.xml", 'toName="template"', 'toName="nothing"', "not found in names"),
        ("tasks.json", '"refined_text"', '"other_text"', "assert asked.validate_task"),
        ("tasks.json", '["target"]', '["unknown"]', "Invalid value for control 'boxes'"),
        ("tasks.json", '"width": ', '"width": 10', "out of bounds"),
    ],
)
def test_the_sdk_refuses_a_damaged_export(answered, tmp_path, place, old, new, why):
    """Or else the tests above would prove nothing."""
    export = damaged(answered / "export", tmp_path / "export", place, old, new)
    done = subprocess.run([SDK, label_studio_team.__file__, export, tmp_path / "out"], capture_output=True, text=True)
    assert done.returncode != 0 and why in done.stderr
