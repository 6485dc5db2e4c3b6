"""The findings of an audit as files: CSV and JSON lines with everything, Markdown for people.

>>> suspect = Suspect(("bus-2",), "a buss", None, 0.8, (Finding("non-word", "typo", 0.8, "no word", (2, 6), "bus"),))
>>> finding_records([suspect])[0]["words"], json_line(suspect)["findings"][0]["span"]
('buss', [2, 6])
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict
from io import StringIO
from pathlib import Path

from chatdesc.atomic import write_atomic, writing
from chatdesc.checks.base import Finding
from chatdesc.checks.questions import opinion
from chatdesc.checks.ranking import Suspect
from chatdesc.tables import Record, markdown_line, plain, sheet_cell, write_table
from chatdesc.types import one_line

COLUMNS = (
    "rank", "sequence", "sequences", "class", "suspicion", "check", "kind", "severity", "reason", "start", "stop",
    "words", "suggestion", "text", "evidence", "source", "number",
)  # fmt: skip
SHOWN = ("rank", "source", "sequence", "suspicion", "kind", "words", "reason", "suggestion", "text")  # in Markdown


def finding_records(suspects: Sequence[Suspect]) -> list[Record]:
    """One record per finding, in the order of the ranking, with COLUMNS; ``words`` are those that it is about."""
    return [_record(rank, suspect, finding) for rank, suspect in enumerate(suspects, 1) for finding in suspect.findings]


def _record(rank: int, suspect: Suspect, finding: Finding) -> Record:
    start, stop = finding.span or (None, None)
    words = None if finding.span is None else suspect.text[start:stop]
    reason = finding.reason + opinion(finding.evidence)
    values = (
        rank, suspect.sequences[0], len(suspect.sequences), suspect.category, suspect.suspicion, finding.check,
        finding.kind, finding.severity, reason, start, stop, words, finding.suggestion, suspect.text,
        evidence_text(finding), suspect.source, suspect.number + 1,
    )  # fmt: skip
    return dict(zip(COLUMNS, values, strict=True))


def evidence_text(finding: Finding) -> str:
    """A finding's evidence as a JSON object."""
    return json.dumps(finding.evidence, ensure_ascii=False, sort_keys=True)


def json_line(suspect: Suspect) -> Record:
    """A suspect as JSON values."""
    findings = [asdict(finding) for finding in suspect.findings]
    for finding in findings:
        finding["span"] = finding["span"] and list(finding["span"])
    return {
        "source": suspect.source,
        "sequence": suspect.sequences[0],
        "number": suspect.number + 1,
        "sequences": list(suspect.sequences),
        "class": suspect.category,
        "suspicion": suspect.suspicion,
        "text": suspect.text,
        "findings": findings,
    }


def write_files(suspects: Sequence[Suspect], folder: Path, per_source: list[Record] | None = None) -> list[Path]:
    """Write audit.csv, audit.md and audit.jsonl into a folder, and ``per_source`` as audit_sources.csv and .md.

    Raises:
        ChatdescError: a file cannot be written.
    """
    records = finding_records(suspects)
    lines = "".join(json.dumps(json_line(suspect)) + "\n" for suspect in suspects)
    contents = {"audit.csv": _sheet(records), "audit.md": _markdown(records), "audit.jsonl": lines}
    with writing(folder):
        for name, content in contents.items():
            write_atomic(folder / name, content.encode("utf-8", "backslashreplace"))
    return [*(folder / name for name in contents), *write_table(per_source or [], folder, "audit_sources")]


def _sheet(records: Sequence[Record]) -> str:
    out = StringIO(newline="")
    sheet = csv.DictWriter(out, COLUMNS)
    sheet.writeheader()
    sheet.writerows({name: sheet_cell(value) for name, value in record.items()} for record in records)
    return out.getvalue()


def _markdown(records: Sequence[Record]) -> str:
    if not records:
        return "There are no findings.\n"
    lines = [markdown_line(SHOWN), markdown_line(["---"] * len(SHOWN))]
    return "".join([*lines, *(markdown_line(_cell(record[name]) for name in SHOWN) for record in records)])


def _cell(value: object) -> str:
    return one_line(value) if isinstance(value, str) else plain(value)
