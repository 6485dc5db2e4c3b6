"""What a review serves: the page, the decisions about its rows, and single frames. No HTTP in here.

>>> from pathlib import Path
>>> from tempfile import mkdtemp
>>> from chatdesc.page.material import gather
>>> from chatdesc.rows.schema import empty_row
>>> from chatdesc.rows.store import Store
>>> run = Path(mkdtemp()) / "run"
>>> with Store.open(run, {"dataset": "lasot"}) as store:
...     store.save(empty_row() | {"sequence": "kite-1", "dataset": "lasot", "text": "a red kite", "status": "ok"})
>>> served = Served.of(gather(run), Journal(run / "review", "ada"))
>>> record = {"id": "a", "dataset": "lasot", "sequence": "kite-1", "verdict": "accept", "side": "refined"}
>>> kept, (decisions, last) = served.keep([record]), served.since(0)
>>> kept.saved, [made["text"] for made in decisions], last
(['a'], ['a red kite'], 1)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property, lru_cache
from hashlib import sha256
from typing import Any

from chatdesc.decisions.decision import (
    KINDS,
    SIDES,
    Decision,
    Key,
    accepted_text,
    decision,
    key_of,
    refuse_twins,
    seen,
)
from chatdesc.decisions.journal import Journal
from chatdesc.page.document import page_of
from chatdesc.page.material import Material
from chatdesc.page.named import first_text
from chatdesc.page.pictures import encoded, scaled
from chatdesc.rows.schema import Row
from chatdesc.tables import Progress
from chatdesc.texts.named import NamedTexts
from chatdesc.types import ChatdescError, FrameError, Sequence

WIDTH, QUALITY = 1280, 80  # of a single frame
OPEN_SEQUENCES = 8


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of decisions that were sent.

    Attributes:
        saved: ids of those that are on the disk now, whether new or not.
        refused: why, per id.
    """

    saved: list[str]
    refused: dict[str, str]


@dataclass(frozen=True)
class Served:
    """One review.

    Attributes:
        material: what the page shows.
        page: the page.
        journal: where decisions are kept.
        blind: the reviewer sees neither which text is which nor what others decided.
    """

    material: Material
    page: bytes
    journal: Journal
    blind: bool = False

    @classmethod
    def of(cls, material: Material, journal: Journal, blind: bool = False, progress: Progress | None = None) -> Served:
        """Make the page of a review.

        Raises:
            ChatdescError: two rows are of the same sequence, or the journal is damaged.
        """
        rows = [row for _, row in material.rows]
        refuse_twins(rows)
        journal.read()
        review = {
            "reviewer": journal.reviewer,
            "kinds": KINDS,
            "blind": blind,
            "seen": [seen(row["manual_text"], row["text"]) for row in rows],
            "journal": sha256(str(journal.folder.resolve()).encode(errors="replace")).hexdigest()[:16],
        }
        return cls(material, page_of(material, review, progress), journal, blind)

    def since(self, after: int) -> tuple[list[dict[str, Any]], int]:
        """Decisions with a number greater than ``after``, and the number of the last one of all reviewers.

        Raises:
            ChatdescError: a journal is damaged.
        """
        known, mine = self.journal.read(), self.journal.reviewer
        numbered = enumerate(known[max(after, 0) :], max(after, 0) + 1)
        news = [asdict(made) | {"number": n} for n, made in numbered if not self.blind or made.reviewer == mine]
        return news, len(known)

    def keep(self, records: Iterable[Mapping[str, Any]]) -> Kept:
        """Keep decisions; the text of an ``accept`` is the row's own, or that of the source it names.

        Raises:
            ChatdescError: the journal is damaged. None is kept.
            OSError: the disk is full or broken; the same call may be repeated.
        """
        sound: list[Decision] = []
        refused: dict[str, str] = {}
        for record in records:
            try:
                sound.append(self._sound(record))
            except ChatdescError as error:
                refused[str(record.get("id", ""))] = str(error)
        self.journal.add(sound)
        return Kept([made.id for made in sound], refused)

    def _sound(self, record: Mapping[str, Any]) -> Decision:
        made = decision(record)
        row = self._rows.get(made.key)
        if row is None:
            raise ChatdescError(f"there is no row of {made.sequence[:80]!r} in this review")
        now = seen(row["manual_text"], row["text"])
        if made.seen not in ("", now):
            raise ChatdescError(
                f"the texts of {made.sequence[:80]!r} have changed since the page was opened; reload it"
            )
        if made.side not in ("", *SIDES) and made.side not in self._named:
            raise ChatdescError(f"this review has no source {made.side!r}; it was started with other --texts")
        if made.verdict != "accept":
            return replace(made, seen=now)
        text = self._text(row, made)
        if text is None:
            raise ChatdescError(f"{made.sequence[:80]!r} has no {made.side} text to accept")
        return replace(made, seen=now, text=text)

    def _text(self, row: Row, made: Decision) -> str | None:
        """The text that is accepted; what the page says of another source's must be what it has now."""
        if made.side in SIDES:
            return accepted_text(row, made)
        text = first_text(self._named[made.side], row["sequence"])
        if text is not None and made.text not in ("", text):
            raise ChatdescError(f"{made.side} has another text of {made.sequence[:80]!r} by now; reload the page")
        return text

    def frame(self, row: int, frame: int) -> bytes:
        """A frame as WebP.

        Args:
            row: its place in the page's table as it was made.
            frame: counted from 0.

        Raises:
            ChatdescError: there is no such row or frame, or its file cannot be read or lies outside the root.
        """
        try:
            image = self._sequence(row).frames[frame]
        except IndexError as error:
            raise FrameError(f"there is no frame {frame} of row {row}") from error
        return encoded(scaled(image, WIDTH), QUALITY)

    @cached_property
    def _named(self) -> dict[str, NamedTexts]:
        return {one.name: one for one in self.material.named}

    @cached_property
    def _rows(self) -> dict[Key, Row]:
        return {key_of(row): row for _, row in self.material.rows}

    @cached_property
    def _sequence(self) -> Any:
        @lru_cache(OPEN_SEQUENCES)
        def opened(number: int) -> Sequence:
            source, row = self.material.rows[number]
            refined = self.material.refined[source]
            if refined is None:
                raise FrameError("the review was started without --root, so it has no frames")
            return refined[row["sequence"]]

        return opened
