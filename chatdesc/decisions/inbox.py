"""``chatdesc.review_import``: what a team answered in Label Studio or Argilla, as decisions in the journals.

An answer has the same id whenever it is read, so a second import of the same export, or of a later one that holds it
too, keeps it once.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from chatdesc.decisions.answer import Answer, NoAnswer, decided, is_imported
from chatdesc.decisions.answer_files import read_answers
from chatdesc.decisions.decision import Decision, Key, key_of, seen, standing
from chatdesc.decisions.journal import Journal
from chatdesc.decisions.review import folder_of, refuse_unwritable
from chatdesc.names import near, some
from chatdesc.page.material import StrPath, whole
from chatdesc.rows.sources import read_rows
from chatdesc.tables import Record, Tabular
from chatdesc.types import ChatdescError

COLUMNS = ("sequence", "dataset", "split", "manual_text", "text")
HINTS = 10  # cases whose name is compared with all others; more are of another source
NUMBER = re.compile(r"[0-9]+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""An annotator as Label Studio numbers them, or as Argilla does."""


@dataclass(frozen=True, slots=True)
class ReviewImport(Tabular):
    """What ``review_import`` did.

    Attributes:
        folder: where the journals are.
        decisions: those that are new, as they are kept.
        known: how many answers were decisions already.
        left_out: answers that are no decisions, with why: drafts, contradictions, rows that are not in the source.
        outdated: rows that a reviewer has decided later than in the other tool; the later decision stands.
        changed: rows whose texts have changed since the export: ``apply`` refuses these decisions.
    """

    folder: Path
    decisions: tuple[Decision, ...] = ()
    known: int = 0
    left_out: tuple[tuple[str, str], ...] = ()
    outdated: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()

    def records(self) -> list[Record]:
        """New decisions per reviewer and verdict."""
        counts = Counter((made.reviewer, made.verdict) for made in self.decisions)
        return [{"reviewer": who, "verdict": what, "decisions": n} for (who, what), n in sorted(counts.items())]


def review_import(
    source: StrPath,
    files: StrPath | Sequence[StrPath],
    *,
    decisions: StrPath | None = None,
    reviewer: str | Mapping[str, str] | None = None,
    split: str | None = None,
    config: str | None = None,
) -> ReviewImport:
    """Take the answers that Label Studio or Argilla exported into the journals of decisions.

    Args:
        source: the run, dataset folder or Hub repository that was exported.
        files: Label Studio's JSON or JSON-MIN, Argilla's records as JSON or JSON Lines; the file shows which.
        decisions: the folder of the journals; None takes that of the run.
        reviewer: whose answers they are: a name for all of them, or a name for each annotator as the tool names them;
            None takes the annotator's e-mail or name, and ``label-studio-3`` for one that is only a number.
        split, config: as for ``chatdesc.review_export``.

    Raises:
        ChatdescError: a file is damaged or of another kind, or one name is given for several annotators; nothing is
            written then.
    """
    places = [Path(file) for file in ([files] if isinstance(files, str | os.PathLike) else files)]
    folder, rows = folder_of(source, decisions), _rows(os.fspath(source), split, config)
    answers = [answer for place in places for answer in read_answers(place)]
    name = _named(answers, reviewer)
    inbox = _Inbox(folder, rows)
    for answer in answers:
        inbox.take(answer, name)
    return inbox.emptied()


def _rows(source: str, split: str | None, config: str | None) -> dict[Key, str]:
    """What each row is now, as decisions say it."""
    rows = map(whole, read_rows(source, split, config, COLUMNS))
    return {key_of(row): seen(row["manual_text"], row["text"]) for row in rows}


def _named(answers: Iterable[Answer | NoAnswer], reviewer: str | Mapping[str, str] | None) -> Callable[[Answer], str]:
    """Gives the reviewer whose decision an answer is; empty where nobody is named."""
    annotators = sorted({answer.annotator for answer in answers if isinstance(answer, Answer)})
    if isinstance(reviewer, str):
        if len(annotators) > 1:
            raise ChatdescError(
                f"--reviewer {reviewer}: there are answers of {len(annotators)} annotators; name each, "
                f"as --reviewer {annotators[-1]}=NAME, or leave it out"
            )
        return lambda _: reviewer
    names = dict(reviewer or {})
    if unknown := [each for each in names if each not in annotators]:
        raise ChatdescError(f"--reviewer: no answer is of {unknown[0]!r}; the annotators are {some(annotators)}")
    return lambda answer: names.get(answer.annotator) or _own_name(answer)


def _own_name(answer: Answer) -> str:
    """An annotator's own name; one that is only a number or an id gets the tool's name in front."""
    annotator = answer.annotator
    return f"{answer.tool}-{annotator}" if NUMBER.fullmatch(annotator) else annotator


@dataclass(slots=True)
class _Inbox:
    """Sorts answers: new decisions, known ones, and those that are none."""

    folder: Path
    rows: dict[Key, str]
    new: list[Decision] = field(default_factory=list)
    known: int = 0
    left_out: list[tuple[str, str]] = field(default_factory=list)
    outdated: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    _ids: set[str] = field(init=False)
    _stands: dict[tuple[str, Key], Decision] = field(init=False)

    def __post_init__(self) -> None:
        kept = Journal(self.folder).read()
        self._ids, self._stands = {made.id for made in kept}, standing(kept)

    def take(self, answer: Answer | NoAnswer, name: Callable[[Answer], str]) -> None:
        sequence = answer.key[2] or "a case without a name"
        try:
            made = self._decision(answer, name)
        except ChatdescError as error:
            self.left_out.append((sequence, str(error)))
            return
        if made.id in self._ids:
            self.known += 1
        elif isinstance(answer, Answer) and _is_later(self._stands.get((made.reviewer, made.key)), answer.at):
            self.outdated.append(sequence)
        else:
            self._ids.add(made.id)
            self.new.append(made)
            self.changed += [sequence] if made.seen != self.rows[made.key] else []

    def _decision(self, answer: Answer | NoAnswer, name: Callable[[Answer], str]) -> Decision:
        if isinstance(answer, NoAnswer):
            raise ChatdescError(answer.why)
        if answer.key not in self.rows:
            names = [sequence for _, _, sequence in self.rows] if len(self.left_out) < HINTS else []
            raise ChatdescError(f"there is no such row in the source{near(answer.key[2], names)}")
        if not (reviewer := name(answer)):
            raise ChatdescError("it does not say who answered; name the reviewer with --reviewer")
        return decided(answer, reviewer)

    def emptied(self) -> ReviewImport:
        """Keep what is new, each reviewer's in order."""
        kept: list[Decision] = []
        journals = [Journal(self.folder, reviewer) for reviewer in dict.fromkeys(made.reviewer for made in self.new)]
        for journal in journals:
            refuse_unwritable(journal)
        for journal in journals:
            kept += journal.add(made for made in self.new if made.reviewer == journal.reviewer)
        return ReviewImport(
            self.folder, tuple(kept), self.known, tuple(self.left_out), tuple(self.outdated), tuple(self.changed)
        )


def _is_later(stands: Decision | None, at: str) -> bool:
    """Whether a decision was made here after an answer elsewhere; when imports were made says nothing about that."""
    if stands is None or is_imported(stands):
        return False
    try:
        return datetime.fromisoformat(stands.at) > datetime.fromisoformat(at)
    except (ValueError, TypeError):  # the tool does not say when, or not in which zone
        return False
