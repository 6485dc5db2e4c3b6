"""Models from the Hugging Face Hub, its cache, or a folder: found, loaded quietly, with errors that give a remedy.

``resolve`` finds a model and reads only its config.json; ``load`` reads its weights.

>>> resolve("tiny:grounder").name                 # comes with the package
'tiny:grounder'
>>> public_name("/models/mine")
'mine'
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from chatdesc.types import BackendError

SHIPPED = "tiny:"  # models that come with the package, trained on its synthetic scenes
INDEXES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
WEIGHTS = ("*.safetensors", "pytorch_model*.bin")


@dataclass(frozen=True, slots=True)
class Resolved:
    """A model whose place is known.

    Attributes:
        path: its folder, in the cache for a model of the Hub.
        name: as rows hold it.
        commit: of the Hub's repository; empty for a user's folder.
        source: the argument of ``from_pretrained``. A folder in the cache may still lack weights, so a Hub model is
            loaded by its id and commit.
    """

    path: Path
    name: str
    commit: str
    source: str

    @property
    def config(self) -> dict[str, Any]:
        """The content of config.json."""
        return dict(json.loads((self.path / "config.json").read_text(encoding="utf-8")))

    def arguments(self) -> dict[str, Any]:
        """Keyword arguments for ``from_pretrained``."""
        return {"revision": self.commit} if self.commit else {}

    def facts(self) -> dict[str, str]:
        """For a row's provenance: name, and the commit or the hash of the weights. Hashing reads the weights."""
        if self.commit:
            return {"model": self.name, "revision": self.commit}
        return {"model": self.name, "weights_sha256": weights_hash(self.path)}


def resolve(model: str, revision: str = "") -> Resolved:
    """Find a model by Hub id or folder. Reads its config.json (downloads it if need be), never its weights.

    Raises:
        BackendError: it is unknown, gated, or not available offline; the message has a remedy.
    """
    if not model:
        raise BackendError("no model is named; write BACKEND:ORG/NAME or BACKEND:FOLDER")
    whole = f"{model}@{revision}" if revision else model  # a path may hold an @
    if own := shipped(whole):
        return replace(_local(own), name=whole)
    folder = Path(whole).expanduser()
    if folder.is_dir():
        return _local(folder)
    if whole.startswith(("/", "~", ".", "\\")):
        raise BackendError(f"there is no folder {folder.name!r} where the model's path leads; a Hub id is ORG/NAME")
    found = _from_hub(model, revision)
    if offline() and not complete(found.path):
        raise BackendError(_absent(model, revision, "its weights are not in the cache"))
    return found


def shipped(model: str) -> Path | None:
    """The folder of ``tiny:NAME`` in the package; None for any other model.

    Raises:
        BackendError: no such model comes with the package.
    """
    if not model.startswith(SHIPPED):
        return None
    home = Path(str(files("chatdesc"))) / "tiny"
    names = sorted(path.name for path in home.iterdir() if path.is_dir() and any(path.glob("*.safetensors")))
    if (name := model.removeprefix(SHIPPED)) not in names:
        raise BackendError(
            f"no model {model!r} comes with chatdesc; there are: {', '.join(SHIPPED + n for n in names)}"
        )
    return home / name


def public_name(model: str) -> str:
    """A Hub id unchanged, a folder cut to its last name; needs no network."""
    path = Path(model).expanduser()
    return path.resolve().name if path.is_dir() or model.startswith(("/", "~", ".", "\\")) else model


def _local(folder: Path) -> Resolved:
    folder = folder.resolve()
    if not (folder / "config.json").is_file():
        raise BackendError(f"{folder.name}: has no config.json, so it is no folder that save_pretrained wrote")
    if not complete(folder):
        raise BackendError(f"{folder.name}: weights are missing; it needs model.safetensors, or all of its parts")
    return Resolved(folder, folder.name, "", str(folder))


def _from_hub(model: str, revision: str) -> Resolved:
    from huggingface_hub import hf_hub_download

    try:
        config = Path(hf_hub_download(model, "config.json", revision=revision or None))
    except Exception as error:
        raise BackendError(why_not(model, revision, error)) from error
    return Resolved(config.parent, model, config.parent.name, model)


def offline() -> bool:
    """Whether HF_HUB_OFFLINE forbids downloads."""
    from huggingface_hub import is_offline_mode

    return bool(is_offline_mode())


def complete(folder: Path) -> bool:
    """Whether a folder has a model's weights: all parts that its index names, or a single file."""
    for index in INDEXES:
        if (folder / index).is_file():
            parts = json.loads((folder / index).read_text(encoding="utf-8"))["weight_map"].values()
            return all((folder / part).is_file() for part in set(parts))
    return bool(_weights(folder))


def _weights(folder: Path) -> list[Path]:
    return next((found for pattern in WEIGHTS if (found := sorted(folder.glob(pattern)))), [])


