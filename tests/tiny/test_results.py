"""The neural path proven by its results, on synthetic scenes that no training has seen: see ``checks``."""

import pytest

from tests.tiny import checks


@pytest.mark.parametrize("check", checks.CHECKS, ids=lambda check: check.__name__)
def test_result(check):
    check()
