"""What axe-core finds in the pages of report and review, on a desktop and a phone, light and dark.

    CHATDESC_AXE=node_modules/axe-core/axe.min.js python benchmarks/accessibility.py [--otb ROOT]

Prints per page how many views were examined, how many of axe-core's rules passed at least, and its faults by impact;
each fault once, with its rule and element. Exits with 1 on a serious or critical one. The pages show rendered scenes,
or ROOT's sequences: an OTB-lang folder, by default that of $CHATDESC_SHARED_DATA.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import chatdesc
from chatdesc.synthetic import render

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.makers import axe
from tests.makers.browser import LACKING, Browser, chromium
from tests.makers.review_server import Local


def a_run(work: Path, otb: Path | None) -> Path:
    """A run with its dataset's folder beside it."""
    if otb:
        chatdesc.annotate("otb-lang", otb, work / "run", tracker="none", rounds=1)
        return otb
    render(work / "data", count=4, frames=16, seed=0)
    chatdesc.annotate("synthetic", work / "data", work / "run", rounds=2)
    return work / "data"


def examine(browser: Browser, what: str, address: Any, views: dict[str, tuple[str, ...]], script: str) -> bool:
    """Print what is found in a page; whether nothing is serious."""
    seen = list(axe.examined(browser, address, views, script))
    found = [fault for *_, faults, _ in seen for fault in faults]
    impacts = Counter(impact for impact, *_ in found)
    said = ", ".join(f"{impacts[name]} {name}" for name in ("critical", "serious", "moderate", "minor"))
    print(f"{what}: {len(seen)} views, at least {min(passed for *_, passed in seen)} rules passed; faults: {said}")
    for impact, rule, element in sorted({tuple(fault) for fault in found}):
        print(f"  {impact} {rule}: {element[:160]}")
    return not axe.serious(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    shared = Path(os.environ.get("CHATDESC_SHARED_DATA", "")) / "otb"
    parser.add_argument("--otb", type=Path, default=shared if shared.is_dir() else None)
    otb = parser.parse_args().otb
    script = axe.axe()
    if script is None or not chromium():
        print(f"not measured: {LACKING if script else axe.LACKING}")
        return
    with tempfile.TemporaryDirectory() as folder, Browser() as browser:
        work = Path(folder)
        root = a_run(work, otb)
        page = chatdesc.report(work / "run", root=root, out=work / "r.html", grounder="attributes").page
        fine = examine(browser, "report", page, axe.REPORT, script)
        with Local(work / "run", root=root, decisions=work / "decisions") as server:
            fine &= examine(browser, "review", server.address, axe.REVIEW, script)
    raise SystemExit(0 if fine else 1)


if __name__ == "__main__":
    main()
