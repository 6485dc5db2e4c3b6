"""Real material for benchmarks, which is not part of the project: $CHATDESC_SHARED_DATA, or shared/data beside it."""

from __future__ import annotations

import os
from pathlib import Path

BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"


def shared_folder(*needed: str) -> Path:
    """The folder, if it holds all that is needed; otherwise the benchmark says what it lacks, and ends.

    Raises:
        SystemExit: something is missing; the exit code is 0, so that `make bench` goes on.
    """
    folder = Path(os.environ.get("CHATDESC_SHARED_DATA", BESIDE))
    lacking = [name for name in needed if not (folder / name).is_dir()]
    if lacking:
        print(f"skipped: {folder} has no {', '.join(lacking)}; name a folder, or set CHATDESC_SHARED_DATA")
        raise SystemExit(0)
    return folder
