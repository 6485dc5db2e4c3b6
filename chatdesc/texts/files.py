"""Files of texts read with care: regular files of a bounded size, as UTF-8, and JSON that says each thing once.

>>> from tempfile import mkdtemp
>>> place = Path(mkdtemp(), "mine.json")
>>> _ = place.write_text('{"bus-2": "a bus", "bus-2": "a van"}')
>>> json_of(place)
Traceback (most recent call last):
    ...
chatdesc.types.ChatdescError: mine.json: 'bus-2' is there twice; keep one of them
"""

from __future__ import annotations

import json
import stat
from collections import Counter
from pathlib import Path
from typing import Any

from chatdesc.types import ChatdescError

MAX_BYTES = 256 << 20  # the anchors of all of LaSOT in DPU-VLT's cache take about 40 MB
PICKLED = frozenset({".pkl", ".pickle", ".pth", ".pt", ".npy", ".npz", ".bin", ".joblib"})


class _Twice(ValueError):
    """A key of a JSON object that comes twice."""


def text_of(place: Path, most: int | None = None) -> str:
    """A file's text; ``most`` bytes of it at most, MAX_BYTES where it is None.

    Raises:
        ChatdescError: it is no regular file, too large, or no UTF-8.
    """
    limit = MAX_BYTES if most is None else most
    try:
        if not stat.S_ISREG(place.stat().st_mode):
            raise ChatdescError(f"{place.name}: is a pipe or a device, no file of texts")
        with place.open("rb") as file:
            data = file.read(limit + 1)
    except (OSError, ValueError) as error:
        raise ChatdescError(f"{place}: cannot be read ({error})") from None
    if len(data) > limit:
        raise ChatdescError(
            f"{place.name}: has more than {limit >> 20} MB, which no file of texts has; cut it in parts"
        )
    return decoded(place.name, data)


def decoded(name: str, data: bytes) -> str:
    """Bytes as text; a mark at the beginning does not count.

    Raises:
        ChatdescError: they are no UTF-8; the message names the line.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ChatdescError(
            f"{name}, line {line}: byte {error.object[error.start]:#04x} is no UTF-8; save the file as UTF-8"
        ) from None


def json_of(place: Path) -> Any:
    """The value of a JSON file.

    Raises:
        ChatdescError: it cannot be read, is no JSON, or an object has a key twice.
    """
    return json_value(text_of(place), place.name)


def json_value(text: str, where: str, line: int | None = None) -> Any:
    """The value of a JSON text.

    Args:
        where: the file, for messages; ``line`` is that of a text of one line.

    Raises:
        ChatdescError: as ``json_of``.
    """
    at = where if line is None else f"{where}, line {line}"
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        place = f"{where}, line {line or error.lineno}"
        raise ChatdescError(f"{place}: is no JSON ({error.msg}, character {error.colno}); correct it") from None
    except _Twice as error:
        raise ChatdescError(f"{at}: {error} is there twice; keep one of them") from None
    except (ValueError, RecursionError):
        raise ChatdescError(f"{at}: is no JSON that can be read (too deep, or no number); correct it") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise _Twice(repr(Counter(key for key, _ in pairs).most_common(1)[0][0]))
    return value


def _no_number(name: str) -> Any:
    raise ValueError(name)
