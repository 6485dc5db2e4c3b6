"""JSON over HTTP with a model server: temporary failures are retried, the others get a message with a remedy.

>>> seconds("7")                                  # a Retry-After header
7.0
>>> server = Server("http://127.0.0.1:8000/v1/", key="", usage=Usage())
>>> server.base_url, server.clean("no route to 127.0.0.1:8000")
('http://127.0.0.1:8000/v1', 'no route to ***')

No error message here names the server's address or the key: rows hold messages, and rows are published.
"""

from __future__ import annotations

import json
import logging
import os
import random
import re
import threading
import time
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from chatdesc.backends.http_deadline import keep_deadlines, within
from chatdesc.types import BackendError, ChatdescError, one_line

log = logging.getLogger(__name__)

PASSING = {408, 409, 425, 429}
FINAL = {501, 505}
PLAIN_HTTP = "CHATDESC_KEY_OVER_HTTP"  # set to 1, the key may be sent without encryption
REAL_KEY = 8  # characters; shorter ones are "x" and "none", for servers that want none
FIRST_WAIT = 0.5
LONGEST_WAIT = 30.0
LONGEST_ASKED = 300.0
MAX_BYTES = 16 << 20
NO_API = "the server answered with a web page, so it is no API server: does the base URL end in /v1?"


class Refused(BackendError):
    """The server refuses the request, and would refuse it again.

    Attributes:
        status: the HTTP status.
        detail, code: the server's reason, in words and as a code.
        param: the field that it objects to.
    """

    def __init__(self, message: str, status: int, detail: str = "", param: str = "", code: str = "") -> None:
        super().__init__(message)
        self.status, self.detail, self.param, self.code = status, detail, param, code


class Passing(BackendError):
    """A failure that the next attempt may not meet.

    Attributes:
        status: the HTTP status, 0 without an answer.
        wait: seconds that the server asks to wait, if it does.
    """

    def __init__(self, message: str, status: int = 0, wait: float | None = None) -> None:
        super().__init__(message)
        self.status, self.wait = status, wait


@dataclass(slots=True)
class Usage:
    """Counts of one server's use; ``requests`` are attempts, ``retries`` those after the first of an item."""

    requests: int = 0
    retries: int = 0
    answers: int = 0
    failures: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    _lock: Any = field(default_factory=threading.Lock, repr=False)

    def add(self, **counts: int) -> None:
        """Add to the named counts; safe in threads."""
        with self._lock:
            for name, count in counts.items():
                setattr(self, name, getattr(self, name) + count)

    def counts(self) -> dict[str, int]:
        """All counts by name."""
        with self._lock:
            return {f.name: getattr(self, f.name) for f in fields(self) if not f.name.startswith("_")}


