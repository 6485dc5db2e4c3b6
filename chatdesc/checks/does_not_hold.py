"""Texts that are true of the first frame and stop being true later."""

from __future__ import annotations

from collections.abc import Sequence

from chatdesc.checks.base import Finding, Subject
from chatdesc.checks.leads import begins_on, evidence, misspelt, span_of, unfit_places
from chatdesc.stages.look import Sight, View

NAME = "does-not-hold"
LOST = 0.5  # of the frames: more, to the last one, must lead elsewhere where no word of place explains it
SEVERITY = 0.8
PLACE_ALONE = 0.6  # a place is no longer true, but the words still lead to the target


class DoesNotHoldCheck:
    """Finds texts that lead to the target at first and not at the end, and places that the target leaves for good."""

    name = NAME
    kinds: tuple[str, ...] = ("does_not_hold",)
    needs = "frames"
    english_only = True

    def prepare(self, subjects: Sequence[Subject]) -> None:
        """Nothing: each text is looked at by itself."""

    def find(self, subject: Subject) -> list[Finding]:
        """At most one finding; none for a misspelt text, whose words a grounder may not know."""
        if subject.sight is None or not begins_on(subject.sight) or misspelt(subject.sight.text):
            return []
        found = _place(subject.sight, subject.text) or _lost(subject.sight)
        return [found] if found else []

    def describe_self(self) -> dict[str, str]:
        """Name and version."""
        return {"name": self.name, "version": "1"}


def left_from(unfit: Sequence[bool]) -> int | None:
    """The view from which on everything is unfit, to the last one; None if the last one fits, or the first does not.

    >>> left_from([False, True, False, True, True]), left_from([False, True, False]), left_from([True, True])
    (3, None, None)
    """
    start = len(unfit)
    while start and unfit[start - 1]:
        start -= 1
    return start if 0 < start < len(unfit) else None


def _place(sight: Sight, text: str) -> Finding | None:
    unfit = unfit_places(sight)
    start = left_from([bool(words) for words in unfit])
    if start is None:
        return None
    words, view = unfit[start], sight.views[start]
    lost = any(other.lead is not None and other.lead < 0 for other in sight.views[start:])
    then = "and the words lead elsewhere then" if lost else "though the words still lead to it"
    reason = f"from frame {view.frame} on the target is no longer {words!r}, {then}"
    span, said = span_of(words, text), evidence(sight) | {"breaks_at": view.frame}
    return Finding(NAME, "does_not_hold", SEVERITY if lost else PLACE_ALONE, reason, span, evidence=said)


def _lost(sight: Sight) -> Finding | None:
    start = left_from([view.lead is not None and view.lead < 0 and _disagrees(view) for view in sight.views])
    if start is None or len(sight.views) - start <= LOST * len(sight.views):
        return None
    frame = sight.views[start].frame
    reason = f"the words lead to the target at first, and elsewhere from frame {frame} on"
    return Finding(NAME, "does_not_hold", SEVERITY, reason, evidence=evidence(sight) | {"breaks_at": frame})


def _disagrees(view: View) -> bool:
    """Whether another region agrees better with the text."""
    return view.alignment_lead is not None and view.alignment_lead < 0
