import json
import re
from contextlib import nullcontext, suppress

import numpy as np
import pytest

from chatdesc.backends import create
from chatdesc.backends.crop_encoder import cut_out
from chatdesc.backends.open_clip import OpenClipEncoder
from chatdesc.backends.open_clip_model import parse_spec
from chatdesc.protocols import Encoder
from chatdesc.types import BackendError, Crop, Embed, FrameError, FrameRef
from tests.makers.crops import BOXES, TEXTS, CountedFrames, crop, noisy_video, request
from tests.makers.sequences import frames_of
from tests.standins import hostile

TINY = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "patch_size": 8, "head_width": 32},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
}


@pytest.fixture(scope="module")
def local_dir(tmp_path_factory):
    """A small model with random weights in the layout that open_clip publishes."""
    import open_clip
    import torch
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("models") / "tiny-vit"
    folder.mkdir()
    config = folder.parent / "chatdesc-tiny.json"
    config.write_text(json.dumps(TINY))
    open_clip.add_model_config(config)
    torch.manual_seed(0)
    weights = open_clip.create_model("chatdesc-tiny").state_dict()
    torch.save(weights, folder.parent / "tiny.pt")
    save_file({k: v.contiguous() for k, v in weights.items()}, folder / "open_clip_model.safetensors")
    preprocessing = {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.3, 0.4], "interpolation": "bicubic"}
    described = {"model_cfg": TINY, "preprocess_cfg": preprocessing}
    (folder / "open_clip_config.json").write_text(json.dumps(described))
    return folder


@pytest.fixture(scope="module")
def encoder(local_dir):
    return create("encoder", f"open-clip:local-dir:{local_dir}", device="cpu")


@pytest.fixture
def video():
    return noisy_video()


def directly(local_dir, images, texts):
    """What open_clip itself says."""
    import open_clip
    import torch

    name = f"local-dir:{local_dir}"
    model, _, preprocess = open_clip.create_model_and_transforms(name)
    tokens = open_clip.get_tokenizer(name)(list(texts))
    with torch.inference_mode():
        pictures = model.eval().encode_image(torch.stack([preprocess(i) for i in images]), normalize=True)
        return pictures.numpy(), model.encode_text(tokens, normalize=True).numpy()


def centre_of(local_dir):
    return create("encoder", f"open-clip-centre:local-dir:{local_dir}", device="cpu")


def test_the_centre_variant_equals_open_clip_called_directly(local_dir, video):
    from PIL import Image

    encoder = centre_of(local_dir)
    assert isinstance(encoder, Encoder)
    [answer] = encoder.embed([request(video)])
    # The boxes of BOXES on whole pixels and within the image of 128 x 96, worked out by hand.
    parts = [(4, 6, 24, 36), (41, 11, 91, 32), (0, 0, 22, 25), (90, 70, 128, 96)]
    images = [Image.fromarray(video.images[i]).crop(p) for i in (0, 1) for p in parts]
    crops, texts = directly(local_dir, images, TEXTS)
    assert answer.crops == pytest.approx(crops, abs=1e-5)
    assert answer.texts == pytest.approx(texts, abs=1e-5)
    assert answer.crops.dtype == answer.texts.dtype == np.float32
    assert np.linalg.norm(answer.crops, axis=1) == pytest.approx(1, abs=1e-5)
    assert np.ptp(crops @ texts.T) > 1e-2  # the pairs differ, so equality says something


def test_the_whole_of_an_elongated_target_is_seen(encoder, local_dir):
    """A figure of 40 x 200 pixels: what it wears on its head and feet lies outside its centre square."""
    frame = np.full((240, 60, 3), 127, np.uint8)
    plain, dressed = frame.copy(), frame.copy()
    dressed[20:50, 10:50], dressed[190:220, 10:50] = (255, 0, 0), (0, 0, 255)
    crops = [Crop(FrameRef(frames_of([image]), 0), np.float32([10, 20, 40, 200])) for image in (plain, dressed)]
    apart = {}
    for one in (encoder, centre_of(local_dir)):
        [answer] = one.embed([Embed(one.name, tuple(crops), ("a",))])
        apart[one.crops] = float(np.abs(answer.crops[0] - answer.crops[1]).max())
    assert apart["centre square"] < 1e-6 and apart["padded square"] > 1e-2


