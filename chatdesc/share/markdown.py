"""Values from data within the Markdown of a card: one line each, and no markup.

>>> plain("kite\\n---\\n<b>*big*</b> | sea_side")
'kite --- \\\\<b\\\\>\\\\*big\\\\*\\\\</b\\\\> \\\\| sea_side'
>>> code("a`b | c\\nd")
"a'b \\\\| c d"
"""

from __future__ import annotations

import re

from chatdesc.text import printable
from chatdesc.types import one_line

MARKUP = re.compile(r"[\\`*\[\]<>|~]|(?<!\w)_|_(?!\w)")


def plain(value: object) -> str:
    """A value within a sentence, a heading or a cell of a table."""
    return MARKUP.sub(lambda char: "\\" + char[0], _line(value))


def code(value: object) -> str:
    """A value between backticks, in a sentence or in a cell of a table."""
    return _line(value).replace("`", "'").replace("|", r"\|")


def _line(value: object) -> str:
    return one_line(printable(str(value)))
