r"""Changes of files as a patch that ``git apply`` and ``patch -p1`` take, and take back with ``-R``.

>>> print(patch("bus/bus-1/nlp.txt", b"a  red bus", b"a red bus").decode(), end="")
--- a/bus/bus-1/nlp.txt
+++ b/bus/bus-1/nlp.txt
@@ -1 +1 @@
-a  red bus
\ No newline at end of file
+a red bus
\ No newline at end of file
"""

from __future__ import annotations

import re
from difflib import diff_bytes, unified_diff

NO_NEWLINE = b"\n\\ No newline at end of file\n"
ESCAPES = {ord('"'): b'\\"', ord("\\"): b"\\\\", ord("\t"): b"\\t", ord("\n"): b"\\n", ord("\r"): b"\\r"}


def patch(path: str, before: bytes | None, after: bytes) -> bytes:
    """The patch that makes ``after`` of the file ``path``; empty where nothing changes.

    Args:
        before: its content; None where there is no such file yet.
    """
    old, new = _lines(before or b""), _lines(after)
    names = b"/dev/null" if before is None else _name(f"a/{path}"), _name(f"b/{path}")
    lines = diff_bytes(unified_diff, old, new, *names, lineterm=b"\n")
    return b"".join(line if line.endswith(b"\n") else line + NO_NEWLINE for line in lines)


def _lines(content: bytes) -> list[bytes]:
    """Lines as git counts them: each ends with a line feed, but the last may not."""
    return re.findall(rb"[^\n]*\n|[^\n]+", content)


def _name(path: str) -> bytes:
    """A name as git writes it: quoted where it holds odd bytes, with a tab behind where it holds spaces."""
    name = path.encode("utf-8", "surrogateescape")
    if all(32 <= byte < 127 and byte not in ESCAPES for byte in name):
        return name + b"\t" if b" " in name else name
    plain = (ESCAPES.get(byte) or (bytes([byte]) if 32 <= byte < 127 else b"\\%03o" % byte) for byte in name)
    return b'"' + b"".join(plain) + b'"'
