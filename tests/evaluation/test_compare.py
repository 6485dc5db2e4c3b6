"""Tables of a comparison, by hand."""

from dataclasses import replace

import numpy as np
import pytest

from chatdesc.evaluation.compare import (
    ArmProblem,
    UsedGrounder,
    arm_rows,
    common,
    difference_rows,
    later_frames,
    never_verified,
    same_texts,
    scored,
    verification_rows,
)
from chatdesc.evaluation.results import ResultFolder
from chatdesc.evaluation.truths import Truth
from chatdesc.metrics.protocols import PROTOCOLS
from chatdesc.types import ChatdescError
from tests.makers.datasets import put
from tests.makers.results import STILL, off_target
from tests.makers.rows import a_row

NAMES = {"a", "b", "c"}
TRUTHS = {name: Truth(np.array(STILL), None) for name in sorted(NAMES)}
DINO = UsedGrounder("dino", selector=True)


def run_rows():
    """Three sequences of four frames; the last text is the manual one."""
    texts = {"a": "red kite", "b": "blue kite", "c": "a kite"}
    return [a_row(n, t, boxes=STILL, visible=[], num_frames=4, ranges=[]) for n, t in texts.items()]


@pytest.fixture
def arms(tmp_path):
    folders = {
        "no-text": off_target(tmp_path / "no-text", a=2, b=2, c=2),
        "manual": off_target(tmp_path / "manual", a=3, b=1, c=0),
        "refined": off_target(tmp_path / "refined", a=0, b=2, c=0),
    }
    found = {name: ResultFolder(f"{path}={name}") for name, path in folders.items()}
    return scored(found, TRUTHS, "lasot", PROTOCOLS["lasot"])


def test_arms_and_their_differences_by_hand(arms):
    kept, said = common(arms)
    assert said == []
    rows = {row["arm"]: row for row in arm_rows(kept, DINO)}
    assert [rows[arm]["P"] for arm in ("no-text", "manual", "refined")] == [0.5, 8 / 12, 10 / 12]
    assert rows["refined"]["AUC"] == pytest.approx(10 / 12 * 20 / 21)
    assert (rows["no-text"]["grounder"], rows["manual"]["grounder"], rows["manual"]["protocol"]) == (
        "-",
        "dino",
        "lasot",
    )
    assert [rows[arm]["selector"] for arm in ("no-text", "manual")] == [False, True]
    [gain] = [
        row
        for row in difference_rows(kept, DINO)
        if (row["before"], row["after"], row["measure"]) == ("manual", "refined", "P")
    ]
    assert gain["difference"] == pytest.approx((0.75 - 0.25 + 0) / 3)
    assert (gain["better"], gain["worse"], gain["pairs"]) == (1, 1, 3)
    assert gain["low"] is gain["high"] is gain["detectable"] is None  # three pairs say too little


def test_means_rest_on_the_same_sequences(tmp_path):
    folders = {
        "no-text": off_target(tmp_path / "n", a=0, b=0, c=0),
        "manual": off_target(tmp_path / "m", a=0, c=4),
        "refined": off_target(tmp_path / "r", a=0, b=4, c=0),
    }
    put(tmp_path / "n" / "c.txt", "1,2,3\n")
    arms = scored({k: ResultFolder(str(p)) for k, p in folders.items()}, TRUTHS, "x", PROTOCOLS["lasot"])
    kept, said = common(arms)
    assert [row["sequences"] for row in arm_rows(kept, DINO, 3)] == ["1/3", "1/3", "1/3"]
    assert said == [
        "2 of 3 sequences are not in every arm and are left out of all:",
        f"b: manual: {tmp_path / 'm'}: there is no b.txt",
        f"c: no-text: {tmp_path / 'n'}/c.txt:1: expected 4 numbers, found 3",
    ]
    assert (
        common(arms, {"b": [ArmProblem("manual", "it has no manual text")]})[1][1] == "b: manual: it has no manual text"
    )


def test_a_sequence_in_no_arm_is_named_and_long_lists_are_cut(tmp_path):
    truths = {name: Truth(np.array(STILL), None) for name in "abcdefgh"}
    folders = {arm: ResultFolder(str(off_target(tmp_path / arm, a=0))) for arm in ("manual", "refined")}
    said = common(scored(folders, truths, "x", PROTOCOLS["lasot"]))[1]
    assert said[0].startswith("7 of 8") and "manual: " in said[1] and "refined: " in said[1]
    assert len(said) == 7 and said[-1] == "... and 2 more"


