import contextlib
import logging
import re

import numpy as np
import pytest
import torch

from chatdesc.backends import create
from chatdesc.backends.neural_grounder import HOMES, NeuralGrounder
from chatdesc.backends.neural_model import Network
from chatdesc.backends.thresholds import FAMILIES, MODELS, default_threshold
from chatdesc.backends.words_and_boxes import nothing, split_words
from chatdesc.protocols import Grounder
from chatdesc.types import BackendError, ChatdescError, FrameError, FrameRef, Frames, Ground
from tests.makers.grounders import build
from tests.makers.sequences import Reader, frames_of

NAMES = ("grounding-dino", "mm-grounding-dino", "owlv2", "omdet-turbo", "sam3")


class Pictures:
    """An image processor that says how often it was asked."""

    def __init__(self):
        self.asked = 0

    def image_processor(self, images, return_tensors):
        self.asked += 1
        if images.max() == 99:
            raise ValueError("too grey")
        return {"pixel_values": torch.tensor(images.transpose(2, 0, 1)[None])}

    def tokenizer(self, texts):
        return {"input_ids": [text.split() for text in texts]}


class Scripted(NeuralGrounder):
    """A grounder whose network has room for ``room`` pictures, and chokes on the text "bad"."""

    family, model_types, context = "owlv2", ("owlv2",), 4

    def __init__(self, room=99, device="cpu", dtype=torch.float32, **options):
        super().__init__("org/tiny", device=device, **options)
        self.room, self.asked = room, []
        self.__dict__["loaded"] = Network(None, Pictures(), device, dtype)

    def _forward(self, items):
        self.asked.append([item.text for item in items])
        if len(items) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        if "bad" in self.asked[-1]:
            raise ValueError("cannot\nbe")
        return [nothing(split_words(item.text)) for item in items]


def asks(*texts, frames=None):
    frames = frames or frames_of(len(texts))
    return [Ground(FrameRef(frames, i % len(frames)), text) for i, text in enumerate(texts)]


def texts_of(answers):
    return [" ".join(w.text for w in a.words) if not isinstance(a, Exception) else type(a) for a in answers]


def test_a_text_that_is_longer_than_the_network_reads_is_marked():
    answers = Scripted().ground(asks("a b c d", "a b c d e", "a b c. d e f"))
    assert [answer.truncated for answer in answers] == [False, True, False]


def test_answers_come_in_order_in_batches_of_equal_pictures():
    grounder = Scripted(batch_size=2)
    small, large = frames_of(2), frames_of([np.zeros((64, 80, 3))] * 2)
    requests = [r for pair in zip(asks("a", "b", frames=small), asks("c", "d", frames=large)) for r in pair]
    assert texts_of(grounder.ground(requests)) == ["a", "c", "b", "d"]
    assert grounder.asked == [["a", "b"], ["c", "d"]]


def test_a_frame_is_read_and_prepared_once():
    grounder, frames = Scripted(), frames_of(1)
    assert texts_of(grounder.ground(asks("a", "b", "c", frames=frames))) == ["a", "b", "c"]
    assert len(frames.read_bytes.asked) == 1
    assert grounder.loaded.processor.asked == 1


def test_a_text_without_words_asks_nothing():
    grounder = Scripted()
    [found] = grounder.ground(asks(" ?! "))
    assert found.boxes.shape == (0, 4) and found.scores.shape == (0, 0) and found.words == ()
    assert not grounder.asked


def test_out_of_memory_halves_the_batch_for_good_with_a_line_each(caplog):
    grounder = Scripted(room=2, batch_size=8)
    with caplog.at_level(logging.WARNING):
        assert texts_of(grounder.ground(asks(*"abcdefghi"))) == list("abcdefghi")
    assert [len(b) for b in grounder.asked] == [8, 4, 2, 2, 2, 2, 1]
    assert [r.getMessage().rpartition(" ")[2] for r in caplog.records] == ["4", "2"]
    grounder.ground(asks("j", "k", "l"))
    assert [len(b) for b in grounder.asked[7:]] == [2, 1]


def test_out_of_memory_at_one_frame_is_the_items_error():
    answers = Scripted(room=0).ground(asks("a", "b"))
    assert all(isinstance(a, BackendError) and "--device cpu" in str(a) for a in answers)


def test_only_the_guilty_item_fails():
    answers = Scripted().ground(asks("a", "bad", "c"))
    assert texts_of(answers) == ["a", BackendError, "c"]
    assert str(answers[1]) == "owlv2:org/tiny: cannot"


def test_frames_that_cannot_be_had_fail_alone():
    good = frames_of(1)
    broken = Frames(("1.png", "2.png"), Reader({"1.png": b"no image"}))
    rejected = frames_of([np.full((48, 64, 3), 99)])
    grounder = Scripted()
    requests = [*asks("a", frames=good), *asks("b", "c", frames=broken), *asks("d", frames=rejected)]
    assert texts_of(grounder.ground(requests)) == ["a", FrameError, FrameError, BackendError]
    assert "too grey" in str(grounder.ground(requests)[3])


