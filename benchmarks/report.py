"""A report's page: its size, and how fast a browser shows, filters and sorts it.

    python benchmarks/report.py [--rows 5000] [--sequences 1400] [--otb ROOT] [--repeats 5]

Prints the bytes of the script and of three pages, each with its limit: of so many rows without pictures, of so many
sequences with pictures (photographs of ROOT, or rendered scenes without it), and of ROOT's own sequences. Times are
medians over repeats in headless Chromium (without it they are left out): until the first paint, until the table is on
the screen after a key of a search, until the whole overview is, and after a click that sorts. ROOT is an OTB-lang
folder; without it: $CHATDESC_SHARED_DATA/otb if it exists.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import chatdesc
from chatdesc.page.document import MAIN, asset, modules
from chatdesc.page.modules import bundle
from chatdesc.rows.schema import Row, empty_row
from chatdesc.rows.store import Store
from chatdesc.synthetic import render

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.makers.browser import LACKING, Browser, chromium

FRAMES = 240  # of a sequence with pictures
ROUNDS = 4
WORDS = (
    "red blue large small white kite bus dog person car with a striped shirt on the left next to another tree".split()
)
LIMITS = {"script": 0.25, "rows": 20.0, "pictures": 20.0, "otb": 3.0}  # MB
PAINT, ANSWER = 1000, 100  # milliseconds

SETTLED = "new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(performance.now()), 0)))"
SEARCH = """(async () => {
  const field = document.getElementById('search'), start = performance.now();
  field.value = %r;
  field.dispatchEvent(new Event('input'));
  const table = await new Promise((done) => requestAnimationFrame(() => done(performance.now())));
  await new Promise((done) => setTimeout(done, 0));
  return [table - start, (await %s) - start];
})()"""
SORT = f"""(async () => {{
  const start = performance.now();
  document.querySelector('.head .iou button').click();
  return (await {SETTLED}) - start;
}})()"""


def a_row(number: int, boxes: int, draw: random.Random) -> Row:
    """A row with everything in it, of about the size that a real one has."""

    def text() -> str:
        return " ".join(draw.choices(WORDS, k=8))

    def score() -> float:
        return draw.random()

    tried = {
        "start": 0, "source": "refined", "background": ["tree", "lawn"], "background_dropped": [], "accepted": True,
        "positive": ["red", "kite"], "negative": ["person"], "raw": "",
    }  # fmt: skip
    rounds = [tried | {"text": text(), "iou": score(), "margin": score() - 0.5} for _ in range(ROUNDS)]
    track = [[draw.uniform(0, 300), draw.uniform(0, 200), 40.0, 30.0] for _ in range(boxes)]
    tracking = {
        "tracker": "csrt", "verifier": "similarity", "protocol": "lasot", "auc": score(), "precision": score(),
        "norm_precision": score(), "texts": [],
        "key_frames": list(range(0, boxes, 20)), "places_dropped": [], "none_frames": [],
        "chosen_iou": score(), "random_iou": score(), "oracle_iou": score(), "boxes": track,
        "sources": ["tracker"] * boxes, "scores": [1.0] * boxes,
    }  # fmt: skip
    aligned = {"manual_margin": None, "refined_margin": None, "frames": 4, "manual_truncated": False}
    encoders = [
        {"encoder": name, "manual": 30 * score(), "refined": 30 * score(), "truncated": False} | aligned
        for name in ("ViT-B-32", "ViT-L-14")
    ]
    grounding = {
        "grounder": "g", "manual_iou": score(), "manual_margin": score() - 0.5, "round0_iou": score(), "iou": score(),
        "margin": score() - 0.5, "manual_top_iou": score(), "top_iou": score(), "manual_truncated": False,
        "truncated": False,
    }  # fmt: skip
    made = {
        "sequence": f"thing{number % 70}-{number}", "dataset": "lasot", "split": "test", "num_frames": boxes,
        "category": f"thing{number % 70}", "boxes": [[100.0, 80.0, 40.0, 30.0]] * boxes, "manual_text": text(),
        "text": text(), "text_source": "refined", "rounds": rounds, "grounding": grounding, "alignment": encoders,
        "tracking": tracking, "status": "ok",
    }  # fmt: skip
    return empty_row() | made  # type: ignore[return-value]


def a_run(place: Path, count: int, boxes: int) -> Path:
    draw = random.Random(0)
    with Store.open(place, {"dataset": "lasot"}) as store:
        for number in range(count):
            store.save(a_row(number, boxes, draw))
    return place


def photographs(root: Path | None, work: Path, place: Path) -> Iterator[Path]:
    """Folders of FRAMES frames each, below a dataset's folder: ROOT's photographs, or rendered scenes."""
    if root is None:
        names = render(work / "scenes", count=7, frames=12, seed=0)
        folders = [work / "scenes" / name.rpartition("-")[0] / name / "img" for name in names]
    else:
        folders = sorted(path for path in root.glob("OTB_videos/*/img") if path.is_dir())
    for number, folder in enumerate(folders):
        frames = sorted(folder.glob("*.jpg"))
        copied = place / "frames" / str(number)
        copied.mkdir(parents=True)
        for frame in range(FRAMES):
            target, first = copied / f"{frame + 1:08d}.jpg", copied / f"{frame % len(frames) + 1:08d}.jpg"
            shutil.copyfile(frames[frame], target) if target == first else target.symlink_to(first)
        yield copied


def a_dataset(place: Path, count: int, folders: list[Path]) -> Path:
    """A tree in LaSOT's layout whose sequences show the same photographs."""
    for number in range(count):
        folder = place / f"thing{number % 70}" / f"thing{number % 70}-{number}"
        folder.mkdir(parents=True)
        (folder / "img").symlink_to(folders[number % len(folders)])
        (folder / "groundtruth.txt").write_text("100,80,40,30\n" * FRAMES)
        (folder / "nlp.txt").write_text("a thing")
    return place


