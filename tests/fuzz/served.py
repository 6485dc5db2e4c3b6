"""Runs whose describer is behind a model server, with little patience, and the run that nothing disturbs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from unittest import mock

from chatdesc.backends import openai_api
from tests.fuzz.command import Done, command
from tests.fuzz.scene import Rows, fresh, published, scene
from tests.standins.model_server import ModelServer, model_server

TIMEOUT, RETRIES = 0.5, 1


@contextmanager
def impatient() -> Iterator[None]:
    """Ask a server twice in a second, as a command does over minutes."""
    server = openai_api.Server

    def hasty(url, key, usage, workers, timeout, retries, *rest):
        return server(url, key, usage, workers, TIMEOUT, RETRIES, *rest)

    with (
        mock.patch.object(openai_api, "Server", hasty),
        mock.patch("chatdesc.backends.openai_http.FIRST_WAIT", 0.01),
        mock.patch.dict("os.environ", {"OPENAI_API_KEY": "sk-notakey-0123456789abcdef"}),
    ):
        yield


def annotate(out: Path, server: ModelServer, *options: object) -> Done:
    """Annotate the scene with the describer of a server."""
    served = ("--describer", "openai:kite-vl", "--base-url", server.url)
    with impatient():
        return command(*scene().annotate(out, *served, *options))


@cache
def undisturbed() -> tuple[Path, Rows]:
    """The run folder and the rows of a run with a server that is well."""
    out = fresh() / "run"
    with model_server() as server:
        done = annotate(out, server)
    assert done.code == 0, done
    rows = published(out / "dataset")
    assert any(len(row["rounds"]) > 2 for row in rows.values())  # later rounds are asked for too
    return out, rows
