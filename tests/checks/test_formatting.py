"""What a copy editor sees without reading: each fault with its place and what should stand there."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatdesc.checks.base import Subject
from chatdesc.checks.fix import apply
from chatdesc.checks.formatting import FormattingCheck
from tests.checks.makers import texts_of


def found(text, others=()):
    check = FormattingCheck()
    check.prepare([*texts_of(text), *texts_of(*others)])
    return check.find(Subject("bus-1", text))


FAULTS = [
    ("a  bus", ("2 spaces in a row", "a bus")),
    ("a\tbus", ("a tab within the text", "a bus")),
    (" a bus", ("a space at the beginning", "a bus")),
    ("a bus \n", ("a space at the end", "a bus\n")),
    ("a bus   ", ("3 spaces at the end", "a bus")),
    ("a bus\n\n", ("blank lines at the end", "a bus\n")),
    ("a bus\r\n\r\n", ("blank lines at the end", "a bus\r\n")),
    ("\na bus", ("blank lines at the beginning", "a bus")),
    ("a red\nbus", ("a line break within the text", "a red bus")),
    ("a red\r\nbus\r\n", ("a line break within the text", "a red bus\r\n")),
    ("a bus , red", ('a space before ","', "a bus, red")),
    ("a bus ,red", ('a space before ","', "a bus, red")),
    ("a bus .", ('a space before "."', "a bus.")),
    ("a bus,red", ('no space after ","', "a bus, red")),
    ("a bus.It is red", ('no space after "."', "a bus. It is red")),
    ("a bus..", ('".." is no punctuation', "a bus.")),
    ("a bus,, red", ('",," is no punctuation', "a bus, red")),
    ("a bus,.", ('"," is no punctuation', "a bus.")),
    ("a bus,", ('"," at the end', "a bus")),
    ("a bus -", ('"-" at the end', "a bus")),
    ("#a bus", None),
    (", a bus", ('"," at the beginning', "a bus")),
    ("a (red bus", ('"(" without its other half', None)),
    ('a "red bus', ("a quotation mark without its other half", None)),
    ("A RED DOUBLEDECKER", ("all in capitals", "A red doubledecker")),
    ("a reD bus", ("capitals at odd places", "a red bus")),
    ("THe bus", ("capitals at odd places", "The bus")),
    ("caf\udce9 bus", ("byte 0xe9 is no UTF-8", "café bus")),
    ("\udcc4\udce3 bus", ("byte 0xc4 0xe3 is no UTF-8", None)),
    ("caf\udc81 bus", ("byte 0x81 is no UTF-8", None)),
    ("cafÃ© bus", ("the encoding is damaged", "café bus")),
    ("the manâ€™s bus", ("the encoding is damaged", "the man’s bus")),
    ("a lost \ufffd bus", ("a character was lost", None)),
    ("salt &amp; pepper", ("HTML", "salt & pepper")),
    ("a&nbsp;bus", ("HTML", "a bus")),
    ("a &#0; bus", ("HTML", None)),
    ("a <b>red</b> bus", ("HTML", "a red bus")),
    ("a\u00a0bus", ("NO-BREAK SPACE", "a bus")),
    ("a\u200bbus", ("ZERO WIDTH SPACE", "abus")),
    ("a bus\x07", ("control character U+0007", "a bus")),
    ("a bus\uff0cred", ("FULLWIDTH COMMA", "a bus, red")),
    ("a b\u0443s", ("letters of two writing systems", None)),
    ("a bus \U0001f68c", ("BUS", None)),
]


@pytest.mark.parametrize(("text", "expected"), FAULTS)
def test_faults(text, expected):
    findings = found(text)
    if expected is None:
        assert not [finding for finding in findings if finding.suggestion is not None]
        return
    reason, corrected = expected
    assert reason in [finding.reason[: len(reason)] for finding in findings]
    assert all(finding.kind == "formatting" and finding.span for finding in findings)
    if corrected is None:
        assert [finding.suggestion for finding in findings] == [None]
    else:
        assert apply(text, findings)[0] == corrected


@pytest.mark.parametrize(
    "text",
    [
        "a red bus", "A red bus.\n", "a red bus\r\n", "red, blue and white bus", "a man's bus, in the 1990s",
        "3.5 m long", "a bus (red)", 'the "left" one', "a TV on an SUV", "two SUVs and an iPhone", "an E-bike",
        "Wait... a bus", "the café’s “best” naïve piñata – red", "a black-and-white dog", "50% of it; the rest: red",
        "the U.S. Army", "at 10:30 the bus comes", "mp3 player", "1,000 people", "McDonald's", "A", "  ", "",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    ],
)  # fmt: skip
def test_clean_texts(text):
    assert found(text) == []


def test_a_capital_within_the_sentence_is_odd_where_all_others_write_it_small():
    others = [f"a dog number {i}" for i in range(9)]
    [finding] = found("a black Dog runs", others)
    assert finding.suggestion == "dog" and "9 times it is 'dog'" in finding.reason
    assert found("a black Dog runs", others[:8]) == [] and found("Dog runs", others) == []
    assert found("a black Dog runs", [*others, "a big Dog"]) == []  # 9 of 11 are too few


def test_suggestions_end():
    """What the check suggests, it does not find fault with again for ever."""
    text = "\n a  bus , , reD..,  \n\n"
    for _ in range(5):
        text = apply(text, [finding for finding in found(text) if finding.suggestion is not None])[0]
    assert found(text) == [] and text == "a bus, red.\n"


@given(st.text(max_size=60))
def test_any_text_has_findings_in_order_within_it(text):
    spans = [finding.span for finding in found(text)]
    assert all(0 <= start < stop <= len(text) for start, stop in spans)
    assert all(first[1] <= second[0] for first, second in pairwise(spans))
