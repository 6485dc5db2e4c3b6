"""Whether a row's values have the types of its columns: rows may come from files that people edited.

>>> from chatdesc.rows.schema import empty_row
>>> unfit(empty_row()), unfit(empty_row() | {"text": 5}), unfit({"sequence": "bus-1"})
('', 'text', 'dataset')
>>> wrong_column({"sequence": "bus-2", "text": 7}, ("sequence", "text"))
'text'
>>> wrong_column({"sequence": "bus-2", "text": None, "ranges": [{"start": 0}]}, ("sequence", "text"))
''
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints, is_typeddict

from chatdesc.rows.schema import Row

COUNTED = (int, bool)  # values that must not be null unless their type says so
NEEDED = (
    "sequence", "dataset", "split", "category", "num_frames", "boxes", "manual_text", "text", "text_source", "ranges",
    "background", "rounds", "grounding", "alignment", "tracking", "status", "problems", "provenance",
)  # fmt: skip
LOOKED_AT = 3  # items of a stored list; it may be as long as a video


def unfit(row: Mapping[str, Any]) -> str:
    """The first column of a stored row that is missing though readers need it, or of another type; empty if none is."""
    lacking = (name for name in NEEDED if name not in row)
    wrong = (name for name, kind in _kinds(Row).items() if name in row and not _fits(row[name], kind, stored=True))
    return next(lacking, "") or next(wrong, "")


def wrong_column(row: Mapping[str, Any], columns: Iterable[str]) -> str:
    """The first of ``columns`` whose value in the row has another type; empty if all fit. Absent columns fit."""
    kinds = _kinds(Row)
    if not isinstance(row.get("sequence"), str):
        return "sequence"
    return next((name for name in columns if name in row and not _fits(row[name], kinds[name])), "")


@cache
def _kinds(of: Any) -> dict[str, Any]:
    return get_type_hints(of)


def _fits(value: Any, kind: Any, stored: bool = False) -> bool:
    """Whether a value is of a type. In a ``stored`` row lists are never null, and only their first items count."""
    if value is None:
        return kind not in COUNTED and not (stored and get_origin(kind) is list)
    if get_origin(kind) in (Union, UnionType):
        return any(_fits(value, part, stored) for part in get_args(kind) if part is not NoneType)
    if get_origin(kind) is list:
        of, most = get_args(kind)[0], LOOKED_AT if stored else None
        return isinstance(value, list) and all(v is not None and _fits(v, of, stored) for v in value[:most])
    if is_typeddict(kind):
        return isinstance(value, dict) and all(
            _fits(value.get(name), part, stored and name in value) for name, part in _kinds(kind).items()
        )
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
