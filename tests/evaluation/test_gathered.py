"""Texts of several sources measured together, with models that answer as the test says."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from chatdesc.evaluation import alignment
from chatdesc.evaluation.alignment import AlignmentModels
from chatdesc.evaluation.gathered import with_named
from chatdesc.evaluation.parts import Part
from chatdesc.evaluation.steps import Steps
from chatdesc.rows.store import Store
from chatdesc.texts.named import NamedTexts, texts_of
from chatdesc.types import Embedding, FrameCache, Frames
from tests.makers.rows import a_row
from tests.makers.sequences import leads, sequence_of

COLOURS = ("red", "blue", "green", "grey", "white", "black")


class Models:
    """Looks at every frame that it is asked about; a text's vector is that of its colour, a crop's of its place."""

    name, max_batch, workers, threshold = "fake", 8, 1, 0.3

    def __init__(self):
        self.grounded, self.embedded = [], []

    def describe_self(self):
        return {"name": "fake"}

    def ground(self, requests):
        for request in requests:
            request.frame.image()
            self.grounded.append((request.text, request.frame.index))
        return [leads(r.text, (r.text.split()[-1], (10, 10, 20, 20), 0.9)) for r in requests]

    def embed(self, requests):
        self.embedded += requests
        return [self._embed(request) for request in requests]

    def _embed(self, request):
        for crop in request.crops:
            crop.frame.image()
        crops = np.float32([[1, 0] if list(crop.box) == [10, 10, 20, 20] else [0, 1] for crop in request.crops])
        texts = np.float32([[0.6, 0.8] if "red" in text else [0.8, 0.6] for text in request.texts])
        return Embedding(crops, texts, np.array([False] * len(texts)))


class Data(dict):
    dataset, root = "lasot", "/data"
    names = property(lambda self: tuple(self))


@pytest.fixture
def models(monkeypatch):
    made = Models()
    monkeypatch.setattr(alignment, "create", lambda role, spec, **_: made)
    return made


def named(name, **texts):
    return NamedTexts(name, "a file", {of.replace("_", "-"): texts_of(said) for of, said in texts.items()})


def measured(data, sources, names=None, run=None):
    part = Part("lasot", "lasot", names or data.names, run, data)
    return with_named(part, sources, AlignmentModels(("clip",)), Steps(0))


@pytest.mark.parametrize("sources", [1, 2, 4])
def test_another_source_decodes_no_frame_twice(models, monkeypatch, sources):
    """Also where a source has texts for ranges, so that more frames are looked at than alignment asks for."""
    decoded, decode = [], Frames._decode
    monkeypatch.setattr(Frames, "_decode", lambda self, i: decoded.append((id(self), i)) or decode(self, i))
    cache = FrameCache(1)
    films = [sequence_of(40, name=name) for name in ("k-1", "k-2")]
    data = Data({s.name: replace(s, frames=Frames(s.frames.paths, s.frames.read_bytes, cache)) for s in films})
    ranges = {start: f"red kite {start}" for start in range(40)}
    texts = [ranges, *([f"a {colour} kite"] for colour in COLOURS)][:sources]
    found = measured(data, [named(f"n{n}", k_1=said, k_2=said) for n, said in enumerate(texts)])
    assert found.names == ("manual", *(f"n{n}" for n in range(sources)))
    assert len(decoded) == len(set(decoded)) == 2 * 32  # of 40 ranges, whatever the number of sources
    assert len({(index, text) for text, index in models.grounded}) == len(models.grounded) // 2


def test_all_sources_are_measured_on_the_same_crops(models):
    data = Data({"k-1": sequence_of(6, name="k-1", manual="a kite")})
    found = measured(data, [named("red", k_1=["a red kite"]), named("blue", k_1=["a blue kite"])])
    [request] = models.embedded
    assert request.texts == ("a kite", "a red kite", "a blue kite")
    [one] = found.readings
    by = {measure.name: by for measure, by in one.values.items() if measure.table == "alignment"}
    assert {name: reading.value for name, reading in by["cosine"].items()} == pytest.approx(
        {"manual": 80.0, "red": 60.0, "blue": 80.0}
    )
    assert {name: reading.value for name, reading in by["margin"].items()} == pytest.approx(
        {"manual": 20.0, "red": -20.0, "blue": 20.0}
    )
    ious = next(by for measure, by in one.values.items() if measure.name == "IoU")
    assert {name: reading.value for name, reading in ious.items()} == pytest.approx(dict.fromkeys(ious, 1.0))
    assert one.said == {"manual": "a kite", "red": "a red kite", "blue": "a blue kite"}


def test_a_text_that_two_sources_have_is_asked_once(models):
    data = Data({"k-1": sequence_of(4, name="k-1", manual="a kite")})
    measured(data, [named("same", k_1=["a kite"])])
    assert len(models.grounded) == 4 and models.embedded[0].texts == ("a kite",)


def test_sequences_without_a_named_text_are_left_out(models):
    data = Data({name: sequence_of(4, name=name) for name in ("k-1", "k-2", "k-3")})
    found = measured(data, [named("mine", k_1=["red kite"])])
    assert [one.sequence for one in found.readings] == ["k-1"]
    assert "2 sequences of 3 left out: no named source has a text of them" in found.notes


def test_sources_without_a_common_sequence_are_told_apart_from_sparse_ones(models):
    data = Data({name: sequence_of(4, name=name) for name in ("k-1", "k-2")})
    found = measured(data, [named("mine", k_1=["red kite"]), named("theirs", k_2=["blue kite"])])
    said = [note for note in found.notes if "rest" in note]
    assert said == [
        "no sequence has a text of every source: each mean rests on other sequences, so compare differences"
    ]


def test_a_runs_own_text_is_the_last_column_and_what_it_lacks_is_said(models, tmp_path):
    with Store.open(tmp_path / "run", {"dataset": "lasot"}) as store:
        store.save(a_row("k-1", "a red kite") | {"dataset": "lasot"})
        store.save(a_row("k-2", None, status="describe_failed", problems=["no answer"]) | {"dataset": "lasot"})
    data = Data({name: sequence_of(4, name=name, manual="of the data") for name in ("k-1", "k-2")})
    mine = named("mine", k_1=["red kite"], k_2=["blue kite"])
    found = measured(data, [mine], run=Path(tmp_path / "run"))
    assert found.names == ("manual", "mine", "refined")
    said = {one.sequence: dict(one.said) for one in found.readings}
    assert said["k-1"] == {"manual": "a kite", "mine": "red kite", "refined": "a red kite"}
    assert said["k-2"] == {"manual": "a kite", "mine": "blue kite"}
    assert (found.left_out, found.failed) == ((("k-2, refined", "no answer"),), 1)


def test_a_dataset_without_manual_texts_has_no_column_of_them(models):
    data = Data({"k-1": sequence_of(4, name="k-1", manual="")})
    found = measured(data, [named("mine", k_1=["red kite"])])
    assert found.names == ("mine",)
