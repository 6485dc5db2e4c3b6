"""Boxes out of trackers' result files, as they are published.

>>> tabs, wrong = parse_results([b"10,20,30,40\\n10\\t20\\tNaN\\t40\\n", b"1,2,3\\n"])
>>> tabs.boxes.shape, wrong.error
((2, 4), '1: expected 4 numbers, found 3')

Numbers separated by commas, tabs, spaces or semicolons, lines ended by LF or CRLF, NaN in any case.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from chatdesc.evaluation.plain_boxes import PIECE, looks_plain, parse_plain

Floats = NDArray[np.float64]

BOM = b"\xef\xbb\xbf"
_TO_COMMAS = bytes.maketrans(b"\t; ", b",,,")
NUMBER_STARTS = b"+-.0123456789nNiI"
_FIELD = re.compile(r"\s*[,;]\s*|\s+")


@dataclass(frozen=True, slots=True, eq=False)
class ParsedBoxes:
    """Boxes [M, 4] xywh in pixels of one file, or why it has none (``is empty``, or ``LINE: why``).

    ``finite``: all are known to be finite.
    """

    boxes: Floats = field(default_factory=lambda: np.zeros((0, 4)))
    error: str = ""
    finite: bool = False


def parse_results(files: Sequence[bytes]) -> list[ParsedBoxes]:
    """The boxes of several files, float64 as written; files with four numbers in every line are read many at a time.

    Their arrays are parts of one in Fortran order (number by number), which scoring reads fastest.
    """
    read: list[ParsedBoxes | None] = []
    for piece in pieces(files, PIECE):
        plain = parse_plain(piece) if looks_plain(piece[0]) else None
        read += [None] * len(piece) if plain is None else [ParsedBoxes(boxes, finite=True) for boxes in plain]
    rest = iter(_mostly([data for data, one in zip(files, read, strict=True) if one is None]))
    return [next(rest) if one is None else one for one in read]


def pieces(files: Sequence[bytes], size: int) -> Iterator[Sequence[bytes]]:
    """The files in order, about so many bytes at a time."""
    start = taken = 0
    for stop, data in enumerate(files, 1):
        taken += len(data)
        if taken >= size or stop == len(files):
            yield files[start:stop]
            start, taken = stop, 0


def _mostly(files: Sequence[bytes]) -> list[ParsedBoxes]:
    """The boxes of files of any kind: at once those with four numbers in every line, line by line the others."""
    bodies = [_tidy(data) for data in files]
    filled = [i for i, body in enumerate(bodies) if body]
    boxes = dict(zip(filled, _several([bodies[i] for i in filled]), strict=True))
    quick = (boxes.get(i) for i in range(len(files)))
    return [_careful(data) if read is None else ParsedBoxes(read) for data, read in zip(files, quick, strict=True)]


def _tidy(data: bytes) -> bytes:
    body = data.removeprefix(BOM).rstrip()  # an empty line at the start is one without a box, as in between
    if b"\r" in body:
        body = body.replace(b"\r\n", b"\n")
    if b"\t" in body or b" " in body or b";" in body:
        body = body.translate(_TO_COMMAS)
    return body


def lines_in(body: bytes) -> int:
    """Lines of a text that does not end with a newline. ``bytes.count``, one by one, takes three times as long."""
    return int(np.count_nonzero(np.frombuffer(body, np.uint8) == ord("\n"))) + 1


def _several(bodies: list[bytes]) -> list[Floats | None]:
    """The boxes of each body, None where it has to be read line by line; halving finds the bodies of that kind."""
    quick = _quick(bodies)
    if quick is not None:
        return quick
    if len(bodies) == 1:
        return [None]
    middle = len(bodies) // 2
    return _several(bodies[:middle]) + _several(bodies[middle:])


def _quick(bodies: list[bytes]) -> list[Floats | None] | None:
    """One pass over all bodies, or None where a line of any of them is not four numbers."""
    import polars

    if not bodies:
        return []
    # Polars unpacks what begins like gzip, zlib or zstd, and passes over a mark of the byte order and over a CR that
    # ends no line; to us all are mistakes.
    if bodies[0][:1] not in NUMBER_STARTS or any(b"\r" in body for body in bodies):
        return None
    counts = [lines_in(body) for body in bodies]
    columns = dict.fromkeys("xywh", polars.Float64)
    try:
        table = polars.read_csv(b"\n".join(bodies), has_header=False, schema=columns, quote_char=None)
    except polars.exceptions.PolarsError:
        return None
    if table.height != sum(counts) or any(table.null_count().row(0)):
        return None
    values = table.to_numpy(order="fortran")
    stops = np.cumsum(counts).tolist()
    return [values[stop - count : stop] for stop, count in zip(stops, counts, strict=True)]


def _careful(data: bytes) -> ParsedBoxes:
    lines = data.decode("utf-8-sig", "replace").rstrip().splitlines()
    if not lines:
        return ParsedBoxes(error="is empty")
    rows = []
    for number, line in enumerate(lines, 1):
        try:
            rows.append(_row(line))
        except ValueError as error:
            return ParsedBoxes(error=f"{number}: {error}")
    return ParsedBoxes(np.array(rows, np.float64))


def _row(line: str) -> list[float]:
    fields = _FIELD.split(line.strip().rstrip(",;").rstrip())
    if len(fields) != 4:
        raise ValueError(f"expected 4 numbers, found {len(fields) if line.strip() else 0}")
    numbers = []
    for text in fields:
        try:
            # "1_0" is a number for Python, and for nobody else.
            numbers.append(float(text.replace("_", "?")))
        except ValueError:
            raise ValueError(f"expected a number, found {text!r}") from None
    return numbers
