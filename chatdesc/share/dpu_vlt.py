"""DPU-VLT's two caches of texts in parts: ``parsed``, for whole ranges, and ``refined``, for frames (anchors).

>>> import json
>>> from chatdesc.rows.schema import empty_row
>>> caches = DpuVlt()
>>> columns = {"sequence": "bus-2", "dataset": "lasot", "split": "test", "num_frames": 60, "background": ["road"]}
>>> caches.add(empty_row() | columns | {"text": "a red bus with a long ladder"})
True
>>> files = caches.files()
>>> list(files), list(json.loads(files["lasot_qwen_refine_test_full.json"])["entries"])
(['lasot_test_parsed_text.json', 'lasot_qwen_refine_test_full.json'], ['bus-2:0', 'bus-2:49'])
>>> parts("a red bus with a long ladder, on the left")
Parts(target='red bus', concepts=('long ladder',), places=('left',))

Its tracker looks an anchor up by ``sequence:frame``, frames counted from 0: the last anchor at or before the frame, at
most 50 frames earlier. Its own tool puts anchors at 49, 99, and so on; here there is also one at the first frame of
each text, so that no frame is without. Where no anchor is found, the parsed text is taken: the last one whose frame is
before the current frame.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from chatdesc.rows.schema import Row
from chatdesc.share.collect import Content, file_name, frame_count, frame_path, refuse_part, texts_over_time
from chatdesc.share.layouts import texts_by_key
from chatdesc.share.text_tables import as_json
from chatdesc.text import clean_for_trackers
from chatdesc.types import STOP_WORDS, ChatdescError
from chatdesc.vocabulary import POSITIONS

INTERVAL = 50  # frames from an anchor to the next, and the longest gap that the tracker bridges
FIRST = INTERVAL - 1
ARTICLES = frozenset("a an the this that these those its his her their".split())
DOING = frozenset(
    "wearing holding riding standing sitting walking running playing moving swimming flying driving hanging carrying "
    "jumping lying facing located surrounded covered made".split()
)  # words that begin another part
PLACES = frozenset((*POSITIONS, *"centre middle front back rear upper lower side corner edge".split()))
LINKS = (STOP_WORDS - ARTICLES) | DOING


@dataclass(frozen=True, slots=True)
class Parts:
    """A text's target phrase, what else it names, and phrases of nothing but position words."""

    target: str
    concepts: tuple[str, ...] = ()
    places: tuple[str, ...] = ()


class DpuVlt:
    """Collects both caches, of each dataset and split its own."""

    def __init__(self) -> None:
        self._parsed: dict[tuple[str, str], dict[str, Any]] = {}
        self._entries: dict[tuple[str, str], dict[str, Any]] = {}

    def add(self, row: Row) -> bool:
        """Take a row; False where it has no text.

        Raises:
            RowRefused: a dataset or split that is no file name, or frames that contradict one another.
            ChatdescError: another row has other texts for the sequence.
        """
        by_key = texts_by_key(row)
        if not by_key:
            return False
        group = (file_name(row.get("dataset") or "dataset"), file_name(row.get("split") or "train"))
        for file in _files(*group):
            refuse_part(file)
        name = row["sequence"]
        parsed = _parsed(by_key, row)
        entries = {f"{name}:{frame}": entry for frame, entry in _anchors(name, row)}
        if self._parsed.setdefault(group, {}).setdefault(name, parsed) != parsed:
            raise ChatdescError(f"{name}: two rows have another text for it; choose one --split or --config")
        self._entries.setdefault(group, {}).update(entries)
        return True

    def files(self) -> dict[str, Content]:
        """``DATASET_SPLIT_parsed_text.json`` and ``DATASET_qwen_refine_SPLIT_full.json``, named as its own tools do."""
        files: dict[str, Content] = {}
        for (dataset, split), parsed in self._parsed.items():
            meta = {"dataset_name": dataset, "split": split, "cache_interval": INTERVAL, "anchor_offset": FIRST}
            refined = {"meta": meta, "entries": self._entries[dataset, split]}
            files |= zip(_files(dataset, split), (as_json(parsed, 1), as_json(refined, 1)), strict=True)
        return files


def parts(text: str) -> Parts:
    """A text cut at links such as "with" and at punctuation, without articles."""
    words = re.findall(r"\w+(?:['’./-]\w+)*|[^\w\s]", text)
    phrases: list[list[str]] = [[]]
    for word in words:
        if word.lower() in LINKS or not re.match(r"\w", word):
            phrases.append([])
        elif word.lower() not in ARTICLES:
            phrases[-1].append(word)
    target, *rest = [" ".join(phrase) for phrase in phrases if phrase] or [text]
    places = [phrase for phrase in rest if all(word in PLACES for word in phrase.lower().split())]
    concepts = [phrase for phrase in rest if phrase not in places]
    return Parts(target, tuple(dict.fromkeys(concepts)), tuple(dict.fromkeys(places)))


def _files(dataset: str, split: str) -> tuple[str, str]:
    return f"{dataset}_{split}_parsed_text.json", f"{dataset}_qwen_refine_{split}_full.json"


def _parsed(by_key: dict[int, str], row: Row) -> dict[str, Any]:
    """One record for a text that holds throughout, else a record per key."""
    records: dict[str, Any] = {}
    for key, text in by_key.items():
        found = parts(text)
        records[str(key)] = {
            "raw": text,
            "target": found.target,
            "concepts": list(found.concepts),
            "background": [*found.places, *_surroundings(row, key + 1 if key else 0)],
        }
    return records["0"] if list(records) == ["0"] else records


def _anchors(name: str, row: Row) -> Iterator[tuple[int, dict[str, Any]]]:
    """Frame and entry of each anchor; every field is a string, as the tracker's tool writes them."""
    texts = [(start, line) for start, text in texts_over_time(row) if (line := clean_for_trackers(text))]
    frames = frame_count(row)
    anchors = sorted({start for start, _ in texts} | set(range(FIRST, frames, INTERVAL)))
    visible = row.get("visible") or []
    for frame in anchors:
        text = next((text for start, text in reversed(texts) if start <= frame), texts[0][1])
        found = parts(text)
        around = " ".join((*found.places, *_surroundings(row, frame)))
        fields = {"target": found.target, "concepts": " ".join(found.concepts), "background": around}
        yield (
            frame,
            {
                "seq_name": name,
                "frame_id": frame,
                "image_path": frame_path(row, frame),
                "raw": text,
                **fields,
                "qwen_target": fields["target"],
                "qwen_concept": fields["concepts"],
                "qwen_background": fields["background"],
                "visible": visible[frame] if frame < len(visible) else True,
            },
        )


def _surroundings(row: Row, frame: int) -> list[str]:
    """The background phrases in force at a frame: those of its range, where the row has ranges."""
    spans = [part for part in row.get("ranges") or [] if part["start"] <= frame]
    return [_plain(text) for text in (spans[-1] if spans else row).get("background") or []]


def _plain(text: str | None) -> str:
    return clean_for_trackers(text or "")
