"""Shards of a run, and their merge."""

import json

import datasets
import pytest

import chatdesc
from chatdesc.annotation.merge import merge
from chatdesc.engine import budget
from chatdesc.rows import evidence
from chatdesc.rows.shard import FILE, Shard, keep
from chatdesc.rows.store import Store
from chatdesc.synthetic import render
from chatdesc.types import ChatdescError
from tests.makers.commands import call, fails
from tests.makers.full_rows import row

pytestmark = pytest.mark.usefixtures("windows_for_proposals")

CONFIG = {"dataset": "lasot", "settings": {"seed": 0}}
FAST = {"tracker": "none", "alignment_frames": 1, "rounds": 1}


def run(folder, *rows, config=CONFIG, shard=None, sequences=None):
    with Store.open(folder, config) as store:
        for one in rows:
            store.save(one)
    if shard:
        keep(folder, Shard.of(shard), sequences or [one["sequence"] for one in rows])
    return folder


def broken(name):
    return row(name) | {"text": None, "status": "describe_failed"}


def test_the_shards_of_a_run_merge_into_the_run_without_shards(tmp_path):
    render(tmp_path / "data", count=5, frames=3, seed=2)
    whole = chatdesc.annotate("synthetic", tmp_path / "data", tmp_path / "whole", **FAST)
    for number in (1, 2):
        chatdesc.annotate("synthetic", tmp_path / "data", tmp_path / str(number), shard=f"{number}/2", **FAST)
    done = merge([tmp_path / "2", tmp_path / "1"], tmp_path / "merged")
    assert done.sequences == 5 and not (done.twice or done.failed or done.missing or done.shards)
    one, other = (tmp_path / name / "dataset" for name in ("whole", "merged"))
    assert {path.name: path.read_bytes() for path in one.rglob("*.*")} == {
        path.name: path.read_bytes() for path in other.rglob("*.*")
    }
    assert len(datasets.load_dataset(str(other), split="test")) == len(whole.rows)


def test_what_the_shards_used_is_added_up(tmp_path):
    for number, name in enumerate("ab", 1):
        run(tmp_path / name, row(name), shard=f"{number}/2", sequences=[name])
        budget.keep(tmp_path / name, budget.Account(number, 10 * number, 5, 1.5))
    merge([tmp_path / "a", tmp_path / "b"], tmp_path / "whole")
    assert budget.kept(tmp_path / "whole") == budget.Account(3, 30, 10, 3.0)
    card = (tmp_path / "whole" / "dataset" / "README.md").read_text()
    assert "The describer needed 3 requests with 30 tokens of prompts and 10 of answers." in card


def test_missing_shards_sequences_and_failed_rows_are_named_and_nothing_is_written(tmp_path):
    runs = [
        run(tmp_path / "1", row("a-1"), shard="1/4", sequences=["a-1", "a-10", "a-9"]),
        run(tmp_path / "3", broken("a-2"), shard="3/4"),
    ]
    with pytest.raises(ChatdescError) as refused:
        merge(runs, tmp_path / "out")
    said = str(refused.value)
    assert "no run is shard 2/4, 4/4" in said and "2 sequences have no row: a-9, a-10" in said
    assert "1 sequence failed: a-2" in said and not (tmp_path / "out").exists()
    done = merge(runs, tmp_path / "out", allow_gaps=True)
    assert (done.shards, done.missing, done.failed) == (("2/4", "4/4"), ("a-9", "a-10"), ("a-2",))
    assert Store(tmp_path / "out").names() == ["a-1", "a-2"]


def test_of_two_rows_the_one_that_did_not_fail_counts(tmp_path):
    for first, second in ((broken("a"), row("a")), (row("a"), broken("a")), (row("a"), row("a"))):
        place = tmp_path / str(len(list(tmp_path.iterdir())))
        done = merge([run(place / "1", first), run(place / "2", second)], place / "out")
        assert done.twice == ("a",) and not done.failed
        assert Store(place / "out").load("a")["text"] == "red swing seat"


