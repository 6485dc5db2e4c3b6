import gzip
import os
import sys

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chatdesc.evaluation.result_files import _careful, parse_results
from chatdesc.evaluation.results import MatchedFolder, ResultFolder, result_folders
from chatdesc.names import file_name
from chatdesc.types import ChatdescError, DataError
from tests.makers.datasets import box_lines, put, zipped

BOXES = [[10.0, 20.0, 30.0, 40.0], [11.25, -20.0, 30.0, 0.01]]


@pytest.mark.parametrize(
    "data",
    [
        b"10,20,30,40\n11.25,-20,30,0.01\n",
        b"10\t20\t30\t40\n11.25\t-20\t30\t0.01",
        b"10 20 30 40\n11.25 -20 30 1e-2\n",
        b"10;20;30;40\n11.25;-20;30;0.01\n\n",
        b"10,20,30,40\r\n11.25,-20,30,0.01\r\n",
        b"  10  20  30  40\n 11.25  -20\t30, 0.01 \n",
        b"\xef\xbb\xbf10, 20, 30, 40\n11.25, -20, 30, 0.01\n",
        b"10,20,30,40,\n11.25,-20,30,0.01,\n",
    ],
)
def test_every_way_to_write_numbers(data):
    (parsed,) = parse_results([data])
    assert (parsed.boxes.tolist(), parsed.error) == (BOXES, "")
    assert parsed.boxes.dtype == np.float64


@pytest.mark.parametrize("word", ["NaN", "nan", "NAN"])
def test_nan_in_any_case(word):
    (parsed,) = parse_results([f"10,20,30,40\n{word},{word},{word},{word}\n".encode()])
    assert np.isnan(parsed.boxes[1]).all() and parsed.boxes[0].tolist() == BOXES[0]


def test_decimals_keep_every_bit():
    (parsed,) = parse_results([b"0.1,123456.789012345,2e-5,1234567890123456\n"])
    assert parsed.boxes.tolist() == [[0.1, 123456.789012345, 2e-5, 1234567890123456.0]]


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"1,2,3,4\n1,2,3\n", "2: expected 4 numbers, found 3"),
        (b"1,2,3,4,5\n", "1: expected 4 numbers, found 5"),
        (b"1,2,3,4\n\n1,2,3,4\n", "2: expected 4 numbers, found 0"),
        (b"1,2,3,4\n1,2,x,4\n", "2: expected a number, found 'x'"),
        (b"1,2,,4\n", "1: expected a number, found ''"),
        (b"1,2,3,4-5\n", "1: expected a number, found '4-5'"),
    ],
)
def test_what_cannot_be_read_is_named(data, error):
    before, parsed, after = parse_results([b"1,2,3,4\n", data, b"5,6,7,8\n"])
    assert (parsed.error, len(parsed.boxes)) == (error, 0)
    assert (before.boxes.tolist(), after.boxes.tolist()) == ([[1, 2, 3, 4]], [[5, 6, 7, 8]])


def folder_of(tmp_path, *names):
    for name in names:
        put(tmp_path / name, box_lines(2))
    return ResultFolder(str(tmp_path))


def test_names_in_another_spelling(tmp_path):
    files = ("Biker.txt", "jogging_1.txt", "Jogging.2.txt", "CAR-1.txt", "boat_001.txt", "boat_time.txt")
    matched = folder_of(tmp_path, *files).match(["Biker", "Jogging-1", "jogging-2", "car", "boat", "gone"])
    assert {name: found.path for name, found in matched.items()} == {
        "Biker": "Biker.txt",
        "Jogging-1": "jogging_1.txt",
        "jogging-2": "Jogging.2.txt",
        "car": "CAR-1.txt",
        "boat": "boat_001.txt",
    }
    assert matched["Biker"].notes == ()
    assert matched["car"].notes == ("read from CAR-1.txt",)


def test_two_files_for_one_sequence_are_refused(tmp_path):
    matched = folder_of(tmp_path, "a-b.txt", "A_b.txt", "c.txt").match(["a.b", "c"])
    assert "A_b.txt and a-b.txt may both be a.b; remove one" in matched["a.b"].error
    assert not matched["c"].error


def test_a_spelling_that_two_sequences_share_belongs_to_neither(tmp_path):
    assert set(folder_of(tmp_path, "A-B.txt", "c.txt").match(["a_b", "a-b", "c"])) == {"c"}


def test_a_file_serves_one_sequence_and_its_ending_may_be_in_capitals(tmp_path):
    matched = folder_of(tmp_path, "x-1.txt", "B.TXT").match(["x-1", "x_1", "B"])
    assert {name: match.path for name, match in matched.items()} == {"x-1": "x-1.txt", "B": "B.TXT"}


