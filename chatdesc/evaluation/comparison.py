"""``chatdesc.compare``: whether a run's texts help trackers. Sequences are tracked in all arms, scored and compared.

``compare("runs/otb", "/data/OTB_sentences")`` tracks what is pending and takes the rest from earlier calls;
``compare("runs/otb", results=["a=manual", "b=refined"])`` takes another tracker's results.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from chatdesc.evaluation.arms import ArmRow, Comparison, arm_rows_in, texts_of, tracks_of
from chatdesc.evaluation.compare import (
    MANUAL,
    NO_TEXT,
    REFINED,
    SOURCES,
    ArmProblem,
    UsedGrounder,
    arm_rows,
    common,
    difference_rows,
    later_frames,
    never_verified,
    no_result,
    same_texts,
    scored,
    verification_rows,
)
from chatdesc.evaluation.evaluate import Evaluation
from chatdesc.evaluation.judges import Part, judge_rows, part_of_grounder
from chatdesc.evaluation.paired_groups import group_differences, groups_in, sequence_differences
from chatdesc.evaluation.results import ResultFolder
from chatdesc.evaluation.score import open_for
from chatdesc.evaluation.steps import Steps
from chatdesc.evaluation.truths import Truth, rules_for
from chatdesc.loaders.base import Dataset
from chatdesc.metrics.ope import Score
from chatdesc.metrics.protocols import Rules
from chatdesc.names import counted, file_name, some
from chatdesc.rows.schema import Row, slim
from chatdesc.rows.selection import Selection
from chatdesc.rows.store import JsonStore, Store, dataset_of, read_config
from chatdesc.tables import Progress, Record, Tabular
from chatdesc.types import ChatdescError, first_alone
from chatdesc.unused import refuse_unused

EXTERNAL = UsedGrounder("external")
BROUGHT = "where --results brings the tracks"
NOT_TRACKED = "without ROOT, as nothing is tracked then"
NO_ARM = (
    "warning: there is no arm without a text, so nothing says whether any text helps: add that tracker's results "
    "without one, --results DIR=no-text"
)


@dataclass(frozen=True, slots=True)
class ComparisonResult(Tabular):
    """Arms and judges of a run's texts; shares are fractions, nothing is rounded.

    Attributes:
        dataset, protocol: what was tracked, and whose rules score it.
        grounder: who grounded texts on key frames, and whether its feedback chose them; ``external`` where another
            tracker's results were brought.
        tracked: whether the tracks are chatdesc's own.
        arms: one row per arm; ``table()`` has these.
        differences: paired differences between arms.
        verification: the proposals chosen on key frames against two references.
        judges: how grounders and encoders rate the two texts.
        notes: what a reader must know of the numbers.
        failures: problems of the sequences that this call tracked; where it tracked none, of those tracked before.
        means: mean scores of the arms with their curves.
        sequences: the difference of AUC per sequence, refined minus manual (minus no-text without manual texts).
        groups: the same difference per attribute, where ROOT tells them, and per category.
    """

    dataset: str
    protocol: str
    grounder: UsedGrounder
    tracked: bool
    arms: list[Record]
    differences: list[Record]
    verification: list[Record]
    judges: list[Record]
    notes: tuple[str, ...]
    failures: tuple[str, ...] = ()
    means: dict[str, Score] = field(default_factory=dict)
    sequences: list[Record] = field(default_factory=list)
    groups: list[Record] = field(default_factory=list)

    def records(self) -> list[Record]:
        return self.arms


class Stopped(KeyboardInterrupt):
    """Ctrl-C while tracking; what was finished is in the folder ``place``, and the same call goes on from there."""

    def __init__(self, place: Path) -> None:
        super().__init__()
        self.place = place


def compare(
    run: str | Path,
    root: str | Path | None = None,
    *,
    judge: str | None = None,
    results: Sequence[str] = (),
    protocol: str | None = None,
    tracker: str | None = None,
    verifier: str | None = None,
    encoder: str | None = None,
    sequences: str | None = None,
    limit: int | None = None,
    split: str | None = None,
    split_file: str | None = None,
    text_root: str | None = None,
    sequences_in_flight: int = 8,
    device: str = "auto",
    progress: Progress | None = None,
) -> ComparisonResult:
    """Compare tracking with no text, the manual and the refined text, on the same sequences.

    The refined text is also tracked with proposals chosen at random and by an oracle.

    Args:
        run: a run's folder.
        root: the dataset's root; None only compares what was tracked before. With ``results`` nothing is tracked, and
            it tells the attributes of the sequences.
        judge: a grounder that took no part in choosing the texts: ``name`` or ``name:model``.
        results: another tracker's results instead: ``DIR=manual``, ``DIR=refined``, ``DIR=no-text``.
        protocol: whose rules; None takes the dataset's own.
        tracker: another tracker than the run's.
        verifier: another verifier than the run's; or the place of its model, where that was a folder.
        encoder: another encoder for verification than the run's first.
        sequences: only these: names with commas, or a file of names.
        limit: only the first so many sequences.
        split: ``train`` or ``test``.
        split_file: a file of sequence names.
        text_root: otb-lang: where the ``OTB_query_*`` folders are.
        sequences_in_flight: sequences tracked at a time.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1`` ...
        progress: called with sequences done, all that are tracked, and a note.

    Raises:
        ChatdescError: no such run, sequence, model or protocol, an argument takes no part, or no sequence is in all
            arms.
        Stopped: Ctrl-C while tracking.
    """
    if results:
        models = {"judge": judge, "tracker": tracker, "verifier": verifier, "encoder": encoder}
        refuse_unused(models, BROUGHT)
    asked = CompareInput.read(Path(run), Selection(split, sequences, limit, split_file), protocol)
    if results:
        return compare_arms(asked, ArmResults(external(results)), data=asked.open(root, text_root))
    work = Comparison.create(asked.run, asked.open(root, text_root), judge, tracker, encoder, device, verifier)
    failures = track_pending(work, asked.names, sequences_in_flight, progress)
    return compare_arms(asked, ArmResults.of(work, asked.names), failures, work.data)


def track_pending(work: Comparison, names: list[str], in_flight: int, progress: Progress | None) -> tuple[str, ...]:
    """Track what is pending; the problems of its sequences. Without data nothing is tracked."""
    if work.data is None:
        return ()
    problems: list[str] = []
    with work.open() as store:
        pending = work.pending(store, names)
        steps = Steps(len(pending), progress)

        def on_row(row: ArmRow) -> None:
            problems.extend(row["problems"])
            steps.add()

        try:
            work.track(store, pending, on_row, in_flight)
        except KeyboardInterrupt as error:
            raise Stopped(work.place) from error
    return tuple(problems)


@dataclass(frozen=True, slots=True)
class CompareInput:
    """A run's rows with a text, as far as they were asked for, their ground truth, and whose rules score them.

    Attributes:
        names: the sequences that were ``chosen``, those without a text too.
        notes: what a reader must know before all else.
    """

    run: Path
    dataset: str
    rules: Rules
    chosen: Selection
    names: list[str]
    rows: list[Row]
    truths: dict[str, Truth]
    notes: tuple[str, ...] = ()

    @classmethod
    def read(cls, run: Path, chosen: Selection, protocol: str | None = None) -> CompareInput:
        """A run's rows that have a text, without what grows with frames, and their ground truth.

        Args:
            protocol: whose rules; None takes the dataset's own.

        Raises:
            ChatdescError: no such run, sequence or protocol, there is no text, or no published ground truth of one.
        """
        dataset = dataset_of(run)
        rules, warning = rules_for(dataset, protocol)
        names = chosen.of(run)
        rows: list[Row] = []
        truths: dict[str, Truth] = {}
        for row in Store(run).rows(sorted(names)):
            if row["text"] is not None:
                boxes = np.asfortranarray(row["boxes"], np.float64).reshape(-1, 4, order="A")
                visible = np.asarray(row["visible"], np.bool_) if row["visible"] else None
                truths[row["sequence"]] = Truth(boxes, visible)
                rows.append(slim(row))
        if not rows:
            raise ChatdescError(
                f"{run} has no sequence with a text yet among the {len(names)} asked for; run `chatdesc annotate` first"
            )
        if withheld := [name for name, truth in truths.items() if first_alone(truth.boxes)]:
            raise ChatdescError(
                f"only the first box of {some(withheld)} is published, so no track of them can be scored; "
                "choose the other splits with --split, or sequences with --sequences"
            )
        return cls(run, dataset, rules, chosen, names, rows, truths, (f"warning: {warning}",) if warning else ())

    def open(self, root: str | Path | None, text_root: str | None) -> Dataset | None:
        """The dataset, to track its frames and to know its attributes; None without a root."""
        if root is None:
            refuse_unused({"text_root": text_root}, NOT_TRACKED)
            return None
        return open_for(self.run, self.names, str(root), self.chosen, text_root)


@dataclass(frozen=True, slots=True)
class ArmResults:
    """Result folders by arm, and who grounded.

    Attributes:
        arms: all arms that there can be.
        judged: what was verified and grounded per sequence; empty where another tracker's results were brought.
    """

    folders: Mapping[str, ResultFolder]
    arms: tuple[str, ...] = SOURCES
    judged: list[ArmRow] = field(default_factory=list)
    grounder: UsedGrounder = EXTERNAL

    @classmethod
    def of(cls, work: Comparison, names: Iterable[str]) -> ArmResults:
        """The tracks of ``names`` that a comparison has made so far.

        Raises:
            ChatdescError: none was tracked with its models.
        """
        judged = arm_rows_in(JsonStore(work.place), names)
        settings = work.settings.as_dict()
        if not judged:
            raise ChatdescError(
                f"nothing of what is asked for was tracked yet with grounder {settings['grounder']}, "
                f"tracker {settings['tracker']}, encoder {settings['encoders'][0]}; "
                f"with the same options: chatdesc compare {work.run} ROOT"
            )
        places = {arm.name: tracks_of(work.place, arm.name) for arm in work.arms}
        folders = {
            arm: ResultFolder("", str(place))
            for arm, place in places.items()
            if any((place / file_name(row["sequence"], ".txt")).is_file() for row in judged)
        }
        return cls(folders, tuple(places), judged, UsedGrounder(settings["grounder"], work.selecting))

    @property
    def failures(self) -> tuple[str, ...]:
        """All problems, a line each."""
        return tuple(f"{row['sequence']}: {why}" for row in self.judged for why in row["problems"])

    @property
    def judge(self) -> str:
        """The grounder, if it took no part in choosing the texts; else empty."""
        return "" if self.grounder.selector or not self.judged else self.grounder.name


def external(specs: Iterable[str]) -> dict[str, ResultFolder]:
    """``DIR=manual``, ``DIR=refined`` and ``DIR=no-text`` as folders by arm.

    Raises:
        ChatdescError: another name, a name twice, or one of the two texts without results.
    """
    folders: dict[str, ResultFolder] = {}
    for spec in specs:
        name = spec.rpartition("=")[2] if "=" in spec else ""
        if name not in SOURCES or name in folders:
            wrong = f"{name} is named twice" if name in folders else f"{spec} does not say which text it was made with"
            raise ChatdescError(f"{wrong}: --results DIR=manual --results DIR=refined --results DIR=no-text")
        folders[name] = ResultFolder(spec)
    for text in (MANUAL, REFINED):
        if text not in folders:
            raise ChatdescError(f"the results with the {text} text are missing: add --results DIR={text}")
    return {name: folders[name] for name in SOURCES if name in folders}


def compare_arms(
    asked: CompareInput, results: ArmResults, failures: tuple[str, ...] = (), data: Dataset | None = None
) -> ComparisonResult:
    """Score the arms on the sequences that all of them have, and make all tables.

    Raises:
        ChatdescError: no sequence is in all arms, or none has tracks of its present texts.
    """
    found = score_arms(asked, results)
    names = set(found.names)
    return ComparisonResult(
        asked.dataset,
        asked.rules.name,
        results.grounder,
        bool(results.judged),
        found.rows,
        difference_rows(found.arms, results.grounder),
        verification_rows(results.judged, names, results.grounder),
        judge_rows(asked.rows, names, [(row["sequence"], row["judged"]) for row in results.judged], results.judge),
        (
            *found.notes,
            *_remarks(asked, results, found.arms, names),
            *(f"{row['arm']}: {'; '.join(row['notes'])}" for row in found.rows if row["notes"]),
        ),
        failures or results.failures,
        {arm: mean for arm, scores in found.arms.items() if (mean := scores.overall())},
        sequence_differences(found.arms),
        group_differences(found.arms, groups_in(asked.rows, data)),
    )


class ScoredArms(NamedTuple):
    """Arms on the sequences that all of them have, a row per arm, and notes on what was left out."""

    arms: dict[str, Evaluation]
    names: list[str]
    rows: list[Record]
    notes: list[str]


def score_arms(asked: CompareInput, results: ArmResults) -> ScoredArms:
    """Score the arms on the sequences that all of them have.

    Raises:
        ChatdescError: no sequence is in all arms, or none has tracks of its present texts.
    """
    now, late = ready(asked, results)
    if not now:
        raise ChatdescError("\n".join(late))
    truths = {name: truth for name, truth in asked.truths.items() if name in now}
    problems = problems_of(asked.rows, results)
    arms, left_out = common(scored(results.folders, truths, asked.dataset, asked.rules), problems)
    names = [line.sequence for line in next(iter(arms.values())).lines]
    rows = arm_rows(arms, results.grounder, len(asked.truths), results.arms)
    return ScoredArms(arms, names, rows, [*asked.notes, *late, *left_out, *never_tracked(results, problems)])


def ready(asked: CompareInput, results: ArmResults) -> tuple[set[str], list[str]]:
    """Sequences that have tracks of the run's present texts, and notes on the others."""
    if not results.judged:
        return set(asked.truths), []
    made = {row["sequence"]: row["texts"] for row in results.judged}
    now = {row["sequence"]: texts_of(row) for row in asked.rows}
    missing = [name for name in now if name not in made]
    old = [name for name in now if made.get(name) and made[name] != now[name]]
    of_all = f"of {counted(len(now), 'sequence')}"
    go_on = f"chatdesc compare {asked.run} ROOT, with a ROOT that holds them, tracks them"
    notes = [
        f"{counted(len(names), f'{of_all} was {what} and is', f'{of_all} were {what} and are')} left out: "
        f"{some(names)}; {go_on}"
        for names, what in ((missing, "not tracked yet"), (old, "tracked with other texts"))
        if names
    ]
    return set(now) - {*missing, *old}, notes


