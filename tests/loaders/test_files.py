"""One fixture through every kind of root, and nothing from outside of it."""

from __future__ import annotations

import os
import stat
import struct
import subprocess
import sys
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec
import numpy as np
import pytest

from chatdesc.loaders import load
from chatdesc.loaders.files import open_root
from chatdesc.types import ChatdescError, DataError, FrameError
from tests.makers.datasets import box_lines, first_level, image, lasot, put, zipped


def in_memory(folder: Path, name: str) -> str:
    memory = fsspec.filesystem("memory")
    for path in folder.rglob("*"):
        if path.is_file():
            memory.pipe(f"/{name}/{path.relative_to(folder).as_posix()}", path.read_bytes())
    return f"memory://{name}"


def test_local_zip_and_memory_give_equal_sequences(tmp_path: Path) -> None:
    local = lasot(tmp_path / "local", {"boat-1": 3, "boat-2": 2, "tank-1": 2})
    put(local / "testing_set.txt", "boat-2\ntank-1\n")
    plain, nested = zipped(local, tmp_path / "plain.zip"), zipped(local, tmp_path / "nested.zip", "data/LaSOT/")
    memory = in_memory(local, "loaders-test")
    fsspec.filesystem("memory").pipe("/loaders-zip/x.zip", plain.read_bytes())
    roots = [str(plain), f"zip://{plain}", f"zip://data/LaSOT::{nested}", memory, f"file://{local}"]
    roots += ["memory://loaders-zip/x.zip", "zip://::memory://loaders-zip/x.zip"]
    expected = list(load("lasot", local, split="test"))
    for root in roots:
        dataset = load("lasot", root, split="test")
        assert dataset.names == ("boat-2", "tank-1")
        for one, other in zip(dataset, expected, strict=True):
            assert (one.name, one.split, one.category, one.problems) == (other.name, other.split, other.category, ())
            assert one.manual_text == other.manual_text
            assert one.frames.paths == other.frames.paths
            assert np.array_equal(one.boxes, other.boxes)
            assert np.array_equal(one.visible, other.visible)
            assert all(np.array_equal(a, b) for a, b in zip(one.frames, other.frames, strict=True))
        assert [len(a.boxes) for a in dataset.annotations()] == [2, 2]


def test_zips_in_a_folder_of_memory(tmp_path: Path) -> None:
    local = lasot(tmp_path / "local", {"boat-1": 2})
    (tmp_path / "up").mkdir()
    zipped(local, tmp_path / "up" / "boat.zip")
    sequence = load("lasot", in_memory(tmp_path / "up", "loaders-zips"))["boat-1"]
    assert sequence.status == "ok"
    assert first_level(sequence.frames[1]) == 1


def test_many_threads_read_one_zip_through_one_handle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    local = lasot(tmp_path / "local", {"boat-1": 20})
    opened: list[int] = []
    made = zipfile.ZipFile.__init__
    monkeypatch.setattr(zipfile.ZipFile, "__init__", lambda self, *a, **k: opened.append(1) or made(self, *a, **k))
    frames = load("lasot", zipped(local, tmp_path / "x.zip"))[0].frames
    opened.clear()
    with ThreadPoolExecutor(8) as pool:
        levels = list(pool.map(lambda i: first_level(frames[i % 20]), range(400)))
    assert levels == [i % 20 for i in range(400)]
    assert not opened


def test_few_archives_stay_open(tmp_path: Path) -> None:
    for letter in "abcdefghijkl":
        lasot(tmp_path / "src" / letter, {f"{letter}-1": 1})
        (tmp_path / "zips").mkdir(exist_ok=True)
        zipped(tmp_path / "src" / letter, tmp_path / "zips" / f"{letter}.zip")
    dataset = load("lasot", tmp_path / "zips")
    assert [first_level(sequence.frames[0]) for sequence in dataset] == [0] * 12
    assert len(dataset.source._archives) == 8


