"""``chatdesc.compare``: whether texts help trackers. Sequences are tracked in all arms, scored and compared.

``compare("runs/otb", "/data/OTB_sentences")`` tracks what is pending and takes the rest from earlier calls;
``compare("runs/otb", results=["a=manual", "b=refined"])`` takes another tracker's results;
``compare("lasot", "/data/LaSOT", texts=["a=a.json", "b=b.json"], out="texts")`` needs no run.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from chatdesc.evaluation.against import ALL_FRAMES, SIMILAR_FRAMES, View, against_rows
from chatdesc.evaluation.arm_texts import (
    MANUAL,
    NO_TEXT,
    OTHER_CLASS,
    REFINED,
    SHUFFLED,
    Wording,
    chosen_arms,
    donors_in,
)
from chatdesc.evaluation.arms import Comparison
from chatdesc.evaluation.compare import (
    UsedGrounder,
    arm_rows,
    difference_rows,
    later_frames,
    never_verified,
    same_texts,
    verification_rows,
)
from chatdesc.evaluation.compare_input import CompareInput
from chatdesc.evaluation.evaluate import Evaluation
from chatdesc.evaluation.judges import Part, judge_rows, part_of_grounder, source_judge_rows
from chatdesc.evaluation.paired_groups import Group, group_differences, groups_in, sequence_differences
from chatdesc.evaluation.scored_arms import ArmResults, ScoredArms, external, score_arms
from chatdesc.evaluation.similar import SIMILAR
from chatdesc.evaluation.similar_views import SIMILAR_ATTRIBUTES, SimilarFrames, of_sequences, text_rows
from chatdesc.evaluation.texts_alone import TextsAlone
from chatdesc.evaluation.tracking import track_pending
from chatdesc.loaders import NAMES
from chatdesc.loaders.base import Dataset
from chatdesc.metrics.ope import Score
from chatdesc.rows.schema import slim
from chatdesc.rows.selection import Selection
from chatdesc.rows.store import is_run
from chatdesc.tables import Progress, Record, Tabular
from chatdesc.texts.named import NamedTexts, read_all
from chatdesc.types import ChatdescError
from chatdesc.unused import refuse_unused

BROUGHT = "where --results brings the tracks"
OF_A_RUN = "with a run, whose settings and folder are taken"
PRESET = "offline"
NO_ARM = (
    "warning: there is no arm without a text, so nothing says whether any text helps: add that tracker's results "
    "without one, --results DIR=no-text"
)
NO_CLASSES = f"the dataset tells no classes, so {OTHER_CLASS} has texts of any other sequences, of the same class too"


@dataclass(frozen=True, slots=True)
class ComparisonResult(Tabular):
    """Arms and judges of texts; shares are fractions, nothing is rounded.

    Attributes:
        dataset, protocol: what was tracked, and whose rules score it.
        grounder: who grounded texts on key frames, and whether its feedback chose them; ``external`` where another
            tracker's results were brought.
        tracked: whether the tracks are chatdesc's own.
        arms: one row per arm; ``table()`` has these.
        differences: paired differences between arms.
        verification: the proposals chosen on key frames against two references.
        judges: how grounders and encoders rate the two texts.
        source_judges: how the grounder rates the texts of others beside the manual ones, in the first frame.
        notes: what a reader must know of the numbers.
        failures: problems of the sequences that this call tracked; where it tracked none, of those tracked before.
        means: mean scores of the arms with their curves.
        sequences: the difference of AUC per sequence, refined minus manual (minus no-text without manual texts).
        groups: the same difference per attribute, where ROOT tells them, and per category.
        baseline: the arm that the others are compared with; empty where there is no other.
        against: each arm against the baseline, on all frames, on similar-object frames (``frames``: similar), and on
            sequences of an attribute that names them (its name).
        similar_arms, similar_differences: ``arms`` and ``differences`` on similar-object frames.
        similar_sequences, similar_groups: ``sequences`` (with their number of such ``frames``) and ``groups`` on them.
        texts: what each sequence was tracked with in each arm.
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
    baseline: str = ""
    against: list[Record] = field(default_factory=list)
    similar_arms: list[Record] = field(default_factory=list)
    similar_differences: list[Record] = field(default_factory=list)
    texts: list[Record] = field(default_factory=list)
    similar_sequences: list[Record] = field(default_factory=list)
    similar_groups: list[Record] = field(default_factory=list)
    source_judges: list[Record] = field(default_factory=list)

    def records(self) -> list[Record]:
        return self.arms


