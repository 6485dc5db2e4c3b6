"""An audit in words: the most suspicious texts, and how much each check found.

>>> from chatdesc.checks.base import Finding
>>> found = Finding("non-word", "typo", 0.8, "no word", (2, 6), "bus")
>>> print("\\n".join(suspect_lines(1, Suspect(("bus-2", "bus-5"), "a buss", "bus", 0.8, (found,)))))
  1. bus-2 and 1 more, suspicion 0.80
     "a buss"
     typo (non-word): "buss": no word; rather "bus"?
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence

from chatdesc.checks.base import Finding
from chatdesc.checks.questions import opinion
from chatdesc.checks.ranking import Suspect, counts
from chatdesc.tables import Record
from chatdesc.text import printable

WIDTH = 80
INDENT = " " * 5
LONG = 200  # characters of a text that are shown
PART = 60  # of the words that a finding is about
VISIBLE = str.maketrans({"\n": "\\n", "\r": "\\r", "\t": "\\t"})


def suspect_lines(rank: int, suspect: Suspect, width: int = WIDTH, sources: bool = False) -> list[str]:
    """A suspect's name, its text, and what speaks against it or informs, not wider than ``width``.

    Args:
        sources: whether to name the source of its text.
    """
    said = Counter(finding_line(suspect.text, f) for f in suspect.findings if f.severity > 0)
    times = (f"{line} ({count} times)" if count > 1 else line for line, count in said.items())
    lines = [_quoted_text(suspect), *times]
    source = f" ({suspect.source})" if sources else ""
    head = f"{rank:3}. {suspect.label}{source}, suspicion {suspect.suspicion:.2f}"
    return [head, *(line for whole in lines for line in wrapped(whole, width))]


def wrapped(line: str, width: int, indent: str = INDENT) -> list[str]:
    """A line in pieces, broken between words."""
    return textwrap.wrap(
        line, width, initial_indent=indent, subsequent_indent=f"{indent}  ", break_on_hyphens=False
    ) or [indent]


def finding_line(text: str, finding: Finding) -> str:
    """What a check found, as a sentence."""
    by = "" if finding.check == finding.kind else f" ({finding.check})"
    said = printable(opinion(finding.evidence))
    if finding.span is None:
        return f"{finding.kind}{by}: {finding.reason}{said}"
    words = text[slice(*finding.span)]
    if not words.strip():
        return f"{finding.kind}{by}: {finding.reason} (character {finding.span[0] + 1}){said}"
    named = "" if words in finding.reason else f"{_quoted(words, PART)}: "
    new = finding.suggestion
    advice = "" if new is None else f"; rather {_quoted(new, PART)}?" if new.strip() else "; rather without it?"
    return f"{finding.kind}{by}: {named}{finding.reason}{said}{advice}"


def _quoted_text(suspect: Suspect) -> str:
    """The text; of a long one the part around the first finding."""
    text, span = suspect.text, suspect.findings[0].span
    start = 0 if span is None or span[1] <= LONG else max(0, span[0] - LONG // 2)
    return ("..." if start else "") + _quoted(text[start:], LONG) if text else "no text"


def _quoted(text: str, most: int) -> str:
    shown = printable(text[:most].translate(VISIBLE))
    return f'"{shown}"' + ("..." if len(text) > most else "")


def counts_table(findings: Mapping[str, Sequence[Finding]]) -> list[Record]:
    """Per check and kind: the findings, their sequences, and whether they count against a text."""
    found = Counter((finding.check, finding.kind, counts(finding)) for of in findings.values() for finding in of)
    texts = Counter(key for of in findings.values() for key in {(f.check, f.kind, counts(f)) for f in of})
    return [
        {"check": check, "kind": kind, "ranked": "yes" if ranks else "no", "findings": count, "texts": texts[key]}
        for key, count in sorted(found.items(), key=lambda item: (not item[0][2], -item[1], item[0]))
        for check, kind, ranks in [key]
    ]
