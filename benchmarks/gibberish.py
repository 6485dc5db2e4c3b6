"""Gibberish and lists of words, found in published texts that were labelled by hand.

    python benchmarks/gibberish.py [FOLDER]

FOLDER holds the published files that tests/checks/published_verdicts.csv names: JSON objects of sequences and their
texts; by default published_texts of the shared data (see shared_data.py). The verdicts: ``random`` (random letters),
``list`` (attributes between commas), ``words`` (single words in a row), ``cut`` (words that were cut off), ``phrase``
(anything else).
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from shared_data import shared_folder

from chatdesc.checks.base import Check, Subject
from chatdesc.checks.gibberish import GibberishCheck
from chatdesc.checks.word_lists import WordListCheck
from chatdesc.tables import Record, plain_table

VERDICTS = Path(__file__).parents[1] / "tests" / "checks" / "published_verdicts.csv"
LISTS = frozenset({"list", "words", "cut"})


def labelled(folder: Path) -> Iterator[tuple[str, str]]:
    """The texts with their verdicts."""
    files: dict[str, dict[str, list[str]]] = {}
    with VERDICTS.open(newline="", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            if row["file"] not in files:
                files[row["file"]] = json.loads((folder / f"{row['file']}.json").read_text(encoding="utf-8"))
            yield files[row["file"]][row["sequence"]][int(row["number"])], row["verdict"]


def score(name: str, checks: list[Check], wanted: frozenset[str], texts: list[tuple[str, str]]) -> Record:
    """How many texts of the wanted verdicts the checks find, and how many of those that they find are wanted."""
    found = [any(check.find(Subject("", text)) for check in checks) for text, _ in texts]
    right = sum(hit and verdict in wanted for hit, (_, verdict) in zip(found, texts, strict=True))
    total = sum(verdict in wanted for _, verdict in texts)
    share = right / sum(found) if any(found) else None
    return {"texts": name, "labelled": total, "found": sum(found), "precision": share, "recall": right / total}


def table(folder: Path) -> list[Record]:
    """A row per kind of text."""
    texts = list(labelled(folder))
    gibberish, lists = GibberishCheck(), WordListCheck()
    return [
        score("random letters", [gibberish], frozenset({"random"}), texts),
        score("written by a machine", [gibberish, lists], LISTS | {"random"}, texts),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?")
    folder = parser.parse_args().folder or shared_folder("published_texts") / "published_texts"
    Console().print(plain_table(table(folder), "200 published texts"))


if __name__ == "__main__":
    main()
