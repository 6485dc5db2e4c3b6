import numpy as np
import pytest

from chatdesc.evidence import Choice
from chatdesc.verification.answer import NONE, UNSURE, answer, last_best


@pytest.mark.parametrize(
    ("doubt", "expected"),
    [
        (0.1, Choice(1, True, 0.1)),
        (UNSURE, Choice(1, False, UNSURE)),
        (NONE, Choice(None, False, NONE)),
    ],
)
def test_doubt_decides(doubt, expected):
    assert answer(np.float32([0.1, 0.7, 0.3]), doubt) == expected


def test_among_equals_the_trackers_own():
    assert last_best(np.float32([1, 1])) == 1
    assert last_best(np.float32([1, 0])) == 0
