"""Tracks of all arms, made here or brought, scored on the sequences that all of them have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from chatdesc.evaluation.arm_rows import ArmRow, arm_rows_in, tracks_of
from chatdesc.evaluation.arm_texts import ALL, BOUNDS, MANUAL, OTHER_CLASS, REFINED, SAME_CLASS, SHUFFLED, chosen_arms
from chatdesc.evaluation.arms import NOT_YET, OTHER_TEXTS, Comparison
from chatdesc.evaluation.compare import SOURCES, ArmProblem, UsedGrounder, arm_rows, common, no_result, scored
from chatdesc.evaluation.compare_input import CompareInput
from chatdesc.evaluation.evaluate import Evaluation
from chatdesc.evaluation.results import ResultFolder
from chatdesc.names import counted, file_name, some
from chatdesc.rows.store import JsonStore
from chatdesc.tables import Record
from chatdesc.types import ChatdescError

EXTERNAL = UsedGrounder("external")


@dataclass(frozen=True, slots=True)
class ArmResults:
    """Result folders by arm, and who grounded.

    Attributes:
        arms: all arms that there can be.
        judged: what was verified and grounded per sequence; empty where another tracker's results were brought.
        late: sequences that lack tracks of their present texts, and why.
        wordless: the arms for which a sequence has no words.
        place: where chatdesc's own tracks are.
    """

    folders: Mapping[str, ResultFolder]
    arms: tuple[str, ...] = SOURCES
    judged: list[ArmRow] = field(default_factory=list)
    grounder: UsedGrounder = EXTERNAL
    late: Mapping[str, str] = field(default_factory=dict)
    wordless: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    place: Path | None = None

    @classmethod
    def brought(cls, folders: Mapping[str, ResultFolder], sources: Iterable[str] = ()) -> ArmResults:
        """Another tracker's results: without, with the manual and the refined text there is a row in any case."""
        arms = [arm.name for arm in chosen_arms(ALL, list(sources))]
        return cls(folders, tuple(arm for arm in arms if arm in SOURCES or arm in folders))

    @classmethod
    def of(cls, work: Comparison, asked: CompareInput) -> ArmResults:
        """The tracks of what is asked for that a comparison has made so far.

        Raises:
            ChatdescError: none was tracked with its models.
        """
        judged = arm_rows_in(JsonStore(work.place), asked.names)
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
        done = {row["sequence"]: row for row in judged}
        late = {row["sequence"]: why for row in asked.rows if (why := work.late(row, done.get(row["sequence"])))}
        used = UsedGrounder(settings["grounder"], work.selecting)
        wordless = {row["sequence"]: tuple(places.keys() - work.words(row).keys()) for row in asked.rows}
        return cls(folders, tuple(places), judged, used, late, wordless, work.place)

    @property
    def failures(self) -> tuple[str, ...]:
        """All problems, a line each."""
        return tuple(f"{row['sequence']}: {why}" for row in self.judged for why in row["problems"])

    @property
    def judge(self) -> str:
        """The grounder, if it took no part in choosing the texts; else empty."""
        return "" if self.grounder.selector or not self.judged else self.grounder.name


def external(specs: Iterable[str], sources: Iterable[str] = ()) -> dict[str, ResultFolder]:
    """``DIR=manual``, ``DIR=refined``, ``DIR=no-text`` and results of other arms as folders by arm.

    Args:
        sources: the names of ``--texts``.

    Raises:
        ChatdescError: another name, a name twice, or one of the two texts without results.
    """
    known = [arm.name for arm in chosen_arms(ALL, list(sources)) if arm not in BOUNDS]
    folders: dict[str, ResultFolder] = {}
    for spec in specs:
        name = spec.rpartition("=")[2] if "=" in spec else ""
        if name not in known or name in folders:
            wrong = f"{name} is named twice" if name in folders else f"{spec} does not say which text it was made with"
            raise ChatdescError(f"{wrong}: --results DIR=manual --results DIR=refined --results DIR=no-text")
        folders[name] = ResultFolder(spec)
    for text in (MANUAL, REFINED):
        if text not in folders:
            raise ChatdescError(f"the results with the {text} text are missing: add --results DIR={text}")
    return {name: folders[name] for name in known if name in folders}


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
    problems = problems_of(results)
    of_needed = {name: [p for p in of if p.arm not in SHUFFLED] for name, of in problems.items()}
    arms, left_out = common(scored(results.folders, truths, asked.dataset, asked.rules), of_needed, SHUFFLED)
    names = [line.sequence for line in next(iter(arms.values())).lines]
    rows = arm_rows(arms, results.grounder, len(asked.truths), results.arms)
    return ScoredArms(arms, names, rows, [*asked.notes, *late, *left_out, *never_tracked(results, problems)])


def ready(asked: CompareInput, results: ArmResults) -> tuple[set[str], list[str]]:
    """Sequences that have tracks of the run's present texts, and notes on the others."""
    if not results.judged:
        return set(asked.truths), []
    missing, old = ([n for n, why in results.late.items() if why == what] for what in (NOT_YET, OTHER_TEXTS))
    of_all = f"of {counted(len(asked.rows), 'sequence')}"
    go_on = f"chatdesc compare {asked.run} ROOT, with a ROOT that holds them, tracks them"
    notes = [
        f"{counted(len(names), f'{of_all} was {what} and is', f'{of_all} were {what} and are')} left out: "
        f"{some(names)}; {go_on}"
        for names, what in ((missing, NOT_YET), (old, OTHER_TEXTS))
        if names
    ]
    return set(asked.truths) - results.late.keys(), notes


def problems_of(results: ArmResults) -> dict[str, list[ArmProblem]]:
    """Why sequences have no track in some arm, where more is known than that a file is missing."""
    problems: dict[str, list[ArmProblem]] = {}
    for row in results.judged:
        of_arms = [ArmProblem(arm, why) for arm, why in row.get("arm_problems", {}).items()]
        if row["problems"]:
            problems[row["sequence"]] = of_arms or [ArmProblem("", why) for why in row["problems"]]
    for name, arms in results.wordless.items():
        if lacking := [ArmProblem(arm, _lacks(arm)) for arm in results.arms if arm in arms]:
            problems.setdefault(name, []).extend(lacking)
    return problems


def _lacks(arm: str) -> str:
    others = {SAME_CLASS: "its class", OTHER_CLASS: "another class"}
    return f"no other text of {others[arm]} is known" if arm in others else f"it has no {arm} text"


def never_tracked(results: ArmResults, problems: Mapping[str, list[ArmProblem]]) -> list[str]:
    """Notes on chatdesc's own arms that no sequence has, with the problem of one."""
    if not results.judged:
        return []
    examples: dict[str, str] = {}
    for name, of in problems.items():
        for problem in of:
            examples.setdefault(problem.arm, f"{name}: {problem}")
    return [no_result(arm, examples.get(arm, "no track")) for arm in results.arms if arm not in results.folders]
