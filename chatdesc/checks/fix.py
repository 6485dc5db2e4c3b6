"""``chatdesc.fix``: what an audit finds and a program may correct, as new texts or as a patch; the source stays.

>>> from tempfile import mkdtemp
>>> from chatdesc.synthetic import render
>>> root = Path(mkdtemp())
>>> name, *_ = render(root, count=2, frames=2)
>>> _ = (root / name[:-2] / name / "nlp.txt").write_text("a  red kite ,high")
>>> [(change.before, change.after) for change in fix("synthetic", root).changes]
[(b'a  red kite ,high', b'a red kite, high')]

Safe are formatting, and misspelt words whose check gives its suggestion a ``confidence`` in the evidence.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from chatdesc.atomic import make_folder, refuse_links_out, write_atomic, writing
from chatdesc.checks import create
from chatdesc.checks.base import Check, Finding, Subject
from chatdesc.checks.examine import examine
from chatdesc.checks.patch import patch as patch_of
from chatdesc.checks.subjects import of_sequence
from chatdesc.loaders.base import Dataset
from chatdesc.loaders.roots import Root
from chatdesc.loaders.writeback import layout_path
from chatdesc.rows.selection import Selection
from chatdesc.tables import Record, Tabular
from chatdesc.types import ChatdescError

CONFIDENCE = 0.9
ROUNDS = 5  # one correction may lead to another
KINDS = frozenset({"formatting", "typo"})


@dataclass(frozen=True, slots=True)
class Change:
    """A text file that would change; ``path`` is relative to the dataset's root."""

    sequence: str
    path: str
    before: bytes
    after: bytes
    findings: tuple[Finding, ...]

    @property
    def patch(self) -> bytes:
        """The change as a patch."""
        return patch_of(self.path, self.before, self.after)


@dataclass(frozen=True, slots=True)
class Fixed(Tabular):
    """What ``fix`` changed.

    Attributes:
        texts: how many texts were looked at.
        left: the findings of the same kinds that a person must decide.
        to: the folder of the new texts, if they were written.
        patch: the patch file, if it was written.
    """

    changes: tuple[Change, ...]
    texts: int
    left: int
    to: Path | None = None
    patch: Path | None = None

    @property
    def diff(self) -> bytes:
        """All changes as one patch."""
        return b"".join(change.patch for change in self.changes)

    def records(self) -> list[Record]:
        """One record per change."""
        return [
            {
                "sequence": change.sequence,
                "path": change.path,
                "before": change.before.decode("utf-8", "backslashreplace"),
                "after": change.after.decode("utf-8", "backslashreplace"),
                "reasons": tuple(finding.reason for finding in change.findings),
            }
            for change in self.changes
        ]


def fix(
    dataset: str,
    root: str | os.PathLike[str],
    *,
    to: str | os.PathLike[str] | None = None,
    patch: str | os.PathLike[str] | None = None,
    confidence: float = CONFIDENCE,
    checks: Sequence[str] | None = None,
    split: str | None = None,
    sequences: str | None = None,
    limit: int | None = None,
    split_file: str | None = None,
    text_root: str | None = None,
) -> Fixed:
    """Correct the formatting of a dataset's texts, and words that are certainly misspelt; nothing of it changes.

    Args:
        to: a new folder for all texts, corrected or not, in the dataset's layout.
        patch: a file for a patch that ``git apply FILE`` applies at the root, and ``git apply -R FILE`` undoes.
        confidence: from which on a suggestion for a misspelt word is taken.
        checks: names of checks; None takes all that find formatting and typos.
        text_root: otb-lang: where the ``OTB_query_*`` folders are.

    The others are those of ``chatdesc.load``, and ``sequences`` and ``limit`` as in ``chatdesc.audit``.

    Raises:
        ChatdescError: the dataset cannot be read, no sequence has a text, a check finds nothing that can be corrected,
            or ``to`` or ``patch`` lies in the dataset or exists.
    """
    if not 0 <= confidence <= 1:
        raise ChatdescError(f"--confidence {confidence}: must be between 0 and 1")
    data = Selection(split, sequences, limit, split_file).open(dataset, os.fspath(root), text_root)
    folder, file = (
        None if place is None else outside((data.source, data.text_source), Path(place)) for place in (to, patch)
    )
    made = _correcting(checks)
    subjects = [of_sequence(sequence) for sequence in data]
    if not any(subject.text.strip() for subject in subjects):
        raise ChatdescError(
            f"{os.fspath(root)}: no sequence has a text ({len(data)} looked at), so there is nothing to fix"
        )
    corrected = correct(subjects, made, confidence)
    changes = tuple(_changes(data, corrected))
    count = sum(bool(subject.text.strip()) for subject in subjects)
    fixed = Fixed(changes, count, sum(text.left for text in corrected), folder, file)
    if folder is not None:
        _write_tree(data, folder, changes)
    if file is not None:
        with writing(file):
            write_atomic(file, fixed.diff)
    return fixed


