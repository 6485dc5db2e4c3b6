"""Pushed to a Hub over real HTTP, and loaded from there again."""

from __future__ import annotations

import io
import json
import re
import socket
from pathlib import Path

import pytest
import yaml

from chatdesc.rows.schema import COLUMNS, split_name
from chatdesc.rows.store import Store
from chatdesc.share.card_merge import parted
from chatdesc.share.dataset import write_dataset
from chatdesc.synthetic import render
from tests.makers import datasets as make
from tests.makers.full_rows import bare, row, same
from tests.standins.hub import Fault, Hub, User
from tests.standins.hub_worker import asking

ADA, READER, BOB = "hf_adas-own-token", "hf_adas-reading-token", "hf_bobs-own-token"


@pytest.fixture(scope="module")
def hub():
    with Hub({ADA: User("ada"), READER: User("ada", may_write=False), BOB: User("bob")}) as served:
        yield served


@pytest.fixture(scope="module")
def worker(hub, tmp_path_factory):
    with asking(hub, tmp_path_factory.mktemp("home")) as ask:
        yield lambda token=ADA, **what: ask(token, **what)


@pytest.fixture(autouse=True)
def calm(hub):
    hub.faults.clear()
    hub.log.clear()
    hub.uploads.clear()
    hub.renamed.clear()
    hub.loses, hub.storage, hub.page_size = None, hub.url, 1000


def run_of(folder, rows, dataset="lasot"):
    with Store.open(folder, {"dataset": dataset}) as store:
        for one in rows:
            store.save(one)
    return folder


@pytest.fixture
def run(tmp_path):
    return run_of(tmp_path / "run", [row("swing-1"), row("swing-2"), bare("tree-1"), row("swing-3", "train")])


@pytest.fixture
def name(request):
    return "ada/" + "".join(char if char.isalnum() else "-" for char in request.node.name)[:60].strip("-")


@pytest.fixture
def push(worker, run, name):
    def pushed(*options, source=run, token=ADA, repo=name, code=0):
        done = worker(token, run=["push", str(source), repo, *options])
        assert done["code"] == code, done
        assert "Traceback" not in done["err"]
        return done

    return pushed


@pytest.fixture
def load(worker, name):
    def loaded(config="lasot", token=ADA, **options):
        done = worker(token, load={"path": name, "name": config, "streaming": True, **options})
        assert "loaded" in done, done
        return done["loaded"]

    return loaded


def expected(folder):
    """A run's rows by split."""
    store, found = Store(folder), {}
    for one in store.rows(store.names()):
        found.setdefault(split_name(one["split"]), []).append({c: one.get(c) for c in COLUMNS})
    return found


def card_of(hub, name):
    front, body = parted(hub.files(name)["README.md"].decode())
    return front, body.lstrip()


def sequences(loaded):
    return {split: [one["sequence"] for one in rows] for split, rows in loaded.items()}


def test_what_is_loaded_is_what_was_pushed(hub, push, load, run, name):
    done = push()
    assert sorted(hub.files(name)) == [
        "README.md",
        "croissant.json",
        "lasot/test-00000-of-00001.parquet",
        "lasot/train-00000-of-00001.parquet",
    ]
    assert len(hub.requests("POST", "/commit/")) == 1
    assert f'load_dataset("{name}", "lasot", split="test")' in done["out"]
    for options in ({"streaming": False}, {}, {"revision": hub.head(name)}):
        loaded = load(**options)
        assert same(loaded, expected(run)), options
    assert same(load(split="test"), {"test": expected(run)["test"]})
    front, body = card_of(hub, name)
    assert f'load_dataset("{name}", "lasot"' in body and "| test | 3 |" in body
    assert f'load_refined("{name}", "lasot"' in body and f"export {name} --config lasot --to" in body
    assert "PATH_OR_REPOSITORY" not in body
    assert front["dataset_info"]["config_name"] == "lasot"


