"""What ``chatdesc compare`` prints and writes: its tables, and what has to be known beside them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chatdesc.atomic import writing
from chatdesc.evaluation import compare
from chatdesc.evaluation.arms import texts_of
from chatdesc.evaluation.evaluate import Truth
from chatdesc.evaluation.results import ResultFolder
from chatdesc.metrics.protocols import Rules
from chatdesc.names import some
from chatdesc.rows.store import read_config
from chatdesc.tables import Record, percent, plain_table, show, write_table
from chatdesc.types import ChatdescError

NO_ARM = (
    "warning: there is no arm without a text, so nothing says whether any text helps: add that tracker's results "
    "without one, --results DIR=no-text"
)


@dataclass(frozen=True, slots=True)
class Tracked:
    """Result folders of the arms, what was verified per sequence, and who grounded (``judge``: if it did not choose).

    ``judged`` is empty where another tracker's results were brought.
    """

    folders: dict[str, ResultFolder]
    arms: tuple[str, ...] = compare.SOURCES
    judged: list[Record] = field(default_factory=list)
    grounder: str = "external"
    judge: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """What tables are about: a run's rows with a text, as far as they were asked for, and whose rules score them."""

    run: Path
    dataset: str
    rules: Rules
    rows: list[Record]
    truths: dict[str, Truth]


def report_worth(shown: Shown, found: Tracked, said: list[str], out: Path | None, console: Any) -> None:
    """Print and write all tables, and what has to be known beside them."""
    rows, count, about = shown.rows, len(shown.truths), f"{shown.dataset}, protocol {shown.rules.name}"
    ready, late = _ready(shown, found)
    if not ready:
        raise ChatdescError("\n".join(late))
    truths = {name: truth for name, truth in shown.truths.items() if name in ready}
    why = _reasons(rows, found)
    arms, left_out = compare.common(compare.scored(found.folders, truths, shown.dataset, shown.rules), why)
    left_out += _never_tracked(found, why)
    names = {line.sequence for line in next(iter(arms.values())).lines}
    tables = {
        "compare": compare.arm_rows(arms, found.grounder, count, found.arms),
        "compare_differences": compare.difference_rows(arms, found.grounder),
        "compare_verification": compare.verification_rows(found.judged, names, found.grounder),
        "compare_judges": compare.judge_rows(rows, names, found.judged, found.judge),
    }
    _print(tables, f"{about}, grounder {found.grounder}" if found.judged else f"{about}, external", console)
    said = [*said, *late, *left_out, *_remarks(shown, found, arms, names)]
    said += [f"{row['arm']}: {row['notes']}" for row in tables["compare"] if row["notes"]]
    for line in said:
        style = "bold yellow" if line.startswith("warning:") else "yellow"
        console.print(line, style=style, highlight=False, markup=False, soft_wrap=True)
    for path in _write(tables, out) if out else []:
        console.print(f"written: {path}", highlight=False, soft_wrap=True)


def _ready(shown: Shown, found: Tracked) -> tuple[set[str], list[str]]:
    """Sequences whose tracks are there and of the run's texts as they are now, and what is said of the others."""
    if not found.judged:
        return set(shown.truths), []
    made = {row["sequence"]: row["texts"] for row in found.judged}
    now = {row["sequence"]: texts_of(row) for row in shown.rows}
    missing = [name for name in now if name not in made]
    old = [name for name in now if made.get(name) and made[name] != now[name]]
    go_on = f"chatdesc compare {shown.run} ROOT, with a ROOT that holds them, tracks them"
    said = [
        f"{len(names)} of {len(now)} sequences {what} and are left out: {some(names)}; {go_on}"
        for names, what in ((missing, "were not tracked yet"), (old, "were tracked with other texts"))
        if names
    ]
    return set(now) - {*missing, *old}, said


def _reasons(rows: list[Any], found: Tracked) -> dict[str, list[str]]:
    """Why sequences have no track in some arm, where we know better than that there is no file."""
    why = {row["sequence"]: list(row["problems"]) for row in found.judged if row["problems"]}
    for row in rows if found.judged else []:
        if not (row["manual_text"] or "").strip():
            why.setdefault(row["sequence"], []).append("manual: it has no manual text")
    return why


def _never_tracked(found: Tracked, why: dict[str, list[str]]) -> list[str]:
    """Arms of our own that no sequence has, with the reason of one."""
    problems = [f"{name}: {line}" for name, said in why.items() for line in said]
    return [
        f"the arm {arm} has no result, for instance: {next((p for p in problems if f': {arm}: ' in p), 'no track')}"
        for arm in found.arms
        if found.judged and arm not in found.folders
    ]


def _print(tables: dict[str, list[Record]], about: str, console: Any) -> None:
    def say(rows: list[Record], title: str) -> None:
        if rows:
            console.print(plain_table(rows, title, console.width))

    say(compare.shown_arms(tables["compare"]), f"{about}, in %")
    say(compare.shown_differences(tables["compare_differences"]), f"paired differences, {about}, in points")
    say(
        compare.shown_verification(tables["compare_verification"]),
        "verification: mean IoU of the proposal chosen, against two references on the same proposals",
    )
    say(
        compare.shown_judges(tables["compare_judges"]),
        "what others say of the two texts (chose: by its feedback; partly: it measures as the one that did)",
    )


def _remarks(shown: Shown, found: Tracked, arms: dict[str, Any], names: set[str]) -> list[str]:
    """What a reader must know of the numbers, what weighs most first."""
    settings = read_config(shown.run)["settings"]
    feedback, every = settings["feedback"], settings["ground_every"]
    said = compare.never_verified(shown.rows, found.judged, names, every)
    if compare.NO_TEXT not in arms and not found.judged:
        said.insert(0, NO_ARM)
    if found.grounder.endswith(compare.SELECTED):
        plain = found.grounder.removesuffix(compare.SELECTED)
        said.append(f"{plain} gave the feedback that chose these texts; --judge with another grounder is independent")
    if feedback != "first":
        said.append(f"the texts were chosen with boxes of later frames of these very sequences (--feedback {feedback})")
    return said + compare.same_texts(shown.rows, names, arms)


def _write(tables: dict[str, list[Record]], folder: Path) -> list[Path]:
    paths: list[Path] = []
    for stem, rows in tables.items():
        shares = stem in ("compare", "compare_differences")
        cell = percent if shares else lambda v: show(v, 3) if isinstance(v, float) or v is None else str(v)
        with writing(folder):
            paths += write_table(rows, folder, stem, cell) if rows else []
    return paths
