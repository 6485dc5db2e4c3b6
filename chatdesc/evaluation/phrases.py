"""A row's texts as phrases in force from a frame on.

>>> from chatdesc.rows.schema import empty_row
>>> row = empty_row() | {"manual_text": "a kite", "text": "red kite", "background": ["sky"], "ranges": []}
>>> phrases(row, "manual"), phrases(row, "refined")[0].text
((Phrase(start=0, text='a kite', background=('sky',)),), 'red kite')
>>> spans = [{"start": 10 * i, "text": "a", "background": [around]} for i, around in enumerate("xxyx")]
>>> [phrase.start for phrase in phrases(row | {"ranges": spans}, "manual")]
[0, 20, 30]
"""

from __future__ import annotations

from chatdesc.rows.schema import Row
from chatdesc.stages.track import Phrase
from chatdesc.types import one_line


def phrases(row: Row, words: str) -> tuple[Phrase, ...]:
    """The phrases that are grounded, each with its first frame. Both texts get the run's background phrases.

    So a difference between them is the text's own. Without words nothing is grounded.

    Args:
        words: ``manual``, ``refined`` or none.
    """
    if not words:
        return (Phrase(0, ""),)
    manual = one_line(row["manual_text"] or "")
    spans = [(r["start"], r["text"], tuple(r["background"])) for r in row["ranges"]]
    spans = spans or [(0, str(row["text"]), tuple(row["background"]))]
    if words == "refined":
        return tuple(Phrase(start if i else 0, text, around) for i, (start, text, around) in enumerate(spans))
    # The manual text is the same in all ranges: a range counts only where the background changes.
    before = [None, *(around for _, _, around in spans)]
    kept = [(start, around) for (start, _, around), last in zip(spans, before, strict=False) if around != last]
    return tuple(Phrase(start if i else 0, manual, around) for i, (start, around) in enumerate(kept))