def test_a_zip_with_what_macos_puts_beside_the_folder(tmp_path):
    put(tmp_path / "all" / "KCF" / "a.txt", box_lines(2))
    put(tmp_path / "all" / "__MACOSX" / "._KCF", "x")
    put(tmp_path / "all" / ".hidden" / "b.txt", box_lines(2))
    folder = ResultFolder(str(zipped(tmp_path / "all", tmp_path / "KCF.zip")))
    assert folder.files == ("a.txt",) and folder.match(["a"])["a"].path == "KCF/a.txt"


def test_files_are_matched_once_and_the_others_named(tmp_path):
    folder = folder_of(tmp_path, "a.txt", "A_.txt", "a_time.txt", "z.txt")
    matched = MatchedFolder.of(folder, ("a", "b"))
    assert {name: match.path for name, match in matched.files.items()} == {"a": "a.txt"}
    note = matched.about_unread(whole=True)
    assert note.startswith("2 files are no sequence of this dataset") and note.endswith(": A_.txt, z.txt")
    assert matched.about_unread(whole=False) == ""
    assert MatchedFolder.of(folder, ("b",)).about_unread(whole=True) == folder.foreign(["b"])


def test_a_folder_with_nothing_that_matches(tmp_path):
    with pytest.raises(ChatdescError, match=r"no file is a sequence.*found x\.txt and 0 more, expected Biker\.txt"):
        folder_of(tmp_path, "x.txt").match(["Biker"])
    with pytest.raises(ChatdescError, match=r"no \.txt file; it holds the folders KCF, TLD"):
        folder_of(tmp_path / "all", "KCF/a.txt", "TLD/a.txt")


def test_a_zip_and_a_name(tmp_path):
    put(tmp_path / "KCF" / "a.txt", box_lines(2))
    path = zipped(tmp_path / "KCF", tmp_path / "KCF.zip", "results/KCF/")
    folder = ResultFolder(str(path))
    assert (folder.name, folder.match(["a"])["a"].path) == ("KCF", "results/KCF/a.txt")
    assert folder.read("results/KCF/a.txt") == box_lines(2).encode()
    assert ResultFolder(f"{path}=mine").name == "mine"


@pytest.mark.skipif(sys.getfilesystemencoding() != "utf-8", reason="file names take ASCII alone in this locale")
def test_letters_whose_accents_are_apart(tmp_path):
    apart, whole = "cafe\u0301", "caf\u00e9"
    found = folder_of(tmp_path / "a", f"{apart}.txt").match([whole])[whole]
    assert (found.path, found.notes) == (f"{apart}.txt", ())
    assert set(folder_of(tmp_path / "b", f"{whole}-1.txt").match([f"{apart}_1"])) == {f"{apart}_1"}


def test_an_equals_sign_in_the_name_of_a_folder(tmp_path):
    put(tmp_path / "lab=1" / "lr=0.1" / "a.txt", box_lines(2))
    put(tmp_path / "lab=1" / "lr=0.2" / "a.txt", box_lines(2))
    place = f"{tmp_path}/lab=1/lr=0.1"
    assert [(f.path, f.name) for f in (ResultFolder(place), ResultFolder(f"{place}=b"))] == [
        (place, "lr=0.1"),
        (place, "b"),
    ]
    assert [f.name for f in result_folders([f"{tmp_path}/lab=1/*"])] == ["lr=0.1", "lr=0.2"]


def test_an_equals_sign_in_the_name_of_a_folder_elsewhere(tmp_path):
    """What was listed is a place, though it is not on the disk."""
    put(tmp_path / "in" / "lr=0.1" / "a.txt", box_lines(2))
    put(tmp_path / "in" / "lr=0.2" / "a.txt", box_lines(2))
    import fsspec

    files = fsspec.filesystem("memory")
    files.put(str(tmp_path / "in"), "/lab", recursive=True)
    assert [f.name for f in result_folders(["memory://lab/*"])] == ["lr=0.1", "lr=0.2"]
    files.rm("/lab", recursive=True)


ODD = "1 +1 1e2 .5 5. nan NaN -nan inf -Inf infinity 1_0 0x10 --1 1e 1d5 '1' null true 1f 1.2.3 1e400 00012 -0 #3 $2"


@pytest.mark.parametrize("token", ODD.split())
def test_the_quick_way_reads_nothing_that_the_careful_one_would_not(token):
    """Whichever way a file is taken, its numbers or its error are the same."""
    data = f"1,2,3,4\n5,{token},7,8\n9,10,11,12".encode()
    [alone] = parse_results([data])
    careful = _careful(data)
    assert alone.error == careful.error
    np.testing.assert_array_equal(alone.boxes, careful.boxes)
    beside = parse_results([b"1,2,3,4", data, b"5,6,7,8"])[1]
    np.testing.assert_array_equal(beside.boxes, careful.boxes)


