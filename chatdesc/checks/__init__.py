"""Checks of an audit by name: each looks at the texts of a dataset and reports what it finds.

A check's module is imported when the check is created, never before.

To add a check: write a class that keeps ``chatdesc.checks.base.Check``, and add it to BUILTIN, or publish it from your
own package as an entry point of the group ``chatdesc.checks``. Its constructor takes no arguments.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence

from chatdesc.checks.base import Check
from chatdesc.names import near
from chatdesc.types import ChatdescError

GROUP = "chatdesc.checks"

BUILTIN: dict[str, str] = {
    "ambiguous": "chatdesc.checks.ambiguous:AmbiguousCheck",
    "data": "chatdesc.checks.data:DataCheck",
    "does-not-hold": "chatdesc.checks.does_not_hold:DoesNotHoldCheck",
    "duplicate": "chatdesc.checks.duplicates:DuplicateCheck",
    "formatting": "chatdesc.checks.formatting:FormattingCheck",
    "frames": "chatdesc.checks.frames:FramesCheck",
    "gibberish": "chatdesc.checks.gibberish:GibberishCheck",
    "grammar": "chatdesc.checks.grammar:GrammarCheck",
    "non-word": "chatdesc.checks.non_words:NonWordCheck",
    "real-word": "chatdesc.checks.real_words:RealWordCheck",
    "target": "chatdesc.checks.targets:TargetCheck",
    "uninformative": "chatdesc.checks.uninformative:UninformativeCheck",
    "word-by-word": "chatdesc.checks.word_by_word:WordByWordCheck",
    "word-list": "chatdesc.checks.word_lists:WordListCheck",
    "wrong-target": "chatdesc.checks.wrong_target:WrongTargetCheck",
}


def available() -> dict[str, str]:
    """Name -> ``module:class`` of all checks: the built-in ones, then entry points, which cannot replace one."""
    from importlib.metadata import entry_points

    found = dict(BUILTIN)
    for point in entry_points(group=GROUP):
        found.setdefault(point.name, point.value)
    return found


def create(names: Sequence[str] | None = None) -> list[Check]:
    """Make the checks of these names, in their order; None makes all.

    Raises:
        ChatdescError: no check has this name, one cannot be imported, or there are none.
    """
    known = available()
    wanted = list(dict.fromkeys(known if names is None else names))
    if not wanted:
        raise ChatdescError("--checks names no check (`chatdesc audit --list` lists them)")
    for name in wanted:
        if name not in known:
            raise ChatdescError(f"no check is called {name!r}{near(name, known)} (`chatdesc audit --list` lists them)")
    return [_make(name, known[name]) for name in wanted]


def _make(name: str, target: str) -> Check:
    module, _, cls = target.partition(":")
    try:
        check = getattr(importlib.import_module(module), cls)()
    except Exception as error:  # code of others may raise anything
        why = f"{type(error).__name__}: {error}"
        remedy = "leave it out of --checks, or remove its package"
        raise ChatdescError(f"check {name}: {target} cannot be made ({why}); {remedy}") from error
    if not isinstance(check, Check):
        raise ChatdescError(f"check {name}: {target} is no check: see chatdesc.checks.base.Check")
    return check
