"""A run whose texts a team reviews, with frames, and texts that nothing may take for markup."""

from __future__ import annotations

import json

from chatdesc.decisions.decision import seen
from chatdesc.loaders import load
from chatdesc.rows.schema import box_list
from chatdesc.rows.store import Store
from chatdesc.synthetic import render
from tests.makers.full_rows import row

HOSTILE = (
    '</Text><Choice value="x"/><script>alert(1)</script> & "q" \'q\' ]]> <!-- --> $manual_text {{about}} %s',
    "kite " * 2000,
    "\u202eطائرة حمراء\u202c 🪁👩‍🚀\n\ttwo lines\u2028three \\ null",
)
NAMES = ("star-1", "square-1", "star-2")  # of the synthetic split


def reviewed(folder, texts=HOSTILE):
    """``data``: three sequences; ``run``: a row each with these texts, manual as they are, refined reversed."""
    render(folder / "data", count=3, frames=4, seed=0)
    data = load("synthetic", folder / "data")
    with Store.open(folder / "run", {"dataset": "synthetic"}) as store:
        for number, name in enumerate(data.names):
            sequence = data[name]
            own = {"dataset": "synthetic", "num_frames": 4, "boxes": box_list(sequence.boxes), "visible": []}
            said = {"manual_text": texts[number], "text": texts[number][::-1], "tracking": None}
            audit = row()["audit"] if number == 1 else []
            store.save(row(name, **own, **said, audit=audit, width=320, height=240))
    return folder / "run"


def answered(row, folder):
    """``label-studio.json`` of annotator 1, and ``argilla.json``: exports in which the row is flagged."""
    known = {name: row[name] or "" for name in ("dataset", "split", "sequence")}
    known |= {"manual_text": row["manual_text"] or "", "refined_text": row["text"] or ""}
    known |= {"seen": seen(row["manual_text"], row["text"])}
    said = {"from_name": "verdict", "to_name": "template", "type": "choices", "value": {"choices": ["flag"]}}
    task = {"id": 1, "data": known, "annotations": [{"id": 2, "completed_by": 1, "result": [said]}]}
    flat = known | {"id": "r", "verdict.responses": ["flag"], "verdict.responses.users": ["7"]}
    (folder / "label-studio.json").write_text(json.dumps([task]))
    (folder / "argilla.json").write_text(json.dumps([flat | {"verdict.responses.status": ["submitted"]}]))


def damaged(export, copy, place, old, new):
    """A copy of an export with its description and cases, in one file of which ``old`` has become ``new``."""
    names = ("config.xml", "tasks.json", ".argilla/dataset.json", ".argilla/settings.json", "records.json")
    for name in filter(lambda name: (export / name).exists(), names):
        content = (export / name).read_text()
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_text(content.replace(old, new) if name == place else content)
    assert (copy / place).read_text() != (export / place).read_text()
    return copy
