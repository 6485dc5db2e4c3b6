"""Answers to closed questions: Yes or No in a model's words, and the probability of Yes in its next words.

>>> spoken_reply("**Yes**, it is."), spoken_reply("The answer is no")
(True, False)
>>> round(chance_of_yes({"Yes": -0.1, " yes": -3.0, "No": -2.5, "The": -9.0}), 2)
0.92
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, TypeGuard

from chatdesc.types import UnreadableAnswer, one_line

YES, NO = "yes", "no"
CONSIDERED = 20  # of the likeliest words, as many as servers give
SPELLINGS = tuple(f"{space}{form(word)}" for word in (YES, NO) for form in (str, str.title, str.upper)
                  for space in ("", " "))  # fmt: skip
THOUGHT = re.compile(r".*</think(?:ing)?>|<think(?:ing)?>.*", re.S | re.I)


def spoken_reply(text: str) -> bool:
    """Whether an answer in words says Yes, by its first word or after "answer is" or "answer:".

    Raises:
        UnreadableAnswer: it says neither.
    """
    said = THOUGHT.sub("", text).strip()
    first = re.match(r"[\W_]*(yes|no)\b", said, re.I)
    later = re.search(r"\banswer(?:\s+is|[\W_]*:)[\W_]*(yes|no)\b", said, re.I)
    found = first or later
    if found is None:
        raise UnreadableAnswer(f"it answered neither Yes nor No, but {one_line(said)[:100]!r}")
    return found.group(1).lower() == YES


def chance_of_yes(words: Mapping[str, float]) -> float | None:
    """The probability of Yes, given Yes or No, from log probabilities of next words; None where neither is there."""
    yes, no = (sum(math.exp(value) for word, value in words.items() if meaning(word) == one) for one in (YES, NO))
    return yes / (yes + no) if yes + no > 0 else None


def meaning(word: str) -> str:
    """``yes``, ``no``, or empty for another word.

    >>> meaning(" Yes"), meaning("NO."), meaning("not")
    ('yes', 'no', '')
    """
    bare = word.strip(" \t\n\r.,*\"'`{}[]:\u2581\u0120").lower()
    return bare if bare in (YES, NO) else ""


def chance_in_choice(choice: Mapping[str, Any], yes: bool) -> float | None:
    """The probability of Yes in a choice of a chat completion, at the word by which it says Yes or No.

    Args:
        yes: what the choice's words say; None is answered where another word comes first, or without usable numbers.
    """
    said = choice.get("logprobs")
    tokens = said.get("content") if isinstance(said, dict) else None
    if not isinstance(tokens, list):
        return None
    spoken = [token for token in tokens if isinstance(token, dict)]
    ends = [k for k, token in enumerate(spoken) if "</think" in str(token.get("token"))]
    place = next((token for token in spoken[ends[-1] + 1 if ends else 0 :] if meaning(str(token.get("token")))), None)
    if place is None or (meaning(str(place["token"])) == YES) != yes:
        return None
    return chance_of_yes(_alternatives(place))


def _alternatives(token: Mapping[str, Any]) -> dict[str, float]:
    """The words that could stand in a token's place, itself included, with their log probabilities."""
    others = token.get("top_logprobs")
    entries = [token, *(others if isinstance(others, list) else [])]
    pairs = ((e.get("token"), e.get("logprob")) for e in entries if isinstance(e, dict))
    return {str(word): float(value) for word, value in pairs if _is_log_probability(value)}


def _is_log_probability(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value < 1e-3
