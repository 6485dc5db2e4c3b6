"""A run's summary on a terminal."""

import pytest

from chatdesc.reports.summary import before_after, problems, repeated_texts, summary
from chatdesc.rows.schema import slim
from chatdesc.tables import plain_table
from tests.makers.rows import TRACKING, a_row, printed


def test_before_and_after():
    rows = [
        a_row(),
        a_row("b-1", "a kite", text_source="manual"),
        a_row("c-1", None, text_source=None, manual_text=None, status="describe_failed", grounding=None, alignment=[]),
    ]
    lines = printed(before_after(rows)).splitlines()
    first, second, third = (next(line for line in lines if name in line) for name in ("a-1", "b-1", "c-1"))
    for part in ("a kite", "red kite", ".20 > .80", "-.10 > .30", "20 > 25"):
        assert part in first
    assert "(kept)" in second
    for part in ("none", "describe_failed", "- > -"):
        assert part in third
    assert "2 of 3 sequences" in printed(before_after(rows, limit=2))


@pytest.mark.parametrize("text", ["a [red]kite[/red]", "[/dim] kite", "kite [bold", "kite [1]"])
def test_brackets_in_texts_are_shown_as_they_are(text):
    for source in ("refined", "manual"):
        shown = printed(before_after([a_row(text, text, text_source=source, manual_text=text)]))
        assert shown.count(text) == 3
    assert text in printed(plain_table([{"encoder": text}]))


def test_the_summary_counts_and_averages():
    rows = [
        a_row(),
        a_row("b", tracking=TRACKING),
        a_row("c", None, text_source=None, status="missing_frames", grounding=None),
    ]
    lines = printed(summary(rows))
    values = {
        "status ok": "2", "status missing_frames": "1", "text is refined": "2", "grounding IoU, manual text": "0.200",
        "grounding IoU, round 0": "0.400", "grounding IoU, chosen text": "0.800",
        "tracking AUC (lasot protocol)": "0.600", "tracking precision @ 20 px": "0.700",
        "verification IoU, similarity": "0.500", "verification IoU, random (floor)": "0.300",
        "verification IoU, oracle (ceiling)": "0.900",
    }  # fmt: skip
    for name, value in values.items():
        line = next(line for line in lines.splitlines() if name in line)
        assert line.strip(" │").endswith(value)
    assert "3 sequences" in lines
    assert "tracking" not in printed(summary([a_row()]))


def test_problems_and_repeated_texts_are_told():
    rows = [a_row(f"s-{k}", problems=[f"p{k}"], status="bad") for k in range(12)]
    assert problems(rows, limit=2)[:2] == ["s-0: p0", "s-1: p1"]
    assert "10 more" in problems(rows, limit=2)[2]
    assert problems([a_row()]) == []
    assert repeated_texts(rows) == [("red kite", 12)]
    assert repeated_texts(rows[:3]) == []
    assert repeated_texts([a_row(text_source="manual")] * 9) == []
    many = [a_row(text=f"text {k}") for k in range(96)] + [a_row()] * 4
    assert repeated_texts(many) == []  # four of a hundred are no suspicion, four of eighty are
    assert repeated_texts(many[20:]) == [("red kite", 4)]


def test_slim_rows_do_not_grow_with_frames():
    row = a_row(boxes=[[0] * 4] * 1000, visible=[True] * 1000, tracking=TRACKING, provenance={"settings": "x"})
    slimmed = slim(row)
    assert len(repr(slimmed)) < 1500
    assert printed(summary([slimmed])) == printed(summary([row]))
    assert slim(a_row(tracking=None))["tracking"] is None
    assert row["tracking"] is TRACKING


def test_suspicious_manual_texts_are_counted():
    kinds = [["typo", "grammar"], ["duplicate"], []]
    rows = [a_row(f"a-{i}", audit=[{"kind": kind, "evidence": "{}"} for kind in of]) for i, of in enumerate(kinds)]
    [line] = [line for line in printed(summary(rows)).splitlines() if "suspicious" in line]
    assert line.strip("│ ").split()[-1] == "1"
    assert "suspicious" not in printed(summary(rows[1:]))
