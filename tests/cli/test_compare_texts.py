"""``chatdesc compare --texts``: with a run, and without one."""

import csv
import json
import shutil
import sys

import pytest

import chatdesc
from chatdesc.loaders import load
from chatdesc.rows.store import Store
from tests.makers.commands import call, fails


@pytest.fixture(autouse=True)
def tables_alone(monkeypatch):
    """No plots, which take seconds: another test has them."""
    monkeypatch.setattr("chatdesc.reports.compare.can_draw", lambda: False)


@pytest.fixture
def sources(real, tmp_path):
    """Two files of texts, the second without the second sequence."""
    first, second = load("synthetic", real / "data").names
    (tmp_path / "a.json").write_text(json.dumps({first: "a large red circle", second: "a star"}))
    (tmp_path / "b.json").write_text(json.dumps({first: ["a red circle", "circle"], "elsewhere-1": "x"}))
    return [f"a={tmp_path / 'a.json'}", f"b={tmp_path / 'b.json'}"]


def rows_of(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_texts_of_others_are_arms_with_their_differences(real, sources, tmp_path):
    shutil.copytree(real / "run", tmp_path / "run", ignore=shutil.ignore_patterns("compare"))
    command = ("compare", tmp_path / "run", real / "data", "--tracker", "kcf", "--texts", sources[0], "--arms", "all")
    done = call(*command, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    arms = {row["arm"]: row for row in rows_of(tmp_path / "out" / "compare.csv")}
    assert list(arms) == [
        "no-text", "shuffled-other-class", "shuffled-same-class", "manual", "a", "refined", "refined-random",
        "refined-oracle", "oracle-words",
    ]  # fmt: skip
    against = rows_of(tmp_path / "out" / "compare_baseline.csv")
    assert {row["baseline"] for row in against} == {"manual"} and {row["frames"] for row in against} >= {"all"}
    assert "arms against manual, all frames" in done.output
    texts = [row for row in rows_of(tmp_path / "out" / "compare_texts.csv") if row["arm"] == "a"]
    assert [row["text"] for row in texts] == ["a large red circle", "a star"]
    shuffled = [row for row in rows_of(tmp_path / "out" / "compare_texts.csv") if row["arm"].startswith("shuffled")]
    assert shuffled and all(row["text of"] not in ("", row["sequence"]) for row in shuffled)
    look = ("compare", tmp_path / "run", "--tracker", "kcf", "--texts", sources[0], "--baseline", "a")
    again = call(*look)  # without ROOT nothing is tracked
    assert again.exit_code == 0 and "arms against a, all frames" in " ".join(again.output.split()), again.output
    assert "2 of 2 sequences were tracked with other texts" in fails(*look, "--arms", "all")  # a's texts are shuffled


def test_what_cannot_be_compared_is_refused_before_any_work(real, sources, monkeypatch):
    monkeypatch.setattr("chatdesc.evaluation.arms.Comparison.track", lambda *_: pytest.fail("work was begun"))
    run, data = real / "run", real / "data"
    assert "--arms zzz: is none of" in fails("compare", run, data, "--tracker", "kcf", "--arms", "zzz")
    assert "--baseline zzz: is none of the arms" in fails("compare", run, data, "--tracker", "kcf", "--baseline", "zzz")
    assert "--preset: of no use with a run" in fails("compare", run, data, "--preset", "offline")
    assert "--arms: of no use with --ablate" in fails("compare", run, data, "--ablate", "verification", "--arms", "all")
    alone = fails("compare", "synthetic", data, "--texts", sources[0])
    assert "chatdesc compare synthetic ROOT --texts NAME=SOURCE --out DIR" in alone


def test_texts_are_compared_without_a_run(real, sources, tmp_path):
    out = tmp_path / "texts"
    command = ["compare", "synthetic", real / "data", "--tracker", "kcf", "--out", out]
    for source in sources:
        command += ["--texts", source]
    done = call(*command)
    assert done.exit_code == 0, done.output
    second = load("synthetic", real / "data").names[1]
    assert f"{second}: b: it has no b text" in done.output and "b: no text for 1 sequence of 2" in done.output
    arms = {row["arm"]: row["sequences"] for row in rows_of(out / "compare.csv")}
    assert arms == dict.fromkeys(["no-text", "manual", "a", "b"], "1/2")
    assert not (out / "compare_judges.csv").exists()
    again = chatdesc.compare(
        "synthetic", real / "data", texts=sources[:1], tracker="kcf", out=out, progress=lambda *_: pytest.fail("again")
    )
    assert [row["sequences"] for row in again.arms] == ["2/2"] * 3 and again.baseline == "manual"
    assert again.grounder.selector is False and again.judges == []
    assert (
        again.against == chatdesc.compare("synthetic", real / "data", texts=sources[:1], tracker="kcf", out=out).against
    )


def test_the_selection_decides_no_shuffled_text(real, tmp_path, sources):
    """With one sequence or all of them, the text comes from the same one of all of the run."""
    shutil.copytree(real / "run", tmp_path / "run", ignore=shutil.ignore_patterns("compare"))
    options = {"tracker": "kcf", "arms": "no-text,manual,shuffled-other-class,shuffled-same-class"}
    name = Store(tmp_path / "run").names()[0]
    alone = chatdesc.compare(tmp_path / "run", real / "data", sequences=name, **options)
    whole = chatdesc.compare(tmp_path / "run", real / "data", **options)

    def donors(found):
        return {row["arm"]: row["text of"] for row in found.texts if row["sequence"] == name}

    assert donors(alone) == donors(whole) and any(donors(whole).values())


def test_ctrl_c_and_the_same_command_go_on(real, sources, tmp_path, monkeypatch):
    from chatdesc.evaluation.arms import Comparison

    out, finished = tmp_path / "texts", []
    track = Comparison.track

    def stopped(self, store, names, on_row, in_flight):
        def first(row):
            on_row(row)
            finished.append(row["sequence"])
            raise KeyboardInterrupt

        track(self, store, names, first, in_flight)

    command = ["compare", "synthetic", real / "data", "--tracker", "kcf", "--texts", sources[0], "--out", out]
    monkeypatch.setattr(Comparison, "track", stopped)
    broken = call(*command)
    assert broken.exit_code == 130 and "the same command continues" in broken.output
    monkeypatch.setattr(Comparison, "track", track)
    counted = []
    monkeypatch.setattr(
        Comparison, "job", lambda self, name, job=Comparison.job: counted.append(name) or job(self, name)
    )
    assert call(*command).exit_code == 0
    assert len(finished) == 1 and set(counted) == set(load("synthetic", real / "data").names) - set(finished)


LISTENER = """
import sys
for line in sys.stdin:
    word, _, rest = line.strip().partition(" ")
    if word == "start":
        box = rest.partition(" ")[0]
    elif word == "frame":
        print(box, flush=True)
    elif word == "text":
        print(rest, file=open(sys.argv[1], "a"))
    else:
        break
"""


@pytest.mark.parametrize("kind", ["external-text", "external"])
def test_the_table_says_what_a_tracker_in_its_own_process_was_told(real, sources, tmp_path, kind):
    script, heard, out = tmp_path / "tracker.py", tmp_path / "heard", tmp_path / "out"
    script.write_text(LISTENER)
    tracker = f"{kind}:{sys.executable} -S {script} {heard}"
    done = call("compare", "synthetic", real / "data", "--tracker", tracker, "--texts", sources[0], "--out", out)
    assert done.exit_code == 0, done.output
    given = {(row["sequence"], row["arm"]): row for row in rows_of(out / "compare_texts.csv")}
    for (_, arm), row in given.items():
        told = kind == "external-text" and arm != "no-text"
        assert row["tracker was given"] == (row["text"] if told else "") and row["from frame"] == ("1" if told else "")
    words = set(heard.read_text().splitlines()) if heard.exists() else set()
    assert words == {row["tracker was given"] for row in given.values()} - {""}
