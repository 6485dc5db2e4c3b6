"""``chatdesc.compare`` and what it reads."""

from dataclasses import replace

import numpy as np
import pytest

import chatdesc
from chatdesc.evaluation.arms import NOT_YET, OTHER_TEXTS
from chatdesc.evaluation.compare import ArmProblem, UsedGrounder
from chatdesc.evaluation.compare_input import CompareInput
from chatdesc.evaluation.comparison import compare_arms
from chatdesc.evaluation.results import ResultFolder
from chatdesc.evaluation.scored_arms import (
    ArmResults,
    external,
    never_tracked,
    problems_of,
)
from chatdesc.evaluation.similar_views import SimilarFrames, of_sequences
from chatdesc.reports.compare import write_comparison
from chatdesc.rows.selection import Selection
from chatdesc.rows.store import Store
from chatdesc.types import ChatdescError
from tests.makers.results import STILL, off_target
from tests.makers.rows import a_row
from tests.makers.sequences import sequence_of


def run_rows():
    """Three sequences of four frames; the last text is the manual one."""
    texts = {"a": "red kite", "b": "blue kite", "c": "a kite"}
    return [a_row(n, t, boxes=STILL, visible=[], num_frames=4, ranges=[]) for n, t in texts.items()]


@pytest.fixture
def run(tmp_path):
    config = {"dataset": "lasot", "settings": {"feedback": "first", "grounder": "g", "every": 0, "ground_every": 20}}
    with Store.open(tmp_path / "run", config) as store:
        for row in run_rows():
            store.save(row)
    return store.root


def test_of_a_run_the_rows_are_kept_without_their_frames(run):
    store = Store(run)
    store.save(store.load("a") | {"visible": [True, True, False, True]})
    store.save(a_row("none", None, boxes=STILL, visible=[]))
    asked = CompareInput.read(run, Selection())
    assert [row["sequence"] for row in asked.rows] == ["a", "b", "c"] and "boxes" not in asked.rows[0]
    assert asked.truths["b"].boxes.tolist() == STILL and asked.truths["b"].visible is None
    assert asked.truths["a"].visible.tolist() == [True, True, False, True]
    assert [row["sequence"] for row in CompareInput.read(run, Selection(sequences="b")).rows] == ["b"]
    with pytest.raises(ChatdescError, match="no sequence with a text yet"):
        CompareInput.read(run, Selection(sequences="none"))


def test_external_results_say_which_text_they_were_made_with(tmp_path):
    for name in ("m", "r"):
        off_target(tmp_path / name, a=0)
    m, r = tmp_path / "m", tmp_path / "r"
    assert list(external([f"{r}=refined", f"{m}=manual"])) == ["manual", "refined"]
    with pytest.raises(ChatdescError, match=r"m does not say which text.*DIR=refined"):
        external([str(m)])
    with pytest.raises(ChatdescError, match="manual is named twice"):
        external([f"{m}=manual", f"{r}=manual"])
    with pytest.raises(ChatdescError, match="with the refined text are missing: add --results DIR=refined"):
        external([f"{m}=manual"])


def test_another_trackers_results_as_a_frame(run, tmp_path, capsys):
    place = {arm: off_target(tmp_path / arm, a=n, b=n, c=n) for arm, n in (("manual", 2), ("refined", 1))}
    calls = []
    specs = [f"{path}={arm}" for arm, path in place.items()]
    result = chatdesc.compare(run, results=specs, progress=lambda *call: calls.append(call))
    assert capsys.readouterr() == ("", "") and calls == []  # nothing is tracked
    frame = result.table()
    assert frame["arm"].to_list() == ["no-text", "manual", "refined"]
    assert frame["P"].to_list() == [None, 0.5, 0.75] and frame["grounder"].to_list() == ["-", "external", "external"]
    assert list(result.to_pandas()["P"])[1:] == [0.5, 0.75]
    [gain] = [row for row in result.differences if row["measure"] == "P"]
    assert (gain["before"], gain["after"], gain["difference"]) == ("manual", "refined", 0.25)
    assert (result.dataset, result.protocol, result.tracked, result.failures) == ("lasot", "lasot", False, ())
    assert result.notes[0].startswith("warning: there is no arm without a text")


