"""Draw the picture of docs/score.md: one sequence of the demo on one sheet.

python docs/tools/sheet_picture.py demo/run-12x40-seed0-offline demo/synthetic-12x40-seed0
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from PIL import Image

import chatdesc

PICTURE = Path(__file__).resolve().parents[1] / "pictures" / "sheet.png"
SEQUENCE = "square-1"
WIDTH = 1240  # pixels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("root", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        made = chatdesc.sheet(given.run, SEQUENCE, Path(folder, "s.png"), root=given.root, grounder="attributes")
        with Image.open(made.path) as sheet:
            height = round(sheet.height * WIDTH / sheet.width)
            small = sheet.convert("RGB").resize((WIDTH, height), Image.Resampling.LANCZOS)
    small.save(PICTURE, optimize=True)
    print(f"written: {PICTURE}")


if __name__ == "__main__":
    main()
