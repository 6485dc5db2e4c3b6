"""Small video trackers with random weights, saved the way the Hub publishes them.

Their masks mean nothing, but they are not empty: the score of "the object is here" is turned up.
"""

from __future__ import annotations

from tests.makers.grounders import clip_tokenizer

WIDTH = 128  # more than the memory's 64 channels, which are fixed
SIDE = 64
SIDE3 = 56  # a multiple of SAM 3's patches of 14
PATCH = {"sam3-tracker": 14, "sam3": 14}


def _shared(side, patch):
    n = side // patch
    return {
        "prompt_encoder_config": {
            "hidden_size": WIDTH, "image_size": side, "patch_size": patch, "mask_input_channels": 4,
        },
        "mask_decoder_config": {
            "hidden_size": WIDTH, "mlp_dim": 64, "num_attention_heads": 4, "iou_head_hidden_dim": WIDTH,
        },
        "image_size": side, "memory_attention_hidden_size": WIDTH, "memory_attention_num_layers": 1,
        "memory_attention_rope_feat_sizes": [n, n], "memory_encoder_hidden_size": WIDTH,
        "memory_encoder_output_channels": 64, "mask_downsampler_embed_dim": WIDTH, "memory_fuser_embed_dim": WIDTH,
        "memory_fuser_intermediate_dim": 64, "memory_fuser_num_layers": 1,
    }  # fmt: skip


