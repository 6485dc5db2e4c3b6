"""``chatdesc.audit``: the texts of a dataset or of a run that are wrong, the most suspicious first, and why.

>>> from tempfile import mkdtemp
>>> from chatdesc.synthetic import render
>>> root = mkdtemp()
>>> name, *_ = render(Path(root), count=3, frames=2)
>>> _ = Path(root, name[:-2], name, "nlp.txt").write_text("a  red kite")
>>> result = audit("synthetic", root, checks=["formatting"])
>>> [(suspect.label, suspect.findings[0].reason) for suspect in result.suspects]
[('star-1', '2 spaces in a row')]
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chatdesc.atomic import make_folder
from chatdesc.checks import create
from chatdesc.checks.base import KINDS, Check, Finding, Subject
from chatdesc.checks.corpus import Corpus
from chatdesc.checks.other_languages import language
from chatdesc.checks.ranking import Suspect, counts, rank
from chatdesc.checks.report_files import finding_records, write_files
from chatdesc.checks.sights import Sights, frames_for, look_at, need, not_recorded, refuse_blind, seen
from chatdesc.checks.subjects import subjects
from chatdesc.engine.options import sort_options
from chatdesc.names import some
from chatdesc.rows.selection import Selection
from chatdesc.rows.store import is_run
from chatdesc.tables import Progress, Record, Tabular
from chatdesc.types import ChatdescError
from chatdesc.unused import refuse_unused

LONGEST = 2000  # characters of a text that is read as English
LONGEST_WORD = 100
OF_LANGUAGE = frozenset({"typo", "grammar"})
CHECK_REMEDY = "leave it out with --checks, and tell its author"


@dataclass(frozen=True, slots=True)
class Audit(Tabular):
    """What an audit found.

    Attributes:
        place: what was audited.
        text_source: ``manual``, or ``refined`` for the texts to use.
        sequences: how many sequences were looked at.
        texts: how many of them have a text.
        suspects: the most suspicious first; ``table()`` has a row per finding, in the same order.
        findings: of each sequence that has any, before equal ones of a class are joined.
        checks: what each check says of itself.
        notes: what a reader must know.
        files: those written.
    """

    place: str
    text_source: str
    sequences: int
    texts: int
    suspects: tuple[Suspect, ...]
    findings: Mapping[str, tuple[Finding, ...]]
    checks: tuple[Mapping[str, str], ...]
    notes: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()

    @property
    def faults(self) -> int:
        """How many findings speak against a text; uninformative and duplicate texts do not count."""
        return sum(counts(finding) for suspect in self.suspects for finding in suspect.findings)

    def records(self) -> list[Record]:
        return finding_records(self.suspects)


def audit(
    source: str | Path,
    root: str | Path | None = None,
    *,
    checks: Sequence[str] | None = None,
    out: str | Path | None = None,
    split: str | None = None,
    sequences: str | None = None,
    limit: int | None = None,
    split_file: str | None = None,
    texts: str | None = None,
    config: str | None = None,
    text_source: str | None = None,
    frames: bool = False,
    preset: str | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Audit:
    """Rank the suspicious texts of a dataset, a run, a dataset folder or a Hub repository, with the reasons.

    Args:
        source: a dataset's name, a run folder, a dataset folder, or ``USER/NAME``.
        root: a dataset's root; for the other sources None, but for a run with ``frames`` its dataset's root.
        checks: names of checks, as ``list_checks`` has them; None takes all.
        out: a folder for audit.csv, audit.md and audit.jsonl.
        split: ``train`` or ``test``; None takes all.
        sequences: only these: names with commas, or a file of names. Texts are compared among those that are chosen.
        limit: only the first so many sequences.
        split_file: a file of sequence names.
        texts: otb-lang: where the ``OTB_query_*`` folders are.
        config: which of several datasets in one repository.
        text_source: of a run or repository, ``manual`` or ``refined``; None takes the manual texts where there are any.
        frames: look at the frames of the video, too, with a grounder and an encoder.
        preset: whose models look at them, ``offline`` by default.
        progress: called with checks done, all checks, and the name of the next one; before, while frames are looked at,
            with sequences.
        options: with ``frames``, any field of ``config.Settings`` or ``config.Resources``, as in ``annotate``:
            ``grounder``, ``encoders``, ``alignment_frames``, ``theta``, ``device`` ...

    Raises:
        ChatdescError: a place cannot be read, no sequence has a text, no check has this name, or a check failed.
    """
    made, place = create(checks), None if root is None else str(root)
    refuse_blind(made, checks is not None, frames, place, str(source))
    if not frames:
        refuse_unused({"preset": preset} | options, "without --frames")
    settings, resources = sort_options(preset or "offline", options)
    make_folder(None if out is None else Path(out))
    chosen = Selection(split, sequences, limit, split_file)
    of_run = frames and is_run(source)  # ROOT and --texts are then where its frames are
    audited = subjects(
        str(source), None if of_run else place, chosen, texts=None if of_run else texts, config=config,
        text_source=text_source,
    )  # fmt: skip
    sights, lacking = Sights(), tuple[str, ...]()
    if frames and place is not None:
        kept = settings.alignment_frames * resources.sequences_in_flight  # each wording looks at them again
        data, wordings, lacking = frames_for(str(source), place, audited.subjects, chosen, texts, kept)
        wordings = not_recorded(wordings, audited.subjects, made)
        words = any(need(check) == "words" for check in made)
        sights = look_at(data, wordings, settings, resources, words=words, progress=progress)
    looked_at = seen(audited.subjects, sights)
    found, notes = examine(looked_at, made, progress)
    suspects = rank(looked_at, found)
    files = () if out is None else tuple(write_files(suspects, Path(out)))
    said = tuple(check.describe_self() for check in made)
    count = len(looked_at), sum(bool(subject.text.strip()) for subject in looked_at)
    told = (*audited.notes, *lacking, *sights.notes, *notes)
    return Audit(audited.place, audited.text_source, *count, suspects, found, said, told, files)


Found = dict[str, tuple[Finding, ...]]


def examine(
    audited: Sequence[Subject], checks: Iterable[Check], progress: Progress | None = None
) -> tuple[Found, tuple[str, ...]]:
    """The findings of each text that has any, and notes on what was not looked at.

    Checks of English see neither empty texts nor those in other languages, nor what is too long to be a sentence.
    """
    unread = {subject.sequence: why for subject in audited if (why := _unreadable(subject.text))}
    english = Corpus(subject for subject in audited if subject.sequence not in unread and subject.text.strip())
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
    in_order = (subject.sequence for subject in audited if subject.sequence in found)
    return {name: tuple(found[name]) for name in in_order}, _notes(unread)


def _unreadable(text: str) -> str | None:
    """Why no check of English looks at a text: its language, or its length; None where they do."""
    endless = len(text) > LONGEST or max(map(len, text.split()), default=0) > LONGEST_WORD
    return "too long to be read" if endless else language(text)


def _english_only(check: Check) -> bool:
    return bool(getattr(check, "english_only", not OF_LANGUAGE.isdisjoint(check.kinds)))


def _of_check(check: Check, audited: Sequence[Subject]) -> dict[str, list[Finding]]:
    try:
        check.prepare(audited)
        found = {subject.sequence: check.find(subject) for subject in audited}
    except ChatdescError:
        raise
    except Exception as error:
        raise ChatdescError(f"check {check.name} failed: {type(error).__name__}: {error}; {CHECK_REMEDY}") from error
    for subject in audited:
        for finding in found[subject.sequence]:
            if not _is_possible(finding, subject.text):
                said = f"kind {finding.kind!r}, severity {finding.severity}, span {finding.span}"
                raise ChatdescError(f"check {check.name}: {subject.sequence}: no such finding ({said}); {CHECK_REMEDY}")
    return {name: findings for name, findings in found.items() if findings}


def _is_possible(finding: Finding, text: str) -> bool:
    start, stop = finding.span or (0, len(text) or 1)
    return finding.kind in KINDS and 0 <= finding.severity <= 1 and 0 <= start < stop <= max(len(text), 1)


def _notes(unread: Mapping[str, str]) -> tuple[str, ...]:
    by_reason: dict[str, list[str]] = {}
    for name, why in unread.items():
        by_reason.setdefault(why, []).append(name)
    return tuple(
        f"{len(names)} {'text is' if len(names) == 1 else 'texts are'} {why} ({some(names, 3)}): "
        "no check of English looks at them"
        for why, names in sorted(by_reason.items())
    )
