"""A small run with tracks, and a browser for all tests of the page."""

from __future__ import annotations

import pytest

from chatdesc import api
from chatdesc.synthetic import render
from tests.makers import browser as browsers


@pytest.fixture(scope="session")
def annotated(tmp_path_factory):
    """Three rendered sequences (``data``), annotated and tracked (``run``)."""
    root = tmp_path_factory.mktemp("page")
    render(root / "data", count=3, frames=16, seed=0)
    api.annotate("synthetic", root / "data", root / "run", rounds=2)
    return root


@pytest.fixture(scope="session")
def report(annotated):
    """A report of the run with pictures and the boxes of words."""
    return api.report(
        annotated / "run", root=annotated / "data", out=annotated / "report.html", grounder="attributes"
    ).page


@pytest.fixture(scope="session")
def browser():
    """A browser with one tab; tests need a Chromium."""
    if not browsers.chromium():
        pytest.skip(browsers.LACKING)
    with browsers.Browser() as opened:
        yield opened
