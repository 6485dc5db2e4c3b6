"""A small run that commands are called on."""

from __future__ import annotations

import pytest

from chatdesc.config import Resources, Settings
from chatdesc.engine.run import Run
from chatdesc.evaluation.arms import Comparison
from chatdesc.loaders import load
from chatdesc.rows.store import Store
from chatdesc.synthetic import render
from chatdesc.types import FrameCache
from tests.makers.commands import call


@pytest.fixture(scope="session")
def real(tmp_path_factory):
    """Two rendered sequences (``data``), annotated without tracking (``run``)."""
    root = tmp_path_factory.mktemp("compare")
    render(root / "data", count=2, frames=4, seed=3)
    settings = Settings(tracker="none", alignment_frames=1, rounds=1, ground_every=2)
    run = Run.create(load("synthetic", root / "data", cache=FrameCache(8)), root / "run", settings, Resources())
    with Store.open(run.out, run.config()) as store:
        run.annotate(store)
    return root


@pytest.fixture
def kcf(real):
    """Options that bring the tracks of both sequences by KCF as results of another tracker."""
    done = call("compare", real / "run", real / "data", "--tracker", "kcf")
    assert done.exit_code == 0, done.output
    place = Comparison.create(real / "run", tracker="kcf").place / "tracks"
    return [x for arm in ("manual", "refined") for x in ("--results", f"{place / arm}={arm}")]