def test_an_arm_without_any_result_is_said_and_no_sequence_in_common_is_an_error(arms):
    lost = tuple(replace(x, score=None, notes=("is empty",)) for x in arms["manual"].lines)
    empty = replace(arms["manual"], lines=lost)
    kept, said = common(arms | {"manual": empty})
    assert set(kept) == {"no-text", "refined"} and said == ["the arm manual has no result, for instance: is empty"]
    rows = arm_rows(kept, DINO, 4, ("no-text", "manual", "refined"))
    assert [row["sequences"] for row in rows] == ["3/4", "0/4", "3/4"]
    assert rows[1]["AUC"] is None
    with pytest.raises(ChatdescError, match=r"no sequence has a result in every arm[\s\S]*a: manual: is empty"):
        common({"manual": empty})


def test_verification_lies_between_its_references():
    rows = [
        {"sequence": "a", "verified": {"no-text": [None] * 3, "refined": [0.5, 0.2, 0.8]}},
        {"sequence": "b", "verified": {"refined": [0.7, 0.4, 0.7]}},
        {"sequence": "elsewhere", "verified": {"refined": [0.0, 0.9, 0.9]}},
    ]
    floor, ceiling = verification_rows(rows, {"a", "b"}, DINO)
    assert (floor["arm"], floor["reference"], ceiling["reference"]) == ("refined", "random", "oracle")
    assert floor["chosen_iou"] == pytest.approx(0.6) and floor["reference_iou"] == pytest.approx(0.3)
    assert floor["difference"] == pytest.approx(0.3) and (floor["better"], floor["worse"]) == (2, 0)
    assert ceiling["difference"] == pytest.approx(-0.15)


def test_texts_that_saw_later_frames_are_said():
    settings = {"every": 50, "feedback": "first"}
    rows = [row | {"scope": scope} for row, scope in zip(run_rows(), ("first_frame", "range", "range"), strict=True)]
    [note] = later_frames(rows, NAMES, settings)
    assert note.startswith("2 of 3 sequences have a text per range (--every 50)") and "later frames" in note
    assert later_frames(rows, {"a"}, settings) == []
    tried = [
        row | {"scope": scope} for row, scope in zip(run_rows(), ("track", "track_test_split", "self"), strict=True)
    ]
    notes = later_frames(tried, NAMES, {"every": 0, "feedback": "track:60"})
    assert [note.partition(" chosen")[0] for note in notes] == ["2 texts were", "1 text was"]
    assert "ground-truth boxes of these very sequences (--feedback track:60)" in notes[0]
    assert notes[1].endswith("without their ground truth")
    parts = [row | {"scope": "track", "ranges": [{"start": 0}]} for row in run_rows()]
    assert len(later_frames(parts, NAMES, {"every": 50, "feedback": "track:60"})) == 2
    seen = [row | {"scope": "video"} for row in run_rows()]
    [note] = later_frames(seen, NAMES, settings | {"feedback": "uniform:4"})
    assert note.endswith("of later frames of these very sequences (--feedback uniform:4)")


def test_sequences_that_kept_their_text_are_compared_all_the_same(arms):
    rows = run_rows()
    assert same_texts(rows, NAMES, arms) == ["1 of 3 sequences kept the manual text: both arms are the same there"]
    rows[0] |= {"manual_text": rows[0]["text"]}
    [said] = same_texts(rows, NAMES, arms)
    assert said.startswith("2 of 3") and "differ on 1 of them" in said
    assert same_texts(rows, {"b"}, arms) == []


def test_where_no_proposal_was_verified_equal_arms_say_nothing():
    judged = [{"sequence": n, "verified": {"refined": [iou] * 3}} for n, iou in (("a", None), ("b", 0.5))]
    [partly] = never_verified(run_rows(), judged, NAMES, 20)
    assert partly.startswith("1 of 2 sequences had no proposal verified") and "1 of them is too short" in partly
    [never] = never_verified(run_rows(), judged[:1], NAMES, 2)
    assert never.startswith("warning: 1 of 1") and "too short" not in never
    assert never_verified(run_rows(), judged[1:], NAMES, 20) == never_verified([], [], NAMES, 20) == []
