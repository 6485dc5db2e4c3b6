import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from chatdesc.backends import hub
from chatdesc.types import BackendError

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LATER = "fedcba9876543210fedcba9876543210fedcba98"


def write_model(folder, weights=b"weights", **config):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "llava"} | config))
    (folder / "model.safetensors").write_bytes(weights)
    return folder


@pytest.fixture
def cached(tmp_path, hub_cache):
    """A repository in the cache; gives its root."""
    hub_cache("org/tiny", write_model(tmp_path / "downloaded"), COMMIT)
    return Path(os.environ["HF_HOME"], "hub", "models--org--tiny")


def test_a_cached_model_is_found_offline_with_its_commit(cached):
    found = hub.resolve("org/tiny")
    assert (found.name, found.commit, found.source) == ("org/tiny", COMMIT, "org/tiny")
    assert found.path == cached / "snapshots" / COMMIT
    assert found.facts() == {"model": "org/tiny", "revision": COMMIT}
    assert found.arguments() == {"revision": COMMIT}
    assert found.config["model_type"] == "llava"


def test_a_revision_is_looked_up(cached):
    write_model(cached / "snapshots" / LATER)
    (cached / "refs" / "v2").write_text(LATER)
    assert hub.resolve("org/tiny", "v2").commit == LATER
    assert hub.resolve("org/tiny", COMMIT).commit == COMMIT
    with pytest.raises(BackendError, match=r"hf download org/tiny --revision v3"):
        hub.resolve("org/tiny", "v3")


def test_weights_that_are_missing_offline_are_missed_at_once(cached):
    (cached / "snapshots" / COMMIT / "model.safetensors").unlink()
    with pytest.raises(BackendError, match=r"weights are not in the cache.*`hf download org/tiny`"):
        hub.resolve("org/tiny")


def test_online_weights_may_come_later(cached, monkeypatch):
    (cached / "snapshots" / COMMIT / "model.safetensors").unlink()
    monkeypatch.setattr(hub, "offline", lambda: False)
    assert hub.resolve("org/tiny").commit == COMMIT


