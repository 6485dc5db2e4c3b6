"""Annotation folders with random damage: bytes, lines, encodings, files that are missing, folders, links or pipes.

``damage(root, chance)`` damages one file of the sequence ``bus-2``; the sequences beside it stay sound.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

from tests.makers import datasets as make

NAMES = ("bus-1", "bus-2", "bus-3")
LAYOUTS = ("lasot", "tnl2k", "otb-lang")
Change = Callable[[bytes, random.Random], bytes]


def sound(root: Path, layout: str) -> Path:
    """A dataset of three sequences of four frames."""
    if layout == "lasot":
        make.lasot(root, dict.fromkeys(NAMES, 4))
    elif layout == "tnl2k":
        make.tnl2k(root, dict.fromkeys(NAMES, "train"), 4)
    else:
        make.otb(root, dict.fromkeys(NAMES, "test"), dict.fromkeys(NAMES, 4))
    return root


def annotation_files(root: Path) -> list[Path]:
    """The annotation files of ``bus-2``."""
    return sorted(path for path in root.rglob("*.txt") if "bus-2" in (path.parent.name, path.stem))


def _replace(old: bytes, *new: bytes) -> Change:
    return lambda data, chance: data.replace(old, chance.choice(new), chance.choice((1, 1, -1)))


def _at(data: bytes, chance: random.Random, what: bytes, over: int = 0) -> bytes:
    place = chance.randrange(len(data) + 1)
    return data[:place] + what + data[place + over :]


NUMBERS = (
    b"nan",
    b"NaN",
    b"inf",
    b"-1e999",
    b"1e400",
    b"-5",
    b"0",
    b"1_0",
    b"0x1f",
    b"\xd9\xa3",
    b"",
    b"1.5.2",
    b"9" * 400,
    b"--3",
    b"1e",
    b"None",
)
CHANGES: dict[str, Change] = {
    "a flipped bit": lambda data, chance: _at(data, chance, bytes([chance.randrange(256)]), 1),
    "a stray byte": lambda data, chance: _at(data, chance, bytes([chance.randrange(256)])),
    "a stray number": lambda data, chance: _at(data, chance, chance.choice(NUMBERS)),
    "another number": _replace(b"30", *NUMBERS),
    "other separators": _replace(b",", b";", b" ", b"\t", b",,", b", ", b" ;", b"|", b"\xef\xbc\x8c"),
    "other line ends": _replace(b"\n", b"\r\n", b"\r", b"\n\n", b"\x0b", b"\x00", b"\xe2\x80\xa8", b" \n "),
    "cut short": lambda data, chance: data[: chance.randrange(len(data) + 1)],
    "a line less": lambda data, chance: b"\n".join(data.split(b"\n")[1:]),
    "a line more": lambda data, chance: data + data.split(b"\n")[0] + b"\n",
    "empty": lambda data, chance: b"",
    "only white space": lambda data, chance: chance.choice((b" ", b"\n\n\n", b"\t", b"\xef\xbb\xbf", b"\x00" * 50)),
    "a byte order mark": lambda data, chance: b"\xef\xbb\xbf" + data,
    "UTF-16": lambda data, chance: data.decode("latin-1").encode(chance.choice(("utf-16", "utf-16-le", "utf-32"))),
    "random bytes": lambda data, chance: chance.randbytes(chance.randint(1, 3000)),
    "a picture": lambda data, chance: b"\x89PNG\r\n\x1a\n" + chance.randbytes(400),
    "a page": lambda data, chance: b"<!doctype html><html><body>404</body></html>\n",
    "a long line": lambda data, chance: data.replace(b"\n", b",", -1) * chance.choice((2, 500)),
    "five numbers": _replace(b"\n", b",7\n"),
    "three numbers": _replace(b",40", b""),
    "a heading": lambda data, chance: b"x,y,w,h\n" + data,
    "a comment": lambda data, chance: b"# boxes\n" + data,
    "control characters": lambda data, chance: _at(data, chance, b"\x1b[2J\x07\x08"),
}
PLACES = ("gone", "a folder", "a link to itself", "a link to passwd", "a pipe", "a link to nowhere")


def damage(root: Path, chance: random.Random) -> tuple[str, Callable[[], None]]:
    """Damage one annotation file of ``bus-2``, in its bytes or as a file: what was done, and how to undo it."""
    file = chance.choice(annotation_files(root))
    before = file.read_bytes()

    def undo() -> None:
        file.rmdir() if file.is_dir() and not file.is_symlink() else file.unlink(missing_ok=True)
        file.write_bytes(before)

    if chance.random() < 0.15:
        kind = chance.choice(PLACES)
        _place(file, kind)
    else:
        kind = chance.choice(list(CHANGES))
        file.write_bytes(CHANGES[kind](before, chance))
    return f"{kind} in {file.name}", undo


def _place(file: Path, kind: str) -> None:
    file.unlink()
    if kind == "a folder":
        file.mkdir()
    elif kind == "a pipe":
        os.mkfifo(file)
    elif kind.startswith("a link"):
        file.symlink_to(
            {"a link to itself": file, "a link to passwd": "/etc/passwd"}.get(kind, file.parent / "nowhere")
        )
