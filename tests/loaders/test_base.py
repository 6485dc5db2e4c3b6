"""What all datasets share, on a dataset of this file: the choice of sequences, lookup, all boxes at once."""

from __future__ import annotations

import threading
from pathlib import Path

import fsspec
import numpy as np
import pytest

from chatdesc.loaders import load
from chatdesc.loaders.base import AHEAD, CHUNK, Dataset
from chatdesc.loaders.choose import listed, named, of_split, unique
from chatdesc.loaders.entry import Entry, Files, is_image, split_of
from chatdesc.types import ChatdescError, DataError, FrameCache
from tests.makers.datasets import box_lines, first_level, lasot, put


class Plain(Dataset):
    """``NAME/boxes.txt``; the split is the beginning of the name."""

    dataset, layout = "plain", "NAME/boxes.txt"

    def _index(self) -> list[Entry]:
        return [Entry(name, name, f"{name}/text.txt", split_of(name)) for name in self.source.entries()]

    def _files(self, entry: Entry) -> Files:
        if entry.name == "test-refused":
            raise DataError("its folder may not be read")
        return Files(f"{entry.folder}/boxes.txt", absent=(f"{entry.folder}/absent.txt",), wanted="boxes.txt")


def in_memory(name: str, files: dict[str, str]) -> str:
    fsspec.filesystem("memory").pipe({f"/{name}/{path}": text.encode() for path, text in files.items()})
    return f"memory://{name}"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, count in (("train-2", 3), ("train-10", 2), ("test-1", 1)):
        put(tmp_path / name / "boxes.txt", box_lines(count))
        put(tmp_path / name / "absent.txt", "0,1,0"[: 2 * count - 1])
    return tmp_path


def test_sequences_come_in_natural_order_whatever_was_asked_for_first(root: Path) -> None:
    assert Plain(root).names == ("test-1", "train-2", "train-10")
    assert Plain(root, split="train", sequences=["train-10", "train-2"]).names == ("train-2", "train-10")


@pytest.mark.parametrize("where", ["disk", "memory", "file"])
def test_a_split_file_on_a_disk_and_at_a_url(root: Path, tmp_path_factory: pytest.TempPathFactory, where: str) -> None:
    names = "train-10\n\ntest-1\nnot-there-1\n"
    local = put(tmp_path_factory.mktemp("lists") / "my_training.txt", names)
    path = {"disk": str(local), "file": f"file://{local}", "memory": ""}[where]
    path = path or in_memory("base-lists", {"my_training.txt": names}) + "/my_training.txt"
    dataset = Plain(root, split_file=path)
    assert dataset.names == ("test-1", "train-10") and {s.split for s in dataset} == {"train"}
    with pytest.raises(ChatdescError, match=r"gone\.txt: cannot be read"):
        Plain(root, split_file=path.replace("my_training", "gone"))


def test_a_split_file_in_the_home_folder(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(put(root.parent / "home" / "names.txt", "test-1").parent))
    assert Plain(root, split_file="~/names.txt").names == ("test-1",)


def test_a_dataset_can_be_opened_again_from_its_arguments(tmp_path: Path) -> None:
    root = lasot(tmp_path / "data", {"boat-1": 2, "boat-2": 2, "tank-1": 2})
    put(tmp_path / "texts" / "boat" / "boat-2" / "nlp.txt", "another text")
    mine = put(tmp_path / "my_test.txt", "boat-2\ntank-1\n")
    first = load("lasot", root, sequences=("boat-2",), split_file=mine, texts=tmp_path / "texts")
    again = load(first.dataset, **first.arguments)
    assert again.arguments == first.arguments and again.names == first.names == ("boat-2",)
    assert again[0].manual_text == "another text" and again[0].split == "test"


def test_frames_go_through_the_cache(tmp_path: Path) -> None:
    cache = FrameCache(4)
    dataset = load("lasot", lasot(tmp_path, {"boat-1": 2}), cache=cache)
    assert dataset.cache is cache and dataset[0].frames.cache is cache
    assert first_level(dataset[0].frames[1]) == 1


def test_numbers_names_and_membership(root: Path) -> None:
    dataset = Plain(root)
    assert dataset[-1].name == dataset[np.int64(2)].name == dataset["train-10"].name == "train-10"
    assert "train-2" in dataset and "train-3" not in dataset and 1 not in dataset
    with pytest.raises(ChatdescError, match="no sequence 'tran-2'; did you mean train-2"):
        dataset["tran-2"]
    with pytest.raises(TypeError):
        dataset[1.0]  # type: ignore[index]


def test_a_folder_that_may_not_be_read_is_a_problem_of_its_sequence(root: Path) -> None:
    put(root / "test-refused" / "boxes.txt", box_lines(2))
    sequence = Plain(root)["test-refused"]
    assert not sequence.usable and len(sequence) == 0
    assert sequence.problems[0].message == "test-refused: its folder may not be read"
    [annotation] = [a for a in Plain(root).annotations() if a.name == "test-refused"]
    assert annotation.boxes.shape == (0, 4) and annotation.visible is None


