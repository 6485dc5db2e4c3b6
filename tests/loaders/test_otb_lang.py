"""OTB-lang: names in every spelling, two targets, frame ranges, OTB-100 frames with OTB99 texts."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatdesc.loaders import load
from chatdesc.types import ChatdescError
from tests.makers.datasets import box_lines, first_level, image, otb, put


def two_targets(folder: Path, count: int = 2) -> None:
    put(folder / "groundtruth_rect.1.txt", "1,1,5,5\n" * count)
    put(folder / "groundtruth_rect.2.txt", "2\t2\t5\t5\n" * count)
    for i in range(count):
        image(folder / "img" / f"{i + 1:04d}.jpg", i)


def test_sentences_beside_videos(tmp_path: Path) -> None:
    dataset = load("otb-lang", otb(tmp_path, {"Man": "test", "Crossing": "train"}, {"Man": 3, "Crossing": 2}))
    assert {s.name: s.split for s in dataset} == {"Crossing": "train", "Man": "test"}
    sequence = dataset["Man"]
    assert (sequence.status, sequence.manual_text, len(sequence)) == ("ok", "text of Man\n", 3)
    assert sequence.boxes[2].tolist() == [12, 20, 30, 40]
    assert sequence.visible is None
    assert sequence.category is None
    assert load("otb-lang", tmp_path, split="train").names == ("Crossing",)
    with pytest.raises(ChatdescError, match="no split 'val'"):
        load("otb-lang", tmp_path, split="val")


@pytest.mark.parametrize("spelling", ["Jogging-{}", "Jogging_{}", "Jogging{}", "jogging.{}"])
def test_two_targets_in_one_video_whatever_the_texts_are_called(tmp_path: Path, spelling: str) -> None:
    otb(tmp_path, {spelling.format(1): "train", spelling.format(2): "test"}, {})
    two_targets(tmp_path / "OTB_videos" / "Jogging")
    dataset = load("otb-lang", tmp_path)
    assert len(dataset) == 2
    assert [dataset[f"Jogging-{t}"].boxes[0, 0] for t in (1, 2)] == [1, 2]
    assert dataset["jogging_2"].name == spelling.format(2)
    assert dataset["jogging_2"].split == "test"
    assert "JOGGING-1" in dataset
    assert dataset["Jogging1"].status == "ok"


def test_skating_and_human4_under_their_other_names(tmp_path: Path) -> None:
    otb(tmp_path, {"Skating2": "test", "Skating3": "test", "Human4": "test", "Skating1": "train"}, {"Skating1": 2})
    two_targets(tmp_path / "OTB_videos" / "Skating2")
    put(tmp_path / "OTB_videos" / "Human4" / "groundtruth_rect.2.txt", "4,4,4,4\n")
    put(tmp_path / "OTB_videos" / "Human4" / "groundtruth_rect1.txt", "")
    image(tmp_path / "OTB_videos" / "Human4" / "img" / "0001.jpg")
    dataset = load("otb-lang", tmp_path)
    assert dataset.names == ("Human4", "Skating1", "Skating2", "Skating3")
    assert dataset["Skating2-1"].name == "Skating2"
    assert dataset["Skating2-1"].boxes[0, 0] == 1
    assert dataset["Skating2-2"].name == "Skating3"
    assert dataset["Skating2-2"].boxes[0, 0] == 2
    assert dataset["Human4-2"].boxes[0, 0] == 4
    assert {s.status for s in dataset} == {"ok"}


def test_one_folder_per_target(tmp_path: Path) -> None:
    otb(tmp_path, {"Skating2-1": "test", "Skating2-2": "test", "Jogging-2": "train"}, {"Jogging_2": 3})
    otb(tmp_path, {}, {"Skating2": 4, "Skating3": 5})
    dataset = load("otb-lang", tmp_path)
    assert {s.name: (len(s), s.status) for s in dataset} == {
        "Jogging-2": (3, "ok"),
        "Skating2-1": (4, "ok"),
        "Skating2-2": (5, "ok"),
    }


def test_a_second_target_never_takes_the_first_ones_boxes(tmp_path: Path) -> None:
    otb(tmp_path, {"Jogging-2": "test"}, {"Jogging": 3})
    sequence = load("otb-lang", tmp_path)["Jogging-2"]
    assert len(sequence) == 0
    assert not sequence.usable
    assert "OTB_videos/Jogging/groundtruth_rect.2.txt: there is no such file" in sequence.problems[0].message


def test_names_match_in_any_case(tmp_path: Path) -> None:
    otb(tmp_path, {"MotorRolling": "test"}, {"motorRolling": 2})
    dataset = load("otb-lang", tmp_path)
    assert dataset.names == ("MotorRolling",)
    assert dataset[0].status == "ok"


def test_frames_of_otb100_with_texts_from_elsewhere(tmp_path: Path) -> None:
    otb(tmp_path / "otb100", {}, {"Man": 3, "Skiing": 2, "Board": 1}, inside="")
    put(tmp_path / "otb100" / "notes" / "readme.txt", "no video")
    two_targets(tmp_path / "otb100" / "Jogging")
    otb(tmp_path / "texts", {"Man": "test", "Jogging-1": "train", "Box": "test"}, {})
    dataset = load("otb-lang", tmp_path / "otb100", texts=tmp_path / "texts")
    assert {s.name: (s.split, s.status) for s in dataset} == {
        "Board": (None, "missing_text"),
        "Box": ("test", "missing_frames"),
        "Jogging-1": ("train", "ok"),
        "Jogging-2": (None, "missing_text"),
        "Man": ("test", "ok"),
        "Skiing": (None, "missing_text"),
    }
    assert dataset["Man"].manual_text == "text of Man\n"
    assert dataset["Skiing"].usable
    otb(tmp_path / "otb100", {"Man": "train"}, {})
    assert load("otb-lang", tmp_path / "otb100", split="train").names == ("Man",)


@pytest.mark.parametrize(
    ("name", "first", "last", "images"),
    [
        ("David", 300, 770, (1, 770)),
        ("BlurCar1", 247, 988, (247, 988)),
        ("BlurCar3", 3, 359, (3, 359)),
        ("BlurCar4", 18, 397, (18, 397)),
        ("Diving", 1, 215, (1, 231)),
        ("Football1", 1, 74, (1, 81)),
        ("Freeman3", 1, 460, (1, 474)),
        ("Freeman4", 1, 283, (1, 297)),
    ],
)
def test_boxes_belong_to_a_range_of_the_images(
    tmp_path: Path, name: str, first: int, last: int, images: tuple[int, int]
) -> None:
    folder = tmp_path / "OTB_videos" / name
    put(folder / "groundtruth_rect.txt", box_lines(last - first + 1))
    for number in range(images[0], images[1] + 1):
        put(folder / "img" / f"{number:04d}.jpg", "")
    sequence = load("otb-lang", tmp_path)[name]
    assert [p.kind for p in sequence.problems] == ["missing_text"]
    numbers = [int(path[-8:-4]) for path in sequence.frames.paths]
    assert numbers == list(range(first, last + 1))
    assert len(sequence) == len(numbers)


@pytest.mark.parametrize("rows", [354, 349])
def test_tiger1_counts_from_frame_6(tmp_path: Path, rows: int) -> None:
    folder = tmp_path / "OTB_videos" / "Tiger1"
    put(folder / "groundtruth_rect.txt", "".join(f"{355 - rows + i},1,9,9\n" for i in range(rows)))
    for number in range(1, 355):
        put(folder / "img" / f"{number:04d}.jpg", "")
    dataset = load("otb-lang", tmp_path)
    sequence = dataset[0]
    assert len(sequence) == 349
    assert sequence.frames.paths[0].endswith("0006.jpg")
    assert sequence.boxes[0, 0] == 6
    assert sequence.boxes[-1, 0] == 354
    assert len(next(iter(dataset.annotations())).boxes) == 349


def test_a_range_already_cut_out_and_numbered_anew(tmp_path: Path) -> None:
    folder = tmp_path / "OTB_videos" / "David"
    put(folder / "groundtruth_rect.txt", box_lines(471))
    for number in range(1, 472):
        put(folder / "img" / f"{number:04d}.jpg", "")
    sequence = load("otb-lang", tmp_path)[0]
    assert len(sequence) == 471
    assert sequence.frames.paths[0].endswith("0001.jpg")


def test_more_images_than_boxes_where_no_range_is_known(tmp_path: Path) -> None:
    otb(tmp_path, {"Man": "test"}, {"Man": 3})
    image(tmp_path / "OTB_videos" / "Man" / "img" / "0004.jpg", 3)
    sequence = load("otb-lang", tmp_path)[0]
    assert (len(sequence), len(sequence.frames), sequence.status) == (3, 3, "extra_frames")
    assert sequence.usable
    assert "4 images for 3 boxes; the last 1 image is left out" in sequence.problems[0].message


def test_five_digit_names_and_a_mix_of_delimiters(tmp_path: Path) -> None:
    folder = tmp_path / "OTB_videos" / "Board"
    put(folder / "groundtruth_rect.txt", "1\t2\t3\t4\n5 6 7 8\n9,10,11,12\r\n")
    for number in range(3):
        image(folder / "img" / f"{number + 1:05d}.jpg", number)
    sequence = load("otb-lang", tmp_path)["board"]
    assert sequence.boxes.tolist() == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]]
    assert [first_level(frame) for frame in sequence.frames] == [0, 1, 2]