def test_several_datasets_and_splits_in_one_repository(hub, push, load, worker, name, tmp_path):
    push("--split", "test")
    assert sequences(load()) == {"test": ["swing-1", "swing-2", "tree-1"]}
    first = hub.files(name)
    other = run_of(tmp_path / "other", [row("Man", "test", dataset="otb-lang")], "otb-lang")
    push(source=other)
    push("--config", "again", source=other)
    push("--split", "train")
    assert worker(load={"path": name, "configs": True})["loaded"] == ["lasot", "otb-lang", "again"]
    assert sequences(load()) == {"test": ["swing-1", "swing-2", "tree-1"], "train": ["swing-3"]}
    assert sequences(load("otb-lang")) == sequences(load("again")) == {"test": ["Man"]}
    shard = "lasot/test-00000-of-00001.parquet"
    assert hub.files(name)[shard] == first[shard]
    front, body = card_of(hub, name)
    assert [info["config_name"] for info in front["dataset_info"]] == ["lasot", "otb-lang", "again"]
    assert body.count("# LaSOT, re-annotated") == 1 and "| test | 3 |" in body and "| train | 1 |" in body
    assert "| missing_text | 1 |" in body and "| ok | 3 |" in body


def test_again_sends_only_what_changed(hub, push, load, run, name):
    push()
    head, before = hub.head(name), hub.files(name)
    hub.log.clear()
    assert "nothing has changed" in push()["out"]
    assert hub.head(name) == head
    assert not hub.requests("PUT") and not hub.requests("POST", "/commit/")
    run_of(run, [row("swing-3", "train", text="another text")])
    push()
    assert len(hub.requests("PUT")) == 1
    changed = {path for path, data in hub.files(name).items() if before[path] != data}
    assert changed - {"README.md"} == {"lasot/train-00000-of-00001.parquet"}
    assert load(split="train")["train"][0]["text"] == "another text"
    assert load(split="train", revision=head)["train"][0]["text"] == "red swing seat"


def test_shards_that_are_no_more_go(hub, push, load, name):
    push()
    shard = hub.files(name)["lasot/test-00000-of-00001.parquet"]
    hub.put(name, {"lasot/test-00000-of-00002.parquet": shard, "lasot/test-00001-of-00002.parquet": shard})
    hub.put(name, {"lasot/test-notes.txt": b"mine", "tnl2k/test-00000-of-00002.parquet": shard})
    assert "removed: lasot/test-00001-of-00002.parquet" in push("--split", "test")["out"]
    assert {p for p in hub.files(name) if p.startswith("lasot/test")} == {
        "lasot/test-00000-of-00001.parquet",
        "lasot/test-notes.txt",
    }
    assert "tnl2k/test-00000-of-00002.parquet" in hub.files(name)
    assert len(load(split="test")["test"]) == 3


def test_what_people_wrote_stays(hub, push, load, name):
    import pyarrow as pa
    import pyarrow.parquet as pq

    extra = io.BytesIO()
    pq.write_table(pa.table({"a": [1]}), extra)
    push()
    front, body = card_of(hub, name)
    front |= {"license": "cc-by-4.0", "size_categories": ["n<1K"], "pretty_name": "Ada's own"}
    front["configs"][0]["default"] = True
    front["configs"].append({"config_name": "extra", "data_files": [{"split": "x", "path": "extra/*.parquet"}]})
    front["dataset_info"] = [
        front["dataset_info"],
        {"config_name": "extra", "features": [{"name": "a", "dtype": "int64"}]},
    ]
    text = f"---\n{yaml.safe_dump(front, sort_keys=False)}---\n# By hand\n\nBefore.\n{body}\n## After\n\nAfter it.\n"
    hub.put(name, {"README.md": text.encode(), "extra/a.parquet": extra.getvalue()})
    push("--split", "train")
    new, now = card_of(hub, name)
    for key in ("license", "size_categories", "pretty_name", "tags"):
        assert new[key] == front[key]
    assert new["configs"] == front["configs"]
    assert new["dataset_info"][1] == front["dataset_info"][1]
    assert now.startswith("# By hand\n\nBefore.\n") and now.endswith("## After\n\nAfter it.\n")
    assert now.count("# LaSOT, re-annotated") == 1
    assert sequences(load()) == {"test": ["swing-1", "swing-2", "tree-1"], "train": ["swing-3"]}
    assert load("extra") == {"x": [{"a": 1}]}


