"""Files that are complete or absent: whatever fails, whoever else writes, whenever the process is killed."""

import errno
import itertools
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from chatdesc.atomic import (
    aside,
    is_temporary,
    keep_original,
    make_folder,
    refuse_links_out,
    remove_leftovers,
    swap_in,
    write_atomic,
)
from chatdesc.types import ChatdescError

NOBODY = 2**22 + 1  # above the largest process number of Linux


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_that_takes_no_file_is_refused_before_any_work(tmp_path, monkeypatch):
    """As a folder of somebody else's is; who may write anywhere (root) would not see it."""

    def refused(**where):
        raise PermissionError(errno.EACCES, "Permission denied", str(where["dir"]))

    monkeypatch.setattr(tempfile, "TemporaryFile", refused)
    with pytest.raises(PermissionError, match="Permission denied"):  # a fault of the machine: exit code 3
        make_folder(tmp_path / "scores")


def test_a_place_that_is_no_folder_is_wrong_usage(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ChatdescError, match=r"cannot be written .*; choose another folder with --out"):
        make_folder(tmp_path / "file" / "scores")


def test_the_original_of_an_empty_file_stays_when_its_text_changes_twice(tmp_path):
    """TNL2K has empty texts; an empty copy would be taken for what a full disk left."""
    file = tmp_path / "language.txt"
    file.touch()
    assert keep_original(file)
    for text in ("machine one", "machine two"):
        write_atomic(file, text)
        assert not keep_original(file)
    assert (tmp_path / "language.txt.orig").read_text().strip() == ""


def test_text_and_bytes_in_folders_that_are_made(tmp_path):
    write_atomic(tmp_path / "a/b/c.txt", "rot \u00e9 \udcff")
    assert (tmp_path / "a/b/c.txt").read_bytes() == b"rot \xc3\xa9 \xff"
    write_atomic(tmp_path / "a/b/c.txt", b"\r\n\xff")
    assert (tmp_path / "a/b/c.txt").read_bytes() == b"\r\n\xff"
    assert names(tmp_path / "a/b") == ["c.txt"]


def test_a_name_as_long_as_the_system_allows(tmp_path):
    write_atomic(tmp_path / ("x" * 255), "text")
    assert names(tmp_path) == ["x" * 255]


def test_the_mode_of_a_file_stays(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("old")
    file.chmod(0o640)
    write_atomic(file, "new")
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("new", 0o640)


def test_a_link_is_replaced_and_not_followed(tmp_path):
    (tmp_path / "original").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "original")
    write_atomic(tmp_path / "link", "new")
    assert (tmp_path / "original").read_text() == "old"
    assert (tmp_path / "link").read_text() == "new" and not (tmp_path / "link").is_symlink()


@pytest.mark.parametrize("broken", ["replace", "fsync"])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, broken):
    write_atomic(tmp_path / "a.txt", "old")

    def full(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, broken, full)
    with pytest.raises(OSError, match="disk full"):
        write_atomic(tmp_path / "a.txt", "a longer new text")
    assert names(tmp_path) == ["a.txt"] and (tmp_path / "a.txt").read_text() == "old"


def test_the_content_is_on_disk_before_the_name_is(tmp_path, monkeypatch):
    steps = []
    sync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda file: steps.append(("sync", os.fstat(file).st_size)) or sync(file))
    monkeypatch.setattr(os, "replace", lambda a, b: steps.append(("replace", b.name)) or replace(a, b))
    write_atomic(tmp_path / "a.txt", "four")
    assert steps == [("sync", 4), ("replace", "a.txt")]


def test_writers_at_the_same_time_do_not_disturb_one_another(tmp_path):
    texts = [str(i) * 200_000 for i in range(8)]
    with ThreadPoolExecutor(8) as pool:
        for _ in pool.map(lambda text: write_atomic(tmp_path / "a.txt", text), texts * 4):
            assert (tmp_path / "a.txt").read_text() in texts
    assert names(tmp_path) == ["a.txt"]


WRITE = """
import sys, itertools, pathlib
from chatdesc.atomic import write_atomic
for k in itertools.count():
    write_atomic(pathlib.Path(sys.argv[1]), f"{k % 10}" * 3_000_000)
    print(k, flush=True)
"""


def test_killed_at_any_moment_the_file_is_whole_and_what_is_left_goes(tmp_path):
    file = tmp_path / "a.txt"
    for wait in (0.001, 0.004, 0.009, 0.017):
        with subprocess.Popen([sys.executable, "-c", WRITE, str(file)], stdout=subprocess.PIPE) as process:
            assert process.stdout.readline() == b"0\n"
            time.sleep(wait)
            process.send_signal(signal.SIGKILL)
        assert len(file.read_text()) == 3_000_000 and len(set(file.read_text())) == 1
        assert all(is_temporary(path) for path in tmp_path.iterdir() if path != file)
        remove_leftovers([tmp_path])
        assert names(tmp_path) == ["a.txt"]


def test_only_what_killed_writers_of_this_machine_left_is_removed(tmp_path):
    here = platform.node()
    left, mine, elsewhere = f".{here}-{NOBODY}-1.tmp", f".{here}-{os.getpid()}-1.tmp", f".not-{here}-{NOBODY}-1.tmp"
    for name in (left, mine, elsewhere, "notes.tmp", ".vim.tmp", "a.txt"):
        (tmp_path / name).touch()
    remove_leftovers([tmp_path, tmp_path / "missing"])
    assert names(tmp_path) == sorted([mine, elsewhere, "notes.tmp", ".vim.tmp", "a.txt"])
    assert [is_temporary(tmp_path / name) for name in (left, mine, "notes.tmp", ".vim.tmp")] == [
        True,
        True,
        False,
        False,
    ]


