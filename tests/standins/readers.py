"""Readers of text formats, written anew after what the published ones do with a file."""

from __future__ import annotations

import glob
import json
import zipfile
from bisect import bisect_left, bisect_right

import numpy as np
import pandas
from pyarrow import parquet


def dtvlt(file):
    """Frames and texts of one sequence, as DUTrack reads them; a line without a text is an error."""
    pairs = []
    for line in file.read_text().splitlines():
        frame, text = line.strip().split(" ", 1)
        pairs.append((int(frame), text))
    return pairs


def dtvlt_text(pairs, frame):
    """The text in force at a frame: the last one whose key is before it, else the first."""
    return pairs[max(0, bisect_left([key for key, _ in pairs], frame) - 1)][1]


def vots(file):
    """A properties file as the VOTS toolkit reads it: ``key=value``, cut at the first ``=``, nothing unescaped."""
    lines = (line.strip() for line in file.read_text().splitlines())
    return dict(line.split("=", 1) for line in lines if line)


def vots_prompts(properties):
    """The prompts of a sequence: split at ``;`` as they are; exactly one object is expected."""
    if "prompts" not in properties:
        raise ValueError("does not contain any prompts")
    return properties["prompts"].split(";")


def dpu_vlt(refined, parsed):
    """Both caches of DPU-VLT: its tools write every field of an anchor as a string, and name anchors by frame."""
    entries = json.loads(refined.read_text("utf-8"))["entries"]
    for key, entry in entries.items():
        if key != f"{entry['seq_name']}:{entry['frame_id']}" or not isinstance(entry["image_path"], str):
            raise ValueError(f"no anchor: {key}")
        for field in ("target", "concepts", "background", "qwen_target", "qwen_concept", "qwen_background"):
            if not isinstance(entry[field], str):
                raise ValueError(f"{key}: {field} is no string")
    return entries, json.loads(parsed.read_text("utf-8"))


def dpu_vlt_parts(entries, parsed, sequence, frame, gap=50):
    """Target, concepts and background in force: the last anchor, at most ``gap`` frames before, else the parsed text.

    The anchor's own frame counts. A parsed text is one record, or records by frame, of which the last before counts.
    """
    anchors = sorted(entry["frame_id"] for entry in entries.values() if entry["seq_name"] == sequence)
    place = bisect_right(anchors, frame)
    if place and frame - anchors[place - 1] <= gap:
        entry = entries[f"{sequence}:{anchors[place - 1]}"]
        return entry["qwen_target"], entry["qwen_concept"], entry["qwen_background"]
    records = parsed[sequence]
    if "target" not in records:
        keys = sorted(map(int, records))
        records = records[str(keys[max(0, bisect_left(keys, frame) - 1)])]
    return records["target"], " ".join(records["concepts"]), " ".join(records["background"])


PERSISTENT = {"subtask", "plan", "memory", "motion", "task_aug"}
EVENTS = {"interjection", "vqa", "trace"}
SEEN = {"vqa", "trace"}  # styles that name a camera; all others name none


def lerobot(folder):
    """A LeRobot dataset of format v3.0: per episode its lines, checked by the rules of its language columns."""
    info = json.loads((folder / "meta/info.json").read_text())
    if info["codebase_version"] != "v3.0":
        raise ValueError(f"version {info['codebase_version']}")
    tasks = pandas.read_parquet(folder / "meta/tasks.parquet")
    about = parquet.read_table(folder / "meta/episodes/chunk-000/file-000.parquet").to_pylist()
    if len(about) != info["total_episodes"] or len(tasks) != info["total_tasks"]:
        raise ValueError("counts differ")
    episodes = {}
    for episode in about:
        place = {"chunk_index": episode["data/chunk_index"], "file_index": episode["data/file_index"]}
        lines = parquet.read_table(folder / info["data_path"].format(**place)).to_pylist()
        _check_index(lines, episode, info["fps"])
        _check_language(lines)
        known = [tasks.iloc[line["task_index"]].name for line in lines]
        if known != [episode["tasks"][0]] * len(lines):
            raise ValueError("tasks differ")
        episodes[episode["sequence"]] = lines
    return episodes


def _check_index(lines, episode, fps):
    wanted = list(range(episode["dataset_from_index"], episode["dataset_to_index"]))
    if [line["index"] for line in lines] != wanted or len(lines) != episode["length"]:
        raise ValueError("the index has a gap")
    times = [np.float32(line["frame_index"] / fps) for line in lines]
    if [np.float32(line["timestamp"]) for line in lines] != times:
        raise ValueError("times are not frames by fps")


def _check_language(lines):
    first = lines[0]["language_persistent"]
    for line in lines:
        if line["language_persistent"] != first:
            raise ValueError("a persistent text differs within its episode")
        for said in line["language_persistent"]:
            _check_said(said, PERSISTENT, {"role", "content", "style", "timestamp", "camera", "tool_calls"})
        asked = [(said["style"], said["role"], said["camera"]) for said in line["language_events"]]
        if len(set(asked)) != len(asked):
            raise ValueError("two questions or answers for one camera and frame")
        for said in line["language_events"]:
            _check_said(said, EVENTS, {"role", "content", "style", "camera", "tool_calls"})
            if said["role"] == "assistant":
                _check_answer(json.loads(said["content"]))


def _check_said(said, styles, fields):
    if set(said) != fields:
        raise ValueError(f"fields {sorted(said)}")
    if said["style"] not in styles:
        raise ValueError(f"Unknown language style: {said['style']!r}")
    if (said["style"] in SEEN) != bool(said["camera"]):
        raise ValueError(f"style {said['style']!r} with camera {said['camera']!r}")
    if said["camera"] and not said["camera"].startswith("observation.images."):
        raise ValueError(f"camera {said['camera']!r}")
    if said["content"] is None and said["tool_calls"] is None:
        raise ValueError("neither content nor tool calls")


def _check_answer(answer):
    for found in answer["detections"]:
        x1, y1, x2, y2 = found["bbox"]
        if found["bbox_format"] != "xyxy" or not (x1 < x2 and y1 < y2) or not isinstance(found["label"], str):
            raise ValueError(f"no box: {found}")


def trackingnet_server(file, frames):
    """Boxes of each video as TrackingNet's server takes them from a zip: the only member whose path holds its name.

    A video with no such member, or several, is scored as zeros; missing rows are NaN.
    """
    with zipfile.ZipFile(file) as archive:
        members = [name for name in archive.namelist() if name.endswith(".txt") and "__MACOSX" not in name]
        boxes = {}
        for video, count in frames.items():
            hits = [name for name in members if f"{video}.txt" in name]
            table = pandas.DataFrame(0.0, index=range(count), columns=[*"xywh"])
            if len(hits) == 1:
                table = pandas.read_csv(archive.open(hits[0]), sep=",", names=[*"xywh"]).astype(float)
            boxes[video] = table.reindex(range(count)).to_numpy()
    return boxes


def got10k_records(folder, sequence):
    """All repetitions of a sequence's boxes and its times, as GOT-10k's toolkit reads an unpacked submission."""
    files = sorted(glob.glob(f"{folder}/{sequence}/{sequence}_[0-9]*.txt"))
    if not files:
        raise ValueError(f"Results for sequence {sequence} not found.")
    times = np.loadtxt(f"{folder}/{sequence}/{sequence}_time.txt", delimiter=",")
    return [np.loadtxt(file, delimiter=",") for file in files], times
