"""What somebody answered in another tool, and the decision that it is.

>>> said = {"verdict": ("edit",), "edited_text": ("a red kite",)}
>>> given = Answer("argilla", ("lasot", "", "kite-1"), "0f", ("kite", "a kite"), "7", "kite-1, 7", said=said)
>>> decided(given, "ada").verdict, decided(given, "ada").text
('edit', 'a red kite')
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, NamedTuple

from chatdesc.decisions.decision import Decision, Key, decision
from chatdesc.decisions.questions import ACCEPT, EDITED, KIND, REASON, VERDICT, VERDICTS
from chatdesc.types import ChatdescError, one_line

TOOLS = ("label-studio", "argilla")


@dataclass(frozen=True, slots=True)
class Answer:
    """One annotator's answer about one case.

    Attributes:
        tool: one of ``TOOLS``.
        key: the row, as the case said it.
        seen: the hash of the row's texts, as the case said it.
        texts: the manual and the refined text that were shown, empty where there was none.
        annotator: who answered, as the tool says it; empty where it does not.
        made: what tells this answer, in this state, from all others of the tool.
        at: when it was changed last, in ISO 8601; empty where the tool does not say it.
        skipped: the annotator passed the case over.
        said: the values given to each question.
    """

    tool: str
    key: Key
    seen: str
    texts: tuple[str, str]
    annotator: str
    made: str
    at: str = ""
    skipped: bool = False
    said: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The id of its decision: the same whenever and from whatever export it is read."""
        said = sorted((name, values) for name, values in self.said.items() if values)
        whole = json.dumps([self.key, self.seen, self.made, self.skipped, said])
        return f"{self.tool}-{sha256(whole.encode()).hexdigest()[:32]}"


class NoAnswer(NamedTuple):
    """A case without an answer that counts, and why."""

    key: Key
    why: str


def word(value: Any) -> str:
    """A text or a number from JSON as a text; empty for anything else."""
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def case_key(data: Mapping[str, Any]) -> Key:
    """The row that a case of an export is about."""
    return word(data.get("dataset")), word(data.get("split")), word(data.get("sequence"))


def is_imported(made: Decision) -> bool:
    """Whether a decision was an answer in another tool."""
    return made.id.startswith(tuple(f"{tool}-" for tool in TOOLS))


def decided(answer: Answer, reviewer: str) -> Decision:
    """The decision that an answer is.

    Raises:
        ChatdescError: it is none; the message says why.
    """
    verdict = "skip" if answer.skipped else _verdict(answer)
    accepted = ACCEPT.get(verdict, "")
    dataset, split, sequence = answer.key
    fault = verdict in ("reject", "flag")
    kind = _only(answer, KIND) if fault else ""
    return decision(
        {
            "id": answer.id,
            "dataset": dataset,
            "split": split or None,
            "sequence": sequence,
            "verdict": "accept" if accepted else verdict,
            "side": accepted or ("refined" if verdict == "edit" else ""),
            "text": _text(answer, verdict),
            "kind": kind or ("other" if verdict == "flag" else ""),
            "reason": "\n".join(answer.said.get(REASON, ())),
            "reviewer": reviewer,
            "seen": answer.seen,
        }
    )


def _verdict(answer: Answer) -> str:
    verdict = _only(answer, VERDICT)
    if verdict not in VERDICTS:
        known = f"its verdict {one_line(verdict)[:40]!r} is none of {', '.join(VERDICTS)}"
        raise ChatdescError(known if verdict else "it has no verdict")
    return verdict


def _text(answer: Answer, verdict: str) -> str:
    """The text that stands after the answer."""
    manual, refined = answer.texts
    edited = _only(answer, EDITED) if verdict == "edit" or verdict in ACCEPT else ""
    if verdict == "edit":
        if not edited.strip():
            raise ChatdescError("it says edit, but has no text")
        if edited == refined:
            raise ChatdescError("it says edit, but the text is the refined one as it was")
        return edited
    if verdict not in ACCEPT:
        return ""
    if edited.strip() and edited not in (manual, refined):
        raise ChatdescError(f"it says {verdict}, but has another text: was it meant as an edit?")
    accepted = manual if ACCEPT[verdict] == "manual" else refined
    if not accepted:
        raise ChatdescError(f"it says {verdict}, but there is no such text")
    return accepted


def _only(answer: Answer, question: str) -> str:
    """The one value of a question; empty without one."""
    values = answer.said.get(question, ())
    if len(values) > 1:
        raise ChatdescError(f"it has {len(values)} values for {question}")
    return values[0] if values else ""