def test_it_says_what_it_sees_of_a_crop(encoder, local_dir):
    padded, centre = encoder.describe_self(), centre_of(local_dir).describe_self()
    assert (padded["crops"], centre["crops"]) == ("padded square", "centre square")
    assert (padded["name"], centre["name"]) == ("open-clip:local-dir:tiny-vit", "open-clip-centre:local-dir:tiny-vit")
    assert {k: v for k, v in padded.items() if k not in ("name", "crops")} == {
        k: v for k, v in centre.items() if k not in ("name", "crops")
    }
    assert create("encoder", "open-clip:tiny:clip", device="cpu").describe_self()["crops"] == "whole"  # it squeezes


def test_the_batch_does_not_matter(encoder, local_dir, video):
    requests = [request(video, (0,)), request(video, (1,), BOXES[:1], TEXTS[:1]), request(video, (1, 0), BOXES[1:])]
    small = OpenClipEncoder(f"local-dir:{local_dir}", device="cpu", batch_size=2)
    for answers in (encoder.embed(requests), small.embed(requests)):
        for one, answer in zip(requests, answers, strict=True):
            [alone] = encoder.embed([one])
            assert answer.crops == pytest.approx(alone.crops, abs=1e-5)
            assert answer.texts == pytest.approx(alone.texts, abs=1e-5)


def test_each_frame_crop_and_text_once(encoder, video, monkeypatch):
    seen = {"image": 0, "text": 0}
    model = encoder.loaded.model
    for kind in seen:
        original = getattr(model, f"encode_{kind}")

        def counted(batch, normalize, kind=kind, original=original):
            seen[kind] += len(batch)
            return original(batch, normalize=normalize)

        monkeypatch.setattr(model, f"encode_{kind}", counted)
    monkeypatch.setattr(encoder, "_known", {})  # other tests have asked for these texts
    answers = encoder.embed([request(video), request(video), request(video, (1,))])
    assert sorted(video.decoded) == [0, 1]
    assert seen == {"image": 8, "text": 3}
    assert [len(a.crops) for a in answers] == [8, 8, 4]


def test_on_a_cpu_the_crops_of_a_request_share_a_pass_and_no_others(encoder, video, monkeypatch):
    model, passes = encoder.loaded.model, []
    for kind in ("encode_image", "encode_text"):
        original = getattr(model, kind)

        def counted(batch, normalize, kind=kind, original=original):
            passes.append((kind, len(batch)))
            return original(batch, normalize=normalize)

        monkeypatch.setattr(model, kind, counted)
    monkeypatch.setattr(encoder, "_known", {})
    encoder.embed([request(video, (0,)), request(video, (1,))])
    assert passes == [("encode_image", 4)] * 2 + [("encode_text", 1)] * 3


def test_batches_are_bounded(local_dir, video, monkeypatch):
    small = OpenClipEncoder(f"local-dir:{local_dir}", device="cpu", batch_size=3)
    sizes = []
    original = small.loaded.encode_crops
    monkeypatch.setattr(small.loaded, "encode_crops", lambda items: sizes.append(len(items)) or original(items))
    small.embed([request(video)])
    assert sizes == [3, 3, 2]


def test_a_frame_that_cannot_be_read_fails_its_own_request_only(encoder, video):
    good, bad = request(video, (0,)), Embed("clip", (crop(video, 0, BOXES[0]), crop(video, 2, BOXES[0])), TEXTS)
    answers = encoder.embed([good, bad, good])
    assert isinstance(answers[1], FrameError)
    assert np.array_equal(answers[0].crops, answers[2].crops)


@pytest.mark.parametrize("box", [[np.nan, 0, 5, 5], [0, 0, 0, 5], [0, 0, 5, -2]])
def test_no_crop_of_what_is_no_box(encoder, video, box):
    good, bad = encoder.embed([request(video), request(video, boxes=[box])])
    assert isinstance(bad, BackendError)
    assert "nothing to crop" in str(bad)
    assert len(good.crops) == 8


@pytest.mark.parametrize("box", [[500, 500, 9, 9], [-50, -50, 9, 9], [3, 3, 0.2, 0.2]])
def test_a_crop_is_at_least_one_pixel(box):
    assert cut_out(np.zeros((20, 30, 3), np.uint8), box).size == (1, 1)


def test_crops_or_texts_alone(encoder, video):
    crops, texts = encoder.embed([request(video, texts=()), request(video, boxes=[])])
    assert (crops.crops.shape, crops.texts.shape, crops.truncated.shape) == ((8, 32), (0, 32), (0,))
    assert (texts.crops.shape, texts.texts.shape) == ((0, 32), (3, 32))


def words(count):
    return " ".join(["car"] * count)


