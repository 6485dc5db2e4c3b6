"""Figures and cards of the learned verifiers."""

from __future__ import annotations

from pathlib import Path

from verifier_data import Recorded

from chatdesc.backends import create
from chatdesc.types import Verify
from chatdesc.verification.figures import Judged
from chatdesc.verification.learning.training import Trained

CARD = """---
license: apache-2.0
library_name: chatdesc
---

# tiny/{name}: which of a key frame's proposals is the target

{about} of {parameters:,} parameters over {features} features per proposal. It says which proposal is the target of a
tracker, and how likely none of them is. The features have no scale of their own: cosines, scores and boxes count by how
they stand among the others of their frame, so it takes any encoder and grounder. **It was trained on synthetic scenes
alone**; docs/method.md says what it adds to a verifier that nobody trained, and where it does not.

```console
chatdesc annotate ... --verifier {spec}
```

## Training

`python training/verifier.py` made the model and this page: {train} key frames of films with look-alikes, occlusion,
absence and zoom, tracked by trackers that stand still, drift, switch to another thing, by KCF and by CSRT, a part of
them decided by such a network itself; {validation} key frames of other films chose the epoch. The small grounder and
CLIP of the package saw them, and a quarter of the training films the offline grounder and encoder as well, whose key
frames count three times. Licence: Apache-2.0, as the project.

On the validation films, after each epoch (the one in bold is kept):

{table}

The share is that of the gap from a random choice to the best proposal; *lost* are key frames whose tracker is off the
target.
"""
ABOUT = {"verifier": "A transformer with one layer", "verifier-linear": "A weighted sum"}
SPECS = {"verifier": "learned", "verifier-linear": "learned:tiny:verifier-linear"}


def write_card(folder: Path, found: Trained, train: int, validation: int) -> None:
    head = ["| epoch | loss | share of the gap | where lost | none AUC | calibration error |", "| --- " * 6 + "|"]
    rows = []
    for e in found.epochs:
        cells = (e.epoch, f"{e.loss:.3f}", *(f"{v:.3f}" for v in (e.share, e.lost, e.none_auc, e.calibration)))
        mark = "**" if e is found.best else ""
        rows.append("| " + " | ".join(f"{mark}{c}{mark}" for c in cells) + " |")
    text = CARD.format(
        name=folder.name, about=ABOUT[folder.name], spec=SPECS[folder.name], train=f"{train:,}",
        validation=f"{validation:,}", table="\n".join(head + rows), features=found.network.features,
        parameters=sum(p.numel() for p in found.network.parameters()),
    )  # fmt: skip
    (folder / "README.md").write_text(text, encoding="utf-8")


def table(out: Path, validation: list[Recorded]) -> str:
    """The training-free verifiers and the new ones on the validation films."""
    evidence = [r.seen.evidence for r in validation]
    lines = ["| verifier | share of the gap | where lost | none AUC | balanced |", "| --- " * 5 + "|"]
    for name in ("raw-similarity", "similarity", *(f"learned:{out / name}" for name in ABOUT)):
        judged = Judged.of(evidence, create("verifier", name).choose([Verify("", e) for e in evidence]))
        cells = (judged.share(), judged.share(judged.lost), judged.none_auc(), judged.balanced())
        lines.append(f"| {name.rpartition('/')[2]} | " + " | ".join(f"{c:.3f}" for c in cells) + " |")
    return "\n".join(lines)
