"""All checks on all texts, with what a check of somebody else's may do wrong.

>>> class Loud:
...     name, kinds = "loud", ("typo",)
...     def prepare(self, subjects):
...         pass
...     def find(self, subject):
...         return [Finding("loud", "typo", 0.5, "it shouts")] if subject.text.isupper() else []
...     def describe_self(self):
...         return {"name": self.name}
>>> found, notes = examine([Subject("bus-1", "A RED BUS"), Subject("bus-2", "a red bus")], [Loud()])
>>> list(found), notes
(['bus-1'], ())
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from operator import index

from chatdesc.checks.base import KINDS, Check, Finding, Subject
from chatdesc.checks.corpus import Corpus
from chatdesc.checks.other_languages import languages
from chatdesc.names import counted, some
from chatdesc.tables import Progress
from chatdesc.types import ChatdescError

LONGEST = 2000  # characters of a text that is read as English
LONGEST_WORD = 100
OF_LANGUAGE = frozenset({"typo", "grammar"})
REMEDY = "leave it out with --checks, and tell its author"

Found = dict[str, tuple[Finding, ...]]


def examine(
    audited: Sequence[Subject], checks: Iterable[Check], progress: Progress | None = None
) -> tuple[Found, tuple[str, ...]]:
    """The findings of each text that has any, and notes on what was not looked at.

    Checks of English see neither empty texts nor those in other languages, nor what is too long to be a sentence.
    """
    spoken = languages(subject.text for subject in audited)
    unread = {s.key: why for s, name in zip(audited, spoken, strict=True) if (why := _unreadable(s.text, name))}
    english = Corpus(subject for subject in audited if subject.key not in unread and subject.text.strip())
    found: dict[str, list[Finding]] = {}
    made = list(checks)
    for number, check in enumerate(made):
        if progress is not None:
            progress(number, len(made), check.name)
        looked_at = english if _english_only(check) else audited
        for name, findings in _of_check(check, looked_at).items():
            found.setdefault(name, []).extend(findings)
    if progress is not None:
        progress(len(made), len(made), "")
    said = tuple(note for check in made if (note := str(getattr(check, "note", ""))))
    in_order = (subject.key for subject in audited if subject.key in found)
    return {name: tuple(found[name]) for name in in_order}, (*_notes(unread), *said)


def _unreadable(text: str, spoken: str | None) -> str | None:
    """Why no check of English looks at a text: its language, or its length; None where they do."""
    endless = len(text) > LONGEST or max(map(len, text.split()), default=0) > LONGEST_WORD
    return "too long to be read" if endless else spoken


def _english_only(check: Check) -> bool:
    return bool(getattr(check, "english_only", not OF_LANGUAGE.isdisjoint(check.kinds)))


def facts(checks: Iterable[Check]) -> tuple[dict[str, str], ...]:
    """What each check says of itself.

    Raises:
        ChatdescError: one cannot.
    """
    said = []
    for check in checks:
        try:
            said.append(check.describe_self())
        except Exception as error:
            raise _failed(check, error) from error
    return tuple(said)


def _of_check(check: Check, audited: Sequence[Subject]) -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = {}
    try:
        check.prepare(audited)
        for subject in audited:
            found[subject.key] = list(check.find(subject))
    except ChatdescError:
        raise
    except Exception as error:
        raise _failed(check, error) from error
    for subject in audited:
        for finding in found[subject.key]:
            if not _is_possible(finding, subject.text):
                raise ChatdescError(f"check {check.name}: {subject.key}: no such finding ({finding}); {REMEDY}")
    return {name: findings for name, findings in found.items() if findings}


def _failed(check: Check, error: Exception) -> ChatdescError:
    return ChatdescError(f"check {check.name} failed: {type(error).__name__}: {error}; {REMEDY}")


def _is_possible(finding: object, text: str) -> bool:
    """Whether a check's finding is one: of a known kind, within the text, with JSON values as evidence."""
    if not isinstance(finding, Finding):
        return False
    try:
        start, stop = (0, len(text) or 1) if finding.span is None else map(index, finding.span)
        severe = 0 <= finding.severity <= 1
        json.dumps(finding.evidence, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return False
    words = isinstance(finding.reason, str) and isinstance(finding.suggestion, str | None)
    return finding.kind in KINDS and severe and words and 0 <= start < stop <= max(len(text), 1)


def _notes(unread: Mapping[str, str]) -> tuple[str, ...]:
    by_reason: dict[str, list[str]] = {}
    for name, why in unread.items():
        by_reason.setdefault(why, []).append(name)
    return tuple(
        f"{counted(len(names), 'text is', 'texts are')} {why} ({some(names, 3)}): no check of English looks at them"
        for why, names in sorted(by_reason.items())
    )
