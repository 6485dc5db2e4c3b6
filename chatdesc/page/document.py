"""The page as one HTML document: style, script and data inlined, and nothing in the data is markup.

Data stand in ``<script type="application/json">`` with every ``<`` escaped, so no text ends its element. The policy
allows the one script and the one style by their hashes, and pictures from the page itself or from a folder beside it.

>>> as_json({"text": "</script><script>alert(1)"})
'{"text":"\\\\u003c/script>\\\\u003cscript>alert(1)"}'
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable, Iterator
from functools import cache
from hashlib import sha256
from html import escape
from importlib.resources import files
from typing import Any

from chatdesc.page.material import Material
from chatdesc.page.modules import bundle
from chatdesc.tables import Progress
from chatdesc.types import ChatdescError

MAIN = "main.js"


def as_json(value: Any) -> str:
    """JSON for a data element: ASCII alone, and no ``<``.

    Raises:
        ChatdescError: the value holds NaN, which no browser reads.
    """
    try:
        text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    except ValueError as error:
        raise ChatdescError(f"the page cannot hold this value: {error}") from error
    return text.replace("<", "\\u003c")


def page_of(material: Material, review: Any = None, progress: Progress | None = None) -> bytes:
    """The page of a material.

    Args:
        review: what a page that is served knows about its review.
        progress: called with sequences done, all sequences, and a note.
    """
    made = list(material.entries(progress))
    index = material.index([line for line, _ in made]) | ({} if review is None else {"review": review})
    parts = document(material.title, index, (of for _, of in made), connect=review is not None)
    return "".join(parts).encode(errors="replace")  # a folder's name may hold bytes that are no UTF-8


def document(title: str, index: Any, details: Iterable[Any], connect: bool = False) -> Iterator[str]:
    """The document in parts, to be written one after the other.

    Args:
        index: what the overview needs; it stands before the script, so that the page shows before all of it is read.
        details: per sequence; each becomes an element of its own, parsed when the sequence is opened.
        connect: the page may ask the server that it comes from.
    """
    style, script = asset("style.css"), front_end()
    head, body, tail = asset("page.html").split("<!-- part -->")
    yield head.replace("{{policy}}", policy(script, style, connect)).replace("{{title}}", escape(title))
    yield f"<style>{style}</style>\n"
    yield body
    yield f'<script type="application/json" id="index">{as_json(index)}</script>\n'
    yield f"<script>{script}</script>\n"
    for number, of in enumerate(details):
        yield f'<script type="application/json" id="details-{number}">{as_json(of)}</script>\n'
    yield tail


def policy(script: str, style: str, connect: bool = False) -> str:
    """The content policy: nothing runs and nothing loads but this script, this style, and pictures."""
    return "; ".join(
        (
            *(("connect-src 'self'",) if connect else ()),
            "default-src 'none'",
            f"script-src '{hashed(script)}'",
            f"style-src '{hashed(style)}'",
            "img-src data: 'self' file:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def served_policy() -> str:
    """The content policy of a page that is served, with what only a header can say."""
    return f"{policy(front_end(), asset('style.css'), connect=True)}; frame-ancestors 'none'"


@cache
def front_end() -> str:
    """All modules as one script; they do not change while a program runs.

    Raises:
        ChatdescError: one of them has a form that ``bundle`` does not know.
    """
    return bundle({name: asset(name) for name in modules()}, MAIN)


def hashed(text: str) -> str:
    """A text's hash as a content policy has it."""
    return "sha256-" + b64encode(sha256(text.encode()).digest()).decode()


@cache
def asset(name: str) -> str:
    """A file of the front end, read once.

    Raises:
        ChatdescError: it could end the element that it stands in.
    """
    text = (files("chatdesc.page") / "web" / name).read_text(encoding="utf-8")
    if name != "page.html" and any(end in text.lower() for end in ("</script", "</style", "<!--", "\r")):
        raise ChatdescError(f"web/{name}: holds what would end its element in the page")
    return text


def modules() -> list[str]:
    """The names of the front end's modules."""
    return sorted(file.name for file in (files("chatdesc.page") / "web").iterdir() if file.name.endswith(".js"))