def weights_hash(folder: Path) -> str:
    """SHA-256 over the names and contents of a folder's weight files."""
    digest = hashlib.sha256()
    for path in _weights(folder):
        with path.open("rb") as file:
            digest.update(f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return digest.hexdigest()


def why_not(model: str, revision: str, error: Exception) -> str:
    """A message about a failed download, with a remedy."""
    from huggingface_hub import errors

    if isinstance(error, errors.GatedRepoError):
        return (
            f"{model} is gated: accept its terms at https://huggingface.co/{model}, then log in with `hf auth login` "
            "(or set HF_TOKEN)"
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        return f"the Hub has no model {model!r}, or it is private: check the spelling, or log in with `hf auth login`"
    if isinstance(error, errors.RevisionNotFoundError):
        return f"{model} has no revision {revision!r}; its page on the Hub lists branches, tags and commits"
    if isinstance(error, errors.HFValidationError):
        return f"{model!r} is neither a folder nor a Hub id (ORG/NAME)"
    if isinstance(error, errors.RemoteEntryNotFoundError):
        return f"{model} has no config.json, so transformers cannot load it; is it the right repository?"
    return _absent(model, revision, reason(error))


def _absent(model: str, revision: str, what: str) -> str:
    at = f" --revision {revision}" if revision else ""
    return (
        f"{model} is not to be had ({what}). With access to the Hub (HF_HUB_OFFLINE unset) run "
        f"`hf download {model}{at}`, or name a local folder instead"
    )


def reason(error: BaseException) -> str:
    """The first line of an error's message, at most 200 characters; without a message the error's type.

    >>> reason(ValueError("no such layer\\nsee the log"))
    'no such layer'
    """
    line = next(iter(str(error).splitlines()), "") or type(error).__name__
    return line if len(line) <= 200 else line[:197] + "..."


def load(cls: Any, model: Resolved, **options: Any) -> Any:
    """``cls.from_pretrained`` of a resolved model, without progress bars and warnings.

    Python code in the model's repository does not run, unless ``options`` have ``trust_remote_code=True``.

    Raises:
        BackendError: it cannot be downloaded or read, or ``cls`` takes no such model.
    """
    try:
        with quiet(), no_remote_code():
            return cls.from_pretrained(model.source, **model.arguments(), **{"trust_remote_code": False} | options)
    except BackendError:
        raise
    except Exception as error:  # transformers raises whatever its parts raise
        cause = _hub_cause(error)
        if cause is not None and model.commit:
            raise BackendError(why_not(model.name, model.commit, cause)) from error
        text = reason(error).replace(str(model.path), model.name)
        raise BackendError(f"{model.name} cannot be loaded as {cls.__name__}: {text}") from error


@contextmanager
def no_remote_code() -> Iterator[None]:
    """Refuse a repository's Python code where a library passes no ``trust_remote_code``: transformers would ask.

    With no time for an answer, transformers raises instead of a prompt on the terminal.
    """
    from transformers import dynamic_module_utils as theirs

    seconds = theirs.TIME_OUT_REMOTE_CODE
    theirs.TIME_OUT_REMOTE_CODE = 0
    try:
        yield
    finally:
        theirs.TIME_OUT_REMOTE_CODE = seconds


def _hub_cause(error: BaseException | None) -> Exception | None:
    """The Hub's own error behind what transformers made of it."""
    from huggingface_hub import errors

    kinds = (errors.HfHubHTTPError, errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled)
    while error is not None and not isinstance(error, kinds):
        error = error.__cause__
    return error if isinstance(error, Exception) else None


def place(network: Any, device: str, name: str) -> Any:
    """Move a network to its device, in inference mode.

    Raises:
        BackendError: it does not fit into the device's memory.
    """
    import torch

    try:
        return network.to(device).eval()
    except torch.OutOfMemoryError as error:
        raise BackendError(f"{name} does not fit into the memory of {device}; try --device cpu") from error


@contextmanager
def quiet() -> Iterator[None]:
    """Silence transformers' warnings and progress bars; downloads keep their bars, because they take minutes."""
    from huggingface_hub.utils.tqdm import are_progress_bars_disabled, enable_progress_bars
    from transformers.utils import logging as their

    level, bars, downloads = their.get_verbosity(), their.is_progress_bar_enabled(), not are_progress_bars_disabled()
    their.set_verbosity(logging.ERROR)
    their.disable_progress_bar()
    if downloads:
        enable_progress_bars()
    try:
        yield
    finally:
        their.set_verbosity(level)
        if bars:
            their.enable_progress_bar()


def pick_device(device: str = "auto") -> str:
    """A device as torch spells it; ``auto`` is a GPU where torch has one, else ``cpu``.

    Raises:
        BackendError: this machine has no such device.
    """
    import torch

    if device == "auto":
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        kind, index = (wanted := torch.device(device)).type, wanted.index or 0
    except RuntimeError as error:
        raise BackendError(f"--device {device}: is none of auto, cpu, cuda, cuda:N, mps") from error
    if kind == "cuda" and index >= torch.cuda.device_count():
        raise BackendError(f"--device {device}: torch sees {torch.cuda.device_count()} GPUs here; try --device cpu")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise BackendError("--device mps: torch has no Metal here; try --device cpu")
    return device


def pick_dtype(device: str) -> Any:
    """The torch dtype for a device: bfloat16 on GPUs that have it, float16 on older ones, float32 elsewhere."""
    import torch

    if not device.startswith("cuda"):
        return torch.float32
    with torch.cuda.device(device):
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16


def pick_attention(device: str) -> str:
    """``flash_attention_2`` on a GPU where it is installed, else ``sdpa``, torch's own."""
    usable = device.startswith("cuda") and find_spec("flash_attn") is not None
    return "flash_attention_2" if usable else "sdpa"
