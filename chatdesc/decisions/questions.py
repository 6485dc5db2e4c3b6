"""What people in another tool are asked about a case, in the words that both its export and its import use.

The names of questions and of data differ from one another: exports of both tools lay them side by side in one record.
"""

from __future__ import annotations

from chatdesc.decisions.decision import KINDS

QUESTIONS = VERDICT, EDITED, KIND, REASON = "verdict", "edited_text", "kind", "reason"

ACCEPT = {"accept refined": "refined", "accept manual": "manual"}
"""Answers that accept a text, and which one."""

VERDICTS = {
    "accept refined": "The refined text is right",
    "accept manual": "The manual text is right, and better than the refined one",
    "edit": "Neither is right as it stands: write a better one below",
    "reject": "Neither text is good: the dataset's own stays, and the sequence is marked",
    "flag": "Somebody else has to look: say what is wrong",
}

KIND_TITLES = {
    "wrong_target": "It means something else than the target",
    "ambiguous": "It fits several things in the frame",
    "typo": "It has a typing or grammar mistake",
    "does_not_hold": "It stops being true during the video",
    "other": "Something else",
}
assert tuple(KIND_TITLES) == KINDS

GUIDELINES = """Which text describes the target, the object in the green box, and nothing else?

Read both texts and look at the template and at the later frames. The manual text came with the dataset; the refined
text was made for it. Look at the evidence below: suspicion is near 1 where much speaks against the text.

accept refined: the refined text is right. accept manual: the manual text is right. edit: neither is right as it stands;
write a better text. reject: neither text is good; the dataset's own stays, and the sequence is marked. flag: somebody
else has to look. For reject and flag say what kind of fault it is, and why."""
