"""On a GPU only (``pytest -m gpu``): the loop with tiny models, and what must not differ from the CPU."""

from __future__ import annotations

import numpy as np
import pytest

from chatdesc.backends import create
from chatdesc.config import Resources, Settings, from_preset
from chatdesc.engine.run import Run
from chatdesc.loaders import load
from chatdesc.rows.store import Store
from chatdesc.synthetic import render
from chatdesc.types import FrameRef, Ground
from tests.makers import grounders as tiny_grounders
from tests.makers import models as tiny_models

pytestmark = pytest.mark.gpu


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("no GPU that torch can use")
    folder = tmp_path_factory.mktemp("gpu")
    render(folder / "data", count=4, frames=3, seed=3)
    tiny_models.build("qwen3-vl", folder / "describer")
    tiny_grounders.build("mm-grounding-dino", folder / "grounder")
    return folder


def test_the_whole_loop(places):
    settings = Settings(
        describer=f"transformers:{places / 'describer'}",
        grounder=f"mm-grounding-dino:{places / 'grounder'}",
        tracker="none",
        rounds=1,
        box_threshold=0.0,
    )
    run = Run.create(load("synthetic", places / "data"), places / "run", settings, Resources(device="cuda"))
    with Store.open(run.out, run.config()) as store:
        run.annotate(store)
        rows = list(run.rows(store))
    assert len(rows) == 4
    # random weights answer rubbish: a text or an honest failure, nothing else
    assert {row["status"] for row in rows} <= {"ok", "describe_failed"}


def test_grounding_agrees_with_the_cpu(places):
    frame = FrameRef(load("synthetic", places / "data")[0].frames, 0)
    request = Ground(frame, "small red circle on the left")
    answers = [
        create("grounder", f"mm-grounding-dino:{places / 'grounder'}", device=device).ground([request])[0]
        for device in ("cpu", "cuda")
    ]
    cpu, gpu = (a.boxes[np.argsort(a.boxes[:, 0])] for a in answers)
    assert len(cpu) == len(gpu)
    assert np.abs(cpu - gpu).max() < 8  # half precision, in pixels of a 320 x 240 frame


def test_the_trained_small_grounder_chooses_as_on_the_cpu(places, tmp_path):
    render(tmp_path / "data", count=20, frames=2, seed=3)
    asked = [Ground(FrameRef(one.frames, 0), one.manual_text) for one in load("synthetic", tmp_path / "data")]
    answers = [
        create("grounder", from_preset("tiny").grounder, device=device).ground(asked) for device in ("cpu", "cuda")
    ]
    boxes = np.array([[a.boxes[a.scores.max(1).argmax()] for a in some] for some in answers])
    apart = np.abs(boxes[0] - boxes[1]).max(1)
    assert (apart < 1).mean() >= 0.9  # pixels; half precision may take another thing now and then
    assert np.median(apart) < 0.5
