"""From a request to a description: the prompts, and the parser of a describer's answers.

>>> parse_answer('Sure! ```json\\n{"target": "a red kite", "background": ["sky", "trees"]}\\n```').text
'a red kite'
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Generator
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from importlib.resources import files
from itertools import takewhile
from string import Template
from typing import Any

from chatdesc.text import CLIP_TOKENS, clean_for_trackers, fits_clip
from chatdesc.types import Departure, Describe, UnreadableAnswer, one_line

TARGET_KEYS = ("target", "text", "description", "phrase", "foreground", "t_fore", "answer")
WRAPPER_KEYS = ("result", "output", "response", *TARGET_KEYS)
BACKGROUND_KEYS = ("background", "surroundings", "distractors", "t_back", "others")
MAX_WORDS = 40
MAX_BRACES = 8
MAX_LITERALS = 50  # braces that are tried as the beginning of a Python dict
MAX_BODY = 20_000  # characters of an answer without its thoughts; a description has a hundred
LINE_LABELS = ("target", "target phrase", "target object", "description", "noun phrase", "phrase")
STRAIGHT_QUOTES = str.maketrans(dict.fromkeys("\u201c\u201d\u201e", '"'))
PROMPTS = tuple(sorted(f.name[:-4] for f in files("chatdesc").joinpath("prompts").iterdir() if f.name.endswith(".txt")))
NOT_BACKGROUND = "Do not list these as things around it, because they mean the object itself: "
STRING = r'"(?:[^"\\]|\\.)*"'

Fields = tuple[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Description:
    """A describer's answer, parsed.

    Attributes:
        text: the phrase for the target, as ``normalise`` leaves it.
        background: phrases for what surrounds the target.
        raw: the whole answer.
    """

    text: str
    background: tuple[str, ...] = ()
    raw: str = ""


@cache
def prompt_file(name: str) -> str:
    """The text of ``chatdesc/prompts/NAME.txt``; the names are PROMPTS."""
    return files("chatdesc").joinpath("prompts", f"{name}.txt").read_text(encoding="utf-8")


def prompt_text(name: str, region: str = "box", style: str = "concise") -> str:
    """The template of a whole prompt: the pictures, the task, the style, and the form of the answer.

    Args:
        name: the task: ``describe``, ``reflect`` or ``repair``.
        region: one of ``chatdesc.region.REGIONS``. With ``coords`` the prompt holds ``<box>``, which the backend
            replaces by coordinates, because their convention belongs to the model.
        style: ``concise`` or ``detailed``.
    """
    parts = (f"region_{region}", name, f"style_{style}", "answer")
    return "".join(prompt_file(part) for part in parts)


def prompt_hashes() -> dict[str, str]:
    """SHA-256 (hexadecimal) of every prompt file by its name, for a row's provenance."""
    return {name: sha256(prompt_file(name).encode()).hexdigest() for name in PROMPTS}


def fill(name: str, region: str = "box", style: str = "concise", /, **values: str) -> str:
    """The prompt of ``prompt_text`` with its ``$placeholders`` replaced.

    Raises:
        KeyError: a placeholder has no value.
    """
    return Template(prompt_text(name, region, style)).substitute(values)


def reflect_prompt(request: Describe, region: str = "box", style: str = "concise") -> str:
    """The prompt that tells a describer which words led to the target and which led elsewhere."""
    vague = "The description fits other things as well, so it does not single the object out."
    tried = "; ".join(f'"{t}"' for t in request.tried) or "nothing"
    left = request.departure.said if request.departure else ""
    return fill(
        "reflect",
        region,
        style,
        previous=request.previous,
        positive=", ".join(request.positive) or "none",
        negative=", ".join(request.negative) or "none",
        ambiguous=vague if request.ambiguous else "",
        tried=tried + _not_background(request.background_dropped) + left,
    )


def _not_background(dropped: tuple[str, ...]) -> str:
    """A line for phrases that mean the target; nothing without one. Small models know the other lines by heart."""
    return f"\n{NOT_BACKGROUND}" + "; ".join(f'"{p}"' for p in dropped) if dropped else ""


