"""Evidence of key frames for the learned verifier and its benchmark: films tracked once, kept in files.

FOLDER/KIND/FILM.npz has what the verifier was shown while the tracker KIND followed a film. What decided there is drawn
between verifiers, so that trackers and memories are right and wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from films import KINDS, Bench

from chatdesc.atomic import write_atomic
from chatdesc.backends import create
from chatdesc.evidence import Choice
from chatdesc.protocols import Verifier
from chatdesc.types import Verify
from chatdesc.verification.recorded import Seen, packed, unpacked

MIXED = ("raw-similarity", "random", "oracle", "oracle")


class Drawn:
    """A verifier that answers by one of several, drawn anew on each key frame."""

    max_batch, workers = 1, 2

    def __init__(self, among: Sequence[Verifier]) -> None:
        self.among = among

    def choose(self, requests: list[Verify]) -> list[Choice | Exception]:
        return [answer for r in requests for answer in self.among[r.evidence.seed % len(self.among)].choose([r])]


@dataclass(frozen=True)
class Recorded:
    """A key frame of a film, and the tracker that followed it."""

    film: str
    kind: str
    seen: Seen


def mixed() -> Drawn:
    return Drawn([create("verifier", name) for name in MIXED])


def record(bench: Bench, folder: Path, verifier: Verifier, kinds: Iterable[str] = KINDS) -> None:
    """Track all films by all kinds of trackers; files that are there are kept."""
    for kind in kinds:
        place = folder / kind
        place.mkdir(parents=True, exist_ok=True)
        rest = [film for film in bench.films if not (place / f"{film.sequence.name}.npz").exists()]
        for film, done in bench.run(kind, rest, "oracle", verifier):
            seen = [Seen(*one) for one in zip(done.key_frames, done.evidence, done.choices, strict=True)]
            write_atomic(place / f"{film.sequence.name}.npz", packed(seen))


def load(folder: Path, kinds: Iterable[str] = KINDS) -> list[Recorded]:
    files = [(kind, file) for kind in kinds for file in sorted((folder / kind).glob("*.npz"))]
    return [Recorded(file.stem, kind, seen) for kind, file in files for seen in unpacked(file)]
