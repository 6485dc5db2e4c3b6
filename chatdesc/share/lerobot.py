"""LeRobot's language columns, as a dataset in its format v3.0 with one episode per sequence and no pictures.

    meta/info.json, meta/tasks.parquet, meta/episodes/chunk-000/file-000.parquet
    data/chunk-000/file-000.parquet        one file per sequence, one line per frame

Every line has ``episode_index``, ``frame_index``, ``timestamp``, ``index``, ``task_index`` and two lists:

- ``language_persistent``, the same in all lines of an episode: each text as ``subtask`` from its first frame on;
- ``language_events``: at a text's first frame, if the target's box is known there, a question (``vqa``) and its answer,
  ``{"detections": [{"label", "bbox_format": "xyxy", "bbox"}]}`` in pixels.

``meta/episodes`` has the name of each sequence. Frames have no times in tracking datasets: they are counted at 30 a
second. Source of the rules: ``lerobot/datasets/language.py`` and its annotation writer.

>>> from chatdesc.rows.schema import empty_row
>>> episodes = LeRobot()
>>> columns = {"sequence": "bus-2", "num_frames": 2, "boxes": [[1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0]]}
>>> episodes.add(empty_row() | columns | {"text": "a red bus"})
True
>>> list(episodes.files())[-1]
'data/chunk-000/file-000.parquet'
"""

from __future__ import annotations

import io
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chatdesc.rows.schema import Box, Row
from chatdesc.share.collect import Content, RowRefused, frame_count, texts_over_time
from chatdesc.types import ChatdescError, one_line

if TYPE_CHECKING:
    import pyarrow

VERSION = "v3.0"
FPS = 30
CAMERA = "observation.images.main"
CHUNK = 1000  # files in a folder
DATA = "data/chunk-{:03d}/file-{:03d}.parquet"
INDEX = {
    "timestamp": "float32",
    "frame_index": "int64",
    "episode_index": "int64",
    "index": "int64",
    "task_index": "int64",
}
LANGUAGE = ("language_persistent", "language_events")


@dataclass(frozen=True, slots=True)
class Episode:
    """A sequence's texts (first frame, text) and its number of frames, with the box at each text's first frame."""

    sequence: str
    frames: int
    texts: tuple[tuple[int, str], ...]
    boxes: tuple[Box | None, ...]


class LeRobot:
    """Collects episodes."""

    def __init__(self) -> None:
        self._episodes: dict[str, Episode] = {}

    def add(self, row: Row) -> bool:
        """Take a row; False where it has no text.

        Raises:
            RowRefused: it does not say how many frames it has, or a text begins after the last.
            ChatdescError: another row has other texts for the sequence.
        """
        texts = [(start, one_line(text)) for start, text in texts_over_time(row)]
        if not texts:
            return False
        frames = frame_count(row)
        if not frames:
            raise RowRefused("it does not say how many frames it has (num_frames)")
        boxes = tuple(_box(row, start) for start, _ in texts)
        episode = Episode(row["sequence"], frames, tuple(texts), boxes)
        if self._episodes.setdefault(episode.sequence, episode) != episode:
            raise ChatdescError(
                f"{episode.sequence}: two rows have another text for it; choose one --split or --config"
            )
        return True

    def files(self) -> dict[str, Content]:
        """The dataset's files."""
        episodes = list(self._episodes.values())
        if not episodes:
            return {}
        tasks = list(dict.fromkeys(episode.texts[0][1] for episode in episodes))
        files: dict[str, Content] = {
            "meta/info.json": json.dumps(_info(episodes, tasks), indent=1) + "\n",
            "meta/tasks.parquet": _tasks(tasks),
            "meta/episodes/chunk-000/file-000.parquet": _about_episodes(episodes),
        }
        first = 0
        for number, episode in enumerate(episodes):
            files[DATA.format(*divmod(number, CHUNK))] = _frames(number, episode, first, tasks)
            first += episode.frames
        return files


def _box(row: Row, frame: int) -> Box | None:
    """The target's box xyxy [4] at a frame; None where it is absent or unknown."""
    boxes, visible = row.get("boxes") or [], row.get("visible") or []
    if frame >= len(boxes) or (frame < len(visible) and not visible[frame]):
        return None
    if len(boxes[frame]) != 4:
        raise RowRefused(f"boxes: that of frame {frame} has {len(boxes[frame])} numbers instead of 4")
    x, y, w, h = boxes[frame]
    return [x, y, x + w, y + h] if all(map(math.isfinite, (x, y, w, h))) and w > 0 and h > 0 else None


