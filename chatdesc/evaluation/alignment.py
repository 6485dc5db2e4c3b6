"""``chatdesc score``: alignment of a run's texts, or of a plain dataset's manual texts.

>>> rows = of_dataset(chatdesc.load("tnl2k", root), ("attributes",))         # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable
from pathlib import Path
from typing import Any

from chatdesc.backends import create
from chatdesc.config import Settings
from chatdesc.engine.schedule import Lane, Scheduler
from chatdesc.metrics.alignment import known_mean, paired_bootstrap
from chatdesc.rows.store import Store, read_config
from chatdesc.stages.align import align, alignment_column
from chatdesc.tables import show
from chatdesc.types import ChatdescError, Embed, Ground, Sequence, one_line

Row = dict[str, Any]
IN_FLIGHT = 8


def of_run(
    run: Path,
    data: Any = None,
    encoders: tuple[str, ...] = (),
    grounder: str = "attributes",
    frames: int = 4,
    device: str = "auto",
    on_sequence: Callable[[], None] = lambda: None,
    only: Collection[str] | None = None,
) -> list[Row]:
    """Rows with an ``alignment`` column: as the run recorded it, or anew with other encoders on ``data``'s frames.

    Args:
        only: the names of the rows that are wanted; None takes all.
    """
    read_config(run)
    store = Store(run)
    recorded = list(store.rows(store.names() if only is None else only))
    if not recorded:
        raise ChatdescError(f"{run} has no finished sequence yet; run `chatdesc annotate` first")
    if data is None:
        return recorded
    texts = {row["sequence"]: row for row in recorded if row["text"] is not None}
    names = [name for name in data.names if name in texts]
    scored = _score(
        data,
        names,
        {n: _texts(texts[n]["manual_text"], texts[n]["text"]) for n in names},
        encoders,
        grounder,
        frames,
        device,
        on_sequence,
    )
    return scored + [row | {"alignment": []} for row in recorded if row["text"] is None]


def of_dataset(
    data: Any,
    encoders: tuple[str, ...],
    grounder: str = "attributes",
    frames: int = 4,
    device: str = "auto",
    on_sequence: Callable[[], None] = lambda: None,
) -> list[Row]:
    """Rows with an ``alignment`` column for the manual texts of a dataset."""
    return _score(data, list(data.names), None, encoders, grounder, frames, device, on_sequence)


def refuse_twice(parts: Iterable[tuple[str, str, Collection[str]]]) -> None:
    """Refuse to count a sequence twice: intervals would shrink, and every text would have its double.

    Args:
        parts: place, dataset and names of the sequences that are to be in one table.

    Raises:
        ChatdescError: two places hold the same sequence of a dataset.
    """
    seen: dict[tuple[str, str], str] = {}
    for place, dataset, names in parts:
        keys = [(dataset, name) for name in names]
        if twice := [key for key in keys if key in seen]:
            more = f" and {len(twice) - 1} more" if len(twice) > 1 else ""
            raise ChatdescError(
                f"{seen[twice[0]]} and {place} both hold {twice[0][1]}{more} of {dataset}, and a sequence counts once: "
                "leave one of them out, or score them one at a time, each with its own --out"
            )
        seen |= dict.fromkeys(keys, place)


def _texts(manual: str | None, refined: str | None) -> dict[str, str]:
    pairs = (("manual", one_line(manual or "")), ("refined", one_line(refined or "")))
    return {name: text for name, text in pairs if text}


def _score(
    data: Any,
    names: list[str],
    texts: dict[str, dict[str, str]] | None,
    encoders: tuple[str, ...],
    grounder: str,
    frames: int,
    device: str,
    on_sequence: Callable[[], None],
) -> list[Row]:
    settings = Settings(encoders=encoders, alignment_frames=frames)
    finder = None if grounder == "none" else create("grounder", grounder, device=device)
    models = {spec: create("encoder", spec, device=device) for spec in encoders}
    lanes = [Lane((Embed, spec), m.embed, m.max_batch, m.workers) for spec, m in models.items()]
    if finder is not None:
        lanes.append(Lane(Ground, finder.ground, finder.max_batch, finder.workers))

    def job(name: str) -> Generator[Any, Any, Row]:
        sequence = data[name]
        wording = _texts(sequence.manual_text, None) if texts is None else texts[name]
        row = {"sequence": name, "dataset": data.dataset, "category": sequence.category, "alignment": []}
        row |= {"manual_text": wording.get("manual"), "text": wording.get("refined"), "problems": []}
        if not sequence.usable:
            return row | {"problems": [problem.message for problem in sequence.problems if problem.fatal]}
        _room_for(sequence, frames * IN_FLIGHT)
        found = yield from align(sequence, wording, settings, finder.threshold if finder else None)
        return row | {"alignment": alignment_column(found)}

    rows = []
    for name, result in Scheduler(lanes, IN_FLIGHT).run((name, job(name)) for name in names):
        if isinstance(result, Exception):
            result = {"sequence": name, "dataset": data.dataset, "category": None, "alignment": []} | {
                "manual_text": None, "text": None, "problems": [f"{type(result).__name__}: {result}"]
            }  # fmt: skip
        rows.append(result)
        on_sequence()
    return rows


def _room_for(sequence: Sequence, frames: int) -> None:
    """Every encoder looks at the same frames in its turn: they must still be there when the last one does."""
    cache = sequence.frames.cache
    if cache is not None:
        cache.max_items = max(cache.max_items, frames)


def alignment_rows(rows: Iterable[Row]) -> list[Row]:
    """Dataset x encoder x measure: mean cosine x 100 and margin per text, paired difference with its 95 % interval."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        for entry in row["alignment"] or []:
            groups.setdefault((row.get("dataset") or "", entry["encoder"]), []).append(entry)
    found: list[Row] = []
    for (dataset, encoder), entries in groups.items():
        for measure, manual, refined in (
            ("cosine", "manual", "refined"),
            ("margin", "manual_margin", "refined_margin"),
        ):
            named = {"dataset": dataset, "encoder": encoder, "measure": measure}
            found.append(named | _paired(entries, manual, refined))
    return found


