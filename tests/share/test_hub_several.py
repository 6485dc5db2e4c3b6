"""One repository with the datasets that people have: pushed, loaded, exported into each layout, read again.

Once with datasets made here, and once with real annotations where they are at hand (see ``shared_data``).
"""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

import chatdesc
from chatdesc.share.export import LAYOUTS, TABLES
from chatdesc.stages.sequence import sequence_row
from chatdesc.synthetic import render
from chatdesc.text import clean_for_trackers
from tests.makers import datasets as make
from tests.makers.full_rows import same
from tests.share.test_hub import calm, expected, hub, run_of, worker  # noqa: F401  (fixtures)
from tests.standins.readers import vots, vots_prompts

pytestmark = pytest.mark.usefixtures("windows_for_proposals")

REPO = "ada/several"
OWN_LAYOUT = {"lasot": "lasot", "tnl2k": "tnl2k", "otb-lang": "otb-lang", "synthetic": "lasot"}


def made(folder):
    """Small datasets in the published layouts; texts with what trips readers."""
    make.lasot(folder / "lasot", {"swing-1": 3, "swing-2": 3, "tree-1": 3})
    (folder / "lasot/testing_set.txt").write_text("swing-1\nswing-2\n")
    (folder / "lasot/training_set.txt").write_text("tree-1\n")
    (folder / "lasot/swing/swing-1/nlp.txt").write_text('a "swing", red # 2; ünlike | others\nand more')
    make.tnl2k(folder / "tnl2k", {"car_1": "TNL2K_train_subset", "INF_run1": "TNL2K_test_subset"})
    (folder / "tnl2k/TNL2K_test_subset/INF_run1/language.txt").write_text("")
    make.otb(folder / "otb", {"Man": "test", "Crossing": "train"}, {"Man": 3, "Crossing": 4})
    return {"lasot": (folder / "lasot", None), "tnl2k": (folder / "tnl2k", None), "otb-lang": (folder / "otb", None)}


def shared(folder, data):
    lasot = [f"{name}-{n}" for name, n in (("airplane", 1), ("basketball", 1), ("bear", 2), ("zebra", 10))]
    tnl2k = [*sorted(p.name for p in (data / "tnl2k_annos/TNL2K_train_subset").iterdir())[:3]]
    tnl2k += sorted(p.name for p in (data / "tnl2k_annos/TNL2K_test_subset").iterdir())[:4]
    return {
        "lasot": (data / "lasot_annos", lasot),
        "tnl2k": (data / "tnl2k_annos", tnl2k),
        "otb-lang": (data / "otb", None),
    }


@pytest.fixture(scope="module", params=["made", "shared"])
def sources(request, tmp_path_factory):
    """Dataset -> (root, names or None for all)."""
    folder = tmp_path_factory.mktemp(request.param)
    found = made(folder) if request.param == "made" else shared(folder, request.getfixturevalue("shared_data"))
    render(folder / "synthetic", count=2, frames=3, seed=5)
    return found | {"synthetic": (folder / "synthetic", None)}


@pytest.fixture(scope="module")
def runs(sources, tmp_path_factory, worker):  # noqa: F811
    """Dataset -> run: of the synthetic set a real one, else the dataset's own rows with texts that look refined."""
    folder = tmp_path_factory.mktemp("runs")
    for dataset, (root, names) in sources.items():
        if dataset == "synthetic":
            done = worker(run=["annotate", dataset, str(root), "--out", str(folder / dataset), "--tracker", "none"])
            assert done["code"] == 0, done
            continue
        rows = [sequence_row(s) for s in chatdesc.load(dataset, str(root)) if names is None or s.name in names]
        for row in rows:
            text = f"{row['sequence']}: {row['manual_text'] or 'none, at first'}"
            row |= {"text": text, "text_source": "refined", "scope": "first_frame"}
        run_of(folder / dataset, rows, dataset)
    return {dataset: folder / dataset for dataset in sources}


@pytest.fixture(scope="module")
def pushed(runs, worker, hub):  # noqa: F811
    hub.repositories.pop(REPO, None)
    for run in runs.values():
        done = worker(run=["push", str(run), REPO])
        assert done["code"] == 0, done
    return runs


