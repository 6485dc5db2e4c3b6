"""Places in a text where something is odd, as the looks of the formatting check give them.

>>> list(apart([Spot((3, 5), 0.5, "two"), Spot((3, 8), 0.5, "five"), Spot((1, 2), 0.5, "one")]))
[Spot(span=(1, 2), severity=0.5, reason='one', new=None), Spot(span=(3, 8), severity=0.5, reason='five', new=None)]
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Spot(NamedTuple):
    """A place ``(start, stop)``, how severe it is in [0, 1], why, and what should stand there (None: not known)."""

    span: tuple[int, int]
    severity: float
    reason: str
    new: str | None = None


Spots = Iterator[Spot]


def apart(spots: Iterable[Spot]) -> Spots:
    """The spots in the order of the text, without overlaps: the first stays, of those that begin alike the longest."""
    end = 0
    for spot in sorted(spots, key=lambda spot: (spot.span[0], -spot.span[1])):
        if spot.span[0] >= end:
            end = spot.span[1]
            yield spot
