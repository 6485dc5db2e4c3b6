"""What all neural encoders share, with a model that counts what it is asked for."""

import numpy as np

from chatdesc.backends import crop_encoder
from chatdesc.backends.crop_encoder import CropEncoder
from chatdesc.types import Crop, Embed, FrameRef
from tests.makers.sequences import frames_of


class Model:
    device, facts, width = "cpu", {}, 2

    def __init__(self):
        self.crops, self.texts = 0, []

    def preprocess(self, picture):
        return np.asarray(picture).mean()

    def tokenize(self, texts):
        return texts, [len(text) > 8 for text in texts]

    def encode_crops(self, items):
        self.crops += len(items)
        return np.tile(np.float32([1, 0]), (len(items), 1))

    def encode_texts(self, items):
        self.texts += items
        return np.float32([[np.cos(len(text)), np.sin(len(text))] for text in items])


class Encoder(CropEncoder):
    def _load(self):
        return Model()


def ask(encoder, *texts):
    crop = Crop(FrameRef(frames_of(1), 0), np.float32([0, 0, 8, 8]))
    [answer] = encoder.embed([Embed("x", (crop,), texts)])
    return answer


def test_a_text_is_encoded_once_however_often_it_comes():
    encoder = Encoder("x", "cpu", 4)
    first, second = ask(encoder, "a kite", "a very long kite"), ask(encoder, "a very long kite", "a dog")
    assert encoder.loaded.texts == ["a kite", "a very long kite", "a dog"] and encoder.loaded.crops == 2
    assert first.texts[1].tolist() == second.texts[0].tolist()
    assert (first.truncated.tolist(), second.truncated.tolist()) == ([False, True], [True, False])


def test_the_texts_that_are_kept_are_bounded(monkeypatch):
    monkeypatch.setattr(crop_encoder, "TEXTS", 2)
    encoder = Encoder("x", "cpu", 4)
    wide = ask(encoder, "a", "bb", "ccc")  # more than are kept, in one request
    assert wide.texts.shape == (3, 2) and list(encoder._known) == ["bb", "ccc"]
    ask(encoder, "a")
    assert encoder.loaded.texts == ["a", "bb", "ccc", "a"] and list(encoder._known) == ["ccc", "a"]
