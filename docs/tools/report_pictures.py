"""Take the pictures of docs/report.md and docs/review.md: the demo's report and its review in headless Chromium.

python docs/tools/report_pictures.py demo/run-12x40-seed0-offline demo/synthetic-12x40-seed0
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

import chatdesc
from chatdesc.backends import create

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.makers.browser import Browser
from tests.makers.review_server import Local

PICTURES = Path(__file__).resolve().parents[1] / "pictures"
VIEWS = {"report": ("", 1240, 830), "report_sequence": ("#open=square-1", 1240, 960)}
REVIEW = {"review": (("g", "a", "g"), 1280, 900), "review_queue": (("g", "x", "f", "1", "Enter", "Escape"), 1240, 640)}
GROUNDER = "attributes"
QUIET = "new Promise((done) => setTimeout(done, 500))"


def take(browser: Browser, name: str, address: str, keys: Sequence[str], size: Sequence[int]) -> None:
    """One view as a picture, after some keys."""
    browser.look(*size)
    browser.open(address)
    for key in keys:
        browser.run(QUIET)
        browser.press(key)
    browser.run(QUIET)
    with tempfile.TemporaryDirectory() as folder:
        browser.picture(view := Path(folder, "view.png"))
        few = Image.open(view).convert("RGB").quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    few.save(PICTURES / f"{name}.png", optimize=True)
    print(f"written: {PICTURES / name}.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("root", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Browser() as browser:
        page = chatdesc.report(given.run, root=given.root, out=Path(folder, "r.html"), grounder=GROUNDER).page
        for name, (part, *size) in VIEWS.items():
            take(browser, name, page.resolve().as_uri() + part, (), size)
        grounder = create("grounder", GROUNDER)
        with Local(given.run, root=given.root, decisions=Path(folder, "decisions"), grounder=grounder) as server:
            for name, (keys, *size) in REVIEW.items():
                take(browser, name, server.address, keys, size)


if __name__ == "__main__":
    main()
