"""TrackingNet: parts, frames by number, a test set of first boxes, no texts; and the way through every command."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import chatdesc
from chatdesc.loaders import load
from chatdesc.synthetic import render
from chatdesc.types import ChatdescError
from tests.makers.datasets import box_lines, first_level, image, put, trackingnet, zipped


def test_parts_and_splits(tmp_path: Path) -> None:
    trackingnet(tmp_path, {"TRAIN_0/a_0": 2, "TRAIN_11/-b_1": 3, "TEST/c_0": 4, "OTHER/d_0": 2})
    dataset = load("trackingnet", tmp_path)
    assert {s.name: (s.split, s.status, len(s)) for s in dataset} == {
        "-b_1": ("train", "ok", 3),
        "a_0": ("train", "ok", 2),
        "c_0": ("test", "ok", 4),
    }
    assert load("trackingnet", tmp_path, split="train").names == ("-b_1", "a_0")
    part = load("trackingnet", tmp_path / "TRAIN_11")
    assert (part[0].split, part[0].frames.paths[0]) == ("train", "frames/-b_1/0.jpg")
    assert load("trackingnet", tmp_path / "TEST", split="test").names == ("c_0",)


def test_frames_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    sequence = load("trackingnet", trackingnet(tmp_path, {"TRAIN_0/a_0": 12}))["a_0"]
    assert [path.rpartition("/")[2] for path in sequence.frames.paths] == [f"{i}.jpg" for i in range(12)]
    assert [first_level(frame) for frame in sequence.frames] == list(range(12))
    assert sequence.boxes[:, 0].tolist() == [10.0 + i for i in range(12)]


def test_a_missing_frame_does_not_shift_the_boxes(tmp_path: Path) -> None:
    trackingnet(tmp_path, {"TRAIN_0/a_0": 12})
    (tmp_path / "TRAIN_0/frames/a_0/3.jpg").unlink()
    sequence = load("trackingnet", tmp_path)["a_0"]
    assert sequence.boxes[:, 0].tolist() == [10.0 + i for i in range(12) if i != 3]
    assert "TRAIN_0/frames/a_0: 11 images for 12 boxes" in sequence.problems[0].message


def test_of_the_test_set_only_the_first_box_is_known(tmp_path: Path) -> None:
    sequence = load("trackingnet", trackingnet(tmp_path, {"TEST/c_0": 4}))[0]
    assert sequence.boxes[0].tolist() == [10, 20, 30, 40]
    assert np.isnan(sequence.boxes[1:]).all() and sequence.problems == ()


def test_no_text_is_no_problem_and_one_that_was_written_is_read(tmp_path: Path) -> None:
    root = trackingnet(tmp_path / "tn", {"TRAIN_0/a_0": 2, "TEST/c_0": 2})
    dataset = load("trackingnet", root)
    assert [(s.manual_text, s.problems) for s in dataset] == [(None, ()), (None, ())]
    rows = [{"sequence": "a_0", "text": "a red car, far away"}]
    assert dataset.write_back(rows, tmp_path / "new").written == ("TRAIN_0/nlp/a_0.txt",)
    refined = load("trackingnet", root, texts=tmp_path / "new")
    assert [(s.manual_text, s.status) for s in refined] == [("a red car far away", "ok"), (None, "missing_text")]


@pytest.mark.parametrize(
    ("lacking", "message"),
    [
        ("TRAIN_0/anno/a_0.txt", "TRAIN_0/anno/a_0.txt: there is no such file"),
        ("TRAIN_0/frames/a_0", "TRAIN_0/frames/a_0: there are no images"),
        ("TRAIN_0/anno", "TRAIN_0/anno/a_0.txt: there is no such file"),
        ("TRAIN_0/frames", "TRAIN_0/frames/a_0: there are no images"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, lacking: str, message: str) -> None:
    trackingnet(tmp_path, {"TRAIN_0/a_0": 2})
    place = tmp_path / lacking
    shutil.rmtree(place) if place.is_dir() else place.unlink()
    sequence = load("trackingnet", tmp_path)["a_0"]
    assert any(message in problem.message for problem in sequence.problems) and not sequence.usable


def test_another_layout_is_refused(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    with pytest.raises(ChatdescError, match="holds no trackingnet sequence; looked for TRAIN_<n>/anno"):
        load("trackingnet", tmp_path)


@pytest.mark.parametrize("inside", ["", "a_0/"])
def test_videos_as_they_were_downloaded(tmp_path: Path, inside: str) -> None:
    for i in range(11):
        image(tmp_path / "frames" / f"{i}.jpg", i)
    put(tmp_path / "tn/TRAIN_0/anno/a_0.txt", box_lines(11))
    (tmp_path / "tn/TRAIN_0/zips").mkdir()
    zipped(tmp_path / "frames", tmp_path / "tn/TRAIN_0/zips/a_0.zip", inside)
    sequence = load("trackingnet", tmp_path / "tn")[0]
    assert sequence.status == "ok"
    assert [first_level(frame) for frame in sequence.frames] == list(range(11))


class TestEvaluate:
    def test_the_training_split_has_its_own_protocol(self, tmp_path: Path) -> None:
        root = trackingnet(tmp_path / "tn", {"TRAIN_0/a_0": 4, "TRAIN_1/b_0": 5, "TEST/c_0": 4})
        put(tmp_path / "mine/a_0.txt", box_lines(4))
        put(tmp_path / "mine/b_0.txt", "10,20,30,40\n" + "900,900,30,40\n" * 4)
        scored = chatdesc.evaluate("trackingnet", root, [str(tmp_path / "mine")], split="train", by="sequence")
        assert (scored.protocols, scored.notes) == (("trackingnet",), ())
        auc = {row["sequence"]: row["AUC"] for row in scored.grouped}
        assert auc["a_0"] == pytest.approx(1.0)
        assert auc["b_0"] == pytest.approx(0.2 + 0.8 / 40)  # one frame of five; a threshold of 0 is always reached

    def test_the_test_set_is_for_its_server(self, tmp_path: Path) -> None:
        root = trackingnet(tmp_path / "tn", {"TEST/c_0": 4})
        put(tmp_path / "mine/c_0.txt", box_lines(4))
        with pytest.raises(ChatdescError, match=r"c_0: only the first boxes .* `chatdesc submit`"):
            chatdesc.evaluate("trackingnet", root, [str(tmp_path / "mine")], split="test")


@pytest.fixture(scope="module")
def scenes(tmp_path_factory) -> Path:
    """Two synthetic scenes as a training and a test video."""
    place = tmp_path_factory.mktemp("scenes")
    names = render(place / "lasot", count=2, frames=6)
    for part, name in zip(("TRAIN_3", "TEST"), names, strict=True):
        source = place / "lasot" / name.rpartition("-")[0] / name
        boxes = (source / "groundtruth.txt").read_text().splitlines()
        put(place / "tn" / part / "anno" / f"{name}.txt", "\n".join(boxes[: 1 if part == "TEST" else None]))
        for number, frame in enumerate(sorted((source / "img").iterdir())):
            put(place / "tn" / part / "frames" / name / f"{number}.jpg", frame.read_bytes())
    return place / "tn"


@pytest.mark.parametrize("split", ["train", "test"])
def test_it_is_annotated_without_texts(scenes: Path, tmp_path: Path, split: str) -> None:
    done = chatdesc.annotate("trackingnet", scenes, tmp_path / "run", split=split)
    [row] = done.rows
    assert (row["status"], row["problems"], row["manual_text"], row["text_source"]) == ("ok", [], None, "refined")
    assert row["text"] and row["grounding"]["manual_iou"] is None and row["alignment"][0]["manual"] is None
    # A track cannot be scored against boxes that are not known.
    assert (row["tracking"]["auc"] is None) == (split == "test")
    if split == "test":
        with pytest.raises(ChatdescError, match=r"only the first box of .* is published"):
            chatdesc.compare(tmp_path / "run", scenes)
    shown = chatdesc.show(tmp_path / "run", row["sequence"])
    assert row["text"] in shown
    part = "TEST" if split == "test" else "TRAIN_3"
    written = chatdesc.write_back(tmp_path / "run", scenes, tmp_path / "new").written
    assert written == (f"{part}/nlp/{row['sequence']}.txt",)
    assert len(chatdesc.export(done.dataset, tmp_path / "texts", "json").written) == 1
