"""Trackers with a network, on random ones: scores differ in every frame by what is remembered, so equal means equal."""

import logging
import re

import numpy as np
import pytest

from chatdesc.backends import create, hub, sam3_video, video_models
from chatdesc.backends.sam3_video import Seen, WordSession, choose
from chatdesc.backends.video_models import Session, corners, forget, mask_box
from chatdesc.protocols import Tracker
from chatdesc.types import BackendError, Follow, FrameError, Frames
from tests.makers.sequences import frames_of, frames_read, png, sequence_of
from tests.makers.trackers import PATCH, SIDE, SIDE3, annotate, build, tensor_bytes

BOX = np.array([20, 10, 40, 30], np.float32)
BOXED = ["sam2", "edgetam", "sam3-tracker"]
WORDS = "red circle"


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Family -> a folder with a small network, built when it is first asked for."""
    root, made = tmp_path_factory.mktemp("trackers"), {}
    return lambda family: (
        made.setdefault(family, root / family)
        if (root / family).exists()
        else build(family, made.setdefault(family, root / family))
    )


@pytest.fixture(scope="module")
def trackers(models):
    made = {}

    def get(family):
        if family not in made:
            made[family] = create("tracker", f"{family}:{models(family)}", device="cpu")
        return made[family]

    return get


@pytest.fixture(params=[*BOXED, "sam3"])
def tracker(request, trackers):
    return trackers(request.param)


@pytest.fixture(scope="module")
def video():
    rng = np.random.default_rng(0)
    base = rng.integers(0, 255, (90, 120, 3), dtype=np.uint8)
    return frames_of([np.roll(base, 5 * i, 1) for i in range(24)])


def follow(tracker, *requests):
    answers = tracker.follow(list(requests))
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
    return answers


def ask(frames, start, stop, **changes):
    return Follow(frames, start, stop, text=WORDS, **changes)


def test_answers_with_boxes_in_the_frame_and_scores(tracker, video):
    assert isinstance(tracker, Tracker)
    [answer] = follow(tracker, ask(video, 1, 6, init=BOX))
    assert answer.boxes.shape == (5, 4)
    assert answer.boxes.dtype == answer.scores.dtype == np.float32
    assert ((answer.scores >= 0) & (answer.scores <= 1)).all()
    assert len(set(answer.scores.tolist())) > 1  # it remembers
    right = answer.boxes[:, :2] + answer.boxes[:, 2:]
    assert (answer.boxes[:, :2] >= 0).all() and (right <= (120, 90)).all() and (answer.boxes[:, 2:] > 0).all()


@pytest.mark.parametrize("family", BOXED)
def test_the_box_is_where_the_network_looks(trackers, video, family):
    [answer] = follow(trackers(family), ask(video, 1, 2, init=BOX))
    [prompt] = answer.session.memory.point_inputs_per_obj[0].values()
    side = SIDE3 if family in PATCH else SIDE
    expected = np.array([[20, 10], [60, 40]]) * side / np.array([120, 90])
    assert prompt["point_coords"].numpy().reshape(2, 2) == pytest.approx(expected, abs=1e-3)
    assert prompt["point_labels"].flatten().tolist() == [2, 3]


@pytest.mark.parametrize("family", BOXED)
def test_equals_transformers_called_directly(trackers, models, video, family):
    import transformers

    model = type(trackers(family).loaded.model).from_pretrained(models(family)).eval()
    processor = transformers.AutoProcessor.from_pretrained(models(family))
    session = processor.init_video_session()
    boxes, scores = [], []
    for step, index in enumerate(range(2, 12)):
        inputs = processor(images=video[index].copy(), return_tensors="pt")
        if step == 0:
            corner = [[[20.0, 10.0, 60.0, 40.0]]]
            processor.add_inputs_to_inference_session(
                session, frame_idx=0, obj_ids=7, input_boxes=corner, original_size=inputs.original_sizes[0]
            )
        out = model(inference_session=session, frame=inputs.pixel_values[0], frame_idx=step)
        [mask] = processor.post_process_masks([out.pred_masks], original_sizes=inputs.original_sizes)
        rows, columns = np.where(mask[0, 0].numpy())
        boxes.append([columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1])
        scores.append(float(out.object_score_logits.sigmoid()))
    [answer] = follow(trackers(family), ask(video, 3, 12, init=BOX))
    assert answer.scores.tolist() == pytest.approx(scores[1:], abs=1e-6)
    assert answer.boxes.tolist() == boxes[1:]


def test_going_on_equals_one_long_follow(tracker, video):
    [whole] = follow(tracker, ask(video, 1, 16, init=BOX))
    [first] = follow(tracker, ask(video, 1, 7, init=BOX))
    [rest] = follow(tracker, ask(video, 7, 16, session=first.session))
    assert np.array_equal(np.concatenate([first.boxes, rest.boxes]), whole.boxes)
    assert np.array_equal(np.concatenate([first.scores, rest.scores]), whole.scores)


def test_forgetting_changes_nothing(tracker, video, monkeypatch):
    [short] = follow(tracker, ask(video, 1, 24, init=BOX))
    nothing = lambda *_: None  # noqa: E731
    monkeypatch.setattr("chatdesc.backends.sam_trackers.forget", nothing)
    monkeypatch.setattr(sam3_video, "_forget_words", nothing)
    [long] = follow(tracker, ask(video, 1, 24, init=BOX))
    assert np.array_equal(short.boxes, long.boxes)
    assert np.array_equal(short.scores, long.scores)
    assert tensor_bytes(short.session) < tensor_bytes(long.session) / 2


def test_a_session_is_as_large_after_400_frames_as_after_100(trackers):
    rng = np.random.default_rng(1)
    frames = frames_of([rng.integers(0, 255, (20, 30, 3), dtype=np.uint8) for _ in range(401)])
    tracker, sizes, session = trackers("sam2"), [], None
    for start in (1, 101, 201, 301):
        init = np.array([3, 3, 9, 9], np.float32) if session is None else None
        [answer] = follow(tracker, Follow(frames, start, start + 100, session=session, init=init))
        session = answer.session
        sizes.append(tensor_bytes(session))
    assert sizes[0] > 10_000
    assert sizes[1:] == sizes[:1] * 3


@pytest.mark.parametrize("family", ["edgetam", "sam3-tracker", "sam3"])
def test_sessions_of_the_others_stay_small_too(trackers, video, family, monkeypatch):
    if family == "sam3":  # each time the detector confirms an object, a pointer of 1 kB stays
        monkeypatch.setattr(trackers(family).loaded.model, "recondition_every_nth_frame", 0)
    session, sizes = None, []
    for start, stop in ((1, 18), (18, 21), (21, 24)):
        init = BOX if session is None else None
        [answer] = follow(trackers(family), ask(video, start, stop, session=session, init=init))
        session = answer.session
        sizes.append(tensor_bytes(session))
    assert sizes[0] > 10_000
    assert sizes[1:] == sizes[:1] * 2


def test_a_session_holds_no_frames(tracker, video):
    [answer] = follow(tracker, ask(video, 1, 5, init=BOX))
    assert set(answer.session.memory.processed_frames.values()) == {None}
    assert not answer.session.memory.cache._vision_features


def test_ends_after_the_first_frame_of_low_score(tracker, video):
    [answer] = follow(tracker, ask(video, 1, 6, init=BOX, min_score=0.99999))
    assert answer.boxes.shape == (1, 4)
    [answer] = follow(tracker, ask(video, 1, 6, init=BOX, min_score=0.001))
    assert len(answer.boxes) == 5


def test_the_batch_does_not_matter(tracker, video):
    requests = [ask(video, 1, 5, init=BOX), ask(video, 9, 12, init=BOX + 5)]
    alone = [follow(tracker, r)[0] for r in requests]
    for one, other in zip(alone, follow(tracker, *reversed(requests))[::-1], strict=True):
        assert np.array_equal(one.boxes, other.boxes)
        assert np.array_equal(one.scores, other.scores)


def test_starts_on_the_frame_before(trackers):
    sequence = sequence_of(6)
    follow(trackers("sam2"), Follow(sequence.frames, 3, 5, init=BOX))
    assert frames_read(sequence) == [2, 3, 4]


def test_a_new_box_is_a_new_session(trackers, video):
    [old] = follow(trackers("sam2"), ask(video, 1, 6, init=BOX))
    [fresh] = follow(trackers("sam2"), ask(video, 9, 12, init=BOX + 5))
    [again] = follow(trackers("sam2"), ask(video, 9, 12, init=BOX + 5, session=old.session))
    assert np.array_equal(again.scores, fresh.scores)
    assert again.session is not old.session


def test_an_empty_mask_keeps_the_box_with_score_0(trackers, video, monkeypatch):
    import torch

    tracker = trackers("sam2")
    masks = [torch.zeros(90, 120, dtype=torch.bool) for _ in range(4)]
    masks[2][30:50, 11:41] = True
    told = iter(masks)
    monkeypatch.setattr(tracker.loaded.processor, "post_process_masks", lambda *a, **k: [next(told)[None, None]])
    [answer] = follow(tracker, ask(video, 1, 4, init=BOX))
    assert answer.boxes.tolist() == [BOX.tolist(), [11, 30, 30, 20], [11, 30, 30, 20]]
    assert (answer.scores > 0).tolist() == [False, True, False]


def test_a_frame_that_cannot_be_read_fails_its_own_request_only(tracker, video):
    files = {f"{i}.png": b"no image" if i == 3 else png(video[i]) for i in range(5)}
    broken = Frames(tuple(files), files.__getitem__)
    good, bad = tracker.follow([ask(video, 1, 3, init=BOX), ask(broken, 1, 5, init=BOX)])
    assert isinstance(bad, FrameError)
    assert len(good.boxes) == 2


@pytest.mark.parametrize("box", [[np.nan, 0, 5, 5], [0, 0, 0, 5], [500, 0, 9, 9]])
def test_no_start_from_what_is_no_box(trackers, video, box):
    [answer] = trackers("sam2").follow([ask(video, 1, 3, init=np.array(box, np.float32))])
    assert isinstance(answer, BackendError)
    assert "cannot start from the box" in str(answer)


def test_nothing_to_go_on_from(tracker, video):
    [answer] = tracker.follow([ask(video, 1, 3)])
    assert isinstance(answer, BackendError)
    assert "nothing to go on from" in str(answer)


@pytest.mark.parametrize(
    ("raised", "message"),
    [("OutOfMemoryError", r"^sam2:sam2: out of memory; use a smaller model"), ("", r"^sam2:sam2: strange$")],
)
def test_what_the_network_raises_is_told_shortly(trackers, video, monkeypatch, raised, message):
    import torch

    tracker = trackers("sam2")

    def fail(**arguments):
        raise (getattr(torch, raised) if raised else ValueError)("strange\nand long")

    monkeypatch.setattr(tracker.loaded.model, "forward", fail)
    [answer] = tracker.follow([ask(video, 1, 3, init=BOX)])
    assert isinstance(answer, BackendError)
    assert re.search(message, str(answer))


def test_half_precision_goes_through(tracker, video, monkeypatch):
    import torch

    [whole] = follow(tracker, ask(video, 1, 9, init=BOX))
    monkeypatch.setattr(video_models.VideoTracker, "_arithmetic", lambda self: torch.autocast("cpu", torch.bfloat16))
    [half] = follow(tracker, ask(video, 1, 9, init=BOX))
    assert half.scores == pytest.approx(whole.scores, abs=0.1)


def test_what_stands_in_a_row(tracker, models, tmp_path):
    described = tracker.describe_self()
    assert described["name"] == f"{tracker.family}:{tracker.family}"
    assert re.fullmatch("[0-9a-f]{64}", described["weights_sha256"])
    assert described["dtype"] == "float32"
    assert described["transformers"]
    assert str(models(tracker.family).parent) not in str(described)


@pytest.mark.parametrize(
    ("family", "kind", "message"),
    [
        ("sam2", "edgetam_video", "is a edgetam_video model; write edgetam:mine"),
        ("edgetam", "sam2_video", "write sam2:mine"),
        ("sam3", "sam3_tracker_video", "write sam3-tracker:mine"),
        ("sam2", "sam2", "single images and cannot track; sam2 takes sam2_video"),
        ("sam2", "llava", "is a llava model; sam2 takes sam2_video"),
    ],
)
def test_other_architectures_are_refused_before_their_weights(tmp_path, family, kind, message):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "config.json").write_text(f'{{"model_type": "{kind}"}}')
    (folder / "model.safetensors").write_bytes(b"none")
    with pytest.raises(BackendError, match=message):
        create("tracker", f"{family}:{folder}", device="cpu").follow([])


def test_weights_that_are_not_all_there_are_reported(models, tmp_path, caplog):
    import shutil

    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(models("sam2"), tmp_path / "part")
    weights = load_file(folder / "model.safetensors")
    del weights["no_object_pointer"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with caplog.at_level(logging.WARNING):
        create("tracker", f"sam2:{folder}", device="cpu").describe_self()
    assert "its weights lack 1 tensors (no_object_pointer)" in caplog.text


def test_weights_are_in_single_precision_whatever_was_published(models, tmp_path, video):
    import torch
    import transformers

    folder = tmp_path / "half"
    transformers.AutoModel.from_pretrained(models("sam2")).to(torch.bfloat16).save_pretrained(folder)
    transformers.AutoProcessor.from_pretrained(models("sam2")).save_pretrained(folder)
    tracker = create("tracker", f"sam2:{folder}", device="cpu")
    assert {p.dtype for p in tracker.loaded.model.parameters()} == {torch.float32}
    follow(tracker, ask(video, 1, 3, init=BOX))


def test_a_device_that_is_too_small_is_told(models, monkeypatch):
    import torch

    def full(self, *args, **options):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(torch.nn.Module, "to", full)
    with pytest.raises(BackendError, match=r"^sam2:sam2 does not fit into the memory of cpu; try --device cpu"):
        create("tracker", f"sam2:{models('sam2')}", device="cpu").describe_self()


def test_the_tracker_inside_sam3_is_found(trackers, models):
    import torch

    inside = create("tracker", f"sam3-tracker:{models('sam3')}", device="cpu").loaded.model
    whole = trackers("sam3").loaded.model
    for name in ("memory_attention.layers.0.linear1.weight", "no_memory_embedding"):
        assert torch.equal(inside.state_dict()[name], whole.tracker_model.state_dict()[name])
    neck = "fpn_layers.0.proj1.weight"
    assert torch.equal(inside.vision_encoder.neck.state_dict()[neck], whole.tracker_neck.state_dict()[neck])


def test_mask_to_box():
    import torch

    mask = torch.zeros(10, 12, dtype=torch.bool)
    assert mask_box(mask) is None
    mask[3, 4] = True
    assert mask_box(mask).tolist() == [4, 3, 1, 1]
    mask[8, 11] = mask[0, 6] = True
    assert mask_box(mask).tolist() == [4, 0, 8, 9]


def test_corners_stay_in_the_frame():
    image = np.zeros((90, 120, 3), np.uint8)
    assert corners(np.array([-5, 80, 30, 30], np.float32), image) == [0, 80, 25, 90]


def test_forget_keeps_what_prompts_left():
    from types import SimpleNamespace

    heavy = {"maskmem_features": 1, "maskmem_pos_enc": 2, "object_pointer": 3, "pred_masks": 4}
    outputs = {
        "cond_frame_outputs": {i: dict(heavy) for i in (0, 4, 8)},
        "non_cond_frame_outputs": {i: dict(heavy) for i in range(1, 21) if i not in (4, 8)},
    }
    memory = SimpleNamespace(
        processed_frames={20: 1}, cache=SimpleNamespace(clear_all=lambda: None), frames_tracked_per_obj={},
        output_dict_per_obj={0: outputs},
    )  # fmt: skip
    forget(memory, 20, SimpleNamespace(num_maskmem=7, max_object_pointers_in_encoder=16, max_cond_frame_num=2))
    assert {i: sorted(o) for i, o in outputs["cond_frame_outputs"].items()} == {
        0: ["object_pointer"],
        4: ["maskmem_features", "maskmem_pos_enc", "object_pointer"],
        8: ["maskmem_features", "maskmem_pos_enc", "object_pointer"],
    }
    rest = outputs["non_cond_frame_outputs"]
    assert sorted(rest) == [i for i in range(6, 21) if i != 8]  # frame 21 reads 15 pointers and 6 features back
    assert [i for i, o in rest.items() if "maskmem_features" in o] == list(range(15, 21))
    assert not any("pred_masks" in o for o in rest.values())


def seen(*objects):
    """Objects by number: (number, x, fit)."""
    return {n: Seen(np.array([x, 0, 10, 10], np.float32), 0.9, fit) for n, x, fit in objects}


def test_words_follow_one_thing():
    session = WordSession(None, 0, BOX, WORDS)
    assert choose(session, seen()) is None
    assert choose(session, seen((0, 0, 0.6), (1, 50, 0.8))) == 1
    assert choose(session, seen((0, 0, 0.9), (1, 50, 0.8), (2, 1, 0.95))) == 1
    assert choose(session, seen((0, 0, 0.9), (2, 1, 0.9))) is None  # hidden; the others were seen beside it
    assert choose(session, seen((0, 0, 0.9), (3, 70, 0.5))) == 3  # found again as a new object
    assert choose(session, seen((1, 50, 0.9), (3, 70, 0.5))) == 3


def test_one_thing_found_twice_is_no_rival():
    session = WordSession(None, 0, BOX, WORDS)
    assert choose(session, seen((0, 0, 0.9), (1, 1, 0.8))) == 0
    assert choose(session, seen((1, 1, 0.8))) == 1


def test_words_are_needed(trackers, video):
    [answer] = trackers("sam3").follow([Follow(video, 1, 3, init=BOX)])
    assert isinstance(answer, BackendError)
    assert "use sam3-tracker to follow a box" in str(answer)


def test_words_decide_and_the_box_does_not(trackers, video):
    tracker = trackers("sam3")
    one, moved = follow(tracker, ask(video, 1, 5, init=BOX), ask(video, 1, 5, init=BOX + 20))
    assert np.array_equal(one.scores, moved.scores) and np.array_equal(one.boxes, moved.boxes)
    [other] = follow(tracker, Follow(video, 1, 5, init=BOX, text="large blue triangle on the left"))
    fits = [answer.session.memory.obj_id_to_score[0] for answer in (one, moved, other)]
    assert fits[0] == fits[1] != fits[2]


def test_other_words_start_anew(trackers, video):
    tracker = trackers("sam3")
    [first] = follow(tracker, ask(video, 1, 5, init=BOX))
    [changed] = follow(tracker, Follow(video, 5, 9, session=first.session, text="blue star"))
    [fresh] = follow(tracker, Follow(video, 5, 9, init=BOX, text="blue star"))
    assert np.array_equal(changed.scores, fresh.scores)
    assert changed.session is not first.session


def test_long_words_are_cut_and_not_refused(trackers, video):
    [answer] = follow(trackers("sam3"), Follow(video, 1, 3, init=BOX, text="red circle on the left " * 20))
    tokens = answer.session.memory.prompt_input_ids[0]
    assert tokens.shape == (1, 32)
    assert tokens[0, -1] == trackers("sam3").loaded.processor.tokenizer.eos_token_id


def test_hidden_objects_are_dropped(trackers, video, monkeypatch):
    monkeypatch.setattr(sam3_video, "HIDDEN_FOR", 3)
    tracker = trackers("sam3")
    shown = tracker._visible

    def only_the_target(memory, out, image):
        found = shown(memory, out, image)
        return {n: s for n, s in found.items() if out.frame_idx < 4 or n == min(found)}

    monkeypatch.setattr(tracker, "_visible", only_the_target)
    [early] = follow(tracker, ask(video, 1, 4, init=BOX))
    before = list(early.session.memory.obj_ids)
    [late] = follow(tracker, ask(video, 4, 12, session=early.session))
    assert len(before) > 1
    assert set(before) & set(late.session.memory.obj_ids) <= {early.session.target, min(before)}
    assert isinstance(late.session, Session)


@pytest.mark.parametrize("family", [*BOXED, "sam3"])
def test_the_whole_loop(models, tmp_path, family):
    rows = annotate(tmp_path, tracker=f"{family}:{models(family)}")
    assert [r["status"] for r in rows] == ["ok", "ok"]
    for row in rows:
        assert row["tracking"]["tracker"] == f"{family}:{family}"
        assert len(row["tracking"]["boxes"]) == 8
        assert "tracker" in row["tracking"]["sources"]
        assert str(tmp_path) not in str(row["provenance"])


def test_a_hub_model_is_known_by_its_commit(hub_cache, models):
    commit = hub_cache("org/tiny-sam2", models("sam2"))
    described = create("tracker", "sam2:org/tiny-sam2", device="cpu").describe_self()
    assert (described["name"], described["model"], described["revision"]) == (
        "sam2:org/tiny-sam2",
        "org/tiny-sam2",
        commit,
    )
    assert hub.offline()
