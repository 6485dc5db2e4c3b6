"""The commands that serve a model: what a shell makes of them, and what is refused."""

from __future__ import annotations

import os
import subprocess

import pytest

from chatdesc.engine.serving import serve_command
from chatdesc.types import ChatdescError
from tests.makers.commands import call


def test_a_shell_starts_vllm_on_loopback_with_the_key_that_annotate_sends(tmp_path):
    stub = tmp_path / "vllm"
    stub.write_text(
        '#!/bin/sh\nprintf "%s\\n" "$@"; [ "$VLLM_API_KEY" = "$OPENAI_API_KEY" ] && echo ${#VLLM_API_KEY}\n'
    )
    stub.chmod(0o755)
    found = serve_command("gpu", describer="transformers:a/model@v1", gpus=8, port=8123, memory=0.7)
    path = f"{tmp_path}:{os.environ['PATH']}"
    said = subprocess.run(
        ["bash", "-c", f"{found.key}\n{found.serve}"], env={"PATH": path}, capture_output=True, text=True, check=True
    ).stdout.split()
    assert said[:2] == ["serve", "a/model"]
    assert said[-1] == "64"
    options = dict(zip(said[2:-1:2], said[3:-1:2], strict=True))
    assert options == {
        "--revision": "v1", "--host": "127.0.0.1", "--port": "8123", "--limit-mm-per-prompt.image": "2",
        "--gpu-memory-utilization": "0.7", "--data-parallel-size": "8",
    }  # fmt: skip
    assert found.options == "--preset gpu --describer openai:a/model --base-url http://127.0.0.1:8123/v1"


def test_transformers_serves_one_model_and_asks_for_no_key():
    found = serve_command("gpu", describer="openai:an/org@model", server="transformers")
    assert (found.key, found.installed) == ("", "transformers[serving]")
    assert found.serve == "transformers serve an/org@model --host 127.0.0.1 --port 8000"


def test_the_command_prints_a_script():
    lines = call("serve-command", "--preset", "gpu").output.splitlines()
    assert [line.split()[0] for line in lines] == ["#", "export", "VLLM_API_KEY=$OPENAI_API_KEY", "until", "chatdesc"]
    assert subprocess.run(["bash", "-n", "-c", "\n".join(lines)], check=False).returncode == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"preset": "offline"}, "no model to serve"),
        ({"preset": "gpuu"}, "no preset"),
        ({"server": "tgi"}, "--server is vllm or transformers"),
        ({"gpus": 0}, "--gpus"),
        ({"memory": 1.1}, "--memory"),
        ({"port": 70000}, "--port"),
    ],
)
def test_what_cannot_be_served_is_refused(options, said):
    with pytest.raises(ChatdescError, match=said):
        serve_command(**options)
