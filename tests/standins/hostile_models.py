"""Model folders that try to run code of their own: in pickled weights, and as a repository's Python files.

``sound(kind)`` writes a small model of an architecture; ``WEIGHTS`` and ``CODE`` have functions by name that turn a
copy of it into a hostile one, which writes the file ``mark`` if anything of it runs.
"""

from __future__ import annotations

import json
import pickle
import struct
from collections.abc import Callable
from pathlib import Path

from tests.standins import hostile

Attack = Callable[[Path, Path], object]
CODE_FILE = """
from pathlib import Path
Path({mark!r}).write_text("ran")
from transformers import *
class X: pass
"""


class Payload:
    """What writes the mark when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple:
        return (exec, (f"open({str(self.mark)!r}, 'w').write('ran')",))


def sound(kind: str, folder: Path) -> Path:
    """A model of a kind: ``clip``, ``open-clip``, ``grounding-dino``, ``owlv2``, ``llava`` or ``sam2``."""
    from tests.makers import clips, grounders, models, trackers

    if kind == "open-clip":
        return hostile.model(folder, folder / "never", repository_code=False)
    wing = {"clip": clips, "llava": models, "sam2": trackers}.get(kind, grounders)
    return wing.build(kind, folder)


def _weights_of(folder: Path) -> Path:
    return next(iter(sorted(folder.glob("*.safetensors"))))


def _pickled(name: str, zipped: bool) -> Attack:
    def attack(folder: Path, mark: Path) -> None:
        import torch

        weights = _weights_of(folder)
        target = folder / (name or weights.name)
        weights.unlink()
        if zipped:
            torch.save({"state_dict": Payload(mark)}, target)
        else:
            target.write_bytes(pickle.dumps({"weight": Payload(mark)}))

    return attack


def _sharded(index: str, shard: str) -> Attack:
    def attack(folder: Path, mark: Path) -> None:
        _weights_of(folder).unlink()
        (folder / shard).write_bytes(pickle.dumps({"weight": Payload(mark)}))
        (folder / index).write_text(json.dumps({"metadata": {}, "weight_map": {"weight": shard}}))

    return attack


def _header(change: Callable[[bytes], bytes]) -> Attack:
    return lambda folder, mark: (file := _weights_of(folder)).write_bytes(change(file.read_bytes()))


def _beside(folder: Path, mark: Path) -> None:
    for name in ("training_args.bin", "optimizer.pt", "tokenizer.pkl", "scheduler.pt"):
        (folder / name).write_bytes(pickle.dumps(Payload(mark)))


WEIGHTS: dict[str, Attack] = {
    "a pickle as pytorch_model.bin": _pickled("pytorch_model.bin", zipped=False),
    "a zipped pickle as pytorch_model.bin": _pickled("pytorch_model.bin", zipped=True),
    "a pickle as open_clip_pytorch_model.bin": _pickled("open_clip_pytorch_model.bin", zipped=True),
    "a pickle named safetensors": _pickled("", zipped=False),
    "a zipped pickle named safetensors": _pickled("", zipped=True),
    "pickled parts": _sharded("pytorch_model.bin.index.json", "pytorch_model-00001-of-00001.bin"),
    "pickled parts named safetensors": _sharded("model.safetensors.index.json", "model-00001-of-00001.safetensors"),
    "parts outside the folder": _sharded("model.safetensors.index.json", "../outside.bin"),
    "a header of 2 GB": _header(lambda data: struct.pack("<Q", 2 << 30) + data[8:]),
    "a header that is no JSON": _header(lambda data: data[:8] + b"x" * (len(data) - 8)),
    "weights cut short": _header(lambda data: data[: len(data) // 2]),
    "pickles beside the weights": _beside,
}


def _merged(name: str, **values: object) -> Attack:
    def attack(folder: Path, mark: Path) -> None:
        file = folder / name
        known = json.loads(file.read_text()) if file.exists() else {}
        file.write_text(json.dumps(known | values))
        (folder / "code.py").write_text(CODE_FILE.format(mark=str(mark)))

    return attack


def _both(*attacks: Attack) -> Attack:
    def attack(folder: Path, mark: Path) -> None:
        for one in attacks:
            one(folder, mark)

    return attack


def _generate(folder: Path, mark: Path) -> None:
    (folder / "custom_generate").mkdir()
    (folder / "custom_generate" / "generate.py").write_text(CODE_FILE.format(mark=str(mark)))
    _merged("generation_config.json", custom_generate=str(folder))(folder, mark)


def _template(folder: Path, mark: Path) -> None:
    call = f"__import__('os').system('touch {mark}')"
    text = "{{ cycler.__init__.__globals__.os.system('touch MARK') }}{{ ''.__class__.__mro__[1].__subclasses__() }}"
    (folder / "chat_template.jinja").write_text(text.replace("MARK", str(mark)) + "{{ " + call + " }}")


def _modules(folder: Path, mark: Path) -> None:
    for name in ("sitecustomize.py", "json.py", "transformers.py", "modeling_clip.py", "conftest.py", "setup.py"):
        (folder / name).write_text(CODE_FILE.format(mark=str(mark)))


MAPPED = dict.fromkeys(
    (
        "AutoConfig",
        "AutoModel",
        "AutoModelForImageTextToText",
        "AutoModelForZeroShotObjectDetection",
        "AutoModelForMaskGeneration",
    ),
    "code.X",
)
CODE: dict[str, Attack] = {
    "a configuration of its own": _merged("config.json", model_type="mine", auto_map=MAPPED),
    "classes beside a known kind": _merged("config.json", auto_map=MAPPED),
    "a configuration that trusts itself": _merged(
        "config.json", model_type="mine", auto_map=MAPPED, trust_remote_code=True
    ),
    "a tokenizer of its own": _merged(
        "tokenizer_config.json", tokenizer_class="X", auto_map={"AutoTokenizer": ["code.X", "code.X"]}
    ),
    "a tokenizer that trusts itself": _merged(
        "tokenizer_config.json", trust_remote_code=True, auto_map={"AutoTokenizer": [None, "code.X"]}
    ),
    "a processor of its own": _merged(
        "processor_config.json", processor_class="X", auto_map={"AutoProcessor": "code.X"}
    ),
    "an image processor of its own": _merged(
        "preprocessor_config.json",
        image_processor_type="X",
        auto_map={"AutoImageProcessor": "code.X", "AutoProcessor": "code.X"},
    ),
    "open_clip is told to trust": lambda folder, mark: hostile.model(folder, mark),
    "open_clip with a tower elsewhere": lambda folder, mark: _tower(folder, mark),
    "a way of generating": _generate,
    "a template that leaves its sandbox": _template,
    "an adapter on another model": _merged(
        "adapter_config.json",
        peft_type="LORA",
        base_model_name_or_path="code",
        auto_mapping={"base_model_class": "X", "parent_library": "code"},
    ),
    "attention from elsewhere": _merged(
        "config.json", attn_implementation="mine/kernel", _attn_implementation="mine/kernel"
    ),
    "a quantizer of its own": _merged(
        "config.json", quantization_config={"quant_method": "mine", "modules_to_not_convert": ["code.X"]}
    ),
    "modules with well-known names": _modules,
}


def _tower(folder: Path, mark: Path) -> None:
    """A text tower that open_clip would load from a folder with code."""
    hostile.model(folder, mark)
    file = folder / "open_clip_config.json"
    config = json.loads(file.read_text())
    config["model_cfg"]["text_cfg"] |= {"hf_model_name": str(folder), "hf_model_config": {"trust_remote_code": True}}
    file.write_text(json.dumps(config))
