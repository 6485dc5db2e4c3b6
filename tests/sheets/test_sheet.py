"""One sequence on one sheet: what it shows, what it says where something is missing, and what hostile rows do to it."""

from __future__ import annotations

import re
import shutil
import sys

import numpy as np
import pytest

from chatdesc.drawing.figures import printing
from chatdesc.drawing.style import DOTS
from chatdesc.evidence import Choice, Evidence
from chatdesc.loaders import load
from chatdesc.page.material import whole
from chatdesc.rows.evidence import keep
from chatdesc.rows.refined import attached
from chatdesc.rows.schema import empty_row
from chatdesc.rows.store import Store
from chatdesc.sheets.frames import ELSEWHERE, ON_TARGET, TRUTH, Marked, Shot, kinds_in, window
from chatdesc.sheets.job import _shown, card_sheet, sheet
from chatdesc.sheets.sheet import Shown, draw_sheet
from chatdesc.synthetic import render
from chatdesc.types import ChatdescError
from chatdesc.verification.recorded import Seen
from tests.makers.commands import call

FRAMES = 8


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A rendered sequence (``data``), and a run whose row was written by hand."""
    root = tmp_path_factory.mktemp("sheet")
    [name] = render(root / "data", count=1, frames=FRAMES)
    with Store.open(root / "run", {"dataset": "synthetic"}) as store:
        store.save(row_of(root / "data", name))
    return root, name


def row_of(data, name):
    boxes = [[float(v) for v in box] for box in load("synthetic", data)[name].boxes]
    off = [[x + 100, y, w, h] for x, y, w, h in boxes]
    return empty_row() | {
        "sequence": name,
        "dataset": "synthetic",
        "split": "test",
        "num_frames": FRAMES,
        "width": 320,
        "height": 240,
        "boxes": boxes,
        "visible": [True] * FRAMES,
        "manual_text": "green circle",
        "text": "small red kite",
        "text_source": "refined",
        "rounds": [
            {
                "start": 0, "text": "small red kite", "source": "refined", "background": [], "background_dropped": [],
                "positive": ["red"], "negative": ["small"], "iou": 0.75, "margin": 0.5, "accepted": True, "raw": "",
            }
        ],
        "grounding": {
            "grounder": "attributes", "manual_iou": 0.25, "manual_margin": -0.5, "round0_iou": 0.5, "iou": 0.75,
            "margin": 0.5, "manual_top_iou": 0.25, "top_iou": 0.75, "manual_truncated": False, "truncated": False,
        },
        "alignment": [
            {
                "encoder": "clip", "manual": 20.5, "refined": 24.5, "manual_margin": -1.0, "refined_margin": 2.0,
                "frames": 4, "manual_truncated": False, "truncated": False,
            }
        ],
        "tracking": {
            "tracker": "csrt", "verifier": "similarity", "protocol": "lasot", "auc": 0.5, "precision": 0.5,
            "norm_precision": 0.5, "texts": [],
            "key_frames": [4], "places_dropped": [], "none_frames": [6], "held_frames": [],
            "chosen_iou": 0.5, "random_iou": 0.5, "oracle_iou": 0.5,
            "boxes": [*boxes[:4], *off[4:]], "scores": [1.0] * FRAMES,
            "sources": ["given", *["tracker"] * 3, "language", *["tracker"] * 3],
        },
        "audit": [
            {
                "kind": "wrong_target", "check": "does-it-fit", "severity": 0.9, "start": 0, "stop": 5,
                "reason": "the circle is not green", "suggestion": "red", "evidence": "{}",
            }
        ],
        "status": "ok",
        "problems": ["frame 3 is dark"],
    }  # fmt: skip


def words(path):
    return re.findall(r">\s*([^<>\n]+?)\s*</text>", path.read_text(encoding="utf-8"))


def said(path):
    return " ".join(words(path))


def test_a_sheet_says_what_the_row_knows(place, tmp_path):
    root, name = place
    made = sheet(root / "run", name, tmp_path / "sheet.svg", root=root / "data", grounder="attributes")
    assert made.without == ""
    told = said(made.path)
    for what in (
        f"{name} of synthetic, split test", "green circle", "IoU 0.25, margin −0.50; clip: alignment 20.5, margin −1.0",
        "small red kite", "IoU 0.75, margin +0.50; clip: alignment 24.5, margin +2.0",
        "Words that found the target: red", "Words that led elsewhere: small", "target (frame 0)", "track, tracker",
        "placed by language", "no proposal fits", "frame 3 is dark", "the circle is not green",
    ):  # fmt: skip
        assert what in told, what
    assert made.path.read_text().count("<image ") == 1 + 1 + 5  # crop, template, frames over the video
    assert "--grounder" not in told and "--root" not in told


def test_boxes_are_those_of_the_frame_by_source(place):
    root, name = place
    row = whole(Store(root / "run").load(name))
    boxes = np.array([row["boxes"][4], [200.0, 150.0, 20.0, 20.0], row["boxes"][4]], np.float32)
    numbers = np.ones(3, np.float32)
    seen = Evidence(boxes, *[numbers] * 4, boxes[:0], numbers[:0], boxes[0], truth=boxes[0], since=4)
    keep(root / "run", name, [Seen(4, seen, Choice(0))])
    shown = _shown(row, attached([row], root / "run", root=root / "data")[name], root / "run", None, "cpu")
    keep(root / "run", name, None)
    assert [marked.kind for marked in shown.template.boxes] == [TRUTH]
    by_frame = {shot.frame: shot for shot in shown.frames}
    assert [m.kind for m in by_frame[4].boxes] == [TRUTH, "track, language", ON_TARGET, ELSEWHERE]
    assert by_frame[4].boxes[0].box == row["boxes"][4] and by_frame[4].boxes[3].box == [200.0, 150.0, 20.0, 20.0]
    assert by_frame[4].why == "IoU 0.00, by language" and by_frame[FRAMES - 1].why == "IoU 0.00, by tracker"
    assert kinds_in(shown.frames) == [TRUTH, "track, tracker", "track, language", ON_TARGET, ELSEWHERE]


def test_without_frames_the_sheet_says_so_and_has_all_else(place, tmp_path):
    root, name = place
    done = call("show", root / "run", name, "--picture", tmp_path / "sheet.svg")
    assert done.exit_code == 0 and "no frames: name the dataset with --root" in done.output
    told = said(tmp_path / "sheet.svg")
    assert "no frames: name the dataset with --root" in told and "small red kite" in told and "placed by" in told


def test_a_frame_that_cannot_be_read_is_named(place, tmp_path):
    root, name = place
    [frame] = (root / "data").rglob(f"{FRAMES:08d}.jpg")
    content = frame.read_bytes()
    try:
        frame.write_bytes(b"no picture")
        made = sheet(root / "run", name, tmp_path / "sheet.svg", root=root / "data")
        assert made.without == f"frames that cannot be read: {FRAMES - 1}"
        assert f"frame {FRAMES - 1}" in said(made.path) and "cannot be read" in said(made.path)
        with pytest.raises(ChatdescError, match="choose another sequence for the picture"):
            card_sheet(root / "run", name, root / "data")
    finally:
        frame.write_bytes(content)


def test_what_is_wrong_is_said_with_a_remedy(place, tmp_path, monkeypatch):
    root, name = place
    with pytest.raises(ChatdescError, match=r"a picture ends in \.png, \.pdf, \.svg"):
        sheet(root / "run", name, tmp_path / "sheet.jpg")
    render(tmp_path / "other", count=2, frames=2, seed=5)
    shutil.rmtree(next((tmp_path / "other").rglob(name), tmp_path / "none"), ignore_errors=True)
    with pytest.raises(ChatdescError, match="is it the root of synthetic"):
        sheet(root / "run", name, tmp_path / "sheet.png", root=tmp_path / "other")
    with pytest.raises(ChatdescError, match="the grounder needs the frames"):
        sheet(root / "run", name, tmp_path / "sheet.png", grounder="attributes")
    assert str(call("show", root / "run", name, "--root", root).exception) == "--root: of no use without --picture"
    (tmp_path / "taken.png").mkdir()
    with pytest.raises(ChatdescError, match="is a folder; name a picture in it"):
        sheet(root / "run", name, tmp_path / "taken.png")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ChatdescError, match=r"a picture needs matplotlib \(pip install 'chatdesc\[plots\]'\)"):
        sheet(root / "run", name, tmp_path / "sheet.png")
    assert not (tmp_path / "sheet.png").exists()


HOSTILE = "<script>alert(1)</script> $\\frac{1}{ " + "כלב אדום טائرة 🚀 红 \u202e\x1b[31m" + "x" * 10_000


@pytest.mark.parametrize("text", [HOSTILE, "word " * 2000, "\ud800", "$", "", None])
def test_no_text_breaks_the_sheet_or_leaves_it(place, text):
    root, name = place
    row = row_of(root / "data", name)
    finding = row["audit"][0] | {"reason": text, "start": None, "stop": None, "suggestion": None}
    row |= {"manual_text": text, "text": text, "category": text, "audit": [finding] if text is not None else []}
    row |= {"background": [text or ""], "problems": [text or ""] * 20, "sequence": text or "x"}
    row["rounds"] = [row["rounds"][0] | {"text": text or "", "positive": [text or ""], "negative": [text or ""] * 9}]
    with printing():
        figure = draw_sheet(whole(row), Shown(without="none"))
        figure.set_dpi(DOTS)
        figure.canvas.draw()
        drawn = [artist for artist in figure.texts if artist.get_text()]
        places = [artist.get_window_extent() for artist in drawn]
    assert all(place.x0 >= -1 and place.x1 <= figure.bbox.width + 1 for place in places)
    assert all(place.y0 >= -1 and place.y1 <= figure.bbox.height + 1 for place in places)
    overlapping = [
        (a, b) for i, a in enumerate(places) for b in places[:i] if _area(a, b) > 0.15 * min(_own(a), _own(b))
    ]
    assert not overlapping
    if text == HOSTILE:
        assert any("<script>alert(1)</script>" in artist.get_text() for artist in drawn)
        assert any("□: a character that no font of this machine has" in artist.get_text() for artist in drawn)
        assert any("… (+" in artist.get_text() for artist in drawn)


def _area(a, b):
    return max(min(a.x1, b.x1) - max(a.x0, b.x0), 0) * max(min(a.y1, b.y1) - max(a.y0, b.y0), 0)


def _own(a):
    return max(a.width * a.height, 1)


def test_a_long_video_and_an_untracked_sequence(place):
    root, name = place
    row = row_of(root / "data", name)
    many = 5000
    row |= {"boxes": [[0.0, 0.0, 10.0, 10.0]] * many, "visible": [True] * 1000 + [False] * 500 + [True] * 3500}
    row["tracking"] |= {"boxes": [[0.0, 0.0, 10.0, 10.0]] * many, "sources": ["given", *["tracker"] * (many - 1)]}
    with printing():
        [_, axes] = draw_sheet(whole(row), Shown(without="")).axes
        told = [text.get_text() for text in axes.get_legend().get_texts()]
        assert told == ["IoU of track and target, mean and range of 9 frames", "no target", "no proposal fits"]
        assert len(axes.lines[0].get_xdata()) <= 600
        [_, axes] = draw_sheet(whole(row | {"tracking": None}), Shown(without="")).axes
    assert [text.get_text() for text in axes.texts] == ["no track to compare with the target"]


def test_a_part_of_the_frame_has_all_boxes_and_its_proportions():
    assert window((1280, 720), [[600.0, 300.0, 40.0, 40.0], [900.0, 300.0, 40.0, 40.0]]) == (566, 206, 408, 229)
    assert window((1280, 720), [[0.0, 0.0, 20.0, 20.0]])[:2] == (0, 0)
    assert window((1280, 720), [[np.nan] * 4]) == (0, 0, 1280, 720)
    assert kinds_in([Shot(0, None, [Marked([0, 0, 1, 1], "track, later")])]) == ["track, later"]
