"""``chatdesc apply``: decisions become rows and a patch; sources stay as they are; nothing is applied unseen."""

import json
import shlex
import shutil
import subprocess
from itertools import count

import datasets
import pytest

from chatdesc import api
from chatdesc.decisions.apply import Applied
from chatdesc.decisions.decision import decision, seen
from chatdesc.decisions.journal import Journal
from chatdesc.loaders import load
from chatdesc.reports.story import story
from chatdesc.rows.check import unfit
from chatdesc.rows.store import Store
from chatdesc.synthetic import render
from tests.makers import full_rows
from tests.makers.commands import call, fails

pytestmark = pytest.mark.usefixtures("windows_for_proposals")

ids = count()


def decide(run, name, verdict, reviewer="ada", **more):
    """Keep a decision about a row as the page would."""
    row = Store(run).load(name)
    needed = {"accept": {"side": "refined"}, "edit": {"text": "a blue kite"}, "flag": {"kind": "typo"}}
    record = {"id": f"d{next(ids)}", "dataset": row["dataset"], "split": row["split"], "sequence": name}
    record |= {"verdict": verdict, "seen": seen(row["manual_text"], row["text"])} | needed.get(verdict, {}) | more
    if verdict == "accept" and "text" not in more:
        record["text"] = row["manual_text"] if record["side"] == "manual" else row["text"]
    [kept] = Journal(run / "review", reviewer).add([decision(record)])
    return kept


def tree(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != ".lock"}


@pytest.fixture
def film(tmp_path):
    """A rendered dataset and rows of it, each with everything in it."""
    names = render(tmp_path / "data", count=5, frames=2, seed=0)
    data = load("synthetic", tmp_path / "data")
    with Store.open(tmp_path / "run", {"dataset": "synthetic", "settings": {}}) as store:
        for number, name in enumerate(names):
            texts = {"manual_text": data[name].manual_text, "text": f"a red kite {number}", "text_source": "refined"}
            store.save(full_rows.row(name, None, dataset="synthetic") | {"review": None} | texts)
    return tmp_path, names


def test_each_verdict_does_what_it_says(film):
    place, names = film
    for name, verdict, more in zip(
        names,
        ("accept", "accept", "edit", "reject", "flag"),
        ({}, {"side": "manual"}, {"reason": "colour"}, {"kind": "wrong_target"}, {"kind": "ambiguous"}),
        strict=True,
    ):
        decide(place / "run", name, verdict, **more)
    before = tree(place)
    done = api.apply(place / "run", place / "out", root=place / "data")
    assert {path: content for path, content in tree(place).items() if path.parts[0] != "out"} == before
    old, new = ([Store(place / part).load(name) for name in names] for part in ("run", "out"))
    assert [row["text"] for row in new] == [
        "a red kite 0", old[1]["manual_text"], "a blue kite", old[3]["manual_text"], "a red kite 4",
    ]  # fmt: skip
    assert [row["text_source"] for row in new] == ["human", "human", "human", "manual", "refined"]
    assert [row["review"]["verdict"] for row in new] == ["accept", "accept", "edit", "reject", "flag"]
    assert [row["review"]["kind"] for row in new] == [None, None, None, "wrong_target", "ambiguous"]
    assert new[2]["review"]["reason"] == "colour" and not any(unfit(row) for row in new)
    assert done.counts == {"accept": 2, "edit": 1, "reject": 1, "flag": 1} and done.rows == 5
    assert "ada" not in json.dumps(new)  # who decided stays in the journal
    published = datasets.load_dataset(str(place / "out" / "dataset"), split="full")
    assert sorted(published["text"]) == sorted(row["text"] for row in new)
    assert any("A person has accepted or written it" in line for line in story(new[2]))