def test_a_card_by_hand_alone_and_a_broken_one(hub, push, name):
    hub.put(name, {"README.md": b"# Mine\n\nHello.\n"})
    push()
    assert card_of(hub, name)[1].startswith("# Mine\n\nHello.\n\n<!-- chatdesc lasot")
    for card in (b"# Mine\ncaf\xe9\n", b"---\n\na: !!python/object/apply:os.system [id]\n---\n"):
        hub.put(name, {"README.md": card})
        assert f"README.md, line {2 + (b'!!' in card)}: " in push(code=2)["err"]
    hub.put(name, {"README.md": b"---\na: [\n---\nx"})
    head = hub.head(name)
    err = push(code=2)["err"]
    assert "README.md, line 3: the YAML cannot be read" in err and "correct it there" in err
    assert hub.head(name) == head


def test_other_columns_are_refused_while_another_split_has_the_old(hub, push, load, name):
    push()
    front, body = card_of(hub, name)
    front["dataset_info"]["features"] = front["dataset_info"]["features"][:-1]
    hub.put(name, {"README.md": f"---\n{yaml.safe_dump(front)}---\n{body}".encode()})
    head = hub.head(name)
    assert "other columns" in push("--split", "train", code=2)["err"]
    assert hub.head(name) == head
    push()
    assert len(load(split="test")["test"]) == 3


def test_private(hub, push, load, worker, name):
    push("--private")
    assert hub.repositories[name].private
    assert len(load(split="test")["test"]) == 3
    for token in (None, BOB):
        assert "NotFoundError" in worker(token, load={"path": name, "name": "lasot"})["error"]
        refused = worker(token, run=["export", name, "--to", "x", "--layout", "lasot"])
        assert refused["code"] == 2 and "sign in" in refused["err"]
    head = hub.head(name)
    assert "may not write" in push(token=BOB, code=2)["err"]
    assert hub.head(name) == head
    push(repo=name + "-open")
    assert "is public already" in push("--private", repo=name + "-open", code=2)["err"]


def test_branches_and_tags(hub, push, load, run, name):
    push("--tag", "v1")
    first = hub.head(name)
    assert hub.repositories[name].tags == {"v1": first}
    assert "nothing has changed" in push("--tag", "v1")["out"]
    run_of(run, [row("swing-3", "train", text="another text")])
    assert "choose another --tag" in push("--tag", "v1", code=2)["err"]
    assert hub.head(name) == first
    done = push("--revision", "next")
    assert 'revision="next"' in done["out"]
    assert hub.head(name) == first
    assert load(split="train", revision="next")["train"][0]["text"] == "another text"
    assert load(split="train", revision="v1")["train"][0]["text"] == "red swing seat"


def test_a_dry_run_sends_nothing(hub, push, name):
    done = push("--dry-run")
    assert "would send: lasot/test-00000-of-00001.parquet" in done["out"] and "Nothing was sent." in done["out"]
    assert name not in hub.repositories
    push()
    hub.log.clear()
    assert "nothing has changed" in push("--dry-run")["out"]
    assert {entry[0] for entry in hub.log} <= {"GET", "HEAD"}


