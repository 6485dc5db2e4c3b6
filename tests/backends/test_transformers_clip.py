import json
import re
import shutil

import numpy as np
import pytest
from PIL import Image as Pillow

from chatdesc.backends import create
from chatdesc.protocols import Encoder
from chatdesc.types import BackendError, Embed, FrameError
from tests.makers.clips import LENGTH, build
from tests.makers.crops import BOXES, PARTS, TEXTS, crop, noisy_video, request
from tests.makers.trackers import annotate


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    root = tmp_path_factory.mktemp("clips")
    return lambda family: root / family if (root / family).exists() else build(family, root / family)


@pytest.fixture(scope="module")
def encoders(models):
    made = {}

    def get(family):
        if family not in made:
            made[family] = create("encoder", f"clip:{models(family)}", device="cpu")
        return made[family]

    return get


@pytest.fixture(params=sorted(LENGTH))
def family(request):
    return request.param


@pytest.fixture
def encoder(encoders, family):
    return encoders(family)


@pytest.fixture
def video():
    return noisy_video()


def directly(folder, family, pictures, texts):
    """What transformers itself says."""
    import torch
    import transformers

    model = transformers.AutoModel.from_pretrained(folder).eval()
    processor = transformers.AutoProcessor.from_pretrained(folder)
    padding = True if family == "clip" else "max_length"
    with torch.inference_mode():
        inputs = processor(images=pictures, return_tensors="pt")
        crops = model.get_image_features(**inputs).pooler_output
        inputs = processor(
            text=list(texts), padding=padding, truncation=True, max_length=LENGTH[family], return_tensors="pt"
        )
        words = model.get_text_features(**inputs).pooler_output
    return [(x / x.norm(dim=-1, keepdim=True)).numpy() for x in (crops, words)]


def test_equals_transformers_called_directly(encoder, models, family, video):
    from PIL import Image

    assert isinstance(encoder, Encoder)
    # CLIP's own preprocessing cuts crops; that of the others keeps them whole
    same = create("encoder", f"clip-centre:{models(family)}", device="cpu") if family == "clip" else encoder
    assert (encoder.crops, same.crops) == (("padded square", "centre square") if family == "clip" else ("whole",) * 2)
    [answer] = same.embed([request(video)])
    pictures = [Image.fromarray(video.images[i]).crop(p) for i in (0, 1) for p in PARTS]
    crops, texts = directly(models(family), family, pictures, TEXTS)
    assert answer.crops == pytest.approx(crops, abs=1e-5)
    assert answer.texts == pytest.approx(texts, abs=1e-5)
    assert answer.crops.dtype == answer.texts.dtype == np.float32
    assert np.linalg.norm(answer.crops, axis=1) == pytest.approx(1, abs=1e-5)
    assert np.ptp(crops @ texts.T) > 1e-2  # the pairs differ, so equality says something


def test_the_batch_does_not_matter(encoder, models, family, video):
    requests = [request(video, (0,)), request(video, (1,), BOXES[:1], TEXTS[:1]), request(video, (1, 0), BOXES[1:])]
    small = create("encoder", f"clip:{models(family)}", device="cpu", batch_size=2)
    for answers in (encoder.embed(requests), small.embed(requests)):
        for one, answer in zip(requests, answers, strict=True):
            [alone] = encoder.embed([one])
            assert answer.crops == pytest.approx(alone.crops, abs=1e-5)
            assert answer.texts == pytest.approx(alone.texts, abs=1e-5)


def test_each_frame_crop_and_text_once(encoder, video, monkeypatch):
    seen = {"encode_crops": 0, "encode_texts": 0}
    for kind in seen:
        original = getattr(encoder.loaded, kind)

        def counted(items, kind=kind, original=original):
            seen[kind] += len(items)
            return original(items)

        monkeypatch.setattr(encoder.loaded, kind, counted)
    monkeypatch.setattr(encoder, "_known", {})  # other tests have asked for these texts
    answers = encoder.embed([request(video), request(video), request(video, (1,))])
    assert sorted(video.decoded) == [0, 1]
    assert seen == {"encode_crops": 8, "encode_texts": 3}
    assert [len(a.crops) for a in answers] == [8, 8, 4]


def test_a_frame_that_cannot_be_read_fails_its_own_request_only(encoder, video):
    bad = Embed("clip", (crop(video, 0, BOXES[0]), crop(video, 2, BOXES[0])), TEXTS)
    answers = encoder.embed([request(video, (0,)), bad, request(video, (0,))])
    assert isinstance(answers[1], FrameError)
    assert np.array_equal(answers[0].crops, answers[2].crops)


