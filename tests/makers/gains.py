"""Gains as trials find them."""

from chatdesc.stages.gain import Gain, Left, departure, difference


def gain_of(values, baseline=None, kind="track", block=10, led=()):
    """A gain from agreements per frame; without a baseline, over a track that is lost from the first frame on."""
    alone = [0.0] * len(values) if baseline is None else list(baseline)
    gone = departure(values, theta=0.3)
    left = Left(gone[0] + 1, gone[1] + 1, (1.0, 2.0, 3.0, 4.0), "tracker") if gone else None
    means = sum(values) / len(values), sum(alone) / len(alone)
    return Gain(kind, len(values) + 1, tuple(values), *means, difference(values, alone, block), block, led, left)
