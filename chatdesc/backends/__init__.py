"""Backends by name. A backend is imported when it is asked for, never before.

>>> from chatdesc.backends import create
>>> grounder = create("grounder", "attributes")          # or "name:model@revision"
"""

from __future__ import annotations

import difflib
import importlib
from pathlib import Path
from typing import Any

from chatdesc.types import ChatdescError

ROLES = ("describer", "grounder", "tracker", "encoder")

BUILTIN: dict[str, dict[str, str]] = {
    "describer": {
        "attributes": "chatdesc.backends.attributes:AttributesDescriber",
        "openai": "chatdesc.backends.openai_api:OpenAiDescriber",
        "transformers": "chatdesc.backends.transformers_vlm:TransformersDescriber",
    },
    "grounder": {
        "attributes": "chatdesc.backends.attributes:AttributesGrounder",
        "grounding-dino": "chatdesc.backends.grounding_dino:GroundingDinoGrounder",
        "mm-grounding-dino": "chatdesc.backends.grounding_dino:MmGroundingDinoGrounder",
        "omdet-turbo": "chatdesc.backends.word_queries:OmDetTurboGrounder",
        "owlv2": "chatdesc.backends.word_queries:Owlv2Grounder",
        "sam3": "chatdesc.backends.sam3:Sam3Grounder",
    },
    "encoder": {
        "attributes": "chatdesc.backends.attributes:AttributesEncoder",
        "clip": "chatdesc.backends.transformers_clip:TransformersClipEncoder",
        "open-clip": "chatdesc.backends.open_clip:OpenClipEncoder",
    },
    "tracker": {
        "csrt": "chatdesc.backends.opencv_trackers:CsrtTracker",
        "edgetam": "chatdesc.backends.sam_trackers:EdgeTamTracker",
        "external": "chatdesc.backends.external_tracker:ExternalTracker",
        "kcf": "chatdesc.backends.opencv_trackers:KcfTracker",
        "mil": "chatdesc.backends.opencv_trackers:MilTracker",
        "nano": "chatdesc.backends.opencv_trackers:NanoTracker",
        "opencv": "chatdesc.backends.opencv_trackers:opencv_tracker",
        "sam2": "chatdesc.backends.sam_trackers:Sam2Tracker",
        "sam3": "chatdesc.backends.sam3_video:Sam3WordTracker",
        "sam3-tracker": "chatdesc.backends.sam_trackers:Sam3TrackerTracker",
    },
}


def available(role: str) -> dict[str, str]:
    """Name -> ``module:class`` of a role's backends: ours, then entry points ``chatdesc.backends``.

    An outsider's entry point is called ``<role>.<name>``; it cannot replace one of ours.
    """
    from importlib.metadata import entry_points

    found = dict(BUILTIN[role])
    for point in entry_points(group="chatdesc.backends"):
        point_role, _, name = point.name.partition(".")
        if point_role == role and name:
            found.setdefault(name, point.value)
    return found


def split_spec(spec: str) -> tuple[str, str, str]:
    """``name:model@revision`` -> (name, model, revision); the last two may be empty."""
    name, _, model = spec.partition(":")
    model, _, revision = model.partition("@")
    return name, model, revision


def resolve(role: str, name: str) -> str:
    """The ``module:class`` behind a name.

    Raises:
        ChatdescError: there is none; the message has the near misses.
    """
    names = available(role)
    if name not in names:
        near = difflib.get_close_matches(name, names, n=2, cutoff=0.4)
        hint = f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(sorted(names))}"
        raise ChatdescError(f"no {role} is called {name!r}; {hint} (`chatdesc backends` lists them)")
    return names[name]


def encoder_spec(spec: str) -> str:
    """An encoder as users write it: a backend's name as it is, a folder or any other name as an open_clip model."""
    name, _, _ = split_spec(spec)
    if name in available("encoder"):
        return spec
    if name in ("local-dir", "hf-hub"):
        return f"open-clip:{spec}"
    return f"open-clip:local-dir:{spec}" if Path(spec).is_dir() else f"open-clip:{spec}"


def create(role: str, spec: str, **options: Any) -> Any:
    """Make a backend from ``name``, ``name:model`` or ``name:model@revision``."""
    name, model, revision = split_spec(spec)
    module, _, cls = resolve(role, name).partition(":")
    return getattr(importlib.import_module(module), cls)(model=model, revision=revision, **options)