def departure_lines(left: Departure) -> str:
    """What the prompt says of where a tracker left the object, and onto what: a line of its own."""
    how = "departure_language" if left.by == "language" else "departure_tracker"
    said = Template(prompt_file(how).strip()).substitute(after=left.after, of=left.of)
    if left.words:
        said += " " + Template(prompt_file("departure_words").strip()).substitute(words=", ".join(left.words))
    return "\n" + said


def describe(
    request: Describe, region: str = "box", max_words: int = MAX_WORDS, style: str = "concise"
) -> Generator[Describe, str, Description]:
    """Ask for a description, and once more with the reason if the answer cannot be used.

    Yields:
        The request, then perhaps the request with the prompt ``repair``; it is sent the model's raw text.

    Raises:
        UnreadableAnswer: neither answer can be used. No text is invented in its place or cut to fit.
    """
    return (yield from understood((yield request), request, region, max_words, style))


def understood(
    answer: str, request: Describe, region: str = "box", max_words: int = MAX_WORDS, style: str = "concise"
) -> Generator[Describe, str, Description]:
    """The description in an answer; if it cannot be used, ask once more as ``describe`` does, which says the rest."""
    try:
        return parse_answer(answer, max_words)
    except UnreadableAnswer as error:
        prompt = fill("repair", region, style, problem=str(error), answer=one_line(answer)[:500])
    answer = yield replace(request, prompt=prompt)
    try:
        return parse_answer(answer, max_words)
    except UnreadableAnswer as error:
        raise UnreadableAnswer(f"{error}; it answered {one_line(answer)[:200]!r}") from error


def is_readable(raw: str, max_words: int = MAX_WORDS) -> bool:
    """Whether ``parse_answer`` finds a description in an answer.

    >>> is_readable('{"target": "red kite"}'), is_readable("Sorry, I cannot help with that.")
    (True, False)
    """
    try:
        parse_answer(raw, max_words)
    except UnreadableAnswer:
        return False
    return True


def parse_answer(raw: str, max_words: int = MAX_WORDS) -> Description:
    """The description in a model's answer: JSON (fenced, bare or cut short), Python literals, tags or labelled lines.

    Args:
        raw: the whole answer; thoughts in ``<think>`` tags are skipped.
        max_words: the longest target phrase; longer background phrases are left out.

    Raises:
        UnreadableAnswer: the answer has no target phrase, or one longer than ``max_words`` or CLIP's context.
    """
    body = _spoken(raw)
    if len(body) > MAX_BODY:
        raise UnreadableAnswer(f"the answer has more than {MAX_BODY} characters")
    found: list[Fields] = []
    for read in (_whole, _tagged, _pieces, _lines):
        found = found or read(body)
    if not found:
        raise UnreadableAnswer("no JSON object with a target in it" if body.strip() else "the answer is empty")
    phrase, around = next((f for f in found if normalise(f[0])), found[0])
    text = normalise(phrase)
    if not text:
        raise UnreadableAnswer("the target phrase is empty")
    if len(text.split()) > max_words:
        raise UnreadableAnswer(f"the target phrase has more than {max_words} words")
    if not fits_clip(text):
        raise UnreadableAnswer(f"the target phrase has more than {CLIP_TOKENS} tokens")
    background = dict.fromkeys(filter(None, map(normalise, around)))
    return Description(text, tuple(b for b in background if len(b.split()) <= max_words and fits_clip(b)), raw)


def normalise(text: str) -> str:
    """A phrase as trackers read it: ``clean_for_trackers``, and no ``;``, outer quotes or final full stop."""
    return clean_for_trackers(one_line(text).replace(";", " ")).strip(" \"'`.*")


def _whole(body: str) -> list[Fields]:
    return [fields for fields in map(_fields, _objects(body)) if fields]


def _tagged(body: str) -> list[Fields]:
    tag = re.search(r"<answer>(.*?)(?:</answer>|$)", body, flags=re.S | re.I)
    return [(tag.group(1), ())] if tag else []


