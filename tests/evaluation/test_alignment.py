"""Texts scored by encoders, with models that answer as the test says."""

from dataclasses import replace

import numpy as np
import pytest

from chatdesc.evaluation import alignment
from chatdesc.evaluation.alignment import (
    AlignmentModels,
    alignment_rows,
    manual_text,
    recorded_rows,
    rescored_rows,
    score_texts,
    shown_alignment,
    texts_of_row,
)
from chatdesc.rows.store import Store
from chatdesc.stages.track import Phrase
from chatdesc.types import BackendError, ChatdescError, Embedding, FrameCache, Frames, Problem
from tests.makers.rows import a_row, aligned
from tests.makers.sequences import leads, sequence_of


class Encoder:
    """Looks at the frames; the target's crop is (1, 0), others (0, 1); a text is (.6, .8) and is cut if it is long."""

    name, max_batch, workers, threshold = "fake", 8, 1, 0.3

    def describe_self(self):
        return {"name": "fake"}

    def ground(self, requests):
        return [leads(r.text, (r.text.split()[-1], (40, 20, 20, 20), 0.9)) for r in requests]

    def embed(self, requests):
        return [self._embed(request) for request in requests]

    def _embed(self, request):
        if any("broken" in text for text in request.texts):
            return BackendError("no memory")
        for crop in request.crops:
            crop.frame.image()
        crops = np.float32([[1, 0] if list(crop.box) == [10, 10, 20, 20] else [0, 1] for crop in request.crops])
        texts = np.tile(np.float32([[0.6, 0.8]]), (len(request.texts), 1))
        return Embedding(crops, texts, np.array([len(text) > 20 for text in request.texts]))


class Data(dict):
    """Sequences by name."""

    dataset = "lasot"
    names = property(lambda self: tuple(self))


@pytest.fixture(autouse=True)
def fake(monkeypatch):
    monkeypatch.setattr(alignment, "create", lambda role, spec, **_: Encoder())


def data_of(*sequences):
    return Data({sequence.name: sequence for sequence in sequences})


def test_manual_texts_of_a_dataset_by_hand():
    long = "a kite with a very long tail"
    data = data_of(sequence_of(5, name="kite-1"), sequence_of(5, name="kite-2", manual=long))
    rows = {row["sequence"]: row for row in score_texts(data, dict.fromkeys(data.names), AlignmentModels(("a", "b")))}
    first = rows["kite-1"]
    assert (first["manual_text"], first["text"], first["category"], first["problems"]) == ("a kite", None, "kite", [])
    assert [entry["encoder"] for entry in first["alignment"]] == ["a", "b"]
    [entry, _] = first["alignment"]
    assert entry["manual"] == pytest.approx(60) and entry["manual_margin"] == pytest.approx(60 - 80)
    assert entry["frames"] == 4
    assert (entry["manual_truncated"], rows["kite-2"]["alignment"][0]["manual_truncated"]) == (False, True)
    assert entry["refined"] is entry["truncated"] is None  # a dataset has no refined text


def test_both_texts_of_a_run_by_name(tmp_path):
    with Store.open(tmp_path / "run", {"dataset": "lasot"}) as store:
        store.save(a_row("kite-1", "a red kite with a long tail", alignment=[]))
        store.save(a_row("kite-2", None, problems=["describe: no answer"]))
        store.save(a_row("kite-3", "red kite"))
    data = data_of(*(sequence_of(5, name=f"kite-{n}", manual="of the data") for n in (1, 2, 3)))
    rows = rescored_rows(tmp_path / "run", ["kite-1", "kite-2"], data, AlignmentModels(("a",), "none", 2))
    assert [(row["sequence"], len(row["alignment"])) for row in rows] == [("kite-1", 1), ("kite-2", 0)]
    [entry] = rows[0]["alignment"]
    assert entry["frames"] == 2 and (entry["manual_truncated"], entry["truncated"]) == (False, True)
    assert (rows[0]["manual_text"], rows[1]["problems"]) == ("a kite", ["describe: no answer"])


def test_what_cannot_be_scored_has_its_reason_and_no_alignment():
    missing = sequence_of(2, name="bad", problems=(Problem("missing_frames", "no frames", fatal=True),))
    data = data_of(sequence_of(2, name="broken", manual="broken text"), missing, sequence_of(2, name="mute", manual=""))
    rows = {row["sequence"]: row for row in score_texts(data, dict.fromkeys(data.names), AlignmentModels(("a",)))}
    assert rows["bad"]["problems"] == ["no frames"] and rows["mute"]["problems"] == []
    assert rows["broken"]["problems"] == ["BackendError: no memory"]
    assert all(row["alignment"] == [] for row in rows.values())


