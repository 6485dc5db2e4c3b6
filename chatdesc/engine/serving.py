"""The command that serves a preset's describer, and the one that uses it.

A server answers many sequences at a time in one batch that never waits for its slowest answer, which no loop around a
model does. The flags are those of vLLM 0.33 and transformers 5.

>>> serve_command("gpu", port=8001).options
'--preset gpu --describer openai:Qwen/Qwen3-VL-4B-Instruct --base-url http://127.0.0.1:8001/v1'
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from chatdesc.backends import split_spec
from chatdesc.config import preset as named_preset
from chatdesc.types import ChatdescError

VLLM, TRANSFORMERS = "vllm", "transformers"
PICTURES = 2  # most in one prompt, with --region box+crop
SHARED = 0.6  # of a GPU's memory; grounder, tracker and encoders need the rest


@dataclass(frozen=True, slots=True)
class ServeCommand:
    """Two commands for a shell.

    Attributes:
        model: the model that is served.
        key: a line that makes the key of both commands; empty where the server asks for none.
        serve: starts the server, on this machine's loopback address alone.
        ready: waits until it answers.
        options: what ``chatdesc annotate`` needs beside it.
        installed: what the server needs: a package of PyPI.
    """

    model: str
    key: str
    serve: str
    ready: str
    options: str
    installed: str


def serve_command(
    preset: str = "gpu",
    *,
    describer: str | None = None,
    server: str = VLLM,
    port: int = 8000,
    gpus: int = 1,
    memory: float = SHARED,
) -> ServeCommand:
    """The commands that serve a describer's model and use it.

    Args:
        preset: whose describer is served.
        describer: ``transformers:MODEL@REVISION`` or ``openai:MODEL`` in place of the preset's.
        server: ``vllm``, or ``transformers`` where no GPU is at hand or the model is not in vLLM.
        port: on 127.0.0.1.
        gpus: vLLM: replicas of the model, one per GPU; requests are shared out among them.
        memory: vLLM: share of each GPU's memory; the other models of the preset need the rest.

    Raises:
        ChatdescError: no such preset or server, or the describer has no model to serve.
    """
    chosen = describer or named_preset(preset).settings.describer
    name, model, revision = _model_of(chosen)
    if not model or name not in (TRANSFORMERS, "openai"):
        raise ChatdescError(f"describer {chosen} has no model to serve; give --describer transformers:MODEL")
    if gpus < 1 or not 0 < memory <= 1 or not 0 < port < 65536:
        raise ChatdescError("--gpus is 1 or more, --memory a share in (0, 1], --port from 1 to 65535")
    where = ["--host", "127.0.0.1", "--port", str(port)]
    use = ["--preset", preset, "--describer", f"openai:{model}", "--base-url", f"http://127.0.0.1:{port}/v1"]
    ready = f"until curl --silent --fail --output /dev/null http://127.0.0.1:{port}/health; do sleep 5; done"
    if server == VLLM:
        command = ["vllm", "serve", model, *_revision(revision), *where, "--limit-mm-per-prompt.image", str(PICTURES)]
        command += ["--gpu-memory-utilization", f"{memory:g}"]
        command += ["--data-parallel-size", str(gpus)] if gpus > 1 else []
        key = "export OPENAI_API_KEY=$(openssl rand -hex 32)"
        return ServeCommand(
            model, key, f"VLLM_API_KEY=$OPENAI_API_KEY {shlex.join(command)}", ready, shlex.join(use), VLLM
        )
    if server == TRANSFORMERS:
        pinned = f"{model}@{revision}" if revision else model
        command = [TRANSFORMERS, "serve", pinned, *where]
        return ServeCommand(model, "", shlex.join(command), ready, shlex.join(use), "transformers[serving]")
    raise ChatdescError(f"--server is {VLLM} or {TRANSFORMERS}, not {server!r}")


def _model_of(describer: str) -> tuple[str, str, str]:
    """Backend, model and revision; an openai model has no revision, its whole name is the model's."""
    if describer.startswith("openai:"):
        return "openai", describer.removeprefix("openai:"), ""
    return split_spec(describer)


def _revision(revision: str) -> list[str]:
    return ["--revision", revision] if revision else []
