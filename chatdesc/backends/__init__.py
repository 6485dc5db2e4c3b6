"""Backends by name. A backend's module is imported when it is created, never before.

>>> create("grounder", "attributes").threshold
0.3
>>> split_spec("grounding-dino:IDEA-Research/grounding-dino-tiny@main")
('grounding-dino', 'IDEA-Research/grounding-dino-tiny', 'main')

To add a backend: write a class that keeps a protocol of ``chatdesc.protocols``, and add it to BUILTIN, or publish it
from your own package as an entry point of the group ``chatdesc.backends``, named ``ROLE.NAME``. Its constructor takes
``model`` and ``revision`` (either may be empty) and ignores keyword arguments that it does not know: every backend is
given ``device``, a describer also the options of a server and of its prompt (``base_url``, ``region`` ...). It loads no
weights before the first request or ``describe_self``.
"""

from __future__ import annotations

import difflib
import importlib
from pathlib import Path
from typing import Any

from chatdesc.types import ChatdescError

ROLES = ("describer", "grounder", "tracker", "encoder", "verifier")

BUILTIN: dict[str, dict[str, str]] = {
    "describer": {
        "attributes": "chatdesc.backends.attributes:AttributesDescriber",
        "file": "chatdesc.texts.describer:FileDescriber",
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
        "clip-centre": "chatdesc.backends.transformers_clip:CentreTransformersClipEncoder",
        "fg-clip": "chatdesc.backends.fg_clip:FgClipEncoder",
        "open-clip": "chatdesc.backends.open_clip:OpenClipEncoder",
        "open-clip-centre": "chatdesc.backends.open_clip:CentreOpenClipEncoder",
    },
    "tracker": {
        "csrt": "chatdesc.backends.opencv_trackers:CsrtTracker",
        "edgetam": "chatdesc.backends.sam_trackers:EdgeTamTracker",
        "external": "chatdesc.backends.external_tracker:ExternalTracker",
        "external-text": "chatdesc.backends.external_tracker:ExternalTextTracker",
        "kcf": "chatdesc.backends.opencv_trackers:KcfTracker",
        "mil": "chatdesc.backends.opencv_trackers:MilTracker",
        "nano": "chatdesc.backends.opencv_trackers:NanoTracker",
        "opencv": "chatdesc.backends.opencv_trackers:opencv_tracker",
        "sam2": "chatdesc.backends.sam_trackers:Sam2Tracker",
        "sam3": "chatdesc.backends.sam3_video:Sam3WordTracker",
        "sam3-tracker": "chatdesc.backends.sam_trackers:Sam3TrackerTracker",
    },
    "verifier": {
        "learned": "chatdesc.backends.learned_verifier:LearnedVerifier",
        "oracle": "chatdesc.backends.verifiers:Oracle",
        "random": "chatdesc.backends.verifiers:RandomChoice",
        "raw-similarity": "chatdesc.backends.verifiers:RawSimilarity",
        "similarity": "chatdesc.backends.verifiers:Similarity",
    },
}


def available(role: str) -> dict[str, str]:
    """Name -> ``module:class`` of a role's backends: the built-in ones, then entry points ``ROLE.NAME``.

    An entry point cannot replace a built-in backend.

    Raises:
        KeyError: ``role`` is none of ROLES.
    """
    from importlib.metadata import entry_points

    found = dict(BUILTIN[role])
    for point in entry_points(group="chatdesc.backends"):
        point_role, _, name = point.name.partition(".")
        if point_role == role and name:
            found.setdefault(name, point.value)
    return found


def split_spec(spec: str) -> tuple[str, str, str]:
    """``name:model@revision`` -> (name, model, revision); the last two may be empty.

    >>> split_spec("csrt")
    ('csrt', '', '')
    """
    name, _, model = spec.partition(":")
    model, _, revision = model.partition("@")
    return name, model, revision


def resolve(role: str, name: str) -> str:
    """The ``module:class`` of a backend's name.

    >>> resolve("tracker", "csrt")
    'chatdesc.backends.opencv_trackers:CsrtTracker'

    Raises:
        ChatdescError: no backend has this name; the message has similar ones.
    """
    if name in BUILTIN[role]:  # what is installed need not be searched: that takes as long as a short command
        return BUILTIN[role][name]
    names = available(role)
    if name not in names:
        near = difflib.get_close_matches(name, names, n=2, cutoff=0.4)
        hint = f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(sorted(names))}"
        raise ChatdescError(f"no {role} is called {name!r}; {hint} (`chatdesc backends` lists them)")
    return names[name]


def encoder_spec(spec: str) -> str:
    """The spec of an encoder as users write it; a folder, or a name that is no backend's, is an open_clip model.

    >>> encoder_spec("clip:org/model"), encoder_spec("ViT-B-32/openai")
    ('clip:org/model', 'open-clip:ViT-B-32/openai')
    """
    name, _, _ = split_spec(spec)
    if name in BUILTIN["encoder"] or name in available("encoder"):
        return spec
    if name in ("local-dir", "hf-hub"):
        return f"open-clip:{spec}"
    return f"open-clip:local-dir:{spec}" if Path(spec).is_dir() else f"open-clip:{spec}"


def create(role: str, spec: str, **options: Any) -> Any:
    """Make a backend.

    Args:
        role: one of ROLES.
        spec: ``name``, ``name:model`` or ``name:model@revision``.
        options: for the backend's constructor.

    Returns:
        An object that keeps the role's protocol of ``chatdesc.protocols``.

    Raises:
        ChatdescError: no backend has this name, or it refuses an option.
        BackendError: the model is misspelt, or a file that the backend needs at once is missing.
    """
    name, model, revision = split_spec(spec)
    module, _, cls = resolve(role, name).partition(":")
    return getattr(importlib.import_module(module), cls)(model=model, revision=revision, **options)
