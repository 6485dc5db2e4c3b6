"""A team that answers with Argilla's own client: run by a Python that has the package argilla.

    PYTHON argilla_team.py EXPORT OUT

Reads the settings and records of EXPORT with the client's classes, as ``Dataset.from_disk`` does, but without a server;
answers each record as one or two people; writes what the client exports, in all its layouts, into OUT; prints what it
saw as JSON.
"""

from __future__ import annotations

import json
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

ADA, BEN = "0a0a0a0a-0000-4000-8000-00000000000a", "0b0b0b0b-0000-4000-8000-00000000000b"
EDITED = "edited by hand: <b>&amp;</b> \u202eطائرة\u202c 🪁\nsecond line"
ANSWERS = (  # of a record: per person the status, and a value per question
    {
        ADA: ("submitted", {"verdict": "edit", "edited_text": EDITED, "reason": "a reason"}),
        BEN: ("submitted", {"verdict": "accept manual", "edited_text": None}),
    },
    {ADA: ("submitted", {"verdict": "flag", "kind": "wrong_target"}), BEN: ("draft", {"verdict": "reject"})},
    {ADA: ("discarded", {"verdict": "reject"})},
)


def main(export: Path, out: Path) -> None:
    import argilla as rg
    from argilla._api import UsersAPI
    from argilla._models import DatasetModel, UserModel
    from argilla.records._io import GenericIO, HFDatasetsIO, JsonIO

    UsersAPI.get_me = lambda _: UserModel(username="ada", role="owner", id=ADA)  # in place of a server
    client = rg.Argilla(api_url="http://127.0.0.1:9", api_key="none")
    hidden = export / ".argilla"
    described = DatasetModel(**json.loads((hidden / "dataset.json").read_text()))
    settings = rg.Settings.from_json(hidden / "settings.json")
    settings.validate()
    dataset = rg.Dataset.from_model(described, client=client)
    dataset.settings = settings
    records = JsonIO._records_from_json(export / "records.json")
    seen = []
    for record, answers in zip(records, ANSWERS, strict=True):
        record.dataset = dataset
        _fits(rg, record, settings)
        seen.append([record.fields.get("manual_text"), record.fields.get("refined_text"), dict(record.metadata)])
        for person, (status, values) in answers.items():
            for question, value in values.items():
                given = record.suggestions[question].value if value is None else value
                record.responses.add(rg.Response(question, given, user_id=person, status=status))
        done = any(status == "submitted" for status, _ in answers.values())
        record._model.status = "completed" if done else "pending"
        sent = record.api_model().model_dump()
        assert len(sent["responses"]) == len(answers)
    out.mkdir()
    JsonIO.to_json(records, out / "nested.json")
    for name, content in {
        "flat.json": GenericIO.to_list(records, flatten=True),
        "columns.json": GenericIO.to_dict(records),
        "flat_columns.json": GenericIO.to_dict(records, flatten=True),
        "index.json": GenericIO.to_dict(records, orient="index"),
    }.items():
        (out / name).write_text(json.dumps(content))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = HFDatasetsIO.to_datasets(records, dataset)
    pictures = [name for name in table.column_names if name in ("template", "later_frames")]
    table.remove_columns(pictures).to_json(out / "lines.jsonl")
    print(json.dumps({"version": version("argilla"), "settings": settings.serialize(), "records": seen}))


def _fits(rg, record, settings) -> None:
    """Whether a record fits the settings by the classes' own types."""
    for name in record.fields:
        assert settings.fields[name] is not None, name
    for name in record.metadata:
        assert settings.metadata[name] is not None, name
    for suggestion in record.suggestions:
        question = settings.questions[suggestion.question_name]
        labels = getattr(question, "labels", [suggestion.value])
        assert isinstance(suggestion, rg.Suggestion) and suggestion.value in labels
        assert 0 <= (suggestion.score or 0) <= 1 and suggestion.agent
    pictures = [field.name for field in settings.fields if isinstance(field, rg.ImageField)]
    assert all(record.fields[name].size[0] > 0 for name in pictures if name in record.fields)  # decoded


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
