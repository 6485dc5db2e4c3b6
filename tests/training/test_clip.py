import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

TRAINING = Path(__file__).resolve().parents[2] / "training"
if not TRAINING.is_dir():
    pytest.skip("the training recipes are not here (they are in the repository only)", allow_module_level=True)
sys.path.insert(0, str(TRAINING))

import clip  # noqa: E402
import clip_figures  # noqa: E402
from loop import Schedule  # noqa: E402

from chatdesc import synthetic  # noqa: E402
from chatdesc.backends import create  # noqa: E402
from chatdesc.types import Crop, Embed, FrameRef  # noqa: E402
from tests.makers.learning import loss_of  # noqa: E402

SCHEDULE = Schedule(steps=16, lr=1e-3, warmup=2, clip=1.0)


@pytest.fixture(scope="module")
def batches(tmp_path_factory):
    pictures, facts = clip.load_pool(tmp_path_factory.mktemp("pool"), scenes=30, seed=0)
    return clip.Batches(pictures, facts, "cpu", crops=16, texts=24)


def weights(judge):
    return torch.cat([p.detach().flatten() for p in judge.parameters()])


def test_a_few_steps_lower_the_loss(batches, tmp_path):
    """Over seeds 0 to 3 and all kernels (see test_vlm), 0.57 to 0.78 of the loss is left."""
    judge = clip.new_judge(0)
    loss = lambda: loss_of(judge, lambda step, rng: judge.loss(batches(rng)), 0)  # noqa: E731
    before = loss()
    clip.learn(judge, batches, replace(SCHEDULE, steps=48), work=tmp_path, seed=0)
    assert loss() < 0.88 * before


def test_a_resumed_run_ends_as_an_undisturbed_one(batches, tmp_path):
    whole, halves = clip.new_judge(0), clip.new_judge(0)
    clip.learn(whole, batches, SCHEDULE, work=tmp_path / "whole", seed=0)
    clip.learn(halves, batches, SCHEDULE, work=tmp_path / "halves", seed=0, until=5)
    again = clip.new_judge(1)
    clip.learn(again, batches, SCHEDULE, work=tmp_path / "halves", seed=0)
    assert torch.equal(weights(whole), weights(again))
    assert not torch.equal(weights(whole), weights(halves))


def test_the_pool_is_drawn_once_and_is_the_same_again(tmp_path):
    first = clip.load_pool(tmp_path / "a", scenes=3, seed=0)
    kept = clip.load_pool(tmp_path / "a", scenes=3, seed=0)
    again = clip.load_pool(tmp_path / "b", scenes=3, seed=0)
    other = clip.load_pool(tmp_path / "b", scenes=3, seed=1)
    assert all(np.array_equal(a, b) and np.array_equal(a, c) for a, b, c in zip(first, kept, again, strict=True))
    assert first[0].shape != other[0].shape or not np.array_equal(first[0], other[0])
    assert len(list((tmp_path / "a").iterdir())) == 1


def test_the_backend_gives_what_training_computes(batches, tmp_path):
    """The same preprocessing, tokens and vectors, so that figures are about what was trained."""
    judge = clip.new_judge(0).eval()
    with torch.no_grad():  # what half precision keeps exactly
        for p in judge.parameters():
            p.copy_(p.half().float())
    clip.export(judge, tmp_path / "clip")
    [view] = clip.still_views("test", 1, 0)
    frame = FrameRef(clip_figures._frames(view.image), 0)
    texts = ["Small red circle, on the left", "ylelow star"]
    encoder = create("encoder", f"open-clip:local-dir:{tmp_path / 'clip'}", device="cpu")
    [answer] = encoder.embed([Embed("clip", (Crop(frame, view.boxes[0]),), tuple(texts))])
    pixels = batches.pixels(clip._shrunk(view.image, view.boxes[0])[None])
    tokens = batches.tokens([clip.Text(text, (-1, -1, -1)) for text in texts])
    with torch.no_grad():
        expected = judge.scores(pixels, tokens).numpy()
    np.testing.assert_allclose(answer.crops @ answer.texts.T, expected, atol=1e-5)


def test_texts_without_their_padding_give_the_models_own_vectors(batches):
    judge = clip.new_judge(0).eval()
    tokens = batches.tokens(
        [clip.Text(t, (-1, -1, -1)) for t in ("circle", "a photo of a small red circle on the left")]
    )
    with torch.no_grad():
        expected = judge.clip.encode_text(tokens, normalize=True)
        torch.testing.assert_close(clip.encode_text(judge.clip, tokens), expected, atol=1e-5, rtol=1e-5)


def test_levels_of_crops_and_texts():
    red_circle_small, empty = [0, 0, 0], [-1, -1, -1]
    said = [[-1, -1, -1], [0, -1, -1], [0, 0, 0], [1, -1, -1], [0, 0, 1], [-1, 1, 0], [1, 1, -1], [1, 0, 1]]
    found = clip.levels(np.array([red_circle_small, empty]), np.array(said))
    assert found.tolist() == [[1, 2, 4, -1, -2, -1, 0, 0], [0] * 8]


def test_a_text_says_what_its_facts_say():
    rng = np.random.default_rng(0)
    garbled = 0
    for _ in range(500):
        facts = [int(rng.integers(len(names))) for names in clip.KINDS.values()]
        text = clip.statement(rng, facts)
        named = [next((names.index(w) for w in text.words.split() if w in names), -1) for names in clip.KINDS.values()]
        assert named == list(text.said), text
        assert all(said in (-1, fact) for said, fact in zip(text.said, facts, strict=True))
        garbled += any(w not in clip.VOCABULARY for w in text.words.split())
    assert 20 < garbled < 250


def test_what_is_covered_or_out_of_the_frame_is_not_seen():
    boxes = np.array([[0, 0, 40, 40], [20, 0, 40, 40], [-20, 100, 40, 40]], np.float32)
    assert clip.visible_share(boxes, 0, None) == 1
    assert clip.visible_share(boxes, 1, None) == 0.5
    assert clip.visible_share(boxes, 2, None) == 0.5
    assert clip.visible_share(boxes, 0, pole=40.0) == 0.5


def test_words_that_are_none_are_unknown():
    tokens = clip.make_tokenizer()("Small, RED circle! ylelow qqq")["input_ids"]
    assert [clip.VOCABULARY[k] for k in tokens] == ["<s>", "small", "red", "circle", "<unk>", "<unk>", "</s>"]


def test_the_card_has_the_figures_and_the_settings(tmp_path, capsys):
    clip.export(clip.new_judge(0), tmp_path, steps="16", seed="0", scenes="30")
    clip_figures.report(tmp_path, stills=2, sequences=2)
    card, shown = (tmp_path / "README.md").read_text(), capsys.readouterr().out
    assert "16 steps, seed 0, 30 scenes" in card
    assert "not" in card and "photographs" in card
    for line in shown.splitlines():
        name, _, values = line.rpartition(": ")
        assert f"| {name} | {values.replace(', ', ' | ')} |" in card
    assert json.loads((tmp_path / "open_clip_config.json").read_text())["model_cfg"] == clip.CONFIG


def test_splits_share_no_sequence():
    frames = [next(clip.sequence_views(split, 1, 0)).image for split in synthetic.SPLITS]
    assert not any(np.array_equal(a, b) for a, b in zip(frames, frames[1:] + frames[:1], strict=True))
