"""Settings of a run: what decides the result (``Settings``) and what only decides its speed (``Resources``)."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import asdict, dataclass, field, fields, replace
from hashlib import sha256
from importlib.resources import files
from pathlib import PureWindowsPath
from typing import Any

from chatdesc.names import near
from chatdesc.private import without_secrets
from chatdesc.region import REGIONS
from chatdesc.types import ChatdescError

STYLES = ("concise", "detailed")

MODELS, PROMPTS, METHOD, OUTPUT = "Models", "Describer input and text", "Method", "Output"


FIRST, UNIFORM, TRACK, SELF = "first", "uniform", "track", "self"
TRAINING = ("train",)  # splits on which no tracker is evaluated


@dataclass(frozen=True, slots=True)
class Heard:
    """What gives feedback.

    Attributes:
        kind: ``first``, ``uniform``, ``track`` or ``self``.
        count: frames that are grounded (1 with ``first``), or tracked.

    >>> Heard.parse("track:40"), Heard.parse("first").grounded
    (Heard(kind='track', count=40), 1)
    """

    kind: str
    count: int = 1

    @classmethod
    def parse(cls, feedback: str) -> Heard:
        """``first``, ``uniform:K``, ``track:N`` or ``self:N``.

        Raises:
            ChatdescError: anything else, K under 1, or N under 2.
        """
        kind, _, count = feedback.partition(":")
        if feedback == FIRST:
            return cls(FIRST)
        least = {UNIFORM: 1, TRACK: 2, SELF: 2}.get(kind)
        if least is not None and re.fullmatch("[0-9]{1,9}", count) and int(count) >= least:
            return cls(kind, int(count))
        raise ChatdescError(
            "--feedback is 'first', 'uniform:K' with K >= 1, 'track:N' or 'self:N' with N >= 2 frames, not "
            f"{feedback!r}"
        )

    @property
    def tracked(self) -> bool:
        """Whether texts are also tried in tracking."""
        return self.kind in (TRACK, SELF)

    @property
    def grounded(self) -> int:
        """On how many frames a text is grounded."""
        return 1 if self.tracked else self.count


def _setting(default: Any, help: str, panel: str, **limits: Any) -> Any:  # noqa: A002
    """A field of Settings with all that the command line says of it.

    Args:
        help: what the option does.
        panel: the heading under which ``--help`` shows it.
        limits: ``least`` (numbers), ``choices`` (names).
    """
    return field(default=default, metadata={"help": help, "panel": panel, **limits})


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that the rows depend on. Two runs with equal settings on equal data give equal datasets.

    The options of ``chatdesc annotate`` follow from these fields, so each field says what its option says.
    ``None`` leaves a value to the backend.
    """

    describer: str = _setting("attributes", "Describer: NAME or NAME:MODEL@REVISION", MODELS)
    grounder: str = _setting("attributes", "Grounder: NAME or NAME:MODEL@REVISION", MODELS)
    tracker: str = _setting("csrt", "Tracker: NAME, NAME:MODEL, or none", MODELS)
    verifier: str = _setting(
        "similarity", "Verifier, which chooses among proposals on key frames: NAME or NAME:MODEL@REVISION", MODELS
    )
    encoders: tuple[str, ...] = _setting(
        ("attributes",),
        "Encoder that scores alignment: NAME, NAME:MODEL, a folder, or an open_clip name such as "
        "ViT-B-32-quickgelu/openai. Repeatable; the first one also verifies proposals",
        MODELS,
    )
    rounds: int = _setting(3, "Reflection rounds after the first description", METHOD, least=0)
    theta: float = _setting(0.3, "IoU from which a proposal counts as on the target", METHOD)
    tau: float = _setting(0.5, "IoU that the best-scoring proposal needs for a text to be accepted", METHOD)
    min_margin: float = _setting(
        0.0,
        "Minimum score margin over other regions to accept a text, and from which a word counts as negative; 0 also "
        "accepts texts that fit two objects equally",
        METHOD,
    )
    box_threshold: float | None = _setting(None, "Minimum score of a proposal (default: the grounder's own)", METHOD)
    feedback: str = _setting(
        "first",
        "What gives feedback: first (the first frame), uniform:K (K frames; training splits), track:N (tracking with "
        "each text over N frames; training splits), or self:N (the same without ground truth)",
        METHOD,
    )
    i_know_this_uses_ground_truth: bool = _setting(
        False, "Allow --feedback track:N on sequences that are not of a training split; their scope says so", METHOD
    )
    region: str = _setting("box", "Image region shown to the describer", PROMPTS, choices=REGIONS)
    style: str = _setting("concise", "Style of the texts", PROMPTS, choices=STYLES)
    every: int = _setting(
        0,
        "Write a new text every N frames, each chosen with boxes of its own frames; 0 writes one text",
        PROMPTS,
        least=0,
    )
    max_words: int = _setting(40, "Maximum words of a text; longer texts are sent back", PROMPTS, least=1)
    max_tokens: int | None = _setting(
        None, "Maximum tokens of a describer's answer (default: the describer's own)", PROMPTS, least=1
    )
    max_pixels: int | None = _setting(
        None, "Maximum pixels of an image shown to the describer; larger images are shrunk", PROMPTS, least=1
    )
    quantization: str | None = _setting(
        None, "Weights of the describer in 4bit or 8bit (default: not quantized)", MODELS
    )
    trust_remote_code: bool = _setting(
        False, "Run Python code from the repositories of the describer and of encoders", MODELS
    )
    keep_manual_if_better: bool = _setting(True, "Keep the manual text where no refined text beats it", METHOD)
    ground_every: int = _setting(20, "Ground the text on every k-th frame while tracking", METHOD, least=1)
    drop_places: bool = _setting(
        True, "On key frames, leave out words of place that do not fit where the target is by then", METHOD
    )
    min_score: float = _setting(0.2, "Tracker score below which the text is grounded before the next key frame", METHOD)
    alignment_frames: int = _setting(4, "Frames over which alignment is averaged", METHOD, least=1)
    measures: tuple[str, ...] = _setting(
        (),
        "Further measures of the texts, separated by commas: rank, margin, alignment, alignment-margin, validity, "
        "words, vqa, questions, agreement, shared-words (default: none, as each looks at the frames again)",
        METHOD,
    )
    measure_frames: int = _setting(8, "Frames on which --measures look at a text", METHOD, least=1)
    include_frames: bool = _setting(False, "Embed the frames in the dataset (check their licence first)", OUTPUT)
    seed: int = _setting(0, "Random seed (random verifier, sampling describers)", METHOD)

    def __post_init__(self) -> None:
        self._check_feedback()
        for setting in fields(self):
            option, value = f"--{setting.name.replace('_', '-')}", getattr(self, setting.name)
            least, choices = setting.metadata.get("least"), setting.metadata.get("choices")
            if least is not None and value is not None and value < least:
                raise ChatdescError(f"{option} must be at least {least}, not {value}")
            if choices is not None and value not in choices:
                raise ChatdescError(f"{option} is one of {', '.join(choices)}, not {value!r}")
        for name in ("theta", "tau"):
            if not 0 < getattr(self, name) <= 1:
                raise ChatdescError(f"--{name} is an IoU in (0, 1], not {getattr(self, name)}")
        if not 0 <= self.min_margin < 1:
            raise ChatdescError(f"--min-margin is a difference of scores in [0, 1), not {self.min_margin}")

    def _check_feedback(self) -> None:
        """Refuse feedback from tracks that the other settings make impossible, or that would hear nothing."""
        heard = self.heard
        if not heard.tracked:
            return
        option = f"--feedback {self.feedback}"
        if self.tracker == "none":
            raise ChatdescError(f"{option}: no text can be tracked with --tracker none")
        if heard.count <= self.ground_every:
            raise ChatdescError(
                f"{option}: a text has no part in a track before its first key frame; take more frames than "
                f"--ground-every {self.ground_every}, better three times as many"
            )
        if heard.kind == SELF and self.every:
            raise ChatdescError(
                f"{option} looks at no box but the first, and --every {self.every} at one of each range"
            )

    @property
    def heard(self) -> Heard:
        """What gives feedback, taken apart."""
        return Heard.parse(self.feedback)

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
        named = {role: public_spec(getattr(self, role)) for role in ("describer", "grounder", "tracker", "verifier")}
        lists = {"encoders": [public_spec(e) for e in self.encoders], "measures": list(self.measures)}
        return asdict(self) | named | lists

    def hash(self) -> str:
        """A short hash of all settings, for a row's provenance."""
        return sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Resources:
    """Speed and place of a run; no field changes a row.

    Attributes:
        sequences_in_flight: sequences in work at the same time; None takes as many as fill a batch of every model.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1`` ...
        batch_size: requests in one forward pass of the describer; None leaves it to the describer.
        concurrency: requests to a model server at the same time (at most ``sequences_in_flight``).
        base_url: URL of the model server, for describers that use one.
        cache: file or folder for describers' answers; None is the run folder, "" keeps none.
        record_evidence: keep what the verifier was asked on each key frame, in the run folder.
    """

    sequences_in_flight: int | None = None
    device: str = "auto"
    batch_size: int | None = None
    concurrency: int = 32
    base_url: str | None = None
    cache: str | None = None
    record_evidence: bool = False


