"""Settings and models of tracks that are made again, and what those may not be.

>>> named(Settings(box_threshold=0.2), judge="owlv2:x", tracker=None, encoder=None).box_threshold is None
True
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from chatdesc.backends import create, encoder_spec
from chatdesc.config import Settings, public_spec
from chatdesc.engine.models import Models
from chatdesc.protocols import Backend, Verifier
from chatdesc.types import ChatdescError


def recorded_settings(run: Path, settings: dict[str, Any]) -> Settings:
    """The settings of a run's configuration.

    Raises:
        ChatdescError: another version made it, or it is damaged.
    """
    unknown = sorted(set(settings) - {field.name for field in fields(Settings)})
    if unknown:
        raise ChatdescError(f"{run} was made by another version of chatdesc: there is no setting {unknown[0]!r} here")
    encoders = settings.get("encoders")
    if not isinstance(encoders, list) or not all(isinstance(name, str) for name in encoders):
        raise ChatdescError(f"{run / 'run.json'}: its settings name no encoders; take it from a copy of the run")
    return Settings(**settings | {"encoders": tuple(encoders)})


def named(
    recorded: Settings, judge: str | None, tracker: str | None, encoder: str | None, verifier: str | None = None
) -> Settings:
    """The settings of a run, with other models where they are named; an encoder is named as users write it."""
    settings = replace(recorded, tracker=tracker or recorded.tracker, verifier=verifier or recorded.verifier)
    if encoder:
        settings = replace(settings, encoders=(encoder_spec(encoder), *recorded.encoders[1:]))
    if judge is None:
        return settings
    # A threshold belongs to its grounder.
    own = public_spec(judge) == recorded.grounder
    return replace(settings, grounder=judge, box_threshold=recorded.box_threshold if own else None)


def refuse_oracle(run: Path, settings: Settings, named_so: bool) -> None:
    """Refuse a verifier that looks at the ground truth, ``named_so`` on the command line.

    Raises:
        ChatdescError: it does.
    """
    if settings.verifier != "oracle":
        return
    if named_so:
        raise ChatdescError("--verifier oracle looks at the ground truth, and so would every arm; name another")
    raise ChatdescError(
        f"{run} was made with --verifier oracle, which looks at the ground truth, and so would every arm; name another "
        "with --verifier (its texts do not depend on it)"
    )


def refuse_no_tracker(run: Path, settings: Settings) -> None:
    """Refuse to track without a tracker.

    Raises:
        ChatdescError: the run had none, and none is named.
    """
    if settings.tracker == "none":
        raise ChatdescError(f"{run} was made without a tracker; name one, for instance --tracker csrt")


def models_of(settings: Settings, verifiers: Iterable[str], device: str) -> Models:
    """The models that track."""
    return Models(
        grounder=create("grounder", settings.grounder, device=device),
        tracker=create("tracker", settings.tracker, device=device),
        encoders={settings.encoders[0]: create("encoder", settings.encoders[0], device=device)},
        verifiers={name: create("verifier", name, device=device) for name in verifiers},
    )


def described(models: Models, verifier: Verifier | None = None) -> dict[str, str]:
    """What each model says of itself, as JSON, by role; of the verifiers that of ``verifier`` alone."""
    [encoder] = models.encoders.values()
    roles: dict[str, Backend | None] = {"grounder": models.grounder, "tracker": models.tracker, "encoder": encoder}
    roles["verifier"] = verifier
    return {role: json.dumps(m.describe_self(), sort_keys=True) for role, m in roles.items() if m is not None}
