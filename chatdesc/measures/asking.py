"""Closed questions for measures, asked together; a question without a usable answer costs no other."""

from __future__ import annotations

from chatdesc.types import Ask, Each, Reply, Steps, UnreadableAnswer


def ask_all(asked: list[Ask]) -> Steps[list[Reply | None]]:
    """The replies in the order of the questions; None where the model said neither Yes nor No.

    Raises:
        BackendError, DataError: a question failed in another way, or a frame cannot be read.
    """
    replies: list[Reply | Exception] = yield Each(asked)
    for reply in replies:
        if isinstance(reply, Exception) and not isinstance(reply, UnreadableAnswer):
            raise reply
    return [None if isinstance(reply, Exception) else reply for reply in replies]
