"""An open_clip model: its spelling, its weights, and the model in memory. See ``open_clip``.

>>> parse_spec("ViT-B-32-quickgelu/openai")
Spec(name='ViT-B-32-quickgelu', pretrained='openai', revision='', label='ViT-B-32-quickgelu/openai')
>>> parse_spec("hf-hub:org/model", "v1").revision
'v1'
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chatdesc.backends.crop_encoder import EncoderModel, colour_of
from chatdesc.backends.hub import no_remote_code, pick_device, shipped
from chatdesc.types import BackendError

CONFIG = "open_clip_config.json"
HUB_FILES = ["*.json", "*.txt", "*.model", "open_clip_model.safetensors"]


@dataclass(frozen=True, slots=True)
class Spec:
    """A parsed spelling.

    Attributes:
        name, pretrained: open_clip's ``model_name`` and ``pretrained``.
        revision: of a repository on the Hub; else empty.
        label: the spelling as a row may hold it, folders cut to their last name.
    """

    name: str
    pretrained: str | None
    revision: str
    label: str

    @property
    def file(self) -> Path | None:
        """The checkpoint file; None where the weights are published ones, a folder or a repository."""
        path = Path(self.pretrained) if self.pretrained else None
        return path if path is not None and path.is_file() else None


def parse_spec(model: str, revision: str = "") -> Spec:
    """Parse a model's spelling.

    Raises:
        BackendError: the spelling names no weights, or a shipped model that does not exist.
    """
    if model.startswith("hf-hub:"):
        return Spec(model, None, revision, model)
    if own := shipped(model):
        return Spec(f"local-dir:{own}", None, "", model)
    model = f"{model}@{revision}" if revision else model  # a path may hold an @
    if model.startswith("local-dir:"):
        return Spec(model, None, "", f"local-dir:{Path(model.removeprefix('local-dir:')).resolve().name}")
    name, _, weights = model.partition("/")
    if not name or not weights:
        raise BackendError(
            f"open-clip: {model or 'no model'} names no weights; write NAME/TAG as in ViT-B-32-quickgelu/openai, "
            "NAME/FILE, local-dir:FOLDER or hf-hub:ORG/NAME"
        )
    return Spec(name, weights, "", f"{name}/{Path(weights).name}")


class OpenClipModel(EncoderModel):
    """A model in memory with its preprocessing and tokenizer; ``context`` is its length of a text in tokens."""

    def __init__(self, model: Any, transform: Any, tokenizer: Any, device: str, facts: dict[str, str]) -> None:
        from open_clip.model import get_model_preprocess_cfg

        shown = get_model_preprocess_cfg(model)
        cuts = shown.get("resize_mode", "shortest") == "shortest"
        super().__init__(model, device, facts, cuts, colour_of(shown["mean"]))
        self.transform, self.tokenizer = transform, tokenizer
        self.context = getattr(tokenizer, "context_length", None) or model.context_length

    def preprocess(self, picture: Any) -> Any:
        """A PIL picture as open_clip's own preprocessing makes it, [3, H, W]."""
        return self.transform(picture)

    def tokenize(self, texts: list[str]) -> tuple[Any, list[bool]]:
        """Tokens [T, context], and which texts were cut to get them.

        open_clip puts the end token back when it cuts, so a cut shows as a difference from the tokens of a tokenizer
        with more room, or, for one without an end token, as tokens beyond the context.
        """
        tokens = self.tokenizer(texts)
        roomy = self.tokenizer(texts, context_length=4 * self.context)
        cut = (roomy[:, : self.context] != tokens).any(1) | (roomy[:, self.context] != roomy[:, -1])
        return tokens, cut.tolist()

    def encode_crops(self, tensors: list[Any]) -> NDArray[np.float32]:
        return self._vectors(self.model.encode_image, tensors)

    def encode_texts(self, tokens: list[Any]) -> NDArray[np.float32]:
        return self._vectors(self.model.encode_text, tokens)

    def _vectors(self, encode: Any, items: list[Any]) -> NDArray[np.float32]:
        import torch

        with torch.inference_mode():
            rows = encode(torch.stack(items).to(self.device), normalize=True)
        return np.asarray(rows.float().cpu().numpy(), np.float32)


def load(spec: Spec, device: str) -> OpenClipModel:
    """Load a model from open_clip's registry, a folder, or the Hub (or the cache of what came from there).

    Raises:
        BackendError: it is unknown, asks to run Python code of its own, or its weights cannot be had; the message has
            a remedy.
    """
    import open_clip

    device = pick_device(device)
    if spec.pretrained is not None:
        _check_known(spec.name, spec.pretrained)
    name = _snapshot(spec) if spec.revision else spec.name
    config = _config(name)
    refuse_remote_code(config, spec.label)
    try:
        with no_remote_code():
            model, preprocess = open_clip.create_model_from_pretrained(name, spec.pretrained, device=device)
            tokenizer = open_clip.get_tokenizer(name, **_refusal(config))
    except Exception as error:  # open_clip raises whatever its parts raise
        raise BackendError(_why_not(spec, error)) from error
    return OpenClipModel(model.eval(), preprocess, tokenizer, device, _facts(spec, model))