def test_the_text_of_another_source_is_accepted_as_a_persons(film):
    place, (name, *_) = film
    decide(place / "run", name, "accept", side="qwen", text="the kite that Qwen sees")
    done = api.apply(place / "run", place / "out", root=place / "data")
    row = Store(place / "out").load(name)
    assert (row["text"], row["text_source"]) == ("the kite that Qwen sees", "human")
    assert (row["review"]["verdict"], row["review"]["side"]) == ("accept", "qwen")
    assert row["tracking"] is None and row["grounding"]["iou"] is None  # they were measured on another text
    assert "the kite that Qwen sees" in done.patch.read_text() and not unfit(row)
    assert any("qwen" in line for line in story(row))


def test_an_accepted_source_without_its_text_changes_nothing(film):
    place, (name, other, *_) = film
    decide(place / "run", name, "accept", side="qwen", text="")
    decide(place / "run", other, "accept")
    done = api.apply(place / "run", place / "out")
    assert {outcome.sequence: outcome.state for outcome in done.outcomes} == {name: "changed", other: "decided"}


def test_figures_of_a_text_that_no_longer_stands_are_not_kept(film):
    place, names = film
    decide(place / "run", names[0], "accept")
    decide(place / "run", names[1], "accept", side="manual")
    decide(place / "run", names[2], "edit")
    api.apply(place / "run", place / "out")
    old = Store(place / "run").load(names[0])
    kept, manual, edited = (Store(place / "out").load(name) for name in names[:3])
    for column in ("grounding", "alignment", "tracking", "ranges", "places", "scope", "status"):
        assert json.dumps(kept[column]) == json.dumps(old[column]), column
    assert manual["grounding"]["iou"] == old["grounding"]["manual_iou"] != old["grounding"]["iou"]
    assert manual["alignment"][0]["refined"] == old["alignment"][0]["manual"] != old["alignment"][0]["refined"]
    assert edited["grounding"]["iou"] is None and edited["alignment"][0]["refined"] is None
    assert edited["grounding"]["manual_iou"] == old["grounding"]["manual_iou"]
    for row in (manual, edited):
        assert (row["tracking"], row["ranges"], row["places"]) == (None, [], [])
        assert row["rounds"] and row["provenance"] and row["audit"]


def test_the_patch_does_what_write_back_does_and_is_undone_by_itself(film):
    place, names = film
    decide(place / "run", names[0], "accept")
    decide(place / "run", names[1], "edit", text="  a “kite”,\nhigh #up  ")
    decide(place / "run", names[2], "accept", side="manual")
    decide(place / "run", names[3], "reject")
    done = api.apply(place / "run", place / "out", root=place / "data")
    assert done.files == 2 and done.unwritten == {}
    before = tree(place / "data")
    subprocess.run(shlex.split(done.command), cwd="/", check=True)
    data = load("synthetic", place / "data")
    assert [data[name].manual_text.strip() for name in names[:2]] == ["a red kite 0", 'a "kite" high up']
    changed = {path for path, content in tree(place / "data").items() if content != before[path]}
    assert {path.parts[-2] for path in changed} == set(names[:2])
    written = load("synthetic", place / "data").write_back(
        [Store(place / "out").load(name) for name in names[:2]], place / "written"
    )
    assert all((place / "written" / p).read_bytes() == (place / "data" / p).read_bytes() for p in written.written)
    subprocess.run(shlex.split(done.undo), cwd="/", check=True)
    assert tree(place / "data") == before


def test_the_command_works_within_a_repository_and_in_a_folder_with_spaces(film):
    place, names = film
    (place / "a repository").mkdir()
    subprocess.run(["git", "init", "-q", str(place / "a repository")], check=True)
    root = (place / "data").rename(place / "a repository" / "the data")
    decide(place / "run", names[0], "accept")
    done = api.apply(place / "run", place / "out put", root=root)
    subprocess.run(shlex.split(done.command), cwd=place, check=True)
    assert load("synthetic", root)[names[0]].manual_text.strip() == "a red kite 0"


