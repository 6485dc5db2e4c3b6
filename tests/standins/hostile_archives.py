"""Zips that were made or damaged to hurt whoever reads them: names, links, bombs, broken headers.

``CRAFTED`` has functions by name that write a zip to a path; each holds the sound sequence ``bus-1`` as well, unless
its name says that the archive itself is broken. ``damaged`` gives a sound zip with random damage.
"""

from __future__ import annotations

import io
import random
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

FRAMES = 2
SOUND = {
    "groundtruth.txt": b"1,2,3,4\n2,2,3,4\n",
    "nlp.txt": b"a red bus",
    "full_occlusion.txt": b"0,0",
    "out_of_view.txt": b"0,1",
}
Make = Callable[[Path], object]


def picture(side: int = 12) -> bytes:
    """A small PNG."""
    return cv2.imencode(".png", np.full((8, side, 3), 90, np.uint8))[1].tobytes()


def sequence(name: str = "bus-1") -> dict[str, bytes]:
    """A sound sequence in LaSOT's layout, by path."""
    folder = f"{name.rpartition('-')[0]}/{name}"
    frames = {f"img/{i + 1:08d}.jpg": picture() for i in range(FRAMES)}
    return {f"{folder}/{path}": data for path, data in (SOUND | frames).items()}


def zipped(path: Path, files: dict[str | zipfile.ZipInfo, bytes], pack: int = zipfile.ZIP_DEFLATED) -> Path:
    """Files as a zip."""
    with zipfile.ZipFile(path, "w", pack) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def _with(more: dict[str | zipfile.ZipInfo, bytes]) -> Make:
    return lambda path: zipped(path, {**sequence(), **more})


