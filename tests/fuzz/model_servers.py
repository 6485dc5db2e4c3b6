"""``annotate`` with a model server in each of its states: always, after its first answers, in later rounds only.

Wrong: exit code 0 with a dataset that is not the undisturbed one; a row without a failure that is not the undisturbed
one; no end within LONGEST seconds; the same command with the server back does not end in the undisturbed dataset.

A whole answer without a description is no failure: the loop asks once more, or goes on without it. There it is wrong if
a row has a text that the server never said, or if a new run with the same cache does not end in the undisturbed
dataset.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

from chatdesc.engine.run import failed
from tests.fuzz.command import Done
from tests.fuzz.outcome import Outcome, drawn
from tests.fuzz.scene import Rows, difference, finished, first, fresh, published
from tests.fuzz.served import annotate, undisturbed
from tests.makers.full_rows import same
from tests.standins.model_server import ANSWERS, STATES, ModelServer, good, model_server

LONGEST = 15
WHEN: dict[str, Callable[[ModelServer, str], None]] = {
    "always": lambda server, state: server.always(state),
    "after two answers": lambda server, state: server.after(2, state),
    "in later rounds": lambda server, state: server.later(state),
}
FIGURES, NUMBER = "model servers: states x moments", 3 * (len(STATES) + 1)
GONE = "refuses connections"


def run(seed: int = 0, tries: int = NUMBER) -> Outcome:
    """All pairs of a state and a moment, in an order that the seed decides; at most ``tries``."""
    pairs = drawn([(state, when) for state in (*STATES, GONE) for when in WHEN], seed, tries)
    outcome = Outcome()
    for state, when in pairs:
        with model_server() as server:
            _one(outcome, server, state, when)
    return outcome


def _one(outcome: Outcome, server: ModelServer, state: str, when: str) -> None:
    folder, (_, expected) = fresh(), undisturbed()
    out, shared = folder / "run", ("--cache", folder / "requests.sqlite")
    begin = time.monotonic()
    sick = _disturbed(server, out, state, when, shared)
    took = time.monotonic() - begin
    before = finished(out)
    server.well()
    again = annotate(out, server, *shared)
    answered = state in ANSWERS
    anew = annotate(folder / "anew", server, *shared) if answered else again
    wrong = first(
        (
            f"{took:.0f} s" if took > LONGEST else "",
            _invented(before, server, expected) if answered else _kept(sick, before, expected),
            f"again: exit code {again.code}, {again.said}" if again.code else "",
            difference(expected, published((folder / "anew" if answered else out) / "dataset")),
        )
    )
    outcome.add(f"{state}, {when}", wrong, sick.crash or again.crash or anew.crash)


def _disturbed(server: ModelServer, out: Path, state: str, when: str, shared: tuple) -> Done:
    if state != GONE:
        WHEN[when](server, state)
        return annotate(out, server, *shared)
    if when == "always":
        server.go_away()
        done = annotate(out, server, *shared)
        server.come_back()
        return done
    WHEN[when](server, "goes away")
    done = annotate(out, server, *shared)
    if server.away:
        server.come_back()
    return done


def _kept(done: Done, rows: Rows, expected: Rows) -> str:
    """What of a disturbed run is kept as right though it is not."""
    said = sorted(name for name, row in rows.items() if not failed(row))
    other = [name for name in said if not _equal(rows[name], expected[name])]
    if other:
        return f"kept as right: {', '.join(other)}"
    if done.code not in (0, 1, 2):
        return f"exit code {done.code}, {done.said}"
    return "exit code 0 with failed rows" if done.code == 0 and len(said) < len(expected) else ""


def _equal(row: dict, published_row: dict) -> bool:
    """Whether a row of a run folder has the texts of a published one."""
    return all(same(row[key], published_row[key]) for key in ("text", "status", "text_source", "background"))


def _invented(rows: Rows, server: ModelServer, expected: Rows) -> str:
    """A text of a run with unreadable answers that no readable one holds."""
    said = {json.loads(good(body).body["choices"][0]["message"]["content"])["target"] for body in server.chats}
    for name, row in rows.items():
        if not failed(row) and row["text"] not in said | {expected[name]["manual_text"]}:
            return f"{name} has the text {row['text']!r}"
    return ""
