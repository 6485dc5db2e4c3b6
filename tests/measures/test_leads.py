"""How far the target supports the words of a text, and words that are found elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

from chatdesc.measures.leads import SLIGHT, is_elsewhere, support
from tests.measures.makers import HERE, THERE, sight, view


def test_a_word_counts_by_its_best_score_on_the_target_and_its_parts():
    seen = view(0, (HERE, 0.5, 0.2, 0.1), (HERE, 0.4, 0.1, 0.7), (THERE, 0.3, 0.9, 0.9))
    assert support(seen, 0.4) == pytest.approx((0.2 / 0.4 + 1) / 2)
    assert support(view(0, (THERE, 0.9, 0.9, 0.9)), 0.4) == 0


def test_words_that_nobody_knows_are_left_out():
    unknown = np.nan
    assert support(view(0, (HERE, 0.5, 0.1, unknown), (THERE, 0.2, 0.3, unknown)), 0.4) == pytest.approx(0.25)
    assert support(view(0, (THERE, 0.5, 0.9, unknown)), 0.4) == 0
    assert support(view(0, (HERE, 0.5, unknown)), 0.4) == 1 == support(view(0, (HERE, 0.5)), None)


@pytest.mark.parametrize(
    ("on", "off", "elsewhere"),
    [(0.4 * SLIGHT - 0.01, 0.4, True), (0.4 * SLIGHT + 0.01, 0.9, False), (0.0, 0.39, False), (np.nan, np.nan, False)],
)
def test_a_word_is_elsewhere_if_it_leads_there_and_not_to_the_target(on, off, elsewhere):
    seen = sight(*(view(k, (HERE, 0.5, 0.9, on), (THERE, 0.3, 0.1, off)) for k in (0, 5)))
    assert is_elsewhere(seen, 1, 2, np.float32(0.4)) == elsewhere
    assert not is_elsewhere(seen, 0, 2, 0.4) and not is_elsewhere(seen, 1, 2, None)
    assert not is_elsewhere(seen, 1, 3, 0.4)  # scores of other words than those of the text
