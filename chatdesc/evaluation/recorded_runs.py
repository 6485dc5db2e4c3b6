"""Recorded evidence of runs, to learn from: training splits alone, in two parts that share no sequence.

>>> parts = divided([Film(f"lasot/kite-{k}", ()) for k in range(10)], share=0.2)
>>> [len(part) for part in parts], {film.key for film in parts.train} & {film.key for film in parts.validation}
([9, 1], set())

The part of a sequence follows from its name: it stays the same when other sequences, or runs, are added.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np

from chatdesc.engine.run import failed
from chatdesc.evidence import Evidence
from chatdesc.names import counted, natural, some
from chatdesc.rows.evidence import evidence_of, lacking, place_of
from chatdesc.rows.schema import Row
from chatdesc.rows.store import Store, dataset_of
from chatdesc.types import ChatdescError, first_alone
from chatdesc.verification.features import features
from chatdesc.verification.recorded import Seen

TRAIN = "train"
RECORD = "chatdesc annotate DATASET ROOT --split train --record-evidence --out RUN"


@dataclass(frozen=True, slots=True)
class Film:
    """The key frames of one sequence in one run; ``key`` is its dataset and name."""

    key: str
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """The recorded sequences of a run.

    Attributes:
        dataset: the name of the source dataset.
        films: sequences with at least one key frame.
        digest: differs where any of the evidence differs.
        lacking: finished sequences without evidence.
        first_alone: sequences whose first box alone is known: where the target is later, nobody can say.
    """

    dataset: str
    films: tuple[Film, ...]
    digest: str
    lacking: tuple[str, ...]
    first_alone: tuple[str, ...] = ()

    @classmethod
    def read(cls, run: Path) -> RecordedRun:
        """The evidence of a run on a training split.

        Raises:
            ChatdescError: it is no run, has no evidence or a damaged file, its evidence holds NaN, or a sequence is of
                no training split.
        """
        dataset, store = dataset_of(run), Store(run)
        names = sorted(store.names(), key=natural)
        rows = [row for row in store.rows(names) if not failed(row)]
        _refuse_other_splits(run, rows)
        finished = [row["sequence"] for row in rows]
        unknown = tuple(row["sequence"] for row in rows if first_alone(np.array(row["boxes"]).reshape(-1, 4)))
        digest, films = sha256(), []
        for name, seen in evidence_of(run, finished):
            digest.update(f"{name!a} ".encode() + place_of(run, name).read_bytes())
            _refuse_no_numbers(place_of(run, name), seen)
            if seen and name not in unknown:
                films.append(Film(f"{dataset}/{name}", tuple(s.evidence for s in seen)))
        if not films:
            raise ChatdescError(f"{run}: holds no recorded evidence; {RECORD} makes a run with it")
        return cls(dataset, tuple(films), digest.hexdigest(), tuple(lacking(run, finished)), unknown)

    @property
    def key_frames(self) -> int:
        """How many there are."""
        return sum(len(film.evidence) for film in self.films)


class Parts(NamedTuple):
    """Sequences to learn from, and others to check on."""

    train: list[Film]
    validation: list[Film]

    @property
    def sequences(self) -> tuple[int, int]:
        """How many different ones each part has: several runs may have recorded the same."""
        train, validation = (len({film.key for film in part}) for part in self)
        return train, validation


def divided(films: Sequence[Film], share: float) -> Parts:
    """The two parts, of which ``validation`` has about that share; neither is empty.

    Raises:
        ChatdescError: there is one sequence only.
    """
    places = {film.key: _place(film.key) for film in films}
    if len(places) < 2:
        raise ChatdescError(
            f"a verifier is checked on other sequences than it learns from, and there is only {films[0].key}; "
            "record more sequences (two at least; the choice of the epoch is a guess with less than some dozens)"
        )
    order = sorted(places, key=places.__getitem__)
    count = min(max(sum(place < share for place in places.values()), 1), len(order) - 1)
    held_out = set(order[:count])
    return Parts([f for f in films if f.key not in held_out], [f for f in films if f.key in held_out])


def _place(key: str) -> float:
    """In [0, 1), evenly spread over names."""
    return int.from_bytes(sha256(key.encode("utf-8", "surrogatepass")).digest()[:8], "big") / 2**64


def _refuse_no_numbers(place: Path, seen: Iterable[Seen]) -> None:
    """One NaN, as an encoder gives whose half precision overflows, would be in all weights after a step."""
    for one in seen:
        if not np.isfinite(features(one.evidence)).all():
            raise ChatdescError(
                f"{place}: the evidence of frame {one.frame} holds NaN or infinity, from a model that failed there; "
                "remove the file, and this sequence takes no part"
            )


def _refuse_other_splits(run: Path, rows: Sequence[Row]) -> None:
    other = {row["sequence"]: row["split"] or "none recorded" for row in rows if row["split"] != TRAIN}
    if other:
        splits = ", ".join(sorted(set(other.values())))
        raise ChatdescError(
            f"{run}: {counted(len(other), 'sequence is', 'sequences are')} of no training split (split: {splits}; "
            f"{some(list(other))}). A verifier that has learned from test sequences spoils them for every comparison; "
            f"{RECORD} makes a run of the training split alone"
        )
