"""A chat-completions server that does what a test says, over real HTTP on the loopback interface, and who asks it."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

from chatdesc.backends import create
from chatdesc.types import Describe, FrameRef
from tests.makers.sequences import frames_of

KEY = "sk-notakey-0123456789abcdef"
GOOD = '{"target": "red kite", "background": ["sky"]}'


def completion(content=GOOD, finish="stop", **message):
    message = {"role": "assistant", "content": content} | message
    return {
        "id": "c-1",
        "object": "chat.completion",
        "model": "kite-vl-2026-01",
        "choices": [
            {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": content} | message}
        ],
        "usage": {"prompt_tokens": 100, "completion_tokens": 7, "total_tokens": 107},
    }


class Reply:
    """What to answer: a status, a body (JSON unless bytes), headers; or a fault of the connection."""

    def __init__(self, body=None, status=200, headers=None, fault=""):
        self.body, self.status, self.headers, self.fault = body, status, headers or {}, fault


class ScriptedServer(ThreadingHTTPServer):
    """``script(body, n)`` gives the Reply to the n-th chat request; ``chats`` has their bodies, in order."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, script=None, models=None, host="127.0.0.1"):
        super().__init__((host, 0), _Handler)
        self.script = script or (lambda body, n: Reply(completion()))
        self.models = models or Reply({"data": [{"id": "kite-vl"}]})
        self.chats, self.headers_seen, self.listings = [], [], 0
        self.at_once = self.most_at_once = 0
        self.lock, self.stopping = threading.Lock(), threading.Event()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/v1"

    def handle_error(self, request, client_address):
        """Clients that give up are part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        with self.server.lock:
            self.server.listings += 1
        self.send(self.server.models)

    def do_POST(self):
        server = self.server
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with server.lock:
            server.chats.append(body)
            server.headers_seen.append(dict(self.headers))
            n = len(server.chats)
            server.at_once += 1
            server.most_at_once = max(server.most_at_once, server.at_once)
        try:
            reply = server.script(body, n)
        finally:
            with server.lock:
                server.at_once -= 1
        self.send(reply)

    def send(self, reply):
        data = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        if reply.fault:
            self.close_connection = True
        if reply.fault == "hang":
            self.server.stopping.wait(20)
            return
        if reply.fault == "reset":
            reset(self.connection)
            return
        if reply.fault == "drip header":
            self.drip(b"HTTP/1.1 200 OK\r\nX-Slow: " + b"a" * 10_000)
            return
        self.send_response(reply.status)
        for name, value in {"Content-Type": "application/json", "Content-Length": len(data), **reply.headers}.items():
            self.send_header(name, str(value))
        self.end_headers()
        if reply.fault == "drip":
            self.drip(data[:100])
            data = data[100:]
        self.wfile.write(data[: len(data) // 2] if reply.fault == "truncate" else data)

    def drip(self, data):
        """Send byte by byte, until the client gives up or the test ends."""
        for byte in data:
            if self.server.stopping.wait(0.05):
                return
            self.wfile.write(bytes([byte]))


def reset(connection):
    """End a connection with RST in place of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.shutdown(socket.SHUT_RD)
    connection.close()


@contextmanager
def serving(script=None, models=None, host="127.0.0.1"):
    server = ScriptedServer(script, models, host)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.stopping.set()
        server.shutdown()
        server.server_close()
        thread.join(10)


def slow(seconds):
    """A script whose every answer takes so long."""

    def script(body, n):
        time.sleep(seconds)
        return Reply(completion())

    return script


def in_turn(*replies):
    """A script: the n-th request gets the n-th reply, and all others a good one."""
    return lambda body, n: replies[n - 1] if n <= len(replies) else Reply(completion())


def quick_and_with_key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.setattr("chatdesc.backends.openai_http.FIRST_WAIT", 0.01)


def describer(server, model="kite-vl", **options):
    return create("describer", f"openai:{model}", base_url=server.url, **({"timeout": 5, "retries": 2} | options))


def request(prompt="Describe it as JSON.", image=1):
    return Describe(FrameRef(frames_of(image), 0), np.array([10, 10, 20, 20], np.float32), prompt)


def ask(server, **options):
    """The answer to one request, and who asked."""
    one = describer(server, **options)
    [answer] = one.describe([request()])
    return answer, one
