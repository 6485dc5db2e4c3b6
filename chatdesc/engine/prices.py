"""What tokens cost: a small YAML of prices by model, each with its date.

>>> price = price_of("openai:gpt-4.1")
>>> round(price.of(1_000_000, 500_000), 2), price.currency
(6.0, 'USD')
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from chatdesc.names import near
from chatdesc.types import ChatdescError

FORM = "MODEL: {input: 2.0, output: 8.0, currency: USD, date: 2025-04-14} (per million tokens)"


@dataclass(frozen=True, slots=True)
class Price:
    """A model's price per million tokens of the prompt (``input``) and of the answer (``output``), on ``date``."""

    input: float
    output: float
    currency: str
    date: str

    def of(self, prompt_tokens: int, completion_tokens: int) -> float:
        """The cost of so many tokens."""
        return (self.input * prompt_tokens + self.output * completion_tokens) / 1e6


def price_of(describer: str, path: str | Path | None = None) -> Price:
    """The price of a describer, as the settings name it (``openai:gpt-4.1``).

    Args:
        path: a file of prices in place of the package's own.

    Raises:
        ChatdescError: the file cannot be read, or has no price of it.
    """
    place = str(path) if path else "the package's prices"
    known = _read(path)
    model = describer.partition("@")[0]
    if model not in known:
        raise ChatdescError(f"{place}: no price of {model}{near(model, known)}; give one with --prices FILE: {FORM}")
    return _price(known[model], model, place)


def _read(path: str | Path | None) -> dict[str, Any]:
    import yaml

    file = Path(path) if path else files("chatdesc.cards") / "prices.yaml"
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ChatdescError(f"{path}: cannot be read ({error.strerror})") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ChatdescError(f"{path}: is no YAML ({' '.join(str(error).split())[:200]}); a line is {FORM}") from error
    if not isinstance(content, dict):
        raise ChatdescError(f"{path}: holds no prices; a line is {FORM}")
    return {str(name): value for name, value in content.items()}


def _price(said: Any, model: str, place: str) -> Price:
    try:
        each = [float(said[key]) for key in ("input", "output")]
        if not all(math.isfinite(value) and value >= 0 for value in each):
            raise ValueError(each)
        return Price(each[0], each[1], str(said["currency"]), str(said["date"]))
    except (TypeError, ValueError, KeyError) as error:
        raise ChatdescError(f"{place}: {model}: is no price; a line is {FORM}") from error
