"""The review's addresses: the page, decisions in both directions, single frames."""

from __future__ import annotations

import json
import re
from typing import Any
from uuid import uuid4

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chatdesc.decisions.access import refusal
from chatdesc.decisions.served import Served
from chatdesc.page.document import served_policy
from chatdesc.types import ChatdescError

NUMBER = re.compile("[0-9]{1,18}")  # Python reads none of thousands of digits
MOST = 32 << 20  # bytes of a request; five thousand decisions are about two million


def application(served: Served) -> Starlette:
    """The review as a Starlette application; who may ask is not its matter."""
    policy = {"content-security-policy": served_policy()}
    server = uuid4().hex  # another one numbers the decisions otherwise

    def page(_: Request) -> Response:
        return Response(served.page, media_type="text/html", headers=policy)

    def decisions(request: Request) -> Response:
        try:
            after = int(request.query_params.get("after", "0"))
        except ValueError:
            return refusal(400, "after= is no number")
        made, last = served.since(after)
        return _json({"decisions": made, "last": last, "server": server, "reviewer": served.journal.reviewer})

    async def decide(request: Request) -> Response:
        body = await _body(request)
        if body is None:
            return refusal(413, f"a request has at most {MOST >> 20} MB; send fewer decisions at once")
        records = _records(body)
        if records is None:
            return refusal(400, 'the request is not {"decisions": [{...}, ...]}')
        kept = await run_in_threadpool(served.keep, records)
        return _json({"saved": kept.saved, "refused": kept.refused, "last": served.journal.count})

    def frame(request: Request) -> Response:
        given = [request.path_params[name] for name in ("row", "frame")]
        if not all(NUMBER.fullmatch(part) for part in given):
            return refusal(404, "there is no such frame")
        row, number = map(int, given)
        try:
            return Response(served.frame(row, number), media_type="image/webp")
        except ChatdescError as error:
            return refusal(404, str(error))

    routes = [
        Route("/", page, methods=["GET"]),
        Route("/decisions", decisions, methods=["GET"]),
        Route("/decisions", decide, methods=["POST"]),
        Route("/frame/{row}/{frame}", frame, methods=["GET"]),
    ]
    return Starlette(routes=routes, exception_handlers={ChatdescError: _damaged, OSError: _broken})


def _json(value: Any) -> Response:
    """JSON in ASCII: texts may hold halves of characters, which UTF-8 does not know."""
    return Response(json.dumps(value), media_type="application/json")


async def _body(request: Request) -> bytes | None:
    """The body; None if it is too long, which is known before all of it is read."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MOST:
            return None
    return bytes(body)


def _records(body: bytes) -> list[dict[str, Any]] | None:
    """The decisions in a request's body, None where it holds something else."""
    try:
        records = json.loads(body)["decisions"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return records if isinstance(records, list) and all(isinstance(r, dict) for r in records) else None


def _damaged(_: Request, error: Exception) -> Response:
    return refusal(500, str(error))


def _broken(_: Request, error: Exception) -> Response:
    why = getattr(error, "strerror", None) or str(error)
    return refusal(500, f"decisions cannot be kept now ({why}); they stay in this page, which tries again")