def _config(name: str) -> Any:
    """The configuration of a folder or a repository; None where open_clip reports better what is wrong with it."""
    import open_clip.factory

    try:
        if name.startswith("hf-hub:"):
            return open_clip.factory._get_hf_config(name.removeprefix("hf-hub:"))
        if name.startswith("local-dir:"):
            return json.loads((Path(name.removeprefix("local-dir:")) / CONFIG).read_text(encoding="utf-8"))
        return {"model_cfg": open_clip.get_model_config(name)}
    except Exception:  # the Hub and the file may fail in many ways
        return None


def refuse_remote_code(config: Any, name: str) -> None:
    """Refuse a configuration that asks transformers to run Python code of a repository.

    open_clip hands ``tokenizer_kwargs`` to AutoTokenizer as they are, so the repository would decide.

    Raises:
        BackendError: some key ``trust_remote_code``, ``auto_map`` or ``code_revision`` in it is set.
    """
    if isinstance(config, dict):
        for key in ("trust_remote_code", "auto_map", "code_revision"):
            if config.get(key):
                raise BackendError(
                    f"open-clip: {name} asks to run Python code of a repository ({key} in {CONFIG}), which an encoder "
                    "never does; remove that key in a local copy, or choose another encoder"
                )
    for value in config.values() if isinstance(config, dict) else config if isinstance(config, list) else ():
        refuse_remote_code(value, name)


def _refusal(config: Any) -> dict[str, bool]:
    """The argument by which a tokenizer of transformers runs no code; open_clip's own tokenizer takes no such one."""
    text = config.get("model_cfg") if isinstance(config, dict) else None
    text = text.get("text_cfg") if isinstance(text, dict) else None
    return {"trust_remote_code": False} if isinstance(text, dict) and text.get("hf_tokenizer_name") else {}


def _snapshot(spec: Spec) -> str:
    """A revision of a Hub repository as a local folder: open_clip itself takes no revision."""
    from huggingface_hub import snapshot_download

    repository = spec.name.removeprefix("hf-hub:")
    try:
        return "local-dir:" + snapshot_download(repository, revision=spec.revision, allow_patterns=HUB_FILES)
    except Exception as error:
        raise BackendError(_why_not(spec, error)) from error


def _check_known(name: str, weights: str) -> None:
    import open_clip

    if name not in open_clip.list_models():
        raise BackendError(f"open-clip has no model {name!r}; {_near(name, open_clip.list_models())}")
    tags = open_clip.list_pretrained_tags_by_model(name)
    if weights not in tags and not Path(weights).is_file():
        raise BackendError(f"open-clip: {weights!r} is no file and no weights of {name}; {_near(weights, tags)}")


def _near(word: str, known: list[str]) -> str:
    import difflib

    lower = {k.lower(): k for k in known}
    near = [lower[k] for k in difflib.get_close_matches(word.lower(), lower, n=3, cutoff=0.5)]
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"there are: {', '.join(known)}" if 0 < len(known) < 30 else "see open_clip.list_pretrained()"


def _why_not(spec: Spec, error: Exception) -> str:
    reason = next(iter(str(error).splitlines()), "")
    if spec.file or spec.name.startswith("local-dir:"):
        place = str(spec.file or spec.name.removeprefix("local-dir:"))
        reason = reason.replace(place, Path(place).name)
        return f"open-clip: {spec.label} cannot be loaded ({reason}); are its files whole, and of this architecture?"
    return (
        f"open-clip: the weights of {spec.label} are neither in the cache nor to be downloaded ({reason}). Run once "
        "with access to the Hub (HF_HUB_OFFLINE unset) and the cache will have them, or name a local copy: "
        "open-clip:NAME/FILE or open-clip:local-dir:FOLDER"
    )


def _facts(spec: Spec, model: Any) -> dict[str, str]:
    """What reproduces the numbers: model, weights, preprocessing and open_clip's version."""
    import open_clip
    from open_clip.model import get_model_preprocess_cfg

    return {
        "model": spec.name if spec.pretrained else spec.label,
        "pretrained": Path(spec.pretrained).name if spec.pretrained else "",
        "weights_sha256": _file_hash(spec.file) if spec.file else state_hash(model),
        "weights_hash_of": "file" if spec.file else "tensors",
        "preprocessing": json.dumps(get_model_preprocess_cfg(model), sort_keys=True),
        "open_clip": open_clip.__version__,
    }


def _file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def state_hash(model: Any) -> str:
    """SHA-256 over the names and values of a model's tensors, the same for every file format they came in."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().float().numpy().tobytes())
    return digest.hexdigest()
