"""Arms of an ablation with models that do what the test says: what is tracked, what is kept, what is tracked again."""

from dataclasses import replace

import numpy as np
import pytest

from chatdesc.backends import create
from chatdesc.config import Settings
from chatdesc.engine.models import Models
from chatdesc.evaluation.ablation_arms import Ablation, _arm_name, _specs
from chatdesc.evaluation.arm_rows import tracks_of
from chatdesc.evaluation.arm_texts import Arm
from chatdesc.rows.evidence import place_of
from chatdesc.rows.store import Store
from chatdesc.types import BackendError, ChatdescError
from tests.evaluation.test_arms import HERE, THERE, Data, Fake
from tests.makers.rows import a_row
from tests.makers.sequences import sequence_of

NAMES = ("random", "similarity", "oracle")


@pytest.fixture
def work(tmp_path):
    """A run of two sequences of five frames with a key frame in every second one, and one attribute."""
    rows = [a_row(n, "a red kite", num_frames=5, background=[], tracking=None, ranges=[]) for n in ("kite-1", "kite-2")]
    settings = Settings(ground_every=2, tracker="csrt")
    with Store.open(tmp_path / "run", {"dataset": "lasot", "settings": settings.as_dict()}) as store:
        for row in rows:
            store.save(row)
    data = Data({n: sequence_of(5, HERE, name=n) for n in ("kite-1", "kite-2")})
    data["kite-2"] = replace(data["kite-2"], attributes={"OV": True, "POC": False})
    return with_verifiers(tmp_path / "run", data, settings, NAMES)


def with_verifiers(run, data, settings, names, fake=None):
    fake, made = fake or Fake(), {name: create("verifier", name) for name in names}
    models = Models(grounder=fake, tracker=fake, encoders={"attributes": fake}, verifiers=made)
    arms = (Arm("no-text"), *(Arm(name, "refined", name) for name in names))
    return Ablation(run, data, settings, models, True, False, arms, verifiers=made)


def do(work):
    with work.open() as store:
        work.track(store, work.pending(store))
        return {row["sequence"]: row for row in store.rows(store.names())}


def files(work):
    return {arm.name: sorted(p.stem for p in tracks_of(work.place, arm.name).glob("*.txt")) for arm in work.arms}


def test_every_arm_has_its_tracks_and_every_verifier_its_key_frames(work):
    rows = do(work)
    assert files(work) == {arm.name: ["kite-1", "kite-2"] for arm in work.arms}
    assert [rows[n]["attributes"] for n in rows] == [[], ["OV"]]
    seen = list(work.key_frames(["kite-1"]))
    assert [(name, s.frame) for name, s in seen] == [("kite-1", 2), ("kite-1", 4)] * 3
    assert all(s.evidence.truth.tolist() == HERE for _, s in seen)
    assert rows["kite-1"]["verified"]["no-text"] == [None, None, None]


def test_a_second_time_nothing_is_left(work):
    do(work)
    count = work.models.tracker.followed
    do(work)
    assert work.models.tracker.followed == count


def test_a_verifier_more_is_tracked_alone(work):
    before = do(work)
    fake = Fake()
    more = with_verifiers(work.run, work.data, work.settings, (*NAMES, "raw-similarity"), fake)
    assert more.place == work.place
    after = do(more)
    assert fake.followed == 2 * 2  # one arm of two sequences, each from key frame to key frame
    assert set(after["kite-1"]["verified"]) - set(before["kite-1"]["verified"]) == {"raw-similarity"}
    fewer = with_verifiers(work.run, work.data, work.settings, NAMES)
    with fewer.open() as store:
        assert fewer.pending(store) == []


def test_another_text_takes_all_earlier_tracks_away_those_of_other_verifiers_too(work):
    more = with_verifiers(work.run, work.data, work.settings, (*NAMES, "raw-similarity"))
    do(more)
    store = Store(work.run)
    store.save(store.load("kite-1") | {"text": "a blue kite"})
    rows = do(work)
    assert "raw-similarity" not in rows["kite-1"]["verified"] and "raw-similarity" in rows["kite-2"]["verified"]
    assert files(more)["raw-similarity"] == ["kite-2"]
    assert {name for name, _ in more.key_frames(["kite-1"])} == {"kite-1"} and files(work)["oracle"] == [
        "kite-1", "kite-2",
    ]  # fmt: skip


def test_an_arm_that_fails_is_tried_again_without_the_others(work, monkeypatch):
    broken = [BackendError("no memory")]
    monkeypatch.setattr(work.verifiers["similarity"], "choose", lambda requests: broken * len(requests))
    row = do(work)["kite-1"]
    assert row["problems"] == ["similarity: no memory"] and set(row["verified"]) == {"no-text", "random", "oracle"}
    assert files(work)["similarity"] == []
    monkeypatch.undo()
    count = work.models.tracker.followed
    assert do(work)["kite-1"]["problems"] == []
    assert 0 < work.models.tracker.followed - count <= 2 * 2


def test_a_sequence_that_fails_as_a_whole_keeps_no_track(work):
    do(work)
    store = Store(work.run)
    store.save(store.load("kite-1") | {"num_frames": 3, "text": "another"})
    row = do(work)["kite-1"]
    assert "has 5 boxes, and 3 in the run" in row["problems"][0]
    assert files(work) == {arm.name: ["kite-2"] for arm in work.arms} and list(work.key_frames(["kite-1"])) == []


def test_the_choice_restarts_the_tracker(work):
    """Only a verifier that takes the other box leads the tracker astray: language finds the dog there."""
    store = Store(work.run)
    store.save(store.load("kite-1") | {"text": "a dog"})
    do(work)
    track = {arm: np.loadtxt(tracks_of(work.place, arm) / "kite-1.txt", delimiter=",") for arm in ("no-text", *NAMES)}
    assert track["oracle"].tolist() == track["no-text"].tolist() == [HERE] * 5
    assert THERE in track["random"].tolist() or THERE in track["similarity"].tolist()


def test_who_takes_part():
    recorded = Settings(verifier="raw-similarity")
    assert _specs(["learned:/models/mine"], recorded) == [
        "random", "similarity", "learned:/models/mine", "raw-similarity", "oracle",
    ]  # fmt: skip
    own = Settings(verifier="learned:mine")  # as a run records a local folder
    assert _specs(["learned:/models/mine"], own) == ["random", "similarity", "learned:/models/mine", "oracle"]
    for spec in ("oracle", "random"):
        with pytest.raises(ChatdescError, match=f"--verifier {spec}: takes part in any case"):
            _specs([spec], recorded)
    assert _specs(["similarity"], Settings(verifier="oracle")) == ["random", "similarity", "oracle"]


def test_other_weights_are_another_arm():
    class Weighed:
        def __init__(self, weights):
            self.weights = weights

        def describe_self(self):
            return {"name": "learned:mine", "weights": self.weights}

    one, same, other = (_arm_name("learned:/me/mine", Weighed(w)) for w in ("a", "a", "b"))
    assert one == same != other and one.startswith("learned:mine ")
    assert _arm_name("similarity", create("verifier", "similarity")) == "similarity"


def test_an_arm_whose_evidence_is_gone_is_tracked_again(work):
    do(work)
    place_of(work._beside("oracle"), "kite-1").unlink()
    again = with_verifiers(work.run, work.data, work.settings, NAMES, fake := Fake())
    do(again)
    assert fake.followed == 2  # one arm of one sequence, from key frame to key frame
    assert len(list(again.key_frames(["kite-1"]))) == 6
