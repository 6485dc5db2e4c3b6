"""The licences of the models that wrote texts, and of the texts, for the card.

>>> [writer] = writers([{"describer": '{"name": "attributes", "revision": "1"}'}])
>>> writer.model, writer.revision, writer.licence[:10]
('attributes', '1', 'Apache-2.0')

The licences of models are in ``cards/models.yaml``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files

from chatdesc.rows.schema import Provenance
from chatdesc.types import ChatdescError

UNKNOWN = "not known to chatdesc: see the model's own page"
LICENCE = re.compile(r"[\w.+-]+", re.ASCII)  # as the Hub spells them: cc-by-4.0


@dataclass(frozen=True, slots=True, order=True)
class Writer:
    """A model that wrote texts; ``revision`` is a commit, a version or a hash of the weights."""

    model: str
    revision: str
    licence: str


def writers(provenances: Iterable[Provenance]) -> list[Writer]:
    """The describers in the rows' ``provenance``, each once, sorted by name and revision."""
    return sorted({_writer(made_by.get("describer") or "unknown") for made_by in provenances})


def _writer(describer: str) -> Writer:
    try:
        known = json.loads(describer)
    except ValueError:
        known = {"name": describer}
    model = str(known.get("model") or known.get("name") or "unknown")
    revision = str(known.get("revision") or known.get("server_model") or known.get("weights_sha256") or "not known")
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
    """A licence for texts, unchanged, if it is one word as on the Hub, or None.

    Raises:
        ChatdescError: it is not one word.
    """
    if licence is not None and not LICENCE.fullmatch(licence):
        raise ChatdescError(f"--text-licence {licence!r}: write it as the Hub does, in one word: cc-by-4.0")
    return licence
