"""Random letters and lists of words, told from names, typos and phrases; bars on published texts labelled by hand."""

from __future__ import annotations

import random

import pytest

from chatdesc.checks.base import Subject
from chatdesc.checks.gibberish import CAPITAL, LIMIT, SIGN, GibberishCheck, is_random, score
from chatdesc.checks.letters import known_words, near_a_word, wordlike
from chatdesc.checks.word_lists import WordListCheck, is_cut

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def test_the_bars_on_published_texts(benchmark_of, shared_data):
    random_letters, by_machine = benchmark_of("gibberish").table(shared_data / "published_texts")
    assert random_letters["labelled"] >= 40 and by_machine["labelled"] >= 100
    for row in (random_letters, by_machine):
        assert row["precision"] >= 0.95 and row["recall"] >= 0.9


def test_spans():
    [finding] = GibberishCheck().find(Subject("cat-1", "a cat, (qzXwvBkjt)."))
    assert finding.kind == "data" and finding.span == (7, 18)


@pytest.mark.parametrize("alphabet", [LETTERS, LETTERS + LETTERS.upper(), LETTERS + "'-`"])
def test_random_strings_are_found(alphabet):
    rng = random.Random(7)
    strings = ["".join(rng.choices(alphabet, k=10)) for _ in range(300)]
    assert sum(map(is_random, strings)) >= 0.9 * len(strings)


def test_words_names_and_typos_are_none():
    words = sorted(known_words())[::40]
    assert not any(map(is_random, words))
    assert not any(is_random(word[:3] + word[4:]) for word in words)  # one letter is missing
    names = "Schwarzenegger Szczecin McDonald's SpongeBob YouTube Volkswagen ping-pong black-and-white 1920x1080"
    assert not any(map(is_random, names.split()))
    others = "[bold]red[2Jbus (left)<->(right) www.example.com/abcxyzq hhhh kayaking jiu-jitsu café-crème"
    assert not any(map(is_random, others.split()))


@pytest.mark.parametrize("typo", ["driivng", "bottqe", "skxirt"])
def test_a_typo_is_none_however_odd_its_letters(typo):
    assert score(typo) < LIMIT and not is_random(typo)


def test_capitals_and_signs_within_count_against_a_string():
    assert score("mOnItor") == score("monitor") - 2 * CAPITAL
    assert is_random("kOLvlTWi") and not is_random("kolvltwi")
    assert is_random("ekh(alc4ta") and not is_random("ekh-alc-ta")
    assert score("mo(ni4tor") == sum(map(wordlike, ("mo", "ni", "tor"))) - 2 * SIGN
    assert score("MonItor") == score("monitor")  # Mon and Itor, written together
    assert score("MonItOr") == score("monitor") - 2 * CAPITAL


def test_known_words_look_more_like_words_than_their_letters_in_another_order():
    rng = random.Random(1)
    words = [word for word in sorted(known_words())[::80] if len(word) >= 6]
    shuffled = ["".join(rng.sample(word, len(word))) for word in words]
    better = sum(wordlike(word) > wordlike(other) for word, other in zip(words, shuffled, strict=True))
    assert better >= 0.95 * len(words)


@pytest.mark.parametrize("slip", ["bicycl", "bicyccle", "bicxcle", "ibcycle", "bicycle"])
def test_one_letter_away(slip):
    assert near_a_word(slip)


def test_two_letters_are_too_far():
    assert not near_a_word("bxcyxle")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("part,object,gray,center", True),
        ("adult,person,white black,left.", True),
        ("mouse, turn.", True),
        ("person, person", True),
        ("person, cylind breath game.", True),
        ("a cat, left of a dog", False),
        ("dog, fetching a stick", False),
        ("dog, shedding antlers", False),
        ("dog, carrying furnitu home", False),  # a phrase with a word that was cut
        ("red car, left", False),
        ("woman, long brown hair", False),
        ("red, white and blue bus", False),
        ("the red, the blue, the green", False),
        ("a bus", False),
        ("", False),
        ("black dog running fast, white cat sleeping, green bird", False),
    ],
)
def test_lists_of_words(text, expected):
    assert bool(WordListCheck().find(Subject("cat-1", text))) is expected


def test_a_cut_word_begins_another():
    assert is_cut("indentat") is False  # nothing known begins so
    assert is_cut("furnitu") and is_cut("Cylind") and not is_cut("fur") and not is_cut("furniture")
