"""Findings as one list of suspects."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chatdesc.checks.base import Subject
from chatdesc.checks.ranking import rank, suspicion
from tests.checks.makers import a_finding, texts_of


@pytest.mark.parametrize(
    ("findings", "expected"),
    [
        ([], 0.0),
        ([a_finding(severity=0.5), a_finding(severity=0.5, check="grammar", reason="so")], 0.75),
        ([a_finding(severity=0.5, span=(0, 1)), a_finding(severity=0.4, span=(2, 3))], 0.5),  # said twice
        ([a_finding(severity=0.5, span=(0, 2)), a_finding(severity=0.8, span=(0, 2))], 0.8),
        ([a_finding(severity=0.8, span=(0, 2)), a_finding(severity=0.5, span=(0, 2))], 0.8),
        ([a_finding(severity=0.5, span=(0, 2)), a_finding(severity=0.8, span=(0, 3), reason="so")], 0.9),
        ([a_finding("uninformative", 0.9), a_finding("duplicate", 0.9), a_finding(severity=0.0)], 0.0),
        ([a_finding(severity=1.0), a_finding(severity=0.1, reason="so")], 1.0),
    ],
)
def test_noisy_or(findings, expected):
    assert suspicion(findings) == pytest.approx(expected)


def test_the_most_suspicious_come_first_and_then_by_name():
    subjects = texts_of(*"abcdefghij")
    found = {
        "bus-1": [a_finding("duplicate")],
        "bus-2": [a_finding(severity=0.5), a_finding(severity=0.6, reason="so")],
        "bus-4": [a_finding(severity=0.7)],
        "bus-5": [a_finding(severity=0.8)],
    }
    ranked = rank(subjects, found)
    assert [suspect.label for suspect in ranked] == ["bus-2", "bus-5", "bus-4", "bus-1"]
    assert [finding.severity for finding in ranked[0].findings] == [0.6, 0.5]


def labelled(count, others=20, severity=0.9):
    """``count`` texts of a class with the same misspelt label, and as many others as said."""
    subjects = texts_of(
        *(f"{letter} {'sS'[i % 2]}urfbord" for i, letter in enumerate("abcdefghijkl"[:count])), category="surfboard"
    )
    subjects += [Subject(f"cat-{i}", "a cat", "cat") for i in range(others)]
    found = {s.sequence: [a_finding(severity=severity, span=(2, 10), suggestion="surfboard")] for s in subjects[:count]}
    return subjects, found


def test_a_fault_of_a_class_is_one_suspect():
    subjects, found = labelled(12)
    found["bus-3"].append(a_finding("grammar", 0.4))
    first, second = rank(subjects, found)
    assert first.label == "bus-1 and 11 more" and len(first.findings) == 1 and first.suspicion == 0.9
    assert (second.label, second.suspicion) == ("bus-3", 0.4)


def test_two_texts_are_no_class():
    assert [suspect.label for suspect in rank(*labelled(2))] == ["bus-1", "bus-2"]


def test_another_class_has_its_own():
    subjects, found = labelled(3)
    subjects += [Subject(f"dog-{i}", "a surfbord", "dog") for i in range(2)]
    found |= {f"dog-{i}": [a_finding(severity=0.9, span=(2, 10), suggestion="surfboard")] for i in range(2)}
    assert [suspect.label for suspect in rank(subjects, found)] == ["bus-1 and 2 more", "dog-0", "dog-1"]


def test_formatting_is_shared_only_where_half_of_all_texts_have_it():
    subjects = texts_of(*("a  bus" for _ in range(4)), *("a bus" for _ in range(6)))
    found = {s.sequence: [a_finding("formatting", 0.3, (1, 3), " ")] for s in subjects[:4]}
    assert len(rank(subjects, found)) == 4
    found[subjects[5].sequence] = [a_finding("formatting", 0.3, (1, 3), " ")]
    subjects[5] = subjects[0].__class__(subjects[5].sequence, "a  bus", "bus")
    assert [suspect.label for suspect in rank(subjects, found)] == ["bus-1 and 4 more"]


def test_missing_texts_of_most_sequences_are_one_suspect():
    subjects = texts_of("a bus", "", "", "")
    found = {s.sequence: [a_finding("data", 0.9)] for s in subjects[1:]}
    assert [suspect.sequences for suspect in rank(subjects, found)] == [("bus-2", "bus-3", "bus-4")]


def test_findings_that_inform_are_never_shared():
    subjects = texts_of(*("a bus" for _ in range(5)))
    assert len(rank(subjects, {s.sequence: [a_finding("duplicate")] for s in subjects})) == 5


def test_a_shared_fault_stands_with_its_most_severe_finding():
    subjects, found = labelled(3)
    for name, severity in zip(found, (0.3, 0.9, 0.5)):
        found[name] = [replace(finding, severity=severity) for finding in found[name]]
    [suspect] = rank(subjects, found)
    assert len(suspect.sequences) == 3 and suspect.suspicion == 0.9
