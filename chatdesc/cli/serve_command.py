"""``chatdesc serve-command``: how to serve a describer's model, and use it."""

from __future__ import annotations

from typing import Annotated

import typer

from chatdesc import api
from chatdesc.cli.console import echo
from chatdesc.cli.options import PresetOpt


def serve_command(
    preset: PresetOpt = "gpu",
    describer: Annotated[
        str | None, typer.Option(help="Model to serve: transformers:MODEL or openai:MODEL (default: the preset's)")
    ] = None,
    server: Annotated[str, typer.Option(help="vllm (GPUs), or transformers (any device)")] = "vllm",
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1")] = 8000,
    gpus: Annotated[int, typer.Option(help="vLLM: replicas of the model, one per GPU")] = 1,
    memory: Annotated[
        float, typer.Option(help="vLLM: share of a GPU's memory; the other models of the preset need the rest")
    ] = 0.6,
) -> None:
    """Print the command that serves a preset's describer, and the options of annotate that use it.

    A server answers many sequences in one batch that never waits for its slowest answer. Nothing is started.

    Examples:

      chatdesc serve-command --preset gpu --gpus 8

      chatdesc serve-command --describer transformers:HuggingFaceTB/SmolVLM-256M-Instruct --server transformers
    """
    found = api.serve_command(preset, describer=describer, server=server, port=port, gpus=gpus, memory=memory)
    echo(f"# once: python -m pip install '{found.installed}'")
    for line in (found.key, f"{found.serve} &", found.ready):
        if line:
            echo(line)
    echo(f"chatdesc annotate DATASET ROOT --out RUN {found.options} --sequences-in-flight 32")
