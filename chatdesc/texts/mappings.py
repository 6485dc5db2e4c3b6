"""Texts from JSON: by sequence, by sequence and frame, and DPU-VLT's two caches of texts in parts.

>>> said = of_mapping({"bus-2": {"0": "a bus", "50": "the bus"}, "cat-3": ["a cat", "cat"]}, "mine.json")
>>> [(phrase.start, phrase.text) for phrase in said.texts["bus-2"].phrases], said.texts["cat-3"].candidates
([(0, 'a bus'), (50, 'the bus')], ('a cat', 'cat'))
>>> cache = {"meta": {}, "entries": {"bus-2:0": {"raw": "a bus"}, "bus-2:49": {"raw": "a bus"}}}
>>> of_mapping(cache, "lasot_qwen_refine_test_full.json").texts["bus-2"].phrases
(Phrase(start=0, text='a bus', background=()),)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chatdesc.names import counted, some
from chatdesc.texts.said import Said, SequenceTexts, texts_of
from chatdesc.types import ChatdescError

SHAPES = "{sequence: text}, {sequence: [texts]} or {sequence: {frame: text}}"
WHOLE = "raw"  # the whole text of a record of DPU-VLT
TARGET = frozenset({"target", "concepts"})  # its parts that others publish without it
MAX_FRAME = 10_000_000


def of_mapping(content: Mapping[str, Any], where: str) -> Said:
    """The texts of a JSON object; ``where`` is its file, for messages.

    Raises:
        ChatdescError: it has another shape; the message names the sequence.
    """
    if isinstance(content.get("entries"), dict) and set(content) <= {"meta", "entries"}:
        return said_of(_anchors(content["entries"], where))
    return said_of({name: _of_value(value, f"{where}: {name!r}") for name, value in content.items()})


def said_of(found: Mapping[str, SequenceTexts | None]) -> Said:
    """What was found, with a note on sequences without a text."""
    empty = [name for name, texts in found.items() if texts is None]
    notes = (f"no text for {counted(len(empty), 'sequence')} that it names: {some(empty, 3)}",) if empty else ()
    return Said({name: texts for name, texts in found.items() if texts is not None}, notes)


def _of_value(value: Any, at: str) -> SequenceTexts | None:
    if value is None:
        return None
    if isinstance(value, str):
        return texts_of([value])
    if isinstance(value, list):
        return texts_of([_text(item, at) for item in value])
    if isinstance(value, dict) and _is_record(value):
        return texts_of([_of_record(value, at)])
    if isinstance(value, dict):
        return texts_of(_by_key(value, at) if _is_parsed(value) else _by_frame(value, at))
    raise ChatdescError(f"{at}: {_kind(value)} where a text belongs; write {SHAPES}")


def _is_parsed(value: dict[str, Any]) -> bool:
    """Whether a sequence's texts are records of DPU-VLT's parsed cache."""
    return bool(value) and all(isinstance(record, dict) and _is_record(record) for record in value.values())


def _is_record(value: dict[str, Any]) -> bool:
    """Whether an object is a record of DPU-VLT: a text in parts, perhaps with the whole of it."""
    return WHOLE in value or value.keys() >= TARGET


def _of_record(record: dict[str, Any], at: str) -> str:
    """A record's whole text, or the target and what else it names, as phrases; what surrounds it is left out."""
    if record.get(WHOLE):
        return _text(record[WHOLE], at)
    parts = [record.get(f"qwen_{name}") or record.get(name) for name in ("target", "concept")]
    said = [parts[0], *_listed(parts[1] or record.get("concepts"))]
    return ", ".join(_text(part, at) for part in said if part)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _by_frame(value: dict[str, Any], at: str) -> dict[int, str]:
    return _each_frame([(frame_number(frame, at), _text(text, at)) for frame, text in value.items()], at)


def _by_key(value: dict[str, Any], at: str) -> dict[int, str]:
    """Texts of the parsed cache: one holds from the frame after its key on, the first from frame 0."""
    keys = [(frame_number(key, at), _of_record(record, at)) for key, record in value.items()]
    return _each_frame([(after(key), text) for key, text in keys], at)


def after(key: int) -> int:
    """The first frame of a text that stands at ``key`` where readers take the last key before the current frame."""
    return key + 1 if key else 0


def _each_frame(timed: list[tuple[int, str]], at: str) -> dict[int, str]:
    by_frame = dict(timed)
    if len(by_frame) < len(timed):
        raise ChatdescError(f"{at}: two texts for one frame; keep one of them")
    return by_frame


def frame_number(written: Any, at: str) -> int:
    """A frame's number, counted from 0, as JSON or CSV have it.

    Raises:
        ChatdescError: it is none; ``at`` is the place for the message.
    """
    text = str(written).strip()
    if isinstance(written, bool) or not (text.isascii() and text.isdecimal()) or len(text) > 8:
        raise ChatdescError(f"{at}: {text[:40]!r} is no frame; frames are whole numbers, counted from 0")
    if int(text) > MAX_FRAME:
        raise ChatdescError(f"{at}: no sequence has a frame {text}")
    return int(text)


def _anchors(entries: dict[str, Any], where: str) -> dict[str, SequenceTexts | None]:
    """The refined cache: a text at every anchor ``sequence:frame``, in force from that frame on."""
    anchors: dict[str, dict[int, str]] = {}
    for key, record in entries.items():
        name, colon, frame = key.rpartition(":")
        at = f"{where}: {key[:60]!r}"
        if not (colon and name) or not isinstance(record, dict) or not _is_record(record):
            raise ChatdescError(f"{at} is no 'sequence:frame' with a text under {WHOLE!r} or in parts ('target' ...)")
        anchors.setdefault(name, {})[frame_number(frame, at)] = _of_record(record, at)
    return {name: texts_of(_changes(by_frame)) for name, by_frame in anchors.items()}


def _changes(by_frame: dict[int, str]) -> dict[int, str]:
    """The anchors at which the text becomes another."""
    kept: dict[int, str] = {}
    for frame in sorted(by_frame):
        if not kept or list(kept.values())[-1] != by_frame[frame]:
            kept[frame] = by_frame[frame]
    return kept


def _text(value: Any, at: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ChatdescError(f"{at}: {_kind(value)} where a text belongs; write {SHAPES}")
    return value


def _kind(value: Any) -> str:
    return {"dict": "an object", "list": "a list", "int": "a number", "float": "a number", "bool": "true or false"}.get(
        type(value).__name__, "something else"
    )
