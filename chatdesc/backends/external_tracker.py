"""Your own tracker in its own environment: a command that chatdesc exchanges lines with.

For example ``external:conda run -n ostrack --no-capture-output python track.py --weights b256.pth``. The command is
split as a shell would, but no shell runs it. One process follows one target, from its start to ``quit``. It reads lines
(UTF-8) from its standard input:

- ``start X,Y,W,H PATH``: the target's box in the image at PATH, top-left corner and size in pixels. No answer.
- ``frame PATH``: the next image. The answer is one line, ``X,Y,W,H`` or ``X,Y,W,H,SCORE`` with a score in [0, 1];
  without a score it is 1. A width or height of 0 means that the target is not visible.
- ``quit``, or the end of the input: end.

A command named as ``external-text:COMMAND`` takes words as well, and reads one line more; other commands never get it:

- ``text WORDS``: the phrase in force, before ``start``, and again before the first frame of another phrase. No answer.
  Where a sequence is tracked without words, there is no such line.

>>> parse("10,20,30,40,0.9")
(array([10., 20., 30., 40.], dtype=float32), 0.9)

A PATH is absolute, may hold spaces, and reaches to the end of the line; the file exists until the next line, that of
``start`` until the first answer.
Standard output is for answers only, each flushed; messages for people go to standard error, whose last lines become
part of the error message if something fails. The process gets no variable of the environment that holds a token, a key
or a password, but for those that ``CHATDESC_TRACKER_ENV`` names. A complete stub:

    import sys
    for line in sys.stdin:
        word, _, rest = line.strip().partition(" ")
        if word == "start":
            box, _, path = rest.partition(" ")
        elif word == "frame":
            print(box, flush=True)
        else:
            break

A process that crashes, gives another answer, or none in time (``tracker_timeout`` seconds; ``tracker_start_timeout``
for its first answer, because models take long to load) fails its own sequence only. It is ended with its children, also
when chatdesc is killed.
"""

from __future__ import annotations

import hashlib
import math
import os
import re
import shlex
import shutil
import tempfile
import weakref
from dataclasses import dataclass, field, replace
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np

from chatdesc.backends.frame_by_frame import continued, follow
from chatdesc.backends.line_process import LineProcess
from chatdesc.cores import cores
from chatdesc.protocols import each
from chatdesc.types import BackendError, Boxes, Follow, Followed, Frames, one_line

REMEDY = "standard output is for answers alone (X,Y,W,H or X,Y,W,H,SCORE), one for each frame"


@dataclass(slots=True, eq=False, weakref_slot=True)
class Session:
    """A running process, the target's last box, and a folder for frames that are no files. Ended when dropped.

    ``text`` has the words that the process was sent last.
    """

    process: LineProcess
    folder: tempfile.TemporaryDirectory[str]
    box: Boxes
    text: str = ""
    answered: int = 0
    end: Any = field(init=False)

    def __post_init__(self) -> None:
        self.end = weakref.finalize(self, _end, self.process, self.folder)


def _end(process: LineProcess, folder: tempfile.TemporaryDirectory[str]) -> None:
    process.close("quit")
    folder.cleanup()


class ExternalTracker:
    """``external:<command>``.

    Args:
        model, revision: the command; where it has an ``@``, the parts before and after it.
        threads: sequences followed at a time; 0 means one per core. Each sequence in flight has a process.
        tracker_timeout, tracker_start_timeout: in seconds, see above.

    Raises:
        BackendError: the command does not exist.
    """

    max_batch = 1  # sequences do not wait for one another
    most_sequences = 16
    kind, takes_text = "external", False

    def __init__(
        self,
        model: str = "",
        revision: str = "",
        *,
        threads: int = 0,
        tracker_timeout: float = 60.0,
        tracker_start_timeout: float = 300.0,
        **options: Any,
    ) -> None:
        self.command = _split(f"{model}@{revision}" if revision else model)
        self.threads = self.workers = threads or cores()
        self.timeout, self.start_timeout = tracker_timeout, tracker_start_timeout
        self.name = f"{self.kind}:{shlex.join(_public(part) for part in self.command)}"

    def describe_self(self) -> dict[str, str]:
        """The command without its folders, and the hash of the files that it names."""
        return {"name": self.name, "files_sha256": _hash(self.command)}

    def follow(self, requests: list[Follow]) -> list[Followed | Exception]:
        """Follow each request's target; a request that fails is answered with its error."""
        return each(requests, self._follow, self.threads)

    def _follow(self, request: Follow) -> Followed:
        session = self._session(request)
        try:
            return follow(request, session, lambda session, index: self._step(session, request.frames, index))
        except BaseException:
            session.process.close()
            session.end()
            raise

    def _session(self, request: Follow) -> Session:
        if request.init is None:
            alive = isinstance(request.session, Session) and request.session.end.alive
            session = continued(request if alive else replace(request, session=None), Session, self.name)
            self._tell(session, request.text)
            return session
        box = np.asarray(request.init, np.float32)
        if not np.isfinite(box).all() or (box[2:] <= 0).any():
            raise BackendError(f"a tracker cannot start from the box {box.tolist()}: it needs a width and height")
        folder = tempfile.TemporaryDirectory(prefix="chatdesc-frames-", ignore_cleanup_errors=True)
        try:
            path = _file(request.frames, request.start - 1, folder.name)
            session = Session(LineProcess(self.name, self.command), folder, box)
        except BaseException:
            folder.cleanup()
            raise
        self._tell(session, request.text)
        session.process.send(f"start {','.join(f'{float(v):.10g}' for v in box)} {path}")
        return session

    def _tell(self, session: Session, text: str) -> None:
        """Send the phrase in force to a process that takes words, if it is another than the last one."""
        words = one_line(text) if self.takes_text else ""
        if words and words != session.text:
            session.process.send(f"text {words}")
            session.text = words

    def _step(self, session: Session, frames: Frames, index: int) -> float:
        """Track one frame and return its score. The session's box moves, unless the target is not visible."""
        # Before the first answer the process may still be loading, the first image unread.
        path = _file(frames, index, session.folder.name, alone=session.answered > 0)
        answer = session.process.ask(f"frame {path}", self.timeout if session.answered else self.start_timeout)
        try:
            box, score = parse(answer)
        except ValueError as error:
            where = frames.paths[index]
            raise session.process.error(f"{where}: answered {answer[:80]!r}, {error}; {REMEDY}") from None
        session.answered += 1
        if box is None:
            return 0.0
        session.box = box
        return score


