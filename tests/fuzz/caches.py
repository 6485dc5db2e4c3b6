"""``annotate`` with a cache of answers in each of its states, and the same requests as the run that filled it.

Wrong: exit code 0 with a dataset that is not the undisturbed one; an answer that was readable is asked for again;
a file that is no cache is not refused with exit code 2, or is changed.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.fuzz.command import Done
from tests.fuzz.outcome import Outcome, drawn
from tests.fuzz.scene import difference, first, fresh, published
from tests.fuzz.served import annotate, undisturbed
from tests.standins.caches import KEPT, REFUSED, STATES
from tests.standins.model_server import ModelServer, model_server

FIGURES, NUMBER = "cache states", len(STATES)


def run(seed: int = 0, tries: int = NUMBER) -> Outcome:
    """All states in an order that the seed decides; at most ``tries``."""
    states = drawn(STATES, seed, tries)
    outcome = Outcome()
    for state in states:
        with model_server() as server:
            _one(outcome, server, state)
    return outcome


def _one(outcome: Outcome, server: ModelServer, state: str) -> None:
    folder, (run_folder, expected) = fresh(), undisturbed()
    cache = folder / "cache" / "requests.sqlite"
    cache.parent.mkdir()
    shutil.copy(run_folder / "requests.sqlite", cache)
    STATES[state](cache)
    as_left = _content(cache)
    done = annotate(folder / "run", server, "--cache", cache)
    if state in REFUSED and done.code:
        wrong = _refused(done, as_left, cache)
    else:
        asked = f"asked {len(server.chats)} times again" if state in KEPT and server.chats else ""
        code = f"exit code {done.code}, {done.said}" if done.code else ""
        wrong = first((code, difference(expected, published(folder / "run" / "dataset")), asked))
    outcome.add(state, wrong, done.crash)


def _content(cache: Path) -> bytes | None:
    return cache.read_bytes() if cache.is_file() else None


def _refused(done: Done, as_left: bytes | None, cache: Path) -> str:
    return first(
        (
            f"exit code {done.code}, {done.said}" if done.code != 2 else "",
            "the file that was refused has changed" if _content(cache) != as_left else "",
        )
    )
