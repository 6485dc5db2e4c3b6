"""A real sequence through a model of each family: tiny random networks, loaded as downloaded ones are.

They prove that every family runs from decoding to the row; what they say and find means nothing.
"""

from __future__ import annotations

import json

import pytest

from chatdesc.backends.vlm_model import VisionLanguageModel
from chatdesc.config import Resources, Settings
from chatdesc.engine.run import Run
from chatdesc.loaders import load
from chatdesc.rows.store import Store
from chatdesc.types import FrameCache
from tests.makers import clips as tiny_clips
from tests.makers import grounders as tiny_grounders
from tests.makers import models as tiny_models
from tests.makers import trackers as tiny_trackers

pytestmark = pytest.mark.slow


def one_row(shared_data, folder, **settings):
    """Skiing (81 frames of 640 x 360), cut to its first frames, with one family in its place and the rest offline."""
    data = load("otb-lang", shared_data / "otb", sequences=["Skiing"], cache=FrameCache(16))
    whole = {"tracker": "none", "rounds": 1, "alignment_frames": 1, "ground_every": 40} | settings
    run = Run.create(data, folder / "run", Settings(**whole), Resources(device="cpu"))
    with Store.open(run.out, run.config()) as store:
        run.annotate(store)
        [row] = run.rows(store)
    assert str(folder) not in json.dumps(row)
    return row


@pytest.mark.parametrize("kind", sorted(tiny_models.BUILDERS))
def test_describers(shared_data, tmp_path, monkeypatch, kind):
    """The network answers every request; what it says is noise, so a readable answer is put in its place."""
    answers, generate = [], VisionLanguageModel.generate

    def readable(self, messages, max_new_tokens):
        answers.extend(generate(self, messages, 8))
        return ['{"target": "skier in red", "background": ["snow"]}'] * len(messages)

    monkeypatch.setattr(VisionLanguageModel, "generate", readable)
    describer = f"transformers:{tiny_models.build(kind, tmp_path / 'model')}"
    row = one_row(shared_data, tmp_path, describer=describer, keep_manual_if_better=False)
    assert (row["status"], row["problems"]) == ("ok", [])
    assert (row["text"], row["background"]) == ("skier in red", ["snow"])
    assert len(answers) == len(row["rounds"]) - 1 and all(isinstance(answer, str) for answer in answers)


@pytest.mark.parametrize("family", [f for f in sorted(tiny_grounders.BUILDERS) if f != "sam3-video"])
def test_grounders(shared_data, tmp_path, family):
    model = tiny_grounders.build(family, tmp_path / "model")
    row = one_row(shared_data, tmp_path, grounder=f"{family}:{model}", box_threshold=1e-6)
    assert row["status"] == "ok"
    assert row["grounding"]["iou"] is not None


@pytest.mark.parametrize("family", sorted(tiny_trackers.BUILDERS))
def test_trackers(shared_data, tmp_path, family):
    row = one_row(shared_data, tmp_path, tracker=f"{family}:{tiny_trackers.build(family, tmp_path / 'model')}")
    assert row["status"] == "ok"
    assert len(row["tracking"]["boxes"]) == row["num_frames"] == 81


@pytest.mark.parametrize("kind", sorted(tiny_clips.BUILDERS))
def test_encoders(shared_data, tmp_path, kind):
    model, own_code = tiny_clips.build(kind, tmp_path / "model"), kind == "fgclip2"
    name = "fg-clip" if own_code else "clip"
    row = one_row(shared_data, tmp_path, encoders=("attributes", f"{name}:{model}"), trust_remote_code=own_code)
    assert row["status"] == "ok"
    assert [a["encoder"] for a in row["alignment"]] == ["attributes", f"{name}:model"]
    assert row["alignment"][1]["refined"] is not None