@pytest.fixture
def export(pushed, worker, tmp_path):  # noqa: F811
    def exported(config, layout):
        to = tmp_path / f"{config}-{layout}"
        done = worker(run=["export", REPO, "--config", config, "--to", str(to), "--layout", layout])
        assert done["code"] == 0, done
        return to

    return exported


def rows_of(run):
    return [row for rows in expected(run).values() for row in rows]


def by_name(splits):
    return {split: sorted(map(stored, rows), key=lambda row: row["sequence"]) for split, rows in splits.items()}


def stored(value):
    """Numbers as precise as a dataset keeps them."""
    if isinstance(value, dict):
        return {name: stored(part) for name, part in value.items()}
    if isinstance(value, list):
        return [stored(part) for part in value]
    return float(np.float32(value)) if isinstance(value, float) else value


def test_each_configuration_loads_as_its_run_has_it(pushed, worker):  # noqa: F811
    assert sorted(worker(load={"path": REPO, "configs": True})["loaded"]) == sorted(pushed)
    for dataset, run in pushed.items():
        for streaming in (True, False):
            done = worker(load={"path": REPO, "name": dataset, "streaming": streaming})
            assert same(by_name(done["loaded"]), by_name(expected(run))), dataset
        split, rows = next(iter(by_name(expected(run)).items()))
        assert same(by_name(worker(load={"path": REPO, "name": dataset, "split": split})["loaded"]), {split: rows})


def test_the_datasets_own_loader_reads_what_is_exported_into_its_layout(pushed, sources, export):
    for dataset, (root, _) in sources.items():
        texts = export(dataset, OWN_LAYOUT[dataset])
        again = chatdesc.load(dataset, str(root), texts=str(texts))
        rows = [row for row in rows_of(pushed[dataset]) if row["text"]]
        assert rows
        for row in rows:
            assert again[row["sequence"]].manual_text == clean_for_trackers(row["text"]), row["sequence"]


@pytest.mark.parametrize("layout", [*LAYOUTS, *TABLES])
def test_every_layout_holds_the_same_texts(pushed, export, layout):
    rows = {row["sequence"]: row["text"] for row in rows_of(pushed["otb-lang"])}
    folder = export("otb-lang", layout)
    assert read(folder, layout) == {
        name: text if layout in TABLES else plain(text, layout) for name, text in rows.items()
    }


def plain(text, layout):
    """A text in a layout of one file per sequence; prompts of VOTS hold none of its separators."""
    cleaned = clean_for_trackers(text)
    return " ".join("".join(" " if c in '=;:|"\\' else c for c in cleaned).split()) if layout == "vots" else cleaned


def read(folder, layout):
    """Sequence -> text, by a few lines as others would write them."""
    if layout == "jsonl":
        lines = (folder / "texts.jsonl").read_text(encoding="utf-8").splitlines()
        return {row["sequence"]: row["text"] for row in map(json.loads, lines)}
    if layout == "json":
        texts = json.loads((folder / "texts.json").read_text(encoding="utf-8"))
        return {name: text for name, [text] in texts.items()}
    if layout == "vots":
        return {p.parent.name: vots_prompts(vots(p))[0] for p in folder.glob("*/sequence")}
    if layout == "csv":
        with (folder / "texts.csv").open(encoding="utf-8", newline="") as file:
            return {row["sequence"]: row["text"] for row in csv.DictReader(file)}
    by_file = layout in ("otb-lang", "dtvlt")
    found = {p.stem if by_file else p.parent.name: p.read_text() for p in folder.rglob("*.txt")}
    start = "0 " if layout == "dtvlt" else ""
    assert all(text.startswith(start) for text in found.values())
    return {name: text.removeprefix(start) for name, text in found.items()}


@pytest.mark.parametrize("dataset", ["otb-lang", "synthetic"])
def test_frames_boxes_and_texts_together(pushed, sources, worker, dataset):  # noqa: F811
    root, _ = sources[dataset]
    refined = worker(refine={"source": REPO, "name": dataset, "root": str(root)})["sequences"]
    original = chatdesc.load(dataset, str(root))
    assert {one[0]: one[1] for one in refined} == {row["sequence"]: row["text"] for row in rows_of(pushed[dataset])}
    for name, _, box, level in refined:
        assert box == original[name].boxes[0].tolist() and level == int(original[name].frames[0].max())
