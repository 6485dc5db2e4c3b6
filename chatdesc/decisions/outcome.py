"""What all decisions about a row come to.

>>> from chatdesc.decisions.decision import decision
>>> from chatdesc.rows.schema import empty_row
>>> row = empty_row() | {"sequence": "bus-2", "dataset": "lasot", "text": "a red bus"}
>>> about = {"dataset": "lasot", "sequence": "bus-2"}
>>> ada = decision(about | {"id": "a", "verdict": "accept", "side": "refined", "reviewer": "ada", "at": "2026-01-01"})
>>> bob = decision(about | {"id": "b", "verdict": "flag", "kind": "typo", "reviewer": "bob", "at": "2026-01-02"})
>>> [outcome.state for outcome in settle([row], [ada])], [outcome.state for outcome in settle([row], [ada, bob])]
(['decided'], ['differ'])
>>> [outcome.by.verdict for outcome in settle([row], [ada, bob], latest=True)]
['flag']
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from chatdesc.decisions.decision import Decision, Key, accepted_text, key_of, seen, standing
from chatdesc.rows.schema import Row

State = Literal["decided", "differ", "changed", "gone"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What decisions about one row come to.

    Attributes:
        state: ``decided``; ``differ``: reviewers do not agree; ``changed``: the row has other texts than those that
            were shown; ``gone``: there is no such row.
        decisions: those that stand, skips left out.
        row: the row as it is; None where it is gone.
        by: the decision that counts, where the state is ``decided``.
    """

    sequence: str
    state: State
    decisions: tuple[Decision, ...]
    row: Row | None = None
    by: Decision | None = None

    @property
    def reviewers(self) -> tuple[str, ...]:
        """Who decided."""
        return tuple(made.reviewer for made in self.decisions)


def settle(
    rows: Iterable[Row], decisions: Iterable[Decision], reviewer: str | None = None, latest: bool = False
) -> list[Outcome]:
    """One outcome per row about which a decision stands, in the order of the rows; at the end those that are gone.

    Args:
        decisions: of all reviewers; each one's in the order in which they were made.
        reviewer: only this reviewer's count.
        latest: where reviewers differ, the decision that was made last counts.
    """
    by_row: defaultdict[Key, list[Decision]] = defaultdict(list)
    for (by, key), made in standing(decisions).items():
        if made.verdict != "skip" and reviewer in (None, by):
            by_row[key].append(made)
    known = {key: row for row in rows if (key := key_of(row)) in by_row}
    found = [_outcome(row, by_row[key], latest) for key, row in known.items()]
    return found + [Outcome(key[2], "gone", tuple(made)) for key, made in by_row.items() if key not in known]


def _outcome(row: Row, decisions: list[Decision], latest: bool) -> Outcome:
    now, name = seen(row["manual_text"], row["text"]), row["sequence"]
    fresh = [made for made in decisions if made.seen in ("", now) and not _lacks_side(made, row)]
    if not fresh:
        return Outcome(name, "changed", tuple(decisions), row)
    if len({end(made) for made in fresh}) > 1 and not latest:
        return Outcome(name, "differ", tuple(fresh), row)
    return Outcome(name, "decided", tuple(fresh), row, max(fresh, key=lambda made: made.at))


def end(made: Decision) -> tuple[str, str]:
    """What a decision comes to: two decisions with the same end agree.

    A text that stands is one end, however it came about; kinds and reasons do not count.
    """
    return ("text", made.text) if made.verdict in ("accept", "edit") else (made.verdict, "")


def _lacks_side(made: Decision, row: Row) -> bool:
    return made.verdict == "accept" and accepted_text(row, made) is None
