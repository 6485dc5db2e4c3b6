"""TNL2K: one and two levels, splits by folder and by list, odd texts and absence."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatdesc.loaders import load
from chatdesc.names import counted
from chatdesc.types import ChatdescError
from tests.makers.datasets import first_level, image, put, tnl2k

TRAIN, TEST = "TNL2K_train_subset", "TNL2K_test_subset"


def test_one_and_two_levels_and_splits_by_folder(tmp_path: Path) -> None:
    tnl2k(tmp_path, {"Cat_1": TRAIN, "test_002_Gun": TEST, "Dog_1": f"{TRAIN}/part2", "INF_train1": TEST})
    dataset = load("tnl2k", tmp_path)
    assert {s.name: s.split for s in dataset} == {
        "Cat_1": "train",
        "Dog_1": "train",
        "INF_train1": "test",
        "test_002_Gun": "test",
    }
    sequence = dataset["Dog_1"]
    assert (sequence.status, sequence.category, sequence.visible, len(sequence)) == ("ok", None, None, 3)
    assert sequence.manual_text == "text of Dog_1 "
    assert sequence.frames.paths[0] == f"{TRAIN}/part2/Dog_1/imgs/00007.png"
    assert load("tnl2k", tmp_path, split="train").names == ("Cat_1", "Dog_1")


def test_a_split_folder_as_root_and_a_flat_root_with_lists(tmp_path: Path) -> None:
    tnl2k(tmp_path, {"Cat_1": TRAIN})
    assert load("tnl2k", tmp_path / TRAIN)[0].split == "train"
    flat = tnl2k(tmp_path / "flat", {"Cat_1": "", "Dog_1": "", "Cow_1": ""})
    with pytest.raises(ChatdescError, match=r"which sequences are test; put .*TNL2K_testing_set\.txt there"):
        load("tnl2k", flat, split="test")
    put(flat / "TNL2K_train_set.txt", "Cat_1\n")
    put(flat / "TNL2K_testing_set.txt", "Dog_1\n")
    assert {s.name: s.split for s in load("tnl2k", flat)} == {"Cat_1": "train", "Cow_1": None, "Dog_1": "test"}


def test_a_sequence_of_both_lists(tmp_path: Path) -> None:
    name = "monitor_manypeople"
    flat = tnl2k(tmp_path / "flat", {name: "", "Cat_1": ""})
    for file in ("TNL2K_train_set.txt", "TNL2K_testing_set.txt"):
        put(flat / file, f"{name}\n")
    put(flat / "TNL2K_train_set.txt", f"{name}\nCat_1\n")
    assert load("tnl2k", flat)[name].split == "test"
    assert load("tnl2k", flat, split="train").names == ("Cat_1",)
    both = tnl2k(tmp_path / "both", {name: TRAIN})
    tnl2k(both, {name: TEST})
    dataset = load("tnl2k", both)
    assert dataset.names == (name,)
    assert dataset[0].split == "test"
    assert [p.kind for p in dataset.problems] == ["duplicate"]
    assert TRAIN in dataset.problems[0].message
    assert load("tnl2k", both, split="train")[0].split == "train"


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (b"", "missing_text"),
        (b" \r\n", "missing_text"),
        (b"the cat, on the left #2 ", "ok"),
        (b"the cat\n\n", "ok"),
        (b"the cat\nthe dog\n", "bad_text"),
        (b"the \xe9 cat", "bad_text"),
    ],
)
def test_texts_are_kept_byte_by_byte(tmp_path: Path, text: bytes, status: str) -> None:
    folder = tnl2k(tmp_path, {"Cat_1": TRAIN}) / TRAIN / "Cat_1"
    put(folder / "language.txt", text)
    sequence = load("tnl2k", tmp_path)[0]
    assert sequence.manual_text is not None
    assert sequence.manual_text.encode("utf-8", "surrogateescape") == text
    assert sequence.status == status
    assert sequence.usable


def test_what_is_odd_about_a_text_is_said_with_its_line(tmp_path: Path) -> None:
    folder = tnl2k(tmp_path, {"Cat_1": TRAIN}) / TRAIN / "Cat_1"
    put(folder / "language.txt", b"\nthe cat\nthe \xe9 dog")
    problems = load("tnl2k", tmp_path)[0].problems
    place = f"{TRAIN}/Cat_1/language.txt"
    assert [p.message.partition("; ")[0] for p in problems] == [
        f"{place}:3: more than one line",
        f"{place}:3: byte 0xe9 is not UTF-8",
    ]


def test_a_folder_with_a_text_and_nothing_else(tmp_path: Path) -> None:
    put(tmp_path / TRAIN / "INF_womanpink" / "language.txt", "the pedestrian")
    sequence = load("tnl2k", tmp_path)[0]
    assert sequence.boxes.shape == (0, 4)
    assert sequence.manual_text == "the pedestrian"
    assert [(p.kind, p.fatal) for p in sequence.problems] == [("missing_frames", True), ("bad_boxes", True)]
    assert "groundtruth.txt: there is no such file" in sequence.problems[1].message


def test_crlf_boxes_and_pictures_that_are_no_frames(tmp_path: Path) -> None:
    folder = tnl2k(tmp_path, {"Cat_1": TRAIN}) / TRAIN / "Cat_1"
    put(folder / "groundtruth.txt", b"1,2,3,4\r\n5,6,7,8\r\n9,10,11,12")
    image(folder / "firstFrame_bbox.jpg")
    put(folder / "imgs" / "Thumbs.db", b"x")
    put(folder / "imgs" / "._00007.png", b"x")
    sequence = load("tnl2k", tmp_path)[0]
    assert sequence.status == "ok"
    assert sequence.boxes[2].tolist() == [9, 10, 11, 12]
    assert [p.rpartition("/")[2] for p in sequence.frames.paths] == ["00007.png", "00008.png", "00009.png"]


def test_frame_names_sort_naturally_whatever_they_are(tmp_path: Path) -> None:
    folder = put(tmp_path / TRAIN / "Cat_1" / "groundtruth.txt", "1,2,3,4\n" * 4).parent
    for value, name in enumerate(["shot 9.PNG", "shot 10.jpeg", "shot 11.BMP", "shot 100.jpg"]):
        image(folder / "imgs" / name, 40 * value)
    sequence = load("tnl2k", tmp_path)[0]
    assert [round(first_level(frame) / 40) for frame in sequence.frames] == [0, 1, 2, 3]


def test_absence_coincides_with_empty_boxes(tmp_path: Path) -> None:
    folder = tnl2k(tmp_path, {"Cat_1": TEST}) / TEST / "Cat_1"
    put(folder / "groundtruth.txt", "1,2,3,4\n0,0,0,0\n1,2,3,4\n")
    assert load("tnl2k", tmp_path)[0].status == "ok"
    assert load("tnl2k", tmp_path)[0].valid().tolist() == [True, False, True]
    put(folder / "absent.toolkit.txt", "0 \n1 \n0 \n")
    sequence = load("tnl2k", tmp_path)[0]
    assert sequence.visible is not None
    assert sequence.visible.tolist() == [True, False, True]
    assert sequence.status == "ok"


@pytest.mark.parametrize(("flags", "visible"), [("0\n1\n0\n1\n", [1, 0, 1]), ("0\n", [1, 0, 1])])
def test_more_or_fewer_flags_than_boxes(tmp_path: Path, flags: str, visible: list[int]) -> None:
    folder = tnl2k(tmp_path, {"advSamp_monitor_bikeyellow": TEST}) / TEST / "advSamp_monitor_bikeyellow"
    put(folder / "groundtruth.txt", "1,2,3,4\n0,0,0,0\n1,2,3,4\n")
    put(folder / "absent.toolkit.txt", flags)
    sequence = load("tnl2k", tmp_path)[0]
    assert sequence.visible is not None
    assert sequence.visible.tolist() == visible
    assert [(p.kind, p.fatal) for p in sequence.problems] == [("bad_visible", False)]
    count = counted(flags.count("0") + flags.count("1"), "flag")
    assert f"absent.toolkit.txt: {count} for 3 boxes" in sequence.problems[0].message


def test_flags_that_cannot_be_read(tmp_path: Path) -> None:
    folder = tnl2k(tmp_path, {"Cat_1": TEST}) / TEST / "Cat_1"
    put(folder / "absent.txt", "0\nx\n0\n")
    sequence = load("tnl2k", tmp_path)[0]
    assert sequence.visible is None
    assert sequence.status == "bad_visible"
    assert f"{TEST}/Cat_1/absent.txt:2: 'x' is not a number" in sequence.problems[0].message


def test_attributes_one_per_line(tmp_path: Path) -> None:
    folder = tnl2k(tmp_path, {"Cat_1": TEST}) / TEST / "Cat_1"
    put(folder / "attributes.txt", "\r\n".join("1" + "0" * 15 + "1"))
    attributes = load("tnl2k", tmp_path)[0].attributes
    assert list(attributes) == "CM ROT DEF FOC IV OV POC VC SV BC MB ARC LR FM AS TC MS".split()
    assert [name for name, has in attributes.items() if has] == ["CM", "MS"]
