import io
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from chatdesc import atomic as swap
from chatdesc.atomic import exchange
from chatdesc.rows.schema import COLUMNS, split_name
from chatdesc.share import dataset as publish
from chatdesc.share.dataset import prepared, write_dataset
from chatdesc.types import ChatdescError
from tests.makers.full_rows import bare, row, same


def load(folder, tmp_path, **options):
    from datasets import load_dataset

    return load_dataset(str(folder), cache_dir=str(tmp_path / "cache"), **options)


def contents(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture
def out(tmp_path):
    return tmp_path / "run" / "dataset"


@pytest.fixture(autouse=True)
def made(out):
    out.parent.mkdir()


def test_what_is_loaded_is_what_was_written(out, tmp_path):
    rows = [row(), bare("empty-2"), row("swing-3", manual_text="", text="a\nb", background=[])]
    summary = write_dataset(iter(rows), out, dataset="lasot")
    assert (summary.rows, summary.splits, summary.shards) == (3, {"test": 3}, 1)
    assert summary.statuses == {"missing_text": 1, "ok": 2}
    loaded = load(out, tmp_path, split="test")
    assert list(loaded.features) == list(COLUMNS)
    for before, after in zip(rows, loaded, strict=True):
        for name in COLUMNS:
            assert same(before[name], after[name]), (before["sequence"], name)
    for before, after in zip(rows, load(out, tmp_path, split="test", streaming=True), strict=True):
        assert all(same(before[name], after[name]) for name in COLUMNS)


def test_columns_are_typed_and_the_configuration_has_the_dataset_s_name(out, tmp_path):
    from datasets import get_dataset_config_names

    from chatdesc.rows.schema import features

    write_dataset([bare("a")], out, dataset="otb-lang")
    assert get_dataset_config_names(str(out)) == ["otb-lang"]
    for streaming in (False, True):
        assert load(out, tmp_path, name="otb-lang", split="test", streaming=streaming).features == features()


def test_splits(out, tmp_path):
    rows = [row("a", "train"), row("b", None), row("c", "test"), row("d", "train"), row("e", None)]
    assert write_dataset(rows, out, dataset="lasot").splits == {"train": 2, "full": 2, "test": 1}
    loaded = load(out, tmp_path)
    assert {name: part["sequence"] for name, part in loaded.items()} == {
        "full": ["b", "e"],
        "test": ["c"],
        "train": ["a", "d"],
    }
    assert loaded["full"]["split"] == [None, None]


@pytest.mark.parametrize(
    ("split", "name"),
    [("test", "test"), (None, "full"), ("all", "full"), ("train/val", "train_val"), ("-", "full"), ("a-b", "a_b")],
)
def test_split_names(split, name):
    from datasets import NamedSplit

    assert split_name(split) == name
    assert str(NamedSplit(name)) == name


def test_shards(out, tmp_path, monkeypatch):
    monkeypatch.setattr(publish, "BATCH_ROWS", 2)
    rows = [row(f"s-{i}") for i in range(6)]
    assert write_dataset(rows, out, dataset="lasot", shard_bytes=1).shards == 3
    assert sorted(p.name for p in (out / "data").iterdir()) == [f"test-0000{i}-of-00003.parquet" for i in range(3)]
    assert load(out, tmp_path, split="test")["sequence"] == [f"s-{i}" for i in range(6)]


def test_rows_are_read_a_batch_at_a_time(out, monkeypatch):
    monkeypatch.setattr(publish, "BATCH_ROWS", 4)
    waiting, most = 0, 0
    original = publish._Shards._table

    def written(self, batch):
        nonlocal waiting
        waiting -= len(batch)
        return original(self, batch)

    def rows():
        nonlocal waiting, most
        for i in range(20):
            waiting += 1
            most = max(most, waiting)
            yield bare(f"s-{i}")

    monkeypatch.setattr(publish._Shards, "_table", written)
    write_dataset(rows(), out, dataset="lasot")
    assert most <= 5


def test_same_rows_same_bytes(out, tmp_path):
    rows = [row("a"), row("b", None), bare("c")]
    write_dataset(rows, out, dataset="lasot")
    first = contents(out)
    time.sleep(1.1)  # a time stamp would show
    other = tmp_path / "elsewhere" / "dataset"
    other.parent.mkdir()
    write_dataset(rows, other, dataset="lasot")
    assert contents(other) == first
    assert write_dataset(rows, out, dataset="lasot").rows == 3
    assert contents(out) == first


def test_images(out, tmp_path):
    from PIL import Image

    def encoded(shade):
        file = io.BytesIO()
        Image.new("RGB", (8, 6), (shade, 0, 0)).save(file, "PNG")
        return file.getvalue()

    rows = [row("a"), row("b")]
    write_dataset(
        rows, out, dataset="lasot", include_frames=lambda r: [encoded(9), encoded(200)] * (r["sequence"] == "a")
    )
    first, second = load(out, tmp_path, split="test")
    assert [image.getpixel((0, 0)) for image in first["images"]] == [(9, 0, 0), (200, 0, 0)]
    assert second["images"] == []
    assert "the frames' files" in (out / "README.md").read_text()


def test_the_card(out):
    from huggingface_hub import DatasetCard

    rows = [row(f"s-{i}", alignment=[{**row()["alignment"][0], "refined": 22.0 + i}]) for i in range(4)]
    write_dataset([*rows, bare("c", None)], out, dataset="lasot")
    card = DatasetCard.load(out / "README.md")
    assert card.data.configs == [
        {
            "config_name": "lasot",
            "data_files": [
                {"split": "full", "path": "data/full-*.parquet"},
                {"split": "test", "path": "data/test-*.parquet"},
            ],
        }
    ]
    text = card.text
    for expected in (
        "# LaSOT, re-annotated by chatdesc",
        "| missing_text | 1 |",
        "| ok | 4 |",
        "| manual text | 0.250 | 4 |",
        "| first answer (round 0) | 0.500 | 4 |",
        "| chosen text | 0.750 | 4 |",
        "| clip | cosine | 20.00 | 23.50 | +3.50 [fewer than 10 pairs]",
        "| success AUC | 0.500 | 4 |",
        '"rounds": 3',
        "@inproceedings{fan2019lasot",
        "@inproceedings{sun2024chattracker",
        "see the dataset's own terms",
    ):
        assert expected in text, expected
    assert all(f"| `{name}` |" in text for name in COLUMNS)


def test_the_card_without_numbers(out):
    write_dataset([bare("a")], out, dataset="unlisted")
    text = (out / "README.md").read_text()
    assert "# unlisted, re-annotated" in text
    assert "## Grounding" not in text
    assert "## Text-image alignment" not in text
    assert "None" not in text


@pytest.mark.parametrize("name", ["lasot", "lasot_ext", "tnl2k", "otb-lang"])
def test_facts_about_each_dataset(out, name):
    write_dataset([bare("a", dataset=name)], out, dataset=name)
    text = (out / "README.md").read_text()
    assert "Source dataset: " in text
    assert "own terms" in text
    assert "Undefined" not in text


def test_no_local_path_no_token(out, tmp_path):
    write_dataset([row(text="old")], out, dataset="lasot")
    before = contents(out)
    settings = {**row()["provenance"], "settings": json.dumps({"model": str(tmp_path / "clip")})}
    for bad in (row(text=f"{tmp_path}/x"), row(provenance=settings), row(text="hf_" + "x" * 30)):
        with pytest.raises(ChatdescError, match=r"row swing-1.*must not be published"):
            write_dataset([bad], out, dataset="lasot")
        assert contents(out) == before
    assert sorted(os.listdir(out.parent)) == ["dataset"]


@pytest.mark.parametrize("text", ["/usr/bin/env", "[link=file:///etc/passwd] x", "https://ada:hunter2@h/x"])
@pytest.mark.parametrize("column", ["text", "manual_text", "category"])
def test_a_row_that_may_not_be_published_keeps_no_other_from_it(out, tmp_path, text, column):
    rows = [row("swing-1"), row("swing-2", **{column: text}), row("swing-3")]
    summary = write_dataset(rows, out, dataset="lasot")
    assert load(out, tmp_path, split="test")["sequence"] == ["swing-1", "swing-3"]
    assert list(summary.left_out) == ["swing-2"] and summary.rows == 2
    assert f".{column} holds" in summary.left_out["swing-2"]
    assert "hunter2" not in summary.left_out["swing-2"]


def test_messages_and_raw_answers_are_redacted(tmp_path):
    clean = prepared(row(problems=[f"corrupt_frame: {tmp_path}/img/1.jpg cannot be read"]))
    assert clean["problems"] == ["corrupt_frame: 1.jpg cannot be read"]
    rounds = [row()["rounds"][0] | {"raw": f"I opened {tmp_path}/a.png"}]
    assert prepared(row(rounds=rounds))["rounds"][0]["raw"] == "I opened a.png"


def test_rows_that_do_not_fit(out):
    with pytest.raises(ChatdescError, match="unknown columns colour"):
        write_dataset([row(colour="red")], out, dataset="lasot")
    with pytest.raises(ChatdescError, match="rows swing-1 to swing-1: a value does not fit"):
        write_dataset([row(num_frames="many")], out, dataset="lasot")
    with pytest.raises(ChatdescError, match="no finished row"):
        write_dataset([], out, dataset="lasot")
    assert os.listdir(out.parent) == []


def test_bytes_that_are_no_utf8_are_marked(out, tmp_path):
    text = b"caf\xe9 sign".decode("utf-8", "surrogateescape")
    write_dataset([row(manual_text=text), row()], out, dataset="lasot")
    assert load(out, tmp_path, split="test")["manual_text"] == ["caf\ufffd sign", row()["manual_text"]]


def test_names_with_bytes_that_are_no_utf8_are_escaped_and_stay_apart(out, tmp_path):
    names = ["caf\udce8-1", "caf\udce9-1"]
    frames = {"pattern": None, "first": None, "paths": ["img/\udce9.jpg"]}
    write_dataset([row(name, frames=frames) for name in names], out, dataset="lasot")
    loaded = load(out, tmp_path, split="test")
    assert loaded["sequence"] == ["caf\\xe8-1", "caf\\xe9-1"]
    assert loaded["frames"][0]["paths"] == ["img/\\xe9.jpg"]


def test_an_error_in_the_middle_leaves_the_old_dataset(out):
    write_dataset([row("old")], out, dataset="lasot")
    before = contents(out)

    def rows():
        yield row("new")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_dataset(rows(), out, dataset="lasot")
    assert contents(out) == before
    assert os.listdir(out.parent) == ["dataset"]


def test_names_are_exchanged_in_one_step(tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    a.mkdir()
    b.mkdir()
    (a / "in-a").touch()
    if not exchange(a, b):
        pytest.skip("this file system cannot exchange two names")
    assert [p.name for p in b.iterdir()] == ["in-a"]
    assert not exchange(a, tmp_path / "none")


def test_the_dataset_is_never_away(out, monkeypatch):
    import shutil

    write_dataset([row("old")], out, dataset="lasot")
    if not exchange(out, out):
        pytest.skip("this file system cannot exchange two names")
    original = shutil.rmtree

    def remove(path, **options):
        assert path != out
        assert (out / "README.md").exists()
        original(path, **options)

    monkeypatch.setattr(swap.shutil, "rmtree", remove)
    monkeypatch.setattr(
        type(out), "rename", lambda a, b: pytest.fail(f"{a} is taken away") if a == out else os.rename(a, b)
    )
    write_dataset([row("new")], out, dataset="lasot")
    assert b"new" in next((out / "data").iterdir()).read_bytes()


def test_where_names_cannot_be_exchanged(out, monkeypatch):
    monkeypatch.setattr(swap, "exchange", lambda a, b: False)
    write_dataset([row("old")], out, dataset="lasot")
    write_dataset([row("new")], out, dataset="lasot")
    assert os.listdir(out.parent) == ["dataset"]
    assert b"new" in next((out / "data").iterdir()).read_bytes()


def test_a_kill_between_two_renames_is_mended(out):
    write_dataset([row("old")], out, dataset="lasot")
    before = contents(out)
    out.rename(out.with_name(".dataset.old"))
    with pytest.raises(ChatdescError):
        write_dataset([], out, dataset="lasot")
    assert contents(out) == before


WRITER = """
import sys
from pathlib import Path
from chatdesc.share.dataset import write_dataset
from tests.makers.full_rows import row
i = 0
while True:
    i += 1
    write_dataset([row(f"s-{i}-{k}") for k in range(3)], Path(sys.argv[1]), dataset="lasot")
    print(i, flush=True)
"""


def test_killed_at_any_moment_a_whole_dataset_remains(out):
    import pyarrow.parquet as pq

    write_dataset([row(f"s-0-{k}") for k in range(3)], out, dataset="lasot")
    for wait in (0.003, 0.011, 0.023):
        with subprocess.Popen([sys.executable, "-c", WRITER, str(out)], stdout=subprocess.PIPE) as process:
            assert process.stdout.readline() == b"1\n"
            time.sleep(wait)
            process.send_signal(signal.SIGKILL)
        assert (out / "README.md").read_text().startswith("---\nlanguage")
        [shard] = (out / "data").iterdir()
        names = pq.read_table(shard)["sequence"].to_pylist()
        assert [n.rsplit("-", 1)[1] for n in names] == ["0", "1", "2"]
        assert len({n.rsplit("-", 1)[0] for n in names}) == 1
    write_dataset([row("last")], out, dataset="lasot")
    assert os.listdir(out.parent) == ["dataset"]
