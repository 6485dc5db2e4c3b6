"""The shipped grounder on unseen scenes, through the backend; ``training/grounder.py --evaluate`` asks more."""

from pathlib import Path

import numpy as np
import pytest

import chatdesc
from chatdesc import synthetic
from chatdesc.metrics.overlap import iou_matrix
from chatdesc.synthetic import COLOURS, PLACES, SHAPES, SIZES, TWINS, phrase, place_of, truth
from tests.tiny.checks import backend, best, ground_all, scenes, sound_texts

FOLDER = Path(chatdesc.__file__).parent / "tiny" / "grounder"
KINDS = {"colour": COLOURS, "shape": SHAPES, "size": SIZES, "place": PLACES}


def overlaps(found, boxes):
    """[proposals, things] IoU."""
    return iou_matrix(found.boxes, boxes)


def on_things(found, boxes):
    """[things, words] best score of each word on each thing, 0 where nothing was proposed."""
    near = overlaps(found, boxes) > 0.5
    return np.array([found.scores[near[:, k]].max(0, initial=0) for k in range(len(boxes))])


def best_on(found, boxes):
    """[things] best score on each thing."""
    return on_things(found, boxes).max(1)


@pytest.fixture(scope="module")
def sound():
    """[(found, boxes)] of phrases that are true of the first thing alone."""
    asked = sound_texts(40)
    return [(f, b) for f, (_, b, _) in zip(ground_all([(f, t) for f, _, t in asked]), asked, strict=True)]


def test_a_unique_phrase_is_found_where_it_is(sound):
    assert np.mean([iou_matrix(best(f)[None], b[:1])[0, 0] for f, b in sound]) >= 0.85


def test_what_a_phrase_means_wins_clearly(sound):
    lead = [s[0] - s[1:].max() for s in (best_on(f, b) for f, b in sound)]
    assert np.mean(np.array(lead) > 0.1) >= 0.9


@pytest.mark.parametrize("twin", TWINS)
def test_lookalikes_are_told_apart(twin):
    asked, boxes = [], []
    for still, frames in scenes(24, twin):
        thing = still.things[0]
        words = [thing.colour, *([twin] if twin in PLACES else [thing.size] if twin == "size" else [])]
        asked.append((frames, phrase(thing, words)))
        boxes.append(still.boxes[:2])  # a third thing may be one more look-alike
    scores = [best_on(f, b) for f, b in zip(ground_all(asked), boxes, strict=True)]
    assert np.mean([a > b for a, b in scores]) >= 0.9


@pytest.mark.parametrize("kind", KINDS)
def test_words_score_higher_on_what_bears_them(kind):
    asked, stills = [], []
    for still, frames in scenes(40):
        thing = still.things[0]
        asked.append((frames, phrase(thing, [thing.colour, thing.size, *place_of(thing)])))
        stills.append(still)
    won = []
    for found, still in zip(ground_all(asked), stills, strict=True):
        scores = on_things(found, still.boxes)
        for column, word in enumerate(found.words):
            if word.text in KINDS[kind]:
                true = [truth(thing, word.text) for thing in still.things]
                yes, no = ([s for s, t in zip(scores[:, column], true, strict=True) if t is v] for v in (True, False))
                won += [a > b for a in yes for b in no]
    assert len(won) >= 30 and np.mean(won) >= 0.9


def test_an_ambiguous_phrase_fits_both():
    shown = scenes(24, "left")
    found = ground_all([(frames, phrase(s.things[0], [s.things[0].colour])) for s, frames in shown])
    scores = np.array([best_on(f, s.boxes[:2]) for f, (s, _) in zip(found, shown, strict=True)])
    assert np.mean(abs(scores[:, 0] - scores[:, 1]) < 0.2) >= 0.85
    assert np.mean(scores.min(1) >= backend("grounder").threshold) >= 0.7


@pytest.mark.parametrize("twin", ["", "colour", "shape", "size", "left"])
def test_the_threshold_keeps_what_is_meant_and_nothing_else(twin):
    asked = sound_texts(24, twin)
    scores = [best_on(f, b) for f, (_, b, _) in zip(ground_all([(f, t) for f, _, t in asked]), asked, strict=True)]
    threshold = backend("grounder").threshold
    assert np.mean([s[0] >= threshold for s in scores]) >= 0.9
    assert np.mean([(s[1:] < threshold).all() for s in scores]) >= 0.85


def test_what_is_there_scores_higher_than_what_is_not(sound):
    asked = []
    for k, (still, frames) in enumerate(scenes(40)):
        there = {(t.colour, t.shape) for t in still.things}
        gone = [f"{c} {s}" for c in COLOURS for s in SHAPES if (c, s) not in there]
        asked.append((frames, gone[k * 7 % len(gone)]))
    here, away = (np.array([f.scores.max() for f in found]) for found in ([f for f, _ in sound], ground_all(asked)))
    assert np.mean(here[:, None] > away) >= 0.95


def test_swapped_letters_are_understood():
    rng = np.random.default_rng(0)
    asked = sound_texts(24)
    typed = [" ".join(synthetic.swap_letters(rng, w) if w in COLOURS else w for w in t.split()) for _, _, t in asked]
    found = ground_all([(f, t) for (f, _, _), t in zip(asked, typed, strict=True)])
    assert np.mean([overlaps(f, b)[0].argmax() == 0 for f, (_, b, _) in zip(found, asked, strict=True)]) >= 0.85


def test_words_of_the_demo_are_known_and_all_others_are_spelled():
    tokenizer = backend("grounder").loaded.processor.tokenizer
    for scene in synthetic.scenes(20, 8, seed=5):
        pieces = tokenizer.tokenize(scene.manual)
        assert "[UNK]" not in pieces
        if scene.fault != "typo":
            assert pieces == scene.manual.split()


def test_it_is_small_and_says_what_it_is_for():
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) <= 2_500_000
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert "synthetic scenes" in card and "photographs" in card and "license: apache-2.0" in card
    assert not list(FOLDER.glob("*.bin")) and not list(FOLDER.glob("*.pt"))
