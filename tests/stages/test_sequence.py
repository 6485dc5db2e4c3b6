"""One sequence to its row, with backends that answer by a script."""

import json
from dataclasses import replace

import numpy as np
import pytest

from chatdesc.config import Settings
from chatdesc.rows.schema import COLUMNS
from chatdesc.stages.sequence import annotate_sequence, sequence_row
from chatdesc.types import (
    BackendError,
    DataError,
    Describe,
    Embed,
    Embedding,
    Followed,
    FrameError,
    Ground,
    Problem,
)
from tests.makers.sequences import drive, flat, leads, sequence_of

ON, OFF = [10, 10, 20, 20], [40, 10, 20, 20]
FOUND = {"red kite": [("kite", ON, 0.9)], "a kite": [("kite", OFF, 0.9)], "blue sky": []}
MADE_BY = {"chatdesc": "test"}
SETTINGS = Settings(rounds=0, alignment_frames=1, ground_every=4)


def backends(**failing):
    """Backends that describe "red kite" and find it, while the manual text leads elsewhere.

    ``failing`` maps the name of a kind of request to its error.
    """

    def answer(request):
        if error := failing.get(type(request).__name__):
            return error
        if isinstance(request, Describe):
            return '{"target": "red kite", "background": ["blue sky"]}'
        if isinstance(request, Ground):
            return leads(request.text, *FOUND[request.text])
        if isinstance(request, Embed):
            vectors = np.tile(np.float32([1, 0]), (len(request.crops), 1))
            return Embedding(vectors, vectors[:1].repeat(len(request.texts), 0), np.zeros(len(request.texts), bool))
        n = request.stop - request.start
        return Followed(np.tile(np.float32(ON), (n, 1)), np.full(n, 0.9, np.float32), "session")

    return answer


def annotate(answer, settings=SETTINGS, tracked=True, sequence=None):
    sequence = sequence or sequence_of(6, ON)
    row, asked = drive(annotate_sequence(sequence, settings, 0.35, MADE_BY, tracked), answer)
    assert set(row) == set(COLUMNS)
    json.dumps(row)  # JSON values throughout
    return row, [type(r).__name__ for r in flat(asked)]


def test_all_stages_fill_their_columns():
    row, asked = annotate(backends())
    assert (row["status"], row["problems"], row["provenance"]) == ("ok", [], MADE_BY)
    assert (row["text"], row["text_source"], row["background"]) == ("red kite", "refined", ["blue sky"])
    assert (row["width"], row["height"], row["num_frames"], row["scope"]) == (64, 48, 6, "first_frame")
    assert [r["source"] for r in row["rounds"]] == ["refined", "manual"]
    grounding = row["grounding"]
    assert (grounding["iou"], grounding["manual_iou"], grounding["grounder"]) == (1, 0, "attributes")
    [alignment] = row["alignment"]
    assert (alignment["manual"], alignment["refined"]) == (pytest.approx(100), pytest.approx(100))
    assert row["tracking"]["key_frames"] == [4]
    assert row["tracking"]["sources"] == ["given", *["tracker"] * 5]
    assert row["tracking"]["auc"] == pytest.approx(20 / 21)  # LaSOT's: no overlap exceeds the threshold 1
    assert (row["tracking"]["chosen_iou"], row["tracking"]["precision"]) == (1, 1)
    assert asked[0] == "Describe" and {"Ground", "Embed", "Follow"} <= set(asked)


def test_the_row_has_the_background_that_stays_and_what_was_dropped_and_only_the_first_is_tracked_with():
    around = "blue sky . Red Kite . tall tree"
    found = {around: [("blue", OFF, 0.9), ("Kite", OFF, 0.9), ("tree", ON, 0.9)]}

    def answer(request):
        if isinstance(request, Describe):
            return '{"target": "a red kite", "background": ["blue sky", "Red Kite", "tall tree"]}'
        if isinstance(request, Ground):
            return leads(request.text, *(FOUND | found | {"a red kite": [("kite", ON, 0.9)]})[request.text])
        return backends()(request)

    for settings in (SETTINGS, replace(SETTINGS, every=6)):
        row, asked = drive(annotate_sequence(sequence_of(6, ON), settings, 0.35, MADE_BY), answer)
        assert row["status"] == "ok"
        for part in (row, row["rounds"][0], *row["ranges"]):
            assert (part["background"], part["background_dropped"]) == (["blue sky"], ["Red Kite", "tall tree"])
        assert row["rounds"][1]["background_dropped"] == []
        looked_for = [r.text for r in flat(asked) if isinstance(r, Ground) and r.frame.index == 4]
        assert looked_for == ["a red kite", "blue sky"]


def test_without_a_tracker_nothing_is_tracked():
    row, asked = annotate(backends(), tracked=False)
    assert (row["status"], row["tracking"]) == ("ok", None)
    assert "Follow" not in asked


