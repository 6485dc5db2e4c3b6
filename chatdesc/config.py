"""Settings of a run: what decides the result (``Settings``) and what only decides its speed (``Resources``)."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import asdict, dataclass, fields
from hashlib import sha256
from importlib.resources import files
from pathlib import PureWindowsPath
from typing import Any

from chatdesc.region import REGIONS
from chatdesc.types import ChatdescError

VERIFIER_NAMES = ("similarity", "random", "oracle")


STYLES = ("concise", "detailed")


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that the rows depend on. Two runs with equal settings on equal data give equal datasets.

    Attributes:
        rounds: N, reflection rounds after the first description.
        theta: IoU from which a proposal is on the target.
        tau: IoU from which the best-scoring proposal lets a text be accepted.
        min_margin: by how much the target must outscore all else for that, and by how much a word must score higher
            elsewhere to be negative; 0 also accepts what fits two things alike.
        box_threshold: score under which a proposal does not count; None takes the grounder's own.
        feedback: ``first`` (the first frame, the only honest one for test splits) or ``uniform:K``.
        ground_every: semantic tracking grounds every k-th frame.
        min_score: tracker confidence under which grounding is called before its turn.
        region: what of the frame the describer sees: ``box``, ``crop``, ``coords``, ``box+crop``.
        style: ``concise`` or ``detailed`` texts.
        every: describe anew every N frames, each range with its own feedback; 0 describes the sequence once.
        max_words: longer texts are sent back.
        max_tokens: the longest answer of a describer; None leaves it to the describer.
        max_pixels: larger pictures are shown smaller; None leaves it to the describer.
        quantization: ``4bit`` or ``8bit`` weights of the describer, or None.
        trust_remote_code: run Python code that a describer's repository brings along.
        alignment_frames: frames over which alignment is averaged.
    """

    describer: str = "attributes"
    grounder: str = "attributes"
    tracker: str = "csrt"
    verifier: str = "similarity"
    encoders: tuple[str, ...] = ("attributes",)
    rounds: int = 3
    theta: float = 0.3
    tau: float = 0.5
    min_margin: float = 0.0
    box_threshold: float | None = None
    feedback: str = "first"
    region: str = "box"
    style: str = "concise"
    every: int = 0
    max_words: int = 40
    max_tokens: int | None = None
    max_pixels: int | None = None
    quantization: str | None = None
    trust_remote_code: bool = False
    keep_manual_if_better: bool = True
    ground_every: int = 20
    min_score: float = 0.2
    alignment_frames: int = 4
    include_frames: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        feedback_frames(self.feedback)
        for name, low in (("rounds", 0), ("ground_every", 1), ("alignment_frames", 1), ("every", 0), ("max_words", 1)):
            if getattr(self, name) < low:
                raise ChatdescError(f"--{name.replace('_', '-')} must be at least {low}, not {getattr(self, name)}")
        if self.verifier not in VERIFIER_NAMES:
            raise ChatdescError(f"no verifier is called {self.verifier!r}; there are: {', '.join(VERIFIER_NAMES)}")
        for name, known in (("region", REGIONS), ("style", STYLES)):
            if getattr(self, name) not in known:
                raise ChatdescError(f"--{name} is one of {', '.join(known)}, not {getattr(self, name)!r}")
        for name in ("theta", "tau"):
            if not 0 < getattr(self, name) <= 1:
                raise ChatdescError(f"--{name} is an IoU in (0, 1], not {getattr(self, name)}")
        if not 0 <= self.min_margin < 1:
            raise ChatdescError(f"--min-margin is a difference of scores in [0, 1), not {self.min_margin}")

    def describer_options(self) -> dict[str, Any]:
        """What a describer is told beside its model; what is None is left to it."""
        options: dict[str, Any] = {
            "region": self.region,
            "max_pixels": self.max_pixels,
            "quantization": self.quantization,
        }
        options |= {"seed": self.seed, "max_tokens": self.max_tokens, "max_new_tokens": self.max_tokens}
        options["trust_remote_code"] = self.trust_remote_code or None
        return {name: value for name, value in options.items() if value is not None}

    def as_dict(self) -> dict[str, Any]:
        """JSON values, with local model folders by their last name only: this goes into rows and cards."""
        named = {role: public_spec(getattr(self, role)) for role in ("describer", "grounder", "tracker")}
        return asdict(self) | named | {"encoders": [public_spec(e) for e in self.encoders]}

    def hash(self) -> str:
        return sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Resources:
    """How much at once, and where; none of it changes a row.

    Attributes:
        batch_size: requests in one pass of a describer; None leaves it to the describer.
        concurrency: requests at a time to a model server (no more than there are sequences in flight).
        base_url: a model server's, for describers that speak to one.
        cache: a file or folder for describers' answers; None is the run's own, "" keeps none.
    """

    sequences_in_flight: int = 8
    frames_in_flight: int = 32
    device: str = "auto"
    batch_size: int | None = None
    concurrency: int = 32
    base_url: str | None = None
    cache: str | None = None


def public_spec(spec: str) -> str:
    """A backend's spec without the folders of local paths: ``open-clip:local-dir:/home/me/clip`` -> ``...:clip``.

    Words of a command are taken one by one, and so is what follows ``=``, ``:`` or ``//`` in them.
    """
    return re.sub(r"(^|[\s=:]|(?<=\w)/(?=/))((?:/|~|\.\.?/|[A-Za-z]:\\)[^\s=]*)", _last_name, spec)


def _last_name(found: re.Match[str]) -> str:
    return found.group(1) + PureWindowsPath(found.group(2).rstrip("/\\")).name


def feedback_frames(feedback: str) -> int:
    """``first`` -> 1, ``uniform:K`` -> K.

    Raises:
        ChatdescError: anything else.
    """
    if feedback == "first":
        return 1
    kind, _, count = feedback.partition(":")
    if kind == "uniform" and count.isdecimal() and int(count) >= 1:
        return int(count)
    raise ChatdescError(f"--feedback is 'first' or 'uniform:K' with K >= 1, not {feedback!r}")


def presets() -> dict[str, dict[str, Any]]:
    """Name -> content of every preset file."""
    folder = files("chatdesc").joinpath("presets")
    found = {f.name.removesuffix(".toml"): f for f in folder.iterdir() if f.name.endswith(".toml")}
    return {name: tomllib.loads(found[name].read_text(encoding="utf-8")) for name in sorted(found)}


def from_preset(name: str, **changes: Any) -> Settings:
    """A preset's settings with those ``changes`` that are not None.

    Raises:
        ChatdescError: no such preset.
    """
    known = presets()
    if name not in known:
        raise ChatdescError(f"no preset is called {name!r}; there are: {', '.join(known)}")
    allowed = {f.name for f in fields(Settings)}
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in known[name].items() if k in allowed}
    values |= {k: v for k, v in changes.items() if v is not None}
    return Settings(**values)
