"""Texts that fit several regions of the first frame alike, so that nobody can tell which one is meant."""

from __future__ import annotations

from collections.abc import Sequence

from chatdesc.checks.base import Finding, Subject
from chatdesc.checks.leads import evidence, is_read, misspelt
from chatdesc.checks.wrong_target import leads_elsewhere
from chatdesc.measures.leads import FALSE, out_of_place
from chatdesc.stages.ground import is_content
from chatdesc.stages.look import Sight, View, Without
from chatdesc.types import split_words

NAME = "ambiguous"
SEVERITY = 0.6  # on the first frame alone; up to MOST where the other frames say the same
MOST = 0.9
NEAR = 0.4  # a lead under which another region fits nearly as well
LIKE = 15.0  # cosine x 100 by which target and region may differ in how they agree with a text that fits both
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
            others = len(rivals(sight, sight.views[0]))
            regions = "another region" if others == 1 else f"{others} other regions"
            reason = f"on the first frame the words fit {regions} as well as the target"
        else:
            return []
        return [Finding(NAME, "ambiguous", _severity(sight), reason, evidence=evidence(sight))]

    def describe_self(self) -> dict[str, str]:
        """Name and version."""
        return {"name": self.name, "version": "1"}


def fits_several(sight: Sight) -> bool:
    """Whether the target has no clear lead on the first frame over a region that agrees with the text like the target.

    A text with a word that is not true of the target does not fit it, but something else or nothing.
    """
    if any(_is_false_at_first(sight, without) for without in sight.without) or leads_elsewhere(sight):
        return False
    return bool(sight.views[0].proposed.any()) and undecided(sight, sight.views[0])


def _is_false_at_first(sight: Sight, without: Without) -> bool:
    """Whether the encoder says that a word is not true of the target on the first frame."""
    whole = sight.views[0].alignment
    return whole is not None and bool(without.alignments) and without.alignments[0] - whole >= FALSE


def undecided(sight: Sight, view: View) -> bool:
    """Whether neither the lead nor the alignment on a frame tells the target from some other region."""
    return view.lead is not None and view.lead < NEAR and bool(rivals(sight, view))


def names_nothing(text: str) -> bool:
    """Whether a text has no word but general ones.

    >>> names_nothing("the moving object"), names_nothing("the moving car")
    (True, False)
    """
    words = [word.text.lower() for word in split_words(text) if is_content(word.text)]
    return bool(words) and GENERAL.issuperset(words)


def rivals(sight: Sight, view: View) -> list[int]:
    """Indices of the regions off the target that fit nearly as well as the best one, and agree like the target."""
    enough = (1 - NEAR) * max(view.best_on, view.best_off)
    near = (k for k, on in enumerate(view.on_target) if not on and view.fits[k] >= enough)
    return [k for k in near if _agrees(view, k) and not out_of_place(sight.text, view, k)]


def _agrees(view: View, region: int) -> bool:
    """Whether a region agrees with the text about as well as the target; one that was not embedded does not."""
    return view.alignment is not None and abs(view.alignment - view.alignments[region]) < LIKE


def _severity(sight: Sight) -> float:
    share = sum(undecided(sight, view) for view in sight.views) / len(sight.views)
    return round(SEVERITY + (MOST - SEVERITY) * share, 3)
