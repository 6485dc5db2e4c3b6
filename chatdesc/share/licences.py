"""What a card says of licences: of the source dataset, of the models that wrote the texts, of the texts.

>>> writers([{"describer": '{"name": "attributes", "revision": "1"}'}])
[Writer(model='attributes', revision='1', licence='Apache-2.0, as chatdesc itself (it measures, and has no learned weights)')]

Facts about models are in ``cards/models.yaml``, facts about source datasets in ``cards/NAME.yaml``.
"""  # noqa: E501

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Any

from chatdesc.types import ChatdescError

UNKNOWN = "not known to chatdesc: see the model's own page"
LICENCE = re.compile(r"[\w.+-]+", re.ASCII)  # as the Hub spells them: cc-by-4.0


@dataclass(frozen=True, slots=True)
class Writer:
    """A model that wrote texts; ``revision`` is a commit, a version or a hash of the weights."""

    model: str
    revision: str
    licence: str


def writers(provenances: Iterable[dict[str, Any]]) -> list[Writer]:
    """The describers that rows' ``provenance`` names, each once."""
    return sorted({_writer(made_by.get("describer") or "unknown") for made_by in provenances}, key=_order)


def _order(writer: Writer) -> tuple[str, str]:
    return writer.model, writer.revision


def _writer(describer: str) -> Writer:
    try:
        said = json.loads(describer)
    except ValueError:
        said = {"name": describer}
    model = str(said.get("model") or said.get("name") or "unknown")
    revision = str(said.get("revision") or said.get("server_model") or said.get("weights_sha256") or "not known")
    return Writer(model, revision, licence_of(model))


def licence_of(model: str) -> str:
    """A describer's licence by its model's name."""
    return next((licence for pattern, licence in _known() if fnmatchcase(model, pattern)), UNKNOWN)


@cache
def _known() -> tuple[tuple[str, str], ...]:
    import yaml

    text = (files("chatdesc.cards") / "models.yaml").read_text(encoding="utf-8")
    return tuple((entry["match"], entry["licence"]) for entry in yaml.safe_load(text))


def checked(licence: str | None) -> str | None:
    """A licence for texts, as the Hub spells it.

    Raises:
        ChatdescError: it is not spelled like one.
    """
    if licence is not None and not LICENCE.fullmatch(licence):
        raise ChatdescError(f"--text-licence {licence!r}: write it as the Hub does, in one word: cc-by-4.0")
    return licence