@pytest.mark.parametrize("path", ["../secret", "a/../../secret", "/etc/passwd", "a//b", "./a", "a\\b", "C:/x"])
def test_a_path_that_leaves_the_root_is_refused(tmp_path: Path, path: str) -> None:
    put(tmp_path / "secret", "no")
    root = open_root(lasot(tmp_path / "data", {"boat-1": 1}))
    for read in (root.read, root.entries):
        with pytest.raises(DataError, match="leaves the dataset's folder"):
            read(path)
    with pytest.raises(DataError, match="leaves the dataset's folder"):
        open_root(in_memory(tmp_path / "data", "loaders-leave")).read(path)


def test_links_that_leave_a_local_root(tmp_path: Path) -> None:
    outside = lasot(tmp_path / "outside", {"boat-1": 2})
    data = lasot(tmp_path / "data", {"tank-1": 2, "tank-2": 2, "tank-3": 2})
    (data / "boat").symlink_to(outside / "boat")
    (tmp_path / "link").symlink_to(data)
    (data / "tank" / "tank-4").symlink_to(outside / "boat" / "boat-1")
    for path in (data / "tank" / "tank-1" / "img", data / "tank" / "tank-2" / "groundtruth.txt"):
        moved = path.rename(tmp_path / f"moved-{path.parent.name}")
        path.symlink_to(moved)
    frame = data / "tank" / "tank-3" / "img" / "00000001.jpg"
    frame.unlink()
    frame.symlink_to(outside / "boat" / "boat-1" / "img" / "00000001.jpg")
    dataset = load("lasot", tmp_path / "link")
    assert dataset["boat-1"].status == "ok"  # a class folder on another disk
    assert dataset["tank-1"].status == "missing_frames"
    assert not dataset["tank-1"].usable
    assert dataset["tank-2"].status == dataset["tank-4"].status == "bad_boxes"
    assert not dataset["tank-4"].usable
    assert 'storage_options={"follow_links": True}' in dataset["tank-2"].problems[0].message
    assert "tank-2/groundtruth.txt" in dataset["tank-2"].problems[0].message
    with pytest.raises(DataError, match=r"tank-3/img/00000001\.jpg: a link leads out"):
        dataset["tank-3"].frames[0]
    trusted = load("lasot", data, storage_options={"follow_links": True})
    assert {sequence.status for sequence in trusted} == {"ok"}


def test_links_inside_the_root_are_followed(tmp_path: Path) -> None:
    data = lasot(tmp_path, {"tank-1": 2})
    (data / "tank" / "tank-2").symlink_to(data / "tank" / "tank-1")
    assert load("lasot", data)["tank-2"].status == "ok"


def test_unsafe_members_of_an_archive_are_never_read(tmp_path: Path) -> None:
    put(tmp_path / "secret.txt", box_lines(1))
    target = zipped(lasot(tmp_path / "data", {"boat-1": 1}), tmp_path / "x.zip")
    with zipfile.ZipFile(target, "a") as archive:
        for name in ("../evil-1/groundtruth.txt", "/abs/abs-1/groundtruth.txt", "boat/../../up-1/groundtruth.txt"):
            archive.writestr(name, box_lines(1))
        link = zipfile.ZipInfo("boat/boat-2/groundtruth.txt")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "../../../secret.txt")
        archive.writestr("boat/boat-2/nlp.txt", "text")
    dataset = load("lasot", target)
    assert dataset.names == ("boat-1", "boat-2")
    assert [p.kind for p in dataset.problems] == ["unsafe_path"] * 4
    assert "member '../evil-1/groundtruth.txt' leaves the archive" in dataset.problems[0].message
    assert "member 'boat/boat-2/groundtruth.txt' is a link" in dataset.problems[3].message
    assert not dataset["boat-2"].usable
    assert dataset["boat-1"].status == "ok"
    with pytest.raises(DataError, match=r"boat-2/groundtruth\.txt' is a link"):
        dataset.source.read("boat/boat-2/groundtruth.txt")


