"""From a request to a description: prompts, and answers parsed as they come.

>>> parse_answer('Sure! ```json\\n{"target": "a red kite", "background": ["sky", "trees"]}\\n```').text
'a red kite'
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Generator
from dataclasses import replace
from functools import cache
from hashlib import sha256
from importlib.resources import files
from string import Template
from typing import Any

from chatdesc.types import BackendError, Describe, Description, one_line

TARGET_KEYS = ("target", "text", "description", "phrase", "foreground", "t_fore", "answer")
WRAPPER_KEYS = ("result", "output", "response", *TARGET_KEYS)
BACKGROUND_KEYS = ("background", "surroundings", "distractors", "t_back", "others")
MAX_WORDS = 40
MAX_BRACES = 8
PROMPTS = ("describe", "reflect", "repair")


class UnreadableAnswer(BackendError):
    """A describer's answer from which no description can be taken."""


@cache
def prompt_text(name: str) -> str:
    return files("chatdesc").joinpath("prompts", f"{name}.txt").read_text(encoding="utf-8")


def prompt_hashes() -> dict[str, str]:
    """sha256 of every prompt file, for a row's provenance."""
    return {name: sha256(prompt_text(name).encode()).hexdigest() for name in PROMPTS}


def fill(name: str, **values: str) -> str:
    return Template(prompt_text(name)).substitute(values)


def reflect_prompt(request: Describe) -> str:
    """The prompt that tells a describer which words found the target and which led elsewhere."""
    vague = "The description fits other things as well, so it does not single the object out."
    return fill(
        "reflect",
        previous=request.previous,
        positive=", ".join(request.positive) or "none",
        negative=", ".join(request.negative) or "none",
        ambiguous=vague if request.ambiguous else "",
        tried="; ".join(f'"{t}"' for t in request.tried) or "nothing",
    )


def describe(request: Describe) -> Generator[Describe, str, Description]:
    """Ask for a description; one repair attempt when the answer cannot be read.

    Raises:
        UnreadableAnswer: neither answer could be read. Nothing is made up in its place.
    """
    answer = yield request
    try:
        return parse_answer(answer)
    except UnreadableAnswer as error:
        prompt = fill("repair", problem=str(error), answer=one_line(answer)[:500])
        return parse_answer((yield replace(request, prompt=prompt)))


def parse_answer(raw: str) -> Description:
    """A description out of what a model said: JSON, fenced or bare, Python literals, tags, chatter around it.

    Raises:
        UnreadableAnswer: there is no target phrase in it.
    """
    body = _spoken(raw)
    found = [d for d in map(_fields, _objects(body)) if d]
    tag = re.search(r"<answer>(.*?)(?:</answer>|$)", body, flags=re.S | re.I)
    if tag and not found:
        found = [(tag.group(1), ())]
    if not found:
        raise UnreadableAnswer("no JSON object with a target in it" if body.strip() else "the answer is empty")
    phrase, around = next((f for f in found if normalise(f[0])), found[0])
    text = normalise(phrase)
    if not text:
        raise UnreadableAnswer("the target phrase is empty")
    if len(text.split()) > MAX_WORDS:
        raise UnreadableAnswer(f"the target phrase has more than {MAX_WORDS} words")
    background = tuple(dict.fromkeys(filter(None, map(normalise, around))))
    return Description(text, background, raw)


def normalise(text: str) -> str:
    """One line without quotes, commas, ``#`` or a closing full stop: what trackers' readers take whole."""
    flat = one_line(re.sub(r"[,#;]", " ", text))
    return flat.strip(" \"'`.“”")


def _spoken(raw: str) -> str:
    """What a model said beside its thoughts, which are no answer even where a limit cut them at either end."""
    body = re.sub(r"<think(?:ing)?>.*?</think(?:ing)?>", " ", raw, flags=re.S | re.I)
    body = re.split(r"</think(?:ing)?>", body, flags=re.I)[-1]
    return re.split(r"<think(?:ing)?>", body, flags=re.I)[0]


def _objects(body: str) -> list[Any]:
    """Every JSON object or Python dict in a text, in order."""
    decoder, found, at = json.JSONDecoder(), [], body.find("{")
    while at >= 0:
        try:
            value, end = decoder.raw_decode(body, at)
        except (ValueError, RecursionError):
            value, end = _literal(body, at)
        if value is not None:
            found.append(value)
        at = body.find("{", end)
    return found


def _literal(body: str, at: int) -> tuple[Any, int]:
    """The Python dict that begins at ``at`` and ends at one of the next closing braces, and where that is."""
    end = at
    for _ in range(MAX_BRACES):
        end = body.find("}", end) + 1
        if not end:
            break
        try:
            return ast.literal_eval(body[at:end]), end
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            continue
    return None, at + 1


def _fields(value: Any) -> tuple[str, tuple[str, ...]] | None:
    if not isinstance(value, dict):
        return None
    low = _lower(value)
    for inner in (low[k] for k in WRAPPER_KEYS if isinstance(low.get(k), dict)):
        low = low | _lower(inner)
    text = next((low[k] for k in TARGET_KEYS if isinstance(low.get(k), str)), None)
    if text is None or re.fullmatch(r"\s*<[^<>]*>\s*", text):  # the prompt's own "<noun phrase>", repeated
        return None
    around = next((low[k] for k in BACKGROUND_KEYS if k in low), ())
    if isinstance(around, str):
        around = around.split(",")
    return text, tuple(b for b in around if isinstance(b, str)) if isinstance(around, list | tuple) else ()


def _lower(value: dict[Any, Any]) -> dict[str, Any]:
    return {k.lower(): v for k, v in value.items() if isinstance(k, str)}
