"""Options of a command by their names, for what decides its result and for what decides its speed.

>>> settings, resources = sort_options("offline", {"theta": 0.4, "device": "cpu", "seed": None})
>>> settings.theta, resources.device, settings.seed
(0.4, 'cpu', 0)
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from chatdesc.backends import encoder_spec
from chatdesc.config import Resources, Settings, from_preset
from chatdesc.measures.registry import chosen
from chatdesc.names import near
from chatdesc.types import ChatdescError


def sort_options(preset: str, options: dict[str, Any]) -> tuple[Settings, Resources]:
    """Sort options into what decides the rows and what decides only the speed; None leaves an option to its default.

    Raises:
        ChatdescError: an unknown name, or a value out of range.
    """
    given = {name: value for name, value in options.items() if value is not None}
    if encoders := given.get("encoders"):
        given["encoders"] = tuple(map(encoder_spec, encoders))
    if measures := given.get("measures"):
        given["measures"] = chosen(measures)
    speed = {field.name for field in fields(Resources)}
    known = {field.name for field in fields(Settings)} | speed
    for name in given.keys() - known:
        raise ChatdescError(f"there is no option {name!r}{near(name, known)}")
    settings = from_preset(preset, **{name: value for name, value in given.items() if name not in speed})
    resources = {name: value for name, value in given.items() if name in speed}
    return settings, Resources(**resources)