class Server:
    """One server, asked by many threads through one pool of connections.

    Args:
        base_url: up to and with ``/v1``.
        key: sent as a bearer token; empty sends none.
        connections: most requests at a time; others wait for their turn.
        timeout: seconds for one attempt, from the connection to the last byte.
        retries: attempts after the first.
        private: further text that no message may hold.
    """

    def __init__(
        self,
        base_url: str,
        key: str,
        usage: Usage,
        connections: int = 32,
        timeout: float = 120.0,
        retries: int = 5,
        private: str = "",
    ) -> None:
        import httpx2

        self.base_url = _checked_url(base_url)
        self.usage, self.timeout, self.retries = usage, timeout, retries
        self._key = _checked_key(key)
        parts = urlsplit(self.base_url)
        secret = self._key if len(self._key) >= REAL_KEY else ""
        self._hidden = tuple(filter(None, (secret, private, parts.netloc, parts.hostname or "")))
        # A proxy of the environment cannot reach this machine's own server.
        local = is_loopback(parts.hostname or "")
        if secret and parts.scheme == "http" and not local and os.environ.get(PLAIN_HTTP) != "1":
            raise ChatdescError(
                "the base URL is plain http on another machine, so OPENAI_API_KEY could be read on the way: use https, "
                f"unset the key if the server needs none, or set {PLAIN_HTTP}=1 if you trust the network"
            )
        self._client = httpx2.Client(
            headers={"Authorization": f"Bearer {self._key}"} if self._key else {},
            timeout=httpx2.Timeout(timeout, connect=min(10.0, timeout), pool=None),
            limits=httpx2.Limits(max_connections=connections, max_keepalive_connections=connections),
            trust_env=not local,
        )
        keep_deadlines(self._client)

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def get(self, path: str, retries: int | None = None) -> dict[str, Any]:
        """Fetch JSON; raises as ``post`` does."""
        return self._patiently("GET", path, None, "", self.retries if retries is None else retries)

    def post(self, path: str, body: dict[str, Any], require: str = "") -> dict[str, Any]:
        """Send JSON and return the JSON answer; one without a non-empty list ``require`` counts as malformed.

        Raises:
            Refused: a retry would not help.
            Passing: every attempt failed.
        """
        return self._patiently("POST", path, json.dumps(body).encode(), require, self.retries)

    def _patiently(self, method: str, path: str, body: bytes | None, require: str, retries: int) -> dict[str, Any]:
        for attempt in range(retries + 1):
            try:
                self.usage.add(requests=1, retries=int(attempt > 0))
                return self._once(method, path, body, require)
            except Passing as error:
                if (error.wait or 0) > LONGEST_ASKED:
                    raise Passing(
                        f"{error}; it asks to wait {error.wait:.0f} s: try again later", error.status
                    ) from None
                if attempt == retries:
                    raise Passing(f"{error} (attempts: {attempt + 1})", error.status) from None
                wait = pause(attempt, error.wait)
                log.debug("%s; attempt %d follows in %.1f s", error, attempt + 2, wait)
                time.sleep(wait)
        raise AssertionError("the last attempt returns or raises")

    def _once(self, method: str, path: str, body: bytes | None, require: str) -> dict[str, Any]:
        import httpx2

        headers = {"Content-Type": "application/json"} if body else {}
        try:
            with (
                within(self.timeout),
                self._client.stream(method, f"{self.base_url}/{path}", content=body, headers=headers) as response,
            ):
                data = self._read(response)
        except httpx2.TimeoutException:
            raise Passing(f"the server did not answer within {self.timeout:g} s") from None
        except httpx2.RequestError as error:
            raise Passing(f"no answer from the server ({self.clean(f'{type(error).__name__}: {error}')})") from None
        return self._judge(response.status_code, response.headers.get("Retry-After"), data, require)

    def _read(self, response: Any) -> bytes:
        data = bytearray()
        for chunk in response.iter_bytes():
            data += chunk
            if len(data) > MAX_BYTES:
                raise Passing("the server's answer does not end")
        return bytes(data)

    def _judge(self, status: int, retry_after: str | None, data: bytes, require: str) -> dict[str, Any]:
        """The JSON object of a good answer.

        Raises:
            Passing, Refused: it is none.
        """
        try:
            reply = json.loads(data)
        except (ValueError, RecursionError):
            reply = None
        detail, param, code = self._reason(reply, data)
        if status == 429 and code == "insufficient_quota":
            raise Refused(f"the account has no quota left ({detail})", status, detail, param, code)
        if status in PASSING or (status >= 500 and status not in FINAL):
            raise Passing(f"the server answered {status} ({detail})", status, seconds(retry_after))
        if status in (401, 403):
            raise Refused(f"{_no_entry(status, bool(self._key))} ({detail})", status, detail, param, code)
        if 300 <= status < 400:
            raise Refused(f"the server redirects ({status}): give the address it redirects to as base URL", status)
        if reply is None and _is_page(data):
            raise Refused(NO_API, status)
        if status >= 400:
            raise Refused(f"the server refused the request: {status} ({detail})", status, detail, param, code)
        if not isinstance(reply, dict):
            raise Passing("the server's answer is not JSON", status)
        if require and not (isinstance(reply.get(require), list) and reply[require]):
            # Some gateways put a provider's error into an answer of status 200.
            inner = int(code) if code.isdecimal() and 400 <= int(code) < 600 else 0
            if inner:
                return self._judge(inner, retry_after, data, "")
            raise Passing(f"the server's answer has no {require} ({detail})", status)
        return reply

    def _reason(self, reply: Any, data: bytes) -> tuple[str, str, str]:
        """(detail, param, code) of an error, in any of the shapes that servers use."""
        error = reply.get("error", reply) if isinstance(reply, dict) else {}
        if not isinstance(error, dict):
            error = {"message": error}
        text = error.get("message") or error.get("detail")
        if text is None:
            text = "a web page" if _is_page(data) else data[:300].decode("utf-8", "replace")
        detail = self.clean(text if isinstance(text, str) else json.dumps(text)) or "no reason given"
        return detail, str(error.get("param") or ""), str(error.get("code") or "")

    def clean(self, text: str) -> str:
        """A server's message as one line of at most 300 characters, its address, the key and ``private`` masked."""
        for secret in self._hidden:
            text = text.replace(secret, "***")
        return one_line(text)[:300]


def pause(attempt: int, asked: float | None) -> float:
    """Seconds before the next attempt: as the server asks, else doubling; random, so that retries spread out."""
    if asked is not None:
        return asked + random.random() * FIRST_WAIT
    return float(min(LONGEST_WAIT, FIRST_WAIT * 2**attempt) * (0.5 + random.random() / 2))


def seconds(retry_after: str | None) -> float | None:
    """A Retry-After header (seconds or an HTTP date) as seconds from now; None where it is missing or unreadable."""
    if not retry_after:
        return None
    if re.fullmatch(r"\s*\d+(\.\d+)?\s*", retry_after):
        return float(retry_after)
    try:
        when = parsedate_to_datetime(retry_after)
    except (TypeError, ValueError):
        return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself.

    >>> [is_loopback(host) for host in ("localhost", "127.0.0.2", "::1", "0.0.0.0", "10.0.0.1", "127.0.0.1.nip.io")]
    [True, True, True, True, False, False]
    """
    try:
        address = ip_address(host)
    except ValueError:
        return host.lower() == "localhost" or host.lower().endswith(".localhost")
    return address.is_loopback or address.is_unspecified


def _is_page(data: bytes) -> bool:
    return data[:500].lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml"))


def _no_entry(status: int, had_key: bool) -> str:
    if status == 403:
        return "the server denies access (403): has the account of OPENAI_API_KEY the right to use this model?"
    if had_key:
        return "the server does not accept the key (401): check OPENAI_API_KEY, and that it belongs to this server"
    return "the server wants a key (401): set OPENAI_API_KEY"


def _checked_url(url: str) -> str:
    try:
        parts = urlsplit(url.strip())
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound:
        raise ChatdescError(f"the base URL must look like http://127.0.0.1:8000/v1, not {url!r}")
    if parts.username or parts.password:
        raise ChatdescError("the base URL holds a password; set OPENAI_API_KEY instead")
    return url.strip().rstrip("/").removesuffix("/chat/completions")


def _checked_key(key: str) -> str:
    key = key.strip()
    if not key.isascii() or not key.isprintable():
        raise ChatdescError("OPENAI_API_KEY holds characters that no key has; copy it again")
    return key
