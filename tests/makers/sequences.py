"""Sequences held in memory, and backends that do what a test says and record what they were asked."""

from __future__ import annotations

import numpy as np

from chatdesc.types import Each, Frames, Grounding, Sequence, Verify, split_words
from tests.makers.verifiers import VERIFIERS


class Reader:
    """Files in memory; ``asked`` has every path that was read, in order."""

    def __init__(self, files):
        self.files, self.asked = files, []

    def __call__(self, path):
        self.asked.append(path)
        return self.files[path]


def png(image):
    import cv2

    return cv2.imencode(".png", np.asarray(image, np.uint8)[..., ::-1])[1].tobytes()


def frames_of(images):
    """Frames over pictures, or over ``images`` numbered grey ones (frame i is of level i)."""
    if isinstance(images, int):
        images = [np.full((48, 64, 3), i, np.uint8) for i in range(images)]
    files = {f"img/{i + 1:08d}.png": png(image) for i, image in enumerate(images)}
    return Frames(tuple(files), Reader(files))


def sequence_of(images=4, boxes=(10, 10, 20, 20), manual="a kite", **changes):
    """A sequence over ``images`` (see frames_of) with one box for all frames or a box for each."""
    frames = frames_of(images)
    boxes = np.array(boxes, np.float32)
    boxes = np.tile(boxes, (len(frames), 1)) if boxes.ndim == 1 else boxes
    values = {"name": "kite-1", "dataset": "lasot", "split": "test", "category": "kite", "manual_text": manual}
    return Sequence(frames=frames, boxes=boxes, **(values | changes))


def frames_read(sequence):
    """The indices of the frames whose files were read."""
    return sorted({sequence.frames.paths.index(p) for p in sequence.frames.read_bytes.asked})


def leads(text, *found):
    """A grounding of ``text`` with a proposal for each ``(word, box, score)``; other words score 0 there."""
    words = split_words(text)
    scores = np.zeros((len(found), len(words)), np.float32)
    for row, (word, _, score) in enumerate(found):
        scores[row, [w.text for w in words].index(word)] = score
    return Grounding(np.array([box for _, box, _ in found], np.float32).reshape(-1, 4), words, scores)


def drive(steps, scripted):
    """Run a generator to its end: (its result, what it asked for). An exception as an answer is thrown into it.

    Verifiers answer for themselves.
    """

    def answer(request):
        return VERIFIERS[request.verifier](request.evidence) if isinstance(request, Verify) else scripted(request)

    asked, reply = [], None
    try:
        while True:
            request = steps.throw(reply) if isinstance(reply, Exception) else steps.send(reply)
            asked.append(request)
            if isinstance(request, list):
                reply = [answer(r) for r in request]
                if not isinstance(request, Each):
                    reply = next((r for r in reply if isinstance(r, Exception)), reply)
            else:
                reply = answer(request)
    except StopIteration as end:
        return end.value, asked


def flat(asked):
    """Requests one by one, those of lists too."""
    return [r for a in asked for r in (a if isinstance(a, list) else [a])]


class Recorder:
    """A backend's call: answers every request by ``answer`` and keeps the batches."""

    def __init__(self, answer):
        self.answer, self.calls = answer, []

    def __call__(self, requests):
        self.calls.append(list(requests))
        return [self.answer(r) for r in requests]
