"""The evidence of a sequence's key frames in one file: ``RUN/evidence/NAME.npz``, arrays without any pickle.

Boxes are float32, because half precision rounds a pixel away in wide frames; everything else is float16.

>>> from io import BytesIO
>>> boxes = np.array([[60, 10, 20, 20], [10, 10, 20, 20]], np.float32)
>>> e = Evidence(*[boxes, *[boxes[:, 0] / 100] * 4], boxes[:0], boxes[:0, 0], boxes[1], truth=boxes[0], since=4)
>>> file = BytesIO(packed([Seen(8, e, Choice(0))]))
>>> [seen] = unpacked(file)
>>> seen.frame, seen.evidence.boxes.tolist() == boxes.tolist(), seen.evidence.since, seen.choice.index
(8, True, 4, 0)
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from chatdesc.evidence import Choice, Evidence
from chatdesc.types import ChatdescError

Arrays = dict[str, NDArray[Any]]

BOXES = ("boxes", "background")  # [N, 4] per key frame
ONE_BOX = ("previous", "truth", "verified", "first")  # [4] per key frame, NaN where there is none
NUMBERS = ("seed", "since", "age", "verified_score", "anchor")  # one per key frame
LISTS = tuple(f.name for f in fields(Evidence) if f.name not in (*BOXES, *ONE_BOX, *NUMBERS))
PRESENT = -2  # stands for "none of them" among the chosen
DAMAGE = (
    ValueError, LookupError, EOFError, OSError, MemoryError, zipfile.BadZipFile, zlib.error,
    RuntimeError,  # zipfile's: a flag says that a part is encrypted, or packed in a way that it does not know
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Seen:
    """One key frame: its index, what the verifier saw, and what it chose."""

    frame: int
    evidence: Evidence
    choice: Choice


def packed(seen: Sequence[Seen]) -> bytes:
    """The file's content."""
    evidence = [s.evidence for s in seen]
    arrays: Arrays = {"frame": np.array([s.frame for s in seen], np.int32)}
    arrays["chosen"] = np.array([PRESENT if s.choice.index is None else s.choice.index for s in seen], np.int16)
    arrays["sure"] = np.array([s.choice.verified for s in seen], np.bool_)
    for name in (*BOXES, *LISTS):
        columns = [np.asarray(getattr(e, name)) for e in evidence]
        arrays[f"{name}_count"] = np.array([len(c) for c in columns], np.uint8)
        kind = np.float32 if name in BOXES else np.float16
        arrays[name] = np.concatenate(columns).astype(kind) if columns else np.zeros(0, kind)
    for name in ONE_BOX:
        arrays[name] = np.array([_or_nan(getattr(e, name), np.full(4, np.nan)) for e in evidence], np.float32)
    arrays["seed"] = np.array([e.seed for e in evidence], np.uint32)
    arrays |= {name: np.array([getattr(e, name) for e in evidence], np.int32) for name in ("since", "age")}
    for name in ("verified_score", "anchor"):
        arrays[name] = np.array([_or_nan(getattr(e, name), np.nan) for e in evidence], np.float16)
    content = BytesIO()
    np.savez_compressed(content, allow_pickle=False, **arrays)
    return content.getvalue()


def unpacked(file: IO[bytes] | Path) -> list[Seen]:
    """The key frames of a file, in order.

    Raises:
        ChatdescError: it is no such file, or damaged.
    """
    try:
        if not zipfile.is_zipfile(file):  # numpy would advise to read it as a pickle
            raise ValueError("no npz file, or cut off")
        if not isinstance(file, Path):
            file.seek(0)
        with np.load(file, allow_pickle=False) as opened:
            arrays = {name: opened[name] for name in opened.files}
        return list(_seen(arrays))
    except DAMAGE as error:
        place = file if isinstance(file, Path) else "the file"
        raise ChatdescError(f"{place}: holds no recorded evidence ({error}); remove it, and record it again") from error


def _seen(arrays: Arrays) -> Iterable[Seen]:
    parts: dict[str, list[Any]] = {}
    for name in (*BOXES, *LISTS):
        columns = arrays[name].astype(np.float32).reshape((-1, 4) if name in BOXES else -1)
        counts = arrays[f"{name}_count"]
        if counts.sum() != len(columns):
            raise ValueError(f"{name} has {len(columns)} values, and not {counts.sum()}")
        parts[name] = np.split(columns, np.cumsum(counts)[:-1]) if len(counts) else []
    for name in ONE_BOX:
        parts[name] = [None if np.isnan(box).any() else box for box in arrays[name]]
    for name in ("verified_score", "anchor"):
        parts[name] = [None if np.isnan(v) else float(v) for v in arrays[name]]
    for name in ("seed", "since", "age"):
        parts[name] = [int(v) for v in arrays[name]]
    for k, (frame, index, sure) in enumerate(zip(arrays["frame"], arrays["chosen"], arrays["sure"], strict=True)):
        choice = Choice(None if index == PRESENT else int(index), bool(sure))
        yield Seen(int(frame), Evidence(**{name: values[k] for name, values in parts.items()}), choice)


def _or_nan(value: Any, missing: Any) -> Any:
    return missing if value is None else value
