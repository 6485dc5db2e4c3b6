"""Small datasets in the published layouts, made anew for each test."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np


def put(path: Path, data: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def image(path: Path, value: int = 0) -> Path:
    """A picture whose grey tells which one it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = path.suffix.lower() if path.suffix else ".png"
    path.write_bytes(cv2.imencode(kind, np.full((8, 12, 3), value, np.uint8))[1].tobytes())
    return path


def box_lines(count: int, delimiter: str = ",", end: str = "\n") -> str:
    return "".join(delimiter.join(map(str, (10 + i, 20, 30, 40))) + end for i in range(count))


def lasot(root: Path, names: Mapping[str, int], flat: bool = False, frames: bool = True) -> Path:
    """LaSOT's layout: per name the number of frames."""
    for name, count in names.items():
        folder = root / name if flat else root / name.rpartition("-")[0] / name
        put(folder / "groundtruth.txt", box_lines(count))
        put(folder / "nlp.txt", f"text of {name}")
        put(folder / "full_occlusion.txt", ",".join("1" if i == 1 else "0" for i in range(count)))
        put(folder / "out_of_view.txt", ",".join("1" if i == 2 else "0" for i in range(count)))
        for i in range(count if frames else 0):
            image(folder / "img" / f"{i + 1:08d}.jpg", i)
    return root


def tnl2k(root: Path, names: Mapping[str, str], count: int = 3) -> Path:
    """TNL2K's layout: per name the folder that it lies in."""
    for name, parent in names.items():
        folder = root / parent / name
        put(folder / "groundtruth.txt", box_lines(count))
        put(folder / "language.txt", f"text of {name} ")
        for i in range(count):
            image(folder / "imgs" / f"{i + 7:05d}.png", i)
    return root


def otb(root: Path, texts: Mapping[str, str], videos: Mapping[str, int], inside: str = "OTB_videos") -> Path:
    """OTB_sentences' layout: per text its split, per video the number of boxes and images."""
    for name, split in texts.items():
        put(root / f"OTB_query_{split}" / f"{name}.txt", f"text of {name}\n")
    for name, count in videos.items():
        put(root / inside / name / "groundtruth_rect.txt", box_lines(count, "\t"))
        for i in range(count):
            image(root / inside / name / "img" / f"{i + 1:04d}.jpg", i)
    return root


def trackingnet(root: Path, videos: Mapping[str, int]) -> Path:
    """TrackingNet's layout: per ``PART/VIDEO`` the number of frames; the boxes of TEST are the first alone."""
    for place, count in videos.items():
        part, _, video = place.partition("/")
        put(root / part / "anno" / f"{video}.txt", box_lines(1 if part == "TEST" else count))
        for i in range(count):
            image(root / part / "frames" / video / f"{i}.jpg", i)
    return root


def got10k(root: Path, sequences: Mapping[str, int]) -> Path:
    """GOT-10k's layout: per ``SPLIT/SEQUENCE`` the number of frames; the boxes of ``test`` are the first alone."""
    for place, count in sequences.items():
        split, _, name = place.partition("/")
        put(root / place / "groundtruth.txt", box_lines(1 if split == "test" else count))
        if split != "test":
            put(root / place / "absence.label", "".join("1\n" if i == 1 else "0\n" for i in range(count)))
        with (root / split / "list.txt").open("a") as names:
            names.write(f"{name}\n")
        for i in range(count):
            image(root / place / f"{i + 1:08d}.jpg", i)
    return root


def zipped(folder: Path, target: Path, inside: str = "") -> Path:
    """All files of a folder as a zip, below ``inside``."""
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, inside + path.relative_to(folder).as_posix())
    return target


def first_level(frame: np.ndarray) -> int:
    return int(frame[0, 0, 0])
