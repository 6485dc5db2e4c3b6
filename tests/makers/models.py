"""Models of the real architectures, tiny and random, written to a folder as save_pretrained leaves a real one.

They load through the code that loads a downloaded model, so they prove wiring and never quality. A new one is a
function that writes into a folder, and a line in BUILDERS; tests get it by the fixture ``tiny_model``.
"""

from __future__ import annotations

from functools import partial

ROLES = [
    "{% for m in messages %}{{ '<s>' + m['role'] + ': ' }}{% for c in m['content'] %}",
    "{% if c['type'] == 'image' %}IMAGE{% else %}{{ c['text'] }}{% endif %}",
    "{% endfor %}{{ '</s>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<s>assistant: ' }}{% endif %}",
]
DECODER = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 4096,
}
VISION = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}


def chat(image):
    return "".join(ROLES).replace("IMAGE", image)


def tokenizer(*specials, **named):
    """Every byte is a token, so that nothing is unknown."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.BPE())
    words.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    words.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<pad>", "<s>", "</s>", *specials],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    words.train_from_iterator(["the object to be tracked"], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="<pad>", bos_token="<s>", eos_token="</s>", extra_special_tokens=named
    )


def ids(words):
    return {
        "vocab_size": len(words),
        "pad_token_id": words.pad_token_id,
        "bos_token_id": words.bos_token_id,
        "eos_token_id": words.eos_token_id,
    }


def write(folder, model, processor):
    """Weights larger than usual ones, so that answers depend on every pixel and letter."""
    import torch

    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim > 1:
                weight.normal_(std=0.03 if "embed_tokens" in name else 0.4)
            elif "q_norm" in name or "k_norm" in name:
                weight.fill_(3)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)


def llava(folder):
    import transformers as tf

    words = tokenizer("<image>")
    images = tf.CLIPImageProcessor(size={"shortest_edge": 56}, crop_size={"height": 56, "width": 56})
    processor = tf.LlavaProcessor(
        images,
        words,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=chat("<image>"),
    )
    config = tf.LlavaConfig(
        vision_config=tf.CLIPVisionConfig(image_size=56, patch_size=14, projection_dim=32, **VISION),
        text_config=tf.LlamaConfig(**DECODER, **ids(words)),
        image_token_index=words.convert_tokens_to_ids("<image>"),
        image_seq_length=16,
    )
    write(folder, tf.LlavaForConditionalGeneration(config), processor)


def qwen(folder, generation):
    import transformers as tf

    words = tokenizer("<|image_pad|>", "<|video_pad|>", "<|vision_start|>", "<|vision_end|>")
    new = generation == 3
    patch = 16 if new else 14
    sizes = {
        "patch_size": patch,
        "merge_size": 2,
        "temporal_patch_size": 2,
        "size": {"shortest_edge": (2 * patch) ** 2, "longest_edge": (4 * patch) ** 2},
    }
    vision = {"depth": 2, "hidden_size": 32, "intermediate_size": 64, "num_heads": 4, "patch_size": patch}
    vision |= {"spatial_merge_size": 2, "out_hidden_size": 32}
    vision |= (
        {"num_position_embeddings": 64, "deepstack_visual_indexes": [0]}
        if new
        else {"window_size": 56, "fullatt_block_indexes": [1]}
    )
    rope = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 1, 1]}
    text = {"rope_parameters": rope | {"mrope_interleaved": True}, "head_dim": 8} if new else {"rope_parameters": rope}
    number = words.convert_tokens_to_ids
    family = "Qwen3VL" if new else "Qwen2_5_VL"
    config = getattr(tf, f"{family}Config")(
        vision_config=vision,
        text_config=DECODER | ids(words) | text,
        image_token_id=number("<|image_pad|>"),
        video_token_id=number("<|video_pad|>"),
        tie_word_embeddings=False,
        vision_start_token_id=number("<|vision_start|>"),
        vision_end_token_id=number("<|vision_end|>"),
    )
    videos = tf.Qwen3VLVideoProcessor if new else tf.Qwen2VLVideoProcessor
    processor = getattr(tf, f"{family}Processor")(
        tf.Qwen2VLImageProcessor(**sizes),
        words,
        videos(**sizes),
        chat_template=chat("<|vision_start|><|image_pad|><|vision_end|>"),
    )
    write(folder, getattr(tf, f"{family}ForConditionalGeneration")(config), processor)


def smolvlm(folder):
    import transformers as tf

    tiles = [f"<row_{row}_col_{column}>" for row in range(1, 7) for column in range(1, 7)]
    words = tokenizer(
        "<image>", "<fake_token_around_image>", "<end_of_utterance>", "<global-img>", "<video>", "<|im_start|>", *tiles
    )
    sizes = {"size": {"longest_edge": 64}, "max_image_size": {"longest_edge": 32}, "do_image_splitting": False}
    processor = tf.SmolVLMProcessor(
        tf.SmolVLMImageProcessor(**sizes),
        words,
        tf.SmolVLMVideoProcessor(**sizes),
        image_seq_len=4,
        chat_template=chat("<image>"),
    )
    config = tf.SmolVLMConfig(
        vision_config={"image_size": 32, "patch_size": 8, **VISION},
        text_config=tf.LlamaConfig(**DECODER, **ids(words)),
        scale_factor=2,
        image_token_id=words.convert_tokens_to_ids("<image>"),
    )
    write(folder, tf.SmolVLMForConditionalGeneration(config), processor)


def gemma3(folder):
    import transformers as tf

    named = {"image_token": "<image_soft_token>", "boi_token": "<start_of_image>", "eoi_token": "<end_of_image>"}
    words = tokenizer(*named.values(), **named)
    images = tf.Gemma3ImageProcessor(size={"height": 32, "width": 32})
    processor = tf.Gemma3Processor(images, words, chat_template=chat("<start_of_image>"), image_seq_length=4)
    config = tf.Gemma3Config(
        vision_config={"image_size": 32, "patch_size": 8, **VISION},
        text_config=DECODER | ids(words) | {"head_dim": 8, "sliding_window": 4096},
        mm_tokens_per_image=4,
        tie_word_embeddings=False,
        image_token_index=words.image_token_id,
        boi_token_index=words.boi_token_id,
        eoi_token_index=words.eoi_token_id,
    )
    write(folder, tf.Gemma3ForConditionalGeneration(config), processor)


BUILDERS = {
    "llava": llava,
    "qwen2.5-vl": partial(qwen, generation=2.5),
    "qwen3-vl": partial(qwen, generation=3),
    "smolvlm": smolvlm,
    "gemma3": gemma3,
}


def build(kind, folder):
    """Write a model of ``kind``, the same one each time."""
    import torch

    from chatdesc.backends.hub import quiet

    with torch.random.fork_rng(), quiet():
        torch.manual_seed(0)
        BUILDERS[kind](folder)
    return folder
