"""Trackers' result folders scored under named protocols.

>>> import numpy as np
>>> from pathlib import Path
>>> from tempfile import TemporaryDirectory
>>> from chatdesc.metrics.protocols import PROTOCOLS
>>> with TemporaryDirectory() as place:
...     _ = Path(place, "kite-1.txt").write_text("10,10,20,20\\n15,10,20,20")
...     truths = {"kite-1": Truth(np.array([[10.0, 10, 20, 20], [10, 10, 20, 20]]), None)}
...     scored = evaluate_folder(ResultFolder(f"{place}=mine"), truths, "lasot", PROTOCOLS["lasot"])
>>> scored.overall().op75, scored.counted(), scored.lines[0].sequence
(0.5, (1, 1), 'kite-1')

The arithmetic is in ``metrics/ope.py``; here results meet their sequences. Repaired, refused and missing results leave
a note with their sequence, and every mean comes with the number of sequences that it rests on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import chain, groupby, islice
from typing import Literal

import numpy as np

from chatdesc.cores import cores
from chatdesc.evaluation.compiled import Quick, Tracks, loops_for
from chatdesc.evaluation.fit import FirstRow, Fitted, fit, is_given, score_notes
from chatdesc.evaluation.result_files import ParsedBoxes, lines_in, parse_results
from chatdesc.evaluation.results import MatchedFolder, ResultFolder
from chatdesc.evaluation.truths import Truth
from chatdesc.metrics.ope import Score, mean_score, score_many
from chatdesc.metrics.protocols import Rules
from chatdesc.names import SHOWN, counted
from chatdesc.types import ChatdescError

Missing = Literal["skip", "zero", "error"]

CHUNK = 2 << 20  # bytes of result files parsed in one call
MOST = 1024  # files in one call, however short they are
FEW = 64  # the same for compiled loops, which need no long arrays; longer ones take memory
_NO_BOXES = np.zeros((0, 4))
THREADS = min(4, cores()) + 1  # one waits for Python while the others compute
AHEAD = 16  # files of a tracker that decide what a file one row short begins with


@dataclass(frozen=True, slots=True, eq=False)
class SequenceScore:
    """One sequence of one tracker. Without a score its result is missing or refused; ``notes`` say why."""

    sequence: str
    score: Score | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """One tracker under one protocol: a score per sequence, in the dataset's order."""

    tracker: str
    rules: Rules
    lines: tuple[SequenceScore, ...]
    missing: Missing
    _means: dict[frozenset[str] | None, Score | None] = field(default_factory=dict, init=False, repr=False)

    def overall(self, names: frozenset[str] | None = None) -> Score | None:
        """The mean over the sequences (of ``names``); None where none was scored and missing ones do not count."""
        if names not in self._means:
            self._means[names] = self._mean(names)
        return self._means[names]

    def _mean(self, names: frozenset[str] | None) -> Score | None:
        lines = self._of(names)
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

    def counted(self, names: frozenset[str] | None = None) -> tuple[int, int]:
        """How many sequences (of ``names``) the mean rests on, and how many they are."""
        lines = self._of(names)
        scored = len(lines) if self.missing == "zero" else sum(line.score is not None for line in lines)
        return scored, len(lines)

    def _of(self, names: frozenset[str] | None) -> list[SequenceScore]:
        return [line for line in self.lines if names is None or line.sequence in names]


class Refused(ChatdescError):
    """A tracker that a protocol cannot score, because a result is missing or refused.

    Attributes:
        reason: the notes of the first such sequence.
    """

    def __init__(self, tracker: str, rules: Rules, lines: Sequence[SequenceScore]) -> None:
        lost = [line for line in lines if line.score is None]
        self.reason: tuple[str, ...] = lost[0].notes
        shown = "\n  ".join("; ".join(line.notes) for line in lost[:SHOWN])
        more = f"\n  ... and {len(lost) - SHOWN} more" if len(lost) > SHOWN else ""
        of_all = f"of {counted(len(lines), 'sequence')}"
        super().__init__(
            f"{tracker}: {counted(len(lost), f'{of_all} has', f'{of_all} have')} no result that {rules.name} can score:"
            f"\n  {shown}{more}\n--missing skip leaves them out, --missing zero counts them as misses"
        )


def no_hits(rules: Rules) -> Score:
    """The score of a sequence that is nothing but misses."""
    zeros = (np.zeros(len(t)) for t in (rules.success_thresholds, rules.precision_thresholds, rules.norm_thresholds))
    success, precision, norm = zeros
    return Score(rules, success, precision, norm, frames=0)


