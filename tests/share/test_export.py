"""Texts exported from rows, read again the ways in which trackers read them."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

import chatdesc
from chatdesc.loaders import load
from chatdesc.rows.store import Store
from chatdesc.share.dataset import write_dataset
from chatdesc.share.export import LAYOUTS, export, layouts
from chatdesc.types import ChatdescError
from tests.makers import datasets as make
from tests.makers.commands import typed
from tests.makers.full_rows import bare, row
from tests.standins import readers

HARD = 'red swing, the "left" one # 2; a=b | c:d\\e\nof two'
WHOLE = 'red swing the "left" one 2; a=b | c:d\\e of two'
SAFE = "red swing the left one 2 a b c d e of two"

FILES = {
    "lasot": "swing/swing-1/nlp.txt",
    "lasot_ext": "swing/swing-1/nlp.txt",
    "tnl2k": "TNL2K_test_subset/swing-1/language.txt",
    "otb-lang": "OTB_query_test/swing-1.txt",
    "dtvlt": "lasot_test_concise/swing-1.txt",
    "vots": "swing-1/sequence",
}


def tree(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def part(start, stop, text):
    return row()["ranges"][0] | {"start": start, "stop": stop, "text": text}


def first_line(file):
    with open(file) as text:
        return text.readline().strip()


def all_lines_joined(file):
    return " ".join(line.strip() for line in open(file).readlines())


def csv_with_comma(file):
    with open(file, newline="") as text:
        [fields] = csv.reader(text, quoting=csv.QUOTE_NONE)
    [whole] = fields
    return whole


def pandas_style(file):
    import pandas

    frame = pandas.read_csv(file, delimiter=",", header=None, dtype=str, keep_default_na=False, quoting=csv.QUOTE_NONE)
    [[whole]] = frame.to_numpy().tolist()
    return whole


def numpy_genfromtxt(file):
    return str(np.genfromtxt(file, dtype=str, delimiter=",", comments="#"))


def numpy_loadtxt(file):
    return str(np.loadtxt(file, dtype=str, delimiter=",", comments="#"))


READERS = (first_line, all_lines_joined, csv_with_comma, pandas_style, numpy_genfromtxt, numpy_loadtxt)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("layout", ["lasot", "lasot_ext", "tnl2k", "otb-lang"])
def test_every_reader_gets_the_whole_text(tmp_path, layout, reader):
    done = export([row(text=HARD)], tmp_path, layout)
    assert done.written == (FILES[layout],)
    assert reader(tmp_path / FILES[layout]) == WHOLE
    assert (tmp_path / FILES[layout]).read_bytes() == WHOLE.encode()


@pytest.mark.parametrize("reader", READERS)
def test_the_readers_are_ones_that_cut(tmp_path, reader):
    """Or else the test above would prove nothing."""
    cut = 0
    for text in ("one, two", "one # two", "one\ntwo"):
        (tmp_path / "x.txt").write_text(text)
        try:
            cut += reader(tmp_path / "x.txt") != text
        except Exception:
            cut += 1
    assert cut


@pytest.mark.parametrize("layout", ["lasot", "tnl2k", "otb-lang"])
def test_as_write_back_does_it(tmp_path, layout):
    data = tmp_path / "data"
    if layout == "lasot":
        make.lasot(data, {"swing-1": 2})
        (data / "testing_set.txt").write_text("swing-1")
    elif layout == "tnl2k":
        make.tnl2k(data, {"swing-1": "TNL2K_test_subset"})
    else:
        make.otb(data, {"swing-1": "test"}, {"swing-1": 2})
    rows = [row(text=HARD)]
    load(layout, data).write_back(rows, tmp_path / "one")
    files = tree(data)
    for path in tree(tmp_path / "one"):  # as if over a copy: there the endings are the originals'
        (tmp_path / "two" / path).parent.mkdir(parents=True)
        (tmp_path / "two" / path).write_bytes(files[path])
    done = export(rows, tmp_path / "two", layout, overwrite=True)
    assert [path + ".orig" for path in done.written] == list(done.kept)
    kept = {path: (tmp_path / "two" / path).read_bytes() for path in done.kept}
    assert kept == {path + ".orig": files[path] for path in done.written}
    assert tree(tmp_path / "two") == tree(tmp_path / "one") | kept
    assert load(layout, data, texts=tmp_path / "two")["swing-1"].manual_text.strip() == WHOLE


class TestPlaces:
    @pytest.mark.parametrize(
        ("layout", "columns", "path"),
        [
            ("lasot", {"sequence": "electricfan-20", "category": None}, "electricfan/electricfan-20/nlp.txt"),
            ("lasot", {"sequence": "Man", "category": None}, "Man/Man/nlp.txt"),
            ("lasot", {"sequence": "Man", "category": "person"}, "person/Man/nlp.txt"),
            ("tnl2k", {"split": "train"}, "TNL2K_train_subset/swing-1/language.txt"),
            ("tnl2k", {"split": None, "frames": None}, "swing-1/language.txt"),
            ("otb-lang", {"split": "train"}, "OTB_query_train/swing-1.txt"),
            ("otb-lang", {"split": None}, "OTB_query_test/swing-1.txt"),
        ],
    )
    def test_follow_from_the_row(self, tmp_path, layout, columns, path):
        assert export([row(**columns)], tmp_path, layout).written == (path,)

    def test_are_where_the_tree_has_them(self, tmp_path):
        (tmp_path / "swing-1").mkdir()
        assert export([row()], tmp_path, "lasot").written == ("swing-1/nlp.txt",)
        frames = {"pattern": "TNL2K_test_subset/part1/swing-1/imgs/%05d.png", "first": 1, "paths": []}
        (tmp_path / "TNL2K_test_subset" / "part1" / "swing-1").mkdir(parents=True)
        [path] = export([row(frames=frames)], tmp_path, "tnl2k").written
        assert path == "TNL2K_test_subset/part1/swing-1/language.txt"

    @pytest.mark.parametrize("layout", LAYOUTS)
    @pytest.mark.parametrize(
        "name", ["..", ".", "", "../swing-1", "/etc/swing-1", "a/b-1", "a\\b-1", "C:x-1", "a\n-1", "..-1"]
    )
    def test_never_lead_out_of_the_folder(self, tmp_path, layout, name):
        inside = tmp_path / "a" / "b"
        if (name, layout) in [("..-1", "lasot"), ("..-1", "lasot_ext")] or name != "..-1":
            with pytest.raises(ChatdescError, match="is no name of a sequence"):
                export([row(name)], inside, layout)
            assert not inside.exists()
            [refused] = export([row(), row(name)], inside, layout).refused
            assert "is no name of a sequence" in refused
        else:
            export([row(name)], inside, layout)
        assert set(tmp_path.iterdir()) <= {tmp_path / "a"}

    def test_of_hostile_splits_and_frames(self, tmp_path):
        with pytest.raises(ChatdescError, match="is no name"):
            export([row(split="../../x")], tmp_path / "to", "tnl2k")
        (tmp_path / "swing-1").mkdir()
        (tmp_path / "to").mkdir()
        for pattern in ("../swing-1/imgs/%d.png", f"{tmp_path}/swing-1/imgs/%d.png"):
            frames = {"pattern": pattern, "first": 1, "paths": []}
            export([row(split=None, frames=frames)], tmp_path / "to", "tnl2k")
        assert list(tree(tmp_path)) == ["to/swing-1/language.txt"]


class TestOtherTexts:
    def test_stay_unless_they_may_go(self, tmp_path):
        export([row(text="old"), row("swing-2", text="same")], tmp_path, "lasot")
        before = tree(tmp_path)
        rows = [row(text="new"), row("swing-2", text="same"), row("swing-3")]
        with pytest.raises(ChatdescError, match=r"other texts already \(swing/swing-1/nlp.txt\).*--overwrite"):
            export(rows, tmp_path, "lasot")
        assert tree(tmp_path) == before
        done = export(rows, tmp_path, "lasot", overwrite=True)
        assert (len(done.written), done.same) == (2, 1)
        assert (tmp_path / "swing/swing-1/nlp.txt").read_text() == "new"
        assert (tmp_path / "swing/swing-1/nlp.txt.orig").read_text() == "old"
        export([row(text="newest")], tmp_path, "lasot", overwrite=True)
        assert (tmp_path / "swing/swing-1/nlp.txt.orig").read_text() == "old"

    def test_the_same_again_writes_nothing(self, tmp_path):
        for layout in layouts():
            assert export([row()], tmp_path / layout, layout).same == 0
            assert export([row()], tmp_path / layout, layout).written == ()

    @pytest.mark.parametrize("ending", [b"", b"\n", b"\r\n"])
    def test_line_endings_stay(self, tmp_path, ending):
        file = tmp_path / FILES["otb-lang"]
        file.parent.mkdir()
        file.write_bytes(b"old" + ending)
        export([row(text="new")], tmp_path, "otb-lang", overwrite=True)
        assert file.read_bytes() == b"new" + ending

    def test_a_sequence_that_comes_twice(self, tmp_path):
        export([row(), row(split="train")], tmp_path / "a", "lasot")
        with pytest.raises(ChatdescError, match="choose one --split"):
            export([row(), row(split="train", text="another")], tmp_path / "b", "lasot")

    def test_rows_without_text(self, tmp_path):
        assert export([row(), bare("b"), row("c-1", text=" ,")], tmp_path, "lasot").skipped == 2
        with pytest.raises(ChatdescError, match="no row has a text"):
            export([bare("b")], tmp_path / "x", "lasot")
        for layout in ("lasot", "csv", "json", "jsonl"):
            with pytest.raises(ChatdescError, match="there is no row"):
                export([], tmp_path / "x", layout)


class TestDtvlt:
    """Texts over time, read as DUTrack and DPU-VLT do."""

    RANGES = (part(0, 100, "a red, swing"), part(100, 200, None), part(200, 250, "a # blue one"))

    def test_each_range_has_its_text_from_its_first_frame_on(self, tmp_path):
        export([row(split="train", ranges=[*self.RANGES])], tmp_path, "dtvlt")
        file = tmp_path / "lasot_train_concise" / "swing-1.txt"
        assert file.read_bytes() == b"0 a red swing\n199 a blue one"
        texts = readers.dtvlt(file)
        assert [readers.dtvlt_text(texts, frame) for frame in (1, 199, 200, 249)] == [
            *("a red swing", "a red swing", "a blue one", "a blue one")
        ]

    def test_one_text_for_the_whole_sequence(self, tmp_path):
        export([row(split="train", ranges=[], text="one, two")], tmp_path, "dtvlt")
        texts = readers.dtvlt(tmp_path / "lasot_train_concise" / "swing-1.txt")
        assert [readers.dtvlt_text(texts, frame) for frame in (0, 1, 5000)] == ["one two"] * 3

    def test_a_first_range_of_one_frame_keeps_its_text(self, tmp_path):
        ranges = [part(0, 1, "one"), part(1, 2, "two"), part(2, 9, "three")]
        export([row(split="train", ranges=ranges)], tmp_path, "dtvlt")
        assert (tmp_path / "lasot_train_concise" / "swing-1.txt").read_text() == "0 one\n1 three"

    def test_the_folder_names_dataset_split_and_style(self, tmp_path):
        made = row()["provenance"] | {"settings": '{"style": "detailed"}'}
        export([row(provenance=made), row("b-1", provenance=None)], tmp_path, "dtvlt")
        assert set(tree(tmp_path)) == {"lasot_test_detailed/swing-1.txt", "lasot_test_concise/b-1.txt"}

    @pytest.mark.parametrize("dataset", ["got10k", "got-10k", "GOT-10k"])
    def test_got10k_has_its_texts_below_the_split(self, dataset, tmp_path):
        export([row("GOT-10k_Train_000001", "train", dataset=dataset)], tmp_path, "dtvlt")
        assert set(tree(tmp_path)) == {"train/got-10k_train_concise/GOT-10k_Train_000001.txt"}

    @pytest.mark.parametrize(
        ("folder", "expected"),
        [
            ("TNL2K_train_subset/TNL2k_train_subset_p9/INF_a", "tnl2k_train_concise/TNL2k_train_subset_p9/INF_a.txt"),
            ("TNL2k_train_subset_p9/INF_a", "tnl2k_train_concise/TNL2k_train_subset_p9/INF_a.txt"),
            ("TNL2K_train_subset/INF_a", "tnl2k_train_concise/INF_a.txt"),
        ],
    )
    def test_two_levels_of_tnl2k(self, folder, expected, tmp_path):
        frames = {"pattern": f"{folder}/imgs/%05d.png", "first": 1, "paths": []}
        export([row("INF_a", dataset="tnl2k", split="train", frames=frames, ranges=[])], tmp_path, "dtvlt")
        assert set(tree(tmp_path)) == {expected}


class TestVots:
    """Prompts, read as the VOTS toolkit does."""

    def test_prompts_survive_every_separator(self, tmp_path):
        export([row(text=HARD)], tmp_path, "vots")
        properties = readers.vots(tmp_path / "swing-1" / "sequence")
        assert readers.vots_prompts(properties) == [SAFE]
        assert (properties["name"], properties["channels.color"]) == ("swing-1", "color/%08d.jpg")

    def test_other_lines_of_a_sequence_stay(self, tmp_path):
        file = tmp_path / "swing-1" / "sequence"
        file.parent.mkdir()
        before = "channels.color=rgb/%06d.png\nfps=25\nname=swing-1\nprompts=old;older\nlength=7\n"
        file.write_text(before)
        with pytest.raises(ChatdescError, match="--overwrite"):
            export([row()], tmp_path, "vots")
        done = export([row()], tmp_path, "vots", overwrite=True)
        after = readers.vots(file)
        assert readers.vots_prompts(after) == ["red swing seat"]
        kept = ("channels.color", "fps", "name", "length")
        assert [after[key] for key in kept] == ["rgb/%06d.png", "25", "swing-1", "7"]
        assert done.kept == ("swing-1/sequence.orig",)
        assert file.with_name("sequence.orig").read_text() == before


def test_json_is_a_list_of_texts_per_sequence(tmp_path):
    ranges = [part(0, 9, "first"), part(9, 20, None), part(20, 30, "then")]
    export([row(ranges=ranges), row("swing-2", ranges=[], text=HARD), bare("b")], tmp_path, "json")
    assert json.loads((tmp_path / "texts.json").read_text("utf-8")) == {"swing-1": ["first", "then"], "swing-2": [HARD]}
    assert export([row(ranges=ranges), bare("b"), bare("c")], tmp_path / "c", "json").skipped == 2
    with pytest.raises(ChatdescError, match="choose one --split"):
        export([row(), row(split="train", ranges=[part(0, 9, "another")])], tmp_path / "b", "json")


def test_tables_hold_the_texts_unchanged(tmp_path):
    rows = [row(text=HARD, ranges=[part(0, 9, HARD)]), bare("b", split=None)]
    export(rows, tmp_path, "jsonl")
    export(rows, tmp_path, "csv")
    lines = [json.loads(line) for line in (tmp_path / "texts.jsonl").read_text("utf-8").splitlines()]
    assert lines[0]["text"] == HARD and lines[0]["manual_text"] == row()["manual_text"]
    assert lines[0]["ranges"] == [{"start": 0, "stop": 9, "text": HARD}]
    assert lines[1]["text"] is None
    table = list(csv.DictReader(io.StringIO((tmp_path / "texts.csv").read_text("utf-8"))))
    assert [line["text"] for line in table] == [HARD, ""]
    assert [line["sequence"] for line in table] == ["swing-1", "b"]


@pytest.fixture
def run(tmp_path):
    out = tmp_path / "run"
    with Store.open(out, {"dataset": "lasot"}) as store:
        rows = [row("swing-2", "train"), row("swing-10"), row("swing-9"), bare("c-1", None)]
        for one in rows:
            store.save(one)
    write_dataset(Store(out).rows(["c-1", "swing-2", "swing-9", "swing-10"]), out / "dataset", dataset="lasot")
    return out


def test_no_line_of_a_vots_file_comes_from_a_row(tmp_path):
    frames = {"pattern": "a/img/%08d.jpg\nprompts=evil", "first": 1, "paths": []}
    export([row(frames=frames, text="red\nprompts=evil")], tmp_path, "vots")
    assert len((tmp_path / "swing-1" / "sequence").read_text().splitlines()) == 5


def test_the_command_leaves_refused_rows_out_and_says_so(tmp_path):
    with Store.open(tmp_path / "run", {"dataset": "lasot"}) as store:
        for one in (row("a/b"), row("swing-1"), row("c\\d")):
            store.save(one)
    done = typed("export", tmp_path / "run", "--to", tmp_path / "to", "--layout", "lasot")
    assert done.returncode == 1 and "2 rows were refused and left out: a/b: " in done.stderr
    assert list(tree(tmp_path / "to")) == ["swing/swing-1/nlp.txt"]


@pytest.mark.parametrize(("status", "code"), [("describe_failed", 1), ("missing_text", 0)])
def test_a_row_that_failed_is_said_and_no_success(tmp_path, status, code):
    with Store.open(tmp_path / "run", {"dataset": "lasot"}) as store:
        for one in (row("swing-1"), row("swing-2", text=None, status=status)):
            store.save(one)
    done = typed("export", tmp_path / "run", "--to", tmp_path / "to", "--layout", "lasot")
    assert done.returncode == code and ("1 row has no text because it failed (swing-2)" in done.stderr) == bool(code)
    assert "1 row has no text" in done.stdout


@pytest.mark.parametrize("layout", layouts())
def test_rows_of_a_run_and_of_its_dataset_give_the_same_files(run, tmp_path, layout):
    for number, source in enumerate((run, run / "dataset")):
        chatdesc.export(source, tmp_path / str(number), layout, split="test")
    assert tree(tmp_path / "0") == tree(tmp_path / "1") != {}


def test_the_command(run, tmp_path):
    done = typed("export", run / "dataset", "--to", tmp_path / "to", "--layout", "lasot")
    assert done.returncode == 0, done.stderr
    assert "3 files written" in done.stdout and "1 row has no text" in done.stdout
    assert set(tree(tmp_path / "to")) == {f"swing/swing-{i}/nlp.txt" for i in (2, 9, 10)}
    (tmp_path / "to/swing/swing-2/nlp.txt").write_text("mine")
    refused = typed("export", run, "--to", tmp_path / "to", "--layout", "lasot")
    assert refused.returncode == 2
    assert "--overwrite" in refused.stderr and "Traceback" not in refused.stderr
    assert (
        "no layout 'lasott' among lasot, " in typed("export", run, "--to", tmp_path / "to", "--layout", "lasott").stderr
    )


class TestTargets:
    """What lies in the target folder, by a crash or by intent."""

    def begun(self, tmp_path):
        to = make.put(tmp_path / "to" / FILES["lasot"], "a human text").parents[2]
        return to, to / FILES["lasot"]

    def test_an_empty_original_does_not_cost_the_human_text(self, tmp_path):
        to, file = self.begun(tmp_path)
        file.with_name("nlp.txt.orig").touch()
        export([row()], to, "lasot", overwrite=True)
        assert file.with_name("nlp.txt.orig").read_text() == "a human text" != file.read_text()

    def test_a_dangling_original_is_refused_and_nothing_is_written(self, tmp_path):
        to, file = self.begun(tmp_path)
        file.with_name("nlp.txt.orig").symlink_to(tmp_path / "gone")
        with pytest.raises(ChatdescError, match=r"nlp\.txt\.orig: is a link"):
            export([row(sequence="swing-2"), row()], to, "lasot", overwrite=True)
        assert tree(to) == {FILES["lasot"]: b"a human text"} and not (tmp_path / "gone").exists()

    @pytest.mark.parametrize("layout", list(LAYOUTS))
    def test_a_folder_that_is_a_link_is_not_followed_out(self, tmp_path, layout):
        outside, to = tmp_path / "outside", tmp_path / "to"
        outside.mkdir()
        to.mkdir()
        (to / FILES[layout].partition("/")[0]).symlink_to(outside)
        with pytest.raises(ChatdescError, match="a link leads out of"):
            export([row()], to, layout, overwrite=True)
        assert tree(outside) == {}


def test_a_text_that_is_a_formula_is_quoted_in_a_sheet_and_nowhere_else(tmp_path):
    texts = ["=1+1", "-a kite", "@x", "+1 kite", "a kite"]
    rows = [row(f"swing-{i}", text=text) for i, text in enumerate(texts)]
    for layout in ("csv", "jsonl"):
        export(rows, tmp_path, layout)
    with open(tmp_path / "texts.csv", newline="") as file:
        assert [line["text"] for line in csv.DictReader(file)] == [*(f"'{text}" for text in texts[:-1]), "a kite"]
    lines = (tmp_path / "texts.jsonl").read_text().splitlines()
    assert [json.loads(line)["text"] for line in lines] == texts


ODD = [
    "",
    "x" * 300,
    "\u732b" * 100,
    "../../etc/passwd",
    "a/b",
    "\0",
    "a\nb",
    "\ud800",
    "\udce9",
    "..",
    "-",
    "\u202e",
    None,
]
RANGE = row()["ranges"][0]
HOSTILE = [
    *({column: value} for column in ("sequence", "dataset", "split", "category", "text") for value in ODD),
    *({"ranges": [RANGE | {"text": value}]} for value in ODD if value is not None),
    *({"frames": {"pattern": value, "first": 1, "paths": []}} for value in ("../../x/%08d.jpg", "%s%n/", "/a/b/c.jpg")),
    *({"provenance": row()["provenance"] | {"settings": value}} for value in ("{", "[]", '{"style": "../x"}')),
]


@pytest.mark.parametrize("layout", layouts())
def test_a_hostile_row_is_written_or_refused_and_leaves_no_halves(tmp_path, layout):
    for number, columns in enumerate(HOSTILE):
        to = tmp_path / str(number) / "to"
        whole = row("first-1"), row() | columns
        try:
            export(whole, to, layout)
        except ChatdescError:
            assert not any(path.is_file() for path in to.rglob("*")), columns
        assert {path.name for path in to.parent.glob("*")} <= {"to"}, columns
