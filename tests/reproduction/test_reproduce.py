"""``chatdesc reproduce`` with the models of preset tiny."""

import csv
import json
from types import SimpleNamespace

import pytest

from chatdesc.reproduction.job import benchmark_rows
from chatdesc.reproduction.published import FIGURES, published
from chatdesc.synthetic import render
from tests.makers.commands import call, fails

pytestmark = pytest.mark.usefixtures("windows_for_proposals")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two sequences, the first call's answer, and the folder that it filled."""
    root = tmp_path_factory.mktemp("reproduce")
    render(root / "data", count=2, frames=11, seed=5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("chatdesc.reports.compare.can_draw", lambda: False)  # plots take seconds; test_compare has them
        done = call("reproduce", "synthetic", root / "data", "--preset", "tiny", "--out", root / "out")
    return root, done


def test_one_command_fills_the_page_with_all_tables(made):
    root, done = made
    assert done.exit_code == 0, done.output
    page = (root / "out" / "reproduction.md").read_text()
    titles = [line for line in page.splitlines() if line.startswith("## ")]
    assert [title.split(":")[0] for title in titles] == [*(f"## Table {n}" for n in (1, 3, 4, 7, 8)), "## Files"]
    assert (
        "transformers:tiny:vlm" in page and "| this run, refined |" in page and "| random | similarity | IoU |" in page
    )
    for line in page.splitlines():
        if line.startswith("- [tables/"):
            assert (root / "out" / line[3:].partition("]")[0]).is_file()


def test_tables_agree_with_the_run(made):
    root, _ = made
    rows = [json.loads(path.read_text()) for path in (root / "out" / "run" / "rows").glob("*.json")]
    with open(root / "out" / "tables" / "benchmark.csv", newline="") as file:
        arms = {row["tracker"]: float(row["AUC"]) for row in csv.DictReader(file)}
    assert arms["this run, refined"] == pytest.approx(sum(row["tracking"]["auc"] for row in rows) / 2)
    with open(root / "out" / "tables" / "rounds.csv", newline="") as file:
        first, *_ = csv.DictReader(file)
    assert float(first["grounding_iou"]) == pytest.approx(sum(row["grounding"]["round0_iou"] for row in rows) / 2)


def test_the_same_command_takes_what_is_there(made, monkeypatch):
    root, _ = made
    monkeypatch.setattr("chatdesc.reports.compare.can_draw", lambda: False)
    page = (root / "out" / "reproduction.md").read_bytes()

    def refuse(*_args):
        raise AssertionError("nothing is left to track or to describe")

    monkeypatch.setattr("chatdesc.backends.opencv_trackers.CsrtTracker.follow", refuse)
    monkeypatch.setattr("chatdesc.backends.transformers_vlm.TransformersDescriber.describe", refuse)
    again = call("reproduce", "synthetic", root / "data", "--preset", "tiny", "--out", root / "out")
    assert again.exit_code == 0, again.output
    assert (root / "out" / "reproduction.md").read_bytes() == page


def test_wrong_input_is_said(tmp_path):
    render(tmp_path / "data", count=1, frames=2)
    lines = fails("reproduce", "synthetic", tmp_path / "data", "--preset", "tinny", "--out", tmp_path / "out")
    assert "no preset is called 'tinny'" in lines and "tiny" in lines
    said = fails("reproduce", "synthetic", tmp_path / "data", "--split", "trian", "--out", tmp_path / "out")
    assert "'trian'" in said and "train" in said
    assert "no such folder" in fails("reproduce", "lasot", tmp_path / "nowhere", "--out", tmp_path / "out")


def test_published_figures_are_shares_of_datasets_that_are_read_here():
    assert {figure.dataset for figure in FIGURES} == {"lasot", "tnl2k"}
    assert all(0 < value < 1 for f in FIGURES for value in (f.auc, f.norm_precision, f.precision) if value)


def test_published_figures_stand_below_the_runs_own():
    rows = benchmark_rows(SimpleNamespace(means={}, protocol="lasot"), published("lasot"))
    assert rows[0] | {"source": "", "protocol": ""} == {
        "tracker": "ChatTracker", "AUC": 0.741, "P_Norm": 0.838, "P": 0.812, "source": "", "protocol": "",
    }  # fmt: skip
    assert "280 sequences" in rows[0]["protocol"] and [row["P"] for row in rows[1:]] == [None] * 3
