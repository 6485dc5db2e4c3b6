"""One decision of one reviewer about one row, and which decisions stand.

>>> one = decision({"id": "a", "dataset": "lasot", "sequence": "bus-2", "verdict": "accept", "side": "manual"})
>>> two = decision({"id": "b", "dataset": "lasot", "sequence": "bus-2", "verdict": "edit", "text": "a red bus"})
>>> back = decision({"id": "c", "dataset": "lasot", "sequence": "bus-2", "verdict": "undo", "undoes": "b"})
>>> [[stands.verdict for stands in standing(all_of).values()] for all_of in ([one, two], [one, two, back])]
[['edit'], ['accept']]
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from hashlib import sha256
from typing import Any, get_type_hints

from chatdesc.rows.schema import Row
from chatdesc.texts.named import NAME, RESERVED
from chatdesc.types import ChatdescError

VERDICTS = ("accept", "edit", "reject", "skip", "flag", "undo")
SIDES = ("manual", "refined")  # of a row; another side is the name of a source, as in --texts NAME=SOURCE
KINDS = ("wrong_target", "ambiguous", "typo", "does_not_hold", "other")
LONGEST = 100_000  # characters that a reviewer may write in one decision
ID = re.compile(r"[\w-]{1,64}", re.ASCII)

Key = tuple[str, str, str]
"""A row among all: its dataset, its split (empty where it has none) and its sequence."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What a reviewer decided about a row.

    Attributes:
        id: made where the decision is made, so that the same decision sent twice is one.
        dataset, split, sequence: the row; empty where the row has null.
        verdict: one of ``VERDICTS``; ``undo`` takes back the decision ``undoes``, which may be an undo.
        side: which text was accepted, ``manual``, ``refined`` or the name of another source; of an edit, the one that
            it started from.
        text: the text that stands after ``accept`` or ``edit``, else empty.
        kind: one of ``KINDS``, what is wrong; only of ``flag`` (needed) and ``reject``.
        reason: the reviewer's own words.
        reviewer: who decided.
        at: when, UTC in ISO 8601; empty until it is kept.
        undoes: the id of the decision that ``undo`` takes back.
        rule: the filter by which many rows were decided at once, else empty.
        blind: the texts were shown without saying which is which.
        seen: ``seen`` of the row that the reviewer saw; empty where it is not known.
    """

    id: str
    dataset: str
    sequence: str
    verdict: str
    split: str = ""
    side: str = ""
    text: str = ""
    kind: str = ""
    reason: str = ""
    reviewer: str = ""
    at: str = ""
    undoes: str = ""
    rule: str = ""
    blind: bool = False
    seen: str = ""

    @property
    def key(self) -> Key:
        """The row that it is about."""
        return self.dataset, self.split, self.sequence


def decision(record: Mapping[str, Any]) -> Decision:
    """A decision from JSON; fields that a later version may have are left out.

    Raises:
        ChatdescError: a field is missing, of another type, or does not go with the verdict; the message names it.
    """
    kinds = get_type_hints(Decision)
    given = {field.name: record[field.name] for field in fields(Decision) if field.name in record}
    given |= {name: given[name] or "" for name in ("dataset", "split") if given.get(name, "") is None}
    for name in ("id", "dataset", "sequence", "verdict"):
        if name not in given:
            raise ChatdescError(f"a decision has no {name!r}")
    for name, value in given.items():
        if not isinstance(value, kinds[name]):
            raise ChatdescError(f"a decision's {name!r} has a value of another type")
    made = Decision(**given)
    if wrong := _wrong(made):
        raise ChatdescError(f"decision {made.id[:64]!r} about {made.sequence[:80]!r}: {wrong}")
    return made


def _wrong(made: Decision) -> str:
    """What is wrong with a decision; empty if nothing is."""
    may_have_kind = made.verdict in ("flag", "reject")
    own = "" if made.verdict == "accept" else made.text  # the text that is accepted is the row's, whatever it holds
    written = own + made.reason + made.rule
    rules = (
        (ID.fullmatch(made.id), "its id is not 1 to 64 letters, digits, _ and -"),
        (made.verdict in VERDICTS, f"its verdict is none of {', '.join(VERDICTS)}"),
        (made.side in ("", *SIDES) or is_name(made.side), f"its side is neither {' nor '.join(SIDES)} nor a name"),
        (made.verdict != "accept" or made.side, "it does not say which side it accepts"),
        (made.verdict != "edit" or made.text.strip(), "its text is empty"),
        (made.verdict in ("accept", "edit") or not made.text, f"{made.verdict!r} has no text"),
        (made.kind in ("", *KINDS), f"its kind is none of {', '.join(KINDS)}"),
        (made.verdict != "flag" or made.kind, "a flag needs a kind"),
        (may_have_kind or not made.kind, f"{made.verdict!r} has no kind"),
        ((made.verdict == "undo") == bool(made.undoes), "an undo, and nothing else, says what it undoes"),
        (is_whole(written), "its text, reason or rule holds half a character"),
        (len(written) <= LONGEST, f"its text, reason and rule are longer than {LONGEST} characters"),
    )
    return next((why for fine, why in rules if not fine), "")


def is_name(side: str) -> bool:
    """Whether a side can be the name of a source of texts.

    >>> is_name("qwen-2.5"), is_name("oracle-words"), is_name("two words")
    (True, False, False)
    """
    return bool(NAME.fullmatch(side)) and side.lower() not in RESERVED


def accepted_text(row: Row, made: Decision) -> str | None:
    """The text that an ``accept`` is about: the row's own, or that of another source, which the decision holds."""
    return {"manual": row["manual_text"], "refined": row["text"]}.get(made.side, made.text or None)


def is_whole(text: str) -> bool:
    r"""Whether a text can be written to a file: halves of characters, as JSON may hold them, stand for no byte.

    >>> is_whole("a kite 🙂"), is_whole("a kite \ud83d")
    (True, False)
    """
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True


def key_of(row: Row) -> Key:
    """The row's key."""
    return row["dataset"] or "", row["split"] or "", row["sequence"]


def refuse_twins(rows: Iterable[Row]) -> None:
    """Refuse two rows of the same sequence, because a decision names the sequence alone.

    Raises:
        ChatdescError: there are such rows.
    """
    known: set[Key] = set()
    for row in rows:
        if key_of(row) in known:
            raise ChatdescError(f"{row['sequence']}: two rows are about this sequence; take one source at a time")
        known.add(key_of(row))


def seen(manual: str | None, text: str | None) -> str:
    """A short hash of the two texts of a row; another one shows that the row has changed since.

    >>> seen("bus", "a red bus") == seen("bus", "a red bus"), seen("bus", None) == seen("bus", "")
    (True, False)
    """
    return sha256(json.dumps([manual, text]).encode()).hexdigest()[:16]


def standing(decisions: Iterable[Decision]) -> dict[tuple[str, Key], Decision]:
    """The last decision that is not undone, per reviewer and row.

    An undone decision brings back the one before, an undone undo what it had undone. Nobody undoes another's decision.

    Args:
        decisions: each reviewer's in the order in which they were made.
    """
    stands: dict[tuple[str, Key], Decision] = {}
    undone: set[tuple[str, str]] = set()
    for made in reversed(list(decisions)):
        if (made.reviewer, made.id) in undone:
            continue
        if made.verdict == "undo":
            undone.add((made.reviewer, made.undoes))
        else:
            stands.setdefault((made.reviewer, made.key), made)
    return dict(reversed(stands.items()))
