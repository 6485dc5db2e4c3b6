"""A row's texts, and texts of others, as phrases in force from a frame on.

>>> from chatdesc.rows.schema import empty_row
>>> row = empty_row() | {"manual_text": "a kite", "text": "red kite", "background": ["sky"], "ranges": []}
>>> phrases(row, "manual"), phrases(row, "refined")[0].text
((Phrase(start=0, text='a kite', background=('sky',)),), 'red kite')
>>> spans = [{"start": 10 * i, "text": "a", "background": [around]} for i, around in enumerate("xxyx")]
>>> [phrase.start for phrase in phrases(row | {"ranges": spans}, "manual")]
[0, 20, 30]
>>> said(row, (Phrase(5, "a kite"), Phrase(40, "kite on the left")))[1]
Phrase(start=40, text='kite on the left', background=('sky',))
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from chatdesc.rows.schema import Row
from chatdesc.stages.track import Phrase, in_force
from chatdesc.types import one_line


def phrases(row: Row, words: str) -> tuple[Phrase, ...]:
    """The phrases that are grounded, each with its first frame. Both texts get the run's background phrases.

    So a difference between them is the text's own. Without words nothing is grounded.

    Args:
        words: ``manual``, ``refined`` or none.
    """
    if not words:
        return (Phrase(0, ""),)
    if words == "refined":
        return _from_the_start(_own(row))
    return said(row, (Phrase(0, one_line(row["manual_text"] or "")),))


def said(row: Row, texts: Iterable[Phrase]) -> tuple[Phrase, ...]:
    """Texts, at least one and in order, with the background phrases of the row's run in place of their own."""
    texts, around = _from_the_start(texts), _from_the_start(_own(row))
    starts = sorted({phrase.start for phrase in (*texts, *around)})
    whole = [Phrase(at, in_force(texts, at).text, in_force(around, at).background) for at in starts]
    return tuple(next(same) for _, same in groupby(whole, key=lambda phrase: (phrase.text, phrase.background)))


def _own(row: Row) -> list[Phrase]:
    spans = [Phrase(r["start"], r["text"], tuple(r["background"])) for r in row["ranges"]]
    return spans or [Phrase(0, str(row["text"]), tuple(row["background"]))]


def _from_the_start(texts: Iterable[Phrase]) -> tuple[Phrase, ...]:
    """The first phrase is in force from the first frame on, wherever it says that it starts."""
    return tuple(Phrase(p.start if i else 0, p.text, p.background) for i, p in enumerate(texts))