def evaluate_folder(
    folder: ResultFolder, truths: Mapping[str, Truth], dataset: str, rules: Rules, missing: Missing = "error"
) -> Evaluation:
    """Score one tracker under one protocol; see ``evaluate_trackers``.

    Raises:
        ChatdescError: no file of the folder is a sequence of this dataset.
        Refused: a result is missing or refused, and ``missing`` is ``error``.
    """
    matched = MatchedFolder(folder, tuple(truths), folder.match(list(truths)))
    [[scored]] = evaluate_trackers([matched], truths, dataset, [rules], missing)
    if isinstance(scored, Refused):
        raise scored
    return scored


def evaluate_trackers(
    folders: Sequence[MatchedFolder],
    truths: Mapping[str, Truth],
    dataset: str,
    protocols: Sequence[Rules],
    missing: Missing = "error",
    on_sequences: Callable[[int], None] = lambda count: None,
) -> Iterator[list[Evaluation | Refused]]:
    """Score trackers under several protocols, every file read once; the next tracker is begun while one ends.

    Args:
        folders: one per tracker, matched with the names of ``truths``.
        missing: a sequence without a result, or with one that is refused, is left out (``skip``), counts as nothing
            but misses (``zero``), or is an ``error``.
        on_sequences: called now and then with how many more are done.

    Yields:
        Per tracker a list with an evaluation for each protocol, or a ``Refused`` where ``missing`` is ``error`` and a
        result is missing or refused.
    """
    here = [rules.on(dataset) for rules in protocols]

    frames, sequences = sum(len(truth.boxes) for truth in truths.values()), len(truths)
    loops = loops_for(frames * len(folders), sequences * len(folders)) if frames else None
    quick = Quick(loops, truths, here) if loops else None

    def work(chunk: Chunk) -> list[list[SequenceScore]]:
        files = [data or b"" for data in chunk.files.values()]
        if loops is None or quick is None:
            parsed = dict(zip(chunk.files, parse_results(files), strict=True))
            return [_score_chunk(chunk, parsed, truths, rules, {}) for rules in here]
        tracks = loops.read(files)
        done = quick.scores(tracks, chunk.first)
        parsed = _others(chunk, tracks, files, done)
        return [_score_chunk(chunk, parsed, truths, rules, of) for rules, of in zip(here, done, strict=True)]

    most = FEW if loops else MOST
    chunks = (chunk for folder in folders for chunk in _chunks(folder, truths, most))
    for folder, parts in groupby(_in_order(chunks, work), key=lambda done: done[0].matched):
        lines: list[list[SequenceScore]] = [[] for _ in protocols]
        for chunk, part in parts:
            for kept, more in zip(lines, part, strict=True):
                kept.extend(more)
            on_sequences(len(chunk.files))
        yield [
            _whole(folder.folder.name, rules, tuple(scores), missing) for rules, scores in zip(here, lines, strict=True)
        ]


def _others(chunk: Chunk, tracks: Tracks, files: list[bytes], done: list[dict[int, Score]]) -> dict[str, ParsedBoxes]:
    """The boxes of files that lack a score under some protocol."""
    if all(len(of) == len(files) for of in done):
        return {}
    wanted = {name: i for i, name in enumerate(chunk.files) if not all(i in of for of in done)}
    read = {name: tracks.of(place) for name, place in wanted.items()}
    rest = iter(parse_results([files[wanted[name]] for name, boxes in read.items() if boxes is None]))
    return {name: next(rest) if boxes is None else boxes for name, boxes in read.items()}


def _whole(tracker: str, rules: Rules, lines: tuple[SequenceScore, ...], missing: Missing) -> Evaluation | Refused:
    if missing == "error" and any(line.score is None for line in lines):
        return Refused(tracker, rules, lines)
    return Evaluation(tracker, rules, lines, missing)


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """Some sequences of one tracker: the bytes of their files, None where a file is missing or cannot be read.

    ``first``: the number of the first sequence. ``first_row``: what files that are one row short begin with.
    """

    matched: MatchedFolder
    first: int
    files: dict[str, bytes | None]
    first_row: FirstRow

    def unscored(self, name: str, parsed: ParsedBoxes) -> str:
        """Why a sequence has no boxes to be scored; empty where it has."""
        if not parsed.error:
            return ""
        path, match = self.matched.folder.path, self.matched.files.get(name)
        if match is None:
            return f"{path}: there is no {name}.txt"
        place = f"{path}/{match.path}"
        if self.files[name] is None:
            return match.error or f"{place}: cannot be read"
        return f"{place}{':' if parsed.error[0].isdigit() else ': '}{parsed.error}"


