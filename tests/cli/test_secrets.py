"""A dataset at a URL with a password and a signature: neither is in anything that a command writes or prints."""

from __future__ import annotations

import fsspec
import pytest

from chatdesc.synthetic import render
from tests.makers.commands import call
from tests.makers.datasets import zipped

pytestmark = pytest.mark.usefixtures("windows_for_proposals")

PASSWORD, SIGNATURE = "hunter2-hunter2", "5199a7f0c1d2"
ANNOTATE = ("--tracker", "none", "--alignment-frames", "1", "--rounds", "0")


@pytest.fixture
def place(tmp_path):
    """The URL of an archive of two sequences, of which one has a frame that cannot be unpacked."""
    name = render(tmp_path / "data", count=2, frames=2, seed=4)[0]
    archive = zipped(tmp_path / "data", tmp_path / "data.zip")
    raw = bytearray(archive.read_bytes())
    frame = (tmp_path / "data" / name.rsplit("-", 1)[0] / name / "img" / "00000001.jpg").read_bytes()
    raw[raw.index(frame[:200]) + 100] ^= 1
    url = f"memory://ada:{PASSWORD}@bucket/data.zip?X-Amz-Signature={SIGNATURE}"
    with fsspec.open(url, "wb") as out:
        out.write(bytes(raw))
    yield url
    fsspec.filesystem("memory").rm("/", recursive=True)


def everything(run):
    """All bytes of a run, the parquet files as rows."""
    from datasets import load_dataset

    yield from (path.read_bytes() for path in run.rglob("*") if path.is_file())
    for row in load_dataset(str(run / "dataset"), split="test", streaming=True):
        yield repr(row).encode()


def test_neither_is_in_the_run_the_dataset_or_the_output(place, tmp_path):
    done = call("annotate", "lasot", place, "--out", tmp_path / "run", *ANNOTATE)
    assert done.exit_code == 1, done.output
    written = b"".join(everything(tmp_path / "run"))
    assert b"data.zip/" in written and b"cannot be read" in written  # the archive is named
    for secret in (PASSWORD, SIGNATURE):
        assert secret.encode() not in written and secret not in done.output


@pytest.mark.parametrize(
    "command",
    [
        ("annotate", "lasot", "URL", "--out", "NEW", "--sequences", "none-1"),
        ("annotate", "tnl2k", "URL", "--out", "NEW"),
        ("annotate", "lasot", "URL-none", "--out", "NEW"),
        ("annotate", "lasot", "nosuch://ada:hunter2-hunter2@h/a", "--out", "NEW"),
        ("evaluate", "lasot", "URL", "--results", "URL"),
    ],
)
def test_neither_is_in_an_error(place, tmp_path, command):
    done = call(*({"URL": place, "URL-none": f"{place}-none", "NEW": tmp_path / "new"}.get(p, p) for p in command))
    assert done.exception is not None
    for secret in (PASSWORD, SIGNATURE):
        assert secret not in done.output and secret not in str(done.exception)