@pytest.mark.parametrize("content", [None, b"", b"\n", b"a kite\r\n"])
def test_a_text_file_that_is_missing_or_empty_is_made_and_unmade(film, content):
    place, names = film
    [file] = (place / "data").glob(f"*/{names[0]}/nlp.txt")
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    manual = load("synthetic", place / "data")[names[0]].manual_text
    with Store.open(place / "run", {"dataset": "synthetic", "settings": {}}) as store:
        store.save(store.load(names[0]) | {"manual_text": manual})
    decide(place / "run", names[0], "edit")
    before = tree(place / "data")
    done = api.apply(place / "run", place / "out", root=place / "data")
    subprocess.run(shlex.split(done.command), check=True)
    assert file.read_bytes() == b"a blue kite" + {b"\n": b"\n", b"a kite\r\n": b"\r\n"}.get(content, b"")
    subprocess.run(shlex.split(done.undo), check=True)
    assert tree(place / "data") == before


def test_a_file_that_has_changed_since_is_left_alone_and_named(film):
    place, names = film
    decide(place / "run", names[0], "accept")
    decide(place / "run", names[1], "accept")
    [file] = (place / "data").glob(f"*/{names[0]}/nlp.txt")
    file.write_text("somebody's own words")
    done = call("apply", place / "run", "--root", place / "data", "--out", place / "out")
    assert done.exit_code == 0 and f"not in the patch: {names[0]}: " in done.output, done.output
    assert "2 accepted" in done.output and "(1 text file)" in done.output
    assert names[0] not in (place / "out" / "texts.patch").read_text()


def test_a_long_list_of_texts_that_are_not_in_the_patch_is_cut_and_says_so(tmp_path, monkeypatch):
    done = Applied(tmp_path / "out", (), 25, unwritten={f"kite-{number}": "it is a link" for number in range(25)})
    monkeypatch.setattr(api, "apply", lambda *_, **__: done)
    said = call("apply", tmp_path / "run", "--out", tmp_path / "out").output
    assert said.count("it is a link") == 20 and "not in the patch: 5 more" in said


def test_reviewers_who_differ_leave_the_row_as_it_is(film):
    place, names = film
    decide(place / "run", names[0], "accept", "ada")
    decide(place / "run", names[0], "edit", "bob", text="a red kite 0")  # the same text
    decide(place / "run", names[1], "accept", "ada")
    decide(place / "run", names[1], "edit", "bob")
    decide(place / "run", names[2], "skip", "bob")
    decide(place / "run", names[2], "accept", "ada")
    done = call("apply", place / "run", "--out", place / "out")
    assert "1 accepted" in done.output and "1 edited" in done.output
    assert f"1 not applied ({names[1]}): reviewers do not agree" in done.output
    old, new = (Store(place / part).load(names[1]) for part in ("run", "out"))
    assert json.dumps(new, sort_keys=True) == json.dumps(old, sort_keys=True)
    texts = {}
    for option, value in (("reviewer", "ada"), ("reviewer", "bob"), ("latest", True)):
        out = place / f"out-{value}"
        api.apply(place / "run", out, **{option: value})
        texts[value] = Store(out).load(names[1])["text"]
    assert texts == {"ada": "a red kite 1", "bob": "a blue kite", True: "a blue kite"}


def test_a_row_that_has_changed_since_is_not_touched(film):
    place, names = film
    decide(place / "run", names[0], "accept")
    decide(place / "run", names[1], "flag")
    with Store.open(place / "run", {"dataset": "synthetic", "settings": {}}) as store:
        store.save(store.load(names[0]) | {"text": "another one"})
        store.path(names[1]).unlink()
    done = api.apply(place / "run", place / "out")
    assert [(o.sequence, o.state) for o in done.outcomes] == [(names[0], "changed"), (names[1], "gone")]
    new = Store(place / "out").load(names[0])
    assert (new["text"], new["review"]) == ("another one", None)
    assert [record["state"] for record in done.records()] == ["changed", "gone"]


def test_what_was_undone_is_not_applied(film):
    place, names = film
    decide(place / "run", names[0], "accept", side="manual")
    undone = decide(place / "run", names[0], "edit")
    decide(place / "run", names[0], "undo", undoes=undone.id)
    [outcome] = api.apply(place / "run", place / "out").outcomes
    assert outcome.by.side == "manual"


