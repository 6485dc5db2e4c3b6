"""Texts of other sources under audit, each source by itself, and what an audit finds in each.

>>> from chatdesc.texts.named import NamedTexts, texts_of
>>> mine = NamedTexts("mine", "mine.json", {"bus-2": texts_of(["a bus", "a  red bus"])})
>>> [(subject.key, subject.text) for subject in subjects_of(mine, [Subject("bus-2", "bus", "bus")])]
[('bus-2 in mine', 'a bus'), ('bus-2, text 2 in mine', 'a  red bus')]
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

from chatdesc.checks.base import Finding, Subject
from chatdesc.checks.ranking import counts
from chatdesc.loaders.base import Dataset
from chatdesc.tables import Record
from chatdesc.texts.named import NamedTexts
from chatdesc.texts.said import SequenceTexts


@dataclass(frozen=True, slots=True)
class Group:
    """The texts of one source under audit; checks compare them with one another alone.

    Attributes:
        name: the source's name, ``manual``, or ``refined`` for a run's texts to use.
        place: where they come from.
        notes: what a reader must know.
    """

    name: str
    place: str
    subjects: tuple[Subject, ...]
    notes: tuple[str, ...] = ()

    def named(self, notes: Iterable[str]) -> tuple[str, ...]:
        """Notes on these texts; those of another source than the audited one begin with its name."""
        other = any(subject.source for subject in self.subjects)
        return tuple(f"{self.name}: {note}" if other else note for note in notes)


@dataclass(frozen=True, slots=True)
class SourceAudit:
    """What an audit found in the texts of one source.

    Attributes:
        name: the source's name, ``manual``, or ``refined`` for a run's texts to use.
        place: where they come from.
        sequences: how many sequences have a text there.
        texts: how many texts there are.
        findings: of each text that has any, by the ``key`` of its subject.
    """

    name: str
    place: str
    sequences: int
    texts: int
    findings: Mapping[str, tuple[Finding, ...]]

    def all_findings(self) -> Iterator[Finding]:
        """The findings of all texts."""
        return chain.from_iterable(self.findings.values())

    @property
    def suspicious(self) -> int:
        """How many texts have a finding that speaks against them."""
        return sum(any(map(counts, of)) for of in self.findings.values())

    @property
    def share(self) -> float:
        """The share of suspicious texts among all, in [0, 1]; 0 without a text."""
        return self.suspicious / self.texts if self.texts else 0.0


def subjects_of(named: NamedTexts, audited: Iterable[Subject]) -> tuple[Subject, ...]:
    """Every text of a source, with what the audited sequences are known for.

    Args:
        named: the texts of these sequences alone.
        audited: a subject per sequence, with its class and number of frames.
    """
    known = {subject.sequence: subject for subject in audited}
    return tuple(subject for name, said in named.texts.items() for subject in _each(named.name, said, known[name]))


def _each(source: str, said: SequenceTexts, known: Subject) -> Iterator[Subject]:
    ranges = _ranges(said, known.num_frames)
    for number, (text, written) in enumerate(zip(said.candidates, said.written or said.candidates, strict=True)):
        yield Subject(
            known.sequence,
            written,
            known.category,
            known.num_frames,
            ranges=ranges.get(text, ()),
            source=source,
            number=number,
        )


def _ranges(said: SequenceTexts, frames: int | None) -> dict[str, tuple[tuple[int, int], ...]]:
    """The frames of each text over time; nothing of texts for the whole video."""
    if len(said.phrases) < 2 or frames is None:
        return {}
    stops = [later.start for _, later in pairwise(said.phrases)]
    found: dict[str, tuple[tuple[int, int], ...]] = {}
    for phrase, stop in zip(said.phrases, [*stops, frames], strict=True):
        if phrase.start < stop:
            found[phrase.text] = (*found.get(phrase.text, ()), (phrase.start, stop))
    return found


def group_of(named: NamedTexts, audited: Sequence[Subject]) -> Group:
    """The texts that a source has of the audited sequences.

    Raises:
        ChatdescError: it has none.
    """
    own = named.of(subject.sequence for subject in audited)
    return Group(own.name, own.source, subjects_of(own, audited), own.notes)


def first_texts(subjects: Iterable[Subject], data: Dataset) -> dict[str, str]:
    """The text of each sequence with frames; of several the first, which tables compare."""
    first = {subject.sequence: subject.text for subject in subjects if not subject.number}
    return {name: text for name, text in first.items() if name in data and data[name].usable}


def ranges_of(group: Group) -> dict[str, tuple[tuple[int, int], ...]]:
    """The frames that the first text of each sequence is for; none where it is for the whole video."""
    return {subject.sequence: subject.ranges for subject in group.subjects if not subject.number}


def source_audit(group: Group, found: Mapping[str, tuple[Finding, ...]]) -> SourceAudit:
    """What was found in a source's texts; ``found`` may have the findings of others, too."""
    spoken = [subject for subject in group.subjects if subject.text.strip()]
    own = {subject.key: found[subject.key] for subject in group.subjects if subject.key in found}
    return SourceAudit(group.name, group.place, len({subject.sequence for subject in spoken}), len(spoken), own)


def per_source(sources: Sequence[SourceAudit]) -> list[Record]:
    """How many texts there are and how many are suspicious, and each check's findings, with a column per source.

    What only informs (a check's findings that do not count against a text) has ``ranked`` no.
    """
    found = {of.name: Counter((f.check, f.kind, counts(f)) for f in of.all_findings()) for of in sources}
    kinds = sorted({kind for of in found.values() for kind in of}, key=lambda kind: (not kind[2], kind))
    whole: list[tuple[str, Callable[[SourceAudit], object]]] = [
        ("sequences", lambda of: of.sequences),
        ("texts", lambda of: of.texts),
        ("suspicious texts", lambda of: of.suspicious),
        ("share of them", lambda of: of.share),
    ]
    rows: list[Record] = [
        {"what": name, "kind": "", "ranked": ""} | {of.name: number(of) for of in sources} for name, number in whole
    ]
    return rows + [
        {"what": check, "kind": kind, "ranked": "yes" if ranks else "no"}
        | {of.name: found[of.name][check, kind, ranks] for of in sources}
        for check, kind, ranks in kinds
    ]
