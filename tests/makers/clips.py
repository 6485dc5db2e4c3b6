"""Small CLIP and SigLIP models with random weights, saved the way the Hub publishes them."""

from __future__ import annotations

from tests.makers.grounders import clip_tokenizer

LAYERS = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
LENGTH = {"clip": 77, "siglip": 64, "siglip2": 64}


def _text(tokenizer, length):
    names = ("pad_token_id", "bos_token_id", "eos_token_id")
    own = {name: getattr(tokenizer, name) for name in names}
    return {**LAYERS, "vocab_size": len(tokenizer), "max_position_embeddings": length, **own}


def _save(model, processor, folder):
    model.save_pretrained(folder)
    processor.save_pretrained(folder)


def clip(folder):
    import transformers as t

    tokenizer = clip_tokenizer(77)
    vision = {**LAYERS, "image_size": 32, "patch_size": 8}
    config = t.CLIPConfig(text_config=_text(tokenizer, 77), vision_config=vision, projection_dim=24)
    size = {"height": 32, "width": 32}
    pictures = t.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=size)
    _save(t.CLIPModel(config), t.CLIPProcessor(pictures, tokenizer), folder)


def siglip(folder):
    import transformers as t

    tokenizer = clip_tokenizer(64)
    vision = {**LAYERS, "image_size": 32, "patch_size": 8}
    config = t.SiglipConfig(text_config=_text(tokenizer, 64), vision_config=vision)
    pictures = t.SiglipImageProcessor(size={"height": 32, "width": 32})
    _save(t.SiglipModel(config), t.SiglipProcessor(pictures, tokenizer), folder)


def siglip2(folder):
    """The kind that keeps a picture's aspect; every letter is a token."""
    import transformers as t
    from tokenizers import processors

    specials = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "▁"]
    letters = {c: i for i, c in enumerate([*specials, *(chr(c) for c in range(97, 123))])}
    tokenizer = t.Siglip2Tokenizer(letters, padding_side="right", model_max_length=64)
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="$A <eos>", special_tokens=[("<eos>", letters["<eos>"])]
    )
    vision = {**LAYERS, "num_patches": 16, "patch_size": 16}
    config = t.Siglip2Config(text_config=_text(tokenizer, 64), vision_config=vision)
    pictures = t.Siglip2ImageProcessor(patch_size=16, max_num_patches=256)
    _save(t.Siglip2Model(config), t.Siglip2Processor(pictures, tokenizer), folder)


FGCLIP2_CONFIG = """from transformers import Siglip2Config

class Fgclip2Config(Siglip2Config):
    model_type = "fgclip2"
"""
FGCLIP2_MODEL = """import torch
from transformers import Siglip2Model
from .configuration_fgclip2 import Fgclip2Config

class FG_CLIP2_Model(Siglip2Model):
    config_class = Fgclip2Config

    def __init__(self, config):
        super().__init__(config)
        self.longtext_head = torch.nn.Linear(config.text_config.hidden_size, config.text_config.hidden_size)
        self.post_init()

    def get_image_features(self, pixel_values=None, pixel_attention_mask=None, spatial_shapes=None):
        return super().get_image_features(pixel_values, pixel_attention_mask, spatial_shapes).pooler_output

    def get_text_features(self, input_ids=None, attention_mask=None, walk_type="short"):
        found = super().get_text_features(input_ids).pooler_output
        return self.longtext_head(found) if walk_type == "long" else found
"""


def fgclip2(folder):
    """A SigLIP 2 that comes with code of its own, under the names of FG-CLIP 2's, whose features are plain tensors."""
    import json
    from pathlib import Path

    siglip2(folder)
    place, names = Path(folder), ("AutoConfig", "configuration_fgclip2.Fgclip2Config")
    config = json.loads((place / "config.json").read_text())
    code = dict([names, ("AutoModelForCausalLM", "modeling_fgclip2.FG_CLIP2_Model")])
    config |= {"model_type": "fgclip2", "architectures": ["FG_CLIP2_Model"], "auto_map": code}
    (place / "config.json").write_text(json.dumps(config))
    (place / "configuration_fgclip2.py").write_text(FGCLIP2_CONFIG)
    (place / "modeling_fgclip2.py").write_text(FGCLIP2_MODEL)


BUILDERS = {"clip": clip, "siglip": siglip, "siglip2": siglip2, "fgclip2": fgclip2}


def build(family, folder, seed=0):
    """Save a family's small network in a folder, always the same one for a seed."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        BUILDERS[family](folder)
    return folder