def test_recorded_rows_are_as_the_run_has_them(tmp_path):
    with pytest.raises(ChatdescError, match="is no run"):
        recorded_rows(tmp_path, ["a"])
    with Store.open(tmp_path / "run", {"dataset": "lasot"}) as store:
        with pytest.raises(ChatdescError, match="no finished sequence yet"):
            recorded_rows(store.root, ["a"])
        store.save(a_row("a"))
        assert recorded_rows(store.root, ["a", "b"]) == [a_row("a")]


def test_frames_are_decoded_once_for_all_encoders_and_texts(monkeypatch):
    """Also where the cache was smaller than what all sequences in flight look at."""
    decoded, decode = [], Frames._decode
    monkeypatch.setattr(Frames, "_decode", lambda self, i: decoded.append((id(self), i)) or decode(self, i))
    cache, sequences = FrameCache(1), [sequence_of(6, name=name) for name in "ab"]
    cached = [replace(s, frames=Frames(s.frames.paths, s.frames.read_bytes, cache)) for s in sequences]
    texts = {name: texts_of_row(a_row(name, "red kite", ranges=[])) for name in "ab"}
    rows = score_texts(data_of(*cached), texts, AlignmentModels(("x", "y", "z"), "none", 4))
    assert [len(row["alignment"]) for row in rows] == [3, 3]
    assert len(decoded) == len(set(decoded)) == 2 * 4


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
    assert (cosine["manual"], cosine["refined"], cosine["difference"], cosine["pairs"]) == (25.0, 30.0, 5.0, 2)
    assert (cosine["low"], cosine["high"], cosine["detectable"]) == (None, None, None)  # of two pairs
    assert (cosine["better"], cosine["worse"]) == (2, 0)
    assert (margin["manual"], margin["difference"], margin["better"], margin["worse"]) == (2.0, 0.0, 1, 1)
    assert (other["encoder"], other["sequences"]) == ("other", 1)
    assert other_margin["difference"] is None and other_margin["pairs"] == 0


def test_means_do_not_contradict_the_difference():
    """Ten manual texts of mean 30, refined ones of mean 34.3; where both are known, the refined ones are worse."""
    pairs = [(25.0, 23.0)] * 5 + [(35.0, None)] * 5 + [(None, 45.6)] * 5
    cosine, _ = alignment_rows([a_row(alignment=[aligned(*pair)]) for pair in pairs])
    assert (cosine["sequences"], cosine["pairs"]) == (15, 5)
    assert (cosine["manual"], cosine["refined"], cosine["difference"]) == (25.0, 23.0, -2.0)


def test_a_dataset_with_manual_texts_only_has_their_mean():
    cosine, _ = alignment_rows([a_row(alignment=[aligned(value, None)]) for value in (20.0, 30.0)])
    assert (cosine["manual"], cosine["refined"], cosine["pairs"], cosine["difference"]) == (25.0, None, 0, None)


def test_small_gains_are_shown_with_the_decimals_they_need():
    rows = [a_row(alignment=[aligned(25.0, 25.0 + gain)]) for gain in (0.0, 0.1) * 20]
    shown = shown_alignment(alignment_rows(rows))[0]
    assert shown["gain (95 %)"] == "+0.050 (0.035..0.065)" and shown["refined"] == "25.050"


def test_cells_for_a_terminal():
    rows = alignment_rows([a_row(dataset=name, alignment=[aligned(20.0, 26.0, cut=True)]) for name in ("x", "x", "y")])
    shown = shown_alignment(rows)
    assert shown[0] == {
        "dataset": "x", "encoder": "clip", "measure": "cosine", "n": "2", "manual": "20.0", "refined": "26.0",
        "gain (95 %)": "+6.0 (n<10)", "MDE": "-", "better/ worse": "2/0", "cut, %": "100/0",
    }  # fmt: skip
    assert (shown[1]["gain (95 %)"], shown[1]["better/ worse"], shown[1]["manual"]) == ("-", "-", "-")
    assert "dataset" not in shown_alignment(rows[:2])[0]


def test_texts_are_put_into_one_line_and_empty_ones_left_out():
    assert texts_of_row(a_row(manual_text=" a\nkite ", text="", ranges=[])) == {"manual": (Phrase(0, "a kite"),)}
    assert manual_text(None) == manual_text(" ") == {}


def test_a_runs_ranges_are_scored_each_with_its_own_text(tmp_path):
    """Four frames in all, two in each range; the second range's text is long, so it is cut."""
    parts = [(0, "red kite"), (3, "a kite that has a very long tail")]
    ranges = [{"start": start, "stop": start + 3, "text": text, "background": []} for start, text in parts]
    with Store.open(tmp_path / "run", {"dataset": "lasot"}) as store:
        store.save(a_row("kite-1", "red kite", ranges=ranges))
    [row] = rescored_rows(tmp_path / "run", ["kite-1"], data_of(sequence_of(6, name="kite-1")), AlignmentModels(("a",)))
    assert row["alignment"][0]["truncated"] and row["alignment"][0]["frames"] == 4 and row["text"] == "red kite"
