"""Readers of text formats, written anew after what the published ones do with a file."""

from __future__ import annotations

from bisect import bisect_left


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