def test_a_describer_that_fails_leaves_no_text_and_asks_nothing_more_of_others():
    row, asked = annotate(backends(Describe=BackendError("no answer")))
    assert (row["status"], row["text"], row["alignment"], row["tracking"]) == ("describe_failed", None, [], None)
    assert row["problems"] == ["describe_failed: BackendError: no answer"]
    assert set(asked) == {"Describe", "Ground"}  # the manual text is still measured
    assert row["rounds"][0]["source"] == "manual"


@pytest.mark.parametrize(
    ("failing", "status", "left"),
    [
        ("Ground", "grounding_failed", {"text": None, "alignment": [], "tracking": None}),
        ("Embed", "tracking_failed", {"text": "red kite", "alignment": [], "tracking": None}),
        ("Follow", "tracking_failed", {"text": "red kite", "tracking": None}),
    ],
)
def test_what_was_finished_before_a_failure_stays(failing, status, left):
    row, _ = annotate(backends(**{failing: BackendError("out of memory")}))
    assert row["status"] == status
    assert {name: row[name] for name in left} == left
    assert f"{status}: " in row["problems"][-1] and row["problems"][-1].endswith("out of memory")
    if failing == "Embed":
        assert row["problems"][0] == "alignment_failed: out of memory"
    if failing == "Follow":
        assert row["alignment"][0]["refined"] == pytest.approx(100)


@pytest.mark.parametrize(
    ("error", "status"), [(FrameError("img/3.png: is no image"), "corrupt_frame"), (DataError("x"), "tracking_failed")]
)
def test_a_frame_that_cannot_be_read_is_named_as_that(error, status):
    row, _ = annotate(backends(Follow=error))
    assert (row["status"], row["problems"]) == (status, [f"{status}: {error}"])


def test_each_range_has_its_text_and_the_first_one_speaks_for_the_sequence():
    row, _ = annotate(backends(), Settings(rounds=0, alignment_frames=1, ground_every=4, every=3))
    assert [(r["start"], r["stop"], r["text"]) for r in row["ranges"]] == [(0, 3, "red kite"), (3, 6, "red kite")]
    assert (row["scope"], row["text"]) == ("range", "red kite")
    assert [r["start"] for r in row["rounds"]] == [0, 0, 3, 3]


def test_words_of_place_carry_the_frame_in_which_they_were_true():
    boxes = np.tile(np.float32(ON), (6, 1))
    boxes[3:, 0] = 40
    visible = np.array([True, True, True, False, True, True])

    def answer(request):
        if isinstance(request, Describe):
            return '{"target": "red kite on the left behind a tree", "background": []}'
        return leads(request.text) if isinstance(request, Ground) else backends()(request)

    moving = sequence_of(6, boxes, visible=visible, manual="")
    row, _ = annotate(answer, sequence=moving)
    assert row["places"] == [
        {"start": 0, "words": "on the left", "frame": 0, "holds": True},
        {"start": 0, "words": "behind", "frame": 0, "holds": None},
    ]
    row, _ = annotate(answer, replace(SETTINGS, every=3), sequence=moving)
    assert [(p["start"], p["frame"], p["holds"]) for p in row["places"] if p["words"] == "on the left"] == [
        (0, 0, True), (3, 4, False)
    ]  # fmt: skip


def test_a_manual_text_that_is_kept_says_whether_its_place_holds():
    found = {"red kite": [], "blue sky": [], "a kite on the right": [("kite", ON, 0.9)]}

    def answer(request):
        return leads(request.text, *found[request.text]) if isinstance(request, Ground) else backends()(request)

    row, _ = annotate(
        answer, replace(SETTINGS, ground_every=10), sequence=sequence_of(6, ON, manual="a kite on the right")
    )
    assert row["text_source"] == "manual"
    assert row["places"] == [{"start": 0, "words": "on the right", "frame": 0, "holds": False}]


def test_a_sequence_that_cannot_be_used_asks_nobody():
    broken = sequence_of(6, ON, problems=(Problem("missing_frames", "img is empty", fatal=True),))
    row, asked = annotate(backends(), sequence=broken)
    assert (row["status"], row["problems"], asked) == ("missing_frames", ["missing_frames: img is empty"], [])


def test_the_datasets_own_columns():
    sequence = sequence_of(
        2, [[1, 2, 3, 4], [np.nan, 0, 5, 5]], "caf\udce9", visible=np.array([True, False]), split=None
    )
    row = sequence_row(sequence)
    assert (row["sequence"], row["dataset"], row["split"], row["category"]) == ("kite-1", "lasot", None, "kite")
    assert row["manual_text"] == "caf\ufffd"
    assert row["visible"] == [True, False]
    assert row["boxes"][0] == [1, 2, 3, 4] and np.isnan(row["boxes"][1][0])
    assert row["frames"] == {"pattern": "img/%08d.png", "first": 1, "paths": []}
    assert (row["text"], row["rounds"], row["status"]) == (None, [], "ok")
