"""The box parser: quick and careful ways give the same, and errors name their line."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatdesc.loaders import parse
from chatdesc.names import natural

NUMBERS = st.one_of(
    st.integers(0, 9999).map(str),
    st.integers(-20_000, 2_000_000).map(str),
    st.floats(-5000, 5000, allow_nan=False).map(lambda value: f"{value:.3f}"),
)
DELIMITERS = st.sampled_from([",", "\t", " ", ", ", " ,", "  ", "\t "])
ROWS = st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS), min_size=1, max_size=8)


def written(rows: list[tuple[str, ...]], delimiters: list[str], end: str, last: bool) -> bytes:
    lines = [d.join(row) for row, d in zip(rows, delimiters, strict=False)]
    return (end.join(lines) + (end if last else "")).encode()


@given(ROWS, st.lists(DELIMITERS, min_size=8, max_size=8), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_any_mix_of_delimiters_round_trips(
    rows: list[tuple[str, ...]], delimiters: list[str], end: str, last: bool
) -> None:
    data = written(rows, delimiters, end, last)
    boxes, errors = parse.parse_boxes(data)
    assert not errors
    assert np.array_equal(boxes, np.array(rows, np.float64))
    assert np.array_equal(boxes, parse.careful_boxes(data)[0])


LINES = st.one_of(
    st.text("0123456789,\t .-x#\r\x0b", max_size=24),
    st.tuples(*[st.integers(0, 99_999).map(str)] * 4).map(",".join),
)


@given(st.lists(LINES, max_size=12), st.sampled_from(["\n", "\r\n"]))
def test_the_quick_way_equals_the_careful_one_on_anything(lines: list[str], end: str) -> None:
    data = end.join(lines).encode()
    quick, careful = parse.parse_boxes(data), parse.careful_boxes(data)
    assert np.array_equal(quick[0], careful[0], equal_nan=True)
    assert quick[1] == careful[1]


@given(st.lists(st.lists(LINES, max_size=4), min_size=1, max_size=5))
def test_many_files_at_once_equal_one_by_one(files: list[list[str]]) -> None:
    data = ["\n".join(lines).encode() for lines in files]
    for (boxes, errors), alone in zip(parse.parse_many(data), map(parse.careful_boxes, data), strict=True):
        assert np.array_equal(boxes, alone[0], equal_nan=True)
        assert errors == alone[1]


def test_usual_files_take_the_quick_way(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("the careful way was taken")

    monkeypatch.setattr(parse, "_fill", never)
    usual = [b"1,22,333,4444\n0,0,0,0\n", b"5,6,7,8\n"]
    assert [boxes.tolist() for boxes, _ in parse.parse_many(usual)] == [
        [[1, 22, 333, 4444], [0, 0, 0, 0]],
        [[5, 6, 7, 8]],
    ]
    assert parse.parse_boxes(b"1\t2\t3\t4\r\n5 6 7 8")[0].tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]


def test_a_tab_separated_file_with_one_row_of_spaces() -> None:
    rows = b"\n".join(b"%d\t2\t3\t4" % i for i in range(495)) + b"\n209 268 104 93\n204\t244\t109\t91\n"
    boxes, errors = parse.parse_boxes(rows)
    assert boxes.shape == (497, 4)
    assert not errors
    assert boxes[495].tolist() == [209, 268, 104, 93]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"1,x,3,4", "'x' is not a number"),
        (b"1,2,3", "3 numbers instead of 4"),
        (b"1,2,3,4,5", "5 numbers instead of 4"),
        (b"1,,3,4", "'' is not a number"),
        (b"1,2,,3,4", "5 numbers instead of 4"),
        (b"", "0 numbers instead of 4"),
        (b"1_0,2,3,4", "'1_0' is not a number"),
        (b"\xff,2,3,4", "'\ufffd' is not a number"),
    ],
)
def test_a_bad_line_is_named_and_costs_only_itself(line: bytes, why: str) -> None:
    boxes, errors = parse.parse_boxes(b"1,2,3,4\n" * 9 + line + b"\n5,6,7,8\n")
    assert errors == [(10, why)]
    assert np.isnan(boxes[9]).all()
    assert boxes[10].tolist() == [5, 6, 7, 8]
    assert len(boxes) == 11


def test_nan_is_a_number_and_empty_lines_at_the_end_are_none() -> None:
    boxes, errors = parse.parse_boxes(b"1,2,3,4\nNaN,NaN,NaN,NaN\n\n \n")
    assert not errors
    assert len(boxes) == 2
    assert np.isnan(boxes[1]).all()
    assert parse.parse_boxes(b"")[0].shape == parse.parse_boxes(b"\n\n")[0].shape == (0, 4)
    assert parse.parse_boxes(b"\xef\xbb\xbf1,2,3,4\n")[0].tolist() == [[1, 2, 3, 4]]


@pytest.mark.parametrize("end", [b"", b"\n", b" \r\n"])
@pytest.mark.parametrize("separator", [b"\n", b",", b" ", b"\r\n", b" \n", b", "])
def test_flags_in_every_spelling(separator: bytes, end: bytes) -> None:
    assert parse.parse_flags(separator.join([b"0", b"1", b"1", b"0"]) + end).tolist() == [False, True, True, False]


def test_flags_that_are_no_single_digits() -> None:
    assert parse.parse_flags(b"0.0\n1.0e+00\n10\n").tolist() == [False, True, True]
    assert parse.parse_flags(b"").tolist() == []
    with pytest.raises(ValueError, match="2: 'a' is not a number"):
        parse.parse_flags(b"0\na\n")


def test_natural_order() -> None:
    names = ["img10.jpg", "img9.jpg", "a.jpg", "IMG2.jpg", "0100.jpg", "099.jpg"]
    assert sorted(names, key=natural) == ["099.jpg", "0100.jpg", "a.jpg", "IMG2.jpg", "img9.jpg", "img10.jpg"]


def test_the_arrays_of_a_long_file_are_kept_for_many_files_alone(monkeypatch):
    monkeypatch.setattr(parse, "_idle", [])
    long = b"1,2,3,4\n" * parse.KEPT
    boxes, errors = parse.parse_boxes(long)
    assert len(boxes) == parse.KEPT and not errors and parse._idle == []
    parse.parse_boxes(b"1,2,3,4\n")
    assert len(parse._idle) == 1