@pytest.mark.parametrize(
    ("device", "dtype", "used"),
    [
        ("cpu", torch.float32, []),
        ("cpu", torch.float16, []),
        ("cuda:1", torch.float16, [("cuda", torch.float16)]),
        ("cuda", torch.bfloat16, [("cuda", torch.bfloat16)]),
        ("cuda", torch.float32, []),
        ("mps", torch.float16, []),
    ],
)
def test_half_precision_on_cuda_only(monkeypatch, device, dtype, used):
    seen = []
    monkeypatch.setattr(torch, "autocast", lambda *a: seen.append(a) or contextlib.nullcontext())
    assert texts_of(Scripted(device=device, dtype=dtype).ground(asks("a"))) == ["a"]
    assert seen == used


@pytest.mark.parametrize(
    ("spec", "dtype", "device", "used"),
    [
        ("owlv2:m", "auto", "cuda", torch.float16),
        ("sam3:m", "auto", "cuda:1", torch.bfloat16),
        ("owlv2:m", "float32", "cuda", torch.float32),
        ("owlv2:m", "float16", "cpu", torch.float32),
        ("sam3:m", "auto", "mps", torch.float32),
    ],
)
def test_precision(spec, dtype, device, used):
    assert create("grounder", spec, dtype=dtype)._dtype(device) == used


def test_precision_that_there_is_not():
    with pytest.raises(BackendError, match="float16, bfloat16 or float32, not int8"):
        create("grounder", "owlv2:m", dtype="int8")._dtype("cpu")


def test_thresholds_belong_to_models():
    for family in NAMES:
        assert 0 < default_threshold(family, "my/own") < 1
        assert create("grounder", f"{family}:my/own").threshold == FAMILIES[family][0]
    known = next(iter(MODELS))
    assert create("grounder", f"grounding-dino:{known}").threshold == MODELS[known][0]
    assert create("grounder", f"grounding-dino:{known}", threshold=0.12).threshold == 0.12
    assert all(source for _, source in [*FAMILIES.values(), *MODELS.values()])
    assert set(HOMES.values()) == set(FAMILIES) == set(NAMES)


def test_a_threshold_is_a_score():
    with pytest.raises(ChatdescError, match=r"\[0, 1\]"):
        create("grounder", "owlv2:x", threshold=35)


@pytest.mark.parametrize("family", NAMES)
def test_every_family_loads_and_says_what_it_is(family, tmp_path):
    folder = build(family, tmp_path / "tiny")
    grounder = create("grounder", f"{family}:{folder}", device="cpu", threshold=0.25)
    assert isinstance(grounder, Grounder)
    assert grounder.name == f"{family}:tiny"
    assert grounder.words == (family != "sam3")
    said = grounder.describe_self()
    assert str(tmp_path) not in str(said)
    assert re.fullmatch("[0-9a-f]{64}", said.pop("weights_sha256"))
    assert said.pop("transformers")[0].isdigit()
    assert said == {"name": f"{family}:tiny", "model": "tiny", "threshold": "0.25", "dtype": "float32"}


def test_another_architecture_names_its_backend(tmp_path):
    folder = build("mm-grounding-dino", tmp_path / "tiny")
    with pytest.raises(BackendError, match=r"^tiny is a mm-grounding-dino model; write mm-grounding-dino:tiny$"):
        create("grounder", f"grounding-dino:{folder}").describe_self()
    (folder / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(BackendError, match=r"^tiny is a bert model; sam3 takes sam3 or sam3_video$"):
        create("grounder", f"sam3:{folder}").describe_self()


@pytest.mark.parametrize(
    ("model", "remedy"),
    [("", "BACKEND:ORG/NAME"), ("/no/such/folder", "no folder 'folder'"), ("org/name", "hf download org/name")],
)
def test_models_that_are_not_to_be_had(model, remedy):
    grounder = create("grounder", f"owlv2:{model}" if model else "owlv2")
    with pytest.raises(BackendError, match=remedy) as failed:
        grounder.ground(asks("a"))
    assert "/no/such" not in str(failed.value)


@pytest.mark.parametrize("family", ["mm-grounding-dino", "sam3"])
def test_weights_in_half_precision_are_computed_with_in_single(family, tmp_path):
    folder = build(family, tmp_path / "tiny")
    grounder = create("grounder", f"{family}:{folder}", device="cpu")
    [whole] = grounder.ground(asks("red dog"))
    grounder.loaded.model.half().save_pretrained(folder)
    again = create("grounder", f"{family}:{folder}", device="cpu")
    [found] = again.ground(asks("red dog"))
    assert again.loaded.model.dtype == torch.float32
    np.testing.assert_allclose(found.scores[0], whole.scores[0], atol=1e-2)


def test_a_model_that_does_not_fit(tmp_path, monkeypatch):
    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(torch.nn.Module, "to", full)
    with pytest.raises(BackendError, match=r"owlv2:tiny does not fit .*--device cpu"):
        create("grounder", f"owlv2:{build('owlv2', tmp_path / 'tiny')}", device="cpu").describe_self()


def test_weights_that_do_not_read(tmp_path):
    folder = build("owlv2", tmp_path / "tiny")
    (folder / "model.safetensors").write_bytes(b"cut short")
    with pytest.raises(BackendError, match=r"^tiny cannot be loaded") as failed:
        create("grounder", f"owlv2:{folder}").describe_self()
    assert str(tmp_path) not in str(failed.value)
