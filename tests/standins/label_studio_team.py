"""A team that answers with Label Studio's own SDK: run by a Python that has the package label-studio-sdk.

    PYTHON label_studio_team.py EXPORT OUT

Validates the configuration, the tasks and the predictions of EXPORT with the SDK's LabelInterface; makes an annotation
per task with its tags, and skips the last task; converts the project with the SDK's Converter into OUT/json,
OUT/json_min, OUT/csv and OUT/coco; prints what it saw as JSON.
"""

from __future__ import annotations

import json
import os
import sys
from importlib.metadata import version
from pathlib import Path

EDITED = "edited by hand: <b>&amp;</b> \u202eطائرة\u202c 🪁\nsecond line"
ANSWERS = (
    {"verdict": ("choices", "accept refined")},
    {"verdict": ("choices", "edit"), "edited_text": ("text", EDITED), "reason": ("text", "a reason")},
    {"verdict": ("choices", "flag"), "kind": ("choices", "wrong_target")},
)


def main(export: Path, out: Path) -> None:
    from label_studio_sdk.converter import Converter
    from label_studio_sdk.label_interface import LabelInterface
    from label_studio_sdk.label_interface.objects import AnnotationValue, PredictionValue

    config = (export / "config.xml").read_text()
    asked = LabelInterface(config)
    asked.validate()
    tasks = json.loads((export / "tasks.json").read_text())
    for task in tasks:
        assert asked.validate_task({"data": task["data"]})
        for prediction in task["predictions"]:
            errors = asked.validate_prediction(prediction, return_errors=True)
            assert not errors, errors
            assert PredictionValue(**prediction).model_dump()["result"] == prediction["result"]
    project = []
    for number, task in enumerate(tasks, 1):
        result = [_region(asked, name, *said) for name, said in ANSWERS[number % len(ANSWERS)].items()]
        # what the target's box was prefilled with is submitted too, as the editor does
        result += next((p["result"] for p in task["predictions"] if p["model_version"] == "dataset"), [])
        made = AnnotationValue(completed_by=number, was_cancelled=number == len(tasks), result=result).model_dump()
        assert asked.validate_annotation(made)
        times = {"created_at": "2026-03-09T22:16:08.728353Z", "updated_at": f"2026-03-09T22:{number:02d}:08.728378Z"}
        project.append({"id": 100 + number, **task, "annotations": [{"id": 500 + number, **made, **times}]})
    out.mkdir()
    exported = out / "project.json"
    exported.write_text(json.dumps(project))
    converter = Converter(config, str(out), download_resources=False)
    os.environ["LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT"] = str(export.parent)
    for name in ("JSON", "JSON_MIN", "CSV", "COCO"):
        converter.convert(str(exported), str(out / name.lower()), name, is_dir=False)
    sample = asked.generate_sample_task()
    print(
        json.dumps(
            {
                "version": version("label-studio-sdk"),
                "controls": sorted(tag.name for tag in asked.controls),
                "objects": sorted(tag.name for tag in asked.objects),
                "data": sorted(sample),
                "labels": {name: sorted(labels) for name, labels in asked._labels.items()},
                "formats": sorted(converter.supported_formats),
                "texts": [[t["data"]["manual_text"], t["data"]["refined_text"]] for t in tasks],
            }
        )
    )


def _region(asked, name, field, value):
    """A result made by the tag of the question."""
    control = asked.get_control(name)
    region = control.label(**{field: [value]}) if field == "text" else control.label(label=[value])
    return json.loads(json.dumps(region._dict()))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
