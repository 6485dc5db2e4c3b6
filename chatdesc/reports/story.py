"""One row's story in plain words: the texts that were tried, their results, the choice, and the models.

>>> from chatdesc.rows.schema import empty_row
>>> row = empty_row() | {"sequence": "cross-1", "dataset": "synthetic", "split": "test", "status": "missing_frames"}
>>> print("\\n".join(story(row)[:2]))
cross-1 of synthetic, split test: nothing is known of its frames
status missing_frames
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeGuard

from chatdesc.checks.rows import from_record
from chatdesc.names import counted, near
from chatdesc.reports.audit import finding_line
from chatdesc.rows.schema import Finding as RowFinding
from chatdesc.rows.schema import GainRecord, PlaceRecord, RoundRecord, Row
from chatdesc.rows.store import Store, read_config
from chatdesc.types import ChatdescError, one_line

SCOPES = {
    "first_frame": "feedback saw the first frame only",
    "video": "feedback saw several frames of the video",
    "range": "each range of frames had feedback of its own",
    "track": "texts were tried in tracking, and compared with the ground truth of those frames",
    "track_test_split": "texts were tried in tracking, and compared with the ground truth of those frames, although "
    "the sequence is not known to be of a training split",
    "self": "texts were tried in tracking over later frames, without any box but that of the first frame",
}
WHENCE = {
    "manual": "The manual text was kept: nothing beat it.",
    "human": "A person has accepted or written it in a review.",
}
FOUND = 0.5  # IoU from which people call a target found


def row_of(run: Path, sequence: str) -> Row:
    """A run's row of a sequence.

    Raises:
        ChatdescError: the folder is no run, or has no such row; the message has similar names.
    """
    read_config(run)
    store = Store(run)
    row = store.load(sequence)
    if row is None:
        names = store.names()
        more = near(sequence, names) or f"; it has {len(names)}, from {names[0]} to {names[-1]}" if names else ""
        raise ChatdescError(f"{run} has no finished row of {sequence!r}{more}")
    return row


def story(row: Row) -> list[str]:
    """The story as lines of text."""
    parts = [
        _head(row), _texts(row), _rounds(row), _ranges(row), _alignment(row), _measures(row), _tracking(row),
        _provenance(row),
    ]  # fmt: skip
    lines: list[str] = []
    for part in parts:
        lines += ["", *part] if lines and part else part
    return lines


def _head(row: Row) -> list[str]:
    where = f"{row['sequence']} of {row['dataset']}, " + (f"split {row['split']}" if row["split"] else "split unknown")
    frames = [counted(row["num_frames"], "frame")] if row["num_frames"] else []
    size = [f"{row['width']} x {row['height']}"] if row["width"] and row["height"] else []
    category = [f"class {row['category']}"] if row["category"] else []
    audit = [f"  {_found(row['manual_text'] or '', entry)}" for entry in row["audit"]]
    return [
        f"{where}: {', '.join(frames + size + category) or 'nothing is known of its frames'}",
        f"status {row['status']}",
        *(f"  {one_line(problem)}" for problem in row["problems"]),
        *(["What the audit found in the manual text:", *audit] if audit else []),
    ]


def _found(text: str, entry: RowFinding) -> str:
    if entry.get("reason") is None:  # of an earlier version
        return f"{entry['kind']}: {one_line(entry['evidence'])}"
    return finding_line(text, from_record(entry))


def _texts(row: Row) -> list[str]:
    lines = [f"manual text:  {_quoted(row['manual_text'])}", f"text to use:  {_quoted(row['text'])}"]
    if row["text"] is None:
        return [*lines, "No text could be made."]
    lines.append(WHENCE.get(row["text_source"] or "", "It replaces the manual text."))
    if review := row.get("review"):
        said = (review["verdict"], review["side"], review["kind"], review["reason"] and one_line(review["reason"]))
        lines.append(f"Review: {', '.join(part for part in said if part)} ({review['at'][:10]}).")
    if row["scope"]:
        lines.append(f"Scope {row['scope']}: {SCOPES.get(row['scope'], 'not known to this version')}.")
    lines += [f"Words of place: {_place(place)}." for place in row.get("places") or []]
    if row["background"]:
        lines.append(f"Said to surround the target: {', '.join(row['background'])}.")
    if dropped := row.get("background_dropped"):
        lines.append(f"Said to surround the target, but left out because it means the target: {', '.join(dropped)}.")
    return lines


def _place(place: PlaceRecord) -> str:
    known = {True: "the target is there", False: "the target is not there", None: "not compared with its box"}
    return f"{_quoted(place['words'])}, for frame {place['frame']} ({known[place['holds']]})"


def _rounds(row: Row) -> list[str]:
    rounds = row["rounds"]
    if not rounds:
        return ["No text was tried."]
    grounder = row["grounding"]["grounder"] if row["grounding"] else None
    lines = ["Texts tried, in order" + (f", looked for by {grounder}:" if grounder else ":")]
    several = len({tried["start"] for tried in rounds}) > 1
    chosen = chosen_rounds(row)
    for number, tried in enumerate(rounds, 1):
        marks = [f"from frame {tried['start']}"] if several else []
        marks += ["the manual text"] if tried["source"] == "manual" else []
        marks += ["chosen"] if number - 1 in chosen else []
        lines.append(f"  {number}. {_quoted(tried['text'])}" + (f"  ({', '.join(marks)})" if marks else ""))
        lines += [f"     {line}" for line in _outcome(tried)]
    return lines


def chosen_rounds(row: Row) -> set[int]:
    """Which of the rounds the row's text (or each range's) is; the first, where a text came again."""
    tried = [(text["start"], text["text"], text["source"]) for text in row["rounds"]]
    sources = ("refined", "manual") if row["text_source"] == "human" else (row["text_source"],)
    whole = [(tried[0][0], row["text"], source) for source in sources] if tried else []
    wanted = [(part["start"], part["text"], part["source"]) for part in row["ranges"]] or whole
    return {tried.index(chosen) for chosen in wanted if chosen in tried}


def _outcome(tried: RoundRecord) -> Iterator[str]:
    iou = tried["iou"]
    verdict = "accepted" if tried["accepted"] else "not accepted"
    if not _known(iou):
        yield f"it was not looked for, or nothing was found; {verdict}"
    else:
        hit = "found" if iou >= FOUND else "missed"
        yield f"its best proposal {hit} the target: IoU {_number(iou)}, margin {_signed(tried['margin'])}; {verdict}"
    if tried["positive"]:
        yield f"words that led to the target: {', '.join(tried['positive'])}"
    if tried["negative"]:
        yield f"words that led elsewhere: {', '.join(tried['negative'])}"
    if gain := tried.get("gain"):
        yield from _gain(gain)
    if tried["background"]:
        yield f"background: {', '.join(tried['background'])}"
    if dropped := tried.get("background_dropped"):
        yield f"no background, for it means the target: {', '.join(dropped)}"


def _gain(gain: GainRecord) -> Iterator[str]:
    against = "ground truth" if gain["kind"] == "track" else "the track in the other direction"
    bounds = f"[{_signed(gain['low'])}, {_signed(gain['high'])}]"
    yield (
        f"tracked over frames {gain['start']} to {gain['stop'] - 1}, compared with {against}: "
        f"{_number(gain['score'])}, {_signed(gain['gain'])} {bounds} over tracking without text"
    )
    if gain["left"] is not None:
        who = "the text led the tracker" if gain["by"] == "language" else "the tracker went"
        yield f"{who} to something else in frame {gain['left']}"


def _ranges(row: Row) -> list[str]:
    lines = [
        f"  frames {part['start']} to {part['stop'] - 1}: {_quoted(part['text'])} ({part['source']}; "
        f"IoU {_number(part['iou'])}, margin {_signed(part['margin'])})"
        for part in row["ranges"]
    ]
    return ["Text by range of frames:", *lines] if lines else []


def _alignment(row: Row) -> list[str]:
    lines = []
    for entry in row["alignment"]:
        pairs = ((entry["manual"], entry["refined"]), (entry["manual_margin"], entry["refined_margin"]))
        cosine, margin = (f"{_number(before)} > {_number(after)}" for before, after in pairs)
        cut = "; it cut the chosen text" if entry["truncated"] else ""
        lines.append(
            f"  {entry['encoder']} on {counted(entry['frames'], 'frame')}: cosine {cosine}, margin {margin}{cut}"
        )
    return ["Alignment with the target's crops, manual > chosen text (cosine x 100):", *lines] if lines else []


def _measures(row: Row) -> list[str]:
    """A line per measure and text: its value, where the text stops holding, and what its words do."""
    lines = []
    for record in row.get("measures") or []:
        stops = record["stops_at"]
        more = [] if stops is None else [f"it no longer holds from frame {stops} on"]
        pairs = list(zip(record["words"], record["roles"], strict=True))
        more += [f"{word} {role}" for word, role in pairs if role in ("needed", "harmful", "false")]
        said = f"  {record['measure']} of {record['text']}: {_number(record['value'])}"
        lines.append("; ".join([said, *more]))
    return ["Further measures (a higher value is better):", *lines] if lines else []


def _tracking(row: Row) -> list[str]:
    done = row["tracking"]
    if not done:
        return ["The target was not tracked."]
    by = Counter(done["sources"])
    lines = [
        f"Tracked by {done['tracker']} with the text, protocol {done['protocol']}:",
        f"  success AUC {_number(done['auc'])}, precision at 20 px {_number(done['precision'])}, "
        f"normalised precision {_number(done['norm_precision'])}",
        f"  frames by what placed the box: {', '.join(f'{name} {count}' for name, count in by.items()) or 'none'}",
    ]
    if told := done.get("texts"):
        said = (f'"{one["text"]}" from frame {one["start"]}' for one in told)
        lines.append(f"  the tracker itself was given {'; '.join(said)}")
    if dropped := done.get("places_dropped"):
        lines.append(f"  words of place left out on key frames {', '.join(map(str, dropped))}, where they did not fit")
    if none := done.get("none_frames"):
        lines.append(f"  none of the proposals was the target on key frames {', '.join(map(str, none))}")
    if held := done.get("held_frames"):
        lines.append(f"  a proposal that beat the tracker had to win again on key frames {', '.join(map(str, held))}")
    if done["key_frames"]:
        chosen, random, oracle = map(_number, (done["chosen_iou"], done["random_iou"], done["oracle_iou"]))
        lines.append(
            f"  {counted(len(done['key_frames']), 'key frame')}, proposals chosen by {done['verifier']}: IoU "
            f"{chosen} (random {random}, best possible {oracle})"
        )
    return lines


def _provenance(row: Row) -> list[str]:
    made = row["provenance"]
    if not made:
        return ["Nothing says what made this row."]
    roles = [("describer", made["describer"]), ("grounder", made["grounder"])]
    roles += [("tracker", made["tracker"]), ("verifier", made["verifier"])]
    roles += [("encoder", encoder) for encoder in made["encoders"] or []]
    return [
        f"Made by chatdesc {made['chatdesc']}, seed {made['seed']}, configuration {made['config_hash']}:",
        *(f"  {role}: {_facts(said)}" for role, said in roles if said),
        f"  settings: {_facts(made['settings'])}",
        f"  libraries: {_facts(made['libraries'])}",
        f"  prompts: {_facts(made['prompts'], 12)}",
    ]


def _facts(said: str | None, digits: int | None = None) -> str:
    """``{"name": "csrt", "opencv": "5.0.0"}`` as ``name csrt, opencv 5.0.0``; what is no JSON as it is."""
    try:
        known = json.loads(said or "")
    except ValueError:
        return said or "unknown"
    if not isinstance(known, dict):
        return str(known)
    pairs = ((key, value) for key, value in known.items() if value is not None)
    return ", ".join(f"{key} {_plain(value)[:digits]}" for key, value in pairs) or "nothing"


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _quoted(text: str | None) -> str:
    return "none" if text is None else f'"{one_line(text)}"'


def _known(value: float | None) -> TypeGuard[float]:
    return value is not None and not math.isnan(value)


def _number(value: float | None) -> str:
    return f"{value:.2f}" if _known(value) else "-"


def _signed(value: float | None) -> str:
    return f"{value:+.2f}" if _known(value) else "-"
