"""Duplicates, uninformative texts, frames that do not exist, the loader's problems, and other languages."""

from __future__ import annotations

import time

import pytest

from chatdesc.checks import create
from chatdesc.checks.base import Subject
from chatdesc.checks.data import DataCheck
from chatdesc.checks.duplicates import DuplicateCheck
from chatdesc.checks.examine import examine
from chatdesc.checks.frames import FramesCheck
from chatdesc.checks.other_languages import language, languages
from chatdesc.checks.uninformative import UninformativeCheck
from chatdesc.rows.schema import empty_row
from tests.checks.makers import texts_of


def test_duplicates_across_classes_are_worse():
    subjects = [*texts_of("a red one", "A red one.", "red one"), Subject("cat-1", "a  red one", "cat")]
    check = DuplicateCheck()
    check.prepare(subjects)
    [bus], [], [cat] = check.find(subjects[0]), check.find(subjects[2]), check.find(subjects[3])
    assert bus.evidence == {"others": ["bus-2", "cat-1"], "count": 2}
    assert bus.reason == "2 other sequences have this text: bus-2, cat-1; of another class (cat)"
    assert bus.severity > 0.2 and "of another class (bus)" in cat.reason
    check.prepare(subjects[:2])
    assert check.find(subjects[0])[0].severity == 0.2


def test_texts_without_words_are_no_duplicates():
    check = DuplicateCheck()
    check.prepare(texts_of("", "...", "!"))
    assert not any(check.find(subject) for subject in texts_of("", "...", "!"))


@pytest.mark.parametrize(
    ("text", "category", "expected"),
    [
        ("the license plate", "licenseplate", "the class, licenseplate"),
        ("Rubic cubes", "rubicCube", "the class, rubicCube"),
        ("two buses", "bus", "the class, bus"),
        ("a bus on the road", "bus", ""),
        ("person", None, '"person"'),
        ("the target object", None, '"target object"'),
        ("a dog", "wolf", '"dog"'),
        ("red dog", None, ""),
        ("N/A", None, "a placeholder"),
        ("XXXX", None, "a placeholder"),
        ("?!", None, "no letter"),
        ("this is it", None, "no more than"),
        ("a test of strength", None, ""),
        ("", "bus", ""),
    ],
)
def test_uninformative(text, category, expected):
    found = UninformativeCheck().find(Subject("a-1", text, category))
    assert expected in found[0].reason if expected else not found


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("stops in frame 301", [301]),
        ("stops in frame 300", []),
        ("hidden in frames 10-400", [400]),
        ("hidden in frames 310 to 400", [310, 400]),
        ("at Frame #5000, left", [5000]),
        ("the 900th frame", [900]),
        ("after #900", [900]),
        ("bus number 900 with a frame of steel", []),
        ("a picture frame, 900 mm wide", []),
    ],
)
def test_frames_that_do_not_exist(text, wrong):
    found = FramesCheck().find(Subject("bus-1", text, num_frames=300))
    assert [finding.evidence["frame"] for finding in found] == wrong
    assert [int(text[slice(*finding.span)]) for finding in found] == wrong
    assert FramesCheck().find(Subject("bus-1", text)) == []


def test_ranges_beyond_the_end():
    part = {"start": 200, "stop": 301, "text": "a bus"}
    row = empty_row() | {"sequence": "bus-1", "ranges": [part | {"start": 0, "stop": 200}, part]}
    [finding] = FramesCheck().find(Subject("bus-1", "a bus", num_frames=300, row=row))
    assert finding.reason == "a text is for the frames 200 to 300: the sequence has 300"


def test_long_texts():
    [much] = DataCheck().find(Subject("bus-1", "red kite " * 60))
    [endless] = DataCheck().find(Subject("bus-1", "red kite " * 1200))
    assert much.severity < endless.severity and endless.evidence == {"characters": 10_800}
    assert DataCheck().find(Subject("bus-1", "red kite " * 20)) == []


def test_what_the_loader_says_is_no_fault_of_the_text():
    found = DataCheck().find(Subject("bus-1", "a bus", status="missing_frames", problems=("img: no\nimages", "boxes")))
    assert [(f.reason, f.severity) for f in found] == [("img: no images", 0.0), ("boxes", 0.0)]
    assert found[0].evidence == {"status": "missing_frames"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("un chien noir court sur la plage", "French"),
        ("el perro negro", "Spanish"),
        ("una macchina rossa nella strada", "Italian"),
        ("een rode fiets op de weg", "Dutch"),
        ("uma gata preta na rua", "Portuguese"),
        ("czarny kot się bawi przy stole", "Polish"),
        ("en röd drake på himlen", "Swedish"),
        ("một con mèo trên bàn", "Vietnamese"),
        ("\u8d64\u3044\u51e7\u304c\u98db\u3076", "Japanese"),
        ("\ube68\uac04 \uc5f0", "Korean"),
        ("\u043a\u0440\u0430\u0441\u043d\u044b\u0439 \u0437\u043c\u0435\u0439", "in Cyrillic letters"),
        ("a red kite in the sky", None),
        ("Le Mans race car", None),
        ("De Niro's car", None),
        ("man in los angeles", None),
        ("a café on the left of La Scala", None),
        ("die cast car", None),
        ("the man in front of the Plaza de los Toros del Sol", None),
        ("", None),
        ("a kite with \u98ce\u7b5d on it", None),
    ],
)
def test_languages(text, expected):
    assert language(text) == expected


HOSTILE = (
    "", " ", "\n", "\x00", "a" * 10_000, "a b " * 2500, " " * 10_000 + "bus", "," * 10_000, "\n" * 10_000 + "bus\n",
    "<" * 5000 + "a", "&" * 10_000, "((((" * 2500, "frame " * 2000 + "9" * 50, "1" * 10_000, "\udcff" * 100,
    "\ud800 bus", "A" * 10_000, "a,b" * 3000, "'-" * 5000, "\u0301" * 1000, "\U0001f68c" * 1000, "aB" * 5000,
    ". " * 5000,
)  # fmt: skip


def test_hostile_texts_end_soon():
    """Every check, on texts that nobody would write."""
    start = time.perf_counter()
    examine([Subject(f"bus-{i}", text, "bus", 10) for i, text in enumerate(HOSTILE)], create())
    assert time.perf_counter() - start < 20


def test_a_short_text_is_in_the_language_of_most_others():
    german = ["ein Bus auf der Straße", "der Hund im Schnee", "ein Mann mit dem Ball"]
    assert languages([*german, "roter Bus", "a red bus", " "]) == ["German"] * 4 + [None, None]
    assert languages(["a bus on the road", "a man in red", german[0], "roter Bus"]) == [None, None, "German", None]
    assert languages(["red kite", "blue kite"]) == [None, None] and languages([]) == []
