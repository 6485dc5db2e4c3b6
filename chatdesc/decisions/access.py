"""Who may ask the review's server: a browser on this machine that was given the token, and no other page in it.

Other sites that a reviewer visits can send requests to 127.0.0.1 as well. They have another ``Host`` (a name that
resolves to this machine), another ``Origin``, or no cookie; each of the three is refused.
"""

from __future__ import annotations

from secrets import compare_digest

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
# A strict cookie does not come along where a link on another site was followed; it does from this page on.
ONWARD = '<!DOCTYPE html><meta http-equiv="refresh" content="0; url=/"><title>chatdesc</title>'


class Access:
    """An ASGI application in front of another: it lets through what comes from the review's own page.

    ``/?token=TOKEN`` gives a browser the token as a cookie; everything else needs that cookie.
    """

    def __init__(self, app: ASGIApp, port: int, token: str) -> None:
        self.app, self.token = app, token
        self.hosts = (f"127.0.0.1:{port}", f"localhost:{port}")
        self.cookie = f"chatdesc-review-{port}"  # cookies of all ports are one jar

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""
        if scope["type"] != "http":
            return
        request = Request(scope)

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        answer = self._foreign(request) or self._entrance(request) or self._stranger(request) or self.app
        await answer(scope, receive, sealed)

    def _foreign(self, request: Request) -> Response | None:
        hosts, origins = request.headers.getlist("host"), request.headers.getlist("origin")
        if len(hosts) != 1 or hosts[0] not in self.hosts:
            return refusal(403, f"this server answers as {self.hosts[0]} alone")
        if any(origin != f"http://{hosts[0]}" for origin in origins):
            return refusal(403, "the request comes from another site")
        return None

    def _entrance(self, request: Request) -> Response | None:
        token = request.query_params.get("token")
        if token is None or request.url.path != "/" or request.method != "GET" or not self._is_token(token):
            return None
        answer = RedirectResponse("/", 303)
        answer.set_cookie(self.cookie, self.token, path="/", httponly=True, samesite="strict")
        return answer

    def _stranger(self, request: Request) -> Response | None:
        if not self._is_token(request.cookies.get(self.cookie, "")):
            if request.url.path == "/" and request.headers.get("sec-fetch-site") == "cross-site":
                return HTMLResponse(ONWARD)
            return refusal(403, "open the address that `chatdesc review` has printed; it is another one at each start")
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if request.method == "POST" and kind != "application/json":
            return refusal(415, "say Content-Type: application/json")
        return None

    def _is_token(self, given: str) -> bool:
        return compare_digest(given.encode(errors="replace"), self.token.encode())


def refusal(status: int, why: str) -> Response:
    """An answer that says why there is no other."""
    return JSONResponse({"error": why}, status)
