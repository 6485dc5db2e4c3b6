"""Arms against a baseline, by hand."""

import numpy as np
import pytest

from chatdesc.evaluation.against import NEXT, View, against_rows
from chatdesc.evaluation.evaluate import Evaluation, SequenceScore
from chatdesc.metrics.ope import Score
from chatdesc.metrics.power import power
from chatdesc.metrics.protocols import LASOT
from chatdesc.reports.against import against_tables, shown_against
from chatdesc.tables import plain_table
from tests.makers.rows import printed


def arm(name, values):
    """An arm with these AUCs, by sequence; P and PNorm are the half of it."""
    lines = []
    for sequence, value in values.items():
        curve, half = np.full(21, value), np.full(51, value / 2)
        lines.append(SequenceScore(sequence, Score(LASOT, curve, half, half, frames=9)))
    return Evaluation(name, LASOT, (*lines, SequenceScore("lost", None)), "skip")


def arms(**gains):
    base = {f"s{i}": 0.5 for i in range(12)}
    return {"manual": arm("manual", base)} | {
        name: arm(name, {key: 0.5 + gain for key, gain in zip(base, of, strict=False)}) for name, of in gains.items()
    }


UP = [0.25, 0.125, 0.0, 0.25, 0.125, -0.125, 0.25, 0.125, 0.25, 0.25, 0.25, 0.125]
DOWN = [-gain for gain in UP]


def auc(rows, **wanted):
    return [row for row in rows if all(row[key] == value for key, value in ({"measure": "AUC"} | wanted).items())]


def test_each_arm_against_the_baseline_by_hand():
    rows = against_rows([View("all", arms(mine=UP, few=DOWN[:3]))], "manual")
    mine, few = auc(rows)
    assert (mine["arm"], mine["baseline"], mine["pairs"]) == ("mine", "manual", 12)
    assert mine["before"] == pytest.approx(0.5) and mine["difference"] == pytest.approx(1.875 / 12)
    assert (mine["better"], mine["equal"], mine["worse"]) == (10, 1, 1)
    assert mine["p"] == pytest.approx(2 * (1 + 11) / 2**11)
    assert mine["low"] < mine["difference"] < mine["high"] and mine["low"] > 0
    spread = np.std(UP, ddof=1)
    assert mine[f"power_{NEXT[0]}"] == pytest.approx(power(1.875 / 12, spread, NEXT[0]))
    assert power(1.875 / 12, spread, mine["needed"]) >= 0.8 > power(1.875 / 12, spread, mine["needed"] - 1)
    assert (few["pairs"], few["better"], few["worse"], few["p"]) == (3, 0, 2, 0.5)
    assert few["low"] is few["detectable"] is few["needed"] is few["power_280"] is None
    assert [row["measure"] for row in rows] == ["AUC", "AUC", "P", "P", "PNorm", "PNorm"]


def test_p_is_corrected_over_the_arms_of_one_view_and_measure_but_for_those_that_see_the_truth():
    view = View("all", arms(mine=UP, worse=DOWN, same=[0.0] * 12) | {"oracle-words": arm("oracle-words", {"s0": 0.9})})
    rows = auc(against_rows([view, View("similar", view.arms)], "manual"), frames="similar")
    p = 2 * 12 / 2**11
    assert [row["p_holm"] for row in rows] == pytest.approx([2 * p, 2 * p, None, None])
    assert [row["p"] for row in rows] == pytest.approx([p, p, None, 1.0])
    assert rows[2]["low"] is None and rows[2]["equal"] == 12 and rows[2]["needed"] is None


def test_cells_and_a_table_of_80_columns():
    view = arms(mine=UP, few=DOWN[:3]) | {"oracle-words": arm("oracle-words", {f"s{i}": 0.9 for i in range(12)})}
    long = {"shuffled-other-class": arm("x", {f"s{i}": 0.5 + gain for i, gain in enumerate(DOWN)})}
    rows = against_rows([View("all", view | long), View("similar", view), View("BC", view)], "manual")
    tables = list(against_tables(rows, "lasot"))
    assert [title.split(", ")[1] for _, title in tables] == ["all frames", "similar-object frames", "sequences with BC"]
    shown = {row["arm"]: row for row in tables[0][0]}
    assert (
        shown["mine"]["+/=/-"] == "10/1/1"
        and shown["mine"]["p"] == ".035"  # of three arms: 3 * .0117
        and shown["few"]["gain (95 %)"].endswith("(n<10)")
    )
    assert shown["oracle-words"]["p"] == "(<.001)" and shown["oracle-words"]["gain (95 %)"] == "+40.00 (all alike)"
    assert shown_against(auc(rows, frames="all")) == tables[0][0]
    for cells, title in tables:
        lines = printed(plain_table(cells, title, 80), 80).splitlines()
        assert max(map(len, lines)) <= 80 and any(line.startswith(" mine ") for line in lines)
