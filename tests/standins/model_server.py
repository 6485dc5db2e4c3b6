"""A model server that has states: it goes away, drips, answers rubbish, and comes back.

    with model_server() as server:
        server.always("drips its header")        # for every request, until server.well()
        server.after(1, "reset")                 # from the second request on
        server.for_some(3, "500")                # for three requests, then well
        server.later("sorry")                    # for requests of later rounds
        server.go_away(); server.come_back()     # connections are refused; the same address again

What it answers when it is well depends on the request alone, so that every run gets the same answers.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256

from tests.standins.openai_server import Reply, ScriptedServer, _Handler, completion

LATER = "A grounding model was asked"  # stands in the prompts of later rounds only
COLOURS = ("red", "green", "blue", "yellow", "white", "black")
SHAPES = ("circle", "star", "cross", "triangle", "square")
PAGE = b"<!doctype html><html><body>Please log in</body></html>"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
TEXT = json.dumps(completion()).encode()


def good(body: dict) -> Reply:
    """The answer of a server that is well."""
    number = int(sha256(json.dumps(body["messages"], sort_keys=True).encode()).hexdigest(), 16)
    colour, shape = COLOURS[number % len(COLOURS)], SHAPES[number // 64 % len(SHAPES)]
    return Reply(completion(json.dumps({"target": f"{colour} {shape}", "background": []})))


def says(content: object, **more: object) -> Reply:
    """A whole answer with this content."""
    return Reply(completion(content, **more))


def error(status: int, message: str = "made up", code: str | None = None, **headers: str) -> Reply:
    """An error as the protocol has it."""
    return Reply({"error": {"message": message, "code": code}}, status, headers)


def raw(data: bytes) -> Reply:
    """Bytes on the connection, whatever they are."""
    return Reply(data, fault="raw")


# A request that failed: it may pass, so its row is not finished.
FAULTS: dict[str, Reply] = {
    "reset": Reply(fault="reset"),
    "closes without a word": raw(b""),
    "closes in the middle of its header": raw(HEAD[:20]),
    "closes in the middle of its body": Reply(completion(), fault="truncate"),
    "hangs": Reply(fault="hang"),
    "drips its header": Reply(HEAD + b"X: " + b"x" * 900, fault="drip-all"),
    "drips its body": Reply(HEAD + b"Content-Length: 900\r\n\r\n" + b" " * 900, fault="drip-all"),
    "never ends its body": Reply(fault="endless"),
    "speaks another protocol": raw(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "answers with zeros": raw(bytes(2000)),
    "breaks its chunks": raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"),
    "says gzip and sends none": raw(HEAD + b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello"),
    "says a longer body": raw(HEAD + b"Content-Length: 99999\r\n\r\n" + TEXT),
    "says a negative length": raw(HEAD + b"Content-Length: -5\r\n\r\n" + TEXT),
    "sends a header without end": raw(b"HTTP/1.1 200 OK\r\n" + b"X-More: 1\r\n" * 20_000),
    "400": error(400),
    "401": error(401),
    "402": error(402),
    "403": error(403),
    "404": error(404),
    "408": error(408),
    "409": error(409),
    "413": error(413),
    "422": error(422),
    "429": error(429, "slow down", **{"Retry-After": "0"}),
    "429 for a day": error(429, "slow down", **{"Retry-After": "86400"}),
    "429 with a nonsense wait": error(429, "slow down", **{"Retry-After": "soon"}),
    "429 without quota": error(429, "no quota", "insufficient_quota"),
    "500": error(500),
    "501": error(501),
    "502 with a page": Reply(PAGE, 502),
    "503": error(503, **{"Retry-After": "0"}),
    "529": error(529),
    "an error within 200": Reply({"error": {"message": "overloaded", "code": 503}}),
    "redirects": Reply(b"", 302, {"Location": "http://127.0.0.1:9/v1"}),
    "redirects to itself": Reply(b"", 307, {"Location": "/v1/chat/completions"}),
    "204 without a body": Reply(b"", 204),
    "a page": Reply(PAGE),
    "no JSON": Reply(b"ok"),
    "JSON cut short": Reply(TEXT[:-9]),
    "JSON of another shape": Reply(["a", "list"]),
    "JSON nested too deep": Reply(b"[" * 200_000),
    "bytes that are no UTF-8": Reply(b'{"choices": [{"message": {"content": "\xff\xfe"}}]}'),
    "no choices": Reply({"id": "c-1", "choices": []}),
    "choices of words": Reply({"choices": ["red kite"]}),
    "a choice without a message": Reply({"choices": [{"index": 0}]}),
    "a message that is a number": Reply({"choices": [{"message": 7}]}),
    "content null": says(None),
    "content empty": says(""),
    "content a number": says(42),
    "content of parts without text": says([{"type": "image_url", "image_url": {"url": "x"}}]),
    "declined": says(None, refusal="I cannot help with that."),
    "filtered": says("", finish="content_filter"),
    "cut by its length": says('{"target": "red ki', finish="length"),
    "calls a tool": says(None, finish="tool_calls", tool_calls=[{"id": "1"}]),
}
# A whole answer in which no description can be read: what the model said, so the loop goes on without it.
ANSWERS: dict[str, Reply] = {
    "sorry": says("Sorry, I cannot help with that."),
    "an empty target": says('{"target": "", "background": []}'),
    "a target that is a list": says('{"target": ["red", "kite"]}'),
    "a target that is a number": says('{"target": 5}'),
    "a target of 500 words": says(json.dumps({"target": "red " * 500})),
    "only its thoughts": says("<think>" + "hm. " * 2000),
    "thoughts without end": says("<think>" * 10_000),
    "the prompt's own example": says('{"target": "...", "background": ["..."]}'),
}
STATES = FAULTS | ANSWERS


class ModelServer(ScriptedServer):
    """A server of ``good`` answers with a state; see above."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.RequestHandlerClass = Handler
        self.away = False
        self.well()
        self._serve()

    def well(self) -> None:
        """Answer as it should."""
        self._sick: Callable[[dict, int], str | None] = lambda body, n: None

    def always(self, state: str) -> None:
        """Be in a state for every request."""
        self._sick = lambda body, n: state

    def after(self, requests: int, state: str) -> None:
        """Be in a state after so many more requests."""
        begin = len(self.chats) + requests
        self._sick = lambda body, n: state if n > begin else None

    def for_some(self, requests: int, state: str) -> None:
        """Be in a state for so many more requests, and well after them."""
        end = len(self.chats) + requests
        self._sick = lambda body, n: state if n <= end else None

    def later(self, state: str) -> None:
        """Be in a state for the requests of later rounds."""
        self._sick = lambda body, n: state if LATER in json.dumps(body["messages"]) else None

    def go_away(self) -> None:
        """Refuse connections, and cut those that are open."""
        self.away = True
        self.shutdown()
        self.server_close()

    def come_back(self) -> None:
        """Answer again at the same address."""
        self.away = False
        self.socket = socket.socket(self.address_family, self.socket_type)
        self.server_bind()
        self.server_activate()
        self._serve()

    def _serve(self) -> None:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def _answer(self, body: dict, n: int) -> Reply:
        state = "reset" if self.away else self._sick(body, n)
        if state == "goes away":
            self.away = True
            threading.Thread(target=self.go_away).start()
            state = "reset"
        return good(body) if state is None else STATES[state]


class Handler(_Handler):
    """A handler that can also break the protocol itself."""

    def send(self, reply: Reply) -> None:
        if reply.fault not in ("raw", "drip-all", "endless"):
            super().send(reply)
            return
        self.close_connection = True
        if reply.fault == "raw":
            self.wfile.write(reply.body)
        elif reply.fault == "endless":
            self._without_end()
        else:
            self._drip(reply.body)

    def _drip(self, data: bytes) -> None:
        """A byte every 20 ms."""
        for byte in data:
            self.wfile.write(bytes([byte]))
            if self.server.stopping.wait(0.02):
                return

    def _without_end(self) -> None:
        self.wfile.write(HEAD + b"\r\n")
        while not self.server.stopping.is_set():
            self.wfile.write(b" " * 65536)


@contextmanager
def model_server() -> Iterator[ModelServer]:
    """A running server."""
    server = ModelServer()
    try:
        yield server
    finally:
        server.stopping.set()
        if not server.away:
            server.go_away()
