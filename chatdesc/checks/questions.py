"""Closed questions about doubtful texts, and what their answers change.

A finding of typos, grammar or gibberish asks whether the text is correct English; one of wrong targets whether it is a
true description of the marked object; one of ambiguous texts whether it describes that object and nothing else; one of
texts that stop being true asks the second question on the last frame that was looked at. Findings of formatting and
data are facts, about which nobody is asked.

>>> weigh(0.8, 0.9), weigh(0.8, 0.5), weigh(0.8, 0.1)
(0.308, 0.8, 0.973)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from chatdesc.checks.base import Finding
from chatdesc.checks.gibberish import GibberishCheck
from chatdesc.stages.describe import prompt_file
from chatdesc.types import Reply, one_line

LANGUAGE, TARGET, ALONE = "correct English", "a description of the target", "a description of the target alone"
TOPICS = {
    "typo": LANGUAGE, "grammar": LANGUAGE, "wrong_target": TARGET, "does_not_hold": TARGET, "ambiguous": ALONE,
}  # fmt: skip
WORDS = {
    LANGUAGE: "Somebody described an object in a video by these words: {text}\nIs this correct English, without a "
    "misspelt word, a word in the wrong place or a fault of grammar? A phrase without a verb may be correct.",
    TARGET: "Is this a true description of the object: {text}",
    ALONE: "Is this a true description of the object, and of nothing else in the picture: {text}",
}
CLOSING = "\nAnswer with one word, Yes or No."
SURE = 0.9  # the highest probability that is believed; 1 less it is the lowest
SAID = 0.75  # what an answer without a probability is worth
DIGITS = 3
LEAST = 10**-DIGITS  # of a severity, which at 0 would no longer count


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked about a text.

    Attributes:
        topic: LANGUAGE, TARGET or ALONE.
        frame: the index of the frame that is shown; None for LANGUAGE, and for the first frame with a visible target.
    """

    topic: str
    frame: int | None = None

    @property
    def shows(self) -> bool:
        """Whether the describer must see the target."""
        return self.topic != LANGUAGE

    def words(self, text: str, region: str) -> str:
        """The whole question, for a describer that is shown this region (see ``chatdesc.region``)."""
        shown = prompt_file(f"region_{region}") if self.shows else ""
        quoted = '"' + one_line(text).replace('"', "'") + '"'
        return shown + WORDS[self.topic].format(text=quoted) + CLOSING


def question_about(finding: Finding) -> Question | None:
    """The question that a finding raises; None where it is a fact, does not count, or names no frame to show."""
    topic = LANGUAGE if finding.check == GibberishCheck.name else TOPICS.get(finding.kind)
    if topic is None or finding.severity <= 0:
        return None
    if finding.kind != "does_not_hold":
        return Question(topic)
    frame = _last_frame(finding.evidence)
    return None if frame is None else Question(topic, frame)


def _last_frame(evidence: Mapping[str, Any]) -> int | None:
    """The last frame of evidence as ``leads.evidence`` writes it; None of another form, as other checks may have."""
    frames = evidence.get("frames")
    last = frames[-1] if isinstance(frames, list) and frames else None
    frame = last.get("frame") if isinstance(last, dict) else None
    return frame if isinstance(frame, int) else None


def weigh(severity: float, chance: float) -> float:
    """A severity after the describer's answer: the odds of a fault times the odds of No.

    Args:
        chance: the probability that the text is right; beyond SURE it counts as SURE, so that no answer settles a case.
    """
    right = min(SURE, max(1 - SURE, chance))
    fault = severity * (1 - right)
    return max(round(fault / (fault + (1 - severity) * right), DIGITS), LEAST)


def answered(finding: Finding, question: Question, reply: Reply, describer: str) -> Finding:
    """A finding with the describer's answer as further evidence, and the severity that follows from it."""
    chance = reply.probability
    if chance is None:
        chance = SAID if reply.yes else 1 - SAID
    said = {
        "name": describer,
        "asked": question.topic,
        "frame": question.frame,
        "answer": "Yes" if reply.yes else "No",
        "probability": None if reply.probability is None else round(reply.probability, DIGITS),
        "severity_before": finding.severity,
    }
    return replace(
        finding, severity=weigh(finding.severity, chance), evidence=dict(finding.evidence) | {"describer": said}
    )


def opinion(evidence: Mapping[str, Any]) -> str:
    """What a describer said of a finding, as the end of a sentence; empty where it was not asked.

    >>> opinion({"describer": {"name": "openai:kite", "asked": "correct English", "answer": "No", "probability": 0.25}})
    '; asked "correct English?", openai:kite says No (0.75)'
    """
    said = evidence.get("describer")
    if not isinstance(said, dict):
        return ""
    answer, chance = said.get("answer"), said.get("probability")
    sure = "" if not isinstance(chance, float) else f" ({chance if answer == 'Yes' else 1 - chance:.2f})"
    return f'; asked "{said.get("asked")}?", {said.get("name")} says {answer}{sure}'
