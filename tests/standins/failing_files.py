"""A file system that fails one of its calls: ``python -m tests.standins.failing_files replace EIO 3 1 -- COMMAND``.

The third ``os.replace`` of the command fails with EIO, once; 0 times is for good. ``exchange`` is the exchange of two
names, which many file systems cannot do.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

CALLS = ("replace", "fsync", "exchange", "open", "mkdir", "unlink")


@contextmanager
def failing(call: str, code: str, at: int, times: int, below: str = "") -> Iterator[list[str]]:
    """Let the ``at``-th call and those after it fail, ``times`` of them (0: all); the value lists those that failed.

    Args:
        call: one of CALLS.
        code: the name of the error, such as ENOSPC.
        below: only calls on paths below this folder count; fsync counts always.
    """
    if call == "exchange":
        with mock.patch("chatdesc.atomic.exchange", return_value=False):
            yield []
        return
    where = {"open": "io.open", "fsync": "os.fsync"}.get(call, f"os.{call}")
    real, count, failed = _found(where), 0, []

    def fails(target, *rest, **options):
        nonlocal count
        if call != "fsync" and not _concerns(call, target, rest, below):
            return real(target, *rest, **options)
        count += 1
        if count >= at and (not times or count < at + times):
            failed.append(str(target))
            number = getattr(errno, code)
            raise OSError(number, os.strerror(number), str(target))
        return real(target, *rest, **options)

    with mock.patch(where, fails):
        yield failed


def _found(where: str):
    module, _, name = where.partition(".")
    return getattr(sys.modules[module] if module in sys.modules else __import__(module), name)


def _concerns(call: str, target: object, rest: tuple, below: str) -> bool:
    if call == "open" and not (rest and any(letter in str(rest[0]) for letter in "wax+")):
        return False
    return not isinstance(target, int) and os.fsdecode(target).startswith(below)


def main() -> None:
    from chatdesc.cli import main as cli

    mark = sys.argv.index("--")
    call, code, at, times, below = [*sys.argv[1:mark], ""][:5]
    sys.argv = ["chatdesc", *sys.argv[mark + 1 :]]
    with failing(call, code, int(at), int(times), below):
        cli.main()


if __name__ == "__main__":
    main()
