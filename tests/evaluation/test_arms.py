"""Arms of a comparison with models that do what the test says, and the command on a small run."""

import csv
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from chatdesc.cli.main import app
from chatdesc.config import Resources, Settings
from chatdesc.engine.run import Run
from chatdesc.evaluation.arms import ARMS, Comparison, phrases
from chatdesc.loaders import load
from chatdesc.rows.store import Store
from chatdesc.synthetic import render
from chatdesc.types import BackendError, ChatdescError, Embedding, Followed, FrameCache
from tests.makers.sequences import leads, sequence_of
from tests.reports.test_summary import a_row

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


def fails(*arguments, command="compare"):
    done = CliRunner().invoke(app, [command, *map(str, arguments)])
    assert isinstance(done.exception, ChatdescError), done.output
    return str(done.exception)


def call(*arguments):
    return CliRunner().invoke(app, ["compare", *map(str, arguments)], env={"COLUMNS": "200"})


def test_the_command(real, tmp_path):
    done = call(real / "run", real / "data", "--tracker", "kcf", "--out", tmp_path)
    assert done.exit_code == 0, done.output
    assert "synthetic, protocol lasot, grounder attributes (chose" in done.output
    assert "--judge with another grounder is independent" in done.output
    with open(tmp_path / "compare.csv", newline="") as file:
        rows = {row["arm"]: row for row in csv.DictReader(file)}
    assert list(rows) == [arm.name for arm in ARMS] and {row["sequences"] for row in rows.values()} == {"2/2"}
    assert (tmp_path / "compare_differences.md").exists() and (tmp_path / "compare_judges.csv").exists()
    one = call(real / "run", real / "data", "--tracker", "kcf", "--limit", 1)
    assert one.exit_code == 0 and " 1/1 " in next(x for x in one.output.splitlines() if "no-text" in x)
    again = call(real / "run", "--tracker", "kcf")  # no frames are needed to look again
    assert again.exit_code == 0 and "refined-oracle" in again.output


def test_what_is_missing_is_said(real):
    assert "name one, for instance --tracker csrt" in fails(real / "run", real / "data")
    assert f"chatdesc compare {real / 'run'} ROOT" in fails(real / "run", "--tracker", "mil")


@pytest.fixture
def kcf(real):
    """The tracks of both sequences by KCF; what brings them as results of another tracker."""
    done = call(real / "run", real / "data", "--tracker", "kcf")
    assert done.exit_code == 0, done.output
    place = Comparison.create(real / "run", tracker="kcf").place / "tracks"
    return [x for arm in ("manual", "refined") for x in ("--results", f"{place / arm}={arm}")]


def test_only_the_sequences_asked_for_count(real, kcf):
    run, (first, second) = real / "run", load("synthetic", real / "data").names
    for options in (["--tracker", "kcf"], kcf, [real / "data", "--tracker", "kcf"]):
        for which in (["--sequences", second], ["--limit", "1"]):
            done = call(run, *options, *which)
            assert done.exit_code == 0 and " 1/1 " in done.output, done.output
        assert "has no sequence 'zzz'" in fails(run, *options, "--sequences", "zzz")
        assert "split 'train'; it has: test" in fails(run, *options, "--split", "train")
    (real / "list.txt").write_text(f"{first}\nelsewhere\n")
    done = call(run, *kcf, "--split-file", real / "list.txt")
    assert done.exit_code == 0 and " 1/1 " in done.output


@pytest.mark.parametrize("option", ["ROOT", "--judge", "--tracker", "--encoder", "--device", "--sequences-in-flight"])
def test_with_results_no_model_takes_part(real, kcf, option):
    value = "4" if option.endswith("flight") else "cpu"
    given = [real / "data"] if option == "ROOT" else [option, value]
    assert fails(real / "run", *given, *kcf) == f"{option}: of no use where --results brings the tracks"


