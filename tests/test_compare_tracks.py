"""Arms of a comparison with models that do what the test says, and the command on a small run."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from chatdesc.cli import app
from chatdesc.compare_tracks import ARMS, Comparison, phrases
from chatdesc.config import Resources, Settings
from chatdesc.loaders import load
from chatdesc.run import Run
from chatdesc.store import Store
from chatdesc.synthetic import render
from chatdesc.types import BackendError, ChatdescError, Embedding, Followed, FrameCache
from tests.makers import leads, sequence_of
from tests.test_report import a_row

HERE, THERE = [10, 10, 20, 20], [40, 20, 20, 20]


class Models:
    """A tracker that stays where it started, a grounder that finds the kite there and everything else elsewhere."""

    name, max_batch, workers, threshold = "fake", 8, 1, 0.3

    def __init__(self):
        self.asked, self.followed, self.fails = [], 0, ""

    def describe_self(self):
        return {"name": "fake"}

    def ground(self, requests):
        self.asked += [r.text for r in requests]
        return [leads(r.text, (r.text.split()[-1], HERE if "kite" in r.text else THERE, 0.9)) for r in requests]

    def follow(self, requests):
        self.followed += len(requests)
        return [self._follow(r) for r in requests]

    def _follow(self, request):
        if request.text == self.fails and self.fails:
            return BackendError("lost")
        box = np.float32(request.init if request.init is not None else request.session)
        count = request.stop - request.start
        return Followed(np.tile(box, (count, 1)), np.ones(count, np.float32), box)

    def embed(self, requests):
        ones = lambda n: np.tile(np.float32([[1, 0]]), (n, 1))  # noqa: E731
        return [Embedding(ones(len(r.crops)), ones(len(r.texts)), np.zeros(len(r.texts), bool)) for r in requests]


class Data(dict):
    names = property(lambda self: list(self))


@pytest.fixture
def work(tmp_path):
    """A run of two sequences: one with a manual text, one without."""
    rows = [a_row(n, "a red kite", manual_text=m, num_frames=5, background=["sea"], tracking=None, ranges=[])
            for n, m in (("kite-1", "a dog"), ("kite-2", None))]  # fmt: skip
    settings = Settings(ground_every=2, tracker="csrt")
    with Store.open(tmp_path / "run", {"dataset": "lasot", "settings": settings.as_dict()}) as store:
        for row in rows:
            store.save(row)
    data = Data({row["sequence"]: sequence_of(5, HERE, name=row["sequence"]) for row in rows})
    fake = Models()
    models = {"grounder": fake, "tracker": fake, "encoder": fake}
    return Comparison(tmp_path / "run", data, settings, models, selecting=True)


def do(work):
    with work.open() as store:
        work.track(store, work.pending(store))
        return {row["sequence"]: row for row in store.rows(store.names())}


def test_every_arm_has_its_tracks(work):
    rows = do(work)
    files = {arm.name: sorted(p.stem for p in (work.place / "tracks" / arm.name).glob("*")) for arm in ARMS}
    both = ["kite-1", "kite-2"]
    assert files == {a.name: ["kite-1"] if a.words == "manual" else both for a in ARMS}
    lines = (work.place / "tracks" / "no-text" / "kite-1.txt").read_text().splitlines()
    assert lines == ["10,10,20,20"] * 5
    assert rows["kite-1"]["verified"]["no-text"] == [None, None, None]  # without a text nothing is grounded
    assert rows["kite-1"]["verified"]["refined"][2] == 1
    assert rows["kite-1"]["grounding"] == {"manual": 0, "refined": 1}
    assert set(work.models["grounder"].asked) == {"a dog", "a red kite", "sea"}


def test_a_second_time_nothing_is_left_until_a_text_changes(work):
    do(work)
    count = work.models["tracker"].followed
    do(work)
    assert work.models["tracker"].followed == count
    store = Store(work.run)
    store.save(store.load("kite-1") | {"text": "a kite"})
    with work.open() as kept:
        assert work.pending(kept) == ["kite-1"]


def test_an_arm_that_fails_leaves_the_others_and_is_tried_again(work):
    work.models["tracker"].fails = "a dog"
    row = do(work)["kite-1"]
    assert row["problems"] == ["manual: lost"] and set(row["verified"]) == {a.name for a in ARMS} - {"manual"}
    assert not (work.place / "tracks" / "manual" / "kite-1.txt").exists()
    work.models["tracker"].fails = ""
    assert do(work)["kite-1"]["problems"] == []


def test_tracks_of_an_earlier_text_do_not_stay(work):
    do(work)
    store = Store(work.run)
    store.save(store.load("kite-1") | {"manual_text": "a cat"})
    work.models["tracker"].fails = "a cat"
    do(work)
    assert not (work.place / "tracks" / "manual" / "kite-1.txt").exists()
    assert (work.place / "tracks" / "refined" / "kite-1.txt").exists()


def test_a_run_of_another_version_is_refused(work):
    config = json.loads((work.run / "run.json").read_text())
    config["settings"]["shoe_size"] = 44
    (work.run / "run.json").write_text(json.dumps(config))
    with pytest.raises(ChatdescError, match="another version of chatdesc: there is no setting 'shoe_size'"):
        Comparison.create(work.run)


def test_other_data_under_the_same_name_is_no_result(work):
    work.data["kite-1"] = sequence_of(3, HERE, name="kite-1")
    row = do(work)["kite-1"]
    assert "has 3 boxes, and 5 in the run" in row["problems"][0] and not row["verified"]


def test_tracks_of_the_run_itself_are_taken_where_the_models_are_the_same(work):
    store = Store(work.run)
    made = {"boxes": [[1.5, 2, 3, 4]] * 5, "chosen_iou": 0.1, "random_iou": 0.2, "oracle_iou": 0.3}
    store.save(store.load("kite-1") | {"tracking": made})
    work.reuse = True
    rows = do(work)
    tracks = {arm.name: (work.place / "tracks" / arm.name / "kite-1.txt").read_text() for arm in ARMS}
    assert rows["kite-1"]["verified"]["refined"] == [0.1, 0.2, 0.3]
    assert [name for name, text in tracks.items() if text == "1.5,2,3,4\n" * 5] == ["refined"]


def test_both_texts_get_the_same_background():
    span = {"text": "kite", "background": ["sea"], "start": 0}
    row = a_row(manual_text="a  dog\n", ranges=[span, span | {"start": 10, "text": "red kite", "background": ["sky"]}])
    assert [(p.start, p.text, p.background) for p in phrases(row, "manual")] == [
        (0, "a dog", ("sea",)), (10, "a dog", ("sky",)),
    ]  # fmt: skip
    assert [p.text for p in phrases(row, "refined")] == ["kite", "red kite"]
    assert [p.text for p in phrases(row, "")] == [""]


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """Two rendered sequences, annotated without tracking."""
    root = tmp_path_factory.mktemp("compare")
    render(root / "data", count=2, frames=4, seed=3)
    settings = Settings(tracker="none", alignment_frames=1, rounds=1, ground_every=2)
    run = Run.create(load("synthetic", root / "data", cache=FrameCache(8)), root / "run", settings, Resources())
    with Store.open(run.out, run.config()) as store:
        run.annotate(store)
    return root


def call(*arguments):
    return CliRunner().invoke(app, ["compare", *map(str, arguments)], env={"COLUMNS": "200"})


def test_the_command(real, tmp_path):
    done = call(real / "run", real / "data", "--tracker", "kcf", "--out", tmp_path)
    assert done.exit_code == 0, done.output
    assert "synthetic, protocol lasot" in done.output and "attributes (chose the texts)" in done.output
    assert "--judge with another grounder is independent" in done.output
    with open(tmp_path / "compare.csv", newline="") as file:
        rows = {row["arm"]: row for row in csv.DictReader(file)}
    assert list(rows) == [arm.name for arm in ARMS] and {row["sequences"] for row in rows.values()} == {"2"}
    assert (tmp_path / "compare_differences.md").exists() and (tmp_path / "compare_judges.csv").exists()
    one = call(real / "run", real / "data", "--tracker", "kcf", "--limit", 1)
    assert one.exit_code == 0 and " 1 " in next(x for x in one.output.splitlines() if "no-text" in x)
    again = call(real / "run", "--tracker", "kcf")  # no frames are needed to look again
    assert again.exit_code == 0 and "refined-oracle" in again.output


def test_what_is_missing_is_said(real):
    def fails(*arguments):
        done = call(*arguments)
        assert isinstance(done.exception, ChatdescError), done.output
        return str(done.exception)

    assert "name one, for instance --tracker csrt" in fails(real / "run", real / "data")
    assert f"chatdesc compare {real / 'run'} ROOT" in fails(real / "run", "--tracker", "mil")


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


def test_another_trackers_results(real, tmp_path):
    tracks = real / "run" / "compare"
    if not tracks.exists():
        call(real / "run", real / "data", "--tracker", "kcf")
    place = next(tracks.iterdir()) / "tracks"
    done = call(real / "run", "--results", f"{place / 'manual'}=manual", "--results", f"{place / 'refined'}=refined")
    assert done.exit_code == 0, done.output
    assert "there is no arm without a text" in done.output and "external" in done.output
    done = call(
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


def test_several_runs_in_one_table(real, tmp_path):
    other = tmp_path / "other"
    with Store.open(other, json.loads((real / "run" / "run.json").read_text()) | {"dataset": "tnl2k"}) as store:
        for row in Store(real / "run").rows(Store(real / "run").names()):
            store.save(row | {"dataset": "tnl2k", "text": "green dog"})
    done = CliRunner().invoke(app, ["score", str(real / "run"), "--run", str(other), "--out", str(tmp_path)])
    assert done.exit_code == 0, done.output
    with open(tmp_path / "alignment.csv", newline="") as file:
        assert [row["dataset"] for row in csv.DictReader(file)] == ["synthetic"] * 2 + ["tnl2k"] * 2
    with open(tmp_path / "text_statistics.csv", newline="") as file:
        same = {r["dataset"]: r["refined"] for r in csv.DictReader(file) if r["measure"] == "same as another's"}
    assert same["tnl2k"] == "1.0"


class Looking(Models):
    """An encoder that decodes the frames that it is asked about."""

    def embed(self, requests):
        for request in requests:
            for crop in request.crops:
                crop.frame.image()
        return super().embed(requests)


def test_frames_are_decoded_once_for_all_encoders_and_texts(real, monkeypatch):
    """Also where the cache was smaller than what all sequences in flight look at."""
    from chatdesc import scoring
    from chatdesc.types import Frames

    decoded, real_decode = [], Frames._decode
    monkeypatch.setattr(Frames, "_decode", lambda self, i: decoded.append((self.key, i)) or real_decode(self, i))
    monkeypatch.setattr(scoring, "create", lambda role, spec, **_: Looking())
    data = load("synthetic", real / "data", cache=FrameCache(1))
    rows = scoring.of_run(real / "run", data, ("a", "b", "c"), "none", frames=4)
    assert [len(row["alignment"]) for row in rows] == [3, 3]
    assert len(decoded) == len(set(decoded)) == 2 * 4
