"""A multimodal language model behind the OpenAI chat-completions protocol.

OpenAI, vLLM, SGLang, llama.cpp, TGI, the Hub's Inference Providers and ``transformers serve`` all speak it.

>>> from chatdesc.backends import create
>>> describer = create("describer", "openai:Qwen/Qwen3-VL-8B-Instruct", base_url="http://127.0.0.1:8000/v1")
>>> describer.name, describer.workers
('openai:Qwen/Qwen3-VL-8B-Instruct', 32)
>>> describer.summary()["completion_tokens"]
0

The server is ``base_url``, else the environment's OPENAI_BASE_URL, else OpenAI itself; the key comes from
OPENAI_API_KEY only. Everything after ``openai:`` is the model's name, an ``@`` included: the protocol has no revisions,
and some servers have an ``@`` in their names.

Requests are sent from threads, because the scheduler has one for each of ``workers`` calls. They wait for the server,
so an event loop would save nothing, and decoding and compressing frames releases the interpreter lock.
"""

from __future__ import annotations

import base64
import json
import os
import threading
from collections import Counter
from functools import cached_property
from pathlib import PureWindowsPath
from typing import Any

from chatdesc.backends.closed_questions import chance_in_choice, spoken_reply
from chatdesc.backends.openai_dialect import JSON_MODES, Agreed, Dialect
from chatdesc.backends.openai_http import Passing, Refused, Server, Usage
from chatdesc.lru_cache import LruCache
from chatdesc.protocols import each
from chatdesc.region import CONVENTIONS, PLACEHOLDER, REGIONS, coordinates, show
from chatdesc.types import Ask, BackendError, Boxes, ChatdescError, Describe, FrameRef, Image, Reply

FORMATS = ("jpeg", "png")
OPENAI = "https://api.openai.com/v1"


