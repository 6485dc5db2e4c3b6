"""``chatdesc compare`` on a small run."""

import csv
import json
import shutil
import sys
from dataclasses import replace

import pytest

from chatdesc.evaluation.arms import ARMS, Comparison
from chatdesc.loaders import load
from chatdesc.rows.store import Store
from tests.makers.commands import call, fails
from tests.makers.rows import a_row


@pytest.fixture
def tables_alone(monkeypatch):
    """No plots, which take seconds: another test has them."""
    monkeypatch.setattr("chatdesc.reports.compare.can_draw", lambda: False)


def test_the_command(real, tmp_path, monkeypatch):
    monkeypatch.setattr("chatdesc.drawing.figures.KINDS", ("svg",))  # the others take seconds; test_plots has them
    done = call("compare", real / "run", real / "data", "--tracker", "kcf", "--out", tmp_path)
    assert done.exit_code == 0, done.output
    assert "synthetic, protocol lasot, grounder attributes (chose" in done.output
    assert "--judge with another grounder is independent" in done.output
    with open(tmp_path / "compare.csv", newline="") as file:
        rows = {row["arm"]: row for row in csv.DictReader(file)}
    assert list(rows) == [arm.name for arm in ARMS] and {row["sequences"] for row in rows.values()} == {"2/2"}
    assert (tmp_path / "compare_differences.md").exists() and (tmp_path / "compare_judges.csv").exists()
    plots = ("success", "precision", "norm_precision", "differences", "by_category", "by_sequence")
    assert {f"compare_{plot}.svg" for plot in plots} == {path.name for path in tmp_path.glob("*.svg")}
    assert all(f"{arm} [" in (tmp_path / "compare_success.svg").read_text() for arm in rows)
    with open(tmp_path / "compare_sequences.csv", newline="") as file:
        assert {row["sequence"] for row in csv.DictReader(file)} == set(Store(real / "run").names())
    one = call("compare", real / "run", real / "data", "--tracker", "kcf", "--limit", 1)
    assert one.exit_code == 0 and " 1/1 " in next(x for x in one.output.splitlines() if "no-text" in x)
    again = call("compare", real / "run", "--tracker", "kcf")  # no frames are needed to look again
    assert again.exit_code == 0 and "refined-oracle" in again.output