class TestFaults:
    """A message that says what to do, nothing half published, and the same command goes on."""

    def finish(self, hub, push, load, name):
        hub.faults.clear()
        push()
        assert sequences(load()) == {"test": ["swing-1", "swing-2", "tree-1"], "train": ["swing-3"]}

    @pytest.mark.parametrize(
        ("token", "says"),
        [
            (None, "no token"),
            ("hf_wrong", "does not accept the token"),
            (READER, "may not write"),
            (BOB, "may not write"),
        ],
    )
    def test_tokens(self, hub, push, name, token, says):
        err = push(token=token, code=2)["err"]
        assert says in err and len(err) < 400
        assert name not in hub.repositories

    def test_a_reader_and_a_repository_that_is_there(self, hub, push, name):
        head = hub.put(name, {"x.txt": b"x"})
        assert "may not write" in push(token=READER, code=2)["err"]
        assert hub.head(name) == head

    def test_a_missing_repository(self, worker):
        done = worker(run=["export", "ada/missing", "--to", "x", "--layout", "lasot"])
        assert done["code"] == 2 and "no such dataset on the Hub" in done["err"]

    def test_too_many_requests_that_pass(self, hub, push, load, worker, name):
        hub.faults.append(Fault("POST", "/preupload/", 429, 2, {"Retry-After": "7"}))
        assert [wait >= 7 for wait in push()["waits"]] == [True, True]
        self.finish(hub, push, load, name)

    def test_too_many_requests_that_do_not(self, hub, push, load, name):
        hub.faults.append(Fault("POST", "/preupload/", 429, 99, {"Retry-After": "37"}))
        assert "wait 37 seconds" in push(code=2)["err"]
        assert hub.files(name) == {}
        self.finish(hub, push, load, name)

    def test_a_fault_of_the_hub_within_an_upload(self, hub, push, load, name):
        hub.faults.append(Fault("PUT", "/upload/", 500, 2))
        push()
        assert len(hub.requests("PUT")) == 4
        self.finish(hub, push, load, name)

    @pytest.mark.parametrize(("status", "says"), [(500, "a fault of its own"), (0, "connection to the Hub was lost")])
    def test_uploads_that_fail_for_good(self, hub, push, load, name, status, says):
        hub.faults.append(Fault("POST", "/verify", status, 99))
        assert says in push(code=2)["err"]
        assert hub.files(name) == {}
        self.finish(hub, push, load, name)
        assert len({entry[1] for entry in hub.requests("PUT")}) == len(hub.requests("PUT"))  # nothing was sent twice

    @pytest.mark.parametrize(
        ("status", "says"),
        [(500, "a fault of its own"), (0, "connection to the Hub was lost"), (409, "at this moment")],
    )
    def test_a_commit_that_fails(self, hub, push, load, name, status, says):
        push("--split", "train")
        head = hub.head(name)
        hub.faults.append(Fault("POST", "/commit/", status))
        assert says in push(code=2)["err"]
        assert hub.head(name) == head
        assert sequences(load()) == {"train": ["swing-3"]}
        self.finish(hub, push, load, name)

    def test_others_push_at_the_same_time(self, hub, push, load, name):
        hub.faults.append(Fault("POST", "/commit/", 412, 2))
        push()
        self.finish(hub, push, load, name)
        hub.faults.append(Fault("POST", "/commit/", 412, 99))
        assert "others pushed" in push("--config", "x", code=2)["err"]

    def test_a_commit_in_between_is_not_undone(self, hub, push, load, name, monkeypatch):
        push("--split", "train")
        original = type(hub).fault_for

        def in_between(self, method, path):
            if "/preupload/" in path and "theirs.txt" not in hub.files(name):
                hub.put(name, {"theirs.txt": b"theirs"})
            return original(self, method, path)

        monkeypatch.setattr(type(hub), "fault_for", in_between)
        push()
        assert 412 in [entry[2] for entry in hub.log]
        assert hub.files(name)["theirs.txt"] == b"theirs"
        assert len(load(split="test")["test"]) == 3


def test_a_hostile_name_of_a_dataset_writes_no_text_into_the_card(hub, push, name, tmp_path):
    dataset = "x\n<!-- end of ok -->\n# Owned\n---\n<!-- chatdesc ok: each push writes this section anew -->"
    run = run_of(tmp_path / "odd", [row("swing-1")], dataset)
    assert "letters, digits" in push(source=run, code=2)["err"]
    push("--config", "ok", source=run)
    head, lines = hub.head(name), hub.files(name)["README.md"].decode().splitlines()
    assert "# Owned" not in lines and lines.count("<!-- end of ok -->") == 1
    assert "nothing has changed" in push("--config", "ok", source=run)["out"] and hub.head(name) == head


