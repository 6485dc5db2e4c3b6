"""A server on this machine alone: its port, and its life until Ctrl-C."""

from __future__ import annotations

import errno
import os
import socket
import sys
import webbrowser
from contextlib import suppress
from typing import TYPE_CHECKING

from chatdesc.types import ChatdescError

if TYPE_CHECKING:
    import uvicorn
    from starlette.types import ASGIApp

ADDRESS = "127.0.0.1"
PATIENCE = 2  # seconds for requests that are under way when it ends


def bound(port: int) -> socket.socket:
    """A socket at a port of this machine that no other machine reaches; port 0 takes a free one.

    Raises:
        ChatdescError: the port is taken, or needs rights that the user lacks.
    """
    opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if os.name == "posix":  # a port whose last connections are not quite over; elsewhere it means something else
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        opened.bind((ADDRESS, port))
        opened.listen()
    except (OSError, OverflowError) as error:
        opened.close()
        taken = getattr(error, "errno", None) == errno.EADDRINUSE
        why = "another program has it, perhaps another review" if taken else getattr(error, "strerror", None) or error
        raise ChatdescError(f"port {port} cannot be used ({why}); name another one with --port") from error
    return opened


def serve(app: ASGIApp, at: socket.socket) -> None:
    """Serve until Ctrl-C or SIGTERM; requests under way are answered first."""
    with suppress(KeyboardInterrupt):
        server_of(app).run(sockets=[at])


def server_of(app: ASGIApp) -> uvicorn.Server:
    """The server of a review, not started: no web sockets, and no word about itself."""
    import uvicorn

    config = uvicorn.Config(
        app, http="h11", ws="none", loop="asyncio", lifespan="off", log_level="error", access_log=False,
        server_header=False, proxy_headers=False, timeout_graceful_shutdown=PATIENCE,
    )  # fmt: skip
    return uvicorn.Server(config)


def show(url: str) -> None:
    """Open an address in the user's browser where there is a screen; one in the terminal would take its place."""
    if sys.platform in ("win32", "darwin") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        with suppress(webbrowser.Error, OSError):
            webbrowser.open(url)