def test_without_matplotlib_there_are_tables_and_a_remedy(real, kcf, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    done = call("compare", real / "run", *kcf, "--out", tmp_path)
    assert done.exit_code == 0 and "pip install 'chatdesc[plots]'" in done.output
    assert {path.suffix for path in tmp_path.iterdir()} == {".csv", ".md"}


def test_what_is_missing_is_said(real):
    assert "name one, for instance --tracker csrt" in fails("compare", real / "run", real / "data")
    assert f"chatdesc compare {real / 'run'} ROOT" in fails("compare", real / "run", "--tracker", "mil")


def test_only_the_sequences_asked_for_count(real, kcf):
    run, (first, second) = real / "run", load("synthetic", real / "data").names
    for options in (["--tracker", "kcf"], kcf, [real / "data", "--tracker", "kcf"]):
        for which in (["--sequences", second], ["--limit", "1"]):
            done = call("compare", run, *options, *which)
            assert done.exit_code == 0 and " 1/1 " in done.output, done.output
        assert "has no sequence 'zzz'" in fails("compare", run, *options, "--sequences", "zzz")
        assert "split 'train'; it has: test" in fails("compare", run, *options, "--split", "train")
    (real / "list.txt").write_text(f"{first}\nelsewhere\n")
    done = call("compare", run, *kcf, "--split-file", real / "list.txt")
    assert done.exit_code == 0 and " 1/1 " in done.output


@pytest.mark.parametrize("option", ["--judge", "--tracker", "--encoder", "--device", "--sequences-in-flight"])
def test_with_results_no_model_takes_part(real, kcf, option):
    value = "4" if option.endswith("flight") else "cpu"
    assert (
        fails("compare", real / "run", option, value, *kcf) == f"{option}: of no use where --results brings the tracks"
    )


@pytest.mark.usefixtures("tables_alone")
def test_with_results_a_root_tells_the_attributes(real, kcf, tmp_path):
    shutil.copytree(real / "data", tmp_path / "data")
    first, _ = load("synthetic", real / "data").names
    [folder] = (tmp_path / "data").rglob(first)
    (folder / "att.toolkit.txt").write_text("0,1,0,0,0,0,0,0,0,0,0,0,0,0")
    for root, kinds in (([tmp_path / "data"], {"attribute", "category"}), ([], {"category"})):
        done = call("compare", real / "run", *root, *kcf, "--out", tmp_path / "out")
        assert done.exit_code == 0, done.output
        with open(tmp_path / "out" / "compare_groups.csv", newline="") as file:
            groups = list(csv.DictReader(file))
        assert {row["kind"] for row in groups} == kinds
    assert {row["pairs"] for row in groups} <= {"1", "2"}


def test_what_cannot_take_part_is_refused(real):
    run, data = real / "run", real / "data"
    assert "--device: of no use without ROOT" in fails("compare", run, "--device", "auto")  # the default, but given
    assert "no protocol 'x'" in fails("compare", run, data, "--tracker", "kcf", "--protocol", "x")


def test_a_root_that_is_not_the_runs_is_said(real, tmp_path):
    other = real / "run" / "empty"
    with Store.open(other, json.loads((real / "run" / "run.json").read_text())):
        assert "has no finished sequence yet; run `chatdesc annotate`" in fails("compare", other, real / "data")
    with Store.open(tmp_path / "run", json.loads((real / "run" / "run.json").read_text())) as store:
        store.save(a_row("elsewhere-1", split="test"))
        assert "holds no sequence of" in fails("compare", store.root, real / "data", "--tracker", "kcf")
        first = load("synthetic", real / "data").names[0]
        store.save(a_row(first, split="test"))
        named = ("--sequences", f"{first},elsewhere-1")
        assert "there is no sequence 'elsewhere-1'" in fails(
            "compare", store.root, real / "data", "--tracker", "kcf", *named
        )


def test_sequences_without_tracks_of_their_texts_are_said(real, kcf, tmp_path):
    shutil.copytree(real / "run", tmp_path / "run")
    store = Store(tmp_path / "run")
    first, second = store.names()
    place = Comparison.create(tmp_path / "run", tracker="kcf").place
    Store(place).path(second).unlink()
    done = call("compare", tmp_path / "run", "--tracker", "kcf")
    assert " 1/2 " in done.output and f"1 of 2 sequences was not tracked yet and is left out: {second};" in done.output
    store.save(store.load(first) | {"text": "another"})
    assert "1 of 2 sequences was tracked with other texts" in fails("compare", tmp_path / "run", "--tracker", "kcf")


def test_a_sequence_without_a_manual_text_says_so(real, kcf, tmp_path):
    shutil.copytree(real / "run", tmp_path / "run")
    store = Store(tmp_path / "run")
    store.save(store.load(store.names()[0]) | {"manual_text": None})
    done = call("compare", tmp_path / "run", real / "data", "--tracker", "kcf")
    assert f"{store.names()[0]}: manual: it has no manual text" in done.output and " 1/2 " in done.output
    one = call("compare", tmp_path / "run", "--tracker", "kcf", "--sequences", store.names()[0])
    assert "the arm manual has no result" in one.output and " 0/1 " in one.output and " 1/1 " in one.output


def test_a_judge_is_another_grounder(real):
    recorded = json.loads((real / "run" / "run.json").read_text())["settings"]
    own = Comparison.create(real / "run", judge="attributes", tracker="kcf")
    other = Comparison.create(real / "run", judge="owlv2:/models/owl", tracker="kcf")
    assert (own.selecting, other.selecting) == (True, False)
    assert own.place.name.startswith("attributes-") and other.place.name.startswith("owlv2-")
    assert recorded["grounder"] == "attributes" and own.place != other.place
    threshold = replace(own.settings, box_threshold=0.2).as_dict()
    (real / "other").mkdir()
    (real / "other" / "run.json").write_text(json.dumps({"settings": threshold}))
    assert Comparison.create(real / "other", judge="owlv2:x").settings.box_threshold is None
    assert Comparison.create(real / "other").settings.box_threshold == 0.2


@pytest.mark.usefixtures("tables_alone")
def test_another_trackers_results(real, tmp_path):
    tracks = real / "run" / "compare"
    if not tracks.exists():
        call("compare", real / "run", real / "data", "--tracker", "kcf")
    place = next(tracks.iterdir()) / "tracks"
    done = call(
        "compare", real / "run", "--results", f"{place / 'manual'}=manual", "--results", f"{place / 'refined'}=refined"
    )
    assert done.exit_code == 0, done.output
    assert "warning: there is no arm without a text" in done.output and "--results DIR=no-text" in done.output
    [row] = [line for line in done.output.splitlines() if "no-text  " in line]
    assert row.split() == ["no-text", "0/2", "-", "-", "-", "-"] and "external" in done.output
    done = call(
        "compare",
        real / "run",
        *(x for a in ("manual", "refined", "no-text") for x in ("--results", f"{place / a}={a}")),
        "--out",
        tmp_path,
    )
    assert done.exit_code == 0 and "there is no arm" not in done.output
    with open(tmp_path / "compare_differences.csv", newline="") as file:
        assert [(r["before"], r["after"]) for r in csv.DictReader(file)][::3] == [
            ("no-text", "manual"), ("no-text", "refined"), ("manual", "refined"),
        ]  # fmt: skip


def test_a_place_that_cannot_be_written_to_is_said_before_any_work(real, kcf, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    (tmp_path / "taken" / "compare.csv").mkdir(parents=True)
    assert "cannot be written" in fails("compare", real / "run", *kcf, "--out", tmp_path / "taken")
    monkeypatch.setattr("chatdesc.rows.selection.Selection.of", lambda *_: pytest.fail("work was begun"))
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        assert f"{place}: cannot be written" in fails("compare", real / "run", *kcf, "--out", place)


def test_a_sequence_with_a_problem_is_named_and_the_exit_code_says_so(real, tmp_path):
    shutil.copytree(real / "run", tmp_path / "run", ignore=shutil.ignore_patterns("compare"))
    store = Store(tmp_path / "run")
    first, second = store.names()
    store.save(store.load(first) | {"num_frames": 3})
    done = call("compare", store.root, real / "data", "--tracker", "kcf")
    problem = "DataError: has 4 boxes, and 3 in the run: not the same data"
    assert done.exit_code == 1 and done.output.strip().startswith(f"{first}: {problem}\n")
    again = call("compare", store.root, "--tracker", "kcf")
    assert again.exit_code == 1 and "were tracked with other texts" not in again.output
    assert f"{first}: {problem}" in again.output and second not in again.output


def test_what_was_finished_is_named_where_the_work_is_stopped(real, tmp_path, monkeypatch):
    shutil.copytree(real / "run", tmp_path / "run", ignore=shutil.ignore_patterns("compare"))

    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(Comparison, "track", stop)
    done = call("compare", tmp_path / "run", real / "data", "--tracker", "kcf")
    place = Comparison.create(tmp_path / "run", tracker="kcf").place
    assert done.exit_code != 0 and f"Finished sequences are in {place}" in done.output


@pytest.mark.usefixtures("tables_alone")
def test_the_grounder_that_chose_the_texts_is_labelled_in_files(real, kcf, tmp_path):
    assert call("compare", real / "run", "--tracker", "kcf", "--out", tmp_path / "own").exit_code == 0
    assert call("compare", real / "run", *kcf, "--out", tmp_path / "brought").exit_code == 0
    grounders = {}
    for place in ("own", "brought"):
        with open(tmp_path / place / "compare.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        assert list(rows[0]) == ["arm", "grounder", "protocol", "sequences", "AUC", "P", "PNorm", "OP50", "notes"]
        grounders[place] = {row["arm"]: row["grounder"] for row in rows}
    assert (grounders["own"]["no-text"], grounders["own"]["refined"]) == ("-", "attributes (chose the texts)")
    assert grounders["brought"]["refined"] == "external"
