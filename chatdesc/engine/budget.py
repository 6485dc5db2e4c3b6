"""A limit on what a run may use, and the account of what it has used.

>>> budget = Budget.of(["requests=100", "hours=1.5", "tokens=2M"])
>>> budget.tokens, budget.over(Account(requests=100))
(2000000, 'requests=100')
>>> budget.over(Account(requests=99, seconds=5399)) is None
True

When a limit is reached no new sequence is begun; those in work are finished. So a run stops with whole rows, a little
over its budget, and the same command with a larger one goes on. The account is kept in the run folder and counts all
calls of the command together. It is no part of the configuration and of no row: two runs that end in the same rows may
have needed different numbers of requests.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from chatdesc.atomic import write_atomic
from chatdesc.engine.prices import Price, price_of
from chatdesc.types import ChatdescError

FILE = "account.json"
FACTORS = {"": 1, "k": 1_000, "M": 1_000_000, "G": 1_000_000_000}


@dataclass(frozen=True, slots=True)
class Account:
    """What was used so far: requests to a describer (attempts), tokens of prompts and answers, and seconds."""

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0

    def __add__(self, other: Account) -> Account:
        return Account(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def __sub__(self, other: Account) -> Account:
        return Account(*(getattr(self, f.name) - getattr(other, f.name) for f in fields(self)))

    def times(self, factor: float) -> Account:
        """So much of it, requests and tokens in whole numbers."""
        whole = [round(factor * n) for n in (self.requests, self.prompt_tokens, self.completion_tokens)]
        return Account(whole[0], whole[1], whole[2], factor * self.seconds)

    @property
    def tokens(self) -> int:
        """Of prompts and answers together."""
        return self.prompt_tokens + self.completion_tokens

    def line(self, price: Price | None = None) -> str:
        """The account in a few words, for a progress bar; nothing where no request was counted."""
        if not self.requests:
            return ""
        tokens = f"{self.tokens / 1e6:.2f} M" if self.tokens >= 1e5 else f"{self.tokens:,}"
        cost = f", {self.cost(price):.2f} {price.currency}" if price else ""
        return f"{self.requests:,} requests, {tokens} tokens{cost}"

    def sentence(self, price: Price | None = None) -> str:
        """The account for a card; nothing where no request was counted.

        >>> Account(12, 3000, 400).sentence(Price(2.0, 8.0, "USD", "2025-04-14"))
        '12 requests with 3,000 tokens of prompts and 400 of answers: 0.01 USD at the prices of 2025-04-14'
        """
        if not self.requests:
            return ""
        said = f"{self.requests:,} requests with {self.prompt_tokens:,} tokens of prompts and "
        said += f"{self.completion_tokens:,} of answers"
        return said + (f": {self.cost(price):.2f} {price.currency} at the prices of {price.date}" if price else "")

    def cost(self, price: Price | None) -> float:
        """In the price's currency; 0 without a price."""
        return price.of(self.prompt_tokens, self.completion_tokens) if price else 0.0


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits of a run, None where there is none; ``money`` is in the currency of the price."""

    requests: int | None = None
    tokens: int | None = None
    money: float | None = None
    hours: float | None = None

    @classmethod
    def of(cls, limits: Iterable[str]) -> Budget:
        """A budget from ``NAME=NUMBER``; numbers may end in k, M or G.

        Raises:
            ChatdescError: another name, a name twice, or no positive number.
        """
        given: dict[str, float] = {}
        for limit in limits:
            name, _, number = limit.partition("=")
            found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([kMG]?)", number.strip(), re.ASCII)
            value = float(found[1]) * FACTORS[found[2]] if found else 0.0
            if name not in cls.__slots__ or name in given or value <= 0:
                names = ", ".join(f"{field}=N" for field in cls.__slots__)
                raise ChatdescError(f"--budget {limit}: say one of {names}, each once, with N above 0")
            given[name] = value
        whole: dict[str, Any] = {k: int(v) if k in ("requests", "tokens") else v for k, v in given.items()}
        return cls(**whole)

    def over(self, used: Account, price: Price | None = None) -> str | None:
        """The first limit that is reached, as it was given; None while there is room."""
        now = {
            "requests": used.requests,
            "tokens": used.tokens,
            "money": used.cost(price),
            "hours": used.seconds / 3600,
        }
        for name, value in now.items():
            limit = getattr(self, name)
            if limit is not None and value >= limit:
                return f"{name}={limit:g}"
        return None


class Ledger:
    """The running account of one call, on top of what earlier calls have used.

    Args:
        run: the run folder, where the account is kept.
        counts: the describer's own counts so far, by name; None where it counts nothing.
        clock: seconds, from any start.
    """

    def __init__(
        self,
        run: Path,
        counts: Callable[[], Mapping[str, Any]] | None = None,
        budget: Budget | None = None,
        price: Price | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.place, self.budget, self.price = run / FILE, budget or Budget(), price
        self._counts, self._clock, self._start = counts, clock, clock()
        self._before, self._elsewhere = kept(run), Account()
        self.reached: str | None = None

    @property
    def used(self) -> Account:
        """What this call and all before it have used."""
        here = counted_by(self._counts) + self._elsewhere
        return self._before + replace(here, seconds=self._clock() - self._start)

    def add(self, used: Account) -> None:
        """Count what another process has used; its seconds do not count, as they pass here too."""
        self._elsewhere += used

    def is_reached(self) -> bool:
        """Whether a limit is reached; ``reached`` then says which."""
        self.reached = self.budget.over(self.used, self.price)
        return self.reached is not None

    def within(self, names: Iterable[str]) -> Iterator[str]:
        """The names, until a limit is reached."""
        for name in names:
            if self.is_reached():
                return
            yield name

    def save(self) -> None:
        """Write the account into the run folder."""
        used = self.used
        content: dict[str, Any] = asdict(used) | {"seconds": round(used.seconds, 3)}
        if self.price:
            content |= {"cost": round(used.cost(self.price), 6), "price": asdict(self.price)}
        write_atomic(self.place, json.dumps(content, indent=1))


class Meter:
    """What a process has used since it last said so.

    >>> counts = {"requests": 3, "prompt_tokens": 500, "completion_tokens": 60}
    >>> meter = Meter(lambda: counts)
    >>> meter.since().requests, meter.since().requests
    (3, 0)
    """

    def __init__(self, counts: Callable[[], Mapping[str, Any]] | None) -> None:
        self._counts, self._said = counts, Account()

    def since(self) -> Account:
        """Requests and tokens since the last call."""
        now = counted_by(self._counts)
        used, self._said = now - self._said, now
        return used


def counted_by(counts: Callable[[], Mapping[str, Any]] | None) -> Account:
    """A describer's own counts; nothing where it counts nothing."""
    said = counts() if counts else {}
    return Account(**{name: int(said.get(name, 0)) for name in ("requests", "prompt_tokens", "completion_tokens")})


