"""Hostile input: a model repository whose Python code leaves a mark when it runs."""

from __future__ import annotations

import json

CODE = """
from pathlib import Path
from transformers import PreTrainedTokenizerFast
Path({mark!r}).write_text("ran")
class Hostile(PreTrainedTokenizerFast):
    pass
"""


def model(folder, mark, repository_code=True):
    """An open_clip folder whose tokenizer brings Python code, which writes the file ``mark`` when it runs."""
    folder.mkdir(parents=True, exist_ok=True)
    asked = {"trust_remote_code": True} if repository_code else {}
    text = {"context_length": 16, "vocab_size": 100, "width": 32, "heads": 2, "layers": 1}
    text |= {"hf_tokenizer_name": str(folder), "tokenizer_kwargs": asked}
    vision = {"image_size": 32, "layers": 1, "width": 64, "patch_size": 8, "head_width": 32}
    described = {"model_cfg": {"embed_dim": 32, "vision_cfg": vision, "text_cfg": text}, "preprocess_cfg": {}}
    (folder / "open_clip_config.json").write_text(json.dumps(described))
    (folder / "tokenizer_config.json").write_text(json.dumps({"auto_map": {"AutoTokenizer": [None, "code.Hostile"]}}))
    (folder / "config.json").write_text(json.dumps({"model_type": "hostile", "auto_map": {"AutoConfig": "code.X"}}))
    words = {"type": "BPE", "vocab": {"a": 0}, "merges": []}
    (folder / "tokenizer.json").write_text(json.dumps({"version": "1.0", "model": words}))
    _weights(described["model_cfg"], folder / "open_clip_model.safetensors")
    (folder / "code.py").write_text(CODE.format(mark=str(mark)))
    return folder


def _weights(config, file):
    """Random weights: without them loading ends before the tokenizer, and no code would run in any case."""
    from open_clip.model import CLIP
    from safetensors.torch import save_file

    save_file({k: v.contiguous() for k, v in CLIP(**config).state_dict().items()}, file)