@pytest.mark.parametrize("remote", [False, True])
def test_all_boxes_at_once_as_each_sequence_has_them(root: Path, remote: bool) -> None:
    put(root / "train-2" / "boxes.txt", "1,2,3,4\nx,2,3,4\n5,6,7,8\n")
    files = {path.relative_to(root).as_posix(): path.read_text() for path in root.rglob("*.txt")}
    dataset = Plain(in_memory("base-boxes", files) if remote else root)
    assert dataset.source.remote is remote
    for annotation, sequence in zip(dataset.annotations(), dataset, strict=True):
        assert annotation.name == sequence.name and annotation.visible is not None and sequence.visible is not None
        np.testing.assert_array_equal(annotation.visible, sequence.visible)
    found = {annotation.name: annotation for annotation in dataset.annotations()}
    np.testing.assert_array_equal(found["train-2"].boxes, [[1, 2, 3, 4], [np.nan] * 4, [5, 6, 7, 8]])
    assert [p.message for p in found["train-2"].problems] == [
        "train-2/boxes.txt:2: 'x' is not a number; correct the line"
    ]
    assert found["train-10"].boxes.tolist() == [[10, 20, 30, 40], [11, 20, 30, 40]]
    assert found["train-10"].problems == ()


def test_boxes_are_read_ahead_of_the_reader_but_not_all_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = CHUNK * (AHEAD + 4)
    for i in range(many):
        put(tmp_path / f"test-{i}" / "boxes.txt", box_lines(1))
    dataset, read = Plain(tmp_path), list[str]()
    monkeypatch.setattr(dataset.source, "read", lambda path, own=dataset.source.read: read.append(path) or own(path))
    annotations = dataset.annotations()
    next(annotations)
    assert CHUNK < sum(path.endswith("boxes.txt") for path in read) <= CHUNK * AHEAD
    assert [a.name for a in annotations] == list(dataset.names)[1:]
    assert sum(path.endswith("boxes.txt") for path in read) == many


@pytest.mark.parametrize("remote", [False, True])
def test_a_server_is_read_in_threads_and_a_disk_by_the_caller(
    root: Path, monkeypatch: pytest.MonkeyPatch, remote: bool
) -> None:
    files = {path.relative_to(root).as_posix(): path.read_text() for path in root.rglob("*.txt")}
    dataset, threads = Plain(in_memory("base-threads", files) if remote else root), set[int]()
    read = dataset.source.read
    monkeypatch.setattr(dataset.source, "read", lambda path: threads.add(threading.get_ident()) or read(path))
    list(dataset.annotations())
    assert (threading.get_ident() in threads) is not remote


class TestChoice:
    ENTRIES = (Entry("a-1", "x/a-1", "", "train"), Entry("a-2", "x/a-2", "", "test"), Entry("b-1", "b-1", ""))

    def test_by_split(self) -> None:
        entries = list(self.ENTRIES)
        assert of_split(entries, None, "ROOT", ()) == entries
        assert [e.name for e in of_split(entries, "test", "ROOT", ())] == ["a-2"]
        with pytest.raises(ChatdescError, match="ROOT: holds no test sequence; it has: train"):
            of_split(entries[:1], "test", "ROOT", ())
        with pytest.raises(ChatdescError, match=r"which sequences are test; put a\.txt or b\.txt there, or give"):
            of_split(entries[2:], "test", "ROOT", ("a.txt", "b.txt"))
        with pytest.raises(ChatdescError, match="put a list of names there"):
            of_split(entries[2:], "test", "ROOT", ())

    def test_by_a_file_that_gives_the_split_by_its_name(self, tmp_path: Path) -> None:
        path = put(tmp_path / "testing_set.txt", "b-1\r\na-1\r\n")
        for split, expected in ((None, "test"), ("train", "train")):
            assert {(e.name, e.split) for e in listed(self.ENTRIES, str(path), "ROOT", split)} == {
                ("b-1", expected),
                ("a-1", expected),
            }
        with pytest.raises(ChatdescError, match="names no sequence of ROOT"):
            listed(self.ENTRIES, str(put(tmp_path / "other.txt", "c-1")), "ROOT", None)

    def test_the_first_of_a_name_stays_unless_another_is_of_the_test_split(self) -> None:
        def entry(folder: str, split: str) -> Entry:
            return Entry("a", folder, "", None if split == "none" else split)

        cases = [("train test", 1), ("test train", 0), ("test test", 0), ("none test", 1), ("none train", 0)]
        for splits, stays in cases:
            entries = [entry(str(i), split) for i, split in enumerate(splits.split())]
            by_name, problems = unique(entries, "ROOT")
            assert by_name == {"a": entries[stays]}
            assert [p.message for p in problems] == [f"ROOT/{1 - stays}: left out, as {stays} has the same name"]

    def test_by_name(self) -> None:
        by_name = {entry.name: entry for entry in self.ENTRIES}
        assert list(named(by_name, ["b-1", "a-1", "b-1"], "ROOT", ())) == ["a-1", "b-1"]
        with pytest.raises(ChatdescError, match="no sequence 'a-3' in this split; did you mean"):
            named(by_name, ["a-3"], "ROOT", {"a-3"})
        with pytest.raises(ChatdescError, match=r"no sequence 'zzz'$"):
            named(by_name, ["zzz"], "ROOT", {"a-3"})


@pytest.mark.parametrize(
    ("name", "split"),
    [("TNL2K_train_subset", "train"), ("Testing_set.txt", "test"), ("train_test", None), ("val", None), ("", None)],
)
def test_the_split_in_a_name(name: str, split: str | None) -> None:
    assert split_of(name) == split


def test_frames_by_name() -> None:
    names = ["1.jpg", "1.JPEG", "a.png", "b.BMP", "._1.jpg", ".jpg", "1.txt", "jpg", "1.gif"]
    assert [name for name in names if is_image(name)] == ["1.jpg", "1.JPEG", "a.png", "b.BMP"]
