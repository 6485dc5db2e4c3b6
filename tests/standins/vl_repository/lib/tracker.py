"""A tracker with the interface of the OSTrack family: it follows the colour that its words name, and prints a lot."""

import numpy as np

COLOURS = {"red": (220, 30, 30), "blue": (30, 30, 220)}


class Tracker:
    def __init__(self):
        print("loading checkpoint ...")

    def initialize(self, image, info):
        assert image.dtype == np.uint8 and image.shape[2] == 3
        self.box = list(info["init_bbox"])
        words = info["init_nlp"].split()
        self.colour = next((COLOURS[w] for w in words if w in COLOURS), None)
        print("initialize", info)

    def track(self, image, info=None):
        if self.colour is not None:
            rows, columns = (np.abs(image.astype(int) - self.colour).max(2) < 60).nonzero()
            if len(rows):
                self.box = [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]
        print("tracked")
        return {"target_bbox": self.box, "best_score": np.float32(1.25)}


def make():
    return Tracker()