def test_arguments_that_take_no_part_are_refused(run):
    with pytest.raises(ChatdescError, match=r"^--judge: of no use where --results brings the tracks"):
        chatdesc.compare(run, "/data", judge="owlv2", results=["a=manual"])
    with pytest.raises(ChatdescError, match="--text-root: of no use without ROOT"):
        chatdesc.compare(run, text_root="/texts")


def arm_row(name, problems=(), **more):
    return {"arms": {}, "verified": {}, "judged": {}, "problems": [*problems], "sequence": name} | more


def test_problems_belong_to_arms_by_field_and_not_by_their_words():
    """A message that holds the name of another arm is not that arm's."""
    lost = arm_row("a", ["manual: refined: lost"], arm_problems={"manual": "refined: lost"})
    whole = arm_row("b", ["DataError: refined: unreadable"])
    arms = ("no-text", "manual", "refined")
    wordless = {"c": ("manual",), "a": (), "d": ("shuffled-same-class", "mine")}
    of_others = ArmResults({}, ("shuffled-same-class", "mine"), [arm_row("d")], wordless=wordless)
    assert [str(problem) for problem in problems_of(of_others)["d"]] == [
        "shuffled-same-class: no other text of its class is known", "mine: it has no mine text",
    ]  # fmt: skip
    results = ArmResults({"no-text": None}, arms, [lost, whole, arm_row("c")], wordless=wordless)
    problems = problems_of(results)
    assert problems == {
        "a": [ArmProblem("manual", "refined: lost")],
        "b": [ArmProblem("", "DataError: refined: unreadable")],
        "c": [ArmProblem("manual", "it has no manual text")],
    }
    assert never_tracked(results, problems) == [
        "the arm manual has no result, for instance: a: manual: refined: lost",
        "the arm refined has no result, for instance: no track",
    ]
    assert problems_of(ArmResults({}, ("no-text", "random"), [arm_row("c")], wordless={"c": ("manual",)})) == {}


def test_who_chose_is_no_judge(run, tmp_path):
    folders = {arm: ResultFolder(str(off_target(tmp_path / arm, a=0))) for arm in ("no-text", "manual", "refined")}
    one, other = ({"iou": iou, "top_iou": 0.5, "truncated": False} for iou in (0.25, 0.75))
    rows = [arm_row("a", judged={"manual": one, "refined": other}), *map(arm_row, "bc")]
    asked = CompareInput.read(run, Selection(sequences="a"))
    for selector, judges in ((True, ["g"]), (False, ["g", "owlv2"])):
        results = ArmResults(folders, tuple(folders), rows, UsedGrounder("owlv2", selector))
        found = compare_arms(replace(asked, notes=("first of all",)), results)
        assert [row["judge"] for row in found.judges if row["measure"] == "grounding IoU"] == judges
        assert [row["selector"] for row in found.arms] == [False, selector, selector]
        assert any("owlv2 gave the feedback" in note for note in found.notes) == selector
        assert found.notes[0] == "first of all"


def test_tracks_of_other_texts_are_left_out(run, tmp_path):
    folders = {arm: ResultFolder(str(off_target(tmp_path / arm, a=0, b=0))) for arm in ("manual", "refined")}
    late = {"a": OTHER_TEXTS, "b": NOT_YET, "c": NOT_YET}
    asked = CompareInput.read(run, Selection())
    with pytest.raises(ChatdescError, match="2 of 3 sequences were not tracked yet and are left out: b, c; chatdesc"):
        compare_arms(asked, ArmResults(folders, tuple(folders), [arm_row("a")], UsedGrounder("g"), late))
    some = ArmResults(folders, tuple(folders), [arm_row("a")], UsedGrounder("g"), {"a": OTHER_TEXTS, "c": NOT_YET})
    found = compare_arms(asked, some)
    assert {row["sequences"] for row in found.arms} == {"1/3"}
    assert found.notes[1].startswith("1 of 3 sequences was tracked with other texts and is left out: a")
    assert np.isfinite([truth.boxes for truth in asked.truths.values()]).all()


