import re

import numpy as np
import pytest

from chatdesc.drawing.figures import KINDS, printing, rendered
from chatdesc.evaluation.plots import MOST, PLOTS, curves, draw, looks_of
from chatdesc.metrics.ope import score_sequence
from chatdesc.metrics.protocols import PROTOCOLS

TRUTH = np.tile([[100.0, 100.0, 20.0, 20.0]], (10, 1))


def shifted(pixels, protocol="lasot"):
    """A track whose later half is some pixels off."""
    track = TRUTH.copy()
    track[5:, 0] += pixels
    return score_sequence(track, TRUTH, None, PROTOCOLS[protocol])


def words(svg):
    return re.findall(r">\s*([^<>\n]+?)\s*</text>", svg)


def svgs(means, about="x"):
    """The three plots as SVG."""
    with printing():
        return [rendered(curves(plot, means, about), "svg").decode() for plot in PLOTS]


def test_three_plots_of_three_kinds_a_column_wide_with_embedded_fonts(tmp_path):
    paths = draw(
        {"near": shifted(2), "far": shifted(90), "exact": shifted(0)}, tmp_path / "new", "lasot, protocol lasot"
    )
    assert [p.name for p in paths] == [
        f"{stem}.{kind}" for stem in ("success", "precision", "norm_precision") for kind in ("png", "pdf", "svg")
    ]
    starts = {".png": b"\x89PNG", ".pdf": b"%PDF-", ".svg": b"<?xml"}
    for path in paths:
        content = path.read_bytes()
        assert content.startswith(starts[path.suffix])
        if path.suffix == ".pdf":
            [width] = re.findall(rb"/MediaBox \[ 0 0 ([0-9.]+) [0-9.]+ \]", content)
            assert float(width) == pytest.approx(72 * 3.25)
            assert b"/FontFile2" in content and b"/Type3" not in content


def test_the_legend_ranks_by_the_number_that_the_protocol_reports():
    means = {"far": shifted(90), "exact": shifted(0)}
    success, precision, _ = svgs(means, "lasot, protocol lasot")
    assert {"Success: lasot, protocol lasot", "overlap threshold", "AUC, %"} <= set(words(success))
    assert words(success).index("exact [95.2]") < words(success).index("far [47.6]")
    assert [w for w in words(success) if "[" in w] == ["exact [95.2]", "far [47.6]"]
    assert [w for w in words(precision) if "[" in w] == ["exact [100.0]", "far [50.0]"]
    assert "at 20 px, %" in words(precision)
    assert "area, %" in words(svgs({"t": shifted(30, "trackingnet")})[1])


def test_few_of_many_are_drawn_and_all_differ():
    means = {f"t{i}": shifted(i) for i in range(MOST + 3)}
    success = svgs(means)[0]
    assert len([w for w in words(success) if w.startswith("t")]) == MOST
    assert any(f"best {MOST} of {MOST + 3}" in w for w in words(success))
    assert len(set(map(str, looks_of(means).values()))) == len(looks_of(means)) >= MOST


def test_a_tracker_has_one_look_in_all_plots():
    two = {"better early": shifted(15), "worse": shifted(400)}
    assert list(looks_of(two).values()) == [("#0072B2", "-"), ("#D55E00", "--")]
    for svg in svgs(two):
        colours = re.findall(r"fill: none; stroke(?:-dasharray: [^;]+; stroke-dashoffset: 0; stroke)?: (#\w{6})", svg)
        assert {"#0072b2", "#d55e00"} <= set(colours)


def test_the_legend_hides_no_curve_and_long_names_keep_both_ends():
    long = {f"{i}_{'a long name ' * 20}_{i}": shifted(10 * i) for i in range(3)}
    with printing():
        figure = curves(PLOTS[0], long, "a dataset " * 30)
        figure.canvas.draw()
        [axes], [legend] = figure.axes, figure.legends
        place = legend.get_window_extent()
        assert place.y1 <= axes.get_window_extent().y0 and place.x0 >= 0 and place.x1 <= figure.bbox.width
        assert axes.title.get_window_extent().x0 >= 0 and axes.title.get_window_extent().y1 <= figure.bbox.height
    said = [text.get_text() for text in legend.get_texts()]
    assert [text[:2] for text in said] == ["0_", "1_", "2_"] and all("…" in text for text in said)


def test_equal_curves_give_equal_files():
    with printing():
        one, two = ([rendered(curves(PLOTS[0], {"t": shifted(3)}, "x"), kind) for kind in KINDS] for _ in "ab")
    assert one == two


def test_without_matplotlib_that_is_said(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ModuleNotFoundError):
        draw({"t": shifted(3)}, tmp_path, "x")


def test_names_are_shown_as_they_are():
    names = {"a$b_{$": 1, "$x": 2, "_hidden": 3, r"c\$d$": 4}
    for svg in svgs({name: shifted(by) for name, by in names.items()}, "$^$ on x"):
        said = [w.partition(" [")[0] for w in words(svg)]
        assert set(names) <= set(said) and any("$^$ on x" in w for w in said)