def test_different_rows_of_one_sequence_are_refused(tmp_path):
    runs = [run(tmp_path / "1", row("a")), run(tmp_path / "2", row("a") | {"text": "another"})]
    with pytest.raises(ChatdescError, match=r"1 sequence has another row in another run: a \("):
        merge(runs, tmp_path / "out")


def test_runs_that_do_not_belong_together_are_refused(tmp_path):
    one = run(tmp_path / "1", row("a"), shard="1/2")
    other = run(tmp_path / "2", row("b"), config=CONFIG | {"settings": {"seed": 1}})
    with pytest.raises(ChatdescError, match=r"settings\.seed: was 0, now 1"):
        merge([one, other], tmp_path / "out")
    with pytest.raises(ChatdescError, match="is named twice"):
        merge([one, tmp_path / "x" / ".." / "1"], tmp_path / "out")
    with pytest.raises(ChatdescError, match="is one of the runs"):
        merge([one], one)
    with pytest.raises(ChatdescError, match="name the runs"):
        merge([], tmp_path / "out")
    with pytest.raises(ChatdescError, match="is no run of chatdesc"):
        merge([tmp_path / "nothing"], tmp_path / "out")
    third = run(tmp_path / "3", row("c"), shard="1/3")
    with pytest.raises(ChatdescError, match="shards of different counts"):
        merge([one, third], tmp_path / "out")


def test_evidence_comes_along_and_a_second_call_writes_nothing(tmp_path, monkeypatch):
    one = run(tmp_path / "1", row("a"), row("b"))
    evidence.keep(one, "a", [])
    merge([one], tmp_path / "out")
    assert evidence.place_of(tmp_path / "out", "a").read_bytes() == evidence.place_of(one, "a").read_bytes()
    assert not evidence.place_of(tmp_path / "out", "b").exists()
    monkeypatch.setattr(Store, "save", lambda *_: pytest.fail("a row is written again"))
    merge([one], tmp_path / "out")


def test_the_commands(tmp_path):
    render(tmp_path / "data", count=2, frames=2, seed=2)
    fast = ["--tracker", "none", "--rounds", "0", "--alignment-frames", "1"]
    for number in (1, 2):
        done = call(
            "annotate", "synthetic", tmp_path / "data", "--shard", f"{number}/2", "--out", tmp_path / str(number), *fast
        )
        assert done.exit_code == 0, done.output
    assert "holds shard 1/2, not 2/2" in fails(
        "annotate", "synthetic", tmp_path / "data", "--shard", "2/2", "--out", tmp_path / "1", *fast
    )
    assert "no run is shard 2/2" in fails("merge", tmp_path / "1", "--out", tmp_path / "out")
    done = call("merge", tmp_path / "1", tmp_path / "2", "--out", tmp_path / "out")
    assert done.exit_code == 0 and "2 sequences of 2 runs" in done.output
    part = call("merge", tmp_path / "1", "--allow-gaps", "--out", tmp_path / "part")
    assert part.exit_code == 1 and "no run is shard: 2/2" in part.output


@pytest.mark.parametrize("wrong", ["", "0/2", "3/2", "1", "a/b", "1/2/3", "-1/2", "１/２"])
def test_no_shard(wrong):
    with pytest.raises(ChatdescError, match="--shard is I/N"):
        Shard.of(wrong)


def test_shards_are_all_sequences_each_once():
    names = [f"a-{number}" for number in range(11)]
    parts = [Shard(number, 4).part(names) for number in (1, 2, 3, 4)]
    assert sorted(name for part in parts for name in part) == sorted(names) and {len(part) for part in parts} == {2, 3}
    with pytest.raises(ChatdescError, match="there are only 11 sequences"):
        Shard(12, 12).part(names)


def test_a_damaged_note_of_the_shard_is_named(tmp_path):
    one = run(tmp_path / "1", row("a"), shard="1/1")
    for damaged in (
        "{",
        "[]",
        json.dumps({"shard": "1/1", "sequences": [1]}),
        json.dumps({"shard": 3, "sequences": []}),
    ):
        (one / FILE).write_text(damaged)
        with pytest.raises(ChatdescError, match=r"shard\.json: cannot be read back"):
            merge([one], tmp_path / "out")
