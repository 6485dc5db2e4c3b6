"""A vision-language tracker's repository as a tracker of chatdesc: lines on standard input, boxes on standard output.

    chatdesc compare RUN ROOT --tracker \\
        "external-text:python vl_tracker.py --repository /src/DUTrack --make make_tracker:make"

The protocol is in docs/models.md of chatdesc. This file runs in the repository's environment, without chatdesc.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import sys


def read_image(path):
    """A frame as RGB uint8 [H, W, 3], as the repositories of the OSTrack family expect it."""
    try:
        import cv2

        image = cv2.imread(path, cv2.IMREAD_COLOR)
        if image is None:
            raise OSError(f"{path}: is not a readable image")
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    except ImportError:
        import numpy as np
        from PIL import Image

        return np.asarray(Image.open(path).convert("RGB"))


def load(repository, spec):
    """The tracker that ``MODULE:FUNCTION`` of the repository returns."""
    sys.path.insert(0, repository)
    os.chdir(repository)  # configurations and weights are often named relative to it
    module, _, function = spec.partition(":")
    return getattr(importlib.import_module(module), function or "make")()


class Adapter:
    """The lines of the protocol, turned into calls of ``initialize`` and ``track``.

    Args:
        tracker: has both.
        words: entries of ``initialize``'s dictionary that get the text.
        score: entry of the answer with a confidence in [0, 1]; empty where there is none.
        restart: whether a phrase that changes starts the tracker anew from its last box.
    """

    def __init__(self, tracker, words, score="", restart=False):
        self.tracker, self.words, self.score, self.restart = tracker, words, score, restart
        self.text, self.told, self.box, self.image = "", "", None, None

    def line(self, line):
        """Do what a line asks for; the line to answer, or None."""
        word, _, rest = line.partition(" ")
        if word == "text":
            self.text = rest
        elif word == "start":
            box, _, path = rest.partition(" ")
            self.box, self.image = [float(v) for v in box.split(",")], read_image(path)
            self.initialize()
        elif word == "frame":
            return self.track(read_image(rest))
        return None

    def initialize(self):
        """Start the tracker on the last image, from the last box, with the text in force."""
        info = {"init_bbox": list(self.box), **dict.fromkeys(self.words, self.text)}
        self.tracker.initialize(self.image, info)
        self.told = self.text

    def track(self, image):
        """The answer for a frame."""
        if self.text != self.told and self.restart:
            self.initialize()
        elif self.text != self.told:
            print(f"text not passed on without --restart: {self.text}", file=sys.stderr)
            self.told = self.text
        found = self.tracker.track(image)
        self.box, self.image = [float(v) for v in found["target_bbox"]], image
        numbers = ",".join(f"{v:.6g}" for v in self.box)
        if not self.score:
            return numbers
        return f"{numbers},{min(max(float(found[self.score]), 0.0), 1.0):.6g}"


def arguments():
    """The command line's."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repository", required=True, help="folder of the tracker's repository")
    parser.add_argument("--make", required=True, help="MODULE:FUNCTION in it that returns a tracker")
    parser.add_argument("--words", action="append", help="entry that gets the text (default: init_nlp and language)")
    parser.add_argument("--score", default="", help="entry of the answer with a confidence in [0, 1]")
    parser.add_argument("--restart", action="store_true", help="start anew where the phrase changes")
    return parser.parse_args()


def main():
    """Answer lines until the end of the input."""
    asked = arguments()
    answers = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):  # repositories print; standard output is for answers alone
        tracker = load(asked.repository, asked.make)
        adapter = Adapter(tracker, asked.words or ["init_nlp", "language"], asked.score, asked.restart)
        for line in sys.stdin:
            if line.strip() == "quit":
                break
            answer = adapter.line(line.rstrip("\r\n"))
            if answer is not None:
                print(answer, file=answers, flush=True)


if __name__ == "__main__":
    main()
