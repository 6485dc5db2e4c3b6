import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from chatdesc.backends import create
from chatdesc.backends.learned_verifier import LearnedVerifier
from chatdesc.types import BackendError, Verify
from chatdesc.verification.features import NAMES
from chatdesc.verification.learning.choosing import choose
from chatdesc.verification.learning.networks import Linear, SetEncoder
from tests.makers.evidence import HERE, THERE, evidence

COMMIT = "c" * 40
ASKED = [evidence([THERE, HERE], template=[0.9, 0.2]), evidence([THERE, HERE, HERE])]


@pytest.fixture(params=[Linear, SetEncoder], ids=["linear", "set"])
def folder(request, tmp_path):
    torch.manual_seed(3)
    request.param().save_pretrained(tmp_path / "mine")
    return tmp_path / "mine"


def test_a_folder_answers_as_its_network_does(folder, capsys):
    verifier = create("verifier", f"learned:{folder}", device="cpu")
    network = (
        (Linear if "linear" in (folder / "config.json").read_text() else SetEncoder).from_pretrained(folder).eval()
    )
    capsys.readouterr()
    assert verifier.choose([Verify("learned", e) for e in ASKED]) == choose(network, ASKED)
    assert capsys.readouterr() == ("", "")  # from_pretrained prints
    assert verifier.name == "learned:mine"
    assert verifier.describe_self().keys() == {"name", "model", "weights_sha256"}


def test_the_shipped_ones():
    found = {name: create("verifier", name).choose([Verify("", e) for e in ASKED]) for name in
             ("learned", "learned:tiny:verifier", "learned:tiny:verifier-linear")}  # fmt: skip
    assert found["learned"] == found["learned:tiny:verifier"] != found["learned:tiny:verifier-linear"]


def change_config(folder, **changes):
    config = json.loads((folder / "config.json").read_text()) | changes
    (folder / "config.json").write_text(json.dumps({k: v for k, v in config.items() if v is not None}))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"features": [*NAMES[1:], "mood"]}, "trained with other features"),
        ({"features": None}, "is no verifier"),
        ({"kind": "forest"}, "of the kind 'forest'"),
        ({"width": 3.5, "count": 2}, "cannot be loaded"),
    ],
)
def test_a_configuration_of_something_else(folder, changes, said):
    change_config(folder, **changes)
    with pytest.raises(BackendError, match=said):
        LearnedVerifier(str(folder)).describe_self()


def test_a_missing_weight_is_no_small_matter(folder):
    weights = load_file(folder / "model.safetensors")
    save_file({k: v for k, v in weights.items() if k != "none.weight"}, folder / "model.safetensors")
    with pytest.raises(BackendError, match=r"cannot be loaded.*train it again"):
        LearnedVerifier(str(folder)).describe_self()


def test_a_pickle_is_not_read(folder):
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    with pytest.raises(BackendError, match=r"has no model\.safetensors"):
        LearnedVerifier(str(folder)).describe_self()


@pytest.mark.parametrize("name", ["similarity", "oracle"])
def test_what_has_no_model_takes_none(name):
    with pytest.raises(BackendError, match="has no model"):
        create("verifier", f"{name}:org/model")


def test_a_repository_of_the_hub_is_loaded_by_its_commit(folder, hub_cache):
    hub_cache("org/mine", folder, COMMIT)
    here = create("verifier", f"learned:{folder}")
    there = create("verifier", f"learned:org/mine@{COMMIT}")
    asked = [Verify("learned", e) for e in ASKED]
    assert there.choose(asked) == here.choose(asked)
    assert there.describe_self() == {"name": "learned:org/mine", "model": "org/mine", "revision": COMMIT}
    kind = Linear if "linear" in (folder / "config.json").read_text() else SetEncoder
    again = kind.from_pretrained("org/mine", revision=COMMIT).eval()
    assert choose(again, ASKED) == here.choose(asked)


def test_a_repository_without_safetensors_is_refused(folder, hub_cache):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    hub_cache("org/mine", folder, COMMIT)
    with pytest.raises(BackendError, match="org/mine"):
        create("verifier", f"learned:org/mine@{COMMIT}").describe_self()