def _pieces(body: str) -> list[Fields]:
    """The fields of a broken or truncated object: the target if its string is closed, and the background after it."""
    plain = body.translate(STRAIGHT_QUOTES)
    for key in re.finditer(rf'"({"|".join(TARGET_KEYS)})"\s*:\s*({STRING})', plain, flags=re.I):
        rest = plain[key.end() :]
        around = re.search(rf'"(?:{"|".join(BACKGROUND_KEYS)})"\s*:\s*\[((?:\s*{STRING}\s*,?)*)', rest, flags=re.I)
        strings = re.findall(STRING, around.group(1)) if around else []
        if fields := _fields({"target": _unquoted(key.group(2)), "background": [_unquoted(s) for s in strings]}):
            return [fields]
    return []


def _unquoted(string: str) -> str:
    try:
        return str(json.loads(string, strict=False))
    except ValueError:  # an escape that JSON does not know
        return string[1:-1]


def _lines(body: str) -> list[Fields]:
    """``Target: ...`` and ``Background: ...`` on lines of their own; background items may follow one per line."""
    lines = [re.sub(r"^(?:[\s>*_#-]|\d+[.)])+|\*\*|__", "", line).strip() for line in body.splitlines()]
    for i, line in enumerate(lines):
        label, colon, text = line.partition(":")
        broken = re.search(r"[{}\[\]<>]", text) or text.count('"') % 2
        if colon and label.strip().lower() in LINE_LABELS and normalise(text) and not broken:
            return [(text, _listed(lines[i + 1 :]))]
    return []


def _listed(lines: list[str]) -> tuple[str, ...]:
    for i, line in enumerate(lines):
        label, colon, text = line.partition(":")
        if colon and label.strip().lower() in BACKGROUND_KEYS:
            below = takewhile(lambda item: item and ":" not in item, lines[i + 1 :])
            return tuple(text.split(",")) if text.strip() else tuple(below)
    return ()


def _spoken(raw: str) -> str:
    """An answer without the model's thoughts, also where a token limit has cut off the tag at either end of them."""
    spoken: list[str] = []
    start, thinking = 0, False
    for tag in re.finditer(r"<(/?)think(?:ing)?>", raw, flags=re.I):
        ends = bool(tag.group(1))
        if thinking and ends:
            spoken.append(" ")
        elif ends:  # of thoughts whose beginning is cut off
            spoken.clear()
        elif not thinking:
            spoken.append(raw[start : tag.start()])
        start, thinking = tag.end(), not ends
    return "".join(spoken if thinking else [*spoken, raw[start:]])


def _objects(body: str) -> list[Any]:
    """Every JSON object or Python dict in a text, in order."""
    decoder, found, at, literals = json.JSONDecoder(), [], body.find("{"), 0
    while at >= 0:
        try:
            value, end = decoder.raw_decode(body, at)
        except (ValueError, RecursionError):
            literals += 1
            value, end = _literal(body, at) if literals <= MAX_LITERALS else (None, at + 1)
        if value is not None:
            found.append(value)
        at = body.find("{", end)
    return found


def _literal(body: str, at: int) -> tuple[Any, int]:
    """The Python dict that begins at ``at`` and ends at one of the next closing braces, and the index after it."""
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


def _fields(value: Any) -> Fields | None:
    if not isinstance(value, dict):
        return None
    low = _lower(value)
    for inner in (low[k] for k in WRAPPER_KEYS if isinstance(low.get(k), dict)):
        low = low | _lower(inner)
    low |= {k: low[k][0] for k in TARGET_KEYS if isinstance(low.get(k), list) and len(low[k]) == 1}
    text = next((low[k] for k in TARGET_KEYS if isinstance(low.get(k), str)), None)
    if text is None or _is_form(text):
        return None
    around = next((low[k] for k in BACKGROUND_KEYS if k in low), ())
    if isinstance(around, str):
        around = around.split(",")
    listed = around if isinstance(around, list | tuple) else ()
    return text, tuple(b for b in listed if isinstance(b, str) and not _is_form(b))


def _is_form(text: str) -> bool:
    """Whether a model repeated the prompt's own placeholder, as in "<noun phrase>"."""
    return bool(re.fullmatch(r"\s*<[^<>]*>\s*", text))


def _lower(value: dict[Any, Any]) -> dict[str, Any]:
    return {k.lower(): v for k, v in value.items() if isinstance(k, str)}