def _chunks(matched: MatchedFolder, truths: Mapping[str, Truth], most: int) -> Iterator[Chunk]:
    """The files of all sequences, about CHUNK bytes at a time, and at most so many files."""
    paths = {name: match.path for name, match in matched.files.items() if not match.error}
    each = ((name, matched.folder.read(paths[name]) if name in paths else None) for name in truths)
    ahead = list(islice(each, AHEAD))
    first_row = _first_row(ahead, truths)
    files: dict[str, bytes | None] = {}
    size = first = 0
    for name, data in chain(ahead, each):
        files[name] = data
        size += len(data or b"") + 1
        if size >= CHUNK or len(files) >= most:
            yield Chunk(matched, first, files, first_row)
            first, files, size = first + len(files), {}, 0
    if files:
        yield Chunk(matched, first, files, first_row)


def _first_row(ahead: list[tuple[str, bytes | None]], truths: Mapping[str, Truth]) -> FirstRow:
    """What row 1 of a tracker's files is, by majority vote over the files that are one row short, if most are.

    A file alone may deceive: a target that does not move in the first two frames looks like the given box.
    """
    bodies = [(data.strip(), truths[name].boxes) for name, data in ahead if data]
    short = [(data, boxes) for data, boxes in bodies if lines_in(data) == len(boxes) - 1]
    if len(short) < 2 or 2 * len(short) <= len(bodies):
        return "unknown"
    parsed = zip(parse_results([data for data, _ in short]), short, strict=True)
    votes = [is_given(track.boxes[0], boxes[0]) for track, (_, boxes) in parsed if len(track.boxes)]
    if 2 * sum(votes) == len(votes):
        return "unknown"
    return "given" if 2 * sum(votes) > len(votes) else "next"


Done = tuple[Chunk, list[list[SequenceScore]]]


def _in_order(chunks: Iterator[Chunk], work: Callable[[Chunk], list[list[SequenceScore]]]) -> Iterator[Done]:
    """``work`` on every chunk in a few threads, one more waiting: the next files are read meanwhile."""
    with ThreadPoolExecutor(THREADS) as pool:
        pending: deque[tuple[Chunk, Future[list[list[SequenceScore]]]]] = deque()
        for chunk in chunks:
            pending.append((chunk, pool.submit(work, chunk)))
            if len(pending) > THREADS:
                yield _first(pending)
        while pending:
            yield _first(pending)


def _first(pending: deque[tuple[Chunk, Future[list[list[SequenceScore]]]]]) -> Done:
    chunk, future = pending.popleft()
    return chunk, future.result()


def _score_chunk(
    chunk: Chunk, parsed: dict[str, ParsedBoxes], truths: Mapping[str, Truth], rules: Rules, done: dict[int, Score]
) -> list[SequenceScore]:
    """Scores of all sequences: those that are done, by their places, and the others."""
    names = [name for place, name in enumerate(chunk.files) if place not in done]
    rest = iter(_score_carefully(chunk, names, parsed, truths, rules) if names else [])
    files = chunk.matched.files
    return [
        _noted(name, done[place], files[name].notes) if place in done else next(rest)
        for place, name in enumerate(chunk.files)
    ]


def _noted(name: str, score: Score, notes: tuple[str, ...]) -> SequenceScore:
    more = score_notes(score, _NO_BOXES, finite=True) if score.repaired else ()
    return SequenceScore(name, score, (*notes, *more))


def _score_carefully(
    chunk: Chunk, names: Sequence[str], parsed: dict[str, ParsedBoxes], truths: Mapping[str, Truth], rules: Rules
) -> list[SequenceScore]:
    lost: dict[str, str] = {}
    fitted: dict[str, Fitted] = {}
    for name in names:
        one, truth = parsed[name], truths[name]
        if why := chunk.unscored(name, one):
            lost[name] = why
        else:
            fitted[name] = fit(name, one.boxes, truth, rules, chunk.first_row)
    tracks, boxes, visible = ([getattr(one, key) for one in fitted.values()] for key in ("track", "boxes", "visible"))
    scores = iter(score_many(tracks, boxes, visible, rules))
    return [
        SequenceScore(name, None, (lost[name],))
        if name in lost
        else _scored(chunk.matched, name, fitted[name], next(scores), parsed[name].finite and not fitted[name].notes)
        for name in names
    ]


def _scored(
    matched: MatchedFolder, name: str, fitted: Fitted, score: Score | ValueError, finite: bool
) -> SequenceScore:
    match = matched.files[name]
    notes = match.notes + fitted.notes
    if isinstance(score, ValueError):
        return SequenceScore(name, None, (*notes, f"{matched.folder.path}/{match.path}: {score}"))
    if finite and not (score.repaired or score.cut or score.lacking):  # as nearly always
        return SequenceScore(name, score, notes)
    return SequenceScore(name, score, (*notes, *score_notes(score, fitted.track, finite)))
