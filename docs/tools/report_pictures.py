"""Take the pictures of docs/report.md: the demo's report in headless Chromium.

python docs/tools/report_pictures.py demo/run-12x40-seed0-offline demo/synthetic-12x40-seed0
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from pathlib import Path

from PIL import Image

import chatdesc

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.makers.browser import Browser

PICTURES = Path(__file__).resolve().parents[1] / "pictures"
VIEWS = {"report": ("", 1240, 830), "report_sequence": ("#open=square-1", 1240, 960)}
QUIET = "new Promise((done) => setTimeout(done, 500))"


def take(browser: Browser, page: Path, name: str) -> None:
    """One view as a picture."""
    part, width, height = VIEWS[name]
    browser.look(width, height)
    browser.open(page.resolve().as_uri() + part)
    browser.run(QUIET)
    with tempfile.TemporaryDirectory() as folder:
        browser.picture(Path(folder, "view.png"))
        content = io.BytesIO(Path(folder, "view.png").read_bytes())
    Image.open(content).convert("RGB").save(PICTURES / f"{name}.png", optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("root", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Browser() as browser:
        page = chatdesc.report(given.run, root=given.root, out=Path(folder, "r.html"), grounder="attributes").page
        for name in VIEWS:
            take(browser, page, name)
            print(f"written: {PICTURES / name}.png")


if __name__ == "__main__":
    main()
