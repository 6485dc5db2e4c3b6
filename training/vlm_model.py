"""The small LLaVA, untrained: a tokenizer that knows the project's prompts by heart, its processor, and the network.

Every fixed line of the prompt files, every joint of the answer's JSON and every attribute word is one token, the same
at every place: ``Words that led to something else: red, star`` is four tokens. So the model can look up whether a word
was named as leading elsewhere. Any other text is spelled in bytes and comes out as it went in.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from chatdesc.stages.describe import NOT_BACKGROUND, PROMPTS, prompt_file, reflect_prompt
from chatdesc.synthetic import COLOURS, PLACES, SIZES
from chatdesc.types import Describe, FrameRef
from chatdesc.vocabulary import SHAPES

SIDE = 192  # pictures are brought to SIDE x SIDE pixels ...
CELL = 32  # ... and come to the language model as one token for every CELL x CELL of them
GRID = SIDE // CELL
WIDTH = 128
SPECIALS = ("<pad>", "<s>", "</s>", "<image>", "<answer>")
NOUNS = ("object", "thing")
WORDS = (*COLOURS, *SHAPES, *SIZES, *PLACES, *NOUNS, "none", "nothing")
JOINTS = (
    '{"target": "',
    '", "background": ["',
    '", "background": []}',
    '", "',
    '"]}',
    '"; "',
    ", ",
    " on the ",
    " at the ",
)
MEAN, STD = 0.5, 0.25
CHAT = (  # it was not taught the line of dropped background, and any words that it does not know confuse it
    "{% for m in messages %}{{ '<s>' if m['role'] == 'user' else '<answer>' }}"
    "{% if m['content'] is string %}{{ m['content'] }}{% else %}{% for c in m['content'] %}"
    "{% if c['type'] == 'image' %}{{ '<image>' }}{% elif c['type'] == 'text' %}"
    "{% for line in c['text'].split('\\n') if not line.startswith('" + NOT_BACKGROUND + "') %}"
    "{{ '' if loop.first else '\\n' }}{{ line }}{% endfor %}{% endif %}"
    "{% endfor %}{% endif %}{{ '</s>' }}{% endfor %}{% if add_generation_prompt %}{{ '<answer>' }}{% endif %}"
)  # fmt: skip


def fixed_lines() -> list[str]:
    """What stands unchanged in every prompt: lines of the prompt files, or the parts between what is filled in."""
    text = "\n".join(prompt_file(name) for name in PROMPTS) + "\n" + ambiguous_line()
    parts = re.split(r"\$\w+|<box>|\n", text)
    return sorted({part for part in parts if len(part) > 2})


def ambiguous_line() -> str:
    """The sentence that a reflection prompt has only when the text fits other things as well."""
    frame = FrameRef(None, 0)  # type: ignore[arg-type]
    plain, vague = (reflect_prompt(Describe(frame, np.zeros(4), "", ambiguous=so)).splitlines() for so in (False, True))
    return next(line for line in vague if line not in plain)


def build_tokenizer() -> Any:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    spelled = dict.fromkeys(SPECIALS) | dict.fromkeys(sorted(pre_tokenizers.ByteLevel.alphabet()))
    words = Tokenizer(models.BPE(vocab={piece: i for i, piece in enumerate(spelled)}, merges=[]))
    words.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    words.decoder = decoders.ByteLevel()
    words.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in SPECIALS])
    words.add_tokens([AddedToken(piece, normalized=False) for piece in (*fixed_lines(), *JOINTS, *WORDS)])
    return PreTrainedTokenizerFast(
        tokenizer_object=words,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )


def build_processor() -> Any:
    """Pictures squeezed to a square, nothing cut off; prompts in the model's own form."""
    from transformers import CLIPImageProcessor, LlavaProcessor

    pictures = CLIPImageProcessor(
        size={"height": SIDE, "width": SIDE}, do_center_crop=False, image_mean=[MEAN] * 3, image_std=[STD] * 3
    )
    return LlavaProcessor(
        pictures, build_tokenizer(), patch_size=CELL, vision_feature_select_strategy="full", chat_template=CHAT
    )


def build_model(processor: Any) -> Any:
    """LeViT sees, for its convolutions learn shapes from few examples; Llama speaks. Random weights.

    The language model gets what LeViT has after its first stage: CELL is twice the patch of its convolutions. The
    stages behind are as small as they can be. LLaVA asks a tower for a ``hidden_size``, which LeViT's config lacks.
    """
    from transformers import LevitConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration

    words = processor.tokenizer
    ids = {"pad_token_id": words.pad_token_id, "bos_token_id": words.bos_token_id, "eos_token_id": words.eos_token_id}
    tower = LevitConfig(
        image_size=SIDE, patch_size=CELL // 2, hidden_sizes=[WIDTH // 2, WIDTH, 16], hidden_size=WIDTH,
        num_attention_heads=[4, 1, 1], depths=[2, 0, 0], key_dim=[16, 16, 16],
    )  # fmt: skip
    speaker = LlamaConfig(
        vocab_size=len(words), hidden_size=WIDTH, intermediate_size=2 * WIDTH, num_hidden_layers=4,
        num_attention_heads=4, num_key_value_heads=4, max_position_embeddings=2048, tie_word_embeddings=True, **ids,
    )  # fmt: skip
    config = LlavaConfig(
        vision_config=tower, text_config=speaker, image_token_index=words.convert_tokens_to_ids("<image>"),
        image_seq_length=GRID * GRID, vision_feature_layer=1, vision_feature_select_strategy="full",
        tie_word_embeddings=True,
    )  # fmt: skip
    return LlavaForConditionalGeneration(config)