class ExternalTextTracker(ExternalTracker):
    """``external-text:<command>``: the command takes words, too."""

    kind, takes_text = "external-text", True


def parse(answer: str) -> tuple[Boxes | None, float]:
    """Parse an answer's line: the box [4] xywh in pixels, None for a target that is not visible, and the score.

    Raises:
        ValueError: the line is no answer; the message gives the reason.
    """
    try:
        values = [float(v) for v in answer.split(",")]
    except ValueError:
        raise ValueError("which are no numbers") from None
    if len(values) not in (4, 5):
        raise ValueError(f"which are {len(values)} numbers")
    if not all(math.isfinite(v) for v in values):
        raise ValueError("not all of it finite")
    box, score = np.array(values[:4], np.float32), values[4] if len(values) == 5 else 1.0
    if (box[2:] < 0).any() or not 0 <= score <= 1:
        raise ValueError("a negative size or a score beyond [0, 1]")
    return (box if (box[2:] > 0).all() else None), score


def _split(command: str) -> list[str]:
    try:
        parts = shlex.split(command)
    except ValueError as error:
        raise BackendError(f"tracker external: {command!r} cannot be split into words ({error})") from error
    if not parts:
        raise BackendError('tracker external: no command; write it as in "external:python track.py --device cuda"')
    if shutil.which(parts[0]) is None:
        raise BackendError(f"tracker external: there is no command {_public(parts[0])!r} that can be run")
    return parts


def _public(part: str) -> str:
    """A word of the command, folders left out: ``--weights=/home/me/a.pth`` -> ``--weights=a.pth``."""
    option, equals, value = part.rpartition("=")
    return option + equals + (PureWindowsPath(value).name if re.search(r"^[~.]?[\\/]|^\w:\\", value) else value)


def _hash(command: list[str]) -> str:
    """SHA-256 over the files that a command names, the interpreter left out."""
    digest = hashlib.sha256()
    for place, part in enumerate(command):
        path = Path(part.rpartition("=")[2])
        if not path.is_file():
            continue
        with path.open("rb") as file:
            if place or file.peek(2)[:2] == b"#!":
                digest.update(f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return digest.hexdigest()


def _file(frames: Frames, index: int, folder: str, alone: bool = True) -> str:
    """Path of a frame: its own file where it is on this machine, else a copy in ``folder``.

    Args:
        alone: the copy replaces earlier ones.
    """
    path = frames.paths[index]
    found = _on_disk(frames, path)
    if found:
        return found
    data = frames.encoded(index)
    copy = os.path.join(folder, f"{index:08d}{os.path.splitext(path)[1]}")
    for earlier in os.listdir(folder) if alone else ():
        os.unlink(os.path.join(folder, earlier))
    with open(copy, "wb") as file:
        file.write(data)
    return copy


def _on_disk(frames: Frames, path: str) -> str:
    """Path of a dataset's file in a local folder; empty for a file in a zip, at a URL, or behind a link."""
    root = getattr(frames.read_bytes, "__self__", None)
    folder = getattr(root, "path", None)
    if not isinstance(folder, str) or getattr(root, "remote", False):
        return ""
    full = os.path.realpath(os.path.join(folder, path))
    inside = full.startswith(os.path.join(os.path.realpath(folder), ""))
    return full if inside and os.path.isfile(full) and "\n" not in full else ""