def test_a_damaged_member_is_an_error_of_that_file(tmp_path: Path) -> None:
    target = zipped(lasot(tmp_path / "data", {"boat-1": 2}), tmp_path / "x.zip")
    raw = bytearray(target.read_bytes())
    raw[raw.index(box_lines(2).encode()) + 1] ^= 1
    target.write_bytes(bytes(raw))
    sequence = load("lasot", target)[0]
    assert sequence.status == "bad_boxes"
    assert "groundtruth.txt: cannot be read" in sequence.problems[0].message


@pytest.mark.parametrize(
    "root", ["nowhere", "nowhere.zip", "zip://nowhere.zip", "memory://nowhere", "zip://a::nowhere"]
)
def test_a_missing_root(tmp_path: Path, root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ChatdescError, match=r"nowhere.*there is no such (folder|file)"):
        load("lasot", root)


def test_roots_that_are_something_else(tmp_path: Path) -> None:
    with pytest.raises(ChatdescError, match="is not a folder or a zip"):
        load("lasot", put(tmp_path / "file.txt", "x"))
    with pytest.raises(ChatdescError, match="is not a readable zip"):
        load("lasot", put(tmp_path / "x.zip", "x"))
    with pytest.raises(ChatdescError, match="no folder 'b' in the archive"):
        load("lasot", f"zip://b::{zipped(lasot(tmp_path / 'a', {'boat-1': 1}), tmp_path / 'y.zip')}")
    with pytest.raises(ChatdescError, match=r"nosuch://x: cannot be opened"):
        load("lasot", "nosuch://x")


@pytest.mark.parametrize(
    ("name", "layout"),
    [("lasot", "<class>/<class-N>/groundtruth.txt"), ("tnl2k", "<split>/<sequence>"), ("otb-lang", "OTB_query_train/")],
)
def test_a_root_without_the_layout_says_what_was_looked_for(tmp_path: Path, name: str, layout: str) -> None:
    put(tmp_path / "holiday" / "picture.jpg", "x")
    with pytest.raises(ChatdescError, match=f"holds no {name} sequence; looked for .*{layout}"):
        load(name, tmp_path)


def test_an_unknown_dataset(tmp_path: Path) -> None:
    with pytest.raises(ChatdescError, match=r"no dataset 'LaSOT' among lasot, lasot_ext.*; did you mean lasot"):
        load("LaSOT", tmp_path)


