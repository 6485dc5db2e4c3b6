"""The parts of the chat-completions protocol that a server understands.

>>> strict = Dialect.requested("auto")
>>> strict.fields(512, 0.0, 0)["response_format"]["type"]
'json_schema'
>>> strict.simpler(Refused("...", 400, "response_format is not supported")).json
'object'
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from chatdesc.backends.openai_http import Refused

JSON_MODES = ("auto", "schema", "object", "none")
WEAKER = {"schema": "object", "object": "none"}
NOT_UNDERSTOOD = (400, 422, 501)
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
    """

    json: str = "schema"
    negotiable: bool = True
    limit: str = "max_tokens"
    without: tuple[str, ...] = ()

    @classmethod
    def requested(cls, json_mode: str) -> Dialect:
        """The first dialect to try for one of JSON_MODES."""
        return cls() if json_mode == "auto" else cls(json_mode, negotiable=False)

    def fields(self, max_tokens: int, temperature: float, seed: int) -> dict[str, Any]:
        """The fields of a request's body beside model and messages."""
        said: dict[str, Any] = {self.limit: max_tokens, "temperature": temperature, "seed": seed}
        if self.json == "schema":
            schema = {"name": "description", "strict": True, "schema": SCHEMA}
            said["response_format"] = {"type": "json_schema", "json_schema": schema}
        elif self.json == "object":
            said["response_format"] = {"type": "json_object"}
        return {k: v for k, v in said.items() if k not in self.without}

    def simpler(self, error: Refused) -> Dialect | None:
        """The dialect to try after a refusal, None without one: without the named field, or with a weaker JSON mode."""
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
        return None

    def __str__(self) -> str:
        left_out = f", without {' and '.join(self.without)}" if self.without else ""
        return f"with JSON mode {self.json!r} and {self.limit}{left_out}"
