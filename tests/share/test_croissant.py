"""The Croissant metadata of a repository, read by mlcroissant."""

from __future__ import annotations

import io

import numpy as np
import pytest

from chatdesc.rows.schema import COLUMNS
from chatdesc.share import croissant
from chatdesc.share.card_merge import parted
from chatdesc.share.dataset import write_dataset
from tests.makers.full_rows import bare, row

mlc = pytest.importorskip("mlcroissant", reason="comes with the dev extra")

ROWS = [row("swing-1"), row("swing-2", "train", background=[]), bare("tree-1")]


@pytest.fixture
def folder(tmp_path):
    write_dataset(ROWS, tmp_path / "dataset", dataset="lasot")
    return tmp_path / "dataset"


@pytest.fixture
def metadata(folder):
    return parted((folder / "README.md").read_text(encoding="utf-8"))[0]


def plain(value):
    """A record's value as it was before it was read: texts are bytes there, and parts of a field have long names."""
    if isinstance(value, dict):
        return {name.rpartition("/")[2]: plain(part) for name, part in value.items()}
    if isinstance(value, (list, np.ndarray)):
        return [plain(part) for part in value]
    return value.decode() if isinstance(value, bytes) else value


def test_it_is_valid(metadata):
    found = mlc.Dataset(croissant.describe("ada/x", metadata)).metadata
    assert not found.ctx.issues.errors
    # a dataset that grows with each push has neither one version nor one date
    assert all("datePublished" in w or "schema.org/version" in w for w in found.ctx.issues.warnings)
    assert found.name == "ada_x" and "fan2019lasot" in str(found.cite_as)


def test_its_records_are_the_rows(metadata, folder):
    dataset = mlc.Dataset(croissant.describe("ada/x", metadata), mapping={"repository": folder})
    read = {one["sequence"]: one for one in (plain(record) for record in dataset.records("lasot"))}
    assert set(read) == {"swing-1", "swing-2", "tree-1"}
    for before in ROWS:
        after = read[before["sequence"]]
        assert set(after) == set(COLUMNS)
        for name in ("text", "split", "num_frames", "visible", "background", "manual_text", "status"):
            assert after[name] == before[name], name
    full = read["swing-1"]
    np.testing.assert_array_equal(full["boxes"], ROWS[0]["boxes"])
    assert full["rounds"][0]["negative"] == ["human", "swing"]
    assert full["frames"] == ROWS[0]["frames"] and full["provenance"]["seed"] == ROWS[0]["provenance"]["seed"]


def test_frames_that_were_pushed_are_pictures(tmp_path):
    from PIL import Image

    file = io.BytesIO()
    Image.new("RGB", (8, 6), (200, 0, 0)).save(file, "PNG")
    write_dataset([row("a")], tmp_path / "d", dataset="lasot", include_frames=lambda r: [file.getvalue()])
    made = croissant.describe("ada/x", parted((tmp_path / "d/README.md").read_text(encoding="utf-8"))[0])
    [images] = [f for f in made["recordSet"][0]["field"] if f["@id"] == "lasot/images"]
    assert images["dataType"] == "sc:ImageObject" and images["isArray"]
    assert not mlc.Dataset(made).metadata.ctx.issues.errors


def test_configurations_of_people_do_not_disturb(metadata):
    known = [{"name": "a", "dtype": "int64"}, {"name": "b", "dtype": "binary"}]
    metadata["configs"] += [
        {"config_name": "theirs", "data_files": "theirs/*.parquet"},
        {"config_name": "undescribed", "data_files": [{"split": "x", "path": ["u/1.parquet", "u/2.parquet"]}]},
        {"config_name": "by-split", "data_files": {"x": "s/x.parquet", "y": ["s/y.parquet"]}},
        {"config_name": "empty"},
    ]
    infos = [{"config_name": name, "features": known} for name in ("theirs", "by-split", "empty")]
    metadata["dataset_info"] = [metadata["dataset_info"], *infos]
    made = croissant.describe("ada/x", metadata)
    assert [r["@id"] for r in made["recordSet"]] == ["lasot", "theirs", "by-split"]
    assert [f["@id"] for f in made["recordSet"][1]["field"]] == ["theirs/a"]  # there is no word for raw bytes
    assert made["distribution"][2]["includes"] == "theirs/*.parquet"
    assert made["distribution"][3]["includes"] == ["s/x.parquet", "s/y.parquet"]
    assert not mlc.Dataset(made).metadata.ctx.issues.errors


def test_the_licence(metadata):
    assert croissant.describe("ada/x", metadata)["license"].endswith("/ada/x#licences")
    named = croissant.describe("ada/x", metadata | {"license": "cc-by-4.0"})["license"]
    assert named == "https://choosealicense.com/licenses/cc-by-4.0/"
