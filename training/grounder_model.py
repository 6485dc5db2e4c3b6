"""The small grounder's network, tokenizer and image processor: stock transformers classes at a small size.

``build()`` makes the network and its processor; both have ``save_pretrained``.
"""

from __future__ import annotations

import string
from typing import Any

import torch
from grounder_data import HEIGHT, WIDTH, WORDS

WIDTHS, DEPTHS = (24, 64, 96), (1, 2, 2)
DIM = 64
QUERIES = 30
MAX_TOKENS = 64
FUSION = 0.3  # scale of what text and picture tell each other at the start; the default, 1e-4, takes long to wake


def build() -> tuple[Any, Any]:
    """A network with fresh weights, and its processor."""
    from transformers import GroundingDinoImageProcessor, GroundingDinoProcessor, MMGroundingDinoForObjectDetection

    model = MMGroundingDinoForObjectDetection(config())
    with torch.no_grad():
        for layer in model.model.encoder.layers:
            layer.fusion_layer.vision_param.fill_(FUSION)
            layer.fusion_layer.text_param.fill_(FUSION)
    images = GroundingDinoImageProcessor(size={"height": HEIGHT, "width": WIDTH}, do_pad=False)
    return model, GroundingDinoProcessor(images, tokenizer())


def config() -> Any:
    from transformers import BertConfig, ConvNextConfig, MMGroundingDinoConfig

    text = BertConfig(
        vocab_size=len(vocabulary()), hidden_size=DIM, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=2 * DIM, max_position_embeddings=MAX_TOKENS, hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    # layer norms: the batch norms of a ResNet would be frozen at what they started with
    pictures = ConvNextConfig(
        num_stages=3, hidden_sizes=list(WIDTHS), depths=list(DEPTHS), layer_scale_init_value=0.3,
        out_features=["stage2", "stage3"],
    )  # fmt: skip
    return MMGroundingDinoConfig(
        backbone_config=pictures, text_config=text, d_model=DIM, num_feature_levels=2, num_queries=QUERIES,
        encoder_layers=1, encoder_attention_heads=4, encoder_ffn_dim=2 * DIM, encoder_n_points=2,
        decoder_layers=3, decoder_attention_heads=4, decoder_ffn_dim=2 * DIM, decoder_n_points=4,
        dropout=0.0, fusion_droppath=0.0, max_text_len=MAX_TOKENS, disable_custom_kernels=True,
    )  # fmt: skip


def vocabulary() -> list[str]:
    """Known words, and letters for all others, with BERT's own places for what ends a phrase."""
    made = ["[PAD]", *(f"[unused{i}]" for i in range(1, 1030))]
    made[100:104] = ["[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    made[1010], made[1012], made[1029] = ",", ".", "?"
    letters = string.ascii_lowercase
    known = [*dict.fromkeys([*WORDS, *letters]), *(f"##{c}" for c in letters)]
    made[200 : 200 + len(known)] = known
    return made


def tokenizer() -> Any:
    from transformers import BertTokenizerFast

    words = {word: i for i, word in enumerate(vocabulary())}
    return BertTokenizerFast(vocab=words, do_lower_case=True, model_max_length=MAX_TOKENS)
