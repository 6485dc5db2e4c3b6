"""``chatdesc.submit``: a tracker's results checked and packed as an evaluation server takes them.

>>> from tempfile import TemporaryDirectory
>>> with TemporaryDirectory() as place:
...     files = {"tn/TEST/anno/a_0.txt": "1,2,3,4", "tn/TEST/frames/a_0/0.jpg": "", "mine/a_0.txt": "1\\t2\\t3\\t4"}
...     for path, text in files.items():
...         Path(place, path).parent.mkdir(parents=True, exist_ok=True)
...         _ = Path(place, path).write_text(text)
...     done = submit("trackingnet", f"{place}/tn", f"{place}/mine", f"{place}/mine.zip")
...     zipfile.ZipFile(f"{place}/mine.zip").read("a_0.txt")
b'1,2,3,4\\n'

Nothing is repaired: a number is written as the tracker wrote it, only separators become commas. The zip is the same for
the same results, byte for byte.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from chatdesc.atomic import write_atomic
from chatdesc.evaluation.submitted_files import Submitted, checked_boxes, checked_times, find_files
from chatdesc.loaders import load
from chatdesc.loaders.base import Dataset
from chatdesc.loaders.files import Root, open_root
from chatdesc.metrics.overlap import iou
from chatdesc.names import counted, some
from chatdesc.rows.schema import frame_paths
from chatdesc.tables import Progress, Record, Tabular
from chatdesc.types import ChatdescError, DataError
from chatdesc.types import Sequence as Video

SHOWN = 10  # problems in a message
SAME = 0.5  # IoU from which a first box counts as the given one
DATE = (1980, 1, 1, 0, 0, 0)  # of every member, so that equal results give an equal zip


@dataclass(frozen=True, slots=True)
class Server:
    """What an evaluation server takes.

    Attributes:
        videos: the sequences of its test set.
        boxes: the member of a sequence's boxes; ``{0}`` is the sequence, ``{1}`` the repetition, counted from 1.
        times: the member of its running times, empty where the server takes none.
    """

    videos: int
    boxes: str
    times: str = ""


SERVERS = {
    "trackingnet": Server(511, "{0}.txt"),
    "got10k": Server(180, "{0}/{0}_{1:03d}.txt", "{0}/{0}_time.txt"),
}


@dataclass(frozen=True, slots=True)
class Submission(Tabular):
    """What was checked and written.

    Attributes:
        zip: the file that was written; None where the results were only checked.
        sequences: one row each: its name, frames and repetitions.
        notes: what a reader must know.
        same: whether the zip existed with this content.
    """

    zip: Path | None
    sequences: tuple[Record, ...]
    notes: tuple[str, ...] = ()
    same: bool = False

    def records(self) -> list[Record]:
        return list(self.sequences)


@dataclass(slots=True)
class Checked:
    """Members of the zip, and all that is wrong or worth saying."""

    members: dict[str, bytes] = field(default_factory=dict)
    rows: list[Record] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)


def submit(
    dataset: str,
    root: str | Path,
    results: str,
    out: str | Path | None = None,
    *,
    split: str = "test",
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Submission:
    """Check a tracker's results against the dataset's test set, and write the zip for its evaluation server.

    Args:
        dataset: ``trackingnet`` or ``got10k``.
        root: the dataset; its frames say how many rows a file must have.
        results: a folder or zip: ``SEQUENCE.txt`` (and ``SEQUENCE_time.txt`` for GOT-10k), or the files as the server
            takes them.
        out: the zip; None only checks.
        split: the split that the results are for.
        overwrite: replace a zip of other content.
        progress: called with sequences done, all sequences, and a note.

    Raises:
        ChatdescError: files are missing, superfluous or short, or hold something other than boxes; all are named.
    """
    if dataset not in SERVERS:
        raise ChatdescError(f"{dataset} has no evaluation server that is known; known are {', '.join(SERVERS)}")
    server, data = SERVERS[dataset], load(dataset, str(root), split=split)
    source = open_root(results)
    files, extra = find_files(source, data.names)
    checked = Checked()
    for number, name in enumerate(data.names):
        _check(data[name], files.get(name, Submitted()), server, source, checked)
        if progress:
            progress(number + 1, len(data.names), name)
    _refuse(source.name, checked, extra)
    notes = _notes(data, server, checked)
    if out is None:
        return Submission(None, tuple(checked.rows), notes)
    same = _write(Path(out), packed(checked.members), overwrite)
    return Submission(Path(out), tuple(checked.rows), notes, same)


def _check(video: Video, found: Submitted, server: Server, source: Root, into: Checked) -> None:
    """Check one sequence's files and add them to the members."""
    frames = len(video.frames)
    if not frames or frame_paths(video.frames)["pattern"] is None:
        into.problems.append(
            f"{video.name}: its frames are missing or have gaps, so it is not known how many rows it needs"
        )
        return
    if not found.boxes:
        into.missing.append(f"{video.name}.txt")
    if server.times and not found.times:
        into.missing.append(f"{video.name}_time.txt")
    if len(found.boxes) > 1 and not server.times:
        into.problems.append(f"{video.name}: {some(list(found.boxes.values()))}: the server takes one file")
    try:
        _check_files(video, found, server, source, into)
    except (OSError, DataError) as error:
        into.problems.append(f"{video.name}: cannot be read ({error})")
    into.rows.append({"sequence": video.name, "frames": frames, "repetitions": len(found.boxes)})


