"""Small grounding networks with random weights, saved the way the Hub publishes them."""

from __future__ import annotations

WORDS = (
    "the red blue green yellow purple orange white black small large big circle square triangle star cross shape "
    "object on left right at top bottom car dog in a of moving to"
).split()
SWIN = {"embed_dim": 16, "depths": [1, 1, 1, 1], "num_heads": [1, 2, 4, 8], "window_size": 4}
SAM = 112  # pixels
SAM_WIDTH = 32


def bert_tokenizer():
    """Words above and letters, with BERT's own places for [CLS], [SEP], "." and "?", by which phrases are split."""
    from transformers import BertTokenizerFast

    vocabulary = ["[PAD]", *(f"[unused{i}]" for i in range(1099))]
    vocabulary[100:104] = ["[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocabulary[1010], vocabulary[1012], vocabulary[1029] = ",", ".", "?"
    letters = [chr(c) for c in range(97, 123)]
    known = [*WORDS, *(c for c in letters if c not in WORDS), *(f"##{c}" for c in letters)]
    vocabulary[200 : 200 + len(known)] = known
    return BertTokenizerFast(vocab={t: i for i, t in enumerate(vocabulary)}, do_lower_case=True, model_max_length=512)


def clip_tokenizer(length):
    """Byte pairs with CLIP's habits: a start token, an end token with the highest number, lower case."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.BPE())
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, show_progress=False)
    made.train_from_iterator([" ".join(WORDS)] * 3, trainer)
    made.add_special_tokens(["<pad>", "<s>", "</s>"])
    ends = [(t, made.token_to_id(t)) for t in ("<s>", "</s>")]
    made.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=ends)
    names = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>"}
    return PreTrainedTokenizerFast(tokenizer_object=made, padding_side="right", model_max_length=length, **names)


def _ids(tokenizer):
    names = ("pad_token_id", "bos_token_id", "eos_token_id")
    return {"vocab_size": len(tokenizer), **{name: getattr(tokenizer, name) for name in names}}


def _text(tokenizer, length, width=32):
    own = {"hidden_size": width, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    return {**own, "max_position_embeddings": length, **_ids(tokenizer)}


def _save(model, processor, folder):
    # fresh weights are so small, and some of them 0, that one picture gives the same answer as another
    for weights in model.parameters():
        if weights.dim() > 1:
            weights.data += 0.1 * weights.data.new_empty(weights.shape).normal_()
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def _dino(folder, family):
    import transformers as t

    text = t.BertConfig(
        vocab_size=1100, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        max_position_embeddings=256,
    )  # fmt: skip
    config = getattr(t, f"{family}Config")(
        backbone_config=t.SwinConfig(**SWIN, image_size=64, out_indices=[2, 3, 4]),
        text_config=text, d_model=32, encoder_layers=1, decoder_layers=2, encoder_attention_heads=4,
        decoder_attention_heads=4, encoder_ffn_dim=64, decoder_ffn_dim=64, num_queries=30, num_feature_levels=4,
        disable_custom_kernels=True,
    )  # fmt: skip
    pictures = t.GroundingDinoImageProcessor(size={"shortest_edge": 96, "longest_edge": 160})
    model = getattr(t, f"{family}ForObjectDetection")(config)
    return _save(model, t.GroundingDinoProcessor(pictures, bert_tokenizer()), folder)


def grounding_dino(folder):
    return _dino(folder, "GroundingDino")


def mm_grounding_dino(folder):
    return _dino(folder, "MMGroundingDino")


def owlv2(folder):
    import transformers as t

    tokenizer = clip_tokenizer(16)
    vision = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = t.Owlv2Config(
        text_config=_text(tokenizer, 16),
        vision_config={**vision, "image_size": 64, "patch_size": 16},
        projection_dim=32,
    )
    pictures = t.Owlv2ImageProcessor(size={"height": 64, "width": 64})
    return _save(t.Owlv2ForObjectDetection(config), t.Owlv2Processor(pictures, tokenizer), folder)


def omdet_turbo(folder):
    import transformers as t

    tokenizer = clip_tokenizer(77)
    config = t.OmDetTurboConfig(
        backbone_config=t.SwinConfig(**SWIN, image_size=128, out_indices=[2, 3, 4]),
        text_config=t.CLIPTextConfig(**_text(tokenizer, 77, 48), projection_dim=32),
        text_projection_in_dim=48, text_projection_out_dim=48, class_embed_dim=48, task_encoder_hidden_dim=32,
        num_queries=30, encoder_hidden_dim=32, vision_features_channels=[32, 32, 32],
        encoder_in_channels=[32, 64, 128], encoder_attention_heads=4, encoder_dim_feedforward=64,
        decoder_hidden_dim=32, decoder_num_heads=4, decoder_num_layers=2, decoder_dim_feedforward=64, image_size=128,
        disable_custom_kernels=True, apply_layernorm_after_vision_backbone=False,
    )  # fmt: skip
    pictures = t.DetrImageProcessor(size={"height": 128, "width": 128}, do_pad=False)
    model = t.OmDetTurboForObjectDetection(config)
    model.decoder.encoder_class_head.bias.data.normal_(
        std=0.2
    )  # trained ones are not 0, and then missing queries count
    return _save(model, t.OmDetTurboProcessor(pictures, tokenizer), folder)


def _sam3_parts():
    import transformers as t

    n, width = SAM // 14, SAM_WIDTH
    tokenizer = clip_tokenizer(32)
    backbone = {
        "model_type": "sam3_vit_model", "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
        "num_attention_heads": 2, "image_size": SAM, "window_size": 4, "global_attn_indexes": [1],
        "pretrain_image_size": SAM,
    }  # fmt: skip
    sizes = [[4 * n] * 2, [2 * n] * 2, [n] * 2]
    vision = {"model_type": "sam3_vision_model", "fpn_hidden_size": width, "backbone_feature_sizes": sizes}
    layer = {"hidden_size": width, "num_attention_heads": 4, "intermediate_size": 64}
    config = t.Sam3Config(
        vision_config={**vision, "backbone_config": backbone},
        text_config=t.CLIPTextConfig(**_text(tokenizer, 32), projection_dim=width),
        geometry_encoder_config={"num_layers": 1, **layer},
        detr_encoder_config={"num_layers": 1, **layer},
        detr_decoder_config={"num_layers": 1, "num_queries": 10, **layer},
        mask_decoder_config={"hidden_size": width, "num_attention_heads": 4},
    )
    pictures = t.Sam3ImageProcessor(size={"height": SAM, "width": SAM}, mask_size={"height": 4 * n, "width": 4 * n})
    return config, pictures, tokenizer


def sam3(folder):
    import transformers as t

    config, pictures, tokenizer = _sam3_parts()
    return _save(t.Sam3Model(config), t.Sam3Processor(pictures, tokenizer), folder)


def sam3_video(folder):
    """The same with the tracker beside it, as SAM 3 is published."""
    import transformers as t

    detector, pictures, tokenizer = _sam3_parts()
    n, width = SAM // 14, 128  # more than the memory's 64 channels
    tracker = t.Sam3TrackerVideoConfig(
        vision_config={**detector.vision_config.to_dict(), "fpn_hidden_size": width},
        prompt_encoder_config={"hidden_size": width, "image_size": SAM, "patch_size": 14, "mask_input_channels": 4},
        mask_decoder_config={
            "hidden_size": width, "mlp_dim": 64, "num_attention_heads": 4, "iou_head_hidden_dim": width,
        },
        image_size=SAM, memory_attention_hidden_size=width, memory_attention_num_layers=1,
        memory_attention_rope_feat_sizes=[n, n], memory_attention_feed_forward_hidden_size=64,
        memory_encoder_hidden_size=width, memory_encoder_output_channels=64, mask_downsampler_embed_dim=width,
        memory_fuser_embed_dim=width, memory_fuser_intermediate_dim=64, memory_fuser_num_layers=1,
    )  # fmt: skip
    config = t.Sam3VideoConfig(detector_config=detector, tracker_config=tracker, low_res_mask_size=4 * n)
    video = t.Sam2VideoVideoProcessor(size={"height": SAM, "width": SAM})
    return _save(t.Sam3VideoModel(config), t.Sam3VideoProcessor(pictures, video, tokenizer), folder)


BUILDERS = {
    "grounding-dino": grounding_dino,
    "mm-grounding-dino": mm_grounding_dino,
    "owlv2": owlv2,
    "omdet-turbo": omdet_turbo,
    "sam3": sam3,
    "sam3-video": sam3_video,
}


def build(family, folder, seed=0):
    """Save a family's small network in a folder, always the same one for a seed."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        BUILDERS[family](folder)
    return folder


def annotate(family, model, folder, threshold=0.0):
    """Rows of a whole run with this grounder on two short synthetic sequences."""
    import chatdesc
    from chatdesc.config import Resources, Settings
    from chatdesc.engine.run import Run
    from chatdesc.rows.store import Store
    from chatdesc.synthetic import render

    render(folder / "data", count=2, frames=3, seed=1)
    settings = Settings(grounder=f"{family}:{model}", tracker="none", rounds=1, box_threshold=threshold)
    run = Run.create(chatdesc.load("lasot", folder / "data"), folder / "run", settings, Resources(device="cpu"))
    rows = []
    with Store.open(run.out, run.config()) as store:
        run.annotate(store, rows.append)
    return rows
