"""``chatdesc evaluate``: trackers' result folders scored under a named protocol.

>>> truths = read_truths(chatdesc.load("lasot", root, split="test"))                          # doctest: +SKIP
>>> one = evaluate(ResultFolder("results/mine"), truths, "lasot", PROTOCOLS["lasot"])          # doctest: +SKIP
>>> one.overall().auc                                                                         # doctest: +SKIP
0.4902

The arithmetic is ``metrics/ope.py``, the tables ``evaluate_tables.py``; here results meet their sequences. Whatever had
to be mended, was refused or is missing is said: in a note of the sequence, and in how many sequences a number rests on.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain, groupby, islice
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from chatdesc.evaluation.results import SHOWN, Found, Parsed, ResultFolder, lines_in, parse_results
from chatdesc.metrics.ope import Score, mean_score, score_many
from chatdesc.metrics.protocols import PROTOCOLS, Rules
from chatdesc.types import ChatdescError

Floats = NDArray[np.float64]
Missing = Literal["skip", "zero", "error"]

# The protocol of those who published the dataset.
OWN = {"lasot": "lasot", "lasot_ext": "lasot", "tnl2k": "tnl2k", "otb-lang": "otb", "synthetic": "lasot"}
CHUNK = 4 << 20  # bytes of result files parsed in one call
MOST = 1024  # files in one call, however short they are
THREADS = min(4, os.cpu_count() or 1) + 1  # one waits for Python while the others compute
AHEAD = 16  # sequences of a tracker from which is told what its files begin with
WRITTEN = 0.01  # pixels: what two decimals may lose


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """A sequence's boxes [N, 4] xywh, visibility [N] (None where it is not known), and what was odd about the files."""

    boxes: Floats
    visible: NDArray[np.bool_] | None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """One sequence of one tracker. Without a score it is missing or was refused; ``notes`` say why."""

    sequence: str
    score: Score | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """One tracker under one protocol: a line per sequence, in the dataset's order."""

    tracker: str
    rules: Rules
    lines: tuple[Line, ...]
    missing: Missing

    def overall(self, names: frozenset[str] | None = None) -> Score | None:
        """The mean over the sequences (of ``names``), None where none was scored and what is missing counts nothing."""
        lines = [line for line in self.lines if names is None or line.sequence in names]
        scores = [line.score for line in lines if line.score is not None]
        if not scores:
            return no_hits(self.rules) if lines and self.missing == "zero" else None
        mean = mean_score(scores, self.rules)
        if self.missing != "zero" or len(scores) == len(lines):
            return mean
        # Zeros by weight: as curves of their own some protocols would leave them out of the mean again.
        share = len(scores) / len(lines)
        success, precision, norm = mean.success * share, mean.precision * share, mean.norm_precision * share
        return replace(mean, success=success, precision=precision, norm_precision=norm)

    def rests_on(self, names: frozenset[str] | None = None) -> str:
        """How many sequences the mean rests on, of how many: ``98/100``."""
        lines = [line for line in self.lines if names is None or line.sequence in names]
        count = len(lines) if self.missing == "zero" else sum(line.score is not None for line in lines)
        return f"{count}/{len(lines)}"


def no_hits(rules: Rules) -> Score:
    """The score of a sequence that is nothing but misses."""
    zeros = (np.zeros(len(t)) for t in (rules.success_thresholds, rules.precision_thresholds, rules.norm_thresholds))
    success, precision, norm = zeros
    return Score(rules, success, precision, norm, frames=0)


def rules_for(dataset: str, protocol: str | None) -> tuple[Rules, str]:
    """The rules asked for, or the dataset's own; and a warning where they are not the dataset's own.

    Raises:
        ChatdescError: no such protocol, or none was named for a dataset that has none of its own.
    """
    own = OWN.get(dataset)
    known = ", ".join(PROTOCOLS)
    if protocol is None and own is None:
        raise ChatdescError(f"{dataset} has no protocol of its own; add --protocol with one of: {known}")
    chosen = protocol or str(own)
    if chosen not in PROTOCOLS:
        raise ChatdescError(f"there is no protocol {chosen!r}; known are {known}")
    rules = PROTOCOLS[chosen]
    if own is None or own == chosen:
        return rules, ""
    return rules, (
        f"{chosen} is not {dataset}'s own protocol ({own}): these numbers do not compare with those of "
        f"{PROTOCOLS[own].source}"
    )