def test_importing_the_loaders_imports_nothing_heavy(tmp_path: Path) -> None:
    lasot(tmp_path, {"boat-1": 2})
    code = (
        "import sys, chatdesc.loaders as l\n"
        f"d = l.load('lasot', {str(tmp_path)!r}); d[0]; list(d.annotations())\n"
        "print(sorted({'cv2', 'torch', 'polars', 'pandas', 'datasets', 'fsspec'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_frames_are_read_only_when_asked_for(tmp_path: Path) -> None:
    data = lasot(tmp_path, {"boat-1": 2})
    put(data / "boat" / "boat-1" / "img" / "00000002.jpg", b"no picture")
    sequence = load("lasot", data)[0]
    assert sequence.status == "ok"
    assert first_level(sequence.frames[0]) == 0
    with pytest.raises(DataError, match=r"00000002\.jpg: is not a readable image"):
        sequence.frames[1]
    (data / "boat" / "boat-1" / "img" / "00000001.jpg").unlink()
    with pytest.raises(DataError, match=r"00000001\.jpg: cannot be read"):
        sequence.frames[0]


def test_frames_are_found_by_kind(tmp_path: Path) -> None:
    data = lasot(tmp_path, {"boat-1": 0})
    put(data / "boat" / "boat-1" / "groundtruth.txt", box_lines(2))
    image(data / "boat" / "boat-1" / "img" / "00000001.PNG", 1)
    image(data / "boat" / "boat-1" / "img" / "00000002.bmp", 2)
    put(data / "boat" / "boat-1" / "img" / "00000003.txt", "x")
    assert [first_level(frame) for frame in load("lasot", data)[0].frames] == [1, 2]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("name", ["nlp.txt", "groundtruth.txt", "out_of_view.txt", "img/00000001.jpg"])
def test_a_pipe_in_the_place_of_a_file_is_said_and_not_waited_for(tmp_path: Path, name: str) -> None:
    place = lasot(tmp_path, {"boat-1": 2}) / "boat" / "boat-1" / name
    place.unlink()
    os.mkfifo(place)
    sequence = load("lasot", tmp_path)[0]
    try:
        sequence.frames[0]
        said = [problem.message for problem in sequence.problems]
    except DataError as error:
        said = [str(error)]
    assert any(f"{name}: is a pipe or a device" in message or f"{name}: cannot be read" in message for message in said)


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="needs a device without an end")
def test_a_link_to_a_device_is_refused(tmp_path: Path) -> None:
    text = lasot(tmp_path, {"boat-1": 2}) / "boat" / "boat-1" / "nlp.txt"
    text.unlink()
    text.symlink_to("/dev/zero")
    sequence = load("lasot", tmp_path, storage_options={"follow_links": True})[0]
    assert sequence.manual_text is None and "is a pipe or a device" in sequence.problems[0].message


def black_png(side: int) -> bytes:
    """A black picture of ``side`` times ``side`` pixels, packed as tightly as PNG allows."""
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(side + 1)) for _ in range(side)) + packer.flush()
    parts = ((b"IHDR", header), (b"IDAT", rows), (b"IEND", b""))
    chunks = (struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize("packed", [False, True])
def test_a_small_picture_of_many_pixels_is_not_decoded(
    tmp_path: Path, packed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = lasot(tmp_path / "data", {"boat-1": 2})
    frame = data / "boat" / "boat-1" / "img" / "00000001.jpg"
    put(frame, black_png(8200))
    assert frame.stat().st_size < 100_000
    root = zipped(data, tmp_path / "x.zip") if packed else data
    monkeypatch.setattr("cv2.imdecode", lambda *_: pytest.fail("decoded"))
    with pytest.raises(FrameError, match=r"00000001\.jpg: has more than 64 million pixels and is not decoded"):
        load("lasot", root)[0].frames[0]


@pytest.mark.skipif(sys.platform == "win32", reason="needs links")
def test_a_link_to_itself_is_an_error_of_that_file(tmp_path: Path) -> None:
    lasot(tmp_path, {"bus-1": 2, "bus-2": 2})
    text = tmp_path / "bus" / "bus-2" / "nlp.txt"
    text.unlink()
    text.symlink_to(text)
    with pytest.raises(
        DataError, match=r"bus-2/nlp\.txt: a link that leads to itself; put the dataset's own file there"
    ):
        open_root(tmp_path).read("bus/bus-2/nlp.txt")
    assert open_root(tmp_path).entries("bus/bus-2")["nlp.txt"] is False
    assert load("lasot", tmp_path)["bus-1"].manual_text == "text of bus-1"


def test_a_header_that_zipfile_quotes_at_length_is_cut(tmp_path: Path) -> None:
    file = zipped(lasot(tmp_path / "data", {"bus-1": 1}), tmp_path / "a.zip")
    data = bytearray(file.read_bytes())
    name = data.find(b"bus/bus-1/nlp.txt") - 4
    data[name : name + 2] = (3000).to_bytes(2, "little")  # the length of the name, in the file's own header
    file.write_bytes(bytes(data).replace(b"text of bus-1", b"x" * 13))
    with pytest.raises(DataError, match="download the archive again") as caught:
        open_root(file).read("bus/bus-1/nlp.txt")
    assert len(str(caught.value)) < 500
