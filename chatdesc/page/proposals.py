"""What the verifier saw on a run's key frames, where the run has kept it in ``RUN/evidence``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from chatdesc.rows.evidence import evidence_of
from chatdesc.verification.recorded import Seen


def recorded(run: Path, sequence: str) -> dict[int, dict[str, Any]]:
    """The proposals of a sequence's key frames; empty where nothing was kept.

    Returns:
        Per frame ``boxes``: [x, y, w, h], best first, without the tracker's own; ``scores``; ``chosen``: the place of
        the verifier's choice among them, null where it took the tracker's box or none.

    Raises:
        ChatdescError: the file is damaged; the message says what to do.
    """
    return {seen.frame: _proposals(seen) for _, kept in evidence_of(run, [sequence]) for seen in kept}


def _proposals(seen: Seen) -> dict[str, Any]:
    boxes, scores, chosen = seen.evidence.boxes[:-1], seen.evidence.scores[:-1], seen.choice.index
    return {
        "boxes": [[round(float(v), 1) for v in box] for box in boxes],
        "scores": scores.tolist(),
        "chosen": chosen if chosen is not None and chosen < len(boxes) else None,
    }
