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
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from chatdesc.atomic import make_folder
from chatdesc.checks import create
from chatdesc.checks.base import Check, Finding
from chatdesc.checks.examine import Found, examine, facts
from chatdesc.checks.named_texts import Group, SourceAudit, first_texts, group_of, per_source, ranges_of, source_audit
from chatdesc.checks.opinions import Opinions, ask_about, describer_for
from chatdesc.checks.ranking import Suspect, counts, in_order, rank
from chatdesc.checks.report_files import finding_records, write_files
from chatdesc.checks.sights import (
    Sights,
    Wordings,
    chosen_models,
    frames_for,
    look_at,
    need,
    not_recorded,
    refuse_blind,
    seen,
)
from chatdesc.checks.subjects import subjects
from chatdesc.engine.options import sort_options
from chatdesc.engine.schedule import LEAST_IN_FLIGHT
from chatdesc.protocols import Describer
from chatdesc.rows.selection import Selection
from chatdesc.rows.store import is_run
from chatdesc.tables import Progress, Record, Tabular
from chatdesc.texts.named import read_all
from chatdesc.unused import refuse_unused

OF_FRAMES = ("grounder", "encoders", "alignment_frames", "theta", "box_threshold")
OF_DESCRIBERS = (
    "base_url", "concurrency", "cache", "batch_size", "region", "max_tokens", "max_pixels", "quantization",
    "trust_remote_code",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Audit(Tabular):
    """What an audit found.

    Attributes:
        place: what was audited.
        text_source: ``manual``, or ``refined`` for the texts to use.
        sequences: how many sequences were looked at.
        texts: how many of them have a text.
        suspects: of all sources, the most suspicious first; ``table()`` has a row per finding, in the same order.
        findings: of each sequence that has any, before equal ones of a class are joined; ``sources`` has those of
            other texts.
        checks: what each check says of itself.
        notes: what a reader must know.
        files: those written.
        unanswered: questions that the describer did not answer.
        sources: what was found in each source: in the texts of what is audited, and in those of ``texts``.
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
    unanswered: int = 0
    sources: tuple[SourceAudit, ...] = ()

    @property
    def faults(self) -> int:
        """How many findings speak against a text; uninformative and duplicate texts do not count."""
        return sum(counts(finding) for suspect in self.suspects for finding in suspect.findings)

    def records(self) -> list[Record]:
        return finding_records(self.suspects)

    def per_source(self) -> list[Record]:
        """Texts, suspicious texts and findings per check, with a column per source."""
        return per_source(self.sources)


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
    text_root: str | None = None,
    config: str | None = None,
    text_source: str | None = None,
    texts: Iterable[str] = (),
    frames: bool = False,
    describer: str | None = None,
    preset: str | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Audit:
    """Rank the suspicious texts of a dataset, a run, a dataset folder or a Hub repository, with the reasons.

    Args:
        source: a dataset's name, a run folder, a dataset folder, or ``USER/NAME``.
        root: a dataset's root; for the other sources None, but for a run with ``frames`` or ``describer`` its dataset's
            root.
        checks: names of checks, as ``list_checks`` has them; None takes all.
        out: a folder for audit.csv, audit.md and audit.jsonl.
        split: ``train`` or ``test``; None takes all.
        sequences: only these: names with commas, or a file of names. Texts are compared among those that are chosen.
        limit: only the first so many sequences.
        split_file: a file of sequence names.
        text_root: otb-lang: where the ``OTB_query_*`` folders are.
        config: which of several datasets in one repository.
        text_source: of a run or repository, ``manual`` or ``refined``; None takes the manual texts where there are any.
        texts: other texts of the same sequences, ``NAME=SOURCE`` each; every source is audited by itself.
        frames: look at the frames of the video, too, with a grounder and an encoder.
        describer: a model that is asked a closed question about each doubtful text, ``NAME:MODEL``: see
            ``checks.questions``. Its answer changes how severe a finding is.
        preset: whose models look at frames and how a describer is asked, ``offline`` by default.
        progress: called with checks done, all checks, and the name of the next one; before, while frames are looked at,
            with sequences, and after with questions.
        options: with ``frames`` or ``describer``, any field of ``config.Settings`` or ``config.Resources``, as in
            ``annotate``: ``grounder``, ``encoders``, ``alignment_frames``, ``device``, ``base_url``, ``cache`` ...

    Raises:
        ChatdescError: a place cannot be read, no sequence has a text, no check has this name, a check failed, or the
            describer cannot be asked. Questions without an answer are counted, and cost nothing that was found.
    """
    made, place = create(checks), None if root is None else str(root)
    refuse_blind(made, checks is not None, frames, place, str(source))
    asks = describer is not None
    _refuse_idle(options | {"preset": preset}, frames, asks)
    settings, resources = sort_options(preset or "offline", options | {"describer": describer})
    to, others = None if out is None else Path(out), read_all(texts)
    model = describer_for(settings, resources, str(source), to) if asks else None
    make_folder(to)
    chosen = Selection(split, sequences, limit, split_file)
    of_run = (frames or asks) and is_run(source)  # ROOT and --text-root are then where its frames are
    audited = subjects(
        str(source), None if of_run else place, chosen, text_root=None if of_run else text_root, config=config,
        text_source=text_source, needed=not others,
    )  # fmt: skip
    groups = [Group(audited.text_source, audited.place, audited.subjects, audited.notes)]
    groups += [group_of(named, audited.subjects) for named in others]
    data, lacking = None, tuple[str, ...]()
    if (frames or asks) and place is not None:
        at_a_time = resources.sequences_in_flight or LEAST_IN_FLIGHT
        kept = settings.alignment_frames * at_a_time  # each wording looks at them again
        data, wordings, lacking = frames_for(str(source), place, audited.subjects, chosen, text_root, kept)
        if frames:
            wordings = not_recorded(
                wordings, audited.subjects, made, chosen_models(settings, options | {"preset": preset})
            )
            words = any(need(check) == "words" for check in made)
            asked = [wordings, *(first_texts(group.subjects, data) for group in groups[1:])]
            sources = [Wordings(its, ranges_of(group)) for group, its in zip(groups, asked, strict=True)]
            looks = look_at(data, sources, settings, resources, words=words, progress=progress)
            groups = [_looked_at(group, sights) for group, sights in zip(groups, looks, strict=True)]
    found, notes = _examined(groups, made, progress)
    opinions = Opinions(found)
    if model is not None:
        everything = [subject for group in groups for subject in group.subjects]
        opinions = ask_about(found, everything, data, model, settings, resources, progress)
    return _told(groups, opinions, (*lacking, *notes, *opinions.notes), _facts(made, model), to)


def _looked_at(group: Group, sights: Sights) -> Group:
    """The texts with what was seen of each on frames."""
    return replace(group, subjects=seen(group.subjects, sights), notes=(*group.notes, *group.named(sights.notes)))


def _examined(groups: Sequence[Group], made: Sequence[Check], progress: Progress | None) -> tuple[Found, list[str]]:
    """What is found in the texts of all sources: each is compared with its own alone."""
    found: Found = {}
    notes: list[str] = []
    for group in groups:
        of_group, said = examine(group.subjects, made, progress)
        found |= of_group
        notes += group.named(said)
    return found, notes


def _facts(made: Sequence[Check], model: Describer | None) -> tuple[Mapping[str, str], ...]:
    return (*facts(made), *(() if model is None else (model.describe_self(),)))


def _told(
    groups: Sequence[Group],
    opinions: Opinions,
    notes: tuple[str, ...],
    said: tuple[Mapping[str, str], ...],
    to: Path | None,
) -> Audit:
    """The audit's result, written to the folder ``to`` if one is named."""
    first = groups[0]
    sources = tuple(source_audit(group, opinions.found) for group in groups)
    suspects = in_order(
        replace(suspect, source=group.name) for group in groups for suspect in rank(group.subjects, opinions.found)
    )
    compared = per_source(sources) if len(sources) > 1 else []
    files = () if to is None else tuple(write_files(suspects, to, compared))
    return Audit(
        first.place,
        first.name,
        len(first.subjects),
        sources[0].texts,
        suspects,
        sources[0].findings,
        said,
        (*(note for group in groups for note in group.notes), *notes),
        files,
        opinions.unanswered,
        sources,
    )


def _refuse_idle(options: Mapping[str, object], frames: bool, asks: bool) -> None:
    """Refuse options that take no part.

    Raises:
        ChatdescError: one is given.
    """
    if not (frames or asks):
        refuse_unused(options, "without --frames or --with-describer")
    if not frames:
        refuse_unused({name: options.get(name) for name in OF_FRAMES}, "without --frames")
    if not asks:
        refuse_unused({name: options.get(name) for name in OF_DESCRIBERS}, "without --with-describer")