def problems_of(rows: Iterable[Row], results: ArmResults) -> dict[str, list[ArmProblem]]:
    """Why sequences have no track in some arm, where more is known than that a file is missing."""
    problems: dict[str, list[ArmProblem]] = {}
    for row in results.judged:
        of_arms = [ArmProblem(arm, why) for arm, why in row.get("arm_problems", {}).items()]
        if row["problems"]:
            problems[row["sequence"]] = of_arms or [ArmProblem("", why) for why in row["problems"]]
    for run_row in rows if results.judged and MANUAL in results.arms else ():
        if not (run_row["manual_text"] or "").strip():
            problems.setdefault(run_row["sequence"], []).append(ArmProblem(MANUAL, "it has no manual text"))
    return problems


def never_tracked(results: ArmResults, problems: Mapping[str, list[ArmProblem]]) -> list[str]:
    """Notes on chatdesc's own arms that no sequence has, with the problem of one."""
    if not results.judged:
        return []
    examples: dict[str, str] = {}
    for name, of in problems.items():
        for problem in of:
            examples.setdefault(problem.arm, f"{name}: {problem}")
    return [no_result(arm, examples.get(arm, "no track")) for arm in results.arms if arm not in results.folders]


def _remarks(
    asked: CompareInput, results: ArmResults, arms: Mapping[str, Evaluation], names: Collection[str]
) -> list[str]:
    """Notes on the numbers, the weightiest first."""
    settings, grounder = read_config(asked.run)["settings"], results.grounder
    notes = never_verified(asked.rows, results.judged, names, settings["ground_every"])
    if NO_TEXT not in arms and not results.judged:
        notes.insert(0, NO_ARM)
    if grounder.selector:
        notes.append(
            f"{grounder.name} gave the feedback that chose these texts; --judge with another grounder is independent"
        )
    elif results.judged and part_of_grounder(grounder.name, settings["grounder"]) is Part.SIBLING:
        notes.append(
            f"{grounder.name} is a sibling of {settings['grounder']}, which chose these texts, so they tend to agree; "
            "--judge with another kind of grounder is independent"
        )
    return notes + later_frames(asked.rows, names, settings) + same_texts(asked.rows, names, arms)