NUMBERS = st.sampled_from(
    "1 12 1.5 -3 +3 1e3 1E-2 nan NaN NAN inf -inf Infinity .5 5. 1e400 00012 1e-400 1234567890123456789012".split()
)
ODD = st.sampled_from(
    ["", "x", "1_0", "0x10", '"1"', "'1'", "\uff11", "1.2.3", "--1", "true", "null", "#", "\0", "\x0b"]
)
SEPARATORS = st.sampled_from([",", " ", "\t", ";", ", ", " ,", ",,", "\r", "\x0b"])
ENDS = st.sampled_from(["\n", "\r\n", "\n\n", "\r", " \n", ",\n", "\x0c\n", "\x85", "\xa0\n"])
LINE = st.tuples(
    st.lists(st.tuples(NUMBERS | NUMBERS | NUMBERS | ODD, SEPARATORS), min_size=3, max_size=5), NUMBERS, ENDS
).map(lambda line: "".join(number + separator for number, separator in line[0]) + line[1] + line[2])
PLAIN = st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS).map(lambda numbers: ",".join(numbers) + "\n")
STARTS = st.sampled_from(["", "", "", "\n", " ", "\ufeff", "\ufeff\ufeff", " \ufeff", "\r\n"])
FILES = st.tuples(STARTS, st.lists(PLAIN | PLAIN | LINE, max_size=3)).map(lambda file: file[0] + "".join(file[1]))


@settings(max_examples=500)
@example(["\n1,2,3,4\n"])
@example([" \ufeff1,2,3,4"])
@example(["\ufeff\ufeff1,2,3,4"])
@example(["1,2\r,3,4\n5,6,7,8\n"])
@example(["1,2,3,4\n", "\n1,2,3,4\n", "1,2,3\n"])
@given(st.lists(FILES, min_size=1, max_size=3))
def test_what_is_read_quickly_is_what_is_read_with_care(files):
    data = [file.encode("utf-8") for file in files]
    for quick, careful in zip(parse_results(data), map(_careful, data), strict=True):
        assert quick.error == careful.error
        assert np.array_equal(quick.boxes, careful.boxes, equal_nan=True)


@pytest.mark.parametrize("name", ["x" * 252, "a/b", "\u732b" * 84, "\ud800"])
def test_the_file_of_a_name_that_no_file_can_have_is_found(tmp_path, name):
    put(tmp_path / file_name(name, ".txt"), box_lines(2))
    put(tmp_path / "bus-1.txt", box_lines(2))
    matched = ResultFolder(str(tmp_path)).match([name, "bus-1"])
    assert matched[name].path == file_name(name, ".txt") and matched["bus-1"].path == "bus-1.txt"
    assert MatchedFolder.of(ResultFolder(str(tmp_path)), [name, "bus-1"]).about_unread(True) == ""


@pytest.mark.parametrize(
    "begin", [b"\x1f\x8b\x08\x00", b"x\x9c", b"\x28\xb5\x2f\xfd", gzip.compress(b"1,2,3,4\n", mtime=0)]
)
def test_a_packed_file_is_refused_and_not_unpacked(begin):
    packed, sound = parse_results([begin + b"1,2,3,4\n", b"5,6,7,8\n"])
    assert packed.error and sound.boxes.tolist() == [[5, 6, 7, 8]]


@pytest.mark.skipif(os.name == "nt", reason="has no pipes and no such names")
@pytest.mark.parametrize("odd", ["", "back\\slash.txt", "c:name.txt"])
@pytest.mark.parametrize("inner", ["", "inner/"])
def test_files_of_every_kind_are_read_as_the_root_reads_them(inner, odd, tmp_path):
    """Paths are not looked at one by one, but no link, pipe or odd name gets by."""
    folder = tmp_path / "mine" / inner
    for name, text in {"plain": "1,2,3,4", "empty": "", "large": "1,2,3,4\n" * 200_000}.items():
        put(folder / f"{name}.txt", text)
    os.truncate(put(folder / "endless.txt", ""), 1 << 30)
    os.symlink(folder / "plain.txt", folder / "link.txt")
    os.symlink(put(tmp_path / "outside.txt", "5,6,7,8"), folder / "away.txt")
    os.mkfifo(folder / "pipe.txt")
    if odd:
        put(folder / odd, "9,9,9,9")
    results, read = ResultFolder(str(tmp_path / "mine")), set()
    for path in (inner + name for name in os.listdir(folder)):
        try:
            expected = results.root.read(path)
        except (OSError, DataError):
            expected = None
        assert results.read(path) == expected, path
        read |= {path.removeprefix(inner)} if expected is not None else set()
    followed = {"link.txt"} if inner else {"link.txt", "away.txt"}  # links at the top are trusted
    assert read - {odd} == {"plain.txt", "empty.txt", "large.txt"} | followed


def test_hundreds_of_trackers_share_what_matches(tmp_path):
    folders = [put(tmp_path / name / "a.txt", "1,2,3,4").parent for name in ("one", "two")]
    first, second = (ResultFolder(str(folder)) for folder in folders)
    assert first.files is second.files and first.match(["a"]) is second.match(["a"])
