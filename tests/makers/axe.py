"""axe-core on the page in a browser: views of a report and of a review, on a desktop and a phone, light and dark."""

from __future__ import annotations

import json
import os
from pathlib import Path

LACKING = "no axe-core: npm install axe-core, and CHATDESC_AXE=node_modules/axe-core/axe.min.js"
SERIOUS = ("serious", "critical")
LOOKS = [(width, dark) for width in (1280, 360) for dark in (False, True)]
REPORT = {"overview": (), "sequence": ("Enter",), "sheet of keys": ("?",)}
REVIEW = {
    "overview": (),
    "sequence": ("g",),
    "edit": ("g", "e"),
    "flag": ("g", "f"),
    "rule": ("A",),
    "blind sequence": ("h", "g"),
    "blind overview": ("h",),
    "decided": ("g", "s", "x", "Escape"),
}  # the last one decides
QUIET = "new Promise((done) => setTimeout(() => requestAnimationFrame(done), 250))"


def axe():
    """The script of axe-core, or None where CHATDESC_AXE names none."""
    named = os.environ.get("CHATDESC_AXE")
    return Path(named).read_text(encoding="utf-8") if named else None


def faults(browser, script):
    """What axe-core finds in what is shown: [impact, rule, element] each, and how many rules passed."""
    browser.run(script + "; 0")
    faults = "r.violations.flatMap((v) => v.nodes.map((n) => [v.impact, v.id, n.html]))"
    return browser.run(f"axe.run().then((r) => [{faults}, r.passes.length])")


def examined(browser, address, views, script):
    """Each view of a page in each look: its name, width, whether dark, the faults, and how many rules passed."""
    for width, dark in LOOKS:
        for name, keys in views.items():
            browser.look(width, 800, dark)
            browser.open(address)
            browser.run(QUIET)
            for key in keys:
                browser.press(key)
            browser.run(QUIET)
            found, passed = faults(browser, script)
            yield name, width, dark, found, passed


def serious(found):
    """Faults that hinder people, as text."""
    return [json.dumps(fault) for fault in found if fault[0] in SERIOUS]
