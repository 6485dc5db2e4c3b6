"""A few tries of each row of the rig; ``make fuzz`` makes all of them."""

from __future__ import annotations

import importlib
import re
import sys

import pytest

from tests import fuzz
from tests.fuzz import otb
from tests.fuzz.command import REPOSITORY

PAGE = REPOSITORY / "docs" / "reliability.md"

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs signals, pipes and limits of processes")

# Tries in a suite, and a seed; rows that start processes get few.
FEW = {
    "full_disk": 1,
    "renames": 1,
    "damaged_runs": 10,
    "model_servers": 4,
    "caches": 4,
    "hub_faults": 2,
    "hostile_rows": 60,
    "cards": 2,
    "zips": 40,
    "annotation_folders": 40,
    "result_files": 400,
    "terminal": 5,
    "hostile_models": 2,
    "kills": 1,
}


@pytest.mark.parametrize("name", FEW)
def test_a_few_tries(name):
    outcome = importlib.import_module(f"tests.fuzz.{name}").run(seed=1, tries=FEW[name])
    assert outcome.tried == FEW[name]
    assert outcome.sound, "\n".join(outcome.detail)


def test_a_run_on_otb_that_is_killed_starved_and_cut_off_equals_the_undisturbed_one():
    outcome = otb.run(seed=1, tries=1, options=otb.SHORT)
    assert outcome.sound, "\n".join(outcome.detail)


def test_every_row_has_its_module():
    assert {*FEW, "otb"} == set(fuzz.ROWS)
    for name in fuzz.ROWS:
        module = importlib.import_module(f"tests.fuzz.{name}")
        assert module.FIGURES and module.NUMBER > 0 and module.__doc__, name
        assert "Wrong: " in module.__doc__, name


@pytest.mark.skipif(not PAGE.is_file(), reason="the documentation is in the checkout alone")
def test_the_page_has_the_figures_of_every_row():
    table = dict(re.findall(r"^\| ([^|]+) \| ([0-9]+) \| 0 \| 0 \| 0 \|$", PAGE.read_text(encoding="utf-8"), re.M))
    for name in fuzz.ROWS:
        module = importlib.import_module(f"tests.fuzz.{name}")
        assert int(table[module.FIGURES]) == module.NUMBER, name
