"""A rename, a sync or another call of the file system fails while a command writes; then it works again.

Wrong: exit code 0 with files that are not the undisturbed ones; another exit code than 3 (the machine) for a failure
that stays; the same command again does not give the undisturbed files; a person's own text is in neither the file nor
its ``.orig``. Lost: a row that was finished and then is not the same.
"""

from __future__ import annotations

import random
import shutil
from pathlib import Path

from tests.fuzz.command import Done, command, process
from tests.fuzz.outcome import Outcome
from tests.fuzz.scene import difference, finished, first, fresh, lost, published, scene

FIGURES, NUMBER = "errors of rename and fsync", 24
CODES = ("EIO", "ENOSPC", "EROFS", "EBUSY", "ESTALE", "EACCES", "EDQUOT")
CALLS = ("replace", "replace", "fsync", "fsync", "open", "mkdir", "exchange")


def run(seed: int = 0, tries: int = NUMBER) -> Outcome:
    """In turn annotate, export over a person's texts, and write-back over them."""
    chance, outcome = random.Random(seed), Outcome()
    kinds = (_annotate, _export, _write_back)
    for number in range(tries):
        fault = (chance.choice(CALLS), chance.choice(CODES), chance.randint(1, 6), chance.choice((0, 0, 1, 2)))
        kinds[number % len(kinds)](outcome, fault)
    return outcome


def _annotate(outcome: Outcome, fault: tuple) -> None:
    out = fresh() / "run"
    failed = process(*fault, out.parent, "--", *scene().annotate(out), module="tests.standins.failing_files")
    before = finished(out)
    differs = difference(scene().rows, published(out / "dataset")) if failed.code == 0 else ""
    again = command(*scene().annotate(out))
    after = difference(scene().rows, published(out / "dataset")) or _leftovers(out.parent)
    outcome.add(
        _case("annotate", fault),
        _judged(failed, differs, again, after),
        failed.crash or again.crash,
        len(lost(before, finished(out))),
    )


def _export(outcome: Outcome, fault: tuple) -> None:
    to = fresh()
    _over_texts(outcome, "export", fault, to, ["export", scene().run, "--to", to, "--layout", "lasot", "--overwrite"])


def _write_back(outcome: Outcome, fault: tuple) -> None:
    to = fresh()
    _over_texts(outcome, "write-back", fault, to, ["write-back", scene().run, to, "--in-place"])


def _over_texts(outcome: Outcome, what: str, fault: tuple, to: Path, line: list) -> None:
    shutil.copytree(scene().root, to, dirs_exist_ok=True)
    own = _texts(to)
    failed = process(*fault, to, "--", *line, module="tests.standins.failing_files")
    gone = _gone(own, to)
    differs = "" if failed.code or _texts(to) == _wanted(line) else "exit code 0 with other texts"
    again = command(*line)
    after = first((gone, _gone(own, to), "" if _texts(to) == _wanted(line) else "other texts", _leftovers(to)))
    outcome.add(_case(what, fault), _judged(failed, differs, again, after), failed.crash or again.crash)


def _judged(failed: Done, differs: str, again: Done, after: str) -> str:
    return first(
        (
            f"exit code 0, {differs}" if differs else "",
            f"exit code {failed.code}, {failed.said}" if failed.code not in (0, 3) else "",
            f"again: exit code {again.code}, {again.said}" if again.code else "",
            after,
        )
    )


def _texts(root: Path) -> dict[str, bytes]:
    return {path.parent.name: path.read_bytes() for path in root.rglob("nlp.txt")}


def _gone(own: dict[str, bytes], root: Path) -> str:
    kept = [{path.read_bytes() for path in root.rglob(f"{name}/nlp.txt*")} for name in own]
    missing = [name for name, texts in zip(own, kept, strict=True) if own[name] not in texts]
    return f"the text of {', '.join(missing)} is gone" if missing else ""


def _wanted(line: list) -> dict[str, bytes]:
    """The texts that the command writes where nothing fails."""
    to = fresh()
    shutil.copytree(scene().root, to, dirs_exist_ok=True)
    there = line[line.index("--to") + 1] if "--to" in line else line[2]
    assert command(*(to if word == there else word for word in line)).code == 0
    return _texts(to)


def _leftovers(folder: Path) -> str:
    left = [path.name for path in folder.rglob("*") if path.name.endswith((".tmp", ".new", ".old"))]
    return f"left behind: {', '.join(left[:3])}" if left else ""


def _case(what: str, fault: tuple) -> str:
    call, code, at, times = fault
    return f"{what}: {call} {at} fails with {code}, {times or 'all'} times"
