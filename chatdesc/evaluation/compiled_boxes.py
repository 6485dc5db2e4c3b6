"""Boxes out of the bytes of result files, as loops that numba compiles; ``compiled.py`` says when.

A number of at most 15 digits is a whole one over a power of ten, both exact, so their quotient is the float next to the
true value, as a careful reader gives it (Clinger, "How to read floating point numbers accurately", PLDI 1990). Eight
bytes are one word, whose digits are found and added up together (Lemire, "Number parsing at a gigabyte per second",
Software: Practice and Experience 2021). A file that holds anything else is left to another reader.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types, uint64
from numba.extending import intrinsic

NOT_PLAIN = -1
WORD = 8  # bytes
DIGITS = 15  # of a number, at most

_COMMA, _TAB, _SPACE, _MINUS, _POINT, _LF, _CR, _ZERO, _NINE = b",\t -.\n\r09"
_ALL, _LOW, _HIGH = np.uint64(2**64 - 1), np.uint64(0x7F7F7F7F7F7F7F7F), np.uint64(0x8080808080808080)
_ZEROS, _POINT_DIGIT = np.uint64(0x3030303030303030), np.uint64(_POINT ^ _ZERO)
_OVER_NINE = np.uint64(0x7676767676767676)  # added to digits, sets the high bit of each byte that is none
_OVER_COMMA = np.uint64(0x5353535353535353)  # the same of text, for each byte above a comma: minus, point, digits
_PAIRS, _FOURS, _EIGHT = np.uint64(0x00FF00FF00FF00FF), np.uint64(0x0000FFFF0000FFFF), np.uint64(0xFFFFFFFF)
_POWERS = np.array([1.0] + [float(10**places) for places in range(DIGITS + 1)])  # by decimals and one
_TENS = 10 ** np.arange(WORD)


def _count_zeros(typing: Any, word: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], context.get_constant(types.boolean, False))

    return types.uint64(types.uint64), code


_lowest: Any = intrinsic(_count_zeros)  # the number of a word's lowest bit that is set, 64 where none is


@njit(nogil=True, cache=True, error_model="numpy")
def read_boxes(raw, words, starts, stops, boxes, firsts, rows):  # type: ignore[no-untyped-def]
    """Read files, one after another.

    Args:
        raw: uint8, the files; a newline follows each, and two words of them the last.
        words: uint64, little-endian: the WORD bytes from each byte of ``raw`` on.
        starts, stops: [S] where each file begins and ends.
        boxes: [4, R] xywh in pixels, filled; R is at least one per 8 bytes of ``raw``, which is the shortest line.
        firsts, rows: [S] filled: the first box of each file, and how many it has, or NOT_PLAIN.
    """
    at = 0
    for one in range(len(starts)):
        firsts[one] = at
        rows[one] = _read(raw, words, uint64(starts[one]), uint64(stops[one]), boxes, at)
        at += max(rows[one], 0)


@njit(nogil=True, cache=True, error_model="numpy")
def _read(raw, words, place, end, boxes, at):  # type: ignore[no-untyped-def]
    """Boxes of one file; the functions that it calls take no arrays, whose references would be counted each time."""
    one = uint64(1)  # signed steps would have every index checked for its sign
    while end > place and _is_blank(raw[end - one]):
        end -= one
    if place == end:
        return NOT_PLAIN
    row = at
    while place < end:
        for column in range(4):
            word = words[place]
            length, minus = _length(word), (word & uint64(0xFF)) == _MINUS
            whole, digits, decimals = _whole(word, length, minus)
            if length == WORD:
                word = words[place + length]
                more = _length(word)
                rest, rest_digits, rest_decimals = _whole(word, more, False)
                if more == WORD or (decimals and rest_decimals) or (more and rest_digits <= 0):
                    return NOT_PLAIN
                if more:
                    whole = whole * _TENS[rest_digits] + rest
                    decimals = decimals + rest_digits if decimals else rest_decimals
                    length += more
            if digits <= 0:
                return NOT_PLAIN
            value = float(whole)
            if decimals > 1:
                value /= _POWERS[decimals]
            boxes[column, row] = -value if minus else value
            place += length
            after = raw[place]
            if column < 3:
                if after != _COMMA and after != _TAB and after != _SPACE:
                    return NOT_PLAIN
                place += one
                while raw[place] == _SPACE:
                    place += one
        if place < end:
            if after == _CR:
                place += one
            if raw[place] != _LF:
                return NOT_PLAIN
            place += one
        row += 1
    return row - at


@njit(nogil=True, cache=True, error_model="numpy")
def _is_blank(byte):  # type: ignore[no-untyped-def]
    return byte in (_LF, _CR, _SPACE, _TAB)


@njit(nogil=True, cache=True, error_model="numpy")
def _length(word):  # type: ignore[no-untyped-def]
    """How many bytes of a word come before the first separator, WORD where there is none."""
    return _lowest(~(((word & _LOW) + _OVER_COMMA) | word) & _HIGH) >> uint64(3)


@njit(nogil=True, cache=True, error_model="numpy")
def _whole(word, length, minus):  # type: ignore[no-untyped-def]
    """Digits in the first bytes of a word as a whole number, how many they are, and those after a point, plus one.

    The number of digits is -1 where there is anything else; a minus, if there is one, is the first byte.
    """
    if length == 0:
        return 0, -1, 0
    # Moved up, so that the last byte of the number is the last of the word; before it are zeros.
    shift = uint64(64) - (length << uint64(3))
    value, count, decimals = (word ^ _ZEROS) << shift, np.int64(length), np.int64(0)
    if minus:
        value &= ~(uint64(0xFF) << shift)
        count -= 1
    others = (((value & _LOW) + _OVER_NINE) | value) & _HIGH
    if others != 0:
        point = _lowest(others) & uint64(56)
        if others & (others - uint64(1)) != 0 or (value >> point) & uint64(0xFF) != _POINT_DIGIT:
            return 0, -1, 0
        before = (uint64(1) << point) - uint64(1)
        value = ((value & before) << uint64(8)) | (value & ((_ALL << point) << uint64(8)))
        count, decimals = count - 1, 8 - np.int64(point >> uint64(3))
    value = (value * uint64(10) + (value >> uint64(8))) & _PAIRS
    value = (value * uint64(100) + (value >> uint64(16))) & _FOURS
    value = (value * uint64(10_000) + (value >> uint64(32))) & _EIGHT
    return np.int64(value), count, decimals
