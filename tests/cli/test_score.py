"""``chatdesc score`` on a small run."""

import csv
import json
import shutil

import pytest

from chatdesc.loaders import load
from chatdesc.rows.store import Store
from tests.makers.commands import call, fails


def rows_of(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


NO_ANSWER = {"problems": ["describe: no answer"], "alignment": []}


def test_several_runs_in_one_table(real, tmp_path):
    other = tmp_path / "other"
    with Store.open(other, json.loads((real / "run" / "run.json").read_text()) | {"dataset": "tnl2k"}) as store:
        for row in Store(real / "run").rows(Store(real / "run").names()):
            store.save(row | {"dataset": "tnl2k", "text": "green dog"})
    done = call("score", real / "run", "--run", other, "--out", tmp_path)
    assert done.exit_code == 0, done.output
    with open(tmp_path / "alignment.csv", newline="") as file:
        assert [row["dataset"] for row in csv.DictReader(file)] == ["synthetic"] * 2 + ["tnl2k"] * 2
    with open(tmp_path / "text_statistics.csv", newline="") as file:
        same = {r["dataset"]: r["refined"] for r in csv.DictReader(file) if r["measure"] == "same as another's"}
    assert same["tnl2k"] == "1.0"


def test_a_sequence_counts_once(real):
    run = real / "run"
    assert f"{run} is named twice" in fails("score", run, "--run", run)


def test_runs_of_the_same_sequences_have_a_column_each(real, tmp_path):
    """Two describers on one dataset: one table, in which each has the numbers of its own run."""
    run, other = real / "run", tmp_path / "other"
    shutil.copytree(run, other)
    store = Store(other)
    for row in store.rows(store.names()):
        store.save(row | {"alignment": [row["alignment"][0] | {"refined": row["alignment"][0]["manual"] + 5}]})
    done = call("score", run, "--run", other, "--out", tmp_path, columns=80)
    assert done.exit_code == 0, done.output
    cosine = rows_of(tmp_path / "alignment.csv")[0]
    call("score", run, "--out", tmp_path / "alone")
    alone = rows_of(tmp_path / "alone" / "alignment.csv")[0]
    assert (cosine["manual"], cosine["run"]) == (alone["manual"], alone["refined"])
    gaps = [row for row in rows_of(tmp_path / "differences.csv") if row["measure"] == "cosine"]
    assert {row["source"]: float(row["difference"]) for row in gaps} == pytest.approx(
        {"run": float(alone["difference"]), "other": 5.0}
    )
    assert "as the runs recorded them" in done.output.replace("\n", " ")


@pytest.mark.parametrize(("status", "code"), [("describe_failed", 1), ("missing_text", 0)])
def test_a_row_that_failed_is_no_success(real, tmp_path, status, code):
    shutil.copytree(real / "run", tmp_path / "run")
    config = json.loads((tmp_path / "run" / "run.json").read_text())
    with Store.open(tmp_path / "run", config) as store:
        first = store.load(store.names()[0])
        store.save(first | {"text": None, "alignment": [], "status": status, "problems": ["why"]})
    done = call("score", tmp_path / "run", "--out", tmp_path)
    assert (done.exit_code, f"{first['sequence']}: left out: why" in done.output) == (code, True)


def test_scores_are_of_the_sequences_asked_for(real, tmp_path):
    run, names = real / "run", load("synthetic", real / "data").names
    anew = [real / "data", "--encoder", "attributes"]
    for options in ([], anew):
        for which in (["--sequences", names[1]], ["--limit", "1"]):
            done = call("score", run, *options, *which, "--out", tmp_path)
            assert done.exit_code == 0, done.output
            with open(tmp_path / "alignment.csv", newline="") as file:
                assert {row["sequences"] for row in csv.DictReader(file)} == {"1"}
        assert "has no sequence 'zzz'" in fails("score", run, *options, "--sequences", "zzz")
        assert "it has: test" in fails("score", run, *options, "--split", "train")


def test_options_that_take_no_part_are_refused(real):
    run = real / "run"
    for given in ([real / "data"], ["--grounder", "none"], ["--alignment-frames", "2"], ["--device", "cpu"]):
        assert "of no use where a run's recorded numbers" in fails("score", run, *given)
    assert "--device: of no use" in fails("score", run, "--device", "auto")  # given, though it is the default
    assert "--sequences: of no use with --run" in fails("score", run, "--run", run, "--sequences", "a")
    assert "to score a dataset: chatdesc score NAME ROOT" in fails("score", "lasot")
    assert "other encoders and texts need the frames" in fails("score", run, "--encoder", "attributes")


def test_what_the_terminal_shows(real, tmp_path):
    done = call("score", real / "run", "--out", tmp_path)
    assert done.exit_code == 0, done.output
    assert "alignment of texts and targets, cosine x 100" in done.output and "texts of synthetic" in done.output
    names = ["alignment.csv", "alignment.md", "text_statistics.csv", "text_statistics.md"]
    assert [line for line in done.output.splitlines() if line.startswith("written")] == [
        f"written: {tmp_path / name}" for name in names
    ]
    [line] = [x for x in (tmp_path / "alignment.md").read_text().splitlines() if "cosine" in x]
    with open(tmp_path / "alignment.csv", newline="") as file:
        cosine = next(csv.DictReader(file))
    assert f"| {float(cosine['manual']):.2f} | {float(cosine['refined']):.2f} |" in line
    both = call("score", real / "run", real / "data", "--encoder", "attributes", "--run", twin(real, tmp_path))
    assert "--encoder is for" in both.output


def twin(real, folder):
    """The same run of a dataset of another name."""
    config = json.loads((real / "run" / "run.json").read_text())
    with Store.open(folder / "twin", config | {"dataset": "tnl2k"}) as store:
        for row in Store(real / "run").rows(Store(real / "run").names()):
            store.save(row | {"dataset": "tnl2k"})
    return store.root


def test_a_place_that_cannot_be_written_to_is_said_before_any_work(real, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    (tmp_path / "taken" / "alignment.csv").mkdir(parents=True)
    assert "cannot be written" in fails("score", real / "run", "--out", tmp_path / "taken")
    monkeypatch.setattr("chatdesc.rows.selection.Selection.of", lambda *_: pytest.fail("work was begun"))
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        assert f"{place}: cannot be written" in fails("score", real / "run", "--out", place)


def test_tables_of_a_part_do_not_take_the_place_of_the_whole_runs(real, tmp_path, monkeypatch):
    shutil.copytree(real / "run", tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    for options, place in (([], tmp_path / "run"), (["--limit", "1"], tmp_path)):
        assert call("score", tmp_path / "run", *options).exit_code == 0
        table = (place / "alignment.csv").read_bytes()
        assert table and (place == tmp_path) == (table != (tmp_path / "run" / "alignment.csv").read_bytes())


def test_what_cannot_be_scored_is_said(real, tmp_path):
    shutil.copytree(real / "run", tmp_path / "run")
    store = Store(tmp_path / "run")
    first, _ = store.names()
    store.save(store.load(first) | {"text": None, "status": "describe_failed"} | NO_ANSWER)
    store.save(store.load(first) | {"sequence": "elsewhere-1"})
    for options in ([real / "data", "--encoder", "attributes"], []):
        done = call("score", store.root, *options)
        assert done.exit_code == 1, done.output
        assert f"{first}: left out: describe: no answer" in done.output + done.stderr
        assert ("does not hold 1 of the run's 3 sequences: elsewhere-1" in done.output) == bool(options)


def test_a_sequence_that_cannot_be_read_is_said(real, tmp_path):
    shutil.copytree(real / "data", tmp_path / "data")
    first = load("synthetic", tmp_path / "data").names[0]
    for picture in (tmp_path / "data").rglob(f"{first}/img/*"):
        picture.unlink()
    done = call("score", "synthetic", tmp_path / "data", "--out", tmp_path)
    assert done.exit_code == 1 and f"{first}: left out: " in done.output + done.stderr, done.output


@pytest.fixture
def mine(real, tmp_path):
    """A file with a text for one of the two sequences."""
    first, _ = load("synthetic", real / "data").names
    (tmp_path / "mine.json").write_text(json.dumps({first: "a thing"}))
    return tmp_path / "mine.json"


def test_named_texts_have_a_column_each(real, mine, tmp_path):
    asked = ["--texts", f"mine={mine}", "--texts", f"run={real / 'run'}"]
    done = call("score", "synthetic", real / "data", *asked, "--out", tmp_path, columns=80)
    assert done.exit_code == 0, done.output
    tables = {name: rows_of(tmp_path / f"{name}.csv") for name in ("alignment", "grounding", "text_statistics")}
    for table in tables.values():
        assert {"manual", "mine", "run"} <= set(table[0]) and "refined" not in table[0]
        assert {row["n"] for row in table} <= {"0", "1"}  # what all three have
    gaps = rows_of(tmp_path / "differences.csv")
    assert {(row["source"], row["baseline"], row["pairs"]) for row in gaps} >= {
        ("mine", "manual", "1"),
        ("run", "manual", "2"),
    }
    assert "few have a text of" not in done.output and "mine: no text for 1 sequence of 2" in done.output
    against = call("score", "synthetic", real / "data", *asked, "--baseline", "run", "--out", tmp_path)
    assert "gain over run" in against.output
    assert {row["baseline"] for row in rows_of(tmp_path / "differences.csv")} == {"run"}


def test_a_run_and_named_texts_beside_it(real, mine, tmp_path):
    done = call("score", real / "run", real / "data", "--texts", f"mine={mine}", "--out", tmp_path)
    assert done.exit_code == 0, done.output
    [*before, last] = list(rows_of(tmp_path / "alignment.csv")[0])
    assert (before[-2:], last) == (["manual", "mine"], "refined")
    assert "1 sequence of 2 left out: no named source has a text of them" in done.output


def test_wrong_names_are_said(real, mine, tmp_path):
    data, run = real / "data", real / "run"
    said = {
        ("--texts", f"a={mine}", "--texts", f"a={mine}"): "two sources are called 'a'",
        ("--texts", f"refined={mine}"): "'refined' is the name of a column already",
        ("--texts", f"={mine}"): "no name for a column",
        ("--texts", str(mine)): "does not say both a name and a source",
        ("--texts", f"a={tmp_path / 'none.json'}"): "none.json",
        ("--texts", f"a={mine}", "--baseline", "b"): "--baseline b: is none of the sources: manual, a",
        ("--texts", f"a={mine}", "--run", str(run)): "--run: of no use with --texts: name each run there",
        ("--baseline", "manual"): "--baseline: of no use without --texts",
    }
    for options, message in said.items():
        assert message in fails("score", "synthetic", data, *options), options
    (tmp_path / "other.json").write_text('{"zebra-1": "a zebra"}')
    assert "no sequence here has a text in a" in fails("score", run, data, "--texts", f"a={tmp_path / 'other.json'}")
    assert "need the frames: chatdesc score RUN ROOT" in fails("score", run, "--texts", f"a={mine}")
