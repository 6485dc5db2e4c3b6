"""The shipped CLIP on unseen scenes, through the backend; ``training/clip.py --evaluate`` has larger samples."""

from pathlib import Path

import numpy as np
import pytest

import chatdesc
from chatdesc import synthetic
from chatdesc.backends import create
from chatdesc.types import Crop, Embed, FrameRef
from tests.makers.sequences import frames_of

FOLDER = Path(chatdesc.__file__).parent / "tiny" / "clip"
SEED = 77  # not the one that the card's figures are of


@pytest.fixture(scope="module")
def encoder():
    return create("encoder", f"open-clip:local-dir:{FOLDER}", device="cpu")


@pytest.fixture(scope="module")
def things():
    """[(crop, thing)] of stills of the test split."""
    found = []
    for still in synthetic.stills("test", 40, SEED):
        frame = FrameRef(frames_of([still.image]), 0)
        found += [(Crop(frame, box), thing) for box, thing in zip(still.boxes, still.things, strict=True)]
    return found


@pytest.fixture(scope="module")
def cosine(encoder, things):
    """Cosines [things] x texts, a list of texts for each thing."""

    def ask(texts):
        distinct = list(dict.fromkeys(t for some in texts for t in some))
        [answer] = encoder.embed([Embed("clip", tuple(crop for crop, _ in things), tuple(distinct))])
        scores = answer.crops @ answer.texts.T
        return np.array([[scores[k, distinct.index(t)] for t in some] for k, some in enumerate(texts)])

    return ask


def others(names, name, count):
    at = list(names).index(name)
    return [list(names)[(at + k) % len(names)] for k in range(1, count + 1)]


def test_the_right_description_is_first_of_eight(things, cosine):
    texts = []
    for _, t in things:
        shapes = [f"{t.size} {t.colour} {shape}" for shape in others(synthetic.SHAPES, t.shape, 3)]
        colours = [f"{t.size} {colour} {t.shape}" for colour in others(synthetic.COLOURS, t.colour, 4)]
        texts.append([f"{t.size} {t.colour} {t.shape}", *shapes, *colours])
    assert (cosine(texts).argmax(1) == 0).mean() >= 0.98


def test_the_more_a_true_text_says_the_higher_it_scores(things, cosine):
    texts = [
        [f"{t.size} {t.colour} {t.shape}", f"{t.colour} {t.shape}", f"the {t.shape}", "the moving object"]
        for _, t in things
    ]
    assert (np.diff(cosine(texts), axis=1) < 0).mean(0) == pytest.approx([1, 1, 1], abs=0.05)


@pytest.mark.parametrize(("kind", "share"), [("colour", 0.98), ("shape", 0.98), ("size", 0.8)])
def test_a_true_text_is_better_than_one_with_a_false_word(things, cosine, kind, share):
    """Size is told from the sharpness of edges alone, so it is known less often."""
    names = {"colour": synthetic.COLOURS, "shape": synthetic.SHAPES, "size": synthetic.SIZES}[kind]
    texts = []
    for k, (_, t) in enumerate(things):
        said = {"size": t.size, "colour": t.colour, "shape": t.shape}
        false = said | {kind: others(names, said[kind], 1 + k % (len(names) - 1))[-1]}
        texts.append(["{size} {colour} {shape}".format(**words) for words in (said, false)])
    scores = cosine(texts)
    assert (scores[:, 0] > scores[:, 1]).mean() >= share


def test_a_false_text_is_worse_than_one_that_says_nothing(things, cosine):
    texts = []
    for _, t in things:
        colour, shape = others(synthetic.COLOURS, t.colour, 3)[-1], others(synthetic.SHAPES, t.shape, 2)[-1]
        texts.append(["the moving object", f"{colour} {t.shape}", f"{t.colour} {shape}"])
    scores = cosine(texts)
    assert ((scores[:, :1] > scores[:, 1:]).mean(0) >= 0.98).all()


def test_a_garbled_word_says_nothing(things, cosine):
    rng = np.random.default_rng(0)
    named = [t for _, t in things]
    texts = [
        [f"{t.colour} {t.shape}", f"{t.colour} {synthetic.swap_letters(rng, t.shape)}", f"{t.colour} object"]
        for t in named
    ]
    scores = cosine(texts)
    assert (scores[:, 0] > scores[:, 1]).mean() >= 0.98
    step = (scores[:, 0] - scores[:, 2]).mean()
    assert abs(scores[:, 1] - scores[:, 2]).mean() < 0.2 * step


def test_a_place_that_no_crop_shows_changes_little(things, cosine):
    texts = [[f"{t.colour} {t.shape}", f"{t.colour} {t.shape} on the left", t.shape] for _, t in things]
    scores = cosine(texts)
    step = (scores[:, 0] - scores[:, 2]).mean()
    assert abs(scores[:, 0] - scores[:, 1]).mean() < 0.1 * step


def test_a_things_crop_fits_its_text_better_than_the_background_does(encoder, things):
    rows = []
    for crop, thing in things[:40]:
        text = f"{thing.size} {thing.colour} {thing.shape}"
        beside = Crop(crop.frame, crop.box + np.array([1.5 * crop.box[2], 0, 0, 0], np.float32))
        [answer] = encoder.embed([Embed("clip", (crop, beside), (text,))])
        rows.append(answer.crops @ answer.texts[0])
    rows = np.array(rows)
    # a look-alike may stand beside it
    assert (rows[:, 0] > rows[:, 1]).mean() >= 0.9


def test_it_is_small_and_says_what_it_is_for():
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) <= 3_000_000
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert "synthetic scenes" in card and "photographs" in card and "license: apache-2.0" in card
    assert not list(FOLDER.glob("*.bin")) and not list(FOLDER.glob("*.pt"))
