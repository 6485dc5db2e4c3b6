"""Rows as nobody should make them: odd names, texts, numbers, and values of another type."""

from __future__ import annotations

import random

from tests.makers.full_rows import NAN, row

NAMES = (
    *("..", ".", "", " ", "../up", "/etc/passwd", "a/b", "a\\b", "C:x", "nul\0byte", "new\nline-1", "\x1b[31mred-1"),
    *("bad\udc80byte-1", "half\ud800pair-1", "\u202egnp-1", "=1+1", "-rf", "~", "$(id)", "%s%n-1", "a:50", "[/INST]"),
    *("x" * 250, "x" * 5000, "\u4e2d" * 90, "a" * 120 + "-1", "CON", "nlp.txt", "sequence", "a\u2028b-1", "a;b=c"),
)
TEXTS = (
    *("", " ", ",", "#", "\n\n", "\0", "\x1b[2J", "half\ud800pair", "byte\udc80", "\ufffd", "=cmd|' /C calc'!A0"),
    *("a\u2028b\u2029c", "\u202eright to left", ";;;", 'a="b\\', "[/INST]", "{}", "%d", "x" * 100_000, "a " * 5000),
    *("prompts=evil\nname=other", "0 0 0", "with", "<script>", "\U0001f600", "a\r\nb", "'; DROP", "-1", "@SUM(1)"),
)
NUMBERS = (NAN, float("inf"), -1, 0, 2**63, 10**30, 1e308, True)
OTHER_TYPES = (7, 1.5, True, [], {}, [None], {"a": 1}, [[]], "text", ["text"], b"bytes", None)
PATTERNS = (
    *("%s", "%(a)s", "%", "%09999999d.jpg", "%d%d", "../%08d.jpg", "/etc/%d", "a\0/%d.jpg", "x" * 5000 + "/%d.jpg"),
    *("half\ud800/img/%d.jpg", "a/img/%08d.jpg\nprompts=evil", "img/1.jpg", "%5000d", "%%d"),
)
COLUMNS = (
    *("sequence", "dataset", "split", "category", "manual_text", "text", "ranges", "frames", "provenance"),
    *("num_frames", "boxes", "visible", "background"),
)


def hostile_rows(seed=0, count=None):
    """Rows with one thing wrong each and rows with three; all single faults, or ``count`` rows drawn by the seed."""
    draw = random.Random(seed)
    wrong = [*_names(), *_texts(), *_places(), *_numbers(), *_types()]
    rows = [row(f"row-{number}") | columns for number, columns in enumerate(wrong)]
    for number in range(len(wrong) // 4):
        columns = {key: value for part in draw.sample(wrong, 3) for key, value in part.items()}
        rows.append(row(f"mixed-{number}") | columns)
    return rows if count is None else draw.sample(rows, count)


def _names():
    yield from ({"sequence": name} for name in NAMES)
    yield from ({column: name} for column in ("split", "dataset", "category") for name in NAMES[:20])


def _texts():
    yield from ({"text": text, "ranges": []} for text in TEXTS)
    yield from ({"ranges": [_part(0, text)], "background": [text]} for text in TEXTS)
    yield from ({"manual_text": text} for text in TEXTS[:8])


def _places():
    yield from ({"frames": {"pattern": pattern, "first": 1, "paths": []}} for pattern in PATTERNS)
    yield {"frames": {"pattern": None, "first": None, "paths": []}}
    yield {"frames": {"pattern": None, "first": None, "paths": ["../../x"]}}
    for settings in ("", "{", "[]", "null", '{"style": "../x"}', '{"style": 7}', "[" * 5000):
        yield {"provenance": row()["provenance"] | {"settings": settings}}


def _numbers():
    yield from ({"num_frames": number} for number in NUMBERS)
    yield from ({"boxes": [[number] * 4]} for number in NUMBERS)
    yield from ({"ranges": [_part(number, "red")]} for number in NUMBERS)
    yield {"ranges": [_part(10**9, "late")]}
    yield {"boxes": [[1.0]], "visible": []}


def _types():
    yield from ({column: value} for column in COLUMNS for value in OTHER_TYPES)


def _part(start, text):
    return row()["ranges"][0] | {"start": start, "text": text}
