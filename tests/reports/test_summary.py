import csv
import io

import pytest

from chatdesc.evaluation.alignment import alignment_rows
from chatdesc.metrics.alignment import known_mean
from chatdesc.reports.summary import before_after, problems, repeated_texts, summary
from chatdesc.rows.schema import empty_row, slim
from chatdesc.tables import plain_table, show, write_table


def aligned(manual, refined, manual_margin=None, refined_margin=None, encoder="clip", cut=False):
    return {
        "encoder": encoder, "manual": manual, "refined": refined, "manual_margin": manual_margin,
        "refined_margin": refined_margin, "frames": 4, "manual_truncated": cut, "truncated": False,
    }  # fmt: skip


def a_row(name="a-1", text="red kite", **changes):
    grounding = {
        "grounder": "g",
        "manual_iou": 0.2,
        "manual_margin": -0.1,
        "round0_iou": 0.4,
        "iou": 0.8,
        "margin": 0.3,
    }
    row = {"sequence": name, "manual_text": "a kite", "text": text, "text_source": "refined", "status": "ok"}
    return empty_row() | row | {"grounding": grounding, "alignment": [aligned(20.0, 25.0)]} | changes


TRACKING = {
    "verifier": "similarity", "protocol": "lasot", "auc": 0.6, "precision": 0.7, "norm_precision": 0.8,
    "chosen_iou": 0.5, "random_iou": 0.3, "oracle_iou": 0.9, "boxes": [[0] * 4], "sources": ["given"], "scores": [1.0],
}  # fmt: skip


def printed(table, width=200):
    from rich.console import Console

    out = io.StringIO()
    Console(file=out, width=width).print(table)
    return out.getvalue()


def test_means_and_numbers():
    assert known_mean([1.0, None, float("nan"), 2.0]) == 1.5
    assert known_mean([None, float("nan")]) is known_mean([]) is None
    assert (show(None), show(0.126), show(2.0, 1)) == ("-", "0.13", "2.0")


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


def test_alignment_pairs_what_both_texts_have():
    rows = [
        a_row(alignment=[aligned(20.0, 26.0, 1.0, 2.0, cut=True), aligned(1.0, 2.0, encoder="other")]),
        a_row(alignment=[aligned(30.0, 34.0, 3.0, 2.0)]),
        a_row(alignment=[aligned(None, 90.0)]),
        a_row(alignment=[]),
    ]
    cosine, margin, other, other_margin = alignment_rows(rows)
    assert (cosine["encoder"], cosine["sequences"]) == ("clip", 3)
    assert (cosine["manual_truncated"], cosine["refined_truncated"]) == (1 / 3, 0)
    assert (cosine["manual"], cosine["refined"], cosine["difference"]) == (25.0, 50.0, 5.0)
    assert 4.0 <= cosine["low"] <= 5.0 <= cosine["high"] <= 6.0
    assert (cosine["better"], cosine["worse"]) == (2, 0)
    assert (margin["manual"], margin["difference"], margin["better"], margin["worse"]) == (2.0, 0.0, 1, 1)
    assert (other["encoder"], other["sequences"]) == ("other", 1)
    assert other_margin["difference"] is None


def test_a_table_too_wide_breaks_names_last():
    row = {"judge": "owlv2:google/owlv2-base-patch16-ensemble", "measure": "grounding IoU", "gain": "+0.6 (0.6..0.6)"}
    at = {width: printed(plain_table([row], "", width), width) for width in (80, 66, 40)}
    assert "grounding IoU" in at[80] and "+0.6 (0.6..0.6)" in at[80]
    assert row["judge"] in at[66] and "(0.6..0.6)" in at[66] and "grounding IoU" not in at[66]
    assert row["judge"] not in at[40] and "(0.6..0.6)" in at[40] and "grounding" in at[40]
    assert all(len(line) <= width for width, text in at.items() for line in text.splitlines())


def test_tables_are_written_as_csv_and_markdown(tmp_path):
    rows = [
        {"encoder": "clip", "manual": 20.123456, "low": None, "n": 3},
        {"encoder": "b", "manual": 1.0, "low": 2.0, "n": 4},
    ]
    paths = write_table(rows, tmp_path / "new", "alignment")
    assert [p.name for p in paths] == ["alignment.csv", "alignment.md"]
    with paths[0].open(newline="", encoding="utf-8") as file:
        assert list(csv.DictReader(file)) == [{k: "" if v is None else str(v) for k, v in row.items()} for row in rows]
    assert paths[1].read_text().splitlines() == [
        "| encoder | manual | low | n |",
        "| --- | --- | --- | --- |",
        "| clip | 20.12 | - | 3 |",
        "| b | 1.00 | 2.00 | 4 |",
    ]


def test_slim_rows_do_not_grow_with_frames():
    row = a_row(boxes=[[0] * 4] * 1000, visible=[True] * 1000, tracking=TRACKING, provenance={"settings": "x"})
    slimmed = slim(row)
    assert len(repr(slimmed)) < 1500
    assert printed(summary([slimmed])) == printed(summary([row]))
    assert slim(a_row(tracking=None))["tracking"] is None
    assert row["tracking"] is TRACKING