def test_long_texts_are_marked_and_keep_their_end(encoder, video):
    texts = ["car", words(75), words(76), words(400), "!" * 3]  # start and end tokens make 75 words 77 tokens
    [answer] = encoder.embed([request(video, boxes=[], texts=texts)])
    assert answer.truncated.tolist() == [False, False, True, True, False]
    tokens, _ = encoder.loaded.tokenize(texts)
    end = encoder.loaded.tokenizer.eot_token_id
    assert tokens.shape[1] == 77
    assert (tokens == end).sum(1).tolist() == [1] * 5


def test_an_odd_tokenizer_shows_a_cut_too(encoder, monkeypatch):
    import torch

    def without_end_token(texts, context_length=77):
        rows = [[ord(c) for c in text][:context_length] for text in texts]
        return torch.tensor([row + [0] * (context_length - len(row)) for row in rows])

    monkeypatch.setattr(encoder.loaded, "tokenizer", without_end_token)
    assert encoder.loaded.tokenize(["a" * 77, "a" * 78, "a" * 200])[1] == [False, True, True]


def test_padding_with_the_end_token_hides_no_cut(encoder, monkeypatch):
    import torch

    def padded_with_its_end(texts, context_length=77, end=9):
        rows = [[*map(ord, text[: context_length - 1]), end] for text in texts]
        return torch.tensor([row + [end] * (context_length - len(row)) for row in rows])

    monkeypatch.setattr(encoder.loaded, "tokenizer", padded_with_its_end)
    assert encoder.loaded.tokenize(["a" * 76, "a" * 77, "a" * 200])[1] == [False, True, True]


def test_what_stands_in_a_row(encoder, local_dir):
    described = encoder.describe_self()
    assert described["name"] == "open-clip:local-dir:tiny-vit"
    assert described["weights_hash_of"] == "tensors"
    assert re.fullmatch("[0-9a-f]{64}", described["weights_sha256"])
    assert json.loads(described["preprocessing"])["mean"] == [0.5, 0.4, 0.3]
    assert str(local_dir.parent) not in json.dumps(described)
    again = OpenClipEncoder(f"local-dir:{local_dir}", device="cpu")
    assert again.describe_self() == described


def test_a_checkpoint_file(encoder, local_dir):
    import hashlib

    file = local_dir.parent / "tiny.pt"
    from_file = create("encoder", f"open-clip:chatdesc-tiny/{file}", device="cpu")
    described = from_file.describe_self()
    assert from_file.name == "open-clip:chatdesc-tiny/tiny.pt"
    assert described["weights_sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert described["weights_hash_of"] == "file"
    assert str(file.parent) not in json.dumps(described)
    text = encoder.embed([Embed("clip", (), TEXTS)])[0].texts
    assert from_file.embed([Embed("clip", (), TEXTS)])[0].texts == pytest.approx(text, abs=1e-6)


def test_the_hash_notices_one_changed_number(encoder):
    import torch

    from chatdesc.backends.open_clip_model import state_hash

    before = state_hash(encoder.loaded.model)
    with torch.no_grad():
        encoder.loaded.model.logit_scale += 1e-3
        changed = state_hash(encoder.loaded.model)
        encoder.loaded.model.logit_scale -= 1e-3
    assert changed != before


def test_nothing_is_loaded_before_it_is_needed():
    encoder = create("encoder", "open-clip:hf-hub:org/none")
    assert encoder.name == "open-clip:hf-hub:org/none"
    assert "loaded" not in vars(encoder)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("ViT-B32-quickgelu/openai", r"no model 'ViT-B32-quickgelu'; did you mean .*ViT-B-32-quickgelu"),
        ("ViT-B-32-quickgelu/open", r"no weights of ViT-B-32-quickgelu; did you mean openai"),
        ("RN50-quickgelu/nope.pt", r"no weights of RN50-quickgelu; there are: openai, yfcc15m, cc12m"),
        ("RN50-quickgelu/openai", r"cannot|neither in the cache nor to be downloaded.*HF_HUB_OFFLINE.*local copy"),
        ("hf-hub:org/none", r"neither in the cache"),
        ("hf-hub:org/none@abc", r"neither in the cache"),
    ],
)
def test_models_that_are_not_to_be_had(model, message):
    with pytest.raises(BackendError, match=message):
        create("encoder", f"open-clip:{model}", device="cpu").describe_self()


@pytest.mark.parametrize("model", ["", "ViT-B-32-quickgelu", "/openai"])
def test_weights_must_be_named(model):
    with pytest.raises(BackendError, match=r"names no weights; write NAME/TAG"):
        OpenClipEncoder(model)


def test_a_broken_folder_is_named_without_its_parents(tmp_path):
    (tmp_path / "broken").mkdir()
    with pytest.raises(BackendError, match=r"local-dir:broken cannot be loaded") as caught:
        OpenClipEncoder(f"local-dir:{tmp_path / 'broken'}", device="cpu").describe_self()
    assert str(tmp_path) not in str(caught.value)


