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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chatdesc.atomic import make_folder
from chatdesc.checks import create
from chatdesc.checks.base import Finding
from chatdesc.checks.examine import examine, facts
from chatdesc.checks.opinions import Opinions, ask_about, describer_for
from chatdesc.checks.ranking import Suspect, counts, rank
from chatdesc.checks.report_files import finding_records, write_files
from chatdesc.checks.sights import Sights, chosen_models, frames_for, look_at, need, not_recorded, refuse_blind, seen
from chatdesc.checks.subjects import subjects
from chatdesc.engine.options import sort_options
from chatdesc.rows.selection import Selection
from chatdesc.rows.store import is_run
from chatdesc.tables import Progress, Record, Tabular
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
        suspects: the most suspicious first; ``table()`` has a row per finding, in the same order.
        findings: of each sequence that has any, before equal ones of a class are joined.
        checks: what each check says of itself.
        notes: what a reader must know.
        files: those written.
        unanswered: questions that the describer did not answer.
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
    text_root: str | None = None,
    config: str | None = None,
    text_source: str | None = None,
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
    to = None if out is None else Path(out)
    model = describer_for(settings, resources, str(source), to) if asks else None
    make_folder(to)
    chosen = Selection(split, sequences, limit, split_file)
    of_run = (frames or asks) and is_run(source)  # ROOT and --text-root are then where its frames are
    audited = subjects(
        str(source), None if of_run else place, chosen, text_root=None if of_run else text_root, config=config,
        text_source=text_source,
    )  # fmt: skip
    data, sights, lacking = None, Sights(), tuple[str, ...]()
    if (frames or asks) and place is not None:
        kept = settings.alignment_frames * resources.sequences_in_flight  # each wording looks at them again
        data, wordings, lacking = frames_for(str(source), place, audited.subjects, chosen, text_root, kept)
        if frames:
            wordings = not_recorded(
                wordings, audited.subjects, made, chosen_models(settings, options | {"preset": preset})
            )
            words = any(need(check) == "words" for check in made)
            ranges = {subject.sequence: subject.ranges for subject in audited.subjects}
            sights = look_at(data, wordings, settings, resources, words=words, ranges=ranges, progress=progress)
    looked_at = seen(audited.subjects, sights)
    found, notes = examine(looked_at, made, progress)
    opinions = Opinions(found)
    if model is not None:
        opinions = ask_about(found, looked_at, data, model, settings, resources, progress)
    suspects = rank(looked_at, opinions.found)
    files = () if to is None else tuple(write_files(suspects, to))
    said = (*facts(made), *(() if model is None else (model.describe_self(),)))
    count = len(looked_at), sum(bool(subject.text.strip()) for subject in looked_at)
    told = (*audited.notes, *lacking, *sights.notes, *notes, *opinions.notes)
    return Audit(
        audited.place, audited.text_source, *count, suspects, opinions.found, said, told, files, opinions.unanswered
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
