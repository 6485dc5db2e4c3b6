"""Closed questions for measures, asked together; a question without a usable answer costs no other."""

from __future__ import annotations

from chatdesc.types import Ask, Reply, Steps, UnreadableAnswer


def ask_all(asked: list[Ask]) -> Steps[list[Reply | None]]:
    """The replies in the order of the questions; None where the model said neither Yes nor No.

    Raises:
        BackendError, DataError: a question failed in another way, or a frame cannot be read.
    """
    try:
        replies: list[Reply | None] = yield list(asked)
    except UnreadableAnswer:  # of some question; which one, asking one by one tells
        replies = []
        for one in asked:
            replies.append((yield from _ask(one)))
    return replies


def _ask(asked: Ask) -> Steps[Reply | None]:
    try:
        reply: Reply = yield asked
    except UnreadableAnswer:
        return None
    return reply