def said(what: str, value: float, limit: float, unit: str) -> bool:
    print(f"{what:<52} {value:9.2f} {unit:<3} (limit {limit:g}){'' if value < limit else '  MISSED'}")
    return value < limit


def sizes(work: Path, rows: int, sequences: int, otb: Path | None) -> tuple[bool, Path, Path]:
    """Print the sizes; whether all are within their limits, the page of rows alone, and that with pictures."""
    script = bundle({name: asset(name) for name in modules()}, MAIN)
    fine = [said("script", len(script.encode()) / 1e6, LIMITS["script"], "MB")]
    plain = chatdesc.report(a_run(work / "rows", rows, 60), out=work / "rows.html")
    fine.append(said(f"page of {rows} rows without pictures", plain.size / 1e6, LIMITS["rows"], "MB"))
    folders = list(photographs(otb, work, work / "data"))
    root = a_dataset(work / "data", sequences, folders)
    shown = chatdesc.report(a_run(work / "run", sequences, FRAMES), root=root, out=work / "pictures.html")
    assert not shown.without_pictures, shown.without_pictures[:3]
    fine.append(said(f"page of {sequences} sequences with pictures", shown.size / 1e6, LIMITS["pictures"], "MB"))
    if otb:
        chatdesc.annotate("otb-lang", otb, work / "otb", tracker="none", rounds=1)
        page = chatdesc.report(work / "otb", root=otb, out=work / "otb.html", grounder="attributes")
        fine.append(said(f"page of {page.sequences} sequences of OTB", page.size / 1e6, LIMITS["otb"], "MB"))
    return all(fine), plain.page, shown.page


def paint(browser: Browser, page: Path) -> float:
    """Open a page: the time until something is to be seen, in milliseconds."""
    browser.open(page)
    browser.wait("performance.getEntriesByName('first-contentful-paint').length")
    return float(browser.run("performance.getEntriesByName('first-contentful-paint')[0].startTime"))


def times(page: Path, pictures: Path, rows: int, sequences: int, repeats: int) -> bool:
    """Print the times of the page of rows and of that with pictures; whether all are within their limits."""
    paints, heavy, answers, wholes, sorts = [], [], [], [], []
    with Browser() as browser:
        browser.look()
        for _ in range(repeats):
            heavy.append(paint(browser, pictures))
            paints.append(paint(browser, page))
            browser.run(SETTLED)
            for query in ("k", "kite", "kite iou<0.5", ""):
                answer, whole = browser.run(SEARCH % (query, SETTLED))
                answers.append(answer)
                wholes.append(whole)
            sorts.append(browser.run(SORT))
        assert browser.errors == [], browser.errors
    median = statistics.median
    return all(
        [
            said(f"first paint, {rows} rows", median(paints), PAINT, "ms"),
            said(f"first paint, {sequences} sequences with pictures", median(heavy), PAINT, "ms"),
            said("table after a key of a search", median(answers), ANSWER, "ms"),
            said("whole overview after a key of a search", median(wholes), PAINT, "ms"),
            said("table after a click that sorts", median(sorts), PAINT, "ms"),
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--sequences", type=int, default=1400)
    parser.add_argument("--otb", type=Path)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    shared = Path(os.environ.get("CHATDESC_SHARED_DATA", "")) / "otb"
    otb = given.otb or (shared if shared.is_dir() else None)
    with tempfile.TemporaryDirectory() as folder:
        fine, page, pictures = sizes(Path(folder), given.rows, given.sequences, otb)
        if chromium():
            fine &= times(page, pictures, given.rows, given.sequences, given.repeats)
        else:
            print(f"no times: {LACKING}")
    raise SystemExit(0 if fine else 1)


if __name__ == "__main__":
    main()
