"""Findings in the column ``audit`` of a run's rows.

>>> record = to_record(Finding("formatting", "formatting", 0.7, "2 spaces in a row", (1, 3), " "))
>>> record["start"], record["stop"], from_record(record).span
(1, 3, (1, 3))
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from chatdesc.checks import create
from chatdesc.checks.base import Check, Finding
from chatdesc.checks.examine import examine
from chatdesc.checks.report_files import evidence_text
from chatdesc.checks.subjects import of_row
from chatdesc.names import natural
from chatdesc.rows.schema import Finding as RowFinding
from chatdesc.rows.schema import slim
from chatdesc.rows.store import Store
from chatdesc.types import ChatdescError


def to_record(finding: Finding) -> RowFinding:
    """A finding as a row holds it."""
    start, stop = finding.span or (None, None)
    return {
        "kind": finding.kind,
        "evidence": evidence_text(finding),
        "check": finding.check,
        "severity": finding.severity,
        "start": start,
        "stop": stop,
        "reason": finding.reason,
        "suggestion": finding.suggestion,
    }


def from_record(record: RowFinding) -> Finding:
    """A finding from a row; evidence that is no JSON object is left out."""
    start, stop = record.get("start"), record.get("stop")
    try:
        evidence = json.loads(record.get("evidence") or "{}")
    except (ValueError, RecursionError):
        evidence = {}
    return Finding(
        record.get("check") or record["kind"],
        record["kind"],
        record.get("severity") or 0.0,
        record.get("reason") or "",
        None if start is None or stop is None else (start, stop),
        record.get("suggestion"),
        evidence if isinstance(evidence, dict) else {},
    )


def audit_store(store: Store, checks: Sequence[Check] | None = None) -> tuple[str, ...]:
    """Write what an audit finds into all rows of a run; rows in which nothing changes are not written.

    The texts are compared with each other, so the findings of a row may change when more rows come. What the loader
    says of a sequence is in ``status`` and ``problems`` already.

    Args:
        checks: those to use; None takes all.

    Returns:
        Notes: why there are no findings, if the audit failed.
    """
    names = sorted(store.names(), key=natural)
    audited = [of_row(slim(row)) for row in store.rows(names)]
    try:
        made = create() if checks is None else checks
        found, _ = examine([subject for subject in audited if subject.text.strip()], made)
    except ChatdescError as error:
        return (f"the texts were not audited: {error}",)
    for row in store.rows(names):
        findings = [to_record(f) for f in found.get(row["sequence"], ()) if f.severity > 0]
        if findings != row.get("audit"):
            row["audit"] = findings
            store.save(row)
    return ()
