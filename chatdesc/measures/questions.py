"""Questions about an object that a model must answer from the text alone, in the manner of DLC-Bench.

Lian et al., "Describe Anything", 2025: a description is good if it lets a reader recognise the object, has details that
are true, and has none that are invented. DLC-Bench has questions that people checked; these come from what is known of
the target: its class, attributes measured in its box (those that a text of the sequence names are among them), and
words that most of the other texts share.

With p the share of true details that the text has, and n = 1 - 2 x the share of invented ones among the details that it
has (1 where it has none), the value is (p + n) / 2, in [-0.5, 1]; a text by which the object is not recognised has at
most 0. A side without a question does not count. So an invented detail costs the same however many were asked for.

>>> value(True, [True, False], [False, False]), value(False, [True], [False]), value(False, [False], [True])
(0.75, 0.0, -0.5)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from chatdesc.backends.attribute_words import Seen, measure
from chatdesc.measures.asking import ask_all
from chatdesc.measures.case import ANSWERS, Case, Measure
from chatdesc.rows.schema import MeasureRecord
from chatdesc.stages.ground import is_content
from chatdesc.types import Ask, Steps, one_line, split_words
from chatdesc.vocabulary import ASPECTS, COLOURS, SHAPES, SIZES, TONES, canonical

RECOGNITION, TRUE, INVENTED = "recognition", "true", "invented"
HELD, ABSENT = 0.6, 0.05  # evidence from which an attribute is true of the target, and up to which it is not
INVENTIONS = 2  # per kind of attribute
KINDS = (COLOURS, SIZES, TONES, ASPECTS)


class Detail(NamedTuple):
    """What is asked for: its ``kind``, RECOGNITION, TRUE or INVENTED, and the words."""

    kind: str
    about: str


def details(category: str | None, seen: Seen, others: Iterable[str] = (), texts: Iterable[str] = ()) -> list[Detail]:
    """What is known of a target.

    Args:
        category: the dataset's class; without one the shape that is measured, if any is.
        seen: the measurements of the target's box alone.
        others: the other texts of the sequence; a word that more than half of at least two of them have is true.
        texts: all texts of the sequence; an attribute that one of them names is asked for if it is true or invented.
    """
    shapes = [w for w in SHAPES if seen.evidence(w)[0] >= HELD]
    noun = category or next(iter(shapes), None)
    found = [Detail(RECOGNITION, one_line(noun).lower())] if noun else []
    for kind in KINDS:
        values = np.array([float(seen.evidence(word)[0]) for word in kind])
        held = [k for k in np.argsort(-values, kind="stable") if values[k] >= HELD][:1]
        found += [Detail(TRUE, kind[k]) for k in held]
        around = [kind[(k + step) % len(kind)] for k in held for step in range(1, len(kind))]
        found += [Detail(INVENTED, w) for w in around if values[kind.index(w)] <= ABSENT][:INVENTIONS]
    found += named(texts, seen, {detail.about for detail in found})
    known = {word for detail in found for word in detail.about.split()}
    return found + [Detail(TRUE, word) for word in shared(others) if word not in known]


def named(texts: Iterable[str], seen: Seen, known: Collection[str]) -> list[Detail]:
    """Attributes that texts name, by the vocabulary's words in alphabetical order, without those that are ``known``."""
    measured = {canonical(word.text) for text in texts for word in split_words(text)}
    words = sorted(word for kind in KINDS for word in kind if word in measured and word not in known)
    values = [(word, float(seen.evidence(word)[0])) for word in words]
    return [Detail(TRUE if v >= HELD else INVENTED, word) for word, v in values if v >= HELD or v <= ABSENT]


def shared(texts: Iterable[str]) -> list[str]:
    """The content words that more than half of at least two texts have, in alphabetical order.

    >>> shared(["a red kite", "the Red toy", "kite"]), shared(["a red kite"])
    (['kite', 'red'], [])
    """
    said = [{w.text.lower() for w in split_words(text) if is_content(w.text)} for text in texts]
    counts = Counter(word for words in said for word in words)
    return sorted(word for word, count in counts.items() if len(said) >= 2 and count > len(said) / 2)


def question(text: str, detail: Detail) -> str:
    """What a model is asked, which sees no picture."""
    quoted = one_line(text).replace('"', "'")
    what = f"is a {detail.about}" if detail.kind == RECOGNITION else f'is "{detail.about}"'
    return (
        f'Somebody described an object in a video by these words: "{quoted}"\nJudge by these words alone. Do they say '
        f"that the object {what}?\nAnswer with one word, Yes or No."
    )


def value(recognised: bool | None, true: Sequence[bool], invented: Sequence[bool]) -> float | None:
    """(p + n) / 2, at most 0 where the object is not recognised; None without an answer about details.

    Args:
        recognised: None where that was not asked, or not answered.
        true, invented: whether the text has each detail.
    """
    sides = [float(np.mean(true))] if true else []
    had = sum(true) + sum(invented)
    sides += [1 - 2 * sum(invented) / had if had else 1.0] if invented else []
    if not sides:
        return None if recognised is None else float(recognised)
    found = sum(sides) / len(sides)
    return min(found, 0.0) if recognised is False else found


def of_questions(case: Case, name: str) -> Steps[MeasureRecord]:
    """The record of ``questions``, about the phrase in force at first."""
    at, text = case.frames[0], case.texts[name][0].text
    others = {other: phrases[0].text for other, phrases in case.texts.items() if other != name}
    seen = measure(case.sequence.frames[at], case.sequence.boxes[at][None])
    asked = details(case.sequence.category, seen, others.values(), [*others.values(), text])
    replies = yield from ask_all([Ask(question(text, detail)) for detail in asked])
    known = [(detail, reply.yes) for detail, reply in zip(asked, replies, strict=True) if reply is not None]
    said = {kind: [yes for detail, yes in known if detail.kind == kind] for kind in (RECOGNITION, TRUE, INVENTED)}
    return case.record(
        MEASURE.name,
        name,
        value(next(iter(said[RECOGNITION]), None), said[TRUE], said[INVENTED]),
        models=(case.settings.describer, "attributes"),
        asked=[detail.about for detail, _ in known],
        kinds=[detail.kind for detail, _ in known],
        answers=[yes for _, yes in known],
        compared=list(others),
    )


MEASURE = Measure(
    "questions", "the text alone tells what the target is and is not, -0.5 to 1", of_questions, frozenset({ANSWERS})
)
