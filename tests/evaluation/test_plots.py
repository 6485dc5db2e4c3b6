import re

import numpy as np
import pytest

from chatdesc.evaluation.plots import MOST, draw
from chatdesc.metrics.ope import score_sequence
from chatdesc.metrics.protocols import PROTOCOLS

TRUTH = np.tile([[100.0, 100.0, 20.0, 20.0]], (10, 1))


def shifted(pixels, protocol="lasot"):
    """A track whose later half is some pixels off."""
    track = TRUTH.copy()
    track[5:, 0] += pixels
    return score_sequence(track, TRUTH, None, PROTOCOLS[protocol])


def words(path):
    return re.findall(r">\s*([^<>\n]+?)\s*</text>", path.read_text(encoding="utf-8"))


def test_three_plots_as_png_and_svg(tmp_path):
    paths = draw(
        {"near": shifted(2), "far": shifted(90), "exact": shifted(0)}, tmp_path / "new", "lasot, protocol lasot"
    )
    assert [p.name for p in paths] == [
        f"{stem}.{kind}" for stem in ("success", "precision", "norm_precision") for kind in ("png", "svg")
    ]
    for path in paths:
        assert path.read_bytes().startswith(b"\x89PNG" if path.suffix == ".png" else b"<?xml")


def test_the_legend_ranks_by_the_number_that_the_protocol_reports(tmp_path):
    means = {"far": shifted(90), "exact": shifted(0)}
    success, precision, _ = (p for p in draw(means, tmp_path, "lasot, protocol lasot") if p.suffix == ".svg")
    assert {"Success: lasot, protocol lasot", "overlap threshold", "AUC, %"} <= set(words(success))
    assert [w for w in words(success) if "[" in w] == ["exact [95.2]", "far [47.6]"]
    assert [w for w in words(precision) if "[" in w] == ["exact [100.0]", "far [50.0]"]
    assert "at 20 px, %" in words(precision)
    areas = draw({"t": shifted(30, "trackingnet")}, tmp_path / "t", "x, protocol trackingnet")
    assert "area, %" in words(areas[3])


def test_a_tracker_has_one_colour_in_all_plots_and_few_are_drawn(tmp_path):
    means = {f"t{i}": shifted(i) for i in range(MOST + 3)}
    success = draw(means, tmp_path, "x")[1]
    assert len([w for w in words(success) if w.startswith("t")]) == MOST
    assert any(f"best {MOST} of {MOST + 3}" in w for w in words(success))
    two = {"better early": shifted(15), "worse": shifted(400)}
    colours = [
        re.findall(r"stroke: (#\w{6}); stroke-width: 1\.5", p.read_text()) for p in draw(two, tmp_path, "x")[1::2]
    ]
    assert all(colours) and {frozenset(c) for c in colours} == {frozenset({"#1f77b4", "#ff7f0e"})}


def test_equal_curves_give_equal_files(tmp_path):
    one, two = (draw({"t": shifted(3)}, tmp_path / name, "x")[1].read_bytes() for name in ("a", "b"))
    assert one == two


def test_without_matplotlib_that_is_said(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ModuleNotFoundError):
        draw({"t": shifted(3)}, tmp_path, "x")


def test_names_are_shown_as_they_are(tmp_path):
    names = {"a$b_{$": 1, "$x": 2, "_hidden": 3, r"c\$d$": 4}
    paths = draw({name: shifted(by) for name, by in names.items()}, tmp_path, "$^$ on x")
    for path in paths[1::2]:
        said = [w.partition(" [")[0] for w in words(path)]
        assert set(names) <= set(said) and any("$^$ on x" in w for w in said)
