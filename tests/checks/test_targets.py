"""The target's noun against those of the class's other texts."""

from __future__ import annotations

import pytest

from chatdesc.checks.base import Subject
from chatdesc.checks.targets import TargetCheck

CLASSES = {
    "lion": ["lion in a field", "yellow lion on a tree", "gray lion walking on grass", "lion eating food"],
    "frog": ["frog in a pot", "green frog swimming in water", "frog on the ground", "small frog creeping"],
    "licenseplate": ["license plate on a car", "license plate of a jeep", "license plate on the back of a bus"],
    "basketball": ["basketball on a hand", "red basketball played by a man", "gray basketball in the air"],
    "pool": ["white ball on a table", "blue ball rolling", "red ball on the floor"],
    "person": ["man in red", "girl dancing", "boy on a stage", "man flying in the sky"],
}
TEXTS = [Subject(f"{name}-{n}", text, name) for name, texts in CLASSES.items() for n, text in enumerate(texts)]


def found(text, category="lion", texts=TEXTS):
    check = TargetCheck()
    subject = Subject(f"{category}-99", text, category)
    check.prepare([*texts, subject])
    return [(f.kind, text[slice(*f.span)], f.suggestion) for f in check.find(subject)]


@pytest.mark.parametrize(
    ("text", "category", "words"),
    [
        ("yellow climbing on the tree", "lion", "yellow climbing"),
        ("yellow eating food", "lion", "yellow"),
        ("eating little fish in water", "lion", "eating little fish"),
        ("of a lion", "lion", "of"),
        ("license on a car", "licenseplate", "license"),
        ("in red walking on the stage", "person", "in"),
    ],
)
def test_missing(text, category, words):
    ((kind, at, suggestion),) = found(text, category)
    assert kind == "wrong_target" and at.startswith(words) and suggestion is None


def test_of_another_class():
    assert found("frog in a field") == [("wrong_target", "frog", "lion")]
    assert found("green lion in a pot", "frog") == [("wrong_target", "lion", "frog")]
    assert found("man with a lion") == [("wrong_target", "man", "lion")]


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("lion in a field", "lion"),
        ("yellow lion playing with a man", "lion"),
        ("cub in a field", "lion"),  # no class's noun: a lion may be called that
        ("ball on a hand", "basketball"),  # a noun of the class pool, and part of this class's name
        ("dancer on a stage", "person"),
        ("electric fan on a desk", "electricfan"),  # no other text of its class
        ("", "lion"),
        ("...", "lion"),
    ],
)
def test_right(text, category):
    assert found(text, category) == []


def test_several_where_nearly_all_texts_name_one():
    assert found("lions in a field") == [("ambiguous", "lions", "lion")]
    assert found("group of lions in a field") == [("ambiguous", "group", None)]
    many = [Subject(f"lion-{n}", f"lions in a {place}", "lion") for n, place in enumerate("field pot sea sky".split())]
    assert found("lions in a field", texts=many) == []


def test_without_classes_only_bare_plurals_count():
    texts = [Subject(s.sequence, s.text) for s in TEXTS]
    assert found("people skiing on the snow", None, texts) == []  # also a singular: "a people"
    assert found("women on the left", None, texts) == [("ambiguous", "women", "woman")]
    for text in ("two women on the left", "group of women", "watching birds", "yellow climbing"):
        assert found(text, None, texts) == []


def test_evidence_names_the_heads():
    check = TargetCheck()
    subject = Subject("lion-99", "frog in a field", "lion")
    check.prepare([*TEXTS, subject])
    (finding,) = check.find(subject)
    assert finding.evidence == {"class": "lion", "heads": [{"noun": "lion", "texts": 4}], "class_of_noun": "frog"}
