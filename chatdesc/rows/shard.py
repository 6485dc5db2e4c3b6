"""A part of a dataset's sequences, one of several that together are all of them.

>>> shard = Shard.of("2/3")
>>> shard.part(["a", "b", "c", "d", "e"])
['b', 'e']

Shards take turns through the dataset's order, so that classes of long videos are spread over all of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from chatdesc.atomic import write_atomic
from chatdesc.types import ChatdescError

FILE = "shard.json"  # in the run folder


@dataclass(frozen=True, slots=True)
class Shard:
    """Shard ``number`` of ``count``, counted from 1."""

    number: int
    count: int

    @classmethod
    def of(cls, spec: str) -> Shard:
        """``2/8`` as a shard.

        Raises:
            ChatdescError: anything but a number from 1 to the count, a slash, and the count.
        """
        found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", spec.strip(), re.ASCII)
        number, count = map(int, found.groups()) if found else (0, 0)
        if not 1 <= number <= count:
            raise ChatdescError(f"--shard is I/N with I from 1 to N, such as 2/8, not {spec!r}")
        return cls(number, count)

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def part(self, names: Sequence[str]) -> list[str]:
        """Every ``count``-th name, from the ``number``-th on.

        Raises:
            ChatdescError: there are fewer names than that.
        """
        if self.number > len(names):
            raise ChatdescError(f"--shard {self}: there are only {len(names)} sequences; use at most so many shards")
        return list(names[self.number - 1 :: self.count])


@dataclass(frozen=True, slots=True)
class Kept:
    """What a run's folder says of its shard: which it is, and its sequences."""

    shard: Shard
    sequences: tuple[str, ...]


def keep(run: Path, shard: Shard, names: Sequence[str]) -> None:
    """Write down which shard a run is, so that ``merge`` can see what is missing.

    Raises:
        ChatdescError: the run is another shard.
    """
    known = kept(run)
    if known is not None and known.shard != shard:
        raise ChatdescError(f"{run} holds shard {known.shard}, not {shard}; give each shard its own --out")
    content = {"shard": str(shard), "sequences": list(names)}
    write_atomic(run / FILE, json.dumps(content, indent=1, ensure_ascii=True))


def kept(run: Path) -> Kept | None:
    """A run's shard; None where it is not one of several.

    Raises:
        ChatdescError: the file is damaged.
    """
    path = run / FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        names = content["sequences"]
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ValueError("sequences")
        return Kept(Shard.of(content["shard"]), tuple(names))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ChatdescError(
            f"{path}: cannot be read back; repeat the command that made the run with its --shard"
        ) from error
