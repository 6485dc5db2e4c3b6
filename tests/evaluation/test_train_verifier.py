"""A verifier trained on recorded evidence: its files; the same weights again, also after a stop; wrong input."""

import json

import pytest

import chatdesc
from chatdesc.backends import create
from chatdesc.rows.evidence import evidence_of
from chatdesc.rows.store import Store
from chatdesc.types import ChatdescError, Verify
from chatdesc.verification.figures import Judged
from tests.makers.commands import call, fails
from tests.makers.recorded import recorded_run

FILES = ["README.md", "config.json", "model.safetensors", "training.json"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return recorded_run(tmp_path_factory.mktemp("recorded") / "run", count=40)


@pytest.fixture(scope="module")
def trained(run, tmp_path_factory):
    return chatdesc.train_verifier([run], tmp_path_factory.mktemp("trained") / "verifier", epochs=6)


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """A run for all that is not about what is learned."""
    return recorded_run(tmp_path_factory.mktemp("few") / "run", count=10, key_frames=6)


@pytest.fixture(scope="module")
def quick(few, tmp_path_factory):
    return chatdesc.train_verifier([few], tmp_path_factory.mktemp("quick") / "verifier", epochs=4)


def weights(folder):
    return (folder / "model.safetensors").read_bytes()


def test_it_learns_what_the_evidence_shows(trained, tmp_path):
    """On a run that it has not seen, through the backend that a command would name."""
    verifier = create("verifier", f"learned:{trained.out}")
    fresh = recorded_run(tmp_path, count=10, seed=9)
    evidence = [s.evidence for _, seen in evidence_of(fresh, [f"kite-{k}" for k in range(10)]) for s in seen]
    judged = Judged.of(evidence, verifier.choose([Verify("learned", e) for e in evidence]))
    assert judged.share() > 0.8 and judged.none_auc() > 0.9


def test_the_folder_holds_a_model_of_the_hub_and_what_it_was_made_from(trained, run):
    assert sorted(p.name for p in trained.out.iterdir()) == FILES
    made = json.loads((trained.out / "training.json").read_text())
    assert made["runs"][0]["sequences"] == 40 and made["plan"]["kind"] == "set" and made["best"] == trained.best
    config = json.loads((trained.out / "config.json").read_text())
    assert config["kind"] == "set" and config["features"] == made["features"]
    assert len(weights(trained.out)) < 200_000
    card = (trained.out / "README.md").read_text()
    train, checked = trained.sequences
    assert f"{train} sequences were learned from, {checked} others" in card and "| lasot | 40 | 480 |" in card
    assert f"| **{trained.best}** |" in card and "| similarity | - |" in card and "## Licence" in card
    assert str(run.parent) not in card + json.dumps(made)


def test_the_table_has_all_epochs_and_the_training_free_verifier(trained):
    *epochs, free = trained.records()
    assert [row["epoch"] for row in epochs] == list(range(1, len(epochs) + 1)) and free["epoch"] == "similarity"
    assert [row["epoch"] for row in epochs if row["kept"]] == [trained.best]
    assert trained.table().columns == ["epoch", "loss", "share", "lost", "none_auc", "calibration", "kept"]


def test_the_same_runs_and_seed_give_the_same_weights(quick, few, tmp_path):
    same = chatdesc.train_verifier([few], tmp_path / "same", epochs=4)
    other = chatdesc.train_verifier([few], tmp_path / "other", epochs=4, seed=1)
    assert weights(same.out) == weights(quick.out) != weights(other.out)
    assert same.epochs == quick.epochs


def test_stopped_after_two_epochs_it_goes_on_to_the_same_weights(quick, few, tmp_path):
    def stop(done, total, note):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        chatdesc.train_verifier([few], tmp_path / "v", epochs=4, progress=stop)
    assert not (tmp_path / "v" / "model.safetensors").exists()
    told = []
    again = chatdesc.train_verifier([few], tmp_path / "v", epochs=4, progress=lambda done, total, _: told.append(done))
    assert told[1] == 3 and sorted(p.name for p in again.out.iterdir()) == FILES
    assert weights(again.out) == weights(quick.out)


def test_two_do_not_train_in_one_folder(few, tmp_path):
    refused = []

    def another(done, total, note):
        with pytest.raises(ChatdescError, match="another chatdesc is at work in"):
            chatdesc.train_verifier([few], tmp_path / "v", epochs=1)
        refused.append(done)

    first = chatdesc.train_verifier([few], tmp_path / "v", epochs=1, progress=another)
    assert refused == [0, 1] and sorted(p.name for p in first.out.iterdir()) == FILES


def test_a_finished_verifier_is_not_trained_again(quick, few):
    before = {path.name: path.stat().st_mtime_ns for path in quick.out.iterdir()}
    assert chatdesc.train_verifier([few], quick.out, epochs=4, progress=lambda *_: pytest.fail("trained")) == quick
    assert {path.name: path.stat().st_mtime_ns for path in quick.out.iterdir()} == before


@pytest.mark.parametrize("change", [{"kind": "linear"}, {"epochs": 3}, {"seed": 5}, {"validation": 0.5}])
def test_another_configuration_in_the_same_folder_is_refused(quick, few, change):
    with pytest.raises(ChatdescError, match="made with another configuration"):
        chatdesc.train_verifier([few], quick.out, **{"epochs": 4} | change)


def test_other_evidence_or_features_in_the_same_folder_are_refused(quick, few, tmp_path, monkeypatch):
    with pytest.raises(ChatdescError, match="made with another configuration"):
        chatdesc.train_verifier([recorded_run(tmp_path, count=10, key_frames=6, seed=1)], quick.out, epochs=4)
    monkeypatch.setattr("chatdesc.evaluation.train_verifier.NAMES", ("shoe_size",))
    with pytest.raises(ChatdescError, match="features: was"):
        chatdesc.train_verifier([few], quick.out, epochs=4)


def test_a_folder_of_something_else_is_left_alone(few, tmp_path):
    (tmp_path / "letters").write_text("dear")
    with pytest.raises(ChatdescError, match="no empty folder and no verifier"):
        chatdesc.train_verifier([few], tmp_path)
    (tmp_path / "letters").rename(tmp_path / "training.json")
    with pytest.raises(ChatdescError, match=r"training\.json: cannot be read back"):
        chatdesc.train_verifier([few], tmp_path)


def test_a_damaged_state_is_named_with_the_remedy(few, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        chatdesc.train_verifier([few], tmp_path / "v", progress=stop_at_once)
    (tmp_path / "v" / "state.safetensors").write_bytes(b"half of it")
    with pytest.raises(ChatdescError, match=r"state\.safetensors: cannot be read back .*remove it"):
        chatdesc.train_verifier([few], tmp_path / "v")


def stop_at_once(done, total, note):
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"kind": "deep"}, "--kind is one of set, linear"),
        ({"epochs": 0}, "--epochs must be at least 1"),
        ({"validation": 1.0}, "--validation is a share"),
        ({"runs": []}, "one or more runs"),
        ({"runs": "run"}, "as a list"),
        ({"seed": -1}, "--seed must be from 0 to 4294967295, not -1"),
        ({"seed": 2**64}, "--seed must be from 0"),
    ],
)
def test_values_out_of_range_are_refused(run, tmp_path, values, said):
    with pytest.raises(ChatdescError, match=said):
        chatdesc.train_verifier(**{"runs": [run], "out": tmp_path / "v"} | values)
    assert not (tmp_path / "v").exists()


