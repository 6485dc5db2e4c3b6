"""``push`` while the Hub refuses, breaks off or is too busy; then it is well.

Wrong: exit code 0 without every row at the Hub; a failed push has published anything; the advice is not about this
fault, or the Hub's own words are not quoted; the second push does not end with every row at the Hub.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.fuzz.outcome import Outcome, drawn
from tests.fuzz.pushes import Pusher, pushing
from tests.fuzz.scene import difference, first, scene
from tests.standins.hub import Fault

COMMIT, UPLOAD, BATCH, TREE = "/commit/", "^/upload/", "/objects/batch", "/tree/"
LIMITED = {"RateLimit": '"api";r=0;t=37', "RateLimit-Policy": '"fixed window";"api";q=500;w=300'}
QUOTED = "asked for by a test"


@dataclass(frozen=True)
class Case:
    """A fault, how often it comes, and a word that the message must hold where the push fails."""

    name: str
    method: str
    path: str
    status: int
    times: int = 99
    headers: tuple = ()
    says: str = ""


CASES = (
    Case("create: 401", "POST", "/repos/create", 401, says="token"),
    Case("create: 403", "POST", "/repos/create", 403, says=QUOTED),
    Case("preupload: 403", "POST", "/preupload/", 403, says=QUOTED),
    Case("batch: 403", "POST", BATCH, 403, says=QUOTED),
    Case("batch: 413", "POST", BATCH, 413, says=QUOTED),
    Case("batch: cut once", "POST", BATCH, 0, 1),
    Case("upload: 500 once", "PUT", UPLOAD, 500, 1),
    Case("upload: 403", "PUT", UPLOAD, 403),
    Case("upload: cut", "PUT", UPLOAD, 0),
    Case("commit: 403, a quota", "POST", COMMIT, 403, says=QUOTED),
    Case("commit: 403, gated", "POST", COMMIT, 403, headers=(("X-Error-Code", "GatedRepo"),), says="gated"),
    Case("commit: 403, disabled", "POST", COMMIT, 403, headers=(("X-Error-Code", "DisabledRepo"),), says=QUOTED),
    Case("commit: 409", "POST", COMMIT, 409, says="somebody"),
    Case("commit: 412 once", "POST", COMMIT, 412, 1),
    Case("commit: 412", "POST", COMMIT, 412, says="others"),
    Case("commit: 422", "POST", COMMIT, 422, says=QUOTED),
    Case("commit: 429 with a wait", "POST", COMMIT, 429, headers=(("Retry-After", "37"),), says="37"),
    Case("commit: 429 with RateLimit", "POST", COMMIT, 429, headers=tuple(LIMITED.items()), says="37"),
    Case("commit: 500 once", "POST", COMMIT, 500, 1),
    Case("commit: 500", "POST", COMMIT, 500, says="500"),
    Case("commit: 503", "POST", COMMIT, 503, says="503"),
    Case("commit: cut", "POST", COMMIT, 0, says="connection"),
    Case("tree: 500", "GET", TREE, 500, says="500"),
    Case("tree: cut", "GET", TREE, 0, says="connection"),
    Case("info: 404", "GET", "/api/datasets/ada/[^/]+(/revision/main)?$", 404),
)
FIGURES, NUMBER = "faults of the Hub", len(CASES)


def run(seed: int = 0, tries: int = NUMBER) -> Outcome:
    """All cases in an order that the seed decides; at most ``tries``."""
    cases = drawn(CASES, seed, tries)
    outcome = Outcome()
    with pushing() as pusher:
        for number, case in enumerate(cases):
            _one(outcome, pusher, case, f"ada/faults-{number}")
    return outcome


def _one(outcome: Outcome, pusher: Pusher, case: Case, name: str) -> None:
    pusher.hub.uploads.clear()  # or else a client need not upload what another repository has
    pusher.hub.faults[:] = [Fault(case.method, case.path, case.status, case.times, dict(case.headers))]
    done = pusher.push(name)
    met = pusher.hub.faults[0].times < case.times
    pusher.hub.faults.clear()
    there = _there(pusher, name)
    again = pusher.push(name)
    wrong = first(
        (
            "" if met else "the fault was never met",
            f"exit code 0, {difference(scene().rows, there)}" if done.code == 0 and there != scene().rows else "",
            f"exit code {done.code} and {len(there)} rows published" if done.code and there else "",
            f"exit code {done.code}" if done.code not in (0, 2, 3) else "",
            f"says {done.said!r} without {case.says!r}" if done.code and case.says not in done.err else "",
            f"again: exit code {again.code}, {again.said}" if again.code else "",
            difference(scene().rows, _there(pusher, name)),
        )
    )
    outcome.add(case.name, wrong, done.crash or again.crash)


def _there(pusher: Pusher, name: str) -> dict:
    return pusher.pushed(name) if name in pusher.hub.repositories else {}
