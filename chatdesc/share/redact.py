"""Folders of this machine, tokens and secrets of URLs, which must never be published: found, refused, or taken out.

>>> find_private("see /home/ada/lasot/nlp.txt")
'an absolute path of this machine'
>>> redact("/home/ada/lasot/nlp.txt: line 3 is empty")
'nlp.txt: line 3 is empty'

A path counts if it lies in the working, home or temporary folder, or if its first folder exists here: texts such as
"and/or" or "/s" do not. Tokens are known by their usual beginnings, and by the values of the environment's own. A URL
may hold neither a user nor a signature.
"""

from __future__ import annotations

import os
import re
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from chatdesc.private import TOKEN, is_secret_name, without_secrets
from chatdesc.types import ChatdescError

# Folders may have spaces in their names: words belong to a path if a slash follows them.
ABSOLUTE = re.compile(
    r"(?<![\w.~%/-])(?:file://)?(/[\w.+@~-]+(?:(?: [\w.+@~%=-]+){0,4}/[\w.+@~%=-]+)*)"
    r"|\b[A-Za-z]:(?:\\[\w.-]+|/(?=Users/|home/)[\w.-]+)(?:(?: [\w.-]+){0,4}[\\/][\w.-]+)*"
)


@cache
def _own_folders() -> tuple[str, ...]:
    folders = {Path.cwd(), Path.home(), Path(tempfile.gettempdir())}
    return tuple(sorted(str(p) for f in folders for p in (f, f.resolve())))


@cache
def _secrets() -> tuple[str, ...]:
    return tuple(v for k, v in os.environ.items() if is_secret_name(k) and len(v) >= 12)


def _is_local(path: str) -> bool:
    if not path.startswith("/"):  # a Windows path
        return True
    own = any(path == f or path.startswith(f + "/") for f in _own_folders())
    return own or (path.count("/") > 1 and os.path.exists("/" + path.split("/")[1]))


def find_private(text: str) -> str | None:
    """The kind of private content in a text, or None."""
    if any(_is_local(m.group(1) or m.group()) for m in ABSOLUTE.finditer(text)):
        return "an absolute path of this machine"
    if TOKEN.search(text) or any(secret in text for secret in _secrets()):
        return "a token"
    return "a URL with a password or a signature" if without_secrets(text) != text else None


def redact(text: str) -> str:
    """The text with paths of this machine cut to their last part, and tokens and secrets of URLs taken out."""

    def shorten(match: re.Match[str]) -> str:
        path = match.group(1) or match.group()
        return re.split(r"[/\\]", path)[-1] if _is_local(path) else match.group()

    text = TOKEN.sub("***", ABSOLUTE.sub(shorten, without_secrets(text)))
    for secret in _secrets():
        text = text.replace(secret, "***")
    return text


class PrivateContent(ChatdescError):
    """Something that is to be published holds what must not be."""


def assert_clean(value: Any, where: str = "value") -> None:
    """Refuse a value (of JSON) that holds a local path or a token in any of its texts.

    Raises:
        PrivateContent: it does; the message has the place.
    """
    if isinstance(value, str):
        private = find_private(value)
        if private:
            raise PrivateContent(f"{where} holds {private}, which must not be published: {redact(value)[:200]!r}")
    elif isinstance(value, dict):
        for key, item in value.items():
            assert_clean(item, f"{where}.{key}")
    elif isinstance(value, list | tuple) and value and not _numbers(value):
        # A list as long as a video repeats a few words.
        for item in dict.fromkeys(value) if all(isinstance(v, str) for v in value) else value:
            assert_clean(item, f"{where}[]")


def _numbers(values: list[Any] | tuple[Any, ...]) -> bool:
    """Whether a list begins with numbers, or with a list of them: thousands of boxes need no look."""
    first = values[0]
    return isinstance(first[0] if isinstance(first, list) and first else first, int | float)
