"""DPU-VLT's caches, exported from rows and looked up as its tracker does."""

from __future__ import annotations

import json

import pytest

from chatdesc.share.dpu_vlt import Parts, parts
from chatdesc.share.export import export
from chatdesc.types import ChatdescError
from tests.makers.full_rows import bare, row
from tests.standins import readers

REFINED, PARSED = "lasot_qwen_refine_test_full.json", "lasot_test_parsed_text.json"
KITE = ("red kite", "long tail", "tree lawn")


def part(start, stop, text):
    return row()["ranges"][0] | {"start": start, "stop": stop, "text": text}


def exported(folder, *rows):
    done = export(rows, folder, "dpu-vlt")
    assert done.written == (PARSED, REFINED)
    return readers.dpu_vlt(folder / REFINED, folder / PARSED)


@pytest.fixture
def kite(tmp_path):
    columns = {"num_frames": 170, "visible": [True] * 60 + [False] * 110, "text": "a red kite, with a long tail"}
    return exported(tmp_path, row(ranges=[], **columns))


class TestOneText:
    def test_has_an_anchor_within_the_gap_of_every_frame(self, kite):
        entries, parsed = kite
        assert list(entries) == ["swing-1:0", "swing-1:49", "swing-1:99", "swing-1:149"]
        assert {readers.dpu_vlt_parts(entries, parsed, "swing-1", frame) for frame in range(170)} == {KITE}

    def test_is_the_parsed_text_where_no_anchor_is_near(self, kite):
        assert readers.dpu_vlt_parts({}, kite[1], "swing-1", 7) == KITE
        assert kite[1]["swing-1"]["concepts"] == ["long tail"]

    def test_an_anchor_names_its_frame_as_the_tools_do(self, kite):
        entry = kite[0]["swing-1:49"]
        assert (entry["seq_name"], entry["frame_id"], entry["visible"]) == ("swing-1", 49, True)
        assert entry["image_path"] == "swing/swing-1/img/00000050.jpg"
        assert kite[0]["swing-1:99"]["visible"] is False
        assert [entry[key] for key in ("target", "concepts", "background")] == [*KITE]
        assert [entry[key] for key in ("qwen_target", "qwen_concept", "qwen_background")] == [*KITE]


def test_a_text_of_a_range_is_in_force_from_its_first_frame_on(tmp_path):
    ranges = [part(0, 120, "red kite"), part(120, 140, None), part(140, 200, "blue kite")]
    entries, parsed = exported(tmp_path, row(num_frames=200, ranges=ranges))
    found = [readers.dpu_vlt_parts(entries, parsed, "swing-1", frame)[0] for frame in range(200)]
    assert found == ["red kite"] * 140 + ["blue kite"] * 60
    found = [readers.dpu_vlt_parts({}, parsed, "swing-1", frame)[0] for frame in range(200)]
    assert found == ["red kite"] * 140 + ["blue kite"] * 60


def test_each_dataset_and_split_has_its_own_files(tmp_path):
    rows = [row(), row("swing-2", split="train"), row("x", dataset="tnl2k"), bare("b")]
    done = export(rows, tmp_path, "dpu-vlt")
    assert set(done.written) == {
        *(PARSED, REFINED, "lasot_train_parsed_text.json", "lasot_qwen_refine_train_full.json"),
        *("tnl2k_test_parsed_text.json", "tnl2k_qwen_refine_test_full.json"),
    }
    assert done.skipped == 1
    assert list(json.loads((tmp_path / "tnl2k_test_parsed_text.json").read_text())) == ["x"]


def test_each_range_has_its_own_background(tmp_path):
    spans = [
        part(0, 100, "red kite") | {"background": ["road"]},
        part(100, 200, "blue kite") | {"background": ["bridge"]},
    ]
    entries, parsed = exported(tmp_path, row(num_frames=200, ranges=spans, background=["road"]))
    found = {key.partition(":")[2]: entry["background"] for key, entry in entries.items()}
    assert found == {"0": "road", "49": "road", "99": "road", "100": "bridge", "149": "bridge", "199": "bridge"}
    assert [record["background"] for record in parsed["swing-1"].values()] == [["road"], ["bridge"]]


def test_files_that_others_published_stay_beside(tmp_path):
    (tmp_path / PARSED).write_text('{"bus-3": {}}')
    done = export([row(num_frames=10)], tmp_path, "dpu-vlt", overwrite=True)
    assert done.kept == (f"{PARSED}.orig",) and (tmp_path / f"{PARSED}.orig").read_text() == '{"bus-3": {}}'


def test_two_texts_for_a_sequence_are_refused(tmp_path):
    with pytest.raises(ChatdescError, match="swing-1: two rows have another text"):
        export([row(), row(ranges=[], text="another")], tmp_path, "dpu-vlt")


@pytest.mark.parametrize(
    ("text", "target", "concepts", "places"),
    [
        ("red kite", "red kite", (), ()),
        ("the man in a red shirt, holding a bat and a ball", "man", ("red shirt", "bat", "ball"), ()),
        ("a 2.5 m well-worn kite", "2.5 m well-worn kite", (), ()),
        ("with", "with", (), ()),
        ("kite of a kite", "kite", ("kite",), ()),
        ("a car near the left edge, on a road", "car", ("road",), ("left edge",)),
        ("left hand in the Middle", "left hand", (), ("Middle",)),
    ],
)
def test_parts_of_a_text(text, target, concepts, places):
    assert parts(text) == Parts(target, concepts, places)


def test_places_go_before_the_surroundings(tmp_path):
    entries, parsed = exported(tmp_path, row(ranges=[], text="a red kite with a tail, on the left"))
    assert entries["swing-1:0"]["concepts"] == "tail" and entries["swing-1:0"]["background"] == "left tree lawn"
    assert parsed["swing-1"]["background"] == ["left", "tree", "lawn"]