def _link(target: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("bus/bus-2/groundtruth.txt")
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return info


def _png(width: int, height: int) -> bytes:
    """The head of a PNG of such a size with rows of zeros that are packed to almost nothing."""
    part = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))  # noqa: E731
    packer = zlib.compressobj(9)
    row = bytes(1 + width // 8 + 1)
    packed = b"".join(packer.compress(row * 50) for _ in range(height // 50 + 1)) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", head) + part(b"IDAT", packed) + part(b"IEND", b"")


def _bomb(member: str, size: int) -> Make:
    """A member of ``size`` zero bytes: one block of packed zeros again and again, so that it is made in no time."""

    def make(path: Path) -> None:
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        block = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
        again = zlib.compressobj(9, zlib.DEFLATED, -15)
        end = again.flush()
        data = block * (size >> 20) + end
        zipped(path, sequence())
        _append(path, member, data, size)

    return make


def _append(path: Path, name: str, packed: bytes, size: int) -> None:
    """Add a member of packed bytes as they are."""
    with zipfile.ZipFile(path, "a", zipfile.ZIP_STORED) as archive:
        archive.writestr(name, packed)
    data = path.read_bytes()
    encoded = name.encode()
    local, central = (
        data.rfind(b"PK\x03\x04", 0, data.rfind(encoded, 0, data.rfind(encoded))),
        data.rfind(b"PK\x01\x02"),
    )
    changed = bytearray(data)
    struct.pack_into("<H", changed, local + 8, zipfile.ZIP_DEFLATED)
    struct.pack_into("<I", changed, local + 22, size)
    struct.pack_into("<H", changed, central + 10, zipfile.ZIP_DEFLATED)
    struct.pack_into("<I", changed, central + 24, size)
    path.write_bytes(bytes(changed))


def _nested(levels: int) -> Make:
    def make(path: Path) -> None:
        inner = b"end"
        for _ in range(levels):
            packed = io.BytesIO()
            with zipfile.ZipFile(packed, "w") as archive:
                archive.writestr("inner.zip", inner)
            inner = packed.getvalue()
        zipped(path, {**sequence(), "inner.zip": inner})

    return make


def _bytes(change: Callable[[bytes], bytes]) -> Make:
    return lambda path: path.write_bytes(change(zipped(path, sequence()).read_bytes()))


def _encrypted(data: bytes) -> bytes:
    changed = bytearray(data)
    for mark, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        changed[data.find(mark) + flags] |= 1
    return bytes(changed)


def _many(count: int) -> Make:
    return lambda path: zipped(
        path, {**sequence(), **{f"bus/bus-1/more/{i}": b"" for i in range(count)}}, zipfile.ZIP_STORED
    )


CRAFTED: dict[str, Make] = {
    "names that lead out": _with({"../../escaped": b"x", "bus/../../escaped": b"x"}),
    "names that start at the root": _with({"/escaped": b"x", "//escaped": b"x"}),
    "names of Windows": _with({"..\\escaped": b"x", "C:\\escaped": b"x", "C:escaped": b"x"}),
    "odd names": _with(
        {"bus/bus-2\x00/a": b"x", "bus/\x1b[2J/a": b"x", "bus/\u202e/a": b"x", "bus//a": b"x", ".": b""}
    ),
    "a name of 60000 letters": _with({"bus/" + "x" * 60_000: b"x"}),
    "a folder 2000 deep": _with({"d/" * 2000 + "a": b"x"}),
    "a folder 30000 deep": _with({"d/" * 30_000 + "a": b"x"}),
    "a link to passwd": lambda path: zipped(path, {**sequence(), _link(""): b"/etc/passwd"}),
    "a link to itself": lambda path: zipped(path, {**sequence(), _link(""): b"groundtruth.txt"}),
    "a file that is a folder too": _with({"bus/bus-2": b"x", "bus/bus-2/nlp.txt/a": b"x"}),
    "one name twice": lambda path: _twice(path),
    "frames of numbers with 5000 digits": _with(
        {f"bus/bus-2/img/{'9' * 5000}.jpg": picture(), "bus/bus-2/groundtruth.txt": b"1,2,3,4\n"}
    ),
    "sequences of numbers with 5000 digits": _with({f"bus/bus-{'9' * 5000}/groundtruth.txt": b"1,2,3,4\n"}),
    "text of 2 GB": _bomb("bus/bus-2/nlp.txt", 2 << 30),
    "boxes of 2 GB": _bomb("bus/bus-2/groundtruth.txt", 2 << 30),
    "a frame of 2 GB": _bomb("bus/bus-2/img/00000001.jpg", 2 << 30),
    "a frame of 30000 x 30000": _with(
        {"bus/bus-2/groundtruth.txt": b"1,2,3,4\n", "bus/bus-2/img/00000001.jpg": _png(30_000, 30_000)}
    ),
    "a frame that says 2 billion pixels": _with(
        {
            "bus/bus-2/groundtruth.txt": b"1,2,3,4\n",
            "bus/bus-2/img/00000001.jpg": _png(64, 64)[:16] + struct.pack(">II", 46_000, 46_000) + _png(64, 64)[24:],
        }
    ),
    "a frame that is a movie of zeros": _with(
        {"bus/bus-2/groundtruth.txt": b"1,2,3,4\n", "bus/bus-2/img/00000001.jpg": bytes(5000)}
    ),
    "a line of 30 MB": _with({"bus/bus-2/groundtruth.txt": b"1," * 15_000_000}),
    "30000 members": _many(30_000),
    "zips in zips": _nested(60),
    "LZMA": lambda path: zipped(path, sequence(), zipfile.ZIP_LZMA),
    "LZMA that is broken": lambda path: path.write_bytes(
        zipped(path, sequence(), zipfile.ZIP_LZMA).read_bytes().replace(b"\x5d\x00", b"\xff\xff")
    ),
    "an unknown way of packing": _bytes(lambda data: data.replace(b"\x08\x00\x00\x00", b"\x63\x00\x00\x00")),
    "locked with a password": _bytes(_encrypted),
    "another name in the list than at the file": _bytes(
        lambda data: data.replace(b"bus/bus-1/nlp.txt", b"bus/bus-1/nlq.txt", 1)
    ),
    "an archive cut short": _bytes(lambda data: data[: len(data) // 2]),
    "an archive of nothing": lambda path: path.write_bytes(b""),
    "an archive that says 65535 members": _bytes(lambda data: data[:-12] + b"\xff\xff" + data[-10:]),
    "an archive behind another file": _bytes(lambda data: b"#!/bin/sh\nexit\n" + data),
}


def _twice(path: Path) -> None:
    import warnings

    with warnings.catch_warnings(), zipfile.ZipFile(path, "w") as archive:
        warnings.simplefilter("ignore")
        for name, data in [*sequence().items(), ("bus/bus-1/nlp.txt", b"another text")]:
            archive.writestr(name, data)


def damaged(path: Path, data: bytes, chance: random.Random) -> str:
    """Write ``data`` with one to four random damages; they are named."""
    changed, done = bytearray(data), []
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(changed))
        kind = chance.choice(("flip", "byte", "number", "cut out", "double", "cut off"))
        done.append(f"{kind} at {place}")
        if kind == "flip":
            changed[place] ^= 1 << chance.randrange(8)
        elif kind == "byte":
            changed[place] = chance.choice((0, 1, 127, 128, 255))
        elif kind == "number":
            changed[place : place + 4] = struct.pack("<I", chance.choice((0, 1, 0x7FFFFFFF, 0xFFFFFFFF)))
        elif kind == "cut out":
            del changed[place : place + chance.randint(1, 40)]
        elif kind == "double":
            changed[place:place] = changed[place : place + chance.randint(1, 40)]
        else:
            del changed[max(place, 30) :]
    path.write_bytes(bytes(changed))
    return ", ".join(done)
