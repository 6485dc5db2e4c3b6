"""Roots of files and zips among them: paths, members that are never read, threads and forks."""

from __future__ import annotations

import io
import os
import stat
import zipfile
from contextlib import suppress
from pathlib import Path
from random import Random

import fsspec
import pytest

from chatdesc.loaders import roots
from chatdesc.loaders.files import RemoteRoot, open_root
from chatdesc.loaders.roots import MAX_OPEN_ARCHIVES, Root, ZipRoot
from chatdesc.types import ChatdescError, DataError
from tests.makers.datasets import put


def packed(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def zip_root(files: dict[str, bytes], inner: str = "") -> ZipRoot:
    data = packed(files)
    return ZipRoot(lambda: io.BytesIO(data), "x.zip", inner)


def test_folders_of_a_zip_exist_whether_it_lists_them_or_not() -> None:
    root = zip_root({"a/b/c.txt": b"1", "empty/": b"", "top.txt": b"2"})
    assert root.entries() == {"a": True, "empty": True, "top.txt": False}
    assert root.entries("a") == {"b": True} and root.entries("a/b") == {"c.txt": False} and root.entries("empty") == {}
    assert root.read("a/b/c.txt") == b"1" and root.find("a/b/d.txt") is None
    for missing in ("c", "top.txt"):
        with pytest.raises(FileNotFoundError):
            root.entries(missing)


def test_a_listing_of_a_zip_is_the_callers_own() -> None:
    root = zip_root({"a.txt": b""})
    root.entries().clear()
    assert root.entries() == {"a.txt": False}


def test_a_folder_within_a_zip() -> None:
    root = zip_root({"data/LaSOT/a.txt": b"1", "b.txt": b"2"}, "data/LaSOT")
    assert root.entries() == {"a.txt": False} and root.read("a.txt") == b"1" and root.find("b.txt") is None
    for inner in ("data/x", "../data", "data//LaSOT"):
        with pytest.raises(ChatdescError, match="there is no folder"):
            zip_root({"data/LaSOT/a.txt": b"1"}, inner)


@pytest.mark.parametrize("name", ["../a.txt", "/a.txt", "a/../../b.txt", "C:/a.txt", "a\\b.txt", "./a.txt", "a//b.txt"])
def test_members_that_leave_the_archive_are_no_entries(name: str) -> None:
    info = zipfile.ZipInfo("x")
    info.filename = name  # as another program may write it
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(info, b"no")
        archive.writestr("good.txt", b"yes")
    root = ZipRoot(lambda: out, "x.zip")
    assert root.entries() == {"good.txt": False}
    [problem] = root.problems
    assert problem.kind == "unsafe_path" and f"member {name!r} leaves the archive" in problem.message
    with pytest.raises(DataError):
        root.read(name)


def test_links_in_an_archive_are_no_entries() -> None:
    link = zipfile.ZipInfo("link.txt")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(link, "good.txt")
    root = ZipRoot(lambda: out, "x.zip")
    assert root.entries() == {} and "is a link" in root.problems[0].message
    with pytest.raises(DataError, match="is a link"):
        root.read("link.txt")


@pytest.mark.parametrize("name", ["inner.zip", "INNER.ZIP"])
def test_a_zip_in_a_folder_and_in_a_zip_reads_like_a_folder(tmp_path: Path, name: str) -> None:
    inside = packed({"a/b.txt": b"deep"})
    put(tmp_path / name, inside)
    for root in (open_root(tmp_path), zip_root({name: inside})):
        assert root.entries(name) == {"a": True} and root.entries(f"{name}/a") == {"b.txt": False}
        assert root.read(f"{name}/a/b.txt") == b"deep" and root.find(f"{name}/a/c.txt") is None


def test_the_archive_that_was_not_used_longest_is_closed_first(tmp_path: Path) -> None:
    names = [f"{i}.zip" for i in range(MAX_OPEN_ARCHIVES + 1)]
    for name in names:
        put(tmp_path / name, packed({"a.txt": name.encode()}))
    root = open_root(tmp_path)
    for name in names[:-1]:
        root.read(f"{name}/a.txt")
    root.read("0.zip/a.txt")
    root.read(f"{names[-1]}/a.txt")
    assert list(root._archives) == [*names[2:-1], "0.zip", names[-1]]
    assert root.read("1.zip/a.txt") == b"1.zip"


def test_problems_of_an_archive_are_told_once(tmp_path: Path) -> None:
    put(tmp_path / "x.zip", packed({"../a.txt": b"", "b.txt": b""}))
    root = open_root(tmp_path)
    for _ in range(2):
        root.entries("x.zip")
        root._archives.clear()
    assert len(root.problems) == 1


def test_what_is_no_zip_or_is_damaged(tmp_path: Path) -> None:
    put(tmp_path / "x.zip", b"no zip")
    with pytest.raises(ChatdescError, match=r"x\.zip: is not a readable zip .*; download it again"):
        open_root(tmp_path).entries("x.zip")
    data = bytearray(packed({"a.txt": b"abcdef"}))
    data[data.index(b"abcdef")] ^= 1
    root = ZipRoot(lambda: io.BytesIO(bytes(data)), "x.zip")
    with pytest.raises(DataError, match=r"x\.zip/a\.txt: cannot be read .*; download the archive again"):
        root.read("a.txt")


class TestLimits:
    """What a small archive could do to the memory, and what other programs may write into one."""

    def zip_of(self, **members: bytes) -> ZipRoot:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in members.items():
                archive.writestr(name.replace("_", "."), data)
        return ZipRoot(lambda: out, "x.zip")

    def test_a_member_packed_more_tightly_than_data_are(self) -> None:
        root = self.zip_of(bomb_png=b"\0" * (roots.FREE_BYTES + 1), small_txt=b"0,0,0,0\n" * 10_000)
        with pytest.raises(DataError, match=r"x\.zip/bomb\.png: unpacks to 16 MB from 1\d kB; do not trust it"):
            root.read("bomb.png")
        assert len(root.read("small.txt")) == 80_000

    @pytest.mark.parametrize(
        ("name", "limit", "remedy"),
        [
            ("a.txt", "MAX_TEXT_BYTES", "is it the dataset's own file"),
            ("a.jpg", "MAX_IMAGE_BYTES", "is it the dataset's own file"),
            ("a.zip", "MAX_INNER_BYTES", "unpack the archive around it"),
        ],
    )
    def test_sizes(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, limit: str, remedy: str) -> None:
        monkeypatch.setattr(roots, limit, 1 << 20)
        data = os.urandom((1 << 20) + 1)
        inner = zip_root({name: data})
        places: list[Root] = [inner] if name.endswith(".zip") else [inner, open_root(put(tmp_path / name, data).parent)]
        for root in places:
            with pytest.raises(DataError, match=rf"{name}: has 1 MB, more than the 1 MB that are read; {remedy}"):
                root.read(f"{name}/x" if name.endswith(".zip") else name)

    def test_the_number_of_members(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(roots, "MAX_MEMBERS", 3)
        zip_root(dict.fromkeys("abc", b""))
        with pytest.raises(ChatdescError, match=r"x\.zip: holds 4 members, more than 3; unpack it into a folder"):
            zip_root(dict.fromkeys("abcd", b""))

    @pytest.mark.parametrize("count", [roots.MAX_DEPTH + 1, 2000, 20_000])
    def test_folders_in_folders(self, count: int) -> None:
        name = "a/" * count + "b.txt"
        root = zip_root({name: b"", "good.txt": b""})
        assert root.entries() == {"good.txt": False}
        [problem] = root.problems
        assert f"lies more than {roots.MAX_DEPTH} folders deep" in problem.message and len(problem.message) < 400
        with pytest.raises(DataError, match="folders deep"):
            root.read(name)
        assert zip_root({"a/" * roots.MAX_DEPTH + "b.txt": b""}).entries() == {"a": True}

    def test_many_unsafe_members_are_counted(self) -> None:
        root = zip_root({f"../{i}.txt": b"" for i in range(5000)})
        assert len(root.problems) == roots.MAX_PROBLEMS + 1
        assert f"{5000 - roots.MAX_PROBLEMS} more members are not read" in root.problems[-1].message

    def test_a_member_packed_with_lzma_that_is_damaged(self) -> None:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_LZMA) as archive:
            archive.writestr("a.txt", os.urandom(500))
        data = bytearray(out.getvalue())
        for start in range(30, 120, 3):
            data[start] ^= 0xFF
        root = ZipRoot(lambda: io.BytesIO(bytes(data)), "x.zip")
        with pytest.raises(DataError, match=r"x\.zip/a\.txt: cannot be read"):
            root.read("a.txt")

    def test_a_name_that_is_not_the_utf8_that_it_claims(self) -> None:
        data = packed({"caf\u00e9.txt": b""}).replace("caf\u00e9".encode(), b"caf\xe9\xe9")
        with pytest.raises(ChatdescError, match=r"x\.zip: is not a readable zip .*; download it again"):
            ZipRoot(lambda: io.BytesIO(data), "x.zip")

    @pytest.mark.parametrize("damage", ["flip", "cut", "zero"])
    def test_no_damage_raises_another_error(self, damage: str) -> None:
        whole = packed({f"{i}/a.txt": os.urandom(40) for i in range(3)})
        random = Random(7)
        for _ in range(200):
            data = bytearray(whole)
            at = random.randrange(len(data))
            if damage == "cut":
                del data[at:]
            else:
                data[at] = 0 if damage == "zero" else data[at] ^ (1 << random.randrange(8))
            with suppress(ChatdescError, FileNotFoundError):
                root = ZipRoot(lambda data=data: io.BytesIO(bytes(data)), "x.zip")  # type: ignore[misc]
                for name in ("0/a.txt", "1/a.txt", "2/a.txt"):
                    with suppress(DataError, FileNotFoundError):
                        root.read(name)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_opens_the_archive_anew() -> None:
    opened: list[int] = []
    data = packed({"a.txt": b"1"})
    root = ZipRoot(lambda: opened.append(os.getpid()) or io.BytesIO(data), "x.zip")
    root._process -= 1  # as if the parent had opened it
    assert root.read("a.txt") == root.read("a.txt") == b"1"
    assert len(opened) == 2


class TestSlashes:
    """A slash at the end of a folder's name changes nothing."""

    def test_within_a_zip(self, tmp_path: Path) -> None:
        archive = put(tmp_path / "x.zip", packed({"data/LaSOT/a/b.txt": b"1"}))
        for inner in ("data/LaSOT", "data/LaSOT/", "/data/LaSOT/"):
            root = open_root(f"zip://{inner}::{archive}")
            assert root.entries() == {"a": True} and root.read("a/b.txt") == b"1"

    @pytest.mark.parametrize("end", ["", "/", "//"])
    def test_of_a_remote_root(self, end: str) -> None:
        memory = fsspec.filesystem("memory")
        memory.pipe({"/slashes/a/b.txt": b"1", "/slashes/c.txt": b"2"})
        root = open_root(f"memory://slashes{end}")
        assert root.entries() == {"a": True, "c.txt": False} and root.entries("a") == {"b.txt": False}
        assert root.read("a/b.txt") == b"1"

    @pytest.mark.parametrize("end", ["", "/"])
    def test_of_the_path_that_a_file_system_is_given(self, end: str) -> None:
        """File systems of servers that take a path as it is: ``a//b`` is another file than ``a/b``."""
        root = RemoteRoot(Strict({"bucket/a/b.txt": b"1", "bucket/a/c/d.txt": b""}), f"bucket/a{end}", "s3://bucket/a")
        assert root.entries() == {"b.txt": False, "c": True} and root.entries("c") == {"d.txt": False}
        assert root.read("b.txt") == b"1"


class Strict:
    """A file system that knows its paths in one spelling, and lists folders with a slash at the end."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files

    def isdir(self, path: str) -> bool:
        return not path.endswith("/") and any(name.startswith(f"{path}/") for name in self.files)

    def ls(self, path: str, detail: bool) -> list[dict[str, str]]:
        assert detail and self.isdir(path), path
        inside = [name.removeprefix(f"{path}/").partition("/") for name in self.files if name.startswith(f"{path}/")]
        names = [f"{path}/", *(f"{path}/{first}{slash}" for first, slash, _ in inside)]
        return [{"name": name, "type": "directory" if name.endswith("/") else "file"} for name in names]

    def cat_file(self, path: str) -> bytes:
        return self.files[path]


def test_a_root_says_how_it_reads() -> None:
    with pytest.raises(TypeError, match=r"_entries.*_open.*_read"):
        Root("nowhere")


def test_frames_that_are_links_are_not_remembered_one_by_one(tmp_path):
    from chatdesc.loaders.files import LocalRoot

    (tmp_path / "kite" / "img").mkdir(parents=True)
    (tmp_path / "kite" / "one.jpg").write_bytes(b"frame")
    for number in range(5):
        (tmp_path / "kite" / "img" / f"{number}.jpg").symlink_to(tmp_path / "kite" / "one.jpg")
    root = LocalRoot(str(tmp_path))
    assert {root.read(f"kite/img/{number}.jpg") for number in range(5)} == {b"frame"}
    assert root._known <= {"kite", "kite/img"}
