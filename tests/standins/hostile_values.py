"""Rows whose names, texts and other values are as hostile as JSON allows; the rows beside them are sound.

``ROWS`` has the columns that differ by name; ``sound`` gives rows without a fault.
"""

from __future__ import annotations

from tests.makers.full_rows import row

LONG = "x" * 300
GREEK = "\u03b1" * 200
NAMES = (
    "../../escaped",
    "..",
    ".",
    "",
    "/tmp/escaped",
    "a/b",
    "a\\b",
    "C:\\escaped",
    "~/escaped",
    "$HOME",
    "-rf",
    "--to=/tmp",
    "a\x00b",
    "a\nb",
    "a\rb",
    "\x1b[2J\x1b[31mred",
    "\u202egpj.exe",
    "caf\udce9",
    "\ud800",
    LONG,
    GREEK,
    " ",
    "con",
    "nul.txt",
    "a:b",
    "a*b?",
    "%2e%2e%2f",
    "swing-1.orig",
    "nlp.txt",
    "[/INST]",
    "[link=file:///etc/passwd]x[/link]",
    "=cmd()-1",
)
TEXTS = (
    "",
    " \n\t ",
    "a\nb\nc",
    "a, b # c ; d",
    "\x1b]8;;http://evil.test\x07click\x1b]8;;\x07",
    "\u202ered\u202c kite",
    "[bold]red[/]",
    '=HYPERLINK("http://evil.test")',
    "+1+1",
    "@SUM(A1)",
    "-2+3",
    "\ttab first",
    "/usr/bin/env kite",
    "red\x00kite",
    "\ud83d kite",
    "caf\udce9",
    "red " * 3000,
    "<script>alert(1)</script>",
    "</section><!-- end of lasot -->",
    "prompts=a;b|c",
    "0 red kite",
    "\u2028\u2029",
    '{"target": "red"}',
    "---\nlicense: mit\n---",
)
OTHERS = {
    "split that leads out": {"split": "../../escaped"},
    "split of a line break": {"split": "te\nst"},
    "split of control characters": {"split": "\x1b[31m"},
    "dataset that leads out": {"dataset": "../../escaped"},
    "dataset with a section's end": {"dataset": "x\n<!-- end of lasot -->\n"},
    "category that leads out": {"category": "../../escaped", "sequence": "noclass"},
    "frames that lead out": {"frames": {"pattern": "../../../escaped/%08d.jpg", "first": 1, "paths": []}},
    "frames that start at the root": {"frames": {"pattern": "/escaped/swing-9/img/%08d.jpg", "first": 1, "paths": []}},
    "ranges without texts": {
        "ranges": [{"start": 0, "stop": 3, "text": "", "source": "", "background": [], "iou": 0.5, "margin": 0.0}]
    },
    "ranges that run backwards": {
        "ranges": [
            {"start": -5, "stop": -9, "text": "red", "source": "refined", "background": [], "iou": 0.5, "margin": 0.0}
        ]
    },
}
ROWS: dict[str, dict] = {
    **{f"name {value[:20]!a}": {"sequence": value} for value in NAMES},
    **{f"text {value[:20]!a}": {"sequence": "hostile-1", "text": value} for value in TEXTS},
    **{name: {"sequence": "hostile-1"} | columns for name, columns in OTHERS.items()},
}


def sound(count: int = 2) -> list[dict]:
    """Rows without a fault: ``swing-1``, ``swing-2`` ..."""
    return [row(f"swing-{number + 1}", text=f"red swing seat {number + 1}", ranges=[]) for number in range(count)]
