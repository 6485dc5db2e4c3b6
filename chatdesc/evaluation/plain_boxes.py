"""Boxes of files whose numbers all have as many decimals, by array arithmetic on their bytes.

>>> parse_plain([b"10.25,20.00,3.50,40.00\\n", b"-1.00,2.00,3.00,4.00\\n5.00,6.00,7.00,8.00\\n"])[1].tolist()
[[-1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]
>>> parse_plain([b"10.25,20,3.50,40.00\\n"]) is None
True

Most trackers write so: whole numbers, or two decimals. Such a number is a whole one over a power of ten, and the
quotient of two exact floats is the float next to the true value, as a reader of decimals gives it (Clinger, "How to
read floating point numbers accurately", PLDI 1990). Every byte is accounted for: digits, points, minuses and separators
are counted, and those that are no digits are each in their place. All else is left to another reader.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from chatdesc.metrics.spare import Spare

Floats = NDArray[np.float64]
Bytes = NDArray[np.uint8]
Places = NDArray[np.intp]

PIECE = 1 << 18  # bytes that are best parsed at a time: arrays that stay in a processor's cache
LARGEST = 1 << 20  # bytes that are parsed at a time; more would take memory for as long as the process lives
MOST = 4  # digits on either side of the point
_LEAD = b"\n" * (2 * MOST + 1)  # so that the first number has bytes before it, as all others have
_NO_PLACES = np.empty(0, np.intp)
_BETWEEN = b",\t "
_HEAD = 160  # bytes that are looked at first
_NUMBERS = re.compile(rb"(?:-?[0-9]{1,4}(?:\.[0-9]{1,4})?[,\t \n])+")


class _Scratch:
    """Room for so many bytes, and half as many numbers."""

    def __init__(self, size: int) -> None:
        self.digit, self.pair = (np.empty(size, np.uint8) for _ in range(2))
        self.flag, self.is_digit = (np.empty(size, np.bool_) for _ in range(2))
        numbers = size // 2 + 1
        self.length, self.value = np.empty(numbers, np.intp), np.empty(numbers, np.int32)
        self.byte, self.wanted = np.empty(numbers, np.uint8), np.empty(numbers, np.bool_)


_spare = Spare(_Scratch, 2 * LARGEST)


def looks_plain(data: bytes) -> bool:
    """Whether the first lines of a file are plain, so that the others may be."""
    head = data[:_HEAD]
    return _NUMBERS.fullmatch(head, 0, head.rfind(b"\n") + 1) is not None


def parse_plain(files: Sequence[bytes]) -> list[Floats] | None:
    """The boxes [M, 4] of each file as float64, parts of one array in Fortran order; None where a file is another.

    A file has four numbers in every line. They are whole ones or have one to four decimals, as many as those of the
    other files, and the separators of those; up to four digits and a minus stand before the point.
    """
    ended = [data if data[-1:] == b"\n" else data + b"\n" for data in files]
    raw = np.frombuffer(b"".join((_LEAD, *ended)), np.uint8)
    if len(raw) > LARGEST:
        return None
    with _spare.room(len(raw)) as use:
        found = _parse(raw, use)
    if found is None:
        return None
    boxes, lines = found
    stops = (np.searchsorted(lines, np.cumsum([len(data) for data in ended]) - 1) + 1).tolist()
    return [boxes[start:stop] for start, stop in zip([0, *stops], stops, strict=False)]


def _parse(raw: Bytes, use: _Scratch) -> tuple[Floats, Places] | None:
    """All boxes, and where their lines end, counted from the lead; None where the bytes are not plain."""
    lead = len(_LEAD)
    ends = np.less(raw, ord("-"), out=use.flag[: len(raw)]).nonzero()[0][lead:]
    if not len(ends) or len(ends) % 4:
        return None
    ends -= lead
    decimals = len(raw[lead : lead + ends[0]].tobytes().partition(b".")[2])
    minus = _minuses(raw, use)
    points = len(ends) if decimals else 0  # one in its place in each number, as is seen below, and so no other
    if (
        decimals > MOST
        or _digits(raw, use) + points + len(minus) + len(ends) + lead != len(raw)
        or not _has_lines_of_four(raw, ends, use)
    ):
        return None
    owner = np.searchsorted(ends, minus - lead)
    whole = _whole_digits(raw, ends, decimals, minus, owner, use)
    if whole is None:
        return None
    boxes = _boxes(raw, ends, decimals, whole, use)
    boxes[owner // 4, owner % 4] *= -1
    if not boxes[owner // 4, owner % 4].all():
        return None  # a zero with a minus, which others read as one with a sign
    return boxes, ends[3::4]


def _minuses(raw: Bytes, use: _Scratch) -> Places:
    found = np.equal(raw, ord("-"), out=use.flag[: len(raw)])
    return found.nonzero()[0] if found.any() else _NO_PLACES


def _digits(raw: Bytes, use: _Scratch) -> int:
    """How many bytes are digits; and in ``use``, the value of each, and of each with the one before it."""
    digit, pair = use.digit[: len(raw)], use.pair[: len(raw)]
    np.subtract(raw, np.uint8(ord("0")), out=digit)
    is_digit = np.less(digit, 10, out=use.is_digit[: len(raw)])
    digit *= is_digit.view(np.uint8)
    pair[0] = 0
    np.multiply(digit[:-1], np.uint8(10), out=pair[1:])
    pair += digit
    return int(np.count_nonzero(is_digit))


def _has_lines_of_four(raw: Bytes, ends: Places, use: _Scratch) -> bool:
    """Whether every fourth separator is a newline, and all others are the same one."""
    found = raw[len(_LEAD) :].take(ends, out=use.byte[: len(ends)], mode="clip").view(np.uint32)
    line = found[:1].tobytes()
    return line[0] in _BETWEEN and line == line[:1] * 3 + b"\n" and bool((found == found[0]).all())


def _whole_digits(
    raw: Bytes, ends: Places, decimals: int, minus: Places, owner: Places, use: _Scratch
) -> Places | None:
    """Digits before the point of each number, and its separator; None where a sign or point is elsewhere, or many."""
    length = use.length[: len(ends)]
    length[0] = ends[0] + 1
    np.subtract(ends[1:], ends[:-1], out=length[1:])
    if len(minus):
        if (raw[minus - 1] >= ord("-")).any():
            return None
        length[owner] -= 1
    if decimals:
        length -= decimals + 1
        found = raw[len(_LEAD) - decimals - 1 :].take(ends, out=use.byte[: len(ends)], mode="clip")
        if not np.equal(found, ord("."), out=use.wanted[: len(ends)]).all():
            return None
    return length if length.min() >= 2 and length.max() <= MOST + 1 else None


def _boxes(raw: Bytes, ends: Places, decimals: int, whole: Places, use: _Scratch) -> Floats:
    """The boxes [N, 4] without their minuses, from pairs of digits."""
    byte, value = use.byte[: len(ends)], use.value[: len(ends)]
    last = len(_LEAD) - (decimals + 2 if decimals else 1)  # of the digits before the point, counted from the end
    upper = use.pair[last - 2 :].take(ends, out=byte, mode="clip")
    upper *= np.greater(whole, 3, out=use.wanted[: len(ends)]).view(np.uint8)
    np.copyto(value, upper)
    # Each pair of digits ends at a place before the separator, and moves those before it by a power of ten.
    pairs = [(last, 100)]
    if decimals > 2:
        pairs.append((len(_LEAD) - 3, 10 ** (decimals - 2)))
    if decimals:
        pairs.append((len(_LEAD) - 1, 10 ** min(decimals, 2)))
    for place, shift in pairs:
        value *= shift
        value += use.pair[place:].take(ends, out=byte, mode="clip")
    boxes = np.empty((len(ends) // 4, 4), np.float64, order="F")
    for place in range(4):  # each by itself: all at once, the two orders of memory would be reconciled in a buffer
        np.divide(value[place::4], 10.0**decimals, out=boxes[:, place])
    return boxes
