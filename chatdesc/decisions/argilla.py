"""Argilla: a dataset's settings, and cases as records with suggestions.

``OUT/.argilla/dataset.json``, ``OUT/.argilla/settings.json`` and ``OUT/records.json`` are what ``Dataset.from_disk`` of
argilla 2 reads. Texts are values of text fields without Markdown, so nothing in them is markup. Suggestions are never
made for the verdict: a reviewer should not be told it.

>>> from chatdesc.decisions.case import Case
>>> made = record(Case(("lasot", "", "kite-1"), "0f", "kite", "a red kite", describer="llava"))
>>> made["id"], made["suggestions"]["edited_text"]["value"], made["suggestions"]["edited_text"]["agent"]
('lasot//kite-1', 'a red kite', 'llava')
"""

from __future__ import annotations

import re
from typing import Any

from chatdesc.decisions.case import Case, share
from chatdesc.decisions.decision import KINDS
from chatdesc.decisions.questions import EDITED, GUIDELINES, KIND, KIND_TITLES, REASON, VERDICT, VERDICTS

AGENT = re.compile(r"[^a-zA-Z0-9_:./\s-]")  # what Argilla's server refuses in the name of an agent
NAME = re.compile(r"[^a-zA-Z0-9_ -]")  # the same for the name of a dataset
LONGEST_AGENT = 200

Record = dict[str, Any]


def dataset(name: str) -> Record:
    """The dataset's own description; characters that the server refuses in a name become ``-``."""
    return {
        "name": NAME.sub("-", name).lstrip("-_ ")[:200] or "chatdesc",
        "guidelines": GUIDELINES,
        "allow_extra_metadata": True,
    }


def settings(pictures: bool = True) -> Record:
    """Fields, questions and metadata; ``pictures``: the records have some."""
    return {
        "guidelines": GUIDELINES,
        "fields": [
            _field("about", "Sequence", required=True),
            *([_field("template", "Template: target green, refined blue, manual orange", "image")] if pictures else []),
            _field("manual_text", "Manual text"),
            _field("refined_text", "Refined text"),
            *([_field("later_frames", "Later frames: target green, track yellow", "image")] if pictures else []),
            _field("evidence", "Evidence"),
        ],
        "questions": [
            _choice(VERDICT, "Which text describes the target?", VERDICTS, required=True),
            _text(EDITED, "A better text, for edit"),
            _choice(KIND, "What is wrong, for reject and flag", KIND_TITLES),
            _text(REASON, "Why"),
        ],
        "metadata": [
            _metadata("suspicion", {"type": "float", "min": 0.0, "max": 1.0}),
            *(_metadata(name, {"type": "terms"}) for name in ("dataset", "split", "sequence", "category", "seen")),
        ],
        "vectors": [],
        "allow_extra_metadata": True,
        "distribution": {"strategy": "overlap", "min_submitted": 1},
        "mapping": None,
    }


def record(case: Case, template: str = "", later_frames: str = "") -> Record:
    """A case as a record; ``template`` and ``later_frames`` are pictures as URLs or ``data:`` URLs."""
    values = {
        "about": case.about, "template": template, "manual_text": case.manual, "refined_text": case.refined,
        "later_frames": later_frames, "evidence": case.evidence,
    }  # fmt: skip
    key = dict(zip(("dataset", "split", "sequence"), case.key, strict=True))
    metadata = key | {"category": case.category, "seen": case.seen, "suspicion": round(case.suspicion, 4)}
    return {
        "id": case.id,
        "fields": {name: value for name, value in values.items() if value},
        "metadata": {name: value for name, value in metadata.items() if value != ""},
        "suggestions": _suggestions(case),
        "responses": {},
        "vectors": {},
        "status": "pending",
    }


def _suggestions(case: Case) -> Record:
    """The refined text to start an edit from, and the kind of the worst fault that the audit found."""
    suggested: Record = {}
    if case.refined:
        score = share(case.scores["iou"]) if "iou" in case.scores else None
        suggested[EDITED] = {"value": case.refined, "score": score, "agent": _agent(case.describer)}
    if fault := next((fault for fault in case.faults if fault.kind in KINDS), None):
        suggested[KIND] = {"value": fault.kind, "score": fault.severity, "agent": _agent(f"audit {fault.check}")}
    return suggested


def _agent(name: str) -> str:
    """A name that the server takes for who suggests."""
    return AGENT.sub("-", name)[:LONGEST_AGENT].strip("- ") or "chatdesc"


def _field(name: str, title: str, kind: str = "text", required: bool = False) -> Record:
    own = {"type": "text", "use_markdown": False} if kind == "text" else {"type": kind}
    return {"name": name, "title": title, "required": required, "settings": own}


def _text(name: str, title: str) -> Record:
    own = {"type": "text", "use_markdown": False}
    return {"name": name, "title": title, "required": False, "settings": own}


def _choice(name: str, title: str, options: dict[str, str], required: bool = False) -> Record:
    listed = [{"value": value, "text": f"{value}: {text}"} for value, text in options.items()]
    own = {"type": "label_selection", "options": listed, "visible_options": len(listed)}
    return {"name": name, "title": title, "required": required, "settings": own}


def _metadata(name: str, own: Record) -> Record:
    return {"name": name, "title": name, "settings": own, "visible_for_annotators": True}