def test_the_first_original_is_kept_for_ever(tmp_path):
    file = tmp_path / "nlp.txt"
    assert not keep_original(file)
    file.write_bytes(b"first\r\n\xff")
    assert keep_original(file)
    file.write_text("second")
    assert not keep_original(file)
    assert (tmp_path / "nlp.txt.orig").read_bytes() == b"first\r\n\xff" and file.read_text() == "second"


def test_an_original_that_a_full_disk_left_empty_is_made_anew(tmp_path):
    file, beside = tmp_path / "nlp.txt", tmp_path / "nlp.txt.orig"
    file.write_text("a red kite")
    beside.touch()
    assert keep_original(file) and beside.read_text() == "a red kite"
    file.write_text("")
    assert not keep_original(file) and beside.read_text() == "a red kite"


def test_the_empty_original_of_an_empty_text_is_kept_once(tmp_path):
    (tmp_path / "nlp.txt").touch()
    assert keep_original(tmp_path / "nlp.txt") and not keep_original(tmp_path / "nlp.txt")


@pytest.mark.parametrize("target", ["nowhere", "nlp.txt", "other", os.devnull])
def test_an_original_that_is_a_link_is_refused(tmp_path, target):
    file, beside = tmp_path / "nlp.txt", tmp_path / "nlp.txt.orig"
    file.write_text("a red kite")
    (tmp_path / "other").write_text("an older text")
    beside.symlink_to(target)
    with pytest.raises(ChatdescError, match=r"nlp\.txt\.orig: is a link, so the original .* move it away"):
        keep_original(file)
    assert names(tmp_path) == ["nlp.txt", "nlp.txt.orig", "other"] and os.readlink(beside) == target


def test_a_folder_in_the_place_of_a_text_or_its_original_is_refused(tmp_path):
    (tmp_path / "nlp.txt.orig").mkdir()
    with pytest.raises(ChatdescError, match=r"nlp\.txt\.orig: is no file"):
        keep_original(tmp_path / "nlp.txt")
    with pytest.raises(ChatdescError, match=r"nlp\.txt\.orig: is no file, so nothing is written"):
        keep_original(tmp_path / "nlp.txt.orig")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_in_the_place_of_a_text_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "nlp.txt")
    with pytest.raises(ChatdescError, match=r"nlp\.txt: is no file"):
        keep_original(tmp_path / "nlp.txt")


def test_a_link_in_the_place_of_the_temporary_file_is_not_followed(tmp_path, monkeypatch):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    monkeypatch.setattr("chatdesc.atomic._numbers", itertools.count(7))
    planted = tmp_path / f".{platform.node()}-{os.getpid()}-7.tmp"
    planted.symlink_to(victim)
    write_atomic(tmp_path / "a.txt", "new")
    assert victim.read_text() == "precious" and names(tmp_path) == ["a.txt", "victim"]
    assert not (tmp_path / "a.txt").is_symlink()


def test_a_link_out_of_a_folder_is_refused_and_one_within_it_is_not(tmp_path):
    to = tmp_path / "to"
    (to / "real").mkdir(parents=True)
    (to / "inside").symlink_to(to / "real")
    (to / "out").symlink_to(tmp_path)
    for path in ("new/nlp.txt", "inside/nlp.txt", "real/nlp.txt", "nlp.txt"):
        refuse_links_out(to, path)
    for path in ("out/nlp.txt", "out/new/nlp.txt", "inside/../../x.txt"):
        with pytest.raises(ChatdescError, match="a link leads out of"):
            refuse_links_out(to, path)


def failing(monkeypatch, *codes):
    """Let the next renames fail with these error codes, one each; the tries that were made."""
    left, tries, real = list(codes), [], os.replace

    def replace(source, target):
        tries.append(target)
        if left:
            raise OSError(left.pop(0), "made up", str(source))
        real(source, target)

    monkeypatch.setattr("chatdesc.atomic.os.replace", replace)
    monkeypatch.setattr("chatdesc.atomic.WAITS", (0.0, 0.0))
    return tries


def test_a_rename_that_fails_for_a_moment_is_tried_again(tmp_path, monkeypatch):
    tries = failing(monkeypatch, errno.EIO, errno.EBUSY)
    write_atomic(tmp_path / "a", "x")
    assert ((tmp_path / "a").read_text(), len(tries)) == ("x", 3)


@pytest.mark.parametrize(("codes", "count"), [((errno.EIO,) * 3, 3), ((errno.EACCES,), 1)])
def test_a_rename_that_keeps_failing_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, codes, count):
    (tmp_path / "a").write_text("old")
    tries = failing(monkeypatch, *codes)
    with pytest.raises(OSError, match="made up"):
        write_atomic(tmp_path / "a", "new")
    assert ([path.name for path in tmp_path.iterdir()], (tmp_path / "a").read_text()) == (["a"], "old")
    assert len(tries) == count


@pytest.mark.parametrize("fails", [1, 2])
def test_a_folder_that_cannot_be_swapped_in_leaves_the_old_one(tmp_path, monkeypatch, fails):
    out = tmp_path / "dataset"
    for folder, text in ((out, "old"), (aside(out, "new"), "new")):
        folder.mkdir()
        (folder / "a").write_text(text)
    real, calls = os.replace, []

    def replace(source, target):
        calls.append(source)
        if len(calls) == fails:
            raise OSError(errno.EACCES, "made up", str(source))
        real(source, target)

    monkeypatch.setattr("chatdesc.atomic.exchange", lambda a, b: False)
    monkeypatch.setattr("chatdesc.atomic.os.replace", replace)
    with pytest.raises(OSError, match="made up"):
        swap_in(out)
    assert (out / "a").read_text() == "old"
