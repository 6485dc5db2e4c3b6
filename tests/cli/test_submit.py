"""``chatdesc submit`` on a few small files."""

from __future__ import annotations

import zipfile

import pytest

from chatdesc.types import ChatdescError
from tests.makers.commands import call
from tests.makers.datasets import box_lines, put, trackingnet


@pytest.fixture
def files(tmp_path):
    root = trackingnet(tmp_path / "tn", {"TEST/a_0": 3, "TEST/-b_1": 2})
    for name, count in (("a_0", 3), ("-b_1", 2)):
        put(tmp_path / "mine" / f"{name}.txt", box_lines(count))
    return root, tmp_path / "mine"


def test_the_command(files, tmp_path):
    root, mine = files
    checked = call("submit", "trackingnet", root, "--results", mine)
    assert checked.exit_code == 0 and "2 sequences of 5 frames are complete" in checked.output
    assert "written" not in checked.output and not list(tmp_path.glob("*.zip"))
    done = call("submit", "trackingnet", root, "--results", mine, "--out", tmp_path / "mine.zip")
    assert done.exit_code == 0 and f"written: {tmp_path / 'mine.zip'}" in done.output
    assert "the server's test set has 511" in done.output
    assert zipfile.ZipFile(tmp_path / "mine.zip").testzip() is None
    again = call("submit", "trackingnet", root, "--results", mine, "--out", tmp_path / "mine.zip")
    assert "was there already" in again.output


def test_what_is_wrong_is_an_error(files, tmp_path):
    root, mine = files
    put(mine / "a_0.txt", box_lines(2) + "1,nan,3,4\n")
    done = call("submit", "trackingnet", root, "--results", mine, "--out", tmp_path / "mine.zip")
    assert isinstance(done.exception, ChatdescError) and "a_0.txt:3: 1,nan,3,4" in str(done.exception)
    assert not (tmp_path / "mine.zip").exists()
