"""A comparison on a terminal and in files."""

import csv

import numpy as np
import pytest

from chatdesc.evaluation.compare import UsedGrounder, arm_rows, difference_rows, scored, verification_rows
from chatdesc.evaluation.comparison import ComparisonResult
from chatdesc.evaluation.intervals import MDE
from chatdesc.evaluation.judges import Part, judge_rows
from chatdesc.evaluation.results import ResultFolder
from chatdesc.evaluation.truths import Truth
from chatdesc.metrics.protocols import PROTOCOLS
from chatdesc.reports.compare import (
    comparison_tables,
    shown_arms,
    shown_differences,
    shown_judges,
    shown_verification,
    write_comparison,
)
from tests.makers.results import STILL, off_target
from tests.makers.rows import a_row, aligned, printed

LONG = UsedGrounder("owlv2:google/owlv2-base-patch16-ensemble", selector=True)
GAP = {"pairs": 12, "difference": 0.125, "low": -0.25, "high": 0.75, "detectable": 0.5, "better": 7, "worse": 5}


@pytest.fixture
def result(tmp_path):
    folders = {
        "no-text": off_target(tmp_path / "no-text", a=2, b=2, c=2),
        "manual": off_target(tmp_path / "manual", a=3, b=1, c=0),
        "refined": off_target(tmp_path / "refined", a=0, b=2, c=0),
    }
    truths = {name: Truth(np.array(STILL), None) for name in "abc"}
    arms = scored({n: ResultFolder(f"{p}={n}") for n, p in folders.items()}, truths, "lasot", PROTOCOLS["lasot"])
    judged = [{"sequence": n, "verified": {"refined": [0.5, 0.2, 0.8]}} for n in "abc"]
    entry = aligned(20.0, 45.0, -11.0, 22.0, encoder="g:x")
    rows = [a_row(n, "red kite", boxes=STILL, num_frames=4, ranges=[], alignment=[entry]) for n in "abc"]
    return ComparisonResult(
        "lasot", "lasot", LONG, True, arm_rows(arms, LONG, 3), difference_rows(arms, LONG),
        verification_rows(judged, set("abc"), LONG), judge_rows(rows, set("abc"), [("a", {})], "owlv2"), ("a note",),
    )  # fmt: skip


def test_cells_by_hand(result):
    assert [row["P"] for row in shown_arms(result.arms)] == ["50.00", "66.67", "83.33"]
    assert shown_arms([result.arms[0] | {"AUC": None}])[0]["AUC"] == "-"
    assert list(shown_arms(result.arms)[0]) == ["arm", "sequences", "AUC", "P", "PNorm", "OP50"]
    [difference] = shown_differences([GAP | {"before": "manual"}])
    assert difference == {
        "before": "manual", "n": "12", "gain (95 %)": "+12.50 (-25.00..75.00)", "MDE": "50.00",
        "better/ worse": "7/5",
    }  # fmt: skip


def test_judges_are_shown_in_their_own_units():
    row = {"judge": "owlv2", "measure": "grounding IoU", "took part in choosing": Part.SIBLING, "manual": 0.2}
    row |= {"refined": 1.0, "manual_truncated": 0.0, "refined_truncated": 0.25}
    [shown] = shown_judges([row | GAP])
    assert (shown["chose"], shown["cut, %"]) == ("partly", "0/25")
    assert (shown["manual"], shown["refined"]) == ("0.20", "1.00")
    assert shown["gain (95 %)"] == "+0.12 (-0.25..0.75)"


def test_a_small_effect_is_shown_with_the_decimals_that_it_needs():
    narrow = GAP | {"difference": 0.0004, "low": 0.0001, "high": 0.0007, "detectable": 0.0005}
    [shown] = shown_differences([{"after": "refined", "before_auc": 0.5} | narrow])
    assert shown["gain (95 %)"] == "+0.040 (0.010..0.070)" and shown["MDE"] == "0.050"


def test_verification_is_shown_with_three_digits():
    [shown] = shown_verification([{"arm": "refined", "reference_iou": 0.25, "chosen_iou": 0.5} | GAP])
    assert (shown["its IoU"], shown["chosen"], shown["gain (95 %)"]) == ("0.250", "0.500", "+0.125 (-0.250..0.750)")


def test_without_pairs_there_is_no_interval():
    nothing = dict.fromkeys(GAP) | {"pairs": 0}
    assert shown_differences([nothing])[0]["gain (95 %)"] == "-"


@pytest.mark.parametrize("width", [80, 100])
def test_tables_fit_a_terminal_and_keep_words_whole(width, result):
    shown = (
        shown_arms(result.arms),
        shown_differences(result.differences),
        shown_verification(result.verification),
        shown_judges(result.judges),
    )
    for table, rows in zip(comparison_tables(result, width), shown, strict=True):
        lines = printed(table, width).splitlines()
        assert max(map(len, lines)) <= width
        words = {word for line in lines for word in line.split()}
        assert {word for row in rows for cell in (*row, *row.values()) for word in cell.split()} <= words
    assert [row["chose"] for row in shown[3]] == ["yes", "yes", "no", "no", "partly", "partly"]


def test_the_title_names_the_grounder_and_whether_it_chose(result):
    first, second, *_ = comparison_tables(result, 200)
    grounder = "grounder owlv2:google/owlv2-base-patch16-ensemble (chose the texts)"
    assert first.title == f"lasot, protocol lasot, {grounder}, in %"
    assert second.title == f"paired differences, lasot, protocol lasot, {grounder}, in points ({MDE})"
    brought = ComparisonResult("lasot", "otb", UsedGrounder("external"), False, result.arms, [], [], [], ())
    [only] = comparison_tables(brought, 200)  # tables without rows are left out
    assert only.title == "lasot, protocol otb, external, in %"


def test_files_say_who_chose(result, tmp_path):
    written = write_comparison(result, tmp_path / "out")
    paths = [path for path in written if path.suffix in (".csv", ".md")]
    stems = ("compare", "compare_differences", "compare_verification", "compare_judges")
    assert [path.name for path in paths] == [f"{stem}.{kind}" for stem in stems for kind in ("csv", "md")]
    rows = {}
    for path in paths[::2]:
        with path.open(newline="", encoding="utf-8") as file:
            rows[path.stem] = list(csv.DictReader(file))
        assert "selector" not in rows[path.stem][0]
    assert [row["grounder"] for row in rows["compare"]] == ["-", *[f"{LONG.name} (chose the texts)"] * 2]
    part = [row["took part in choosing"] for row in rows["compare_judges"]]
    assert part == [*["yes: it chose the texts"] * 2, "no", "no", *["partly: the same measurements"] * 2]
    assert float(rows["compare"][2]["P"]) == 10 / 12 and "| 83.33 |" in paths[1].read_text()
    assert "| 0.200 | 0.500 |" in paths[5].read_text()  # no shares: three digits, not per cent
