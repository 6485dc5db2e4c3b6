"""Whether a row's values have the types of its columns: rows may come from files that people edited.

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


def wrong_column(row: Mapping[str, Any], columns: Iterable[str]) -> str:
    """The first of ``columns`` whose value in the row has another type; empty if all fit. Absent columns fit."""
    kinds = _kinds(Row)
    if not isinstance(row.get("sequence"), str):
        return "sequence"
    return next((name for name in columns if name in row and not _fits(row[name], kinds[name])), "")


@cache
def _kinds(of: Any) -> dict[str, Any]:
    return get_type_hints(of)


def _fits(value: Any, kind: Any) -> bool:
    if value is None:
        return kind not in COUNTED
    if get_origin(kind) in (Union, UnionType):
        return any(_fits(value, part) for part in get_args(kind) if part is not NoneType)
    if get_origin(kind) is list:
        return isinstance(value, list) and all(v is not None and _fits(v, get_args(kind)[0]) for v in value)
    if is_typeddict(kind):
        return isinstance(value, dict) and all(_fits(value.get(name), part) for name, part in _kinds(kind).items())
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
