"""Texts that are true of the first frame and stop being true later."""

from __future__ import annotations

from collections.abc import Sequence

from chatdesc.checks.base import Finding, Subject
from chatdesc.checks.leads import begins_on, evidence, is_read, misspelt, span_of
from chatdesc.measures.leads import LEAST_VIEWS, UNLIKE, out_of_place, unfit_place
from chatdesc.measures.validity import left_from
from chatdesc.stages.look import Sight, View

NAME = "does-not-hold"
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
        sight = subject.sight
        if sight is None or misspelt(sight.text) or not is_read(sight):
            return []
        found = (_place(sight, subject.text) if begins_on(sight) else None) or _lost(sight)
        return [found] if found else []

    def describe_self(self) -> dict[str, str]:
        """Name and version."""
        return {"name": self.name, "version": "1"}


def _place(sight: Sight, text: str) -> Finding | None:
    unfit = [unfit_place(sight.text, view) for view in sight.views]
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
    first = sight.views[0]
    if first.alignment is None or not (begins_on(sight) or _is_preferred(first)):
        return None
    least = first.alignment - UNLIKE
    start = left_from([view.alignment is not None and view.alignment <= least for view in sight.views])
    if start is None or len(sight.views) - start < LEAST_VIEWS:
        return None
    if not any(_elsewhere(sight, view, least) for view in sight.views[start:]):
        return None
    frame = sight.views[start].frame
    reason = f"from frame {frame} on the target agrees much less with the words, which lead elsewhere then"
    return Finding(NAME, "does_not_hold", SEVERITY, reason, evidence=evidence(sight) | {"breaks_at": frame})


def _is_preferred(view: View) -> bool:
    """Whether the words lead to the target, if by little, and it agrees much better with them than other regions."""
    return (view.lead or 0) > 0 and view.alignment_lead is not None and view.alignment_lead >= UNLIKE


def _elsewhere(sight: Sight, view: View, least: float) -> bool:
    """Whether the words lead to another region, which is where they say and agrees with them by more than ``least``.

    Where the target is only hidden, other regions agree better with the words than it does, but not so well as it did.
    """
    return any(
        not on and fit > view.best_on and aligned > least and not out_of_place(sight.text, view, k)
        for k, (on, fit, aligned) in enumerate(zip(view.on_target, view.fits, view.alignments, strict=True))
    )