def _check_files(video: Video, found: Submitted, server: Server, source: Root, into: Checked) -> None:
    for number, path in found.boxes.items():
        boxes = checked_boxes(path, source.read(path), len(video.frames))
        into.problems += boxes.problems
        into.members[server.boxes.format(video.name, number)] = boxes.text
        if len(boxes.first) and np.isfinite(video.boxes[0]).all() and iou(boxes.first, video.boxes[:1])[0] < SAME:
            into.elsewhere.append(path)
    if server.times and found.times:
        times = checked_times(found.times, source.read(found.times), len(video.frames), len(found.boxes))
        into.problems += times.problems
        into.members[server.times.format(video.name)] = times.text


def _refuse(results: str, checked: Checked, extra: Sequence[str]) -> None:
    """Refuse results that the server would score wrongly, with all that is wrong."""
    problems = list(checked.problems[:SHOWN])
    if len(checked.problems) > SHOWN:
        problems.append(f"... and {len(checked.problems) - SHOWN} more")
    if checked.missing:
        problems.insert(0, f"{counted(len(checked.missing), 'file')} missing: {some(checked.missing)}")
    if extra:
        problems.insert(
            0, f"{counted(len(extra), 'file')} of no sequence of the test set: {some(extra)}; remove or rename"
        )
    if problems:
        raise ChatdescError(f"{results}: nothing was written, because\n  " + "\n  ".join(problems))


def _notes(data: Dataset, server: Server, checked: Checked) -> tuple[str, ...]:
    notes = []
    if len(data.names) != server.videos:
        held = counted(len(data.names), "sequence")
        notes.append(f"{data.source.name} holds {held}; the server's test set has {server.videos}")
    if checked.elsewhere:
        count = counted(len(checked.elsewhere), "file")
        notes.append(
            f"the first box of {count} is not the given one ({some(checked.elsewhere)}): "
            "are boxes x,y,width,height, one per frame from the first on?"
        )
    if not server.times:
        taken = [name for name in data.names if any(other != name and other.endswith(name) for other in data.names)]
        notes += [f"the server looks for {name}.txt in longer names too, and may take none" for name in taken]
    return tuple(notes)


def packed(members: Mapping[str, bytes]) -> bytes:
    """A zip of these members, the same bytes for the same members."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            member = zipfile.ZipInfo(name, DATE)
            member.create_system, member.external_attr = 3, 0o644 << 16  # as on Unix, wherever it is made
            archive.writestr(member, data, zipfile.ZIP_DEFLATED)
    return whole.getvalue()


def _write(out: Path, data: bytes, overwrite: bool) -> bool:
    """Write the zip; True where it existed with this content."""
    if out.is_dir():
        raise ChatdescError(f"{out}: is a folder; name a file, such as {out}/results.zip")
    if out.exists() and out.read_bytes() == data:
        return True
    if out.exists() and not overwrite:
        raise ChatdescError(f"{out}: exists with other content; choose another --out, or replace it with --overwrite")
    write_atomic(out, data)
    return False
