"""Cost of an alignment table: decoded frames, encoded texts and crops, seconds; per frames, encoders and texts.

    python benchmarks/alignment.py [--sequences 16] [--repeats 3]

Frames are 1280 x 720 (JPEG). A stand-in for a CLIP resizes a crop to 224 pixels and multiplies it by a matrix, so the
time measured is that of everything around a model. Ours decodes a frame once for all encoders, crops and texts;
``each`` is the plain loop that opens the frame for every encoder and text. Runs alternate; medians are compared.
"""

from __future__ import annotations

import argparse
import statistics
import time
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np

from chatdesc.backends.crop_encoder import CropEncoder
from chatdesc.config import Settings
from chatdesc.engine.schedule import Lane, Scheduler
from chatdesc.stages.align import align
from chatdesc.stages.track import Phrase
from chatdesc.types import Embed, FrameCache, Frames, Sequence

IN_FLIGHT = 8
TEXTS = {"manual": "a red kite over the sea", "refined": "the red kite on the left with a long tail"}


class StandIn(CropEncoder):
    """An encoder whose model is one multiplication."""

    encoded_texts = encoded_crops = 0

    def _load(self) -> Any:
        matrix = np.random.default_rng(0).normal(size=(224 * 224 * 3, 32)).astype(np.float32)

        def crops(items: list[np.ndarray]) -> np.ndarray:
            self.encoded_crops += len(items)
            return _unit(np.stack(items) @ matrix)

        def texts(items: list[str]) -> np.ndarray:
            self.encoded_texts += len(items)
            return _unit(
                np.float32([[len(t), *(t.count(c) for c in "abcdefghijklmnopqrstuvwxyzABCDE")] for t in items])
            )

        return SimpleNamespace(
            device="cpu", facts={}, cuts=True, fill=(0, 0, 0), room=1.0, width=32, preprocess=_shrunk,
            tokenize=lambda t: (t, [False] * len(t)), encode_crops=crops, encode_texts=texts,
        )  # fmt: skip


def _shrunk(picture: Any) -> np.ndarray:
    return np.asarray(picture.resize((224, 224)), np.float32).ravel() / 255


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def sequences(count: int, frames: int, cache: FrameCache | None, decoded: list[int]) -> list[Sequence]:
    noise = np.random.default_rng(0).integers(0, 255, (90, 160, 3), np.uint8)
    data = cv2.imencode(".jpg", cv2.resize(noise, (1280, 720)))[1].tobytes()

    def read(path: str) -> bytes:
        decoded.append(1)
        return data

    boxes = np.tile(np.float32([[500, 300, 90, 70]]), (frames, 1))
    paths = tuple(f"{i:08d}.jpg" for i in range(frames))
    return [
        Sequence(f"s{i}", "lasot", "test", None, Frames(paths, read, cache), boxes, None, TEXTS["manual"])
        for i in range(count)
    ]


def table(count: int, frames: int, encoders: int, texts: int) -> tuple[float, int, int, int]:
    """Seconds, decoded frames, encoded texts and crops of our way."""
    decoded: list[int] = []
    models = {f"e{i}": StandIn(f"e{i}", "cpu", 64) for i in range(encoders)}
    settings = Settings(encoders=tuple(models), alignment_frames=frames)
    data = sequences(count, frames, FrameCache(IN_FLIGHT * frames), decoded)
    wording = {name: (Phrase(0, text),) for name, text in list(TEXTS.items())[:texts]}
    lanes = [Lane((Embed, name), model.embed, model.max_batch) for name, model in models.items()]
    for model in models.values():
        _ = model.loaded
    start = time.perf_counter()
    done = dict(Scheduler(lanes, IN_FLIGHT).run((s.name, align(s, wording, settings, None)) for s in data))
    seconds = time.perf_counter() - start
    assert all(len(found) == encoders * texts for found in done.values())
    return (
        seconds,
        len(decoded),
        sum(m.encoded_texts for m in models.values()),
        sum(m.encoded_crops for m in models.values()),
    )


def each(count: int, frames: int, encoders: int, texts: int) -> tuple[float, int, int, int]:
    """The same numbers by the plain loop: every encoder and text opens its frames anew."""
    decoded: list[int] = []
    models = [StandIn(f"e{i}", "cpu", 64) for i in range(encoders)]
    data = sequences(count, frames, None, decoded)
    for model in models:
        _ = model.loaded
    start = time.perf_counter()
    for model in models:
        for text in list(TEXTS.values())[:texts]:
            for sequence in data:
                settings = Settings(encoders=("e",), alignment_frames=frames)
                dict(
                    Scheduler([Lane((Embed, "e"), model.embed)], 1).run(
                        [("s", align(sequence, {"manual": (Phrase(0, text),)}, settings, None))]
                    )
                )
    seconds = time.perf_counter() - start
    return seconds, len(decoded), sum(m.encoded_texts for m in models), sum(m.encoded_crops for m in models)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sequences", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    cases = [(4, 1, 1), (4, 1, 2), (4, 2, 2), (4, 4, 2), (8, 1, 2), (8, 4, 2)]
    print(f"{options.sequences} sequences, pictures of 1280 x 720")
    print("frames encoders texts | decoded  texts  crops  seconds | each: decoded  seconds")
    taken: dict[tuple[int, int, int], float] = {}
    for case in cases:
        runs = [(table(options.sequences, *case), each(options.sequences, *case)) for _ in range(options.repeats)]
        ours, plain = (statistics.median(r[k][0] for r in runs) for k in (0, 1))
        (_, decoded, texts, crops), (_, opened, _, _) = runs[0]
        taken[case] = ours
        print(
            "{:6} {:8} {:5} | {:7} {:6} {:6} {:8.2f} | {:13} {:8.2f}".format(
                *case, decoded, texts, crops, ours, opened, plain
            )
        )
    print(f"twice the texts:    {taken[4, 1, 2] / taken[4, 1, 1]:.2f} x the time")
    print(f"four times the encoders: {taken[4, 4, 2] / taken[4, 1, 2]:.2f} x the time, the same frames decoded")
    print(f"twice the frames:   {taken[8, 1, 2] / taken[4, 1, 2]:.2f} x the time")


if __name__ == "__main__":
    main()
