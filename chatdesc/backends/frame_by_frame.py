"""Trackers that are asked frame by frame: the loop over a request's frames, and the session that a request continues.

>>> class Session:
...     box = np.array([10, 10, 20, 20], np.float32)
>>> def step(session, index):
...     session.box = session.box + [1, 0, 0, 0]
...     return 0.75 if index < 3 else 0.125
>>> followed = follow(Follow(None, 1, 9, min_score=0.2), Session(), step)
>>> followed.boxes[:, 0].tolist(), followed.scores.tolist()
([11.0, 12.0, 13.0], [0.75, 0.75, 0.125])
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from chatdesc.types import BackendError, Follow, Followed


class HasBox(Protocol):
    """A session knows the target's last box, [4] xywh in pixels; one that was given words has them as ``text``."""

    @property
    def box(self) -> ArrayLike:
        """The box [4] xywh in pixels."""
        ...


S = TypeVar("S", bound=HasBox)

AHEAD = 2  # frames that are decoded while the tracker works on another


def follow(request: Follow, session: S, step: Callable[[S, int], float]) -> Followed:
    """Answer a request frame by frame; it ends after the first score below ``min_score``.

    Args:
        step: takes the session and a frame's index, moves the session's box, and returns the score in [0, 1].
    """
    boxes: list[ArrayLike] = []
    scores: list[float] = []
    for index in range(request.start, request.stop):
        if request.frames is not None:
            request.frames.expect(range(index + 1, min(index + 1 + AHEAD, request.stop)))
        scores.append(step(session, index))
        boxes.append(session.box)
        if scores[-1] < request.min_score:
            break
    return Followed(
        np.array(boxes, np.float32).reshape(-1, 4), np.array(scores, np.float32), session, getattr(session, "text", "")
    )


def continued(request: Follow, kind: type[S], name: str) -> S:
    """The session that a request without a box continues.

    Raises:
        BackendError: the request has no session of this kind; ``name`` is the tracker's, for the message.
    """
    if not isinstance(request.session, kind):
        raise BackendError(f"{name}: nothing to go on from; give a box to start with, or a session")
    return request.session
