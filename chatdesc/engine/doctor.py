"""Check a machine against a preset: Python, libraries, devices, backends, models, the Hub, a model server."""

from __future__ import annotations

import os
import platform
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from chatdesc.backends import available, create, split_spec
from chatdesc.compiled import can_compile
from chatdesc.config import PresetModel, Settings
from chatdesc.config import preset as named_preset
from chatdesc.cores import cores
from chatdesc.names import counted
from chatdesc.types import ChatdescError

LIBRARIES = ("chatdesc", "torch", "transformers", "open_clip_torch", "opencv-contrib-python-headless", "datasets")
HUB_SECONDS = 5.0
WEIGHTS = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.bin",
)


@dataclass(frozen=True, slots=True)
class Check:
    """One check: what was looked at, what was found, whether that is good enough, and if not, what to do."""

    what: str
    found: str
    well: bool = True
    remedy: str = ""


def examine(preset: str = "offline", base_url: str | None = None) -> Iterator[Check]:
    """Run all checks, the quick ones first. The Hub is asked only if the preset has models from it.

    Raises:
        ChatdescError: no such preset.
    """
    chosen = named_preset(preset)
    yield from _python()
    yield from _libraries()
    yield from _memory()
    yield from _devices(chosen.needs_gpu)
    yield from _backends(chosen.settings)
    models = chosen.models
    missing = [model for model in models if not cached(model.id)]
    yield from _models(models, missing)
    if missing:
        yield _hub()
    if base_url or chosen.settings.describer.startswith("openai:"):
        yield _server(base_url)


def _python() -> Iterator[Check]:
    well = sys.version_info >= (3, 11)
    yield Check("Python", platform.python_version(), well, "" if well else "install Python 3.11 or newer")


def _libraries() -> Iterator[Check]:
    for name in LIBRARIES:
        try:
            yield Check(name, version(name))
        except PackageNotFoundError:
            yield Check(name, "missing", False, f"pip install {name}")
    quick = version("numba") if can_compile() else "none: the preset offline and large evaluations take longer"
    yield Check("numba (extra fast)", quick)


def _memory() -> Iterator[Check]:
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    except (ValueError, OSError, AttributeError):
        return
    yield Check("processor", f"{counted(cores(), 'core')}, {total:.0f} GB of memory")


def _devices(needs_gpu: bool) -> Iterator[Check]:
    import torch

    if not torch.cuda.is_available():
        remedy = "use --preset cpu, or --describer openai:MODEL --base-url URL with a model server" if needs_gpu else ""
        yield Check("GPU", "none that torch can use", not needs_gpu, remedy)
        return
    for index in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(index)
        yield Check(
            f"GPU {index}", f"{torch.cuda.get_device_name(index)}, {free / 2**30:.0f} of {total / 2**30:.0f} GB free"
        )


def _backends(settings: Settings) -> Iterator[Check]:
    named = [(role, getattr(settings, role)) for role in ("describer", "grounder", "tracker")]
    for role, spec in [*named, *(("encoder", e) for e in settings.encoders)]:
        there = split_spec(spec)[0] in available(role)
        yield Check(role, spec, there, "" if there else "this version has no such backend; pip install -U chatdesc")


def _models(models: Sequence[PresetModel], missing: Sequence[PresetModel]) -> Iterator[Check]:
    for model in models:
        about = f"{model.licence}, {model.gigabytes:g} GB, {model.memory} when loaded"
        absent = model in missing
        remedy = f"hf download {model.id}" if absent else ""
        yield Check(model.id, f"{'not in the cache' if absent else 'in the cache'} ({about})", not absent, remedy)
    if missing:
        yield Check("to download", f"{sum(m.gigabytes for m in missing):.1f} GB; annotate does it when first needed")


def cached(model: str) -> bool:
    """Whether a model of the Hub is in the local cache with its weights."""
    from huggingface_hub import try_to_load_from_cache

    return any(isinstance(try_to_load_from_cache(model, name), str) for name in WEIGHTS)


def _hub() -> Check:
    from huggingface_hub import HfApi, constants, is_offline_mode

    if is_offline_mode():
        return Check(
            "Hub", "offline (HF_HUB_OFFLINE is set)", False, "unset HF_HUB_OFFLINE, or copy the cache from elsewhere"
        )
    try:
        with urllib.request.urlopen(constants.ENDPOINT, timeout=HUB_SECONDS) as answer:
            status = answer.status
    except OSError as error:
        remedy = "check the network or HF_ENDPOINT; with the models in the cache, set HF_HUB_OFFLINE=1"
        return Check("Hub", f"does not answer ({type(error).__name__})", False, remedy)
    token = "with a token" if HfApi().token or os.environ.get("HF_TOKEN") else "without a token"
    return Check("Hub", f"answers ({status}), {token}")


def _server(base_url: str | None) -> Check:
    try:
        listed = create("describer", "openai:any", base_url=base_url).listed
    except ChatdescError as error:
        return Check("model server", str(error), False, "set OPENAI_API_KEY, or --base-url for a server of your own")
    except Exception as error:
        return Check(
            "model server", f"does not answer ({type(error).__name__})", False, "start it, or correct --base-url"
        )
    names = ", ".join(str(m.get("id", "?")) for m in listed[:3])
    return Check("model server", f"answers; serves {names or 'no model by name'}", True)
