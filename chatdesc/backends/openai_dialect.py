"""The parts of the chat-completions protocol that a server understands.

>>> strict = Dialect.requested("auto")
>>> strict.fields(512, 0.0, 0)["response_format"]["type"]
'json_schema'
>>> strict.simpler(Refused("...", 400, "response_format is not supported")).json
'object'
"""

from __future__ import annotations

import logging
import re
import threading
from dataclasses import dataclass, replace
from typing import Any

from chatdesc.backends.closed_questions import CONSIDERED
from chatdesc.backends.openai_http import Refused

log = logging.getLogger(__name__)

JSON_MODES = ("auto", "schema", "object", "none")
WEAKER = {"schema": "object", "object": "none"}
NOT_UNDERSTOOD = (400, 422, 501)
FEWER = {CONSIDERED: 5, 5: 0}  # likeliest words that are asked for, where a server gives no more
OPTIONAL = ("temperature", "seed")
SCHEMA = {
    "type": "object",
    "properties": {"target": {"type": "string"}, "background": {"type": "array", "items": {"type": "string"}}},
    "required": ["target", "background"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Dialect:
    """The form of a request.

    Attributes:
        json: the JSON mode, ``schema``, ``object`` or ``none``.
        negotiable: whether a weaker JSON mode may follow.
        limit: the field for the token limit.
        without: optional fields to leave out.
        likeliest: how many words that could stand in the answer's place come with their probabilities.
    """

    json: str = "schema"
    negotiable: bool = True
    limit: str = "max_tokens"
    without: tuple[str, ...] = ()
    likeliest: int = 0

    @classmethod
    def requested(cls, json_mode: str) -> Dialect:
        """The first dialect to try for one of JSON_MODES."""
        return cls() if json_mode == "auto" else cls(json_mode, negotiable=False)

    @classmethod
    def of_questions(cls) -> Dialect:
        """The first dialect to try for closed questions: words instead of JSON, with probabilities."""
        return cls("none", negotiable=False, likeliest=CONSIDERED)

    def fields(self, max_tokens: int, temperature: float, seed: int) -> dict[str, Any]:
        """The fields of a request's body beside model and messages."""
        said: dict[str, Any] = {self.limit: max_tokens, "temperature": temperature, "seed": seed}
        if self.json == "schema":
            schema = {"name": "description", "strict": True, "schema": SCHEMA}
            said["response_format"] = {"type": "json_schema", "json_schema": schema}
        elif self.json == "object":
            said["response_format"] = {"type": "json_object"}
        if self.likeliest:
            said |= {"logprobs": True, "top_logprobs": self.likeliest}
        return {k: v for k, v in said.items() if k not in self.without}

    def simpler(self, error: Refused) -> Dialect | None:
        """The dialect to try after a refusal, None without one: without the named field, or asking for less."""
        if error.status not in NOT_UNDERSTOOD:
            return None
        named = {error.param, *re.findall(r"\w+", error.detail)}
        if self.limit == "max_tokens" and "max_completion_tokens" in named:
            return replace(self, limit="max_completion_tokens")
        for name in OPTIONAL:
            if name in named and name not in self.without:
                return replace(self, without=(*self.without, name))
        if self.negotiable and self.json in WEAKER:
            return replace(self, json=WEAKER[self.json])
        return replace(self, likeliest=FEWER[self.likeliest]) if self.likeliest else None

    def __str__(self) -> str:
        left_out = f", without {' and '.join(self.without)}" if self.without else ""
        return f"with JSON mode {self.json!r} and {self.limit}{left_out}"


class Agreed:
    """The dialect in which a server is asked: the first one that it understands, for all later requests."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self._settled = False
        self._lock = threading.Lock()

    def simpler(self, dialect: Dialect, error: Refused) -> Dialect | None:
        """The dialect to try after ``dialect`` was refused; None if there is none, or if it was understood before."""
        return None if self._settled and dialect == self.dialect else dialect.simpler(error)

    def settle(self, dialect: Dialect) -> None:
        """Keep a dialect that the server has understood."""
        with self._lock:
            if self._settled:
                return
            if dialect != self.dialect:
                log.warning("the server is asked %s", dialect)
            self.dialect, self._settled = dialect, True