def about_flags(dataset: str, truths: dict[str, Truth], protocols: Sequence[Rules]) -> list[str]:
    """A line where protocols read no marks of absence from a dataset that has them."""
    blind = [rules.name for rules in protocols if not rules.on(dataset).absent_is_miss]
    if not blind or all(t.visible is None for t in truths.values()):
        return []
    read = "read" if len(blind) > 1 else "reads"
    return [f"{', '.join(blind)} {read} no marks of absence on {dataset}: absent frames are scored as they stand"]


def about_truths(truths: dict[str, Truth]) -> list[str]:
    """What was odd about the ground truth and was mended, and which sequences alone have no marks of absence."""
    said = [problem for truth in truths.values() for problem in truth.problems]
    more = [f"... and {len(said) - SHOWN} more remarks on the ground truth"] if len(said) > SHOWN else []
    bare = [name for name, truth in truths.items() if truth.visible is None]
    if bare and len(bare) < len(truths):
        names = ", ".join(bare[:SHOWN]) + (" ..." if len(bare) > SHOWN else "")
        more.append(f"{len(bare)} of {len(truths)} sequences have no marks of absence, unlike the others: {names}")
    return [*said[:SHOWN], *more]


def read_truths(dataset: Any) -> dict[str, Truth]:
    """Boxes, float64 as written, and visibility of all sequences.

    Raises:
        ChatdescError: a sequence has no boxes, or a line of them cannot be read.
    """
    truths: dict[str, Truth] = {}
    for annotation in dataset.annotations():
        if not len(annotation.boxes):
            raise ChatdescError(
                f"{annotation.name}: its ground truth cannot be read, or is empty; --split or --sequences leaves it out"
            )
        unread = [problem.message for problem in annotation.problems if problem.kind == "bad_boxes"]
        if unread:
            raise ChatdescError(f"the ground truth of {annotation.name} cannot be trusted: {unread[0]}")
        boxes = np.asfortranarray(annotation.boxes, np.float64)
        truths[annotation.name] = Truth(boxes, annotation.visible, tuple(p.message for p in annotation.problems))
    return truths


def evaluate(
    folder: ResultFolder,
    truths: dict[str, Truth],
    dataset: str,
    rules: Rules,
    missing: Missing = "error",
    on_sequences: Callable[[int], None] = lambda count: None,
) -> Evaluation:
    """Score a tracker's results under one protocol; see ``evaluate_all``.

    Raises:
        ChatdescError: nothing matches, or a result is missing or refused and that is an error.
    """
    [one] = evaluate_all(folder, truths, dataset, [rules], missing, on_sequences)
    if isinstance(one, ChatdescError):
        raise one
    return one


def evaluate_all(
    folder: ResultFolder,
    truths: dict[str, Truth],
    dataset: str,
    protocols: Sequence[Rules],
    missing: Missing = "error",
    on_sequences: Callable[[int], None] = lambda count: None,
) -> list[Evaluation | ChatdescError]:
    """Score a tracker's results under several protocols; see ``evaluate_trackers``.

    Raises:
        ChatdescError: no file of the folder is a sequence of this dataset.
    """
    folder.match(list(truths))
    [found] = evaluate_trackers([folder], truths, dataset, protocols, missing, on_sequences)
    return found


def evaluate_trackers(
    folders: Sequence[ResultFolder],
    truths: dict[str, Truth],
    dataset: str,
    protocols: Sequence[Rules],
    missing: Missing = "error",
    on_sequences: Callable[[int], None] = lambda count: None,
) -> Iterator[list[Evaluation | ChatdescError]]:
    """Score trackers under several protocols, every file read once; the next tracker is begun while one ends.

    Args:
        missing: a sequence without a result, or with one that is refused, is left out (``skip``), counts as nothing
            but misses (``zero``), or is an ``error``.
        on_sequences: called now and then with how many more are done.

    Yields:
        Tracker by tracker, per protocol an evaluation, or the error where a result is missing or refused and that is
        one.

    Raises:
        ChatdescError: no file of a folder is a sequence of this dataset, and what is missing is an error.
    """
    here = [rules.on(dataset) for rules in protocols]

    def work(chunk: Chunk) -> list[list[Line]]:
        parsed = dict(zip(chunk.files, parse_results([data or b"" for data in chunk.files.values()]), strict=True))
        return [_lines(chunk, parsed, truths, rules) for rules in here]

    chunks = (chunk for folder in folders for chunk in _chunks(folder, truths, missing == "error"))
    for folder, parts in groupby(_in_order(chunks, work), key=lambda done: done[0].folder):
        lines: list[list[Line]] = [[] for _ in protocols]
        for chunk, part in parts:
            for kept, more in zip(lines, part, strict=True):
                kept.extend(more)
            on_sequences(len(chunk.files))
        yield [_whole(folder, rules, tuple(of), missing) for rules, of in zip(here, lines, strict=True)]


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """Some sequences of one tracker: which files are theirs, and what these hold (None: there is none to be read).

    ``begins``: whether files that are one row short begin with the given box; None: each says for itself.
    """

    folder: ResultFolder
    found: dict[str, Found]
    files: dict[str, bytes | None]
    begins: bool | None


