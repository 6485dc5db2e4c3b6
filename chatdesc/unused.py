"""Refuses arguments that would take no part: numbers rest on what was asked for.

>>> refuse_unused({"root": "/data", "judge": None, "device": None}, "where --results brings the tracks")
Traceback (most recent call last):
chatdesc.types.ChatdescError: ROOT: of no use where --results brings the tracks
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from chatdesc.types import ChatdescError


def refuse_unused(values: Mapping[str, object], why: str) -> None:
    """Refuse arguments that were given (are not None).

    Raises:
        ChatdescError: at least one was given.
    """
    refuse_named([name for name, value in values.items() if value is not None], why)


def refuse_named(names: Iterable[str], why: str) -> None:
    """Refuse arguments by their names; ``root`` is the argument ROOT, others are options.

    Raises:
        ChatdescError: at least one is named.
    """
    refuse_spelled(["ROOT" if name == "root" else f"--{name.replace('_', '-')}" for name in names], why)


def refuse_spelled(options: Sequence[str], why: str) -> None:
    """Refuse options and arguments as users write them.

    Raises:
        ChatdescError: there is at least one.
    """
    if options:
        raise ChatdescError(f"{' and '.join(options)}: of no use {why}")