def keep(run: Path, used: Account) -> None:
    """Write an account into a run folder, without a price; none of nothing."""
    if used != Account():
        write_atomic(run / FILE, json.dumps(asdict(used) | {"seconds": round(used.seconds, 3)}, indent=1))


def kept(run: Path) -> Account:
    """The account of a run; one of nothing where none was kept.

    Raises:
        ChatdescError: it cannot be read back.
    """
    try:
        said = json.loads((run / FILE).read_text(encoding="utf-8"))
        whole = [int(said[name]) for name in ("requests", "prompt_tokens", "completion_tokens")]
        return Account(whole[0], whole[1], whole[2], float(said["seconds"]))
    except FileNotFoundError:
        return Account()
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ChatdescError(
            f"{run / FILE}: cannot be read back, so what was used is unknown; remove it to count from nothing"
        ) from error


def ledger_of(
    run: Path, describer: str, counts: Callable[[], Mapping[str, Any]] | None, limits: Iterable[str], prices: str | None
) -> Ledger:
    """The ledger of a run whose budget is given as ``NAME=NUMBER``.

    Args:
        describer: as the settings name it, to find its price.
        prices: a file of prices in place of the package's own.

    Raises:
        ChatdescError: a limit is no limit, the describer has no price, or counts nothing that is limited.
    """
    budget = Budget.of(limits)
    asked = [name for name in ("requests", "tokens", "money") if getattr(budget, name) is not None]
    if asked and (counts is None or "requests" not in counts()):
        raise ChatdescError(f"--budget {asked[0]}: {describer} counts no requests; limit hours")
    if prices and budget.money is None:
        raise ChatdescError("--prices: of no use without --budget money=N")
    price = price_of(describer, prices) if budget.money is not None else None
    return Ledger(run, counts, budget, price)