def _pyramid(side):
    return {
        "backbone_channel_list": [64, 32, 16, 8],
        "backbone_feature_sizes": [[side // 4] * 2, [side // 8] * 2, [side // 16] * 2],
        "fpn_hidden_size": WIDTH,
    }


def _pictures(side, mask, kind="Sam2"):
    import transformers as t

    size = {"height": side, "width": side}
    pictures = getattr(t, f"{kind}ImageProcessor")(size=size, mask_size={"height": mask, "width": mask})
    return pictures, t.Sam2VideoVideoProcessor(size=size)


def _save(model, processor, folder):
    import torch

    for name, module in model.named_modules():
        if name.endswith("pred_obj_score_head.proj_out"):
            torch.nn.init.constant_(module.bias, 3.0)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)


def sam2(folder):
    import transformers as t

    backbone = {
        "model_type": "sam2_hiera_det_model", "hidden_size": 8, "image_size": [SIDE, SIDE],
        "blocks_per_stage": [1, 1, 2, 1], "embed_dim_per_stage": [8, 16, 32, 64],
        "num_attention_heads_per_stage": [1, 1, 2, 4], "window_size_per_stage": [4, 4, 4, 4],
        "global_attention_blocks": [3], "window_positional_embedding_background_size": [4, 4],
    }  # fmt: skip
    vision = {"model_type": "sam2_vision_model", "backbone_config": backbone, **_pyramid(SIDE)}
    config = t.Sam2VideoConfig(vision_config=vision, memory_attention_feed_forward_hidden_size=64, **_shared(SIDE, 16))
    _save(t.Sam2VideoModel(config), t.Sam2VideoProcessor(*_pictures(SIDE, SIDE // 4)), folder)


def edgetam(folder):
    import transformers as t

    arguments = {"in_chans": 3, "features_only": True, "out_indices": [0, 1, 2, 3]}
    backbone = t.TimmWrapperConfig(
        architecture="repvit_m1", model_args={**arguments, "embed_dim": [8, 16, 32, 64], "depth": [1, 1, 1, 1]}
    )
    config = t.EdgeTamVideoConfig(
        vision_config=t.EdgeTamVisionConfig(backbone_config=backbone, **_pyramid(SIDE)),
        memory_attention_mlp_hidden_size=64, memory_attention_rope_k_sizes=[4, 4], perceiver_resampler_num_latents=16,
        perceiver_resampler_num_latents_2d=16, perceiver_resampler_hidden_size=64,
        perceiver_resampler_attention_head_dim=64, perceiver_resampler_mlp_intermediate_size=32, **_shared(SIDE, 16),
    )  # fmt: skip
    _save(t.EdgeTamVideoModel(config), t.Sam2VideoProcessor(*_pictures(SIDE, SIDE // 4)), folder)


def _sam3_vision():
    n = SIDE3 // 14
    backbone = {
        "model_type": "sam3_vit_model", "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
        "num_attention_heads": 2, "image_size": SIDE3, "window_size": 4, "global_attn_indexes": [1],
        "pretrain_image_size": SIDE3,
    }  # fmt: skip
    sizes = [[4 * n] * 2, [2 * n] * 2, [n] * 2]
    return {
        "model_type": "sam3_vision_model", "fpn_hidden_size": WIDTH, "backbone_feature_sizes": sizes,
        "backbone_config": backbone,
    }  # fmt: skip


def _sam3_tracker_config():
    import transformers as t

    return t.Sam3TrackerVideoConfig(
        vision_config=_sam3_vision(), memory_attention_feed_forward_hidden_size=64, **_shared(SIDE3, 14)
    )


def sam3_tracker(folder):
    import transformers as t

    processor = t.Sam3TrackerVideoProcessor(*_pictures(SIDE3, 4 * (SIDE3 // 14), "Sam3"))
    _save(t.Sam3TrackerVideoModel(_sam3_tracker_config()), processor, folder)


def sam3(folder):
    """The whole of SAM 3 for video; anything that its random detector sees is an object."""
    import transformers as t

    tokenizer = clip_tokenizer(32)
    layer = {"hidden_size": WIDTH, "num_attention_heads": 4, "intermediate_size": 64}
    names = ("pad_token_id", "bos_token_id", "eos_token_id")
    text = t.CLIPTextConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=4,
        projection_dim=WIDTH, max_position_embeddings=32, **{name: getattr(tokenizer, name) for name in names},
    )  # fmt: skip
    detector = t.Sam3Config(
        vision_config=_sam3_vision(),
        text_config=text,
        geometry_encoder_config={"num_layers": 1, **layer},
        detr_encoder_config={"num_layers": 1, **layer},
        detr_decoder_config={"num_layers": 1, "num_queries": 10, **layer},
        mask_decoder_config={"hidden_size": WIDTH, "num_attention_heads": 4},
    )
    config = t.Sam3VideoConfig(
        detector_config=detector, tracker_config=_sam3_tracker_config(), low_res_mask_size=4 * (SIDE3 // 14),
        score_threshold_detection=0.0, new_det_thresh=0.0, high_conf_thresh=0.0, high_iou_thresh=0.0,
        recondition_every_nth_frame=4, max_num_objects=4,
    )  # fmt: skip
    pictures, video = _pictures(SIDE3, 4 * (SIDE3 // 14), "Sam3")
    _save(t.Sam3VideoModel(config), t.Sam3VideoProcessor(pictures, video, tokenizer), folder)


BUILDERS = {"sam2": sam2, "edgetam": edgetam, "sam3-tracker": sam3_tracker, "sam3": sam3}


def build(family, folder, seed=0):
    """Save a family's small network in a folder, always the same one for a seed."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        BUILDERS[family](folder)
    return folder


def annotate(folder, **settings):
    """Rows of a whole run with these settings on two short synthetic sequences."""
    import chatdesc
    from chatdesc.config import Resources, Settings
    from chatdesc.engine.run import Run
    from chatdesc.rows.store import Store
    from chatdesc.synthetic import render

    render(folder / "data", count=2, frames=8, seed=1)
    chosen = Settings(rounds=1, ground_every=4, alignment_frames=1, **settings)
    run = Run.create(chatdesc.load("lasot", folder / "data"), folder / "run", chosen, Resources(device="cpu"))
    rows = []
    with Store.open(run.out, run.config()) as store:
        run.annotate(store, rows.append)
    return rows


def tensor_bytes(thing):
    """Bytes of all distinct tensors that can be reached from a session."""
    import torch

    sizes, seen, todo = {}, set(), [thing]
    while todo:
        one = todo.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, torch.Tensor):
            storage = one.untyped_storage()
            sizes[storage.data_ptr()] = storage.nbytes()
        elif isinstance(one, dict):
            todo += list(one.values())
        elif isinstance(one, list | tuple | set):
            todo += list(one)
        elif type(one).__module__.startswith(("transformers.", "chatdesc.")):
            todo += list(getattr(one, "__dict__", {}).values())
            todo += [getattr(one, s) for c in type(one).__mro__ for s in getattr(c, "__slots__", ()) if hasattr(one, s)]
    return sum(sizes.values())
