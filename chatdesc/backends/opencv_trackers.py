"""OpenCV's visual trackers: CSRT (default), KCF, MIL, and NanoTrack from ONNX files in a folder or on the Hub.

>>> from chatdesc.backends import create
>>> create("tracker", "csrt").name, create("tracker", "opencv:kcf").name
('csrt', 'kcf')

``opencv:nano:/models/nanotrackv2`` takes NanoTrack's files from a folder. Except for MIL, results depend neither on
threads nor on random numbers: a run gives the same track each time.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chatdesc.backends import hub
from chatdesc.backends.frame_by_frame import continued, follow
from chatdesc.cores import cores
from chatdesc.protocols import each
from chatdesc.types import BackendError, Follow, Followed, Image

Histogram = NDArray[np.float32]
IntBox = tuple[int, int, int, int]

BINS = [8, 4, 8]  # hue, saturation, value: enough value bins for grey video
MIN_SIDE = 4  # pixels; CSRT's features need some area,
MAX_ASPECT = 24  # and CSRT fails on boxes that are far longer than wide


@dataclass(slots=True, eq=False)
class Session:
    """A started tracker, the appearance of its target in the first frame, and the last box in whole pixels."""

    tracker: Any
    template: Histogram
    box: IntBox


class OpenCvTracker(ABC):
    """Base of OpenCV's trackers.

    Args:
        model, revision: weights, for a tracker that has some.
        threads: sequences followed at a time; 0 means one per core that the process may use.
        options: of other backends; ignored.
    """

    name = ""
    min_side = MIN_SIDE
    max_batch = 1  # sequences do not wait for one another

    def __init__(self, model: str = "", revision: str = "", *, threads: int = 0, **options: Any) -> None:
        self.threads = self.workers = threads or cores()

    @abstractmethod
    def _new(self) -> Any: ...

    def describe_self(self) -> dict[str, str]:
        """Name, and the version of OpenCV."""
        import cv2

        return {"name": self.name, "opencv": cv2.__version__}

    def follow(self, requests: list[Follow]) -> list[Followed | Exception]:
        """Follow each request's target. A frame that cannot be read is a FrameError of that request alone."""
        return each(requests, self._follow, self.threads)

    def _follow(self, request: Follow) -> Followed:
        return follow(request, self._session(request), lambda session, index: _step(session, request.frames[index]))

    def _session(self, request: Follow) -> Session:
        if request.init is None:
            return continued(request, Session, self.name)
        image = request.frames[request.start - 1]
        box = inside(request.init, image.shape[1], image.shape[0], self.min_side)
        tracker = self._new()
        _guarded(tracker.init, _bgr(image), box)
        return Session(tracker, appearance(image, box), box)


class CsrtTracker(OpenCvTracker):
    """Discriminative correlation filter with channel and spatial reliability (Lukezic et al., CVPR 2017)."""

    name = "csrt"

    def _new(self) -> Any:
        import cv2

        return cv2.TrackerCSRT.create()


class KcfTracker(OpenCvTracker):
    """Kernelised correlation filter (Henriques et al., TPAMI 2015): fast, and its boxes keep their size."""

    name = "kcf"

    def _new(self) -> Any:
        import cv2

        return cv2.TrackerKCF.create()


class MilTracker(OpenCvTracker):
    """Multiple-instance learning (Babenko et al., CVPR 2009): boosted Haar features; boxes keep their size.

    OpenCV seeds it from the clock, so its tracks, and rows made with it, are not reproducible.
    """

    name = "mil"
    min_side = 8  # OpenCV looks for ever for a feature that fits into 4 x 4 pixels

    def _new(self) -> Any:
        import cv2

        return cv2.TrackerMIL.create()

    def describe_self(self) -> dict[str, str]:
        return {**super().describe_self(), "reproducible": "no"}


class NanoTracker(OpenCvTracker):
    """NanoTrack v1 or v2, a small Siamese network. ``model`` is a folder with its two ONNX files, or a Hub id.

    Raises:
        BackendError: no folder is named, it does not hold the two files, or the Hub does not have them.
    """

    name = "nano"

    def __init__(self, model: str = "", revision: str = "", *, threads: int = 0, **options: Any) -> None:
        super().__init__(model, revision, threads=threads, **options)
        folder, self.known_as, self.commit = _weights(model, revision)
        self.backbone = _onnx(folder, "backbone")
        self.head = _onnx(folder, "head")
        self.name = f"nano:{self.known_as}"

    def _new(self) -> Any:
        import cv2

        # Networks of its own for each session: they hold state, and sessions run in threads.
        return _guarded(cv2.TrackerNano.create, _network(self.backbone), _network(self.head))

    def describe_self(self) -> dict[str, str]:
        import hashlib

        weights = hashlib.sha256(self.backbone.read_bytes() + self.head.read_bytes()).hexdigest()
        facts = {"model": self.known_as, "weights_sha256": weights}
        return {**super().describe_self(), **facts, **({"revision": self.commit} if self.commit else {})}


KINDS: dict[str, type[OpenCvTracker]] = {"csrt": CsrtTracker, "kcf": KcfTracker, "mil": MilTracker, "nano": NanoTracker}