def test_what_cannot_take_part_is_refused(real, tmp_path):
    run, data = real / "run", real / "data"
    assert "--device: of no use without ROOT" in fails(run, "--device", "cpu")
    for given in ([data], ["--grounder", "none"], ["--alignment-frames", "2"], ["--device", "cpu"]):
        assert "of no use where a run's recorded numbers" in fails(run, *given, command="score")
    assert "--sequences: of no use with --run" in fails(run, "--run", run, "--sequences", "a", command="score")
    assert "no protocol 'x'" in fails(run, data, "--tracker", "kcf", "--protocol", "x")


def test_a_root_that_is_not_the_runs_is_said(real, tmp_path):
    other = real / "run" / "empty"
    with Store.open(other, json.loads((real / "run" / "run.json").read_text())):
        assert "has no finished sequence yet; run `chatdesc annotate`" in fails(other, real / "data")
    with Store.open(tmp_path / "run", json.loads((real / "run" / "run.json").read_text())) as store:
        store.save(a_row("elsewhere-1", split="test"))
        assert "holds none of the 1 sequences" in fails(store.root, real / "data", "--tracker", "kcf")
        first = load("synthetic", real / "data").names[0]
        store.save(a_row(first, split="test"))
        named = ("--sequences", f"{first},elsewhere-1")
        assert "there is no sequence 'elsewhere-1'" in fails(store.root, real / "data", "--tracker", "kcf", *named)


def test_sequences_without_tracks_of_their_texts_are_said(real, kcf, tmp_path):
    shutil.copytree(real / "run", tmp_path / "run")
    store = Store(tmp_path / "run")
    first, second = store.names()
    place = Comparison.create(tmp_path / "run", tracker="kcf").place
    Store(place).path(second).unlink()
    done = call(tmp_path / "run", "--tracker", "kcf")
    assert (
        " 1/2 " in done.output and f"1 of 2 sequences were not tracked yet and are left out: {second};" in done.output
    )
    store.save(store.load(first) | {"text": "another"})
    assert "1 of 2 sequences were tracked with other texts" in fails(tmp_path / "run", "--tracker", "kcf")


def test_a_sequence_without_a_manual_text_says_so(real, kcf, tmp_path):
    shutil.copytree(real / "run", tmp_path / "run")
    store = Store(tmp_path / "run")
    store.save(store.load(store.names()[0]) | {"manual_text": None})
    done = call(tmp_path / "run", real / "data", "--tracker", "kcf")
    assert f"{store.names()[0]}: manual: it has no manual text" in done.output and " 1/2 " in done.output
    one = call(tmp_path / "run", "--tracker", "kcf", "--sequences", store.names()[0])
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


def test_another_trackers_results(real, tmp_path):
    tracks = real / "run" / "compare"
    if not tracks.exists():
        call(real / "run", real / "data", "--tracker", "kcf")
    place = next(tracks.iterdir()) / "tracks"
    done = call(real / "run", "--results", f"{place / 'manual'}=manual", "--results", f"{place / 'refined'}=refined")
    assert done.exit_code == 0, done.output
    assert "warning: there is no arm without a text" in done.output and "--results DIR=no-text" in done.output
    [row] = [line for line in done.output.splitlines() if "no-text  " in line]
    assert row.split() == ["no-text", "0/2", "-", "-", "-", "-"] and "external" in done.output
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


def test_a_sequence_counts_once(real, tmp_path):
    run = real / "run"
    both = fails(run, "--run", run, command="score")
    assert f"{run} and {run} both hold" in both and "leave one of them out" in both
    assert "both hold" in fails("synthetic", real / "data", "--run", run, command="score")


def test_scores_are_of_the_sequences_asked_for(real, tmp_path):
    run, names = real / "run", load("synthetic", real / "data").names
    anew = [real / "data", "--encoder", "attributes"]
    for options in ([], anew):
        for which in (["--sequences", names[1]], ["--limit", "1"]):
            arguments = ["score", run, *options, *which, "--out", tmp_path]
            done = CliRunner().invoke(app, [*map(str, arguments)])
            assert done.exit_code == 0, done.output
            with open(tmp_path / "alignment.csv", newline="") as file:
                assert {row["sequences"] for row in csv.DictReader(file)} == {"1"}
        assert "has no sequence 'zzz'" in fails(run, *options, "--sequences", "zzz", command="score")
        assert "it has: test" in fails(run, *options, "--split", "train", command="score")


