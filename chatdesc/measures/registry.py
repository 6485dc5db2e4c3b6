"""Measures by name.

>>> chosen("rank, validity"), sorted(needs(["rank", "vqa"]))
(('rank', 'validity'), ['answers', 'looks'])
"""

from __future__ import annotations

from collections.abc import Iterable

from chatdesc.measures import agreement, alignment, questions, rank, validity, vqa, words
from chatdesc.measures.case import Measure
from chatdesc.names import near
from chatdesc.types import ChatdescError

MEASURES: dict[str, Measure] = {
    measure.name: measure
    for measure in (
        rank.RANK, rank.MARGIN, alignment.ALIGNMENT, alignment.MARGIN, validity.MEASURE, words.MEASURE, vqa.MEASURE,
        questions.MEASURE, agreement.REGIONS, agreement.SHARED,
    )
}  # fmt: skip


def chosen(names: str | Iterable[str]) -> tuple[str, ...]:
    """Names of measures, each once, in the order in which they are given; commas part names.

    Raises:
        ChatdescError: no measure has such a name.
    """
    parts = [names] if isinstance(names, str) else list(names)
    found = tuple(dict.fromkeys(name for part in parts for one in part.split(",") if (name := one.strip())))
    for name in found:
        if name not in MEASURES:
            raise ChatdescError(f"no measure is called {name!r} among {', '.join(MEASURES)}{near(name, MEASURES)}")
    return found


def needs(names: Iterable[str]) -> frozenset[str]:
    """All that these measures need, of ``case.LOOKS``, ``WORDS``, ``ANSWERS`` and ``SEVERAL``."""
    return frozenset(need for name in names for need in MEASURES[name].needs)