def opencv_tracker(model: str = "", revision: str = "", **options: Any) -> OpenCvTracker:
    """The tracker behind ``opencv:KIND`` or ``opencv:KIND:MODEL``.

    Raises:
        BackendError: the kind is none of KINDS.
    """
    kind, _, rest = model.partition(":")
    if kind not in KINDS:
        raise BackendError(f"tracker opencv: {kind or 'no kind'!r} is none of {', '.join(KINDS)}; write opencv:csrt")
    return KINDS[kind](rest, revision, **options)


def _weights(model: str, revision: str) -> tuple[str, str, str]:
    """A folder, what to call it, and its commit if it is of the Hub."""
    from huggingface_hub import snapshot_download

    whole = f"{model}@{revision}" if revision else model  # a path may hold an @
    folder = Path(whole).expanduser()
    if not model or folder.is_dir() or whole.startswith(("/", "~", ".", "\\")) or whole.count("/") != 1:
        return str(folder) if whole else "", folder.resolve().name, ""
    try:
        found = snapshot_download(model, revision=revision or None, allow_patterns=["*.onnx"])
    except Exception as error:
        raise BackendError(f"tracker nano: {hub.why_not(model, revision, error)}") from error
    return found, model, Path(found).name


def _onnx(folder: str, part: str) -> Path:
    found = sorted(Path(folder).glob(f"*{part}*.onnx")) if folder else []
    if len(found) != 1:
        raise BackendError(
            f"tracker nano: {folder or 'no folder given'}: {len(found)} files match *{part}*.onnx, one is needed. Name "
            "a folder that holds nanotrack_backbone_sim.onnx and nanotrack_head_sim.onnx (NanoTrack v1 or v2): "
            "nano:/path/to/nanotrackv2"
        )
    return found[0]


def _network(path: Path) -> Any:
    import cv2

    try:
        return cv2.dnn.readNet(str(path))
    except cv2.error as error:  # its message holds the whole path, which must not get into a row
        raise BackendError(f"{path.name} is not a network that OpenCV reads; download it again") from error


def _guarded(call: Any, *arguments: Any) -> Any:
    import cv2

    try:
        return call(*arguments)
    except cv2.error as error:
        raise BackendError(f"OpenCV: {' '.join(str(error).split())}") from error


def _bgr(image: Image) -> Image:
    import cv2

    return cv2.cvtColor(image, cv2.COLOR_RGB2BGR)


def _step(session: Session, image: Image) -> float:
    """Track one frame and return its score. A target that is not found keeps its box, with score 0."""
    found, box = _guarded(session.tracker.update, _bgr(image))
    if not found:
        return 0.0
    session.box = inside(box, image.shape[1], image.shape[0])
    own = float(session.tracker.getTrackingScore())
    # CSRT and KCF keep no score and say -1.
    score = own if own >= 0 else similarity(session.template, appearance(image, session.box))
    return min(score, 1.0)


def inside(box: ArrayLike, width: int, height: int, min_side: int = MIN_SIDE) -> IntBox:
    """A box xywh on whole pixels and within the image, thickened where it is too thin for a tracker.

    >>> inside([-3.2, 10.4, 20, 1], width=64, height=48)
    (0, 10, 17, 4)

    Raises:
        BackendError: the box has a coordinate that is not finite, or no positive size.
    """
    x, y, w, h = (float(v) for v in np.asarray(box, np.float64))
    if not (np.isfinite([x, y, w, h]).all() and w > 0 and h > 0):
        raise BackendError(f"a tracker cannot start from the box {[x, y, w, h]}: it needs a positive width and height")
    least = max(min_side, round(min(w, width) / MAX_ASPECT), round(min(h, height) / MAX_ASPECT))
    left, side_x = _span(x, w, width, least)
    top, side_y = _span(y, h, height, least)
    return left, top, side_x, side_y


def _span(start: float, length: float, limit: int, least: int) -> tuple[int, int]:
    """Start and length on whole pixels of an interval cut to [0, limit), at least ``least`` long."""
    first = min(max(round(start), 0), max(limit - least, 0))
    last = min(max(round(start + length), first + least), limit)
    return first, last - first


def appearance(image: Image, box: IntBox) -> Histogram:
    """The colours in a box: an HSV histogram [8, 4, 8] that sums to 1."""
    import cv2

    x, y, w, h = box
    step = max(1, min(w, h) // 64)  # a sample is enough, whatever the box's size
    patch = np.ascontiguousarray(image[y : y + h : step, x : x + w : step])
    hsv = cv2.cvtColor(patch, cv2.COLOR_RGB2HSV)
    histogram = cv2.calcHist([hsv], [0, 1, 2], None, BINS, [0, 180, 0, 256, 0, 256])
    return np.asarray(histogram / histogram.sum(), np.float32)


def similarity(a: Histogram, b: Histogram) -> float:
    """Bhattacharyya coefficient of two histograms that sum to 1: 1 for equal ones, 0 for disjoint ones.

    >>> similarity(np.array([0.5, 0.5, 0], np.float32), np.array([0, 0.5, 0.5], np.float32))
    0.5
    """
    return float(np.sqrt(a * b).sum())
