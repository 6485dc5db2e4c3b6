"""FG-CLIP 2: refused without leave for its code; with it, the model is called as its authors do."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image as Pillow

from chatdesc.backends import create
from chatdesc.backends.fg_clip import CONTEXT, patches
from chatdesc.config import Resources, Settings
from chatdesc.engine.models import Models
from chatdesc.protocols import Encoder
from chatdesc.types import BackendError
from tests.makers.clips import build
from tests.makers.crops import PARTS, noisy_video, request

WORDS = ("red kite", "a Tail", "blue")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return build("fgclip2", tmp_path_factory.mktemp("fg") / "mine")


@pytest.fixture
def video():
    return noisy_video()


@pytest.fixture(autouse=True)
def _code_of_its_own(tmp_path, monkeypatch):
    """Where transformers puts the code of repositories."""
    for place in ("transformers.dynamic_module_utils", "transformers.utils", "transformers.utils.hub"):
        monkeypatch.setattr(f"{place}.HF_MODULES_CACHE", str(tmp_path / "modules"), raising=False)


def test_its_code_does_not_run_unless_that_is_allowed(folder):
    encoder = create("encoder", f"fg-clip:{folder}", device="cpu")
    assert (encoder.name, isinstance(encoder, Encoder)) == ("fg-clip:mine", True)
    with pytest.raises(BackendError, match=r"code of its own.*--trust-remote-code.*clip:google/siglip2"):
        encoder.describe_self()


def test_other_models_are_refused(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "siglip2"}')
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(BackendError, match="is a siglip2 model; fg-clip takes fgclip2"):
        create("encoder", f"fg-clip:{tmp_path}", trust_remote_code=True).describe_self()


def directly(folder, pictures, texts):
    """What the model itself says, called as its authors call it."""
    import torch
    import transformers

    model = transformers.AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True).eval()
    tokens = transformers.AutoTokenizer.from_pretrained(folder)
    looks = transformers.AutoImageProcessor.from_pretrained(folder)
    with torch.inference_mode():
        crops = [
            model.get_image_features(**looks(images=p, max_num_patches=patches(*p.size), return_tensors="pt"))[0]
            for p in pictures
        ]
        said = tokens(
            [text.lower() for text in texts], padding="max_length", max_length=64, truncation=True, return_tensors="pt"
        )
        words = model.get_text_features(**said)
    return [(x / x.norm(dim=-1, keepdim=True)).numpy() for x in (torch.stack(crops), words)]


def test_equals_the_model_called_directly(folder, video):
    settings = Settings(encoders=(f"fg-clip:{folder}",), tracker="none", trust_remote_code=True)
    encoder = Models.create(settings, Resources(device="cpu")).encoders[f"fg-clip:{folder}"]
    [answer] = encoder.embed([request(video, texts=WORDS)])
    pictures = [Pillow.fromarray(video.images[i]).crop(p) for i in (0, 1) for p in PARTS]
    crops, texts = directly(folder, pictures, WORDS)
    assert answer.crops == pytest.approx(crops, abs=1e-5) and answer.texts == pytest.approx(texts, abs=1e-5)
    assert np.ptp(crops @ texts.T) > 1e-3  # the pairs differ, so equality says something
    assert encoder.crops == "whole" and encoder.describe_self()["texts"] == "short"


def test_crops_of_several_sizes_keep_their_places(folder):
    encoder = create("encoder", f"fg-clip:{folder}", device="cpu", trust_remote_code=True)
    rng = np.random.default_rng(0)
    sizes = [(40, 40), (400, 300), (64, 48), (300, 400)]
    pictures = [Pillow.fromarray(rng.integers(0, 255, (h, w, 3), np.uint8)) for w, h in sizes]
    items = [encoder.loaded.preprocess(one) for one in pictures]
    assert len({len(item["pixel_values"]) for item in items}) == 2
    together = encoder.loaded.encode_crops(items)
    alone = np.concatenate([encoder.loaded.encode_crops([item]) for item in items])
    assert together == pytest.approx(alone, abs=1e-5)


def test_long_texts_are_marked(folder, video):
    encoder = create("encoder", f"fg-clip:{folder}", device="cpu", trust_remote_code=True)
    [answer] = encoder.embed([request(video, boxes=[], texts=("a", "a" * 2 * CONTEXT))])
    assert answer.truncated.tolist() == [False, True]


@pytest.mark.parametrize(
    ("size", "most"),
    [((16, 16), 128), ((128, 256), 128), ((144, 256), 256), ((256, 256), 256), ((400, 300), 576), ((900, 900), 1024)],
)
def test_larger_pictures_have_more_patches(size, most):
    assert patches(*size) == most
