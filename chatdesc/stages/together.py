"""Several tracks of one sequence side by side, so that each frame is decoded once and the tracks are one batch.

>>> from chatdesc.types import Followed
>>> def still(stop):
...     answer = yield Follow(None, 1, stop, init=np.zeros(4, np.float32))
...     return len(answer.boxes)
>>> steps, asked = together({"a": still(11), "b": still(5)}, window=4), []
>>> try:
...     requests = next(steps)
...     while True:
...         asked.append([(r.start, r.stop) for r in requests])
...         requests = steps.send([Followed(np.zeros((r.stop - r.start, 4)), np.ones(r.stop - r.start), None)
...                                for r in requests])
... except StopIteration as end:
...     end.value
{'b': 4, 'a': 10}
>>> asked
[[(1, 4), (1, 4)], [(4, 8), (4, 5)], [(8, 11)]]

No track goes on before all have reached the end of the window, so the frames in use are those of one window: a cache
of a few more frames than that holds them for all tracks.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

import numpy as np

from chatdesc.types import Each, Follow, Followed, Ground, Request, Steps

K = TypeVar("K", bound=Hashable)
R = TypeVar("R")

WINDOW = 8  # frames


@dataclass(slots=True, eq=False)
class _Part(Generic[K, R]):
    """One of the stages: what it waits for, and by place the answers that it has; of a Follow the pieces so far."""

    key: K
    steps: Steps[R]
    asked: list[Request] = field(default_factory=list)
    answers: dict[int, Any] = field(default_factory=dict)
    pieces: dict[int, list[Followed]] = field(default_factory=dict)
    single: bool = True
    each: bool = False

    @property
    def waiting(self) -> list[int]:
        """The requests without an answer, by their place."""
        return [place for place in range(len(self.asked)) if place not in self.answers]

    def next(self, horizon: int) -> list[tuple[int, Request]]:
        """What may be asked now: a Follow up to the frame before ``horizon``, other requests on frames before it."""
        allowed = ((place, self.asked[place]) for place in self.waiting)
        return [(place, _cut(asked, horizon)) for place, asked in allowed if position(asked) < horizon]

    def take(self, place: int, piece: Request, answer: Any) -> None:
        """Keep an answer; a Follow whose piece went to its end goes on."""
        asked = self.asked[place]
        if isinstance(asked, Follow) and isinstance(piece, Follow) and isinstance(answer, Followed):
            pieces = self.pieces.setdefault(place, [])
            pieces.append(answer)
            if piece.stop < asked.stop and not _ended_early(piece, answer):
                self.asked[place] = replace(asked, start=piece.stop, session=answer.session, init=None)
                return
            answer = joined(pieces)
        self.answers[place] = answer

    def reply(self) -> Any:
        """The answers as the stage takes them; an exception is to be thrown into it."""
        answers = [self.answers[place] for place in range(len(self.asked))]
        failure = next((a for a in answers if isinstance(a, Exception)), None)
        if failure is not None and not self.each:
            return failure
        return answers[0] if self.single else answers


def together(
    stages: Mapping[K, Steps[R]], catch: tuple[type[Exception], ...] = (), window: int = WINDOW
) -> Steps[dict[K, R | Exception]]:
    """Run stages on the frames of one sequence side by side, ``window`` frames at a time.

    Args:
        stages: by a key; those that ask for no frame go on at once.
        catch: exceptions of a stage that become its result; others end all stages.

    Returns:
        The results by key, in the order in which the stages ended.
    """
    done: dict[K, R | Exception] = {}
    parts: list[_Part[K, R]] = []
    for key, steps in stages.items():
        _advance(_Part(key, steps), None, parts, done, catch)
    while parts:
        now = _now(parts, window)
        answers = yield Each(piece for _, _, piece in now)
        for (part, place, piece), answer in zip(now, answers, strict=True):
            part.take(place, piece, answer)
        ready = [part for part in parts if not part.waiting]
        parts = [part for part in parts if part.waiting]
        for part in ready:
            _advance(part, part.reply(), parts, done, catch)
    return done


def _now(parts: list[_Part[K, R]], window: int) -> list[tuple[_Part[K, R], int, Request]]:
    """The requests of this turn: looks go before tracking, so that those of several tracks meet in one batch."""
    first = min(position(part.asked[place]) for part in parts for place in part.waiting)
    horizon = (first // window + 1) * window
    now = [(part, place, piece) for part in parts for place, piece in part.next(horizon)]
    looks = [one for one in now if not isinstance(one[2], Follow)]
    return looks or now


def _advance(
    part: _Part[K, R],
    answer: Any,
    parts: list[_Part[K, R]],
    done: dict[K, R | Exception],
    catch: tuple[type[Exception], ...],
) -> None:
    """Send an answer, and put the stage back to the others, or its result to the results."""
    send: Callable[[Any], Any] = part.steps.throw if isinstance(answer, Exception) else part.steps.send
    try:
        asked = send(answer)
        while isinstance(asked, list) and not asked:
            asked = part.steps.send([])
    except StopIteration as end:
        done[part.key] = end.value
        return
    except catch as error:
        done[part.key] = error
        return
    part.single, part.each = not isinstance(asked, list), isinstance(asked, Each)
    part.asked, part.answers, part.pieces = [asked] if part.single else list(asked), {}, {}
    parts.append(part)


def position(request: Request) -> int:
    """The first new frame that a request needs; 0 for one that looks at frames seen before, or at none."""
    if isinstance(request, Follow):
        return request.start
    return request.frame.index if isinstance(request, Ground) else 0


def _cut(request: Request, horizon: int) -> Request:
    if isinstance(request, Follow) and request.stop > horizon:
        return replace(request, stop=horizon)
    return request


def _ended_early(piece: Follow, answer: Followed) -> bool:
    return len(answer.boxes) < piece.stop - piece.start or float(answer.scores[-1]) < piece.min_score


def joined(pieces: list[Followed]) -> Followed:
    """Answers to the pieces of one request as its answer."""
    if len(pieces) == 1:
        return pieces[0]
    boxes, scores = (np.concatenate([getattr(p, key) for p in pieces]) for key in ("boxes", "scores"))
    return replace(pieces[-1], boxes=boxes, scores=scores)