class TestFrames:
    def test_stay_out_unless_they_may_go(self, hub, push, load, run, name):
        from PIL import Image

        file = io.BytesIO()
        Image.new("RGB", (4, 4), (200, 0, 0)).save(file, "PNG")
        store = Store(run)
        rows = list(store.rows(store.names()))
        write_dataset(rows, run / "dataset", dataset="lasot", include_frames=lambda r: [file.getvalue()])
        push()
        assert not any(file.getvalue() in data for data in hub.files(name).values())
        refused = push("--include-frames", code=2)
        assert "own terms" in refused["out"] and "--i-have-the-right-to-redistribute" in refused["err"]
        push("--include-frames", "--i-have-the-right-to-redistribute")
        assert any(file.getvalue() in data for data in hub.files(name).values())

    def test_of_sequences_whose_names_are_no_utf8(self, hub, push, name, tmp_path):
        run = run_of(tmp_path / "odd", [row("caf\udce8-1"), row("caf\udce9-1")])
        store = Store(run)
        rows = list(store.rows(store.names()))
        write_dataset(
            rows,
            run / "dataset",
            dataset="lasot",
            include_frames=lambda r: [f"frame of {r['sequence']!a}".encode()],
        )
        push("--include-frames", "--i-have-the-right-to-redistribute", source=run)
        shard = hub.files(name)["lasot/test-00000-of-00001.parquet"]
        assert b"frame of 'caf\\udce8-1'" in shard and b"frame of 'caf\\udce9-1'" in shard

    def test_that_the_run_does_not_have(self, push, hub, name):
        options = ("--include-frames", "--i-have-the-right-to-redistribute")
        assert "annotate --include-frames" in push(*options, code=2)["err"]
        assert name not in hub.repositories


def test_nothing_private_is_pushed(hub, push, run, name, tmp_path):
    run_of(run, [row("swing-4", problems=[f"bad_boxes: {tmp_path}/x.txt: line 3"])])
    push()
    whole = b"".join(hub.files(name).values())
    for private in (str(tmp_path), str(Path.home()) + "/", socket.gethostname(), ADA, "127.0.0.1"):
        assert private.encode() not in whole, private
    run_of(run, [row("swing-5", text=f"{tmp_path}/x")])
    head = hub.head(name)
    assert re.search(r"1 row is left out .*\(swing-5\): .* must not be published", push(code=1)["out"])
    assert hub.head(name) == head
    alone = run_of(tmp_path / "alone", [row("swing-5", text=f"{tmp_path}/x")])
    assert "must not be published" in push(source=alone, code=2)["err"]
    assert hub.head(name) == head


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["RUN", "just-a-name"], "USER/NAME"),
        (["/no/such/run", "ada/x"], "no run of chatdesc"),
        (["RUN", "ada/x", "--split", "val"], "no row of split 'val'"),
        (["RUN", "ada/x", "--config", "a/b"], "letters, digits"),
    ],
)
def test_wrong_arguments(worker, hub, run, arguments, says):
    done = worker(run=["push", *[str(run) if a == "RUN" else a for a in arguments]])
    assert done["code"] == 2 and says in done["err"] and not hub.log


class TestLicences:
    def test_of_the_texts_as_said_and_kept_by_later_pushes(self, hub, push, name, tmp_path):
        push("--text-licence", "cc-by-4.0", "--split", "test")
        other = run_of(tmp_path / "other", [row("Man", "test", dataset="otb-lang")], "otb-lang")
        push(source=other)
        push("--split", "train")
        front, body = card_of(hub, name)
        assert front["text_licences"] == {"lasot": "cc-by-4.0"} and front["license"] == "other"
        lasot, _, otb = body.partition("<!-- chatdesc otb-lang")
        assert "is under: cc-by-4.0." in lasot and "has chosen no licence" in otb
        push("--text-licence", "cc0-1.0")
        assert "is under: cc0-1.0." in card_of(hub, name)[1]

    def test_that_is_none(self, hub, push, name):
        assert "in one word" in push("--text-licence", "as you like", code=2)["err"]
        assert name not in hub.repositories


class TestCroissant:
    def test_is_written_beside_the_card_and_describes_all_that_is_there(self, hub, push, name, tmp_path):
        mlcroissant = pytest.importorskip("mlcroissant", reason="comes with the dev extra")
        push("--split", "test")
        other = run_of(tmp_path / "other", [row("Man", "test", dataset="otb-lang")], "otb-lang")
        push(source=other)
        for path, data in hub.files(name).items():
            (tmp_path / "clone" / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "clone" / path).write_bytes(data)
        clone = tmp_path / "clone"
        made = json.loads((clone / "croissant.json").read_text())
        dataset = mlcroissant.Dataset(made, mapping={"repository": clone})
        assert not dataset.metadata.ctx.issues.errors
        read = {c: [one[f"{c}/sequence"].decode() for one in dataset.records(c)] for c in ("lasot", "otb-lang")}
        assert read == {"lasot": ["swing-1", "swing-2", "tree-1"], "otb-lang": ["Man"]}
        assert hub.url not in json.dumps(made)

    def test_is_mended_when_it_is_gone_or_old(self, hub, push, name):
        push()
        before = hub.files(name)
        hub.put(name, {"croissant.json": b"{}"})
        assert "sent: croissant.json" in push()["out"]
        assert hub.files(name) == before


