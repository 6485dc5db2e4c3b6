"""Texts that fit several regions of the first frame alike, so that nobody can tell which one is meant."""

from __future__ import annotations

from collections.abc import Sequence

from chatdesc.checks.base import Finding, Subject
from chatdesc.checks.leads import CLEAR, LESS_LIKE, LIKE, evidence, is_false, is_read, misspelt
from chatdesc.checks.wrong_target import leads_elsewhere
from chatdesc.stages.ground import is_content
from chatdesc.stages.look import Sight, View
from chatdesc.types import split_words

NAME = "ambiguous"
SEVERITY = 0.6  # on the first frame alone; up to MOST where the other frames say the same
MOST = 0.9
GENERAL = frozenset("object objects thing things target item something moving stationary static visible".split())


class AmbiguousCheck:
    """Finds texts that fit another region of the first frame as well as the target, and texts that name nothing."""

    name = NAME
    kinds: tuple[str, ...] = ("ambiguous",)
    needs = "frames"
    english_only = True

    def prepare(self, subjects: Sequence[Subject]) -> None:
        """Nothing: each text is looked at by itself."""

    def find(self, subject: Subject) -> list[Finding]:
        """At most one finding; none for a misspelt text, whose words a grounder may not know."""
        sight = subject.sight
        if sight is None or misspelt(sight.text):
            return []
        if names_nothing(sight.text):
            reason = "the words name nothing that sets the target apart from other things"
        elif is_read(sight) and fits_several(sight):
            others = max(1, len(rivals(sight.views[0])))
            regions = "another region" if others == 1 else f"{others} other regions"
            reason = f"on the first frame the words fit {regions} as well as the target"
        else:
            return []
        return [Finding(NAME, "ambiguous", _severity(sight), reason, evidence=evidence(sight))]

    def describe_self(self) -> dict[str, str]:
        """Name and version."""
        return {"name": self.name, "version": "1"}


def fits_several(sight: Sight) -> bool:
    """Whether the target has no clear lead on the first frame, while it agrees with the text like the next region.

    A text with a word that is not true of the target does not fit it, but something else or nothing.
    """
    if any(is_false(sight, without) for without in sight.without) or leads_elsewhere(sight):
        return False
    return bool(sight.views[0].proposed.any()) and undecided(sight.views[0])


def undecided(view: View) -> bool:
    """Whether neither the leads nor the alignments of a frame tell the target from another region."""
    if view.lead is None or view.alignment_lead is None:
        return False
    return view.lead < CLEAR and -LESS_LIKE < view.alignment_lead < LIKE


def names_nothing(text: str) -> bool:
    """Whether a text has no word but general ones.

    >>> names_nothing("the moving object"), names_nothing("the moving car")
    (True, False)
    """
    words = [word.text.lower() for word in split_words(text) if is_content(word.text)]
    return bool(words) and GENERAL.issuperset(words)


def rivals(view: View) -> list[int]:
    """Indices of the regions off the target that fit nearly as well as the best one."""
    enough = (1 - CLEAR) * max(view.best_on, view.best_off)
    return [k for k, on in enumerate(view.on_target) if not on and view.fits[k] >= enough]


def _severity(sight: Sight) -> float:
    share = sum(map(undecided, sight.views)) / len(sight.views)
    return round(SEVERITY + (MOST - SEVERITY) * share, 3)
