"""``chatdesc.report``: the page of one or several sources.

>>> from tempfile import mkdtemp
>>> from chatdesc.rows.schema import empty_row
>>> from chatdesc.rows.store import Store
>>> run = Path(mkdtemp()) / "run"
>>> with Store.open(run, {"dataset": "lasot"}) as store:
...     store.save(empty_row() | {"sequence": "kite-1", "dataset": "lasot", "text": "a red kite", "status": "ok"})
>>> made = report(run, out=run.parent / "report.html")
>>> made.sequences, "a red kite" in made.page.read_text()
(1, True)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from chatdesc.atomic import aside, make_folder, recover, swap_in, write_atomic
from chatdesc.page.document import page_of
from chatdesc.page.material import Material, StrPath, gather
from chatdesc.page.pictures import sizes_for
from chatdesc.page.words import grounder_of
from chatdesc.tables import Progress
from chatdesc.texts.named import read_all
from chatdesc.types import ChatdescError


@dataclass(frozen=True, slots=True)
class Report:
    """What ``report`` wrote.

    Attributes:
        page: the HTML file.
        sequences: how many sequences it shows.
        size: its bytes.
        folder: the folder of pictures beside it, with ``full``.
        without_pictures: sequences that have none though a root was given.
        left_out: rows that cannot be shown, with the column that is wrong.
        notes: what a reader must know of named texts: which sequences lack one, and names close to others.
    """

    page: Path
    sequences: int
    size: int
    folder: Path | None = None
    without_pictures: tuple[str, ...] = ()
    left_out: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def report(
    sources: StrPath | Sequence[StrPath],
    *,
    root: StrPath | Sequence[StrPath] | None = None,
    texts: Sequence[str] = (),
    out: StrPath = "report.html",
    full: bool = False,
    split: str | None = None,
    config: str | None = None,
    text_root: str | None = None,
    grounder: str | None = None,
    device: str = "auto",
    progress: Progress | None = None,
) -> Report:
    """Write a page that shows rows in a browser: one file, which needs no network.

    Args:
        sources: a run, a dataset folder or a Hub repository ``USER/NAME``, or several of them.
        root: the dataset's frames, for pictures: one root for all sources, or one each.
        texts: texts of other sources, ``NAME=SOURCE`` each, shown beside those of the rows.
        out: the page.
        full: larger pictures, in a folder beside the page; needs ``root``.
        split: only this split.
        config: which of several datasets in one repository.
        text_root: otb-lang: the folder with the ``OTB_query_*`` folders.
        grounder: asks this grounder once more for the proposals of each text and the box of each word; needs ``root``.
        device: of the grounder.
        progress: called with sequences done, all sequences, and a note.

    Raises:
        ChatdescError: a source or root cannot be read, no row can be shown, or a name of ``texts`` is taken.
    """
    page = Path(out)
    if page.is_dir():
        raise ChatdescError(f"{page}: is a folder; name the page, such as {page / 'report.html'}")
    if full and not root:
        raise ChatdescError("larger pictures need the frames: say where the dataset is with --root")
    model = grounder_of(grounder, root, device)
    folder = page.with_name(f"{page.stem}_files") if full else None
    material = gather(sources, root, split, config, text_root, read_all(texts))
    sizes = sizes_for(len(material.rows), full)
    return _write(page, replace(material, sizes=sizes, folder=folder, grounder=model), progress)


def _write(page: Path, material: Material, progress: Progress | None) -> Report:
    folder = material.folder
    make_folder(page.parent)
    if folder:
        recover(folder)
        make_folder(aside(folder, "new"))
    content = page_of(material, progress=progress)
    if folder:
        swap_in(folder)
    write_atomic(page, content)
    missing = tuple(material.without_pictures)
    return Report(page, len(material.rows), len(content), folder, missing, material.left_out, material.notes)
