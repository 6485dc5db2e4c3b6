"""axe-core (npm install axe-core; CHATDESC_AXE names its axe.min.js) on all views of report and review."""

import pytest

from tests.makers import axe
from tests.makers.review_server import Local


@pytest.fixture(scope="session")  # asked for before the page and the browser, which take seconds
def script():
    found = axe.axe()
    if found is None:
        pytest.skip(axe.LACKING)
    return found


def test_no_serious_fault_in_a_report(script, browser, report):
    for *view, found, passed in axe.examined(browser, report, axe.REPORT, script):
        assert axe.serious(found) == [], view
        assert passed > 15


def test_no_serious_fault_in_a_review(script, browser, annotated, tmp_path):
    with Local(annotated / "run", root=annotated / "data", decisions=tmp_path) as server:
        for *view, found, passed in axe.examined(browser, server.address, axe.REVIEW, script):
            assert axe.serious(found) == [], view
            assert passed > 15
