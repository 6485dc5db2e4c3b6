"""Names of sequences and files in messages and in order."""

import os

import pytest

from chatdesc.names import file_name, natural, near, some


@pytest.mark.parametrize(
    "ordered",
    [
        ["2.jpg", "10.jpg", "100.jpg"],
        ["bus-2", "bus-10", "Car-1", "car-1", "car-02"],  # case does not count before the number does
        ["a", "a1", "a1b", "a2"],
        ["frame 9.PNG", "frame 10.jpeg"],
        ["a" + "9" * 4999, "a1" + "0" * 5000, "b"],  # more digits than Python reads as a number
        ["0", "000", "01", "1", "010"],
    ],
)
def test_numbers_sort_by_value_and_letters_without_case(ordered):
    backwards = ordered[::-1]
    assert sorted(backwards, key=natural) == ordered


def test_names_that_differ_in_zeros_alone_have_one_order():
    assert sorted(["a-01", "a-1"], key=natural) == sorted(["a-1", "a-01"], key=natural) == ["a-01", "a-1"]


def test_similar_names_are_offered_in_their_own_spelling():
    assert near("AIRPLANE1", ["Airplane-1", "bus-2"]) == "; did you mean Airplane-1?"
    assert near("cat", ["bat", "cats", "car", "hat"]) == "; did you mean cats, hat or car?"
    assert near("zebra", ["bus-2"]) == near("x", []) == ""


def test_a_few_of_many():
    names = list("abcdef")
    assert some(names[:5]) == "a, b, c, d, e" and some([]) == ""
    assert some(names) == "a, b, c, d, e and 1 more"
    assert some(names, 3) == "a, b, c and 3 more"


@pytest.mark.parametrize(
    "name",
    [
        ".",
        "..",
        "a/b",
        "..\\a",
        "a\nb",
        "\0",
        "x" * 252,
        "\u732b" * 84,
        "\udce9",
        ".hidden",
        "caf\u00e9",
        "a",
    ],
)
def test_every_name_is_that_of_a_file(tmp_path, name):
    (tmp_path / file_name(name, ".txt")).write_text("x")
    assert len(os.fsencode(file_name(name, ".txt"))) <= 255
    assert file_name("caf\u00e9", ".txt") == "caf\u00e9.txt" and not file_name(name, ".txt").startswith(".")


def test_two_long_names_have_two_files():
    assert file_name("x" * 300, ".txt") != file_name("x" * 301, ".txt")
