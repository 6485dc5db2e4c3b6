"""Differences per sequence and group, worked out by hand, and the plots of a comparison."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from chatdesc.drawing.figures import printing
from chatdesc.evaluation.compare_plots import _figures
from chatdesc.evaluation.evaluate import Evaluation, SequenceScore
from chatdesc.evaluation.paired_groups import Group, asked_pair, group_differences, groups_in, sequence_differences
from chatdesc.metrics.ope import Score
from chatdesc.metrics.protocols import PROTOCOLS
from chatdesc.rows.schema import empty_row

RULES = PROTOCOLS["lasot"]


def arm(name, **aucs):
    flat = {n: Score(RULES, np.full(21, v), np.full(51, v), np.full(51, v), frames=2) for n, v in aucs.items()}
    return Evaluation(name, RULES, tuple(SequenceScore(n, score, ()) for n, score in flat.items()), "skip")


MANUAL, REFINED = arm("manual", a=0.5, b=0.25, c=0.75), arm("refined", a=0.75, b=0.125, c=0.75)
ARMS = {"no-text": arm("no-text", a=0, b=0, c=0), "manual": MANUAL, "refined": REFINED}


def test_sequences_are_sorted_by_their_gain():
    rows = sequence_differences(ARMS)
    assert [(row["sequence"], row["difference"]) for row in rows] == [
        ("a", pytest.approx(0.25)), ("c", 0.0), ("b", pytest.approx(-0.125)),
    ]  # fmt: skip
    assert (rows[0]["before"], rows[0]["after"]) == ("manual", "refined")


def test_without_manual_texts_the_pair_is_another_and_without_any_there_is_none():
    assert asked_pair(("no-text", "refined", "refined-oracle")) == ("no-text", "refined")
    assert asked_pair(("manual", "no-text")) is None and sequence_differences({"manual": MANUAL}) == []
    assert group_differences({"manual": MANUAL}, [Group("category", "bus", frozenset("a"))]) == []


def test_groups_have_the_mean_of_their_sequences():
    groups = [Group("category", "bus", frozenset("ab")), Group("attribute", "occlusion", frozenset("bx"))]
    groups += [Group("attribute", "nobody", frozenset("x")), Group("attribute", "blur", frozenset("ac"))]
    rows = group_differences(ARMS, groups)
    assert [(row["kind"], row["group"], row["pairs"]) for row in rows] == [
        ("attribute", "blur", 2), ("attribute", "occlusion", 1), ("category", "bus", 2),
    ]  # fmt: skip
    assert [row["difference"] for row in rows] == pytest.approx([0.125, -0.125, 0.0625])
    assert rows[0]["low"] is None  # too few pairs


def test_attributes_come_from_the_dataset_and_categories_from_the_rows():
    class Data(dict):
        pass

    data = Data(a=SimpleNamespace(attributes={"blur": True, "occlusion": False}))
    rows = [empty_row() | {"sequence": name, "category": category} for name, category in (("a", "bus"), ("b", None))]
    assert groups_in(rows, data) == [
        Group("attribute", "blur", frozenset("a")), Group("category", "bus", frozenset("a")),
    ]  # fmt: skip
    assert groups_in(rows, None) == [Group("category", "bus", frozenset("a"))]


def test_the_plots_are_in_points():
    groups = group_differences(ARMS, [Group("category", "bus", frozenset("ab"))])
    result = SimpleNamespace(differences=[], groups=groups, sequences=sequence_differences(ARMS))
    with printing():
        drawn = dict(_figures(result, "lasot, protocol lasot"))
    assert list(drawn) == ["by_category", "by_sequence"]
    [axes] = drawn["by_sequence"].axes
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([25.0, 0.0, -12.5])
    assert axes.get_xlabel() == "AUC, refined − manual, points"
    [axes] = drawn["by_category"].axes
    assert [text.get_text() for text in axes.texts] == ["n=2"]