def test_a_revision_on_the_hub_is_fetched_by_it(local_dir, monkeypatch):
    import huggingface_hub

    asked = {}

    def fetch(repository, revision, allow_patterns):
        asked.update(repository=repository, revision=revision)
        return str(local_dir)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetch)
    encoder = create("encoder", "open-clip:hf-hub:org/tiny@abc", device="cpu")
    assert encoder.describe_self()["revision"] == "abc"
    assert asked == {"repository": "org/tiny", "revision": "abc"}


def test_a_path_may_hold_an_at_sign():
    assert parse_spec("local-dir:/models/clip", "2024/tiny").name == "local-dir:/models/clip@2024/tiny"


def test_halves_its_batches_when_memory_runs_out(local_dir, video, monkeypatch):
    import torch

    encoder = OpenClipEncoder(f"local-dir:{local_dir}", device="cpu", batch_size=8)
    original = encoder.loaded.encode_crops

    def short_of_memory(items):
        if len(items) > 2:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return original(items)

    [expected] = encoder.embed([request(video)])
    monkeypatch.setattr(encoder.loaded, "encode_crops", short_of_memory)
    [answer] = encoder.embed([request(video)])
    assert answer.crops == pytest.approx(expected.crops, abs=1e-5)
    assert encoder.batches.size == 2


def test_out_of_memory_at_one_item_says_what_to_do(local_dir, video, monkeypatch):
    import torch

    def no_memory(items):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    encoder = OpenClipEncoder(f"local-dir:{local_dir}", device="cpu", batch_size=4)
    monkeypatch.setattr(encoder.loaded, "encode_crops", no_memory)
    with pytest.raises(BackendError, match="smaller model or --device cpu"):
        encoder.embed([request(video)])


def test_a_trained_model_prefers_the_right_words(shared_data):
    folder = shared_data / "tiny_models" / "clip"
    encoder = OpenClipEncoder(f"local-dir:{folder}", device="cpu")
    image = np.full((64, 64, 3), 128, np.uint8)
    image[12:52, 12:52] = [210, 30, 30]
    frames = CountedFrames([image])
    texts = ("a red square", "a blue circle", "red " * 100)
    [answer] = encoder.embed([Embed("clip", (crop(frames, 0, [4, 4, 56, 56]),), texts)])
    assert answer.texts[0] @ answer.crops[0] > answer.texts[1] @ answer.crops[0]
    assert answer.truncated.tolist() == [False, False, True]


def test_a_repositorys_code_does_not_run(tmp_path):
    mark = tmp_path / "ran"
    folder = hostile.model(tmp_path / "model", mark)
    with pytest.raises(BackendError, match="asks to run Python code of a repository"):
        create("encoder", f"open-clip:local-dir:{folder}", device="cpu").describe_self()
    assert not mark.exists()


def test_the_hub_is_asked_before_a_repositorys_code_could_run(tmp_path, monkeypatch):
    import open_clip.factory

    mark = tmp_path / "ran"
    folder = hostile.model(tmp_path / "model", mark)
    config = json.loads((folder / "open_clip_config.json").read_text())
    monkeypatch.setattr(open_clip.factory, "_get_hf_config", lambda name, **_: config)
    with pytest.raises(BackendError, match="asks to run Python code of a repository"):
        create("encoder", "open-clip:hf-hub:org/hostile", device="cpu").describe_self()
    assert not mark.exists()


def test_code_that_the_configuration_does_not_ask_for_is_refused_without_a_question(tmp_path, monkeypatch):
    mark = tmp_path / "ran"
    folder = hostile.model(tmp_path / "model", mark, repository_code=False)
    monkeypatch.setattr("builtins.input", lambda *_: "y")
    with pytest.raises(BackendError):
        create("encoder", f"open-clip:local-dir:{folder}", device="cpu").describe_self()
    assert not mark.exists()


def test_the_tokenizer_is_told_to_run_no_code_whatever_the_configuration_says(tmp_path, monkeypatch):
    """The last of three refusals, alone."""
    mark = tmp_path / "ran"
    folder = hostile.model(tmp_path / "model", mark)
    monkeypatch.setattr("chatdesc.backends.open_clip_model.refuse_remote_code", lambda *_: None)
    monkeypatch.setattr("chatdesc.backends.open_clip_model.no_remote_code", nullcontext)
    monkeypatch.setattr("builtins.input", lambda *_: "y")
    with suppress(BackendError):
        create("encoder", f"open-clip:local-dir:{folder}", device="cpu").describe_self()
    assert not mark.exists()