def test_the_command(run, tmp_path):
    done = call("train-verifier", run, "--out", tmp_path / "v", "--kind", "linear", "--epochs", "2", columns=80)
    assert done.exit_code == 0, done.output
    assert f"--verifier learned:{tmp_path / 'v'}" in done.output and "similarity" in done.output
    assert max(map(len, done.output.splitlines()[:-1])) <= 80
    assert "the validation rests on" in done.output
    assert "is no run of chatdesc" in fails("train-verifier", tmp_path, "--out", tmp_path / "w")


def test_a_stopped_command_says_how_to_go_on(run, tmp_path, monkeypatch):
    def stopped(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("chatdesc.api.train_verifier", stopped)
    done = call("train-verifier", run, "--out", tmp_path / "v")
    assert done.exit_code == 130 and "the same command goes on from here" in done.output


def test_a_run_that_is_named_twice_is_refused(run, tmp_path):
    with pytest.raises(ChatdescError, match="named twice"):
        chatdesc.train_verifier([run, f"{run}/../{run.name}"], tmp_path / "v")


def test_sequences_whose_first_box_alone_is_known_are_named(tmp_path):
    store = Store(recorded_run(tmp_path / "run"))
    store.save(store.load("kite-1") | {"boxes": [[1, 2, 3, 4], [float("nan")] * 4]})
    done = chatdesc.train_verifier([tmp_path / "run"], tmp_path / "v", epochs=1)
    assert sum(done.sequences) == 7
    assert "1 sequence has a first box alone, and took no part: kite-1" in done.notes
