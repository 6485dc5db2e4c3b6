"""Which arms there are, and which words each gives a sequence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatdesc.evaluation.arm_rows import ArmWords
from chatdesc.evaluation.arm_texts import OTHER_CLASS, SAME_CLASS, Donor, Wording, chosen_arms, donors_in
from chatdesc.stages.track import Phrase
from chatdesc.texts.named import NamedTexts, texts_of
from chatdesc.types import ChatdescError
from tests.makers.rows import a_row

ALL = [
    "no-text", "shuffled-other-class", "shuffled-same-class", "manual", "mine", "refined", "refined-random",
    "refined-oracle", "oracle-words",
]  # fmt: skip


def names(*arguments, **options):
    return [arm.name for arm in chosen_arms(*arguments, **options)]


def test_arms_are_chosen_by_name_and_come_in_the_order_of_the_tables():
    assert names("all", ["mine"]) == ALL
    assert names("refined, mine,no-text", ["mine"]) == ["no-text", "mine", "refined"]
    assert names("default,oracle-words") == ["no-text", "manual", *ALL[5:]]
    assert names("all", ["mine"], refined=False) == [*ALL[:5], "oracle-words"]
    assert {arm.verifier for arm in chosen_arms(None)} == {"", "random", "oracle"}


def test_what_is_no_arm_is_refused_and_a_near_miss_named():
    with pytest.raises(ChatdescError, match=r"--arms shufled-same-class: is none .*did you mean .*shuffled-same"):
        names("shufled-same-class")
    with pytest.raises(ChatdescError, match="--arms refined: a dataset has no refined text; name a run in place"):
        names("refined", ["mine"], refined=False)
    with pytest.raises(ChatdescError, match="takes no part, as --arms does not name it; add mine there"):
        names("no-text,yours", ["mine", "yours"])
    assert names("no-text,oracle-words", ["mine"]) == ["no-text", "oracle-words"]  # chosen among its texts, too
    with pytest.raises(ChatdescError, match=r"--texts refined-oracle=\.\.\.: an arm has that name"):
        names(None, ["refined-oracle"])


def donors(**classes):
    """Sequences ``a``, ``b`` ... whose texts are "text of a" and so on, by class."""
    return {name: Donor(of, (Phrase(0, f"text of {name}"),)) for of, each in classes.items() for name in each}


def shuffled(wording, name, category, kind):
    return wording.of(kind, a_row(name, "refined", category=category, ranges=[], background=["sky"]))


def test_a_shuffled_text_is_of_another_sequence_of_the_same_or_of_another_class():
    wording = Wording({}, donors(kite="abc", bus="de"))
    for name in "abc":
        same, other = (shuffled(wording, name, "kite", kind) for kind in (SAME_CLASS, OTHER_CLASS))
        assert same.text_of in set("abc") - {name} and other.text_of in set("de")
        assert same.phrases == (Phrase(0, f"text of {same.text_of}", ("sky",)),)  # the sequence's own background
    assert shuffled(Wording({}, donors(kite="a", bus="de")), "a", "kite", SAME_CLASS) is None


@given(st.sets(st.text("abcdefgh", min_size=2, max_size=3), min_size=2), st.integers(0, 3))
def test_the_choice_depends_on_the_sequence_and_its_donors_alone(others, seed):
    every = {name: Donor("kite", (Phrase(0, name),)) for name in ("a", *others)}
    chosen = shuffled(Wording({}, every, seed), "a", "kite", SAME_CLASS)
    assert shuffled(Wording({}, dict(reversed(every.items())), seed), "a", "kite", SAME_CLASS) == chosen
    fewer = {name: donor for name, donor in every.items() if name in ("a", chosen.text_of)}
    assert shuffled(Wording({}, fewer, seed), "a", "kite", SAME_CLASS) == chosen
    more = every | {"new": Donor("kite", (Phrase(0, "new"),))}
    assert shuffled(Wording({}, more, seed), "a", "kite", SAME_CLASS).text_of in (chosen.text_of, "new")


def test_the_seed_decides():
    wordings = [Wording({}, donors(kite="abcdefghij"), seed) for seed in range(8)]
    assert len({shuffled(w, "a", "kite", SAME_CLASS).text_of for w in wordings}) > 1


def test_the_same_words_are_no_other_text():
    wording = Wording({}, {name: Donor("kite", (Phrase(0, "A kite" if name == "b" else "a kite"),)) for name in "abc"})
    assert shuffled(wording, "a", "kite", SAME_CLASS) is None


def test_without_classes_any_other_sequence_is_of_another_class():
    wording = Wording({}, {name: Donor(None, (Phrase(0, name),)) for name in "ab"})
    assert shuffled(wording, "a", None, SAME_CLASS) is None
    assert shuffled(wording, "a", None, OTHER_CLASS).text_of == "b"


def mine(**texts):
    return {"mine": NamedTexts("mine", "mine.json", {name: texts_of(said) for name, said in texts.items()})}


def test_words_by_hand():
    wording = Wording(mine(a={0: "kite", 50: "kite on the left"}))
    row = a_row("a", "red kite", manual_text=" a  kite\n", ranges=[], background=["sea"])
    assert wording.of("", row).phrases == (Phrase(0, ""),)
    assert wording.of("manual", row) == ArmWords((Phrase(0, "a kite", ("sea",)),))
    assert [(p.start, p.text) for p in wording.of("mine", row).phrases] == [(0, "kite"), (50, "kite on the left")]
    assert wording.of("refined", row).phrases == (Phrase(0, "red kite", ("sea",)),)
    other = a_row("b", None, manual_text=" ", ranges=[])
    assert [wording.of(words, other) for words in ("manual", "mine", "refined")] == [None] * 3


def test_candidates_of_oracle_words_come_once_with_where_they_are_from():
    wording = Wording(mine(a=["kite", "a kite", "small kite"]))
    tried = {"start": 0, "text": "kite in the sky", "source": "describer", "positive": []}
    rounds = [tried, tried | {"text": "red kite"}, tried | {"text": "a later range", "start": 50}]
    row = a_row("a", "red kite", manual_text="a kite", ranges=[], background=[], rounds=rounds)
    found = {text[0].text: source for text, source in wording.candidates(row).items()}
    assert found == {
        "a kite": "manual", "kite": "mine", "red kite": "refined", "small kite": "mine",
        "kite in the sky": "round (describer)",
    }  # fmt: skip


def test_donors_are_the_sequences_with_a_text():
    rows = [
        a_row("a", manual_text="a kite", category="kite"),
        a_row("b", manual_text=None),
        a_row("c", manual_text=" "),
    ]
    assert donors_in(rows, Wording(), "manual") == {"a": Donor("kite", (Phrase(0, "a kite"),))}
    assert list(donors_in(rows, Wording(mine(b="x")), "mine")) == ["b"]
