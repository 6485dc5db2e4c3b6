"""LeRobot's language columns, exported from rows and read by its rules."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from chatdesc.share.export import export
from chatdesc.share.lerobot import CAMERA
from chatdesc.types import ChatdescError
from tests.makers.full_rows import NAN, bare, row
from tests.standins import readers

LEROBOT = os.environ.get("CHATDESC_LEROBOT_PYTHON", "")
READ = """
import json, sys
from lerobot.datasets.language import column_for_style, validate_camera_field
from lerobot.datasets.lerobot_dataset import LeRobotDataset
data = LeRobotDataset("local/texts", root=sys.argv[1])
for i in range(len(data)):
    for column in ("language_persistent", "language_events"):
        for said in data[i][column]:
            assert column_for_style(said["style"]) == column
            validate_camera_field(said["style"], said["camera"])
print(json.dumps([len(data), data.meta.total_episodes, data[0]["task"], data[60]["language_events"][0]["content"]]))
"""
BOX = [10.0, 20.0, 30.0, 40.0]


def part(start, stop, text):
    return row()["ranges"][0] | {"start": start, "stop": stop, "text": text}


def clip(name, frames, texts, boxes=None, **columns):
    whole = {"num_frames": frames, "boxes": boxes or [BOX] * frames, "visible": [True] * frames}
    return row(name, ranges=[part(start, frames, text) for start, text in texts], **whole | columns)


def exported(folder, *rows):
    export(rows, folder, "lerobot")
    return readers.lerobot(folder)


def test_every_episode_is_read_by_the_rules(tmp_path):
    rows = [clip("b-1", 5, [(0, "red, one"), (3, "blue")]), clip("b-2", 2, [(0, "red, one")]), bare("b-3")]
    done = export(rows, tmp_path, "lerobot")
    assert (len(done.written), done.skipped) == (5, 1)
    episodes = readers.lerobot(tmp_path)
    assert {name: len(lines) for name, lines in episodes.items()} == {"b-1": 5, "b-2": 2}
    assert [line["index"] for line in episodes["b-2"]] == [5, 6]


def test_a_text_holds_from_its_first_frame_on(tmp_path):
    said = exported(tmp_path, clip("b-1", 90, [(0, "red, one"), (60, "blue")]))["b-1"][7]["language_persistent"]
    assert [(s["content"], s["timestamp"], s["style"], s["camera"]) for s in said] == [
        ("red, one", 0.0, "subtask", None),
        ("blue", 2.0, "subtask", None),
    ]


def test_a_question_has_the_box_as_its_answer(tmp_path):
    lines = exported(tmp_path, clip("b-1", 4, [(0, "a red kite."), (2, "blue")]))["b-1"]
    assert [len(line["language_events"]) for line in lines] == [2, 0, 2, 0]
    asked, answered = lines[0]["language_events"]
    assert (asked["content"], asked["role"], asked["camera"]) == ("Where is a red kite?", "user", CAMERA)
    found = {"label": "a red kite", "bbox_format": "xyxy", "bbox": [10.0, 20.0, 40.0, 60.0]}
    assert json.loads(answered["content"]) == {"detections": [found]}


@pytest.mark.parametrize(
    ("box", "visible"), [([NAN] * 4, True), ([1.0, 2.0, 0.0, 5.0], True), (BOX, False), ([1.0, 2.0, 3.0, NAN], True)]
)
def test_nothing_is_asked_where_the_target_is_not_known(tmp_path, box, visible):
    lines = exported(tmp_path, clip("b-1", 1, [(0, "red")], boxes=[box], visible=[visible]))["b-1"]
    assert lines[0]["language_events"] == []


def test_rows_that_do_not_fit_are_named(tmp_path):
    rows = [clip("b-1", 5, [(7, "late")]), row("b-2", num_frames=None), clip("b-3", 1, [(0, "red")])]
    with pytest.raises(ChatdescError, match=r"2 rows are refused \(b-1: its texts begin .* 7.*b-2: "):
        export(rows[:2], tmp_path / "x", "lerobot")
    assert not (tmp_path / "x").exists()
    done = export(rows, tmp_path / "x", "lerobot")
    assert len(done.refused) == 2 and list(readers.lerobot(tmp_path / "x")) == ["b-3"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"style": "description"}, "Unknown language style"),
        ({"camera": CAMERA}, "with camera"),
        ({"content": None}, "neither content"),
    ],
)
def test_the_reader_refuses_what_lerobot_refuses(change, why):
    """Or else the tests above would prove nothing."""
    said = {"role": "assistant", "content": "a", "style": "subtask", "timestamp": 0.0, "camera": None}
    line = {"language_persistent": [said | {"tool_calls": None} | change], "language_events": []}
    with pytest.raises(ValueError, match=why):
        readers._check_language([line])


@pytest.mark.skipif(not LEROBOT, reason="CHATDESC_LEROBOT_PYTHON names no Python that has the package lerobot")
def test_lerobot_itself_reads_it(tmp_path):
    export([clip("b-1", 90, [(0, "red, one"), (60, "blue")]), clip("b-2", 2, [(0, "red, one")])], tmp_path, "lerobot")
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "home")}
    said = subprocess.run([LEROBOT, "-c", READ, str(tmp_path)], capture_output=True, text=True, env=environment)
    assert said.returncode == 0, said.stderr
    assert json.loads(said.stdout.splitlines()[-1]) == [92, 2, "red, one", "Where is blue?"]