def test_crops_or_texts_alone(encoder, family, video):
    width = {"clip": 24}.get(family, 32)
    crops, texts = encoder.embed([request(video, texts=()), request(video, boxes=[])])
    assert (crops.crops.shape, crops.texts.shape, crops.truncated.shape) == ((8, width), (0, width), (0,))
    assert (texts.crops.shape, texts.texts.shape) == ((0, width), (3, width))


def test_long_texts_are_marked_by_the_models_own_length(encoder, family, video):
    length = LENGTH[family]
    count = lambda n: len(encoder.loaded.processor.tokenizer(" ".join("a" * n))["input_ids"])  # noqa: E731
    most = max(n for n in range(1, length) if count(n) <= length)
    texts = [" ".join("a" * n) for n in (1, most, most + 1, 200)]
    [answer] = encoder.embed([request(video, boxes=[], texts=texts)])
    ids = [row["input_ids"] for row in encoder.loaded.tokenize(texts)[0]]
    assert answer.truncated.tolist() == [False, False, True, True]
    assert {len(row) for row in ids} == {length}
    end = encoder.loaded.processor.tokenizer.eos_token_id
    assert [int((row == end).sum()) for row in ids] == [1] * 4


def test_siglip_pads_to_its_whole_length(encoders):
    lengths = {f: len(encoders(f).loaded.tokenize(["red"])[0][0]["input_ids"]) for f in LENGTH}
    assert lengths == {"clip": 4, "siglip": 64, "siglip2": 64}  # start, "re", "d", end


def test_what_stands_in_a_row(encoder, models, family):
    described = encoder.describe_self()
    assert described["name"] == f"clip:{family}"
    assert re.fullmatch("[0-9a-f]{64}", described["weights_sha256"])
    assert json.loads(described["preprocessing"])["image_mean"]
    assert str(models(family).parent) not in json.dumps(described)


def test_nothing_is_loaded_before_it_is_needed():
    encoder = create("encoder", "clip:org/none@abc")
    assert encoder.name == "clip:org/none"
    with pytest.raises(BackendError, match="hf download org/none --revision abc"):
        encoder.describe_self()


def test_other_architectures_are_refused(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "llava"}')
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(BackendError, match="is a llava model; clip takes clip, siglip, siglip2"):
        create("encoder", f"clip:{tmp_path}").describe_self()


def test_weights_are_in_single_precision_whatever_was_published(models, tmp_path):
    import torch
    import transformers

    folder = tmp_path / "half"
    transformers.AutoModel.from_pretrained(models("clip")).to(torch.float16).save_pretrained(folder)
    transformers.AutoProcessor.from_pretrained(models("clip")).save_pretrained(folder)
    encoder = create("encoder", f"clip:{folder}", device="cpu")
    assert {p.dtype for p in encoder.loaded.model.parameters()} == {torch.float32}


def test_halves_its_batches_when_memory_runs_out(models, video, monkeypatch):
    import torch

    encoder = create("encoder", f"clip:{models('clip')}", device="cpu", batch_size=8)
    original = encoder.loaded.encode_crops

    def short_of_memory(items):
        if len(items) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return original(items)

    [expected] = encoder.embed([request(video)])
    monkeypatch.setattr(encoder.loaded, "encode_crops", short_of_memory)
    [answer] = encoder.embed([request(video)])
    assert answer.crops == pytest.approx(expected.crops, abs=1e-5)
    assert encoder.batches.size == 2


def test_the_whole_loop_with_several_encoders(models, tmp_path):
    specs = tuple(f"clip:{models(f)}" for f in sorted(LENGTH))
    rows = annotate(tmp_path, encoders=specs, tracker="none")
    assert [r["status"] for r in rows] == ["ok", "ok"]
    for row in rows:
        assert [a["encoder"] for a in row["alignment"]] == ["clip:clip", "clip:siglip", "clip:siglip2"]
        assert len({a["refined"] for a in row["alignment"]}) == 3
        assert str(tmp_path) not in str(row["provenance"])


def test_a_padded_crop_is_seen_whole_where_the_model_cuts_off_more_than_the_longer_side(models, tmp_path):
    """Some CLIPs are resized to 256 pixels and cut to 224: red at the ends of a crop must reach the network."""
    folder = tmp_path / "wide"
    shutil.copytree(models("clip"), folder)
    for file in folder.glob("*processor_config.json"):
        config = json.loads(file.read_text())
        for part in (config, config.get("image_processor", {})):
            if "size" in part:
                part["size"] = {"shortest_edge": 48}
        file.write_text(json.dumps(config))
    one = create("encoder", f"clip:{folder}", device="cpu")
    figure = np.full((200, 40, 3), 128, np.uint8)
    figure[:12], figure[-12:] = (255, 0, 0), (255, 0, 0)
    seen = one._look(Pillow.fromarray(figure))["pixel_values"].numpy()
    red = seen[0] - seen[1]
    assert red[:3].max() > 1 and red[-3:].max() > 1
