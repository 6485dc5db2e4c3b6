"""Findings as one list of suspects, the most suspicious first, for people who can look at some texts only.

The suspicion of a text is noisy-or: 1 - (1 - s1)(1 - s2) ..., over the severities of its faults, as if each of them
were wrong by chance alone. Findings on the same characters, and those in which a check says the same, are one fault,
which counts with its highest severity. The kinds in INFORMING say nothing against a text and do not count.

>>> faults = (("typo", 0.8, (2, 6)), ("grammar", 0.5, (2, 6)), ("formatting", 0.5, (7, 9)))
>>> suspicion([Finding(kind, kind, severity, "odd", span) for kind, severity, span in faults])
0.9

What the same check says of the same words in three texts of a class, or of half of all texts, is one suspect: a
misspelt class label is looked at once.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from chatdesc.checks.base import Finding, Subject
from chatdesc.names import natural
from chatdesc.rows.schema import INFORMING

COMMON = 3  # texts from which on a fault is one of their class, or of all
COMMON_SHARE = 0.5
OWN = frozenset(
    {"formatting", "data", "does_not_hold"}
)  # kinds whose faults are alike by chance, not by a class's label
DIGITS = 6

Found = Mapping[str, Sequence[Finding]]


@dataclass(frozen=True, slots=True)
class Suspect:
    """A text, or a fault that several texts share, with what speaks against it.

    Attributes:
        sequences: the text's sequence, or all that share the fault.
        text: of the first sequence.
        category: the first sequence's class, or None.
        suspicion: in [0, 1]; 0 where the findings only inform.
        findings: the most severe first; spans are of ``text``.
        source: the name of the source that has the text; empty for the texts of what is audited.
        number: which of the source's texts of the first sequence it is, from 0.
    """

    sequences: tuple[str, ...]
    text: str
    category: str | None
    suspicion: float
    findings: tuple[Finding, ...]
    source: str = ""
    number: int = 0

    @property
    def label(self) -> str:
        """The sequence's name, which of several texts it is, and how many more sequences share the fault."""
        more = len(self.sequences) - 1
        first = f"{self.sequences[0]}, text {self.number + 1}," if self.number else self.sequences[0]
        return f"{first} and {more} more" if more else first.rstrip(",")


def counts(finding: Finding) -> bool:
    """Whether a finding speaks against its text."""
    return finding.kind not in INFORMING and finding.severity > 0


def distinct(findings: Iterable[Finding]) -> list[Finding]:
    """The findings that count, one of each fault, the most severe first."""
    kept, seen = [], set[Hashable]()
    for finding in sorted(filter(counts, findings), key=lambda finding: -finding.severity):
        said = {finding.span or finding.reason, (finding.check, finding.reason)}
        kept += [] if said & seen else [finding]
        seen |= said
    return kept


def suspicion(findings: Iterable[Finding]) -> float:
    """Noisy-or of the faults' severities."""
    return round(noisy_or(finding.severity for finding in distinct(findings)), DIGITS)


def noisy_or(weights: Iterable[float]) -> float:
    """1 less the product of (1 - weight), for weights in [0, 1]."""
    return 1.0 - math.prod(1.0 - weight for weight in weights)


def rank(subjects: Sequence[Subject], found: Found) -> tuple[Suspect, ...]:
    """Suspects from the most suspicious to those of which findings only inform; texts without findings are none.

    Args:
        subjects: of one source.
        found: the findings of each text, by its ``key``.
    """
    shared = _shared(subjects, found)
    suspects = [_group(members) for members in shared.values()]
    for subject in subjects:
        own = [finding for finding in found.get(subject.key, ()) if not _in(shared, subject, finding)]
        if own:
            suspects.append(_suspect((subject.sequence,), subject, own))
    return in_order(suspects)


def in_order(suspects: Iterable[Suspect]) -> tuple[Suspect, ...]:
    """Suspects, perhaps of several sources, the most suspicious first."""
    return tuple(sorted(suspects, key=lambda one: (-one.suspicion, natural(one.sequences[0]), one.number, one.source)))


Members = list[tuple[Subject, Finding]]


def _shared(subjects: Sequence[Subject], found: Found) -> dict[Hashable, Members]:
    """The faults that several texts share, with these texts: those of half of all texts, then those of a class."""
    alike: defaultdict[Hashable, Members] = defaultdict(list)
    for subject in subjects:
        keys: set[Hashable] = set()
        for finding in filter(counts, found.get(subject.key, ())):
            for key in _keys(subject, finding):
                if key not in keys:
                    keys.add(key)
                    alike[key].append((subject, finding))
    most = max(COMMON, COMMON_SHARE * sum(bool(subject.text.strip()) for subject in subjects))
    common = {key: members for key, members in alike.items() if _everywhere(key) and len(members) >= most}
    of_classes = {
        key: members
        for key, members in alike.items()
        if not _everywhere(key) and len(members) >= COMMON and not _in(common, *members[0])
    }
    return common | of_classes


def _keys(subject: Subject, finding: Finding) -> list[Hashable]:
    """What a finding says, for all texts and for those of its class."""
    words = finding.reason if finding.span is None else subject.text[slice(*finding.span)].casefold()
    said = (finding.check, finding.kind, words, finding.suggestion)
    everywhere: list[Hashable] = [("all", said)]
    return (
        everywhere if finding.kind in OWN or finding.span is None else [*everywhere, ("class", subject.category, said)]
    )


def _everywhere(key: Hashable) -> bool:
    return isinstance(key, tuple) and key[0] == "all"


def _in(shared: Mapping[Hashable, Members], subject: Subject, finding: Finding) -> bool:
    return counts(finding) and any(key in shared for key in _keys(subject, finding))


def _group(members: Members) -> Suspect:
    """One suspect, with the finding that is the most severe."""
    subject, finding = max(members, key=lambda member: member[1].severity)
    return _suspect(tuple(dict.fromkeys(of.sequence for of, _ in members)), subject, [finding])


def _suspect(names: tuple[str, ...], subject: Subject, findings: Sequence[Finding]) -> Suspect:
    ordered = tuple(
        sorted(findings, key=lambda finding: (not counts(finding), -finding.severity, finding.span or (0, 0)))
    )
    what = subject.text, subject.category, suspicion(findings), ordered
    return Suspect(names, *what, source=subject.source, number=subject.number)