def public_spec(spec: str) -> str:
    """A backend's spec without folders of paths and secrets of URLs: ``open-clip:local-dir:/me/clip`` -> ``...:clip``.

    Words of a command are taken one by one, and so is what follows ``=``, ``:`` or ``//`` in them.
    """
    return re.sub(r"(^|[\s=:]|(?<=\w)/(?=/))((?:/|~|\.\.?/|[A-Za-z]:\\)[^\s=]*)", _last_name, without_secrets(spec))


def _last_name(found: re.Match[str]) -> str:
    return found.group(1) + PureWindowsPath(found.group(2).rstrip("/\\")).name


@dataclass(frozen=True, slots=True)
class PresetModel:
    """A model of the Hub that a preset loads: its role, size of the download, and memory once loaded."""

    role: str
    id: str
    revision: str
    licence: str
    gigabytes: float
    memory: str


@dataclass(frozen=True, slots=True)
class Preset:
    """A full set of backends under one name (``presets/NAME.toml``)."""

    name: str
    about: str
    settings: Settings
    models: tuple[PresetModel, ...] = ()
    needs_gpu: bool = False


def presets() -> dict[str, Preset]:
    """Every preset by its name."""
    folder = files("chatdesc").joinpath("presets")
    contents = {f.name.removesuffix(".toml"): f.read_text(encoding="utf-8") for f in folder.iterdir()}
    return {name: _preset(name, tomllib.loads(contents[name])) for name in sorted(contents)}


def _preset(name: str, content: dict[str, Any]) -> Preset:
    models = tuple(PresetModel(**model) for model in content.pop("models", ()))
    about, needs_gpu = content.pop("about"), content.pop("needs_gpu", False)
    settings: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in content.items()
    }
    return Preset(name, about, Settings(**settings), models, needs_gpu)


def preset(name: str) -> Preset:
    """A preset by its name.

    Raises:
        ChatdescError: no preset has this name.
    """
    known = presets()
    if name not in known:
        raise ChatdescError(f"no preset is called {name!r} among {', '.join(known)}{near(name, known)}")
    return known[name]


def from_preset(name: str, **changes: Any) -> Settings:
    """A preset's settings with those ``changes`` that are not None.

    Raises:
        ChatdescError: no preset has this name, no setting has one of these names, or a value is out of range.
    """
    settings = preset(name).settings
    names = [setting.name for setting in fields(Settings)]
    for unknown in changes.keys() - set(names):
        raise ChatdescError(f"there is no setting {unknown!r}{near(unknown, names)}")
    return replace(settings, **{name: value for name, value in changes.items() if value is not None})
