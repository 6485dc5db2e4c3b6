"""Pushes into repositories whose card people have edited by hand.

Wrong: others' words, or a key of their YAML, are gone after a push that says it is done; the new card cannot be read as
YAML or does not name the configuration; the same push again changes the card; a refused push has published anything, or
names no line; one is refused whose card is sound YAML of the shapes that the Hub documents (SOUND).
"""

from __future__ import annotations

import re

import yaml

from tests.fuzz.command import Done
from tests.fuzz.outcome import Outcome, drawn
from tests.fuzz.pushes import Pusher, pushing
from tests.fuzz.scene import difference, first, scene
from tests.standins.hostile_cards import CARDS, OTHERS

SOUND = {
    "no YAML",
    "nothing but words",
    "an empty YAML",
    "a comment for YAML",
    "Windows line ends",
    "a byte order mark",
}
SOUND |= {"a rule among the words", "a list of licences", "configs of others", "a mapping in a line"}
FIGURES, NUMBER = "repository cards edited by hand", len(CARDS)
FRONT = re.compile(r"\A\ufeff?---[ \t]*\r?\n(.*?)^---[ \t]*(?:\r?\n|\Z)", re.S | re.M)


def run(seed: int = 0, tries: int = NUMBER) -> Outcome:
    """All cards in an order that the seed decides; at most ``tries``."""
    shapes = drawn(CARDS, seed, tries)
    outcome = Outcome()
    with pushing() as pusher:
        for number, shape in enumerate(shapes):
            _one(outcome, pusher, shape, f"ada/cards-{number}")
    return outcome


def _one(outcome: Outcome, pusher: Pusher, shape: str, name: str) -> None:
    pusher.hub.put(name, {"README.md": CARDS[shape], "theirs/a.txt": b"theirs"})
    head = pusher.hub.head(name)
    done = pusher.push(name)
    if done.code:
        wrong = _refused(shape, done, head == pusher.hub.head(name))
    else:
        card = pusher.hub.files(name)["README.md"]
        again = pusher.push(name)
        grown = pusher.hub.files(name)["README.md"] != card
        wrong = first(
            (
                _kept(CARDS[shape].decode("utf-8", "replace"), card.decode("utf-8", "replace")),
                f"again: exit code {again.code}, {again.said}" if again.code else "",
                "the second push changes the card" if grown else "",
                "" if b"theirs" in pusher.hub.files(name).get("theirs/a.txt", b"") else "a file of others is gone",
                difference(scene().rows, pusher.pushed(name)),
            )
        )
    outcome.add(shape, wrong, done.crash)


def _refused(shape: str, done: Done, untouched: bool) -> str:
    return first(
        (
            "" if untouched else "refused, and published",
            f"exit code {done.code}" if done.code != 2 else "",
            f"refused: {done.said}" if shape in SOUND else "",
            "" if re.search(r"line \d+", done.err) else f"no line in {done.said!r}",
        )
    )


def _kept(old: str, new: str) -> str:
    """What of others is gone, or why the card is no card."""
    front = FRONT.match(new)
    try:
        metadata = yaml.safe_load(front[1]) if front else None
    except yaml.YAMLError as error:
        return f"its YAML cannot be read: {str(error)[:80]}"
    if not isinstance(metadata, dict):
        return "it has no YAML"
    configs = metadata.get("configs")
    named = (
        [entry.get("config_name") for entry in configs if isinstance(entry, dict)] if isinstance(configs, list) else []
    )
    gone = [key for key in _keys(old) if key not in metadata]
    return first(
        (
            "others' words are gone" if OTHERS not in new else "",
            f"the keys {gone} are gone" if gone else "",
            "" if "lasot" in named else "the configuration is not named",
            "the entry of others is gone" if "config_name: theirs" in old and "theirs" not in named else "",
        )
    )


def _keys(card: str) -> list:
    front = FRONT.match(card)
    try:
        found = yaml.safe_load(front[1]) if front else {}
    except (yaml.YAMLError, ValueError, RecursionError):
        return []
    return list(found) if isinstance(found, dict) else []