def _chunks(folder: ResultFolder, truths: dict[str, Truth], required: bool) -> Iterator[Chunk]:
    """The files of all sequences, about CHUNK bytes at a time."""
    found = folder.match(list(truths), required)
    kept = {name: one.path for name, one in found.items() if not one.error}
    each = ((name, folder.read(kept[name]) if name in kept else None) for name in truths)
    ahead = list(islice(each, AHEAD))
    begins = _begins(ahead, truths)
    files: dict[str, bytes | None] = {}
    size = 0
    for name, data in chain(ahead, each):
        files[name] = data
        size += len(data or b"") + 1
        if size >= CHUNK or len(files) >= MOST:
            yield Chunk(folder, found, files, begins)
            files, size = {}, 0
    if files:
        yield Chunk(folder, found, files, begins)


def _begins(ahead: list[tuple[str, bytes | None]], truths: dict[str, Truth]) -> bool | None:
    """Whether a tracker's files begin with the given box, where most of them are one row short: as most of these do.

    A target that stands still in the first two frames makes a file look as if it began with the given box.
    """
    there = [(data.strip(), truths[name].boxes) for name, data in ahead if data]
    short = [(data, boxes) for data, boxes in there if lines_in(data) == len(boxes) - 1]
    if len(short) < 2 or 2 * len(short) <= len(there):
        return None
    parsed = zip(parse_results([data for data, _ in short]), short, strict=True)
    say = [_is_given(one.boxes[0], boxes[0]) for one, (_, boxes) in parsed if len(one.boxes)]
    return None if 2 * sum(say) == len(say) else 2 * sum(say) > len(say)


Done = tuple[Chunk, list[list[Line]]]


def _in_order(chunks: Iterator[Chunk], work: Callable[[Chunk], list[list[Line]]]) -> Iterator[Done]:
    """``work`` on every chunk in a few threads, one more waiting: the next files are read meanwhile."""
    with ThreadPoolExecutor(THREADS) as pool:
        pending: deque[tuple[Chunk, Future[list[list[Line]]]]] = deque()
        for chunk in chunks:
            pending.append((chunk, pool.submit(work, chunk)))
            if len(pending) > THREADS:
                yield _first(pending)
        while pending:
            yield _first(pending)


def _first(pending: deque[tuple[Chunk, Future[list[list[Line]]]]]) -> Done:
    chunk, future = pending.popleft()
    return chunk, future.result()


def _whole(folder: ResultFolder, rules: Rules, lines: tuple[Line, ...], missing: Missing) -> Evaluation | ChatdescError:
    lost = [line for line in lines if line.score is None]
    if not lost or missing != "error":
        return Evaluation(folder.name, rules, lines, missing)
    shown = "\n  ".join("; ".join(line.notes) for line in lost[:SHOWN])
    more = f"\n  ... and {len(lost) - SHOWN} more" if len(lost) > SHOWN else ""
    return ChatdescError(
        f"{folder.name}: {len(lost)} of {len(lines)} sequences have no result that {rules.name} can score:"
        f"\n  {shown}{more}\n--missing skip leaves them out, --missing zero counts them as misses"
    )


def _lines(chunk: Chunk, parsed: dict[str, Parsed], truths: dict[str, Truth], rules: Rules) -> list[Line]:
    folder, found = chunk.folder, chunk.found
    lost = {name: why for name in chunk.files if (why := _lost(chunk, name, parsed))}
    kept = [name for name in chunk.files if name not in lost]
    ready = {name: _ready(chunk, name, parsed[name].boxes, truths[name], rules) for name in kept}
    tracks, real, seen = ([getattr(one, k) for one in ready.values()] for k in ("track", "boxes", "visible"))
    scores = dict(zip(ready, score_many(tracks, real, seen, rules), strict=True))
    return [
        Line(name, None, (lost[name],)) if name in lost else _line(folder, name, ready[name], scores[name], found)
        for name in chunk.files
    ]


