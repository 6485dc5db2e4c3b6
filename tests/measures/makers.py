"""Cases with looks made by hand."""

from __future__ import annotations

import numpy as np

from chatdesc.config import Settings
from chatdesc.measures.case import Case
from chatdesc.measures.registry import MEASURES
from chatdesc.stages.look import Sight, View, Without
from chatdesc.stages.track import Phrase
from chatdesc.types import split_words
from tests.makers.sequences import sequence_of

HERE, THERE, BEYOND = [10.0, 10.0, 20.0, 20.0], [60.0, 10.0, 20.0, 20.0], [60.0, 60.0, 20.0, 20.0]
SETTINGS = Settings(grounder="g:one", encoders=("e:one", "e:two"), describer="d:one", theta=0.5)


def view(frame, *found, target=HERE, aligned=40.0, elsewhere=()):
    """A frame of 100 x 100; ``found``: (box, fit, *scores of words); ``elsewhere``: cosines of regions elsewhere."""
    found = sorted(found, key=lambda one: -one[1])
    boxes = np.float32([box for box, *_ in found]).reshape(-1, 4)
    fits, on = np.float32([fit for _, fit, *_ in found]), np.array([box == target for box, *_ in found], bool)
    scores = np.float32([words for _, _, *words in found]) if found else np.zeros((0, 0), np.float32)
    cosines = np.full(len(found), np.nan, np.float32)
    cosines[~on] = [*elsewhere, *[np.nan] * (int((~on).sum()) - len(elsewhere))]
    target = np.float32(target)
    return View(frame, (100, 100), target, boxes, fits, on, aligned, cosines, fits > 0.2, scores=scores)


def sight(*views, text="red kite", without=()):
    """``without``: (word, leads on each frame, the target's cosines with the rest)."""
    words = {word.text: word for word in split_words(text)}
    return Sight(text, "g:one", "e:one", views, tuple(Without(words[word], *rest) for word, *rest in without))


def case(settings=SETTINGS, sequence=None, **sights):
    """A case of the sights of each text; a text may have several, for its phrases."""
    seen = {name: one if isinstance(one, tuple) else (one,) for name, one in sights.items()}
    texts = {name: tuple(Phrase(s.views[0].frame, s.text) for s in of) for name, of in seen.items()}
    frames = tuple(v.frame for s in next(iter(seen.values())) for v in s.views)
    return Case(sequence or sequence_of(4, HERE), texts, settings, 0.4, frames, seen)


def measured(measure, of, name="manual"):
    """The record of a measure that asks nothing."""
    try:
        next(MEASURES[measure].of(of, name))
    except StopIteration as end:
        return end.value
    raise AssertionError("it asked for something")
