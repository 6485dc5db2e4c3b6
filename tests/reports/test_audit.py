"""An audit in words."""

from __future__ import annotations

from chatdesc.checks.ranking import Suspect
from chatdesc.reports.audit import counts_table, finding_line, suspect_lines
from tests.checks.makers import a_finding


def test_lines_name_words_reason_and_suggestion():
    assert (
        finding_line("a buss", a_finding(span=(2, 6), suggestion="bus"))
        == 'typo (non-word): "buss": why; rather "bus"?'
    )
    assert finding_line("a a bus", a_finding("grammar", span=(2, 4), suggestion="", check="grammar")) == (
        'grammar: "a ": why; rather without it?'
    )
    assert finding_line("a bus", a_finding("data")) == "data (non-word): why"
    assert finding_line("a why", a_finding(span=(2, 5))) == "typo (non-word): why"  # the reason names the words
    assert finding_line("a  bus", a_finding(span=(1, 3), suggestion=" ")) == "typo (non-word): why (character 2)"


def test_a_long_text_is_shown_around_its_fault():
    suspect = Suspect(("bus-1",), "x" * 1000 + " buss " + "y" * 1000, "bus", 0.5, (a_finding(span=(1001, 1005)),))
    text = " ".join(line.strip() for line in suspect_lines(1, suspect, 80))
    assert "buss" in text.partition("typo")[0] and len(text) < 400 and '..."' in text


def test_line_breaks_are_visible_and_control_characters_are_not():
    suspect = Suspect(("bus-1",), "two\nlines\x1b[2J", None, 0.5, (a_finding(),))
    assert '"two\\nlines\ufffd[2J"' in suspect_lines(1, suspect)[1]


def test_findings_that_say_nothing_of_the_text_are_not_among_the_lines():
    suspect = Suspect(("bus-1",), "a bus", None, 0.5, (a_finding(), a_finding("data", 0.0)))
    assert len(suspect_lines(1, suspect)) == 3


def test_what_is_said_again_is_one_line():
    comma = [a_finding("formatting", 0.5, (place, place + 1), ", ", "formatting") for place in (1, 3)]
    lines = suspect_lines(1, Suspect(("bus-1",), "a,b,c", None, 0.5, (*comma, a_finding())))
    assert lines[2:] == ['     formatting: ",": why; rather ", "? (2 times)', "     typo (non-word): why"]


def test_counts():
    found = {
        "bus-1": [a_finding(), a_finding(), a_finding("data", 0.0)],
        "bus-2": [a_finding(), a_finding("duplicate", 0.2, check="duplicate")],
    }
    assert [tuple(row.values()) for row in counts_table(found)] == [
        ("non-word", "typo", "yes", 3, 2),
        ("duplicate", "duplicate", "no", 1, 1),
        ("non-word", "data", "no", 1, 1),
    ]