def test_tables_of_a_part_do_not_take_the_place_of_the_whole_runs(real, tmp_path, monkeypatch):
    shutil.copytree(real / "run", tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    for options, place in (([], tmp_path / "run"), (["--limit", "1"], tmp_path)):
        assert CliRunner().invoke(app, ["score", str(tmp_path / "run"), *options]).exit_code == 0
        table = (place / "alignment.csv").read_bytes()
        assert table and (place == tmp_path) == (table != (tmp_path / "run" / "alignment.csv").read_bytes())


def test_what_cannot_be_scored_is_said(real, tmp_path):
    shutil.copytree(real / "run", tmp_path / "run")
    store = Store(tmp_path / "run")
    first, _ = store.names()
    store.save(store.load(first) | {"text": None, "problems": ["describe: no answer"], "alignment": []})
    store.save(store.load(first) | {"sequence": "elsewhere-1"})
    for options in ([real / "data", "--encoder", "attributes"], []):
        done = CliRunner().invoke(app, ["score", str(store.root), *map(str, options)])
        assert done.exit_code == 0, done.output
        assert f"{first}: left out: describe: no answer" in done.output + done.stderr
        assert ("does not hold 1 of the run's 3 sequences: elsewhere-1" in done.output) == bool(options)


def test_a_sequence_that_cannot_be_read_is_said(real, tmp_path):
    shutil.copytree(real / "data", tmp_path / "data")
    first = load("synthetic", tmp_path / "data").names[0]
    for picture in (tmp_path / "data").rglob(f"{first}/img/*"):
        picture.unlink()
    done = CliRunner().invoke(app, ["score", "synthetic", str(tmp_path / "data"), "--out", str(tmp_path)])
    assert done.exit_code == 0 and f"{first}: left out: " in done.output + done.stderr, done.output


@pytest.mark.parametrize("command", ["score", "compare"])
def test_a_place_that_cannot_be_written_to_is_said_before_any_work(real, kcf, tmp_path, monkeypatch, command):
    (tmp_path / "file").write_text("")
    (tmp_path / "taken" / ("alignment.csv" if command == "score" else "compare.csv")).mkdir(parents=True)
    options = kcf if command == "compare" else []
    says = "cannot be written"
    assert says in fails(real / "run", *options, "--out", tmp_path / "taken", command=command)
    monkeypatch.setattr("chatdesc.rows.selection.Selection.of", lambda *_: pytest.fail("work was begun"))
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        assert f"{place}: {says}" in fails(real / "run", *options, "--out", place, command=command)


class Looking(Models):
    """An encoder that decodes the frames that it is asked about."""

    def embed(self, requests):
        for request in requests:
            for crop in request.crops:
                crop.frame.image()
        return super().embed(requests)


def test_frames_are_decoded_once_for_all_encoders_and_texts(real, monkeypatch):
    """Also where the cache was smaller than what all sequences in flight look at."""
    from chatdesc.evaluation import alignment as scoring
    from chatdesc.types import Frames

    decoded, real_decode = [], Frames._decode
    monkeypatch.setattr(Frames, "_decode", lambda self, i: decoded.append((self.key, i)) or real_decode(self, i))
    monkeypatch.setattr(scoring, "create", lambda role, spec, **_: Looking())
    data = load("synthetic", real / "data", cache=FrameCache(1))
    rows = scoring.of_run(real / "run", data, ("a", "b", "c"), "none", frames=4)
    assert [len(row["alignment"]) for row in rows] == [3, 3]
    assert len(decoded) == len(set(decoded)) == 2 * 4