def compare(
    run: str | Path,
    root: str | Path | None = None,
    *,
    texts: Sequence[str] = (),
    arms: str | None = None,
    baseline: str | None = None,
    similar: float = SIMILAR,
    out: str | Path | None = None,
    preset: str | None = None,
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
    """Compare tracking with no text, the manual and the refined text, and texts of others, on the same sequences.

    The refined text is also tracked with proposals chosen at random and by an oracle.

    Args:
        run: a run's folder; or a dataset's name, to compare ``texts`` without a run.
        root: the dataset's root; None only compares what was tracked before. With ``results`` nothing is tracked, and
            it tells the attributes of the sequences.
        texts: texts of others, ``NAME=SOURCE`` each; every NAME is an arm.
        arms: the arms, names with commas; ``default`` are those above, ``all`` adds texts of other sequences of the
            same and of another class, and the best text by tracking (``oracle-words``). None is ``default``.
        baseline: the arm that all others are compared with, and whose texts are shuffled; None is ``manual``, or
            ``no-text`` without manual texts.
        similar: how much lower than the target's another proposal's score may be in a similar-object frame.
        out: without a run, the folder that keeps the tracks.
        preset: without a run, whose models track; None is ``offline``.
        judge: a grounder that took no part in choosing the texts: ``name`` or ``name:model``.
        results: another tracker's results instead: ``DIR=manual``, ``DIR=refined``, ``DIR=no-text``, or another arm.
        protocol: whose rules; None takes the dataset's own.
        tracker: another tracker than the run's.
        verifier: another verifier than the run's; or the place of its model, where that was a folder.
        encoder: another encoder for verification than the run's first.
        sequences: only these: names with commas, or a file of names.
        limit: only the first so many sequences.
        split: ``train`` or ``test``.
        split_file: a file of sequence names.
        text_root: otb-lang: where the ``OTB_query_*`` folders are.
        sequences_in_flight: tracks at a time; the arms of one sequence go together.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1`` ...
        progress: called with sequences done, all that are tracked, and a note.

    Raises:
        ChatdescError: no such run, sequence, text, arm, model or protocol, an argument takes no part, or no sequence
            is in all arms.
        Stopped: Ctrl-C while tracking.
    """
    chosen = Selection(split, sequences, limit, split_file)
    models = {"judge": judge, "tracker": tracker, "verifier": verifier, "encoder": encoder}
    alone = not is_run(run) and str(run) in NAMES
    if results:
        refuse_unused({**models, "arms": arms}, BROUGHT)
    sources = {source.name: source for source in read_all(texts)}
    chosen_arms(arms, list(sources), refined=not alone)  # refuses before anything is read
    work: Comparison
    if alone:
        work, asked = _texts_alone(str(run), root, chosen, protocol, out, preset, text_root, sources, models, device)
    else:
        refuse_unused({"out": out, "preset": preset}, OF_A_RUN)
        asked = CompareInput.read(Path(run), chosen, protocol)
        data = asked.open(root, text_root)
        if results:
            brought = ArmResults.brought(external(results, sources), sources)
            return compare_arms(asked, brought, data=data, baseline=baseline, sources=sources)
        work = Comparison.create(asked.run, data, judge, tracker, encoder, device, verifier)
    work.arms = chosen_arms(arms, list(sources), refined=not alone)
    refuse_baseline(baseline, [arm.name for arm in work.arms])
    of = {name: source.of(asked.names) for name, source in sources.items()}
    work.wording = _wording(work, asked, sources, of, baseline)
    failures = track_pending(work, asked.names, sequences_in_flight, progress)
    found = ArmResults.of(work, asked)
    return compare_arms(asked, found, failures, work.data, baseline, of, similar, work)


def _texts_alone(
    dataset: str,
    root: str | Path | None,
    chosen: Selection,
    protocol: str | None,
    out: str | Path | None,
    preset: str | None,
    text_root: str | None,
    sources: Mapping[str, NamedTexts],
    models: Mapping[str, str | None],
    device: str,
) -> tuple[TextsAlone, CompareInput]:
    """A dataset's sequences, and what tracks them."""
    if root is None or out is None or not sources:
        raise ChatdescError(
            f"to compare texts on {dataset} without a run: "
            f"chatdesc compare {dataset} ROOT --texts NAME=SOURCE --out DIR"
        )
    data = Selection(chosen.split, split_file=chosen.split_file).open(dataset, str(root), text_root)
    asked = CompareInput.of_dataset(data, chosen, Path(out), protocol)
    return TextsAlone.by(data, Path(out), preset or PRESET, device=device, **models), asked


def refuse_baseline(baseline: str | None, arms: Collection[str]) -> None:
    """Refuse a baseline that is no arm.

    Raises:
        ChatdescError: it is none; the message has those that there are.
    """
    if baseline is not None and baseline not in arms:
        raise ChatdescError(f"--baseline {baseline}: is none of the arms, which are {', '.join(arms)}")


def _wording(
    work: Comparison,
    asked: CompareInput,
    sources: Mapping[str, NamedTexts],
    matched: Mapping[str, NamedTexts],
    baseline: str | None,
) -> Wording:
    """The words of the arms. The shuffled texts are the baseline's; the manual ones where that has none of its own.

    Args:
        matched: the sources with the texts of the sequences that are asked for.
    """
    seed = work.settings.seed
    if not any(arm.name in SHUFFLED for arm in work.arms):
        return Wording(matched, seed=seed)
    has_manual = any((row["manual_text"] or "").strip() for row in asked.rows)
    others = MANUAL if has_manual or not sources else next(iter(sources))
    words = baseline if baseline in (MANUAL, REFINED, *sources) else others
    rows = list(map(slim, work.every_row()))
    of_all = {words: sources[words].of(row["sequence"] for row in rows)} if words in sources else {}
    return Wording(matched, donors_in(rows, Wording(of_all), words), seed)


def compare_arms(
    asked: CompareInput,
    results: ArmResults,
    failures: tuple[str, ...] = (),
    data: Dataset | None = None,
    baseline: str | None = None,
    sources: Mapping[str, NamedTexts] | None = None,
    similar: float = SIMILAR,
    work: Comparison | None = None,
) -> ComparisonResult:
    """Score the arms on the sequences that all of them have, and make all tables.

    Raises:
        ChatdescError: no sequence is in all arms, none has tracks of its present texts, or no such baseline.
    """
    refuse_baseline(baseline, results.arms)
    found = score_arms(asked, results)
    names, groups = set(found.names), groups_in(asked.rows, data)
    alike = SimilarFrames.of(results, asked, found.arms, sources or (), similar, work)
    base = _baseline(baseline, found.arms)
    against = against_rows(_views(found, alike, groups), base) if base else []
    return ComparisonResult(
        asked.dataset,
        asked.rules.name,
        results.grounder,
        bool(results.judged),
        found.rows,
        difference_rows(found.arms, results.grounder),
        verification_rows(results.judged, names, results.grounder),
        _judges(asked, results, names),
        (
            *found.notes,
            *_remarks(asked, results, found.arms, names),
            *(f"{row['arm']}: {'; '.join(row['notes'])}" for row in found.rows if row["notes"]),
            *(note for source in (sources or {}).values() for note in source.notes),
            *alike.notes(len(names)),
        ),
        failures or results.failures,
        {arm: mean for arm, scores in found.arms.items() if (mean := scores.overall())},
        sequence_differences(found.arms),
        group_differences(found.arms, groups),
        base,
        [row | {"protocol": asked.rules.name} | results.grounder.columns() for row in against],
        arm_rows(alike.arms, results.grounder) if alike.arms else [],
        difference_rows(alike.arms, results.grounder),
        text_rows(results, found.arms, alike),
        [row | {"frames": int(alike.frames[row["sequence"]].sum())} for row in sequence_differences(alike.arms)],
        group_differences(alike.arms, groups),
        source_judge_rows(
            (row["judged"] for row in results.judged if row["sequence"] in names), results.grounder.name, sources or ()
        ),
    )


def _judges(asked: CompareInput, results: ArmResults, names: Collection[str]) -> list[Record]:
    """How grounders and encoders rate the manual and the refined text, where there is a refined one."""
    if not asked.settings:
        return []
    return judge_rows(asked.rows, names, [(row["sequence"], row["judged"]) for row in results.judged], results.judge)


def _baseline(asked: str | None, arms: Mapping[str, Evaluation]) -> str:
    """The arm that others are compared with; empty where there is nothing to compare.

    Raises:
        ChatdescError: the one that was asked for has no result.
    """
    if asked is not None and asked not in arms:
        raise ChatdescError(f"--baseline {asked}: that arm has no result; there are {', '.join(arms)}")
    if len(arms) < 2:
        return ""
    return asked or next((arm for arm in (MANUAL, NO_TEXT) if arm in arms), next(iter(arms)))


def _views(found: ScoredArms, alike: SimilarFrames, groups: Sequence[Group]) -> list[View]:
    """All frames, similar-object frames, and sequences that an attribute says to have similar objects."""
    views = [View(ALL_FRAMES, found.arms)]
    views += [View(SIMILAR_FRAMES, alike.arms)] if alike.arms else []
    for group in groups:
        if group.kind == "attribute" and group.name in SIMILAR_ATTRIBUTES:
            views.append(View(group.name, of_sequences(found.arms, group.sequences)))
    return views


def _remarks(
    asked: CompareInput, results: ArmResults, arms: Mapping[str, Evaluation], names: Collection[str]
) -> list[str]:
    """Notes on the numbers, the weightiest first."""
    notes = [NO_ARM] if NO_TEXT not in arms and not results.judged else []
    if results.judged and OTHER_CLASS in arms and not any(row["category"] for row in asked.rows):
        notes.append(NO_CLASSES)
    settings, grounder = asked.settings, results.grounder
    if not settings:
        return notes
    notes += never_verified(asked.rows, results.judged, names, settings["ground_every"])
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
