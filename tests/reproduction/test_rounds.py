"""What each round of reflection adds."""

import pytest

from chatdesc.reproduction.rounds import round_rows
from tests.makers.rows import a_row


def tried(text, iou, margin=0.1, accepted=False, source="refined", start=0):
    return {"text": text, "iou": iou, "margin": margin, "accepted": accepted, "source": source, "start": start}


def row(*rounds, text="a kite"):
    return a_row() | {"rounds": list(rounds), "text": text}


def test_the_best_text_so_far_counts_and_stays_where_a_later_one_is_worse():
    rows = [
        row(tried("a", 0.4), tried("b", 0.2), tried("c", 0.9, 0.3, accepted=True)),
        row(tried("d", 0.8, 0.5, accepted=True)),
    ]
    table = round_rows(rows, rounds=3)
    assert [r["grounding_iou"] for r in table] == pytest.approx([0.6, 0.6, 0.85, 0.85])
    assert [r["asked"] for r in table] == [2, 1, 1, 0]
    assert [r["accepted"] for r in table] == [0.5, 0.5, 1.0, 1.0]


def test_manual_texts_later_ranges_and_rows_without_a_text_take_no_part():
    rows = [
        row(tried("a", 0.4), tried("later", 1.0, start=50), tried("manual", 1.0, source="manual")),
        row(tried("lost", 1.0), text=None),
        row(tried("manual", 1.0, source="manual")),
    ]
    [first, second] = round_rows(rows, rounds=1)
    assert first["sequences"] == 1 and first["grounding_iou"] == 0.4 == second["grounding_iou"]


def test_without_any_text_there_is_nothing_to_average():
    assert round_rows([], rounds=0) == [
        {"after": "round 0", "sequences": 0, "asked": 0, "grounding_iou": None, "margin": None, "accepted": None}
    ]
