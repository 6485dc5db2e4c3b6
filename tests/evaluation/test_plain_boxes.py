"""Files of one kind of numbers, read by array arithmetic: the same bits as one number at a time, or left alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatdesc.evaluation import result_files
from chatdesc.evaluation.plain_boxes import looks_plain, parse_plain
from chatdesc.evaluation.result_files import parse_results


@pytest.mark.parametrize(
    ("data", "box"),
    [
        (b"1,22,333,4444\n", [1, 22, 333, 4444]),
        (b"-1,-22,-333,-9999\n", [-1, -22, -333, -9999]),
        (b"0\t0\t7\t08", [0, 0, 7, 8]),
        (b"1.5 -2.5 33.0 9999.9\n", [1.5, -2.5, 33, 9999.9]),
        (b"0.05,10.50,-0.01,1234.56\n", [0.05, 10.5, -0.01, 1234.56]),
        (b"0.005,10.505,-0.010,1234.567\n", [0.005, 10.505, -0.01, 1234.567]),
        (b"0.0005,10.5050,-0.0100,1234.5678\n", [0.0005, 10.505, -0.01, 1234.5678]),
    ],
)
def test_numbers_worked_out_by_hand(data, box):
    [boxes] = parse_plain([data])
    assert boxes.tolist() == [box]
    assert [b.tolist() for b in parse_plain([data, data, data])] == [[box]] * 3


@pytest.mark.parametrize(
    "data",
    """1,2,3|1,2,3,4,5|1,2,3,4\n\n|\n1,2,3,4|1,,3,4|1,2,3,4,|,1,2,3|1,2,3,x|1,2,3,4/|1,2,3,+4|1e2,2,3,4|nan,2,3,4
    1,2,3,12345|1.0,2,3,4|1,2,3,4.0|1.0,2.0,3.0,4.|1.0,2.0,3.0,.4|1.12345,2.12345,3.12345,4.12345|1,2\t3,4|1,2,3,4\r
    1,2,3,4-|1,2,3,-|1,-2-,3,4|1,--2,3,4|1-2,2,3,4|-0,1,2,3|1.00,2.00,-0.00,3.00|1.0.0,2.00,3.00,4.00
    1.00,2.0.,3.00,4.00|1;2;3;4|1 ,2,3,4|\ufeff1,2,3,4|1_0,2,3,4|\u0661,2,3,4|1\n2\n3\n4|1,2\n3,4|1.-0,2.00,3.00,4.00
    -,1,2,3
    1.00,-.50,2.00,3.00"""
    .replace("\n    ", "|").split("|"),
)  # fmt: skip
def test_all_else_is_left_alone(data):
    odd, plain = data.encode(), b"1.00,2.00,3.00,4.00\n" if "." in data else b"1,2,3,4\n"
    for files in ([odd], [odd, plain], [plain, odd], [plain, odd + b"\n", plain]):
        assert parse_plain(files) is None
    assert parse_plain([plain]) is not None


def test_nothing_is_left_alone():
    assert parse_plain([]) is None
    assert parse_plain([b""]) is None
    assert parse_plain([b"1,2,3,4\n", b""]) is None


def test_what_is_too_large_to_keep_room_for_is_left_alone():
    files = [b"1,2,3,4\n" * 70_000] * 2
    assert parse_plain(files[:1]) is not None and parse_plain(files) is None
    assert [one.boxes.shape for one in parse_results(files)] == [(70_000, 4)] * 2


def test_a_number_at_the_end_of_a_file_is_not_joined_with_the_next_file():
    short, whole = b"1,2,3,4\n5", b"6,7,8,9\n"
    assert parse_plain([short, whole]) is None
    assert [one.error for one in parse_results([short, whole])] == ["2: expected 4 numbers, found 1", ""]
    assert [one.tolist() for one in parse_plain([b"1,2,3,4", whole])] == [[[1, 2, 3, 4]], [[6, 7, 8, 9]]]


def test_first_lines_tell_other_kinds_of_files():
    assert looks_plain(b"1,2,3,4\n5,6,7,8\n") and looks_plain(b"1.00\t2.00\t3.00\t-4.00\n" * 50)
    assert not any(map(looks_plain, (b"", b"1,2,3,4", b"nan,2,3,4\n", b"1,2,3,4\r\n", b"1.123456,2,3,4\n", b"\xff\n")))


numbers = st.builds(
    lambda whole, part, minus: ("-" * minus + str(whole), part),
    st.integers(0, 99_999),
    st.integers(0, 10**6),
    st.booleans(),
)


@st.composite
def files(draw):
    """Files mostly of one kind, sometimes with a number, a separator or an end of another."""
    decimals, separator, end = (
        draw(st.integers(0, 5)),
        draw(st.sampled_from(",\t ;")),
        draw(st.sampled_from(["\n", "\r\n"])),
    )
    odd = draw(st.integers(0, 12))
    lines = []
    for row in range(draw(st.integers(1, 12))):
        fields = []
        for whole, part in draw(st.lists(numbers, min_size=4, max_size=4)):
            places = decimals + (odd == row)
            fields.append(whole + (f".{part:06}"[: places + 1] if places else ""))
        lines.append((", " if odd == row - 1 else separator).join(fields))
    return (end.join(lines) + draw(st.sampled_from(["", end, end + end]))).encode()


@given(st.lists(files(), min_size=1, max_size=5))
def test_every_bit_is_that_of_one_number_at_a_time(several):
    for data, quick in zip(several, parse_results(several), strict=True):
        slow = result_files._careful(data)
        assert quick.error == slow.error
        assert np.array_equal(quick.boxes, slow.boxes)
        assert np.array_equal(np.signbit(quick.boxes), np.signbit(slow.boxes))


@given(
    st.integers(0, 4), st.lists(st.integers(-99_999_999, 99_999_999).filter(bool), min_size=4, max_size=400), st.data()
)
def test_plain_numbers_are_read_at_once(decimals, values, data):
    values = [value % 10 ** (4 + decimals) or 1 for value in values[: len(values) // 4 * 4]]
    texts = [f"{'-' * data.draw(st.booleans())}{v // 10**decimals}" for v in values[:8]]
    texts += [str(v // 10**decimals) for v in values[8:]]
    texts = [t + (f".{v % 10**decimals:0{decimals}}" if decimals else "") for t, v in zip(texts, values, strict=True)]
    body = "".join(",".join(texts[i : i + 4]) + "\n" for i in range(0, len(texts), 4)).encode()
    [boxes] = parse_plain([body])
    assert boxes.ravel().tolist() == [float(t) for t in texts]


def test_published_files(shared_data):
    """KCF, SRDCF, Struck and TLD on OTB-100, and its ground truth: whole numbers, decimals, commas, tabs, NaN."""
    found = sorted((shared_data / "results_otb100").rglob("*.txt"))
    assert len(found) > 400
    data = [path.read_bytes() for path in found]
    parsed = parse_results(data)
    assert sum(one.finite for one in parsed) > 100  # by array arithmetic
    for one, text in zip(parsed[::7], data[::7], strict=True):
        slow = result_files._careful(text)
        assert one.error == slow.error and np.array_equal(one.boxes, slow.boxes, equal_nan=True)
