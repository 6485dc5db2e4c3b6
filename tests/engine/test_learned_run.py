"""What a verifier says of itself, as of its weights, stands in the rows and may not change within the folder."""

import json
import shutil

import pytest

import chatdesc
from chatdesc.evaluation.arms import Comparison
from chatdesc.loaders import load
from chatdesc.rows.store import Store, read_config
from chatdesc.synthetic import render
from tests.makers.commands import call, fails
from tests.makers.recorded import recorded_run

pytestmark = pytest.mark.usefixtures("windows_for_proposals")

OPTIONS = ("--tracker", "kcf", "--ground-every", "2", "--rounds", "0", "--alignment-frames", "1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Data, and two verifiers of the same kind with other weights."""
    folder = tmp_path_factory.mktemp("learned")
    render(folder / "data", count=2, frames=6, seed=1)
    recorded = recorded_run(folder / "recorded", count=6)
    for seed, name in enumerate(("mine", "other")):
        chatdesc.train_verifier([recorded], folder / name, epochs=1, seed=seed)
    return folder


@pytest.fixture(scope="module")
def given(folder):
    return ("annotate", "synthetic", folder / "data", "--out", folder / "run", *OPTIONS)


@pytest.fixture(scope="module")
def row(folder, given):
    done = call(*given, "--limit", "1", "--verifier", f"learned:{folder / 'mine'}")
    assert done.exit_code == 0 and "must not be published" not in done.output, done.output
    store = Store(folder / "run")
    return store.load(store.names()[0])


def test_a_row_says_which_weights_chose_and_no_place(folder, row):
    made = json.loads(row["provenance"]["verifier"])
    assert made["name"] == "learned:mine" and len(made) > 1
    assert str(folder) not in json.dumps(row)
    assert row["tracking"]["verifier"] == "learned:mine"
    assert "name learned:mine" in chatdesc.show(folder / "run", row["sequence"])


def test_other_weights_under_the_same_name_are_refused(folder, given, row, tmp_path):
    shutil.copytree(folder / "other", tmp_path / "mine")
    assert "backends.verifier" in fails(*given, "--verifier", f"learned:{tmp_path / 'mine'}")
    shutil.copytree(folder / "mine", tmp_path / "again" / "mine")
    done = call(*given, "--verifier", f"learned:{tmp_path / 'again' / 'mine'}")  # the same, moved
    assert done.exit_code == 0 and len(Store(folder / "run").names()) == 2


@pytest.mark.parametrize(("options", "said"), [(OPTIONS, '{"name": "similarity"}'), (("--tracker", "none"), "none")])
def test_a_verifier_without_weights_stands_there_like_every_model(folder, tmp_path, options, said):
    assert call("annotate", "synthetic", folder / "data", "--out", tmp_path, *options, "--limit", "1").exit_code == 0
    [row] = Store(tmp_path).rows(Store(tmp_path).names())
    assert row["provenance"]["verifier"] == said == read_config(tmp_path)["backends"]["verifier"]


def test_a_comparison_takes_the_runs_own_tracks_only_where_the_weights_are_the_same(folder, row, tmp_path):
    data = load("synthetic", folder / "data")
    shutil.copytree(folder / "other", tmp_path / "mine")
    for place, same in ((folder / "mine", True), (tmp_path / "mine", False)):
        assert Comparison.create(folder / "run", data, verifier=f"learned:{place}").reuse == same
