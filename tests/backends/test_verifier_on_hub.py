"""Trained verifiers are pushed by huggingface_hub's mixin over real HTTP, and named on the command line from there."""

import json
import os
import subprocess
import sys

import pytest
import torch

from chatdesc.verification.learning.choosing import choose
from chatdesc.verification.learning.networks import NETWORKS
from tests.makers.evidence import HERE, THERE, evidence
from tests.standins.hub import Hub, User

TOKEN = "hf_adas-own-token"
ASKED = [evidence([THERE, HERE], template=[0.9, 0.2]), evidence([THERE, HERE, HERE])]
PUSH = """
import sys
from pathlib import Path
from chatdesc.verification.learning.networks import NETWORKS
for kind, network in NETWORKS.items():
    network.from_pretrained(Path(sys.argv[1], kind)).push_to_hub(f"ada/{kind}", private=True)
"""
LOAD = """
import json, sys
from chatdesc.backends import create
from chatdesc.types import Verify
from tests.backends.test_verifier_on_hub import ASKED
for name in sys.argv[1:]:
    verifier = create("verifier", name)
    choices = verifier.choose([Verify("learned", e) for e in ASKED])
    print(json.dumps([verifier.describe_self(), [[choice.index, choice.doubt] for choice in choices]]))
"""


def test_pushed_and_loaded(tmp_path):
    torch.manual_seed(3)
    networks = {kind: network() for kind, network in NETWORKS.items()}
    for kind, network in networks.items():
        network.save_pretrained(tmp_path / kind)
    with Hub({TOKEN: User("ada")}) as hub:
        own = {"HF_ENDPOINT": hub.url, "HF_TOKEN": TOKEN, "HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "0"}

        def run(code, *arguments):
            done = subprocess.run(
                [sys.executable, "-c", code, *arguments],
                env=os.environ | own | {"HF_HUB_DISABLE_XET": "1"},
                capture_output=True,
                text=True,
                timeout=300,
            )
            assert done.returncode == 0, done.stderr
            return done.stdout

        run(PUSH, str(tmp_path))
        heads = {kind: hub.head(f"models/ada/{kind}") for kind in NETWORKS}
        for kind in NETWORKS:
            assert hub.files(f"models/ada/{kind}").keys() == {"README.md", "config.json", "model.safetensors"}
        # With a commit, and by the name alone, which is resolved to its commit.
        asked = [f"learned:ada/{kind}@{head}" for kind, head in heads.items()] + ["learned:ada/set"]
        answers = [json.loads(line) for line in run(LOAD, *asked).splitlines()]
    for (facts, chosen), kind in zip(answers, ["linear", "set", "set"], strict=True):
        assert facts == {"name": f"learned:ada/{kind}", "model": f"ada/{kind}", "revision": heads[kind]}
        here = choose(networks[kind].eval(), ASKED)
        assert [index for index, _ in chosen] == [choice.index for choice in here]
        assert [doubt for _, doubt in chosen] == pytest.approx([choice.doubt for choice in here], abs=1e-5)