def _paired(entries: list[Row], manual: str, refined: str) -> Row:
    both = [e for e in entries if e[manual] is not None and e[refined] is not None]
    row: Row = {
        "sequences": len(entries),
        "manual": known_mean(e[manual] for e in entries),
        "refined": known_mean(e[refined] for e in entries),
        "difference": None, "low": None, "high": None, "better": None, "worse": None,
        "manual_truncated": known_mean(e["manual_truncated"] for e in entries),
        "refined_truncated": known_mean(e["truncated"] for e in entries),
    }  # fmt: skip
    if both:
        gap = paired_bootstrap([e[manual] for e in both], [e[refined] for e in both])
        row |= {"difference": gap.mean, "low": gap.low, "high": gap.high, "better": gap.better, "worse": gap.worse}
    return row


def shown_alignment(rows: list[Row]) -> list[Row]:
    """The same table with few enough columns for a terminal; the dataset where there are several."""
    several = len({row["dataset"] for row in rows}) > 1
    return [
        ({"dataset": row["dataset"]} if several else {})
        | {
            "encoder": row["encoder"],
            "measure": row["measure"],
            "n": str(row["sequences"]),
            "manual": show(row["manual"], 1),
            "refined": show(row["refined"], 1),
            "gain (95 %)": "-"
            if row["low"] is None
            else f"{row['difference']:+.1f} ({row['low']:.0f}..{row['high']:.0f})",
            "better/worse": "-" if row["better"] is None else f"{row['better']}/{row['worse']}",
            "cut, %": "/".join("-" if v is None else f"{100 * v:.0f}" for v in _cut(row)),
        }
        for row in rows
    ]


def _cut(row: Row) -> tuple[float | None, float | None]:
    return row["manual_truncated"], row["refined_truncated"]