def test_a_dataset_folder_is_reviewed_without_its_run(film):
    place, names = film
    decide(place / "run", names[0], "edit")
    api.apply(place / "run", place / "first")
    done = api.apply(place / "first" / "dataset", place / "out", decisions=place / "run" / "review")
    assert done.counts == {"changed": 1}  # it has been applied there already
    assert not (place / "out" / "run.json").exists()
    texts = datasets.load_dataset(str(place / "out" / "dataset"), split="full")["text"]
    assert "a blue kite" in texts


def test_a_text_that_a_failure_had_left_out_makes_the_row_whole(film):
    place, names = film
    with Store.open(place / "run", {"dataset": "synthetic", "settings": {}}) as store:
        lacking = {"text": None, "text_source": None, "grounding": None, "alignment": [], "status": "describe_failed"}
        store.save(store.load(names[0]) | lacking)
    decide(place / "run", names[0], "edit")
    api.apply(place / "run", place / "out")
    row = Store(place / "out").load(names[0])
    assert (row["text"], row["status"], row["grounding"]) == ("a blue kite", "ok", None)


def test_wrong_input_is_refused_and_nothing_is_written(film):
    place, names = film
    run, out = place / "run", place / "out"
    assert "holds no decision" in fails("apply", run, "--out", out)
    decide(run, names[0], "accept")
    assert "holds no decision of 'eve'; it has those of ada" in fails("apply", run, "--out", out, "--reviewer", "eve")
    assert "lies in the dataset" in fails("apply", run, "--root", place / "data", "--out", place / "data" / "out")
    assert "exists already" in fails("apply", run, "--out", run)
    assert "--decisions DIR" in fails("apply", place / "data", "--out", out)
    assert "no such folder" in fails("apply", place / "none", "--decisions", run / "review", "--out", out)
    assert "no such folder" in fails("apply", place / "none", "--out", out)
    (run / "review" / "bob.jsonl").write_text("not json\n")
    assert "bob.jsonl: line 1" in fails("apply", run, "--out", out)
    assert not out.exists() and not list(place.glob(".out*"))


def test_a_failure_leaves_no_half_folder(film, monkeypatch):
    place, names = film
    decide(place / "run", names[0], "accept")

    def fails_late(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("chatdesc.decisions.apply.write_dataset", fails_late)
    with pytest.raises(OSError, match="No space"):
        api.apply(place / "run", place / "out")
    assert not (place / "out").exists() and not list(place.glob(".out*"))


def test_a_text_behind_a_link_is_named_and_does_not_spoil_the_patch_of_the_others(film):
    place, names = film
    for name in names:
        decide(place / "run", name, "edit")
    elsewhere = place / "elsewhere"
    (place / "data" / names[0][:-2]).rename(elsewhere)
    (place / "data" / names[0][:-2]).symlink_to(elsewhere, target_is_directory=True)
    linked = [name for name in names if name[:-2] == names[0][:-2]]
    done = api.apply(place / "run", place / "out", root=place / "data")
    assert list(done.unwritten) == linked and "write-back" in done.unwritten[names[0]]
    assert 0 < done.files == len(names) - len(linked)
    before = tree(place / "data")
    subprocess.run(shlex.split(done.command), check=True)
    assert tree(place / "data") != before
    subprocess.run(shlex.split(done.undo), check=True)
    assert tree(place / "data") == before


def test_texts_in_archives_among_folders_need_an_unpacked_copy(film):
    place, names = film
    decide(place / "run", names[0], "edit")
    group = names[0][:-2]
    shutil.make_archive(str(place / "data" / group), "zip", place / "data", group)
    shutil.move(place / "data" / group, place / "copy" / group)
    done = api.apply(place / "run", place / "out", root=place / "data")
    assert done.files == 1 and "UNPACKED_COPY" in done.command and "UNPACKED_COPY" in done.undo
    subprocess.run(shlex.split(done.command.replace("UNPACKED_COPY", str(place / "copy"))), check=True)
    assert (place / "copy" / group / names[0] / "nlp.txt").read_text() == "a blue kite"
