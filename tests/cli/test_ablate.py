"""``compare --ablate verification`` on rendered sequences: tables, files, again without the data, wrong input."""

import csv
import shutil

import pytest

import chatdesc
from chatdesc.evaluation.ablation_arms import Ablation
from chatdesc.rows.store import Store
from tests.makers.commands import call, fails
from tests.makers.recorded import recorded_run

TABLES = ["verification", "verification_choice_differences", "verification_choices", "verification_differences"]


@pytest.fixture(scope="module")
def run(real, tmp_path_factory):
    """The run of ``real``, and a verifier beside it."""
    folder = tmp_path_factory.mktemp("ablate")
    shutil.copytree(real / "run", folder / "run", ignore=shutil.ignore_patterns("compare"))
    recorded = recorded_run(folder / "recorded", count=6)
    chatdesc.train_verifier([recorded], folder / "mine", epochs=1)
    return folder / "run"


@pytest.fixture(scope="module")
def ablate(run):
    return ("--ablate", "verification", "--tracker", "kcf", "--verifier", f"learned:{run.parent / 'mine'}")


def rows_of(file):
    with open(file, newline="") as text:
        return list(csv.DictReader(text))


def test_the_tables(run, real, ablate, tmp_path):
    done = call("compare", run, real / "data", *ablate, "--out", tmp_path, columns=80)
    assert done.exit_code == 0, done.output
    *tables, last = done.output.partition(" key frames of 2 of 2 sequences")[0].splitlines()
    assert last.startswith("same proposals: ") and max(map(len, tables)) <= 80
    assert sorted(p.stem for p in tmp_path.glob("*.csv")) == TABLES == sorted(p.stem for p in tmp_path.glob("*.md"))
    arms = [row["arm"] for row in rows_of(tmp_path / "verification.csv")]
    assert [arm.partition(" ")[0] for arm in arms] == ["no-text", "random", "similarity", "learned:mine", "oracle"]
    choices = {row["verifier"]: row for row in rows_of(tmp_path / "verification_choices.csv")}
    assert list(choices) == arms[1:] and choices["oracle"]["share"] == "1.0" and choices["random"]["none_auc"] == ""
    assert len({row["key_frames"] for row in choices.values()}) == 1
    pairs = {(r["before"], r["after"].partition(" ")[0]) for r in rows_of(tmp_path / "verification_differences.csv")}
    assert pairs == {
        ("no-text", "similarity"), ("random", "similarity"),
        ("no-text", "learned:mine"), ("random", "learned:mine"), ("similarity", "learned:mine"),
    }  # fmt: skip
    again = call("compare", run, *ablate)  # no frames are needed to look again
    assert again.exit_code == 0 and "learned:mine" in again.output


def test_from_python(run, real, ablate):
    result = chatdesc.ablate_verification(run, real / "data", tracker="kcf", verifiers=[ablate[-1]], limit=1)
    assert [row["sequences"] for row in result.records()] == ["1/1"] * 5
    assert result.table().columns[:2] == ["arm", "grounder"] and not result.attributes and not result.failures


def test_attributes_have_a_table_where_the_dataset_has_them(run, real, ablate, tmp_path):
    copy = shutil.copytree(run, tmp_path / "run", ignore=shutil.ignore_patterns("compare"))
    data = shutil.copytree(real / "data", tmp_path / "data")
    name = Store(copy).names()[0]
    [folder] = (truth.parent for truth in data.rglob("groundtruth.txt") if truth.parent.name == name)
    (folder / "att.toolkit.txt").write_text("0,1" + 12 * ",0")
    done = call("compare", copy, data, *ablate, "--out", tmp_path / "tables")
    assert done.exit_code == 0 and "by attribute" in done.output, done.output
    rows = rows_of(tmp_path / "tables" / "verification_attributes.csv")
    assert {(row["attribute"], row["sequences"]) for row in rows} == {("POC", "1")} and len(rows) == 5
    assert "by attribute" in call("compare", copy, *ablate).output


def test_what_makes_no_sense_is_refused(run, real, ablate, kcf):
    data = real / "data"
    assert "--ablate is verification, not 'tracking'" in fails("compare", run, data, "--ablate", "tracking")
    assert "--verifier oracle: takes part" in fails("compare", run, data, *ablate[:4], "--verifier", "oracle")
    two = ("--verifier", "similarity", "--verifier", "raw-similarity")
    assert "several --verifier take part with --ablate" in fails("compare", run, data, *two)
    assert "no verifier is called 'similarty'" in fails("compare", run, data, *ablate[:4], "--verifier", "similarty")
    for option in (ablate[:2], ablate[4:]):
        assert fails("compare", run, *kcf, *option).startswith(f"{option[0]}: of no use where --results")
    assert "name one, for instance --tracker csrt" in fails("compare", run, data, *ablate[:2], *ablate[4:])
    mil = (*ablate[:2], "--tracker", "mil", *ablate[4:])
    assert "nothing of what is asked for was tracked yet" in fails("compare", run, *mil)
    assert "oracle looks at the ground truth" in fails("compare", run, data, "--tracker", "kcf", "--verifier", "oracle")


def test_a_run_without_key_frames_says_so(run, real, ablate, tmp_path):
    copy = shutil.copytree(run, tmp_path / "run", ignore=shutil.ignore_patterns("compare"))
    config = copy / "run.json"
    config.write_text(config.read_text().replace('"ground_every": 2', '"ground_every": 50'))
    config.write_text(config.read_text().replace('"min_score": 0.2', '"min_score": 0.0'))
    assert "no sequence has a key frame" in fails("compare", copy, real / "data", *ablate)


def test_what_was_finished_is_named_where_the_work_is_stopped(run, real, ablate, tmp_path, monkeypatch):
    copy = shutil.copytree(run, tmp_path / "run", ignore=shutil.ignore_patterns("compare"))

    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(Ablation, "track", stop)
    done = call("compare", copy, real / "data", *ablate)
    assert f"Finished sequences are in {copy / 'compare' / 'verification-attributes'}" in done.output
    assert done.exit_code != 0


def test_a_run_of_a_local_verifier_is_compared_when_its_folder_is_named(run, real, ablate, tmp_path):
    """The run has recorded the folder's last name alone."""
    copy = shutil.copytree(run, tmp_path / "run", ignore=shutil.ignore_patterns("compare"))
    config = copy / "run.json"
    config.write_text(config.read_text().replace('"verifier": "similarity"', '"verifier": "learned:mine"'))
    given = ("compare", copy, real / "data", "--tracker", "kcf")
    assert call(*given).exit_code != 0
    done = call(*given, *ablate[4:])
    assert done.exit_code == 0 and "refined-oracle" in done.output, done.output
    assert call("compare", copy, "--tracker", "kcf", *ablate[4:]).exit_code == 0