def test_all_parts_of_sharded_weights_are_asked_for(tmp_path):
    folder = write_model(tmp_path / "sharded")
    parts = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    (folder / "model.safetensors").rename(folder / parts[0])
    index = {"weight_map": {"a": parts[0], "b": parts[1]}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(BackendError, match="sharded: weights are missing"):
        hub.resolve(str(folder))
    (folder / parts[1]).write_bytes(b"more")
    assert hub.resolve(str(folder)).name == "sharded"


def test_a_folder_is_known_by_its_last_name_and_its_weights(tmp_path, monkeypatch):
    folder = write_model(tmp_path / "home" / "mine@2")
    found = hub.resolve(f"{tmp_path}/home/mine", "2")  # a spec is split at its @
    assert (found.path, found.name, found.commit, found.arguments()) == (folder, "mine@2", "", {})
    facts = found.facts()
    assert facts.keys() == {"model", "weights_sha256"}
    assert str(tmp_path) not in json.dumps(facts)
    monkeypatch.chdir(tmp_path)
    assert hub.resolve("home/mine@2").facts() == facts
    write_model(folder, b"other weights")
    assert hub.resolve("home/mine@2").facts() != facts


def test_folders_that_are_no_models(tmp_path):
    (tmp_path / "empty").mkdir()
    for model, message in [
        (str(tmp_path / "empty"), r"^empty: has no config\.json"),
        (str(tmp_path / "none"), "no folder 'none'"),
        ("~/chatdesc-none", "no folder 'chatdesc-none'"),
        ("", "no model is named"),
        ("a b/c", "neither a folder nor a Hub id"),
        ("org/none", r"`hf download org/none`, or name a local folder"),
    ]:
        with pytest.raises(BackendError, match=message) as caught:
            hub.resolve(model)
        assert str(tmp_path) not in str(caught.value)


def at_the_hub(kind, status):
    from huggingface_hub import errors

    response = SimpleNamespace(status_code=status, headers={}, request=None)
    return getattr(errors, kind)("a long story\nin lines", response=response)


@pytest.mark.parametrize(
    ("kind", "status", "message"),
    [
        ("GatedRepoError", 403, r"gated: accept its terms at https://huggingface\.co/org/tiny.*`hf auth login`"),
        ("RepositoryNotFoundError", 404, r"no model 'org/tiny', or it is private"),
        ("RevisionNotFoundError", 404, r"no revision 'v9'"),
        ("RemoteEntryNotFoundError", 404, r"has no config\.json"),
        ("HfHubHTTPError", 503, r"not to be had \(a long story\)\. With access"),
    ],
)
def test_what_the_hub_says_becomes_a_remedy(monkeypatch, kind, status, message):
    import huggingface_hub

    def refuse(*args, **options):
        raise at_the_hub(kind, status)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", refuse)
    with pytest.raises(BackendError, match=message) as caught:
        hub.resolve("org/tiny", "v9")
    assert "\n" not in str(caught.value)


class Loads:
    """Stands for a class of transformers."""

    error: Exception | None = None

    @classmethod
    def from_pretrained(cls, source, **options):
        from transformers.utils import logging as their

        if cls.error:
            raise OSError("transformers' own words") from cls.error
        return source, options, their.get_verbosity(), their.is_progress_bar_enabled()


def test_loading_asks_for_the_commit_and_is_quiet(cached):
    from huggingface_hub.utils import are_progress_bars_disabled
    from transformers.utils import logging as their

    before = their.get_verbosity(), their.is_progress_bar_enabled(), are_progress_bars_disabled()
    assert hub.load(Loads, hub.resolve("org/tiny"), dtype="x") == (
        "org/tiny",
        {"revision": COMMIT, "trust_remote_code": False, "dtype": "x"},
        40,
        False,
    )
    assert (their.get_verbosity(), their.is_progress_bar_enabled(), are_progress_bars_disabled()) == before


def test_loading_errors_name_the_model_and_the_way_out(cached, tmp_path, monkeypatch):
    monkeypatch.setattr(Loads, "error", at_the_hub("GatedRepoError", 403))
    with pytest.raises(BackendError, match="is gated: accept"):
        hub.load(Loads, hub.resolve("org/tiny"))
    folder = write_model(tmp_path / "mine")
    monkeypatch.setattr(Loads, "error", ValueError("shapes"))
    with pytest.raises(BackendError, match=r"^mine cannot be loaded as Loads: transformers' own words"):
        hub.load(Loads, hub.resolve(str(folder)))


def test_devices_and_precision(monkeypatch):
    import torch

    assert hub.pick_device("cpu") == "cpu"
    assert hub.pick_dtype("cpu") is hub.pick_dtype("mps") is torch.float32
    assert hub.pick_attention("cpu") == "sdpa"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert hub.pick_device() == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert (hub.pick_device(), hub.pick_device("cuda:0")) == ("cuda", "cuda:0")
    for device, message in [("cuda:1", "sees 1 GPUs"), ("mps", "no Metal"), ("toaster", "none of auto, cpu")]:
        with pytest.raises(BackendError, match=message):
            hub.pick_device(device)
    monkeypatch.setattr(hub, "find_spec", lambda name: object())
    assert (hub.pick_attention("cuda"), hub.pick_attention("cpu")) == ("flash_attention_2", "sdpa")


@pytest.mark.parametrize(("supported", "name"), [(True, "bfloat16"), (False, "float16")])
def test_half_precision_on_a_gpu_is_what_it_can_do(monkeypatch, supported, name):
    from contextlib import nullcontext

    import torch

    monkeypatch.setattr(torch.cuda, "device", lambda device: nullcontext())
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: supported)
    assert hub.pick_dtype("cuda:0") is getattr(torch, name)
