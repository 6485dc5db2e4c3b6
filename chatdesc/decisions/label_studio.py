"""Label Studio: a labelling configuration, and cases as tasks with predictions.

Format: https://labelstud.io/guide/task_format. Texts are values of a task's data, which Label Studio shows as text; the
configuration holds nothing that comes from a dataset.

>>> from chatdesc.decisions.case import Case
>>> made = task(Case(("lasot", "", "kite-1"), "0f", "kite", "a <b>red</b> kite"))
>>> made["data"]["refined_text"], made["predictions"]
('a <b>red</b> kite', [])
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

from chatdesc.decisions.case import Box, Case, share
from chatdesc.decisions.questions import EDITED, KIND, KIND_TITLES, REASON, VERDICT, VERDICTS
from chatdesc.decisions.template import COLOURS, in_per_cent

BOXES = "boxes"
LABELS = ("target", "refined", "manual")
EMPTY = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
"""In place of a frame that cannot be read: a task may lack no picture that the configuration names."""

Record = dict[str, Any]


def config(pictures: bool = True) -> str:
    """The labelling configuration, in XML; ``pictures``: the tasks have some."""
    view = ElementTree.Element("View")
    add = _adder(view, "template" if pictures else "refined_text")
    add("Header", value="$about")
    for name, title in (("manual_text", "Manual text"), ("refined_text", "Refined text")):
        add("Header", value=title, size="5")
        add("Text", name=name, value=f"${name}", valueType="text")
    if pictures:
        add("Header", value="Template", size="5")
        add("Image", name="template", value="$template")
        labels = add("RectangleLabels", asked=BOXES, showInline="true")
        for label in LABELS:
            ElementTree.SubElement(labels, "Label", value=label, background=f"#{bytes(COLOURS[label]).hex()}")
        add("Header", value="Later frames: target green, track yellow", size="5")
        add("Image", name="later_frames", value="$later_frames")
    add("Header", value="Evidence", size="5")
    add("Text", name="evidence", value="$evidence", valueType="text")
    _questions(add)
    ElementTree.indent(view)
    return ElementTree.tostring(view, "unicode") + "\n"


def _adder(view: ElementTree.Element, about: str) -> Any:
    """Adds a tag; one with ``asked`` is a question about the object ``about``."""

    def add(tag: str, asked: str = "", **attributes: str) -> ElementTree.Element:
        named = {"name": asked, "toName": about} if asked else {}
        return ElementTree.SubElement(view, tag, named | attributes)

    return add


def _questions(add: Any) -> None:
    add("Header", value="Which text describes the target?", size="5")
    verdict = add("Choices", asked=VERDICT, choice="single", required="true", requiredMessage="Choose a verdict")
    for number, (value, title) in enumerate(VERDICTS.items(), 1):
        ElementTree.SubElement(verdict, "Choice", value=value, hint=title, hotkey=str(number))
    written = {"rows": "2", "maxSubmissions": "1", "editable": "true"}
    edit = {"visibleWhen": "choice-selected", "whenTagName": VERDICT, "whenChoiceValue": "edit"}
    _headed(add, "A better text", edit)
    add("TextArea", asked=EDITED, value="$refined_text", placeholder="A better text", **written, **edit)
    fault = edit | {"whenChoiceValue": "reject,flag"}
    _headed(add, "What is wrong", fault)
    kind = add("Choices", asked=KIND, choice="single", **fault)
    for value, title in KIND_TITLES.items():
        ElementTree.SubElement(kind, "Choice", value=value, hint=title)
    add("Header", value="Why", size="5")
    add("TextArea", asked=REASON, placeholder="In your own words, where it is not plain", **written | {"rows": "1"})


def _headed(add: Any, title: str, when: dict[str, str]) -> None:
    """A heading that is there only when the question under it is."""
    ElementTree.SubElement(add("View", **when), "Header", value=title, size="5")


def task(case: Case, template: str = "", later_frames: str = "") -> Record:
    """A case as a task.

    Args:
        case: with a template where there are pictures.
        template: the address of the template's picture, in the frame's own size.
        later_frames: that of the sheet.
    """
    dataset, split, sequence = case.key
    data = {
        "about": case.about, "manual_text": case.manual or "", "refined_text": case.refined or "",
        "evidence": case.evidence, "dataset": dataset, "split": split, "sequence": sequence, "seen": case.seen,
        "category": case.category, "suspicion": round(case.suspicion, 4),
        "scores": {name: round(value, 4) for name, value in case.scores.items()},
        "findings": [fault._asdict() for fault in case.faults],
        "template": template or EMPTY, "later_frames": later_frames or EMPTY,
    }  # fmt: skip
    return {"data": data, "predictions": list(_predictions(case))}


def _predictions(case: Case) -> Iterator[Record]:
    """The target's box, and the proposals of each text; each prediction shows the target too."""
    shown = case.template
    if shown is None:
        return
    target = [_region("target", shown.target, shown.size)] if shown.target else []
    if target:
        yield {"model_version": "dataset", "result": target}
    for side in ("refined", "manual"):
        found = [proposal for proposal in shown.proposals if proposal.side == side]
        regions = [_region(side, each.box, shown.size, each.score, each.word) for each in found]
        if regions:
            by = f"{side} text, {shown.grounder}"
            yield {"model_version": by, "score": share(found[0].score), "result": [*target, *regions]}


def _region(label: str, box: Box, size: tuple[int, int], score: float | None = None, word: str = "") -> Record:
    region: Record = {
        "from_name": BOXES, "to_name": "template", "type": "rectanglelabels",
        "original_width": size[0], "original_height": size[1], "image_rotation": 0,
        "value": {**in_per_cent(box, size), "rotation": 0, "rectanglelabels": [label]},
    }  # fmt: skip
    region |= {} if score is None else {"score": share(score)}
    return region | ({"meta": {"text": [word]}} if word else {})
