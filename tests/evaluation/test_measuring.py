"""Measures of a run's texts and of named sources: in rows, in tables, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

import chatdesc
from chatdesc.config import Settings
from chatdesc.engine import run as engine
from chatdesc.engine.models import refuse_silent
from chatdesc.evaluation.measuring import measure_rows, shown_measures, with_records
from chatdesc.measures.case import Case
from chatdesc.rows.schema import empty_row
from chatdesc.rows.store import Store
from chatdesc.synthetic import render
from chatdesc.types import BackendError, ChatdescError, FrameError
from tests.makers.sequences import drive, sequence_of

pytestmark = pytest.mark.usefixtures("windows_for_proposals")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A dataset of two short sequences, and a run of it with two measures."""
    root = tmp_path_factory.mktemp("measured")
    names = render(root / "data", count=2, frames=3, seed=1)
    chatdesc.annotate(
        "synthetic", root / "data", root / "run", tracker="none", rounds=0, measures="rank,validity", measure_frames=2
    )
    return root, names


def test_annotate_puts_measures_into_rows_and_the_dataset(place):
    from datasets import load_dataset

    root, names = place
    for row in Store(root / "run").rows(names):
        assert row["status"] == "ok", row["problems"]
        assert {(r["measure"], r["text"]) for r in row["measures"]} == {
            (measure, text) for measure in ("rank", "validity") for text in ("manual", "refined")
        }
        one = row["measures"][0]
        assert (one["frames"], one["made_by"], one["theta"]) == ([0, 2], ["attributes"], 0.3)
    [table] = load_dataset(str(root / "run" / "dataset"), cache_dir=str(root / "cache")).values()
    stored = Store(root / "run").load(table[0]["sequence"])
    assert table[0]["measures"][0]["values"] == pytest.approx(stored["measures"][0]["values"])
    assert table.features["measures"].feature["stops_at"].dtype == "int32"


def test_score_adds_measures_of_named_texts_to_the_rows(place):
    root, names = place
    (root / "mine.json").write_text(json.dumps(dict.fromkeys(names, "blue thing")))
    scores = chatdesc.score(
        root / "run", root / "data", texts=[f"mine={root / 'mine.json'}"], measures=["rank"], measure_frames=3
    )
    rows = {row["text"]: row for row in scores.measures}
    assert list(rows) == ["manual", "mine", "refined"] and {row["measure"] for row in rows.values()} == {"rank"}
    assert rows["mine"]["sequences"] == 2 and rows["mine"]["pairs"] == 2 and rows["manual"]["pairs"] is None
    assert any("2 rows" in note and "the next annotate" in note for note in scores.notes)
    for row in Store(root / "run").rows(names):
        kept = {(r["measure"], r["text"]): r["frames"] for r in row["measures"]}
        assert kept["rank", "mine"] == kept["rank", "refined"] == [0, 1, 2]  # measured anew
        assert kept["validity", "manual"] == [0, 2]  # as it was


def test_measures_of_a_dataset_are_in_the_table_alone(place):
    root, _ = place
    scores = chatdesc.score("synthetic", root / "data", measures=["alignment"], measure_frames=2)
    assert [(row["text"], row["sequences"]) for row in scores.measures] == [("manual", 2)]
    assert shown_measures(scores.measures)[0]["gain (95 %)"] == "-"


def test_frames_are_needed(place):
    with pytest.raises(ChatdescError, match="need the frames"):
        chatdesc.score(place[0] / "run", measures=["rank"])


def test_a_describer_that_does_not_answer_is_refused(place):
    root, _ = place
    with pytest.raises(ChatdescError, match="measures vqa: the describer attributes cannot answer"):
        chatdesc.score(root / "run", root / "data", measures=["rank", "vqa"])
    with pytest.raises(ChatdescError, match="openai:MODEL or transformers:MODEL"):
        chatdesc.annotate("synthetic", root / "data", root / "other", measures="questions")
    refuse_silent(None, Settings(), ["rank"])


def record(measure, text, value, **more):
    return Case(sequence_of(1), {}, Settings(), 0.3, ()).record(measure, text, value, **more)


def test_records_of_the_same_measure_and_text_are_replaced():
    row = empty_row() | {"measures": [record("rank", "manual", 0.5), record("rank", "mine", 0.1)]}
    found = with_records(row, [record("rank", "manual", 0.9), record("margin", "manual", 0.2)])
    kept = [(r["measure"], r["text"], r["value"]) for r in found["measures"]]
    assert kept == [("rank", "mine", 0.1), ("rank", "manual", 0.9), ("margin", "manual", 0.2)]
    assert with_records(empty_row() | {"measures": None}, [])["measures"] == []  # rows of earlier versions


def test_differences_are_paired_by_sequence():
    values = {"manual": np.arange(12) / 20, "mine": np.arange(12) / 20 + 0.1}
    by_name = {
        f"kite-{k}": [
            record("validity", "manual", float(values["manual"][k]), stops_at=5 if k < 3 else None),
            *([record("validity", "mine", float(values["mine"][k]))] if k != 7 else []),
        ]
        for k in range(12)
    }
    manual, mine = measure_rows(by_name, ("manual", "mine"), "manual")
    assert (manual["mean"], manual["stops"]) == (pytest.approx(values["manual"].mean()), 0.25)
    assert (mine["sequences"], mine["pairs"], mine["difference"]) == (11, 11, pytest.approx(0.1))
    assert (mine["better"], mine["worse"]) == (11, 0) and manual["difference"] is None


@pytest.mark.parametrize(
    ("error", "status"), [(BackendError("gone"), "measures_failed"), (FrameError("1.jpg"), "corrupt_frame")]
)
def test_a_measure_that_fails_is_recorded(error, status):
    row = empty_row() | {"text": "red kite", "manual_text": "kite", "status": "ok", "problems": []}
    settings = Settings(measures=("rank",))
    found, _ = drive(engine.measured(row, sequence_of(4), settings, 0.3), lambda request: error)
    assert (found["status"], found["measures"]) == (status, [])
    assert engine.failed(found) and str(error) in found["problems"][0]