class OpenAiDescriber:
    """A describer behind a server, with up to ``concurrency`` requests at a time.

    Args:
        model, revision: joined by ``@`` they are the model's name as the server knows it.
        base_url: address of the server, up to and with ``/v1``; see above for the default.
        concurrency: requests at a time.
        timeout, retries: seconds for one attempt, and the number of attempts after the first.
        max_tokens, temperature, seed: as in the protocol; left out for a server that refuses one.
        json_mode: ``schema``, ``object`` or ``none`` as ``response_format``; ``auto`` takes the strictest that the
            server accepts.
        region, convention: the part of the frame to show and the form of coordinates, see chatdesc.region. With
            ``pixels`` they are pixels of the picture as sent; the server may resize it.
        max_pixels: larger pictures are downscaled.
        image_format, jpeg_quality: ``jpeg`` or ``png``, and the JPEG quality, 1 to 100.

    Raises:
        ChatdescError: no model is named, an option has no such value, or OpenAI itself is asked without a key.
    """

    max_batch = 1

    def __init__(
        self,
        model: str = "",
        revision: str = "",
        *,
        base_url: str | None = None,
        concurrency: int = 32,
        timeout: float = 120.0,
        retries: int = 5,
        max_tokens: int = 512,
        temperature: float = 0.0,
        seed: int = 0,
        json_mode: str = "auto",
        region: str = "box",
        convention: str = "thousand",
        max_pixels: int | None = 1 << 20,
        image_format: str = "jpeg",
        jpeg_quality: int = 90,
        **options: Any,
    ) -> None:
        self.model = f"{model}@{revision}" if revision else model
        if not self.model:
            raise ChatdescError("openai: needs the name of a model, as in openai:gpt-4.1 or openai:Qwen/Qwen3-VL-8B")
        _check("JSON mode", json_mode, JSON_MODES)
        _check("format of pictures", image_format, FORMATS)
        _check("region prompt", region, REGIONS)
        _check("convention for boxes", convention, CONVENTIONS)
        self.name = f"openai:{public_name(self.model)}"
        self.workers = max(1, concurrency)
        self.max_tokens, self.temperature, self.seed = max_tokens, temperature, seed
        self.region, self.convention, self.max_pixels = region, convention, max_pixels
        self.json_mode, self.image_format, self.jpeg_quality = json_mode, image_format, jpeg_quality
        self.usage = Usage()
        self.answered_by: Counter[str] = Counter()
        url, key = base_url or os.environ.get("OPENAI_BASE_URL") or OPENAI, os.environ.get("OPENAI_API_KEY", "")
        if url == OPENAI and not key:
            raise ChatdescError("set OPENAI_API_KEY for OpenAI, or --base-url (or OPENAI_BASE_URL) for another server")
        folder = self.model.removesuffix(public_name(self.model))
        self._server = Server(url, key, self.usage, self.workers, timeout, retries, folder)
        self._shown: LruCache[tuple[int, int, bytes], tuple[list[str], str]] = LruCache(2 * self.workers)
        self._descriptions = Agreed(Dialect.requested(json_mode))
        self._questions = Agreed(Dialect.of_questions())
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the connections to the server."""
        self._server.close()

    def describe_self(self) -> dict[str, str]:
        """The settings that decide the answers, and the model that the server reports. Asks the server.

        Raises:
            BackendError: the server cannot be reached, wants another key, or is no API server.
        """
        served = _served(self.model, self.listed)
        return self._settings() | ({"server_model": served} if served else {})

    @property
    def fingerprint(self) -> str:
        """A key for cached answers: equal for describers with equal settings. Not for publication."""
        return json.dumps(self._settings() | {"model": self.model}, sort_keys=True)

    def _settings(self) -> dict[str, str]:
        quality = f" {self.jpeg_quality}" if self.image_format == "jpeg" else ""
        return {
            "name": self.name,
            "model": public_name(self.model),
            "region": self.region + (f" ({self.convention})" if self.region == "coords" else ""),
            "max_pixels": str(self.max_pixels or "all"),
            "image": f"{self.image_format}{quality}",
            "max_tokens": str(self.max_tokens),
            "temperature": str(self.temperature),
            "seed": str(self.seed),
            "json_mode": self.json_mode,
        }

    def summary(self) -> dict[str, Any]:
        """Requests, retries, answers, failures and tokens so far, and answers by the model that the server names."""
        with self._lock:
            return self.usage.counts() | {"models": dict(self.answered_by)}

    @cached_property
    def listed(self) -> list[dict[str, Any]]:
        """The server's list of models; empty where it has none.

        Raises:
            BackendError: the server cannot be reached, wants another key, or redirects.
        """
        try:
            found = self._server.get("models", retries=2).get("data")
        except Passing as error:
            if error.status:
                return []
            raise BackendError(f"{error}: is the server running, and is --base-url (OPENAI_BASE_URL) right?") from None
        except Refused as error:
            # A key may be good for answers and not for lists (403), and many servers have no list at all.
            if error.status in (401, *range(200, 400)):
                raise
            return []
        return [m for m in found if isinstance(m, dict) and m.get("id")] if isinstance(found, list) else []

    def describe(self, requests: list[Describe]) -> list[str | Exception]:
        """The model's raw answers; a request that fails is answered with its error."""
        return each(requests, self._describe, self.workers)

    def ask(self, requests: list[Ask]) -> list[Reply | Exception]:
        """Yes or No, with the probability of Yes where the server gives it; a request that fails gets its error."""
        return each(requests, self._reply, self.workers)

    def _describe(self, request: Describe) -> str:
        content = self._content(request.frame, request.box, request.prompt)
        text, _ = self._answer(content, self._descriptions)
        return text

    def _reply(self, request: Ask) -> Reply:
        if request.frame is None or request.box is None:
            content: list[dict[str, Any]] = [{"type": "text", "text": request.question}]
        else:
            content = self._content(request.frame, request.box, request.question)
        text, choice = self._answer(content, self._questions)
        yes = spoken_reply(text)
        return Reply(yes, chance_in_choice(choice, yes))

    def _answer(self, content: list[dict[str, Any]], agreed: Agreed) -> tuple[str, dict[str, Any]]:
        """The model's text, and the choice of the reply that holds it."""
        try:
            reply = self._ask([{"role": "user", "content": content}], agreed)
            text = self._text(reply)
        except Exception:
            self.usage.add(failures=1)
            raise
        self.usage.add(answers=1)
        return text, _object(reply["choices"][0])

    def _content(self, frame: FrameRef, box: Boxes, prompt: str) -> list[dict[str, Any]]:
        """The pictures, then the prompt. Reflection shows the same pictures in every round: they are made once."""
        which = (frame.frames.key, frame.index, box.tobytes())
        urls, where = self._shown.get(which, lambda: self._show(frame, box))
        # The template's own place is the first; further ones stand in answers that it quotes.
        prompt = prompt.replace(PLACEHOLDER, where, 1) if where else prompt
        return [{"type": "image_url", "image_url": {"url": u}} for u in urls] + [{"type": "text", "text": prompt}]

    def _show(self, frame: FrameRef, box: Boxes) -> tuple[list[str], str]:
        """The pictures as data URLs, and the box in words where the prompt asks for them."""
        image = frame.image()
        pictures = show(image, box, self.region, self.max_pixels)
        where = ""
        if self.region == "coords":
            size, sent = ((p.shape[1], p.shape[0]) for p in (image, pictures[0]))
            where = coordinates(box, size, self.convention, sent)
        return [self._data_url(picture) for picture in pictures], where

    def _ask(self, messages: list[dict[str, Any]], agreed: Agreed) -> dict[str, Any]:
        """The server's reply, in the first dialect that it understands; later requests begin with that one."""
        dialect = agreed.dialect
        while True:
            said = dialect.fields(self.max_tokens, self.temperature, self.seed)
            body = {"model": self.model, "messages": messages, **said}
            try:
                reply = self._server.post("chat/completions", body, require="choices")
            except Refused as error:
                simpler = agreed.simpler(dialect, error)
                if simpler is None:
                    raise self._explained(error) from None
                dialect = simpler
                continue
            agreed.settle(dialect)
            return reply

    def _explained(self, error: Refused) -> Refused:
        """An unknown model's refusal with the names of those that the server knows."""
        if error.status != 404 and error.code != "model_not_found":
            return error
        try:
            known = [public_name(str(m["id"])) for m in self.listed]
        except BackendError:
            known = []
        have = f"it has: {', '.join(known[:12])}" if known else "is the name right, and does the base URL end in /v1?"
        return Refused(f"the server does not know {self.name} ({error.detail or error}); {have}", error.status)

    def _text(self, reply: dict[str, Any]) -> str:
        """The model's text in a reply.

        Raises:
            BackendError: it is empty, a refusal, or cut off. It is not asked for again in this run, as the answer would
                be alike; a sick server may answer so, too, so the row is done again by the next run.
        """
        self._count(reply)
        choice = _object(reply["choices"][0])
        message = _object(choice.get("message"))
        reason = choice.get("finish_reason")
        text = _spoken(message.get("content"))
        if message.get("refusal") or reason == "content_filter":
            why = self._server.clean(str(message.get("refusal") or "content filter"))
            raise BackendError(f"the model declined to answer ({why})")
        if reason == "length":
            raise BackendError(f"the answer was cut off at {self.max_tokens} tokens; raise --max-tokens")
        if not text.strip():
            raise BackendError(f"the model answered nothing (finish reason: {reason})")
        return text

    def _count(self, reply: dict[str, Any]) -> None:
        used = _object(reply.get("usage"))
        counts = {name: used.get(name) for name in ("prompt_tokens", "completion_tokens")}
        self.usage.add(**{name: count for name, count in counts.items() if isinstance(count, int)})
        with self._lock:
            self.answered_by[public_name(str(reply.get("model") or self.model))] += 1

    def _data_url(self, picture: Image) -> str:
        import cv2

        quality = [cv2.IMWRITE_JPEG_QUALITY, self.jpeg_quality] if self.image_format == "jpeg" else []
        done, data = cv2.imencode(f".{self.image_format}", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), quality)
        if not done:
            raise BackendError(f"a picture of {picture.shape} cannot be written as {self.image_format}")
        return f"data:image/{self.image_format};base64,{base64.b64encode(data.tobytes()).decode()}"


def _check(what: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ChatdescError(f"no {what} is called {value!r}; there are: {', '.join(known)}")


def public_name(model: str) -> str:
    """A model's name as rows hold it: a local path is cut to its last name.

    >>> public_name("org/model"), public_name("/models/qwen")
    ('org/model', 'qwen')
    """
    if model.startswith(("/", "~", ".", "\\")) or PureWindowsPath(model).drive:
        return PureWindowsPath(model).name
    return model


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _spoken(content: Any) -> str:
    """The text of a message, which some servers send in parts."""
    if isinstance(content, list):
        content = "".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _served(model: str, listed: list[dict[str, Any]]) -> str:
    """The model behind the name that is asked for, where the server tells: vLLM's root of an alias, or the one model
    of a server (llama.cpp, TGI) that takes any name."""
    entry = next((m for m in listed if m["id"] == model), None)
    if entry is None and len(listed) == 1 and listed[0].get("owned_by") in ("llamacpp", listed[0]["id"]):
        return public_name(str(listed[0]["id"]))
    root = entry.get("root") if entry else None
    return public_name(root) if isinstance(root, str) and root != model else ""