def _correcting(names: Sequence[str] | None) -> list[Check]:
    """The checks of these names, or all that find what can be corrected.

    Raises:
        ChatdescError: one of the names finds nothing that can be.
    """
    made = create(names)
    of_use = [check for check in made if not KINDS.isdisjoint(check.kinds)]
    if names is not None and (rest := [check.name for check in made if check not in of_use]):
        able = ", ".join(check.name for check in create() if not KINDS.isdisjoint(check.kinds))
        raise ChatdescError(f"--checks {','.join(rest)}: finds nothing that fix can correct; use some of {able}")
    return of_use


@dataclass(frozen=True, slots=True)
class Corrected:
    """A text, what was corrected in it, and how many findings were not."""

    sequence: str
    text: str
    findings: tuple[Finding, ...] = ()
    left: int = 0


def correct(subjects: Sequence[Subject], checks: Sequence[Check], confidence: float) -> list[Corrected]:
    """All texts, with what is safe corrected. Misspelt words are looked for once, in the texts as they are."""
    found, _ = examine(subjects, checks)
    formatting = [check for check in checks if "formatting" in check.kinds]
    return [_correct(subject, found.get(subject.sequence, ()), formatting, confidence) for subject in subjects]


def _correct(subject: Subject, found: Iterable[Finding], formatting: Sequence[Check], confidence: float) -> Corrected:
    done: list[Finding] = []
    left = sum(finding.kind in KINDS for finding in found)
    for _ in range(ROUNDS):
        safe = [finding for finding in found if is_safe(finding, confidence)]
        text, applied = apply(subject.text, safe)
        if text == subject.text or not text.strip():
            break
        left -= len(applied) if not done else 0
        done += applied
        subject = replace(subject, text=text)
        found = [finding for check in formatting for finding in check.find(subject)]
    return Corrected(subject.sequence, subject.text, tuple(done), left)


def is_safe(finding: Finding, confidence: float) -> bool:
    """Whether a program may do what a finding suggests."""
    if finding.span is None or finding.suggestion is None:
        return False
    sure = finding.evidence.get("confidence")
    return finding.kind == "formatting" or (finding.kind == "typo" and sure is not None and sure >= confidence)


def apply(text: str, findings: Iterable[Finding]) -> tuple[str, list[Finding]]:
    """A text with the suggestions in place, and the findings that were applied; of overlapping ones the first is.

    >>> one, two = (Finding("a", "formatting", 0.5, "", (0, 2), "an"), Finding("a", "formatting", 0.5, "", (1, 3), ""))
    >>> apply("a  red kite", [one, two])[0]
    'an red kite'
    """
    parts, place, applied = [], 0, []
    for finding in sorted(findings, key=lambda finding: finding.span or (0, 0)):
        start, stop = finding.span or (0, 0)
        if start >= place:
            parts += [text[place:start], finding.suggestion or ""]
            place = stop
            applied.append(finding)
    return "".join([*parts, text[place:]]), applied


def _changes(data: Dataset, corrected: Iterable[Corrected]) -> Iterator[Change]:
    for text in corrected:
        if text.findings:
            source = data.text_path(data.entry(text.sequence))
            before = data.text_source.find(source) or b""
            after = text.text.encode("utf-8", "surrogateescape")
            yield Change(text.sequence, layout_path(source), before, after, text.findings)


def outside(roots: Iterable[Root], place: Path) -> Path:
    """A place that is not there yet (an empty folder may be), and not within the dataset.

    Raises:
        ChatdescError: it is.
    """
    target = place.expanduser().absolute()
    for source in roots:
        base = getattr(source, "path", None)
        if base is not None and target.resolve().is_relative_to(Path(base).resolve()):
            raise ChatdescError(f"{place}: lies in the dataset, which is not changed; write elsewhere")
    if target.is_dir() and not any(target.iterdir()):
        return target
    if os.path.lexists(target):
        raise ChatdescError(f"{place}: exists already; name a new one, or remove it")
    return target


def _write_tree(data: Dataset, folder: Path, changes: Iterable[Change]) -> None:
    make_folder(folder)
    contents = {change.path: change.after for change in changes}
    with writing(folder):
        for name in data.names:
            source = data.text_path(data.entry(name))
            path = layout_path(source)
            content = contents.get(path, data.text_source.find(source))
            if content is not None:
                refuse_links_out(folder, path)
                write_atomic(folder / path, content)
