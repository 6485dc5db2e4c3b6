"""A tracker of the kind that `external:` speaks to: Python and numpy, PPM images, the pixels of the target's colour.

external:python tests/standins/external_tracker.py
"""

import sys

import numpy as np


def read(path):
    """A binary PPM as [H, W, 3]."""
    with open(path, "rb") as file:
        _, width, height, _ = (file.readline() + file.readline() + file.readline()).split()
        return np.frombuffer(file.read(), np.uint8).reshape(int(height), int(width), 3)


def main():
    colour = box = None
    for line in sys.stdin:
        word, _, rest = line.strip().partition(" ")
        if word == "start":
            box, _, path = rest.partition(" ")
            x, y, w, h = (round(float(v)) for v in box.split(","))
            colour = np.median(read(path)[y : y + h, x : x + w].reshape(-1, 3), 0)
        elif word == "frame":
            alike = np.abs(read(rest) - colour).max(2) < 40
            rows, columns = alike.any(1).nonzero()[0], alike.any(0).nonzero()[0]
            if len(rows):
                box = f"{columns[0]},{rows[0]},{np.ptp(columns) + 1},{np.ptp(rows) + 1}"
                print(f"{box},{min(1.0, alike.sum() / 100):.3f}", flush=True)
            else:
                print("0,0,0,0", flush=True)
        else:
            break


if __name__ == "__main__":
    main()
