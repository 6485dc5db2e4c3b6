"""The card of a trained verifier: what it was trained on, its validation, how to use it."""

from __future__ import annotations

from collections.abc import Sequence

from chatdesc.evaluation.recorded_runs import Parts, RecordedRun
from chatdesc.share.markdown import plain
from chatdesc.tables import Record, markdown_line, show

HEADINGS = {
    "epoch": "epoch", "loss": "loss", "share": "share of the gap", "lost": "where lost", "none_auc": "none AUC",
    "calibration": "calibration error",
}  # fmt: skip
HEAD = """\
---
library_name: chatdesc
tags:
- foreground-verification
- visual-tracking
---

# A verifier for language-guided tracking

A network of chatdesc (`{kind}`) that says which proposal of a key frame is the target, or that none is. It reads
{features} numbers per proposal that have no scale of their own, so it works with any grounder, tracker and encoder.

```console
chatdesc annotate DATASET ROOT --out RUN --verifier learned:FOLDER-OR-HUB-ID
```

## Trained on

| dataset | sequences | key frames |
| --- | --- | --- |
"""
TAIL = """
All of them are of training splits. {train} sequences were learned from, {validation} others were kept for the
validation; the name of a sequence decides. Seed {seed}; chatdesc {version}. `training.json` has all settings.

## Validation

The same proposals are chosen from. 0 of the *share of the gap* is a random choice and 1 the best one (an oracle's);
*where lost* is the same where the tracker has lost the target; *none AUC* says how well the doubt tells
key frames without a right proposal. The epoch was chosen on these sequences, so its figures are a little too good.

"""
LICENCE = """
## Licence

State it here, and in the head of this file. The weights were made from measurements on the datasets above; whether
their terms allow this, and under which licence the weights may be shared, is for whoever shares them to say.
"""


def card(kind: str, seed: int, recorded: Sequence[RecordedRun], parts: Parts, epochs: Sequence[Record]) -> str:
    """README.md; the last of ``epochs`` is the training-free verifier, and the one kept is in bold."""
    from chatdesc.verification.features import NAMES
    from chatdesc.version import __version__

    counts = dict(zip(("train", "validation"), parts.sequences, strict=True))
    return "".join(
        (
            HEAD.format(kind=kind, features=len(NAMES)),
            *(markdown_line([plain(run.dataset), str(len(run.films)), str(run.key_frames)]) for run in recorded),
            TAIL.format(**counts, seed=seed, version=__version__),
            markdown_line(HEADINGS.values()),
            markdown_line(["---"] * len(HEADINGS)),
            *(markdown_line(_cells(row)) for row in epochs),
            LICENCE,
        )
    )


def _cells(row: Record) -> list[str]:
    cells = [str(row["epoch"]), *(show(row[key], 3) for key in list(HEADINGS)[1:])]
    return [f"**{cell}**" for cell in cells] if row["kept"] else cells
