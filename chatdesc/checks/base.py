"""What a check is given, and what it answers.

A whole check:

>>> class Empty:
...     name, kinds = "empty", ("uninformative",)
...     def prepare(self, subjects):
...         pass
...     def find(self, subject):
...         return [] if subject.text.strip() else [Finding("empty", "uninformative", 0.5, "the text is empty")]
...     def describe_self(self):
...         return {"name": self.name}
>>> check = Empty()
>>> isinstance(check, Check), check.find(Subject("kite-1", " "))[0].reason
(True, 'the text is empty')
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from chatdesc.rows.schema import Row
from chatdesc.stages.look import Sight
from chatdesc.tables import Record

KINDS = (
    "wrong_target", "ambiguous", "does_not_hold", "typo", "grammar", "formatting", "uninformative", "duplicate", "data",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Subject:
    """A text under audit, with what is known of its sequence.

    Attributes:
        sequence: its name.
        text: as the dataset has it, with line breaks and odd spaces.
        category: the dataset's own class of the target, or None.
        num_frames: annotated frames, or None.
        status: the loader's (``ok``, ``missing_text`` ...).
        problems: the loader's, in words.
        row: the run's or the published dataset's row, with its evidence; None where there is only the dataset.
        sight: where the text leads on the frames; None where nobody looked.
        ranges: the frames that the text is for, as ``(start, stop)``; empty for the whole video.
        source: the name of the source that has it; empty for the texts of what is audited.
        number: which of the source's texts of the sequence it is, from 0.
    """

    sequence: str
    text: str
    category: str | None = None
    num_frames: int | None = None
    status: str = "ok"
    problems: tuple[str, ...] = ()
    row: Row | None = None
    sight: Sight | None = None
    ranges: tuple[tuple[int, int], ...] = ()
    source: str = ""
    number: int = 0

    @property
    def key(self) -> str:
        """A name that no other text of an audit has; the sequence's, for the texts of what is audited."""
        numbered = f", text {self.number + 1}" if self.number else ""
        return f"{self.sequence}{numbered} in {self.source}" if self.source else self.sequence


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault of one text.

    Attributes:
        check: the name of the check that found it.
        kind: one of KINDS.
        severity: in [0, 1]: how likely a careful editor would change the text for it.
        reason: why, in words.
        span: the characters of the text that it is about, as ``(start, stop)``; None for the whole text.
        suggestion: what could stand in place of the span; None where nothing is clear.
        evidence: numbers, frames, boxes, neighbours: JSON values. A typo's ``confidence``, in [0, 1], says how sure the
            suggestion is: ``chatdesc fix`` takes those that are sure enough.
    """

    check: str
    kind: str
    severity: float
    reason: str
    span: tuple[int, int] | None = None
    suggestion: str | None = None
    evidence: Record = field(default_factory=dict)


@runtime_checkable
class Check(Protocol):
    """One kind of look at texts. It is found by name, among the built-in ones and the entry points ``chatdesc.checks``.

    Optional members: ``english_only``; where it is true, ``prepare`` and ``find`` see neither empty texts nor those in
    other languages, nor endless ones. Without it, that holds for checks that find typos or grammar. ``needs``: what the
    check decides from beside the text: ``frames`` (``Subject.sight``), ``words`` (with each word left out), or
    ``frames or row``, where a run's row may do. ``note``: after ``prepare``, what a reader must know of this audit;
    empty if nothing.

    Attributes:
        name: as ``--checks`` takes it.
        kinds: the kinds of its findings.
    """

    name: str
    kinds: tuple[str, ...]

    def prepare(self, subjects: Sequence[Subject]) -> None:
        """Learn from all texts, before any is checked."""
        ...

    def find(self, subject: Subject) -> list[Finding]:
        """The faults of one text."""
        ...

    def describe_self(self) -> dict[str, str]:
        """What a report needs to repeat the check: name, version of its word lists."""
        ...