def _info(episodes: list[Episode], tasks: list[str]) -> dict[str, Any]:
    index = {name: {"dtype": kind, "shape": [1], "names": None} for name, kind in INDEX.items()}
    language = {name: {"dtype": "language", "shape": [1], "names": None} for name in LANGUAGE}
    return {
        "codebase_version": VERSION,
        "robot_type": None,
        "total_episodes": len(episodes),
        "total_frames": sum(episode.frames for episode in episodes),
        "total_tasks": len(tasks),
        "chunks_size": CHUNK,
        "data_files_size_in_mb": 100,
        "video_files_size_in_mb": 200,
        "fps": FPS,
        "splits": {"train": f"0:{len(episodes)}"},
        "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
        "video_path": None,
        "features": index | language,
    }


def _tasks(tasks: list[str]) -> bytes:
    import pandas

    out = io.BytesIO()
    pandas.DataFrame({"task_index": range(len(tasks))}, index=pandas.Index(tasks, name="task")).to_parquet(out)
    return out.getvalue()


def _about_episodes(episodes: list[Episode]) -> bytes:
    stops = [sum(episode.frames for episode in episodes[: i + 1]) for i in range(len(episodes))]
    return _parquet(
        {
            "episode_index": list(range(len(episodes))),
            "sequence": [one_line(episode.sequence) for episode in episodes],
            "tasks": [[episode.texts[0][1]] for episode in episodes],
            "length": [episode.frames for episode in episodes],
            "data/chunk_index": [number // CHUNK for number in range(len(episodes))],
            "data/file_index": [number % CHUNK for number in range(len(episodes))],
            "dataset_from_index": [stop - e.frames for e, stop in zip(episodes, stops, strict=True)],
            "dataset_to_index": stops,
            "meta/episodes/chunk_index": [0] * len(episodes),
            "meta/episodes/file_index": [0] * len(episodes),
        }
    )


def _frames(number: int, episode: Episode, first: int, tasks: list[str]) -> bytes:
    """One line per frame of an episode; ``first`` is the index of its first frame in the whole dataset."""
    import pyarrow as pa

    count = episode.frames
    persistent = [_said("assistant", text, "subtask") | {"timestamp": start / FPS} for start, text in episode.texts]
    events: list[list[dict[str, Any]]] = [[] for _ in range(count)]
    for (start, text), box in zip(episode.texts, episode.boxes, strict=True):
        events[start] += _question(text, box) if box else []
    columns = {
        "timestamp": pa.array([frame / FPS for frame in range(count)], pa.float32()),
        "frame_index": list(range(count)),
        "episode_index": [number] * count,
        "index": list(range(first, first + count)),
        "task_index": [tasks.index(episode.texts[0][1])] * count,
        "language_persistent": pa.array([persistent] * count, _language(timed=True)),
        "language_events": pa.array(events, _language(timed=False)),
    }
    return _parquet(columns)


def _said(role: str, content: str, style: str, camera: str | None = None) -> dict[str, Any]:
    return {"role": role, "content": content, "style": style, "camera": camera, "tool_calls": None}


def _question(text: str, box: Box) -> list[dict[str, Any]]:
    """A question for the target and the answer with its box, both seen by the camera."""
    label = text.rstrip(".")
    answer = {"detections": [{"label": label, "bbox_format": "xyxy", "bbox": box}]}
    return [
        _said("user", f"Where is {label}?", "vqa", CAMERA),
        _said("assistant", json.dumps(answer, ensure_ascii=False), "vqa", CAMERA),
    ]


def _language(timed: bool) -> pyarrow.DataType:
    """The type of a language column; a persistent one has the time from which a text holds."""
    import pyarrow as pa

    strings = {name: pa.string() for name in ("role", "content", "style")}
    time = {"timestamp": pa.float32()} if timed else {}
    return pa.list_(pa.struct(strings | time | {"camera": pa.string(), "tool_calls": pa.list_(pa.string())}))


def _parquet(columns: dict[str, Any]) -> bytes:
    import pyarrow as pa
    from pyarrow import parquet

    out = io.BytesIO()
    parquet.write_table(pa.table(columns), out, compression="zstd")
    return out.getvalue()
