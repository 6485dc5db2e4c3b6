"""Garbage is sought seldom: with torch and pandas imported, each search walks through a million objects."""

from __future__ import annotations

import gc


def sought_seldom() -> None:
    """From now on; what lives now is taken to stay."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
