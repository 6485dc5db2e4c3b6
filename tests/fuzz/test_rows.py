"""A few tries of each row of the rig; ``make fuzz`` makes all of them."""

from __future__ import annotations

import importlib

import pytest

from tests import fuzz
from tests.fuzz import otb

# Tries in a suite, and a seed; rows that start processes get few.
FEW = {
    "full_disk": 2,
    "renames": 2,
    "damaged_runs": 24,
    "model_servers": 12,
    "caches": 6,
    "hub_faults": 4,
    "hostile_rows": 100,
    "cards": 6,
    "zips": 60,
    "annotation_folders": 60,
    "result_files": 400,
    "terminal": 8,
    "hostile_models": 4,
    "kills": 2,
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
