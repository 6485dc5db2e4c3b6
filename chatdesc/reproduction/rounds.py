"""What each round of reflection adds: the best text so far, after every round.

>>> from chatdesc.rows.schema import empty_row
>>> tried = {"start": 0, "source": "refined", "margin": 0.1, "accepted": False}
>>> texts = [tried | {"text": "kite", "iou": 0.2}, tried | {"text": "red kite", "iou": 0.8, "accepted": True}]
>>> for row in round_rows([empty_row() | {"rounds": texts, "text": "red kite"}], rounds=2):
...     print(row["after"], row["grounding_iou"], row["accepted"])
round 0 0.2 0.0
round 1 0.8 1.0
round 2 0.8 1.0
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from chatdesc.metrics.paired import known_mean
from chatdesc.rows.schema import RoundRecord, Row
from chatdesc.stages.rounds import Round, rank
from chatdesc.tables import Record


def round_rows(rows: Iterable[Row], rounds: int) -> list[Record]:
    """One row per round, over the sequences with a text: how good the best text is that rounds up to it had found.

    A sequence whose text was accepted early keeps it in later rounds. The manual text takes no part.

    Args:
        rounds: rounds after the first description, as in the run's settings.
    """
    tried = [list(_of_first_range(row)) for row in rows if row["text"] is not None]
    tried = [texts for texts in tried if texts]
    table: list[Record] = []
    for last in range(rounds + 1):
        best = [max(texts[: last + 1], key=_rank) for texts in tried]
        table.append(
            {
                "after": f"round {last}",
                "sequences": len(best),
                "asked": sum(len(texts) > last for texts in tried),
                "grounding_iou": known_mean([text["iou"] for text in best]),
                "margin": known_mean([text["margin"] for text in best]),
                "accepted": known_mean([float(text["accepted"]) for text in best]),
            }
        )
    return table


def _of_first_range(row: Row) -> Iterator[RoundRecord]:
    """The texts that were written for the beginning of the video."""
    written = [tried for tried in row["rounds"] or [] if tried["source"] != "manual"]
    start = min((tried["start"] for tried in written), default=0)
    return (tried for tried in written if tried["start"] == start)


def _rank(tried: RoundRecord) -> tuple[bool, float, float, int]:
    return rank(Round(tried["text"], iou=tried["iou"], margin=tried["margin"], accepted=tried["accepted"]))
