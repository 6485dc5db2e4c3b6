"""Judges of texts, by hand."""

import pytest

from chatdesc.evaluation.judges import Part, judge_rows, part_of_encoder, part_of_grounder, source_judge_rows
from tests.makers.rows import a_row, aligned

NAMES = {"a", "b", "c"}


def run_rows():
    return [a_row(name, alignment=[aligned(20.0, 25.0, 1.0, 2.0), aligned(1.0, 2.0, encoder="g:x")]) for name in "abc"]


def text(iou, top_iou=0.5, truncated=False):
    return {"iou": iou, "top_iou": top_iou, "truncated": truncated}


def found(rows, judged=(), judge=""):
    return {(row["judge"], row["measure"]): row for row in judge_rows(rows, NAMES, judged, judge)}


def test_every_judge_says_whether_it_took_part():
    rows = found(run_rows(), [("a", {"manual": text(0.1), "refined": text(0.6)}), ("b", {})], "owlv2")
    part = {key: row["took part in choosing"] for key, row in rows.items()}
    assert part[("g", "grounding IoU")] is part[("g", "top-box IoU")] is Part.CHOSE
    assert part[("owlv2", "grounding IoU")] is Part.NONE is part[("clip", "cosine")]
    assert part[("clip", "margin")] is Part.DISTRACTORS  # they are what g found off the target
    assert part[("g:x", "cosine")] is Part.SAME is part[("g:x", "margin")]
    assert [p.short for p in (Part.CHOSE, Part.SAME, Part.NONE)] == ["yes", "partly", "no"]


def test_means_and_differences_are_over_the_same_pairs():
    one_sided = {"refined": text(0.9)}
    judged = [("a", {"manual": text(0.1), "refined": text(0.6)}), ("b", one_sided), ("elsewhere", one_sided)]
    rows = found(run_rows(), judged, "owlv2")
    own, other = rows["g", "grounding IoU"], rows["owlv2", "grounding IoU"]
    assert (own["manual"], own["refined"], own["pairs"]) == (pytest.approx(0.2), pytest.approx(0.8), 3)
    assert (other["manual"], other["refined"], other["pairs"]) == (0.1, 0.6, 1)
    assert other["difference"] == pytest.approx(0.5)
    nothing = found(run_rows(), [("a", {})], "owlv2")["owlv2", "grounding IoU"]
    assert (nothing["pairs"], nothing["difference"], nothing["manual"]) == (0, None, None)


def test_the_top_box_counts_whatever_its_score():
    """A long text that no proposal passes the threshold with is found all the same: IoU 0 beside .9."""
    judged = [("a", {"manual": text(0.8, 0.8), "refined": text(0.0, 0.9, truncated=True)})]
    rows = found(run_rows(), judged, "owlv2")
    assert rows["owlv2", "grounding IoU"]["difference"] == pytest.approx(-0.8)
    assert rows["owlv2", "top-box IoU"]["difference"] == pytest.approx(0.1)


def test_texts_that_a_judge_cut_are_counted():
    judged = [(name, {"manual": text(0.5), "refined": text(0.5, truncated=name == "a")}) for name in "ab"]
    row = found(run_rows(), judged, "owlv2")["owlv2", "grounding IoU"]
    assert (row["manual_truncated"], row["refined_truncated"]) == (0, 0.5)
    assert found(run_rows())["g", "grounding IoU"]["refined_truncated"] == 1


def test_texts_of_others_are_compared_with_the_manual_ones():
    judged = [
        {"manual": text(0.1), "refined": text(0.9), "mine": text(0.6, 0.7, truncated=True)},
        {"manual": text(0.5, 0.6), "mine": text(0.4)},
        {"refined": text(0.9), "mine": text(0.9), "yours": text(0.9)},
    ]
    whole, top = source_judge_rows(judged, "owlv2", ["mine", "yours", "theirs"])  # yours meets no manual text
    assert (whole["judge"], whole["measure"], whole["text"], whole["pairs"]) == ("owlv2", "grounding IoU", "mine", 2)
    assert (whole["manual"], whole["its own"], whole["cut"]) == (pytest.approx(0.3), pytest.approx(0.5), 0.5)
    assert whole["difference"] == pytest.approx((0.5 - 0.1) / 2) and (whole["better"], whole["worse"]) == (1, 1)
    assert (top["measure"], top["difference"]) == ("top-box IoU", pytest.approx((0.2 - 0.1) / 2))
    [both, _] = [row for row in judge_rows(run_rows(), NAMES, [("a", judged[0])], "owlv2") if row["judge"] == "owlv2"]
    assert both["difference"] == pytest.approx(0.8)  # a text of others takes no place of the refined one


def test_a_run_of_an_earlier_version_has_the_measure_it_recorded():
    rows = run_rows()
    for row in rows:
        row["grounding"] = {k: v for k, v in row["grounding"].items() if "top" not in k and "truncated" not in k}
    known = found(rows)
    assert known["g", "grounding IoU"]["refined"] == pytest.approx(0.8)
    assert known["g", "top-box IoU"]["refined"] is known["g", "grounding IoU"]["refined_truncated"] is None


@pytest.mark.parametrize(
    ("judge", "selector", "part"),
    [
        ("grounding-dino:IDEA-Research/tiny", "mm-grounding-dino:rziga/x", Part.SIBLING),
        ("mm-grounding-dino:a", "grounding-dino:b", Part.SIBLING),
        ("owlv2:large", "owlv2:base", Part.SIBLING),
        ("owlv2:large", "mm-grounding-dino:b", Part.NONE),
        ("sam3", "attributes", Part.NONE),
    ],
)
def test_siblings_are_named_as_such(judge, selector, part):
    assert part_of_grounder(judge, selector) is part


def test_an_encoders_cosine_is_independent_and_its_margin_is_not():
    assert part_of_encoder("clip:a", "cosine", "owlv2") is Part.NONE
    assert part_of_encoder("clip:a", "margin", "owlv2") is Part.DISTRACTORS
    assert part_of_encoder("clip:a", "margin", "") is Part.NONE  # nothing was grounded
