"""Arms of a comparison with models that do what the test says."""

import json

import numpy as np
import pytest

from chatdesc.backends import create
from chatdesc.config import Settings
from chatdesc.engine.models import Models
from chatdesc.evaluation.arms import ARMS, Comparison, arm_rows_in, phrases
from chatdesc.evaluation.results import ResultFolder
from chatdesc.rows.store import Store
from chatdesc.types import BackendError, ChatdescError, Embedding, Followed
from tests.makers.rows import a_row
from tests.makers.sequences import leads, sequence_of

HERE, THERE = [10, 10, 20, 20], [40, 20, 20, 20]


class Fake:
    """A tracker that stays where it started, a grounder that finds the kite there and everything else elsewhere."""

    name, max_batch, workers, threshold = "fake", 8, 1, 0.3

    def __init__(self):
        self.asked, self.followed, self.fails, self.blind = [], 0, "", False

    def describe_self(self):
        return {"name": "fake"}

    def ground(self, requests):
        self.asked += [r.text for r in requests]
        if self.blind:
            return [BackendError("no memory") for _ in requests]
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
    fake = Fake()
    verifiers = {name: create("verifier", name) for name in ("similarity", "random", "oracle")}
    models = Models(grounder=fake, tracker=fake, encoders={"attributes": fake}, verifiers=verifiers)
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
    judged = rows["kite-1"]["judged"]
    assert {name: text["iou"] for name, text in judged.items()} == {"manual": 0, "refined": 1}
    assert not judged["refined"]["truncated"]
    assert set(work.models.grounder.asked) == {"a dog", "a red kite", "sea"}


def test_a_second_time_nothing_is_left_until_a_text_changes(work):
    do(work)
    count = work.models.tracker.followed
    do(work)
    assert work.models.tracker.followed == count
    store = Store(work.run)
    store.save(store.load("kite-1") | {"text": "a kite"})
    with work.open() as kept:
        assert work.pending(kept) == ["kite-1"]


def test_an_arm_that_fails_leaves_the_others_and_is_tried_again(work):
    work.models.tracker.fails = "a dog"
    row = do(work)["kite-1"]
    assert row["problems"] == ["manual: lost"] and row["arm_problems"] == {"manual": "lost"}
    assert set(row["verified"]) == {a.name for a in ARMS} - {"manual"}
    assert not (work.place / "tracks" / "manual" / "kite-1.txt").exists()
    work.models.tracker.fails = ""
    again = do(work)["kite-1"]
    assert again["problems"] == [] and "arm_problems" not in again


def test_texts_that_could_not_be_judged_are_judged_by_the_next_call(work):
    """The tracks are those of an earlier call, so only the texts are grounded in vain."""
    rows = do(work)
    run_rows = {name: Store(work.run).load(name) for name in rows}
    work.models.grounder.blind = True
    with work.open() as store:
        store.save({key: value for key, value in rows["kite-1"].items() if key != "judged"})
        work.track(store, ["kite-1"])
        blind = store.load("kite-1")
        assert any(problem.startswith("grounding in the first frame: no memory") for problem in blind["problems"])
        assert work.pending(store) == ["kite-1"] and run_rows["kite-1"]["text"] == "a red kite"
    work.models.grounder.blind = False
    assert do(work)["kite-1"]["judged"] == rows["kite-1"]["judged"]


def test_tracks_of_an_earlier_text_do_not_stay(work):
    do(work)
    store = Store(work.run)
    store.save(store.load("kite-1") | {"manual_text": "a cat"})
    work.models.tracker.fails = "a cat"
    do(work)
    assert not (work.place / "tracks" / "manual" / "kite-1.txt").exists()
    assert (work.place / "tracks" / "refined" / "kite-1.txt").exists()


def test_a_run_of_another_version_is_refused(work):
    config = json.loads((work.run / "run.json").read_text())
    config["settings"]["shoe_size"] = 44
    (work.run / "run.json").write_text(json.dumps(config))
    with pytest.raises(ChatdescError, match="another version of chatdesc: there is no setting 'shoe_size'"):
        Comparison.create(work.run)


def test_a_run_whose_verifier_saw_the_truth_is_no_comparison(work):
    """Its arms would choose by the ground truth, too, and the manual text would look as good as the refined one."""
    config = json.loads((work.run / "run.json").read_text())
    config["settings"]["verifier"] = "oracle"
    (work.run / "run.json").write_text(json.dumps(config))
    with pytest.raises(ChatdescError, match="--verifier oracle, which looks at the ground truth"):
        Comparison.create(work.run)


def test_what_an_earlier_version_judged_is_judged_again(work):
    rows = do(work)
    with work.open() as store:
        store.save({key: value for key, value in rows["kite-1"].items() if key != "judged"})
        assert work.pending(store) == ["kite-1"]
        assert [row["judged"] for row in arm_rows_in(store, ["kite-1"])] == [{}]


def test_tracks_of_an_earlier_version_that_do_not_say_their_words_are_made_again(work):
    rows = do(work)
    texts = {"manual": "a dog", "refined": [[0, "a red kite", "sea"]]}
    with work.open() as store:
        store.save({"texts": texts} | {key: value for key, value in rows["kite-1"].items() if key != "arms"})
        assert work.pending(store) == ["kite-1"]
        assert [work.late(Store(work.run).load("kite-1"), row) for row in arm_rows_in(store, ["kite-1"])] == [
            "not tracked yet"
        ]
    assert do(work) == rows


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


def test_a_name_too_long_for_a_file_has_its_tracks_all_the_same(work):
    name = "x" * 252
    work.data[name] = sequence_of(5, HERE, name=name)
    store = Store(work.run)
    store.save(store.load("kite-1") | {"sequence": name})
    with work.open() as kept:
        work.track(kept, [name])
        assert kept.load(name)["problems"] == []
    [file] = (work.place / "tracks" / "no-text").glob("x*.txt")
    assert ResultFolder(str(file.parent)).match([name])[name].path == file.name
