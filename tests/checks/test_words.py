"""Misspelt words, and real words in the wrong place."""

from __future__ import annotations

import pytest

from chatdesc.checks.base import Subject
from chatdesc.checks.corpus import Corpus
from chatdesc.checks.non_words import NonWordCheck
from chatdesc.checks.real_words import ENOUGH, STRANGE, RealWordCheck, alike, severity
from tests.checks.makers import texts_of

STREETS = [
    f"{colour} {noun} {verb} on the {place}"
    for colour, noun, verb, place in zip(
        "red blue white black green gray brown yellow".split() * 2,
        "car bus truck bicycle".split() * 4,
        "moving running standing driving".split() * 4,
        "road street ground bridge".split() * 4,
    )
]


def others() -> list[Subject]:
    nouns = [text.split()[1] for text in STREETS]
    return [Subject(f"{noun}-{n}", text, noun) for n, (noun, text) in enumerate(zip(nouns, STREETS))]


def found(check, text, category="car", among=()):
    subject = Subject("x-1", text, category)
    check.prepare([*others(), *among, subject])
    return [(text[slice(*f.span)], f.suggestion) for f in check.find(subject)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("red car moving on the raod", [("raod", "road")]),
        ("red car movng on the road", [("movng", "moving")]),
        ("red car o the road", [("o", "on")]),
        ("Raed car on the road", [("Raed", "Red")]),
        ("Naoki in a car", []),  # a name, for all one knows
        ("red car holded by a man", [("holded", "held")]),
        ("red car grabing a man", [("grabing", "grabbing")]),
        ("man in a blue t-shrit", []),
        ("red car on the road", []),
    ],
)
def test_non_words(text, expected):
    assert found(NonWordCheck(), text) == expected


@pytest.mark.parametrize(
    "word",
    "gametarget yoyo yo-yo grey gray colour color tv spiderman birdcage hoverboard koi bmx hd wirelessly draglines SUV "
    "3d Kawayi café qzxwvbkj".split(),
)  # fmt: skip
def test_words_of_their_own(word):
    assert found(NonWordCheck(), f"red car beside the {word} on the road") == []


def test_a_hyphenated_word_is_corrected_by_one_of_the_dataset():
    among = [Subject("car-9", "red car beside a t-shirt", "car")]
    assert found(NonWordCheck(), "red car beside a t-shrit", among=among) == [("t-shrit", "t-shirt")]


def test_a_label_has_no_suggestion_and_names_its_class():
    check = NonWordCheck()
    subjects = [Subject(f"rubicCube-{n}", f"rubic cube on the {place}", "rubicCube") for n, place in enumerate(STREETS)]
    check.prepare(subjects)
    (finding,) = check.find(subjects[0])
    assert finding.suggestion is None and "confidence" not in finding.evidence
    assert finding.reason == "no list of English words has 'rubic', a part of the class's name 'rubicCube'"


def test_the_place_decides_among_neighbours():
    check = NonWordCheck()
    subject = Subject("car-99", "red car on the roat", "car")
    check.prepare([*others(), subject])
    (finding,) = check.find(subject)
    assert finding.suggestion == "road" and finding.evidence["confidence"] > 0.9
    assert set(finding.evidence["neighbours"]) >= {"road", "boat"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("red car moving in the load", []),  # "in the" is unlike the others: nothing speaks for a road
        ("red car moving on the toad", [("toad", "road")]),
        ("red car moping on the road", [("moping", "moving")]),
        ("red car moving own the road", [("own", "on")]),
        ("red car move on the road", [("move", "moving")]),
        ("grey car moving on the road", []),
        ("red car moving (own the road)", []),  # neighbours across a sign are none
        ("red car moving on the road", []),
    ],
)
def test_real_words(text, expected):
    assert found(RealWordCheck(), text) == expected


def test_the_datasets_own_slips_are_no_candidates():
    slips = [Subject("car-77", "red car loving on the road", "car")]
    assert found(RealWordCheck(), "red car moving on the road", among=slips) == []


def test_a_rare_word_with_two_letters_swapped():
    among = [Subject("man-1", "the soldier far from a tree", "man")]
    assert found(RealWordCheck(), "hat of a solider near me", "hat", among) == [("solider", "soldier")]
    assert found(RealWordCheck(), "hat of a solider near me", "hat") == []


def test_a_slip_is_no_suggestion():
    among = [Subject(f"man-{n}", f"solider {verb} a tree", "man") for n, verb in enumerate("behind near above".split())]
    assert found(NonWordCheck(), "two soliders near a tree", "man", among) == [("soliders", "soldiers")]


def test_words_that_stand_for_one_another():
    assert (
        alike("large", "larger") and alike("tyre", "tire") and alike("organise", "organize") and alike("fish", "fishes")
    )
    assert not alike("boeing", "being") and not alike("dog", "dogs") and not alike("by", "buy")


def test_severity_rises_with_the_score():
    assert severity(ENOUGH) == 0.7 < severity(ENOUGH + 4) < severity(ENOUGH + 40) <= 0.95


@pytest.mark.parametrize("check", [NonWordCheck(), RealWordCheck()], ids=lambda check: check.name)
@pytest.mark.parametrize("text", ["", "...", "\udce9", "1 2 3", "x " * 5000, "İİ car", "car"])
def test_odd_texts(check, text):
    check.prepare(texts_of(text, "a bus"))
    assert isinstance(check.find(texts_of(text)[0]), list)


DIVERSE = [
    "chattering loudly beneath ancient rafters", "whine of engines, cooling systems", "sipped near any warm fireplace",
    "sunning itself upon flat rocks", "tossed into some wishing well", "clatter over loose railway sleepers",
]  # fmt: skip


def test_texts_that_say_nothing_alike_tell_no_real_words():
    check = RealWordCheck()
    check.prepare([Subject(f"x-{n}", text) for n, text in enumerate(DIVERSE)])
    assert "too few or too diverse" in check.note and f"at most {STRANGE})" in check.note
    check.prepare(others())
    assert Corpus(others()).surprise < STRANGE and check.note == ""


def test_it_is_silent_there_but_for_swapped_letters(monkeypatch):
    text, among = "red car moving own the road", [Subject("car-9", "a soldier in a car", "car")]
    assert found(RealWordCheck(), text) == [("own", "on")]
    monkeypatch.setattr("chatdesc.checks.real_words.STRANGE", 0.0)
    assert found(RealWordCheck(), text) == []
    assert found(RealWordCheck(), "a solider in a car", among=among) == [("solider", "soldier")]


def test_surprise_is_that_of_the_text_by_the_others():
    corpus = Corpus(others())
    each = [corpus.read(subject).view.surprise(corpus.text(subject).words) for subject in corpus]
    assert corpus.surprise == pytest.approx(sum(each) / len(each))
    assert Corpus([]).surprise == Corpus([Subject("x-1", "")]).surprise == 0.0
