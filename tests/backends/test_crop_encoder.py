"""What all neural encoders share, with a model that counts what it is asked for."""

import numpy as np
import pytest
from PIL import Image as Pillow

from chatdesc.backends import crop_encoder
from chatdesc.backends.crop_encoder import CropEncoder, padded
from chatdesc.types import BackendError, Crop, Embed, FrameRef
from tests.makers.sequences import frames_of


class Model:
    device, facts, width, cuts, fill, room = "cpu", {}, 2, True, (10, 20, 30), 1.0

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


def test_a_crop_is_put_into_the_middle_of_a_square():
    picture = Pillow.new("RGB", (2, 5), (255, 0, 0))
    square = np.asarray(padded(picture, (10, 20, 30)))
    assert square.shape == (5, 5, 3)
    assert (square[:, 1:3] == (255, 0, 0)).all() and (square[:, [0, 3, 4]] == (10, 20, 30)).all()
    wide = np.asarray(padded(picture.rotate(90, expand=True), (10, 20, 30)))
    assert (wide[1:3] == (255, 0, 0)).all() and (wide[[0, 3, 4]] == (10, 20, 30)).all()


class Seen(Model):
    """Keeps what it is shown."""

    def __init__(self, cuts):
        super().__init__()
        self.cuts, self.sizes = cuts, []

    def preprocess(self, picture):
        self.sizes.append(picture.size)
        return 0


@pytest.mark.parametrize(
    ("cuts", "centre", "crops", "size"),
    [(True, False, "padded square", (8, 8)), (True, True, "centre square", (2, 8)), (False, False, "whole", (2, 8))],
)
def test_a_model_that_would_cut_a_crop_sees_it_padded(cuts, centre, crops, size):
    encoder = Encoder("x", "cpu", 4)
    encoder.centre, encoder._load = centre, lambda: Seen(cuts)
    encoder.embed([Embed("x", (Crop(FrameRef(frames_of(1), 0), np.float32([3, 0, 2, 8])),), ("a",))])
    assert (encoder.crops, encoder.loaded.sizes) == (crops, [size])


def test_a_model_that_sees_everything_has_no_centre_variant():
    encoder = Encoder("x-centre:m", "cpu", 4)
    encoder.centre, encoder._load = True, lambda: Seen(False)
    with pytest.raises(BackendError, match="x-centre:m: this model sees the whole crop anyway; name it without"):
        _ = encoder.loaded
