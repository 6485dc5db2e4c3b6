"""Tables with one column per source, worked by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatdesc.evaluation.by_source import differences, means, together
from chatdesc.evaluation.readings import Measure, Reading, Readings, joined, of_row, with_words
from tests.makers.rows import a_row, aligned

COSINE = Measure("alignment", "clip", "cosine", "cosine")


def readings(*values, dataset="lasot", measure=COSINE):
    """One sequence per dict of numbers by source."""
    return [
        Readings(f"s-{n}", dataset, None, {}, {measure: {name: Reading(value) for name, value in by.items()}})
        for n, by in enumerate(values)
    ]


def test_means_rest_on_what_all_sources_have():
    rows = readings({"manual": 20.0, "a": 30.0, "b": 10.0}, {"manual": 40.0, "a": 50.0}, {"manual": 90.0})
    [row] = means(rows, ("manual", "a", "b"))
    assert (row["n"], row["sequences"], row["manual"], row["a"], row["b"]) == (1, 3, 20.0, 30.0, 10.0)
    [two] = means(rows, ("manual", "a"))
    assert (two["n"], two["manual"], two["a"]) == (2, 30.0, 40.0)


def test_without_a_common_sequence_each_source_has_its_own_mean():
    [row] = means(readings({"manual": 20.0, "b": None}, {"a": 30.0}, {"a": 50.0}), ("manual", "a", "b"))
    assert (row["n"], row["manual"], row["a"], row["b"]) == (0, 20.0, 40.0, None)


def test_differences_rest_on_the_pairs_of_each_source():
    rows = readings({"manual": 20.0, "a": 30.0, "b": 10.0}, {"manual": 40.0, "a": 42.0}, {"a": 90.0})
    a, b = differences(rows, ("manual", "a", "b"))
    assert (a["source"], a["pairs"], a["difference"], a["better"], a["worse"]) == ("a", 2, 6.0, 2, 0)
    assert (b["source"], b["pairs"], b["difference"], b["better"], b["worse"]) == ("b", 1, -10.0, 0, 1)
    assert (a["mean of baseline"], a["mean of source"], a["baseline"]) == (30.0, 36.0, "manual")
    [manual, other] = differences(rows, ("manual", "a", "b"), "a")
    assert (manual["source"], manual["difference"], other["difference"]) == ("manual", -6.0, -20.0)


def test_holm_counts_the_sources_of_one_measure():
    """Six pairs that all get better have p = 2 / 64; with two sources the smaller one is doubled."""
    rows = readings(*[{"manual": 1.0, "a": 2.0, "b": 2.0 if n < 5 else 0.0} for n in range(6)])
    a, b = differences(rows, ("manual", "a", "b"))
    assert (a["p"], a["p_holm"]) == pytest.approx((2 / 64, 4 / 64))
    assert (b["p"], b["p_holm"]) == pytest.approx((14 / 64, 14 / 64))
    [alone] = differences(rows, ("manual", "a"))
    assert alone["p_holm"] == alone["p"]


def test_datasets_are_apart():
    rows = readings({"manual": 20.0, "a": 30.0}) + readings({"manual": 10.0, "b": 30.0}, dataset="tnl2k")
    assert [(r["dataset"], r["a"], r["b"]) for r in means(rows, ("manual", "a", "b"))] == [
        ("lasot", 30.0, None),
        ("tnl2k", None, 30.0),
    ]
    assert [(r["dataset"], r["source"]) for r in differences(rows, ("manual", "a", "b"))] == [
        ("lasot", "a"),
        ("tnl2k", "b"),
    ]


def test_a_recorded_text_is_compared_with_the_manual_one_on_its_own_crops():
    """Two runs measured the manual text on other crops: each is compared with its own, the column has the first's."""
    one = of_row(a_row("k-1", alignment=[aligned(20.0, 25.0)]), "one")
    two = of_row(a_row("k-1", alignment=[aligned(22.0, 25.0)]), "two")
    both = joined([one, two])
    [row] = [row for row in means(both, ("manual", "one", "two")) if row["measure"] == "cosine"]
    assert (row["manual"], row["one"], row["two"]) == (20.0, 25.0, 25.0)
    gaps = [row for row in differences(both, ("manual", "one", "two")) if row["measure"] == "cosine"]
    assert [row["difference"] for row in gaps] == [5.0, 3.0]
    between = [row for row in differences(both, ("manual", "one", "two"), "one") if row["measure"] == "cosine"]
    assert [(row["source"], row["difference"]) for row in between] == [("manual", -5.0), ("two", 0.0)]


def test_words_of_each_source():
    said = {"manual": "a kite", "a": "the red kite on the left", "b": "kite kite"}
    one = with_words(Readings("s-1", "lasot", "kite", said, {}))
    two = with_words(Readings("s-2", "lasot", "kite", said | {"a": "a bird"}, {}))
    names = ("manual", "a", "b")
    rows = {row["measure"]: row for row in means([one, two], names, "words")}
    assert [rows["length"][name] for name in names] == [2.0, 4.0, 2.0]
    assert [rows["names the category"][name] for name in names] == [1.0, 0.5, 1.0]
    all_of = {row["measure"]: row for row in together([one, two], names)}
    assert [all_of["vocabulary"][name] for name in names] == [2.0, 7.0, 1.0]
    assert [all_of["same as another's"][name] for name in names] == [1.0, 0.0, 1.0]
    gaps = {(row["measure"], row["source"]): row["difference"] for row in differences([one, two], names, table="words")}
    assert gaps["length", "a"] == 2.0 and gaps["names a position", "a"] == 0.5


NUMBERS = st.none() | st.floats(-100, 100)


@given(st.lists(st.fixed_dictionaries({"manual": NUMBERS, "a": NUMBERS, "b": NUMBERS}), min_size=1, max_size=12))
def test_a_difference_turned_round_has_the_other_sign(values):
    rows = readings(*values)
    there = {row["source"]: row for row in differences(rows, ("manual", "a", "b"), "a")}
    back = {row["source"]: row for row in differences(rows, ("a", "manual"), "manual")}
    assert ("manual" in there) == ("a" in back)  # where there is no pair there is no row
    if back:
        assert there["manual"]["difference"] == pytest.approx(-back["a"]["difference"])
        assert (there["manual"]["better"], there["manual"]["worse"]) == (back["a"]["worse"], back["a"]["better"])
        assert there["manual"]["p"] == back["a"]["p"]
    for row in there.values():
        assert row["p"] is None or row["p"] <= row["p_holm"] <= 1