def _lost(chunk: Chunk, name: str, parsed: dict[str, Parsed]) -> str:
    """Why a sequence has no boxes to be scored; empty where it has."""
    path = chunk.folder.path
    if name not in chunk.found:
        return f"{path}: there is no {name}.txt"
    place = f"{path}/{chunk.found[name].path}"
    if chunk.files[name] is None:
        return chunk.found[name].error or f"{place}: cannot be read"
    if error := parsed[name].error:
        return f"{place}{':' if error[0].isdigit() else ': '}{error}"
    return ""


@dataclass(frozen=True, slots=True, eq=False)
class _Ready:
    """A track with the truth that it is scored against, and what was done to either."""

    track: Floats
    boxes: Floats
    visible: NDArray[np.bool_] | None
    notes: tuple[str, ...]


def _ready(chunk: Chunk, name: str, track: Floats, truth: Truth, rules: Rules) -> _Ready:
    truth, moved = _from_start(name, len(track), truth, rules)
    track, mended = _one_short(track, truth.boxes, rules, chunk.begins)
    notes = (*chunk.found[name].notes, *(note for note in (moved, mended) if note))
    return _Ready(track, truth.boxes, truth.visible, notes)


def _line(folder: ResultFolder, name: str, ready: _Ready, score: Score | ValueError, found: dict[str, Found]) -> Line:
    if isinstance(score, ValueError):
        return Line(name, None, (*ready.notes, f"{folder.path}/{found[name].path}: {score}"))
    return Line(name, score, (*ready.notes, *_counts(score, ready.track)))


def _from_start(name: str, rows: int, truth: Truth, rules: Rules) -> tuple[Truth, str]:
    first = rules.starts.get(name.lower(), 1)
    if first == 1 or rows != len(truth.boxes) - first + 1:
        return truth, ""
    visible = None if truth.visible is None else truth.visible[first - 1 :]
    return Truth(truth.boxes[first - 1 :], visible), f"starts at frame {first}, as {rules.name} has it"


def _one_short(track: Floats, truth: Floats, rules: Rules, begins: bool | None) -> tuple[Floats, str]:
    """A result that lacks one row: its last where it begins with the given box, else its first."""
    if rules.short != "refused" or len(track) != len(truth) - 1 or not len(track):
        return track, ""
    why = "" if begins is None else ", as in most files of this tracker"
    if _is_given(track[0], truth[0]) if begins is None else begins:
        blank = np.concatenate([track, np.zeros((1, 4))])
        return blank, f"one row short: taken to begin with the given box{why}, so the last frame has no box"
    first = f"one row short: taken to begin after the given box{why}, which was put before the first row"
    return np.concatenate([truth[:1], track]), first


def _is_given(box: Floats, given: Floats) -> bool:
    """Whether a box is the given one as a tracker may write it: as it is, or in whole pixels."""
    return any(np.abs(box - as_written).max() <= WRITTEN for as_written in (given, np.trunc(given), np.round(given)))


def _counts(score: Score, track: Floats) -> list[str]:
    said = []
    if score.repaired:
        said.append(f"{score.repaired} boxes without a size or a number took the one before")
    if lost := _not_finite(track[: len(track) - score.cut], score.rules):
        said.append(f"{lost} rows with NaN or infinite numbers are misses")
    if score.cut:
        said.append(f"{score.cut} surplus rows were cut")
    if score.lacking:
        filled = {"zeros": "filled up with empty boxes", "truth is cut": "left out of the denominator"}
        said.append(f"{score.lacking} rows short: {filled.get(score.rules.short, 'counted as misses')}")
    return said


def _not_finite(track: Floats, rules: Rules) -> int:
    """How many rows are scored with NaN or infinite numbers, once the protocol has mended what it mends."""
    if np.isfinite(track).all():
        return 0
    wrong = np.asarray(~np.isfinite(track).all(1))
    if rules.bad_box != "scored":
        held = (track[:, 2] <= 0) | (track[:, 3] <= 0) | np.isnan(track).all(1)
        wrong = wrong[np.maximum.accumulate(np.where(held, 0, np.arange(len(track))))]
    if rules.first_is_given:
        wrong[0] = False
    return int(wrong.sum())
