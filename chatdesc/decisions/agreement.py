"""``chatdesc.agreement``: how far reviewers agree, and where they differ.

>>> kappa([("accept refined", "accept refined"), ("reject", "reject"), ("reject", "accept refined"), ("flag", "flag")])
0.636...
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from chatdesc.decisions.decision import Decision, Key, standing
from chatdesc.decisions.journal import Journal
from chatdesc.decisions.outcome import end
from chatdesc.decisions.review import folder_of
from chatdesc.page.material import StrPath
from chatdesc.tables import Record, Tabular
from chatdesc.types import ChatdescError


@dataclass(frozen=True, slots=True)
class Pair:
    """Two reviewers, and the rows about which a decision of both stands; skips do not count.

    Attributes:
        both: how many rows these are.
        same: share of them with the same category: accept manual, accept refined, edit, reject or flag.
        kappa: Cohen's kappa of the categories; None where both have one category alone, or no row.
        differing: the rows whose decisions come to another end; two edits may differ in their texts.
        others: rows that both decided, but after they had seen different texts; they do not count.
    """

    reviewers: tuple[str, str]
    both: int
    same: float | None
    kappa: float | None
    differing: tuple[tuple[Decision, Decision], ...]
    others: int = 0

    def table(self) -> list[Record]:
        """One record per row that differs: what each of the two decided."""
        return [
            {"sequence": one.sequence, one.reviewer: _told(one), other.reviewer: _told(other)}
            for one, other in self.differing
        ]


@dataclass(frozen=True, slots=True)
class Agreement(Tabular):
    """How far reviewers agree, each pair of them."""

    pairs: tuple[Pair, ...]

    def records(self) -> list[Record]:
        """One record per pair of reviewers."""
        return [
            {
                "reviewers": " and ".join(pair.reviewers),
                "rows both decided": pair.both,
                "same category": pair.same,
                "Cohen's kappa": pair.kappa,
                "rows that differ": len(pair.differing),
            }
            for pair in self.pairs
        ]


def agreement(source: StrPath, *, decisions: StrPath | None = None) -> Agreement:
    """Compare the decisions of each two reviewers.

    Args:
        source: the run that was reviewed.
        decisions: the folder of decisions; None takes ``RUN/review``.

    Raises:
        ChatdescError: there are decisions of fewer than two reviewers, or a journal is damaged.
    """
    folder = folder_of(source, decisions)
    by_reviewer: dict[str, dict[Key, Decision]] = {}
    for (reviewer, key), made in standing(Journal(folder).read()).items():
        if made.verdict != "skip":
            by_reviewer.setdefault(reviewer, {})[key] = made
    if len(by_reviewer) < 2:
        who = f"those of {next(iter(by_reviewer))} alone" if by_reviewer else "none"
        raise ChatdescError(f"{folder}: agreement needs decisions of two reviewers; it holds {who}")
    names = sorted(by_reviewer)
    return Agreement(tuple(_pair(by_reviewer[a], by_reviewer[b], (a, b)) for a, b in combinations(names, 2)))


def _pair(one: dict[Key, Decision], other: dict[Key, Decision], reviewers: tuple[str, str]) -> Pair:
    common = [(one[key], other[key]) for key in one if key in other]
    both = [(a, b) for a, b in common if "" in (a.seen, b.seen) or a.seen == b.seen]
    labels = [_labels(a, b) for a, b in both]
    same = sum(a == b for a, b in labels) / len(labels) if labels else None
    differing = tuple((a, b) for a, b in both if end(a) != end(b))
    return Pair(reviewers, len(both), same, kappa(labels), differing, len(common) - len(both))


def _labels(a: Decision, b: Decision) -> tuple[str, str]:
    """The categories of two decisions; where both texts of a row are the same, so is accepting either."""
    if a.verdict == b.verdict == "accept" and a.text == b.text:
        return _label(a), _label(a)
    return _label(a), _label(b)


def _label(made: Decision) -> str:
    return f"accept {made.side}" if made.verdict == "accept" else made.verdict


def kappa(labels: Sequence[tuple[str, str]]) -> float | None:
    """Cohen's kappa: (p_o - p_e) / (1 - p_e).

    p_o is the share of items with equal labels, p_e the share that two raters with these frequencies of labels would
    have by chance: the sum over labels of the product of both raters' shares. J. Cohen, "A Coefficient of Agreement for
    Nominal Scales", Educational and Psychological Measurement 20(1), 1960, pp. 37-46.

    Args:
        labels: one pair per item: the first rater's label and the second's.

    Returns:
        At most 1; 0 is chance. None where it is not defined: no item, or one label alone.
    """
    count = len(labels)
    one, other = (Counter(column) for column in zip(*labels, strict=True)) if labels else (Counter(), Counter())
    by_chance = sum(one[label] * other[label] for label in one)  # p_e times count squared
    if count * count == by_chance:
        return None
    equal = sum(a == b for a, b in labels)
    return (equal * count - by_chance) / (count * count - by_chance)


def _told(made: Decision) -> str:
    said = [_label(made), *([made.kind] if made.kind else [])]
    more = [f'"{made.text}"'] if made.verdict == "edit" else [made.reason] if made.reason else []
    return ": ".join([" ".join(said), *more])