def test_all_arms_against_the_baseline_and_on_sequences_that_an_attribute_names(run, tmp_path):
    far = {"no-text": {"a": 4, "b": 2, "c": 0}, "manual": {"a": 2, "b": 2, "c": 2}, "refined": {"a": 0, "b": 2, "c": 1}}
    folders = {arm: ResultFolder(str(off_target(tmp_path / arm, **of))) for arm, of in far.items()}
    asked = CompareInput.read(run, Selection())
    data = {name: sequence_of(name=name, attributes={"BC": name != "b", "SV": True}) for name in "abc"}
    found = compare_arms(asked, ArmResults(folders), data=data)
    rows = {(row["frames"], row["arm"]): row for row in found.against if row["measure"] == "P"}
    assert found.baseline == "manual" and list(rows) == [
        ("all", "no-text"), ("all", "refined"), ("BC", "no-text"), ("BC", "refined"),
    ]  # fmt: skip
    assert rows["all", "refined"]["difference"] == pytest.approx((0.5 + 0 + 0.25) / 3)
    assert (
        rows["BC", "refined"]["difference"] == pytest.approx((0.5 + 0.25) / 2) and rows["BC", "refined"]["pairs"] == 2
    )
    other = compare_arms(asked, ArmResults(folders), baseline="no-text")
    assert other.baseline == "no-text" and {row["arm"] for row in other.against} == {"manual", "refined"}
    with pytest.raises(ChatdescError, match="--baseline mine: is none of the arms, which are no-text"):
        compare_arms(asked, ArmResults(folders), baseline="mine")


def test_groups_and_sequences_on_similar_object_frames(run, tmp_path, monkeypatch):
    far = {"manual": {"a": 2, "b": 2, "c": 2}, "refined": {"a": 0, "b": 2, "c": 1}}
    folders = {arm: ResultFolder(str(off_target(tmp_path / arm, **of))) for arm, of in far.items()}
    frames = {"a": np.array([0, 1, 1, 0], bool), "c": np.array([0, 0, 0, 1], bool)}

    def seen(results, asked, arms, *rest):
        return SimilarFrames(0.1, frames, of_sequences(arms, frames), ("manual",), True)

    monkeypatch.setattr(SimilarFrames, "of", seen)
    data = {name: sequence_of(name=name, attributes={"BC": name != "a", "SV": True}) for name in "abc"}
    found = compare_arms(CompareInput.read(run, Selection()), ArmResults(folders), data=data)
    whole, alike = ({row["sequence"]: row for row in of} for of in (found.sequences, found.similar_sequences))
    assert list(whole) == ["a", "c", "b"] and alike == {n: whole[n] | {"frames": k} for n, k in (("a", 2), ("c", 1))}
    gains = {row["group"]: (row["pairs"], row["difference"]) for row in found.similar_groups}
    assert gains["BC"] == (1, whole["c"]["difference"])
    assert gains["SV"] == (2, pytest.approx((whole["a"]["difference"] + whole["c"]["difference"]) / 2))
    files = {path.name for path in write_comparison(found, tmp_path / "out")}
    assert {"compare_similar_groups.csv", "compare_similar_sequences.csv"} <= files


def test_results_of_other_texts_are_arms_as_well(tmp_path):
    for name in ("m", "r", "x"):
        off_target(tmp_path / name, a=0)
    specs = [f"{tmp_path / place}={arm}" for place, arm in (("x", "mine"), ("m", "manual"), ("r", "refined"))]
    brought = external(specs, ["mine"])
    assert list(brought) == ["manual", "mine", "refined"]
    assert ArmResults.brought(brought, ["mine"]).arms == ("no-text", "manual", "mine", "refined")
    with pytest.raises(ChatdescError, match="does not say which text"):
        external(specs)


def test_an_arm_that_may_lack_sequences_leaves_them_to_the_others(run, tmp_path):
    folders = {arm: ResultFolder(str(off_target(tmp_path / arm, a=0, b=0, c=1))) for arm in ("manual", "refined")}
    folders["shuffled-same-class"] = ResultFolder(str(off_target(tmp_path / "s", a=4)))
    found = compare_arms(CompareInput.read(run, Selection()), ArmResults(folders, tuple(folders)))
    assert {row["arm"]: row["sequences"] for row in found.arms} == {
        "manual": "3/3", "refined": "3/3", "shuffled-same-class": "1/3",
    }  # fmt: skip
    pairs = {row["arm"]: row["pairs"] for row in found.against if row["measure"] == "AUC"}
    assert pairs == {"refined": 3, "shuffled-same-class": 1}