def test_a_colleague_gets_frames_boxes_and_texts(push, worker, name, tmp_path):
    push()
    make.lasot(tmp_path / "LaSOT", {"swing-1": 3, "swing-2": 3, "tree-1": 3, "kite-1": 3})
    (tmp_path / "LaSOT/testing_set.txt").write_text("swing-1\nswing-2\nkite-1\n")
    what = {"source": name, "name": "lasot", "split": "test", "root": str(tmp_path / "LaSOT"), "missing": "skip"}
    got = worker(refine=what)
    boxed = [10.0, 20.0, 30.0, 40.0]
    assert got["sequences"] == [["swing-1", "red swing seat", boxed, 0], ["swing-2", "red swing seat", boxed, 0]]
    assert len(got["problems"]) == 2 and "no sequence tree-1" in got["problems"][0] and "kite-1" in got["problems"][1]
    assert "several datasets" not in worker(refine=what | {"missing": "error"})["error"]
    assert "tree-1" in worker(refine=what | {"missing": "error"})["error"]
    assert "no such dataset on the Hub" in worker(BOB, refine=what | {"source": "ada/missing"})["error"]


def test_a_colleague_exports_from_the_hub(push, worker, name, tmp_path):
    push()
    done = worker(run=["export", name, "--to", str(tmp_path / "to"), "--layout", "lasot", "--config", "lasot"])
    assert done["code"] == 0, done
    assert (tmp_path / "to/swing/swing-1/nlp.txt").read_text() == "red swing seat"
    assert len(list((tmp_path / "to").rglob("nlp.txt"))) == 3


class TestPictures:
    @pytest.fixture
    def many(self, tmp_path):
        return run_of(tmp_path / "many", [row(f"swing-{number}") for number in range(10)])

    def test_plots_are_pushed_once_and_go_with_their_numbers(self, hub, push, load, name, many, tmp_path):
        plots = ["lasot/pictures/alignment.png", "lasot/pictures/grounding.png"]
        push(source=many)
        first = hub.files(name)
        assert [path for path in sorted(first) if "pictures" in path] == plots
        assert all(first[path].startswith(b"\x89PNG") and f"]({path})" in first["README.md"].decode() for path in plots)
        assert "nothing has changed" in push(source=many)["out"] and len(load()["test"]) == 10
        few = run_of(tmp_path / "few", [row("swing-1")])
        assert f"removed: {plots[0]}" in push(source=few)["out"]
        assert not any("pictures" in path for path in hub.files(name)) and "pictures" not in card_of(hub, name)[1]

    def test_frames_of_a_sequence_only_on_request_and_as_the_terms_let(self, hub, push, name, tmp_path):
        [scene] = render(tmp_path / "data", count=1, frames=3)
        run = run_of(
            tmp_path / "scenes",
            [row(scene, dataset="synthetic", boxes=[[1.0, 2.0, 30.0, 40.0]] * 3, tracking=None)],
            "synthetic",
        )
        asked = ("--picture", scene, "--root", str(tmp_path / "data"))
        push(*asked, source=run)
        kept = hub.files(name)["synthetic/pictures/sheet.png"]
        assert kept.startswith(b"\x89PNG") and "](synthetic/pictures/sheet.png)" in card_of(hub, name)[1]
        assert "sent" not in push(source=run)["out"]  # a later push keeps it
        assert hub.files(name)["synthetic/pictures/sheet.png"] == kept
        assert "--root" in push("--picture", scene, source=run, code=2)["err"]

    def test_frames_of_others_need_a_word_of_the_user(self, hub, push, run, name):
        done = push("--picture", "swing-1", "--root", "anywhere", code=2)
        assert "Terms of the frames" in done["out"] and "--i-have-the-right-to-redistribute" in done["err"]
        assert not hub.log
        assert "--root: of no use without --picture" in push("--root", "x", code=2)["err"]
