"""The tables of ``score`` with several sources, as a terminal of 80 columns shows them."""

import pytest

from chatdesc.evaluation.by_source import differences, means
from chatdesc.evaluation.readings import Measure, Reading, Readings, with_words
from chatdesc.reports.score import difference_tables, mean_tables, remarks
from chatdesc.tables import plain_table
from tests.makers.rows import printed

ENCODER = "ViT-B-32-quickgelu/openai"
ALIGNMENT = [Measure("alignment", ENCODER, name, unit) for name, unit in (("cosine", "cosine"), ("cut", "share"))]


def readings(names, count=12):
    """Sequences with a number of each source that differs by sequence."""
    return [
        with_words(
            Readings(
                f"s-{n}",
                "lasot",
                "kite",
                {name: f"a {name} kite on the left" for name in names},
                {m: {name: Reading(20 + 3 * k + n % 3 * k) for k, name in enumerate(names)} for m in ALIGNMENT},
            )
        )
        for n in range(count)
    ]


@pytest.mark.parametrize("extra", [1, 3, 7])
def test_tables_fit_80_columns(extra):
    names = ("manual", *(f"model-{n}-of-some-name" for n in range(extra)), "refined")
    rows = readings(names)
    for table in ("alignment", "words"):
        shown = mean_tables(means(rows, names, table), names, table)
        shown += difference_tables(differences(rows, names, table=table))
        for one in shown:
            lines = printed(plain_table(one.rows, one.title, 80), 80).splitlines()
            assert max(map(len, lines)) <= 80 and not any("…" in line for line in lines)


def test_many_sources_become_rows():
    names = ("manual", "a", "b", "c", "refined")
    [four] = mean_tables(means(readings(names[:4]), names[:4]), names[:4], "alignment")
    assert list(four.rows[0]) == ["encoder", "measure", "n", *names[:4]]
    [five] = mean_tables(means(readings(names), names), names, "alignment")
    assert [row["source"] for row in five.rows] == list(names)
    assert list(five.rows[0]) == ["source", "n", "cosine", "cut, %"] and ENCODER in five.title


def test_a_measure_in_which_nothing_differs_is_left_out():
    cosine, cut = ALIGNMENT
    rows = [
        Readings(
            "s",
            "",
            None,
            {},
            {cosine: {"manual": Reading(1.0), "a": Reading(3.5)}, cut: dict.fromkeys(("manual", "a"), Reading(0.0))},
        )
    ]
    gaps = differences(rows, ("manual", "a"))
    [table] = difference_tables(gaps)
    [row] = table.rows
    assert (row["measure"], row["difference (95 %)"], row["better/ worse"], row["p"]) == (
        "cosine",
        "+2.50 (n<10)",
        "1/0",
        "1",
    )
    assert table.title == f"encoder {ENCODER}: gain over manual"
    [said] = remarks(gaps)
    assert "Holm" not in said
