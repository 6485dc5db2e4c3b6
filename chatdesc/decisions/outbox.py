"""``chatdesc.review_export``: the queue of a review with its evidence, for a team in Label Studio or Argilla.

>>> from tempfile import mkdtemp
>>> from chatdesc.rows.schema import empty_row
>>> from chatdesc.rows.store import Store
>>> run = Path(mkdtemp()) / "run"
>>> with Store.open(run, {"dataset": "lasot"}) as store:
...     store.save(empty_row() | {"sequence": "kite-1", "dataset": "lasot", "text": "a red kite", "status": "ok"})
>>> sent = review_export(run, run.parent / "out", to="label-studio")
>>> sent.cases, sorted(path.name for path in sent.folder.iterdir())
(1, ['config.xml', 'tasks.json'])
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from chatdesc.atomic import aside, make_folder, recover, swap_in, writing
from chatdesc.decisions import argilla, label_studio
from chatdesc.decisions.answer import TOOLS
from chatdesc.decisions.case import Case, case_of
from chatdesc.decisions.decision import refuse_twins
from chatdesc.decisions.kept_pictures import Pictures
from chatdesc.decisions.template import boxed, template_of
from chatdesc.names import natural
from chatdesc.page.material import Material, StrPath, counted_off, gather
from chatdesc.page.proposals import recorded
from chatdesc.page.suspicion import reasons, suspicion
from chatdesc.page.words import grounder_of
from chatdesc.rows.schema import Row
from chatdesc.tables import Progress
from chatdesc.types import ChatdescError

LOCAL_FILES = "/data/local-files/?d="
FOLDER = "pictures"


@dataclass(frozen=True, slots=True)
class ReviewExport:
    """What ``review_export`` wrote.

    Attributes:
        folder: where.
        cases: how many rows people are asked about.
        without_pictures: sequences that have none though a root was given.
        left_out: rows that cannot be shown, with the column that is wrong.
    """

    folder: Path
    cases: int
    without_pictures: tuple[str, ...] = ()
    left_out: dict[str, str] = field(default_factory=dict)


def review_export(
    source: StrPath,
    out: StrPath,
    *,
    to: str,
    root: StrPath | None = None,
    limit: int | None = None,
    address: str | None = None,
    split: str | None = None,
    config: str | None = None,
    text_root: str | None = None,
    grounder: str | None = None,
    device: str = "auto",
    progress: Progress | None = None,
) -> ReviewExport:
    """Write the rows of a run, the most suspicious first, with their evidence, for review by a team.

    Args:
        source: a run, a dataset folder or a Hub repository ``USER/NAME``.
        out: a new folder.
        to: ``label-studio`` (configuration, tasks, pictures) or ``argilla`` (a dataset for ``Dataset.from_disk``).
        root: the dataset's frames, for pictures.
        limit: only so many rows, the most suspicious ones.
        address: where the tool finds the folder ``pictures``: the beginning of a URL. None takes Label Studio's local
            files; for Argilla, pictures are then within the records.
        split: only this split.
        config: which of several datasets in one repository.
        text_root: otb-lang: the folder with the ``OTB_query_*`` folders.
        grounder: asked where both texts lead; None shows the proposals that the run recorded. Needs ``root``.
        device: of the grounder.
        progress: called with cases done, all cases, and a note.

    Raises:
        ChatdescError: no such tool, source or root, no row with a text, or a folder that is not empty.
    """
    folder = Path(out)
    _refuse(to, folder)
    model = grounder_of(grounder, root, device)
    material = replace(gather(source, root, split, config, text_root), grounder=model)
    rows = _queue(material, limit)
    make_folder(folder.parent)
    recover(folder)
    make_folder(new := aside(folder, "new"))
    name = folder.resolve().name
    if to == "label-studio" and address is None:
        address = LOCAL_FILES + quote(f"{name}/{FOLDER}/")
    write = _label_studio if to == "label-studio" else _argilla
    cases = (_case(material, row) for row in counted_off(rows, progress))
    with writing(new):
        write(new, cases, Pictures(new / FOLDER, name, address, root is not None))
    swap_in(folder)
    return ReviewExport(folder, len(rows), tuple(material.without_pictures), material.left_out)


def _refuse(to: str, folder: Path) -> None:
    if to not in TOOLS:
        raise ChatdescError(f"--to {to}: is not known; choose {' or '.join(TOOLS)}")
    if folder.exists() and not folder.is_dir():
        raise ChatdescError(f"{folder}: is a file; choose a new folder with --out")
    if folder.is_dir() and any(folder.iterdir()):
        raise ChatdescError(f"{folder}: is not empty, and may hold answers; choose a new folder with --out")


def _queue(material: Material, limit: int | None) -> list[Row]:
    """The rows with a text in the order in which people should see them."""
    rows = [row for _, row in material.rows if row["manual_text"] or row["text"]]
    if not rows:
        raise ChatdescError(f"{material.places[0]}: there is no row with a text, so there is nothing to review")
    refuse_twins(rows)
    rows.sort(key=lambda row: (-suspicion(reasons(row)), natural(row["sequence"])))
    return rows[:limit]


def _case(material: Material, row: Row) -> Case:
    """A row as a case, with its template where its frames can be read."""
    template = None
    if (sequence := material.sequence(0, row)) is not None:
        known = recorded(Path(material.places[0]), row["sequence"])
        template = template_of(row, sequence, known, material.grounder)
        if template is None:
            material.without_pictures.append(row["sequence"])
    return case_of(row, template)


def _label_studio(out: Path, cases: Iterable[Case], pictures: Pictures) -> None:
    def task(case: Case) -> label_studio.Record:
        shown = case.template
        return label_studio.task(case, **(pictures.of(case, shown.image, shown.sheet) if shown else {}))

    (out / "config.xml").write_text(label_studio.config(pictures.wanted), encoding="ascii")
    _write(out / "tasks.json", map(task, cases))


def _argilla(out: Path, cases: Iterable[Case], pictures: Pictures) -> None:
    def record(case: Case) -> argilla.Record:
        shown = case.template
        return argilla.record(case, **(pictures.of(case, boxed(shown), shown.sheet) if shown else {}))

    hidden = out / ".argilla"
    hidden.mkdir()
    parts = {"dataset.json": argilla.dataset(pictures.name), "settings.json": argilla.settings(pictures.wanted)}
    for name, content in parts.items():
        (hidden / name).write_text(json.dumps(content, indent=1), encoding="ascii")
    _write(out / "records.json", map(record, cases))


def _write(path: Path, items: Iterable[dict[str, Any]]) -> None:
    """A JSON list, one item in memory at a time; ASCII, because its readers may assume another encoding."""
    with path.open("w", encoding="ascii") as file:
        for number, item in enumerate(items):
            file.write((",\n" if number else "[\n") + json.dumps(item, allow_nan=False))
        file.write("\n]\n")
