"""Names of a source and of the sequences at hand: equal ones, spellings, near misses."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatdesc.texts.matching import form, match
from chatdesc.texts.named import NamedTexts, texts_of
from chatdesc.types import ChatdescError

names = st.lists(st.from_regex(r"[A-Za-z]{1,3}[-_]?[0-9]{0,2}", fullmatch=True), max_size=8, unique=True)


def named(*there):
    return NamedTexts("mine", "mine.json", {name: texts_of([f"text of {name}"]) for name in there})


@given(names, names)
@settings(max_examples=50)
def test_whatever_the_names(wanted, there):
    found = match(wanted, there)
    assert len(set(found.names.values())) == len(found.names)  # no text is used twice
    assert {ours for ours, theirs in found.names.items() if ours == theirs} == set(wanted) & set(there)
    assert set(found.names) | set(found.missing) == set(wanted)
    assert not set(found.names) & set(found.missing)
    assert all(form(ours) == form(theirs) for ours, theirs in found.names.items())
    assert not set(found.close.values()) & set(found.names.values())


@pytest.mark.parametrize("theirs", ["Jogging_1", "jogging-1", "Jogging1", "JOGGING 1"])
def test_spellings_of_one_name_are_matched_and_noted(theirs):
    found = named(theirs).of(["Jogging-1"])
    assert found.texts["Jogging-1"].candidates == (f"text of {theirs}",)
    assert found.notes == (f"mine: Jogging-1 is matched with {theirs} in mine",)


def test_equal_names_go_first():
    found = named("Jogging_1", "Jogging-1").of(["Jogging-1"])
    assert found.texts["Jogging-1"].candidates == ("text of Jogging-1",)
    assert found.notes == ()


@pytest.mark.parametrize(
    ("wanted", "there"),
    [
        (["Jogging-1"], ["Jogging_1", "jogging1"]),  # which of them?
        (["Fox_02", "Fox-02"], ["fox02"]),  # whose is it? TNL2K has such pairs
        (["Fox_02", "Fox-02"], ["Fox-02"]),  # the other is another sequence
        (["bus-11"], ["bus-1-1"]),
        (["bus-1"], ["bus-01"]),
    ],
)
def test_what_may_mean_another_is_not_matched(wanted, there):
    assert match(wanted, there).spelt == {}


def test_names_that_only_resemble_one_are_named():
    found = named("Human4", "bus-1", "Biker").of(["Human4-2", "bus-2", "Biker"])
    assert list(found.texts) == ["Biker"]
    assert found.notes == (
        "mine: no text for 2 sequences of 3: Human4-2, bus-2",
        "mine: Human4 in mine is close to Human4-2; rename it if the same is meant",
    )


@pytest.mark.parametrize(
    ("ours", "theirs"), [("Human4-2", "Human4"), ("Human4", "Human"), ("Human", "Human4"), ("airplan-1", "airplane-01")]
)
def test_numbers_may_be_missing_but_not_others(ours, theirs):
    assert match([ours], [theirs, "Hum5", "airplane-2"]).close == {ours: theirs}


def test_no_match_at_all_names_both_sides():
    with pytest.raises(ChatdescError) as error:
        named("Biker", "Man").of(["airplan-1", "bus-2"])
    assert "mine has texts of Biker, Man" in str(error.value)
    assert "the sequences here are airplan-1, bus-2" in str(error.value)


def test_the_order_is_that_of_the_sequences_at_hand():
    assert list(named("b-1", "a-1").of(["a-1", "b-1", "a-1"]).texts) == ["a-1", "b-1"]


def test_thousands_of_names_do_not_take_long():
    """Near misses are looked for among few names only."""
    wanted = [f"airplane-{n}" for n in range(1500)]
    assert len(match(wanted, [f"aeroplane-{n}" for n in range(1500)]).close) == 50
