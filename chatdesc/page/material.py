"""What a page is made of: the rows of its sources, with the frames of their datasets.

>>> from tempfile import mkdtemp
>>> from chatdesc.rows.schema import empty_row
>>> from chatdesc.rows.store import Store
>>> run = Path(mkdtemp()) / "run"
>>> with Store.open(run, {"dataset": "lasot"}) as store:
...     store.save(empty_row() | {"sequence": "kite-1", "dataset": "lasot", "text": "a red kite", "status": "ok"})
>>> material = gather(run)
>>> [details["text"] for _, details in material.entries()], material.title
(['a red kite'], 'chatdesc: run')
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import quote

from chatdesc.atomic import aside
from chatdesc.names import escaped, some
from chatdesc.page.named import chosen, figures, line
from chatdesc.page.named import shown as named_texts
from chatdesc.page.pictures import Keep, Sizes, inlined, pictures, sizes_for
from chatdesc.page.proposals import recorded
from chatdesc.page.records import FIELDS, SHORT, details, entry, made_by, plain
from chatdesc.page.timeline import timeline
from chatdesc.page.words import grounded
from chatdesc.private import last_name
from chatdesc.protocols import Grounder
from chatdesc.rows.check import wrong_column
from chatdesc.rows.refined import Refined, load_refined
from chatdesc.rows.schema import COLUMNS, Row, empty_row
from chatdesc.rows.sources import read_rows
from chatdesc.tables import Progress
from chatdesc.texts.named import NamedTexts
from chatdesc.types import ChatdescError
from chatdesc.types import Sequence as Video
from chatdesc.version import __version__

StrPath = str | os.PathLike[str]
EVERY = 8  # sequences between two calls of progress
T = TypeVar("T")


def gather(
    sources: StrPath | Sequence[StrPath],
    root: StrPath | Sequence[StrPath] | None = None,
    split: str | None = None,
    config: str | None = None,
    text_root: str | None = None,
    named: Sequence[NamedTexts] = (),
) -> Material:
    """Read the rows of one or several sources, and open the copies of their datasets.

    Args:
        named: texts of other sources, to be shown beside those of the rows.

    Raises:
        ChatdescError: a source or root cannot be read, no row can be shown, or a source of ``named`` has no text of
            the rows.
    """
    places = [os.fspath(source) for source in ([sources] if isinstance(sources, str | os.PathLike) else sources)]
    roots = _roots(root, len(places))
    rows, left_out = _rows(places, split, config)
    if not rows:
        raise ChatdescError(f"{some(places)}: no row can be shown; {some(list(left_out.values())) or 'there is none'}")
    refined = [
        load_refined(place, config, split, root=at, missing="skip", texts=text_root) if at else None
        for place, at in zip(places, roots, strict=True)
    ]
    beside = chosen(named, [row["sequence"] for _, row in rows])
    return Material(places, rows, left_out, refined, sizes_for(len(rows)), beside)


def _roots(root: StrPath | Sequence[StrPath] | None, count: int) -> list[str | None]:
    if root is None:
        return [None] * count
    given = [os.fspath(r) for r in ([root] if isinstance(root, str | os.PathLike) else root)]
    if len(given) not in (1, count):
        raise ChatdescError(f"{len(given)} roots for {count} sources: say one for all, or one each in the same order")
    return [*given] * count if len(given) == 1 else [*given]


def _rows(places: list[str], split: str | None, config: str | None) -> tuple[list[tuple[int, Row]], dict[str, str]]:
    """Rows with the number of their source, and those that cannot be shown."""
    rows: list[tuple[int, Row]] = []
    left_out: dict[str, str] = {}
    for number, place in enumerate(places):
        for row in read_rows(place, split, config, list(COLUMNS)):
            if wrong := wrong_column(row, COLUMNS):
                left_out[str(row.get("sequence"))] = f"column {wrong!r} has a value of another type"
            else:
                rows.append((number, whole(row)))
    return rows, left_out


def whole(row: Row) -> Row:
    """A row with every column, lists in place of nulls."""
    return cast(Row, empty_row() | {key: value for key, value in row.items() if value is not None})


@dataclass(slots=True)
class Material:
    """What goes into the page for each row.

    Attributes:
        places: the sources.
        rows: the rows with the number of their source.
        left_out: rows that cannot be shown, with the column that is wrong.
        refined: per source its rows with the frames, None without a root.
        named: texts of other sources, by sequence.
        folder: of pictures beside the page; None has them within it.
        grounder: asked once more for the proposals of each text.
        without_pictures: sequences that have none though a root was given; known once their entry is made.
    """

    places: list[str]
    rows: list[tuple[int, Row]]
    left_out: dict[str, str]
    refined: list[Refined | None]
    sizes: Sizes
    named: tuple[NamedTexts, ...] = ()
    folder: Path | None = None
    grounder: Grounder | None = None
    made_by: list[dict[str, Any]] = field(default_factory=list)
    without_pictures: list[str] = field(default_factory=list)

    @property
    def title(self) -> str:
        """The page's title."""
        return f"chatdesc: {some(self._names())}"

    def entries(self, progress: Progress | None = None) -> Iterator[tuple[list[Any], dict[str, Any]]]:
        """Each row's line of the table, and its details."""
        return (self.entry(*row) for row in counted_off(self.rows, progress))

    def entry(self, source: int, row: Row) -> tuple[list[Any], dict[str, Any]]:
        """A row's line of the table, and its details."""
        shown: dict[str, Any] = details(row) | {"timeline": timeline(row), "made_by": self._made_by(row)}
        beside = named_texts(self.named, row["sequence"])
        sequence = self.sequence(source, row)
        attributes: tuple[str, ...] = ()
        if sequence is not None:
            attributes = tuple(name for name, has in sequence.attributes.items() if has)
            shown["pictures"] = self._pictures(source, row, sequence)
            if self.grounder is not None:
                more = [(start, text) for of in beside for start, text in of["phrases"]]
                answers = grounded(row, sequence.frames, self.grounder, more)
                figures(beside, answers)
                shown["grounded"] = plain(answers)
        shown |= {"named": plain(beside)} if self.named else {}
        return [*entry(row, source, attributes), plain(line(self.named, beside, SHORT))], shown

    def sequence(self, source: int, row: Row) -> Video | None:
        """The row's sequence with its frames; None without a root, or where the copy has no such sequence."""
        refined = self.refined[source]
        try:
            return refined[row["sequence"]] if refined else None
        except ChatdescError:  # there is none of this name, or another version of it
            self.without_pictures.append(row["sequence"])
            return None

    def _pictures(self, source: int, row: Row, sequence: Video) -> dict[str, Any]:
        """The row's pictures, with what the verifier saw on key frames."""
        known = recorded(Path(self.places[source]), row["sequence"])
        made = pictures(row, sequence, self.sizes, self._keeper(source, row))
        for key in made["keys"]:
            key |= {"proposals": known[key["frame"]]} if key["frame"] in known else {}
        if "size" not in made:  # no frame can be read
            self.without_pictures.append(row["sequence"])
        shown: dict[str, Any] = plain(made)
        return shown

    def index(self, entries: list[list[Any]]) -> dict[str, Any]:
        """What the overview needs."""
        return {
            "version": __version__,
            "sources": self._names(),
            "fields": [*FIELDS, "named"],
            "texts": [one.name for one in self.named],
            "rows": entries,
            "made_by": self.made_by,
            "pictures": any(self.refined),
        }

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know of the named texts."""
        return tuple(dict.fromkeys(note for one in self.named for note in one.notes))

    def _names(self) -> list[str]:
        return [last_name(place.rstrip("/")) for place in self.places]

    def _made_by(self, row: Row) -> int:
        """The number of the row's provenance, which many rows share."""
        known = plain(made_by(row))
        if known not in self.made_by:
            self.made_by.append(known)
        return self.made_by.index(known)

    def _keeper(self, source: int, row: Row) -> Keep:
        if self.folder is None:
            return inlined
        place = Path(str(source), escaped(row["sequence"], ""))
        target, name = aside(self.folder, "new") / place, self.folder.name

        def keep(file: str, content: bytes) -> str:
            target.mkdir(parents=True, exist_ok=True)
            (target / file).write_bytes(content)
            return quote(f"{name}/{place.as_posix()}/{file}")

        return keep


def counted_off(items: list[T], progress: Progress | None) -> Iterator[T]:
    """The items one by one, while ``progress`` hears how many are done."""
    tell: Progress = progress or (lambda *_: None)
    for number, item in enumerate(items):
        if number % EVERY == 0:
            tell(number, len(items), "")
        yield item
    tell(len(items), len(items), "")
