"""Annotation files as arrays: boxes and flags, fast where a file is as usual, careful where it is not.

>>> boxes, errors = parse_boxes(b"10,20,30,40\\n10,x,30,40\\n")
>>> boxes[0].tolist(), errors
([10.0, 20.0, 30.0, 40.0], [(2, "'x' is not a number")])

The usual box file has four numbers of one to four digits a line. It is read by array arithmetic on its bytes: value
of every pair of digits at every position, then the positions of the separators. Anything else (signs, decimals, odd
spacing, letters) goes through ``careful_boxes``, line by line. Both give the same numbers: whole ones of four digits
are exact as float32, all others come as float64.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from chatdesc.names import counted
from chatdesc.types import Boxes

Errors = list[tuple[int, str]]
Numbers = NDArray[np.float32] | NDArray[np.float64]
ParsedBoxes = tuple[Numbers, Errors]

_LEAD = b"\n\n\n\n"  # so that the first number has four bytes before it, as all others have
_ROW_ENDS = np.frombuffer(b",,,\n", np.uint32)[0]
_FLAGS = {pair[1:2]: np.frombuffer(pair, "<u2") for pair in (b"0\n1\n", b"0,1,")}
_USUAL = re.compile(rb"[0-9]{1,4}[, \t][0-9]{1,4}[, \t][0-9]{1,4}[, \t][0-9]{1,4}")
KEPT = 1 << 16  # bytes of a file
_FIELD = re.compile(rb"\s*,\s*|\s+")


def parse_boxes(data: bytes) -> ParsedBoxes:
    """Boxes [N, 4] of one file, as written, NaN where a line cannot be read; and the errors, as (line, why).

    Numbers are separated by commas, tabs or spaces, also mixed; lines end in LF or CRLF. Empty lines at the
    end do not count.
    """
    boxes = _quick_boxes([data]) or _quick_boxes([_tidy(data)])
    return (boxes[0], []) if boxes else _mostly_quick(data)


def parse_many(files: Sequence[bytes]) -> list[ParsedBoxes]:
    """``parse_boxes`` of several files at once, which is faster."""
    plain = [data for data in files if b"-" not in data and b"." not in data]
    boxes = _quick_boxes(plain)
    if boxes is None:
        return [parse_boxes(data) for data in files]
    if len(plain) == len(files):
        return [(b, []) for b in boxes]
    quick = iter(boxes)
    return [parse_boxes(d) if b"-" in d or b"." in d else (next(quick), []) for d in files]


def _tidy(data: bytes) -> bytes:
    """Common variants as the usual form: CRLF, tabs or spaces between numbers, no newline at the end."""
    data = data.rstrip().replace(b"\r\n", b"\n")
    return data.replace(b"\t", b",").replace(b" ", b",") + b"\n"


class _Scratch:
    """Arrays used again for every file: asking the system for fresh memory would take as long as the parsing."""

    size = 0

    def fit(self, size: int) -> None:
        if self.size >= size:
            return
        self.size = size + size // 2
        self.digit, self.pair, self.upper, self.taken = (np.empty(self.size, np.uint8) for _ in range(4))
        self.is_digit, self.is_end = (np.empty(self.size, np.bool_) for _ in range(2))
        self.gap = np.empty(self.size // 2 + 1, np.intp)

    def take(self, values: NDArray[np.uint8], where: NDArray[np.intp]) -> NDArray[np.uint8]:
        return values.take(where, out=self.taken[: len(where)], mode="clip")


_idle: list[_Scratch] = []  # one for every thread that parses at the same time


def _quick_boxes(files: Sequence[bytes]) -> list[Boxes] | None:
    """Boxes of each file, or None where any of them is not in the usual form."""
    if not all(data.endswith(b"\n") for data in files):
        return None
    use = _idle.pop() if _idle else _Scratch()
    try:
        return _parse(np.frombuffer(b"".join([_LEAD, *files]), np.uint8), files, use)
    finally:
        if use.size <= KEPT or len(files) > 1:  # of one long file they would stay for nothing
            _idle.append(use)


def _parse(raw: NDArray[np.uint8], files: Sequence[bytes], use: _Scratch) -> list[Boxes] | None:
    size = len(raw)
    use.fit(size)
    digit = np.subtract(raw, np.uint8(48), out=use.digit[:size])
    is_digit = np.less(digit, 10, out=use.is_digit[:size])
    # As bytes: products of bytes and truth values would be cast, which is slow.
    mask = is_digit.view(np.uint8)
    np.multiply(digit, mask, out=digit)
    # Two digits that end at a byte, as a number; upper: those two bytes before, if they are of the same number.
    pair = np.multiply(digit[:-1], np.uint8(10), out=use.pair[: size - 1])
    np.add(pair, digit[1:], out=pair)
    np.multiply(pair, mask[1:], out=pair)
    upper = np.multiply(pair[:-2], mask[2:-1], out=use.upper[: size - 3])
    ends = np.flatnonzero(np.logical_not(is_digit[4:], out=use.is_end[: size - 4]))
    if not _usual(raw[4:], ends, use):
        return None
    values = use.take(upper, ends) * np.float32(100)
    values += use.take(pair[2:], ends)
    return _split(values.reshape(-1, 4), ends, files)


def _usual(raw: NDArray[np.uint8], ends: NDArray[np.intp], use: _Scratch) -> bool:
    """Whether separators come as three commas and a newline, with one to four digits before each."""
    if not len(ends) or len(ends) % 4 or 2 * len(ends) > len(raw) or not 1 <= ends[0] <= 4:
        return False
    gaps = np.subtract(ends[1:], ends[:-1], out=use.gap[: len(ends) - 1])
    if gaps.min() < 2 or gaps.max() > 5:
        return False
    return bool((use.take(raw, ends).view(np.uint32) == _ROW_ENDS).all())


def _split(boxes: Boxes, ends: NDArray[np.intp], files: Sequence[bytes]) -> list[Boxes]:
    if len(files) == 1:
        return [boxes]
    stops = np.searchsorted(ends, np.cumsum([len(data) for data in files])) // 4
    return np.split(boxes, stops[:-1].tolist())


def _mostly_quick(data: bytes) -> ParsedBoxes:
    """The few unusual lines of a file with care, the others quickly."""
    lines = _lines(data)
    odd = [i for i, line in enumerate(lines) if not _USUAL.fullmatch(line)]
    if 2 * len(odd) >= len(lines):
        return careful_boxes(data)
    rest = lines.copy()
    for i in odd:
        rest[i] = b"0,0,0,0"
    boxes = parse_boxes(b"\n".join(rest))[0].astype(np.float64)
    return boxes, _fill(boxes, lines, odd)


def careful_boxes(data: bytes) -> ParsedBoxes:
    """The same result as ``parse_boxes``, line by line."""
    lines = _lines(data)
    boxes = np.empty((len(lines), 4), np.float64)
    return boxes, _fill(boxes, lines, range(len(lines)))


def _fill(boxes: NDArray[np.float64], lines: list[bytes], rows: Iterable[int]) -> Errors:
    errors: Errors = []
    for i in rows:
        try:
            boxes[i] = _row(lines[i])
        except ValueError as error:
            boxes[i] = np.nan
            errors.append((i + 1, str(error)))
    return errors


def _lines(data: bytes) -> list[bytes]:
    return data.removeprefix(b"\xef\xbb\xbf").rstrip().splitlines()


def _row(line: bytes) -> list[float]:
    fields = _FIELD.split(line.strip()) if line.strip() else []
    if len(fields) != 4:
        raise ValueError(f"{counted(len(fields), 'number')} instead of 4")
    return [_number(field) for field in fields]


def _number(field: bytes) -> float:
    try:
        # "1_0" is a number for Python, and for nobody else.
        return float(field.replace(b"_", b"?"))
    except ValueError:
        raise ValueError(f"{field.decode('utf-8', 'replace')!r} is not a number") from None


def parse_flags(data: bytes) -> NDArray[np.bool_]:
    """One flag per frame, bool [N], from numbers separated by newlines, commas or spaces; not 0 is True.

    Raises:
        ValueError: something is not a number (the message has the line).
    """
    # Two bytes a frame: the digit and what separates it from the next.
    body = data.rstrip()
    pairs = np.frombuffer(body + (body[1:2] or b"\n") if len(body) % 2 else b"", "<u2")
    flags: NDArray[np.bool_]
    no, yes = _FLAGS.get(body[1:2], _FLAGS[b"\n"])
    if len(pairs) and ((pairs | 1) == yes).all():
        flags = pairs != no
        return flags
    if not body.translate(None, b"01, \t\r\n") and not re.search(rb"[01][01]", body):
        flags = np.frombuffer(body.translate(None, b", \t\r\n"), np.uint8) == ord("1")
        return flags
    return np.array([_flag(f, i) for i, line in enumerate(data.splitlines(), 1) for f in _fields(line)], np.bool_)


def _fields(line: bytes) -> list[bytes]:
    return [field for field in _FIELD.split(line.strip()) if field]


def _flag(field: bytes, line: int) -> bool:
    try:
        return _number(field) != 0
    except ValueError as error:
        raise ValueError(f"{line}: {error}") from None


def parse_names(data: bytes) -> list[str]:
    """Names from a list file, one a line, blank lines left out."""
    lines = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").splitlines()
    return [name for name in (line.strip() for line in lines) if name]
