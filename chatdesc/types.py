"""The nouns of chatdesc. Imports nothing of ours, so that everything else may import it.

Boxes are ``xywh`` in pixels (x, y of the top-left corner, then width and height), float32, shape [N, 4] for a
sequence and [4] for one frame. Images are uint8 [H, W, 3], RGB.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

K = TypeVar("K")
R = TypeVar("R")
V = TypeVar("V")

Boxes = NDArray[np.float32]
Image = NDArray[np.uint8]


class ChatdescError(Exception):
    """What a user can mend: the message names the place and the remedy."""


class DataError(ChatdescError):
    """Something in a dataset cannot be read (message: file, line, remedy)."""


class FrameError(DataError):
    """A frame is missing or cannot be decoded."""


class BackendError(ChatdescError):
    """A model, tracker or server failed on one request."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with a sequence. A fatal one leaves nothing to re-annotate."""

    kind: str
    message: str
    fatal: bool = False


class LruCache(Generic[K, V]):
    """The values used last, bounded by their number. Threads that ask for the same key at once make it once."""

    def __init__(self, max_items: int) -> None:
        self.max_items = max(1, max_items)
        self._values: OrderedDict[K, V] = OrderedDict()
        self._making: dict[K, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, key: K, make: Callable[[], V]) -> V:
        """The value of ``key``, made if it is not there; an exception in ``make`` stores nothing."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
            making = self._making.setdefault(key, threading.Lock())
        with making:
            with self._lock:
                if key in self._values:
                    return self._values[key]
            try:
                value = make()
                with self._lock:
                    self._values[key] = value
                    while len(self._values) > self.max_items:
                        self._values.popitem(last=False)
            finally:
                with self._lock:
                    self._making.pop(key, None)
            return value


class FrameCache(LruCache[tuple[int, int], Image]):
    """Decoded frames, shared by all sequences of a run."""

    def __init__(self, max_frames: int = 16) -> None:
        super().__init__(max_frames)


class Frames:
    """A sequence's frames: read and decoded when asked for, never before.

    Args:
        paths: one path per frame, relative to the dataset's root, ``/``-separated.
        read: gives a path's bytes (an open fsspec file system knows how).
        cache: where decoded frames are kept for the next stage; None decodes anew each time.
    """

    __slots__ = ("cache", "key", "paths", "read_bytes")
    _keys = count()

    def __init__(self, paths: tuple[str, ...], read: Callable[[str], bytes], cache: FrameCache | None = None) -> None:
        self.paths = paths
        self.read_bytes = read
        self.cache = cache
        self.key = next(Frames._keys)

    def __len__(self) -> int:
        return len(self.paths)

    def __iter__(self) -> Iterator[Image]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: int) -> Image:
        """One frame as RGB uint8 [H, W, 3], not to be written to.

        Raises:
            FrameError: the file is missing or is no image.
        """
        if index < 0:
            index += len(self.paths)
        if not 0 <= index < len(self.paths):
            raise IndexError(f"frame {index} of {len(self.paths)}")
        if self.cache is None:
            return self._decode(index)
        return self.cache.get((self.key, index), lambda: self._decode(index))

    def encoded(self, index: int) -> bytes:
        """The frame's file as it is on disk."""
        path = self.paths[index]
        try:
            return self.read_bytes(path)
        except Exception as error:  # every file system and archive has errors of its own
            raise FrameError(f"{path}: cannot be read ({error}); is the download complete?") from error

    def _decode(self, index: int) -> Image:
        import cv2

        data = np.frombuffer(self.encoded(index), np.uint8)
        try:
            image = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB) if data.size else None
        except cv2.error:  # a header that promises more pixels than OpenCV allows
            image = None
        if image is None:
            raise FrameError(f"{self.paths[index]}: is not a readable image; download it again")
        image.flags.writeable = False
        return image


@dataclass(frozen=True, slots=True)
class FrameRef:
    """A frame that has not been decoded yet."""

    frames: Frames
    index: int

    def image(self) -> Image:
        return self.frames[self.index]


@dataclass(frozen=True, slots=True, eq=False)
class Sequence:
    """One tracking sequence: a video, the target's box in every frame, and what people wrote about it.

    ``visible`` is bool [N], or None where the dataset does not say. ``manual_text`` keeps every byte of the text
    file: ``manual_text.encode("utf-8", "surrogateescape")`` gives the file back; it is None where there is none.
    ``attributes`` maps the dataset's attribute names to whether the sequence has them. ``text`` is the refined text,
    where ``chatdesc.load_refined`` has attached one.
    """

    name: str
    dataset: str
    split: str | None
    category: str | None
    frames: Frames
    boxes: Boxes
    visible: NDArray[np.bool_] | None = None
    manual_text: str | None = None
    attributes: dict[str, bool] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    text: str | None = None

    def __len__(self) -> int:
        return len(self.boxes)

    @property
    def status(self) -> str:
        """``ok``, or the kind of the first fatal problem, or of the first problem."""
        worst = next((p for p in self.problems if p.fatal), None) or next(iter(self.problems), None)
        return worst.kind if worst else "ok"

    @property
    def usable(self) -> bool:
        """Whether there is a first frame and a target in it."""
        return not any(p.fatal for p in self.problems)

    def part(self, start: int, stop: int) -> Sequence:
        """Frames ``start`` to ``stop - 1`` as a sequence of its own; its problems stay with the whole."""
        frames = Frames(self.frames.paths[start:stop], self.frames.read_bytes, self.frames.cache)
        visible = None if self.visible is None else self.visible[start:stop]
        return replace(self, frames=frames, boxes=self.boxes[start:stop], visible=visible, problems=())

    def valid(self) -> NDArray[np.bool_]:
        """bool [N]: frames in which the target has a finite, positive box and is not marked absent."""
        good = np.isfinite(self.boxes).all(1) & (self.boxes[:, 2:] > 0).all(1)
        return np.asarray(good if self.visible is None else good & self.visible)


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a text by its character offsets: ``text[start:end]``."""

    text: str
    start: int
    end: int


STOP_WORDS = frozenset(
    "a an the this that these those of on in at by to for from with without and or as is are was be being its "
    "it their his her which who whose while into onto near next very".split()
)


def split_words(text: str) -> tuple[Word, ...]:
    """The words of a text with their character offsets; hyphens and apostrophes stay inside a word."""
    return tuple(Word(m.group(), m.start(), m.end()) for m in re.finditer(r"\w+(?:['’-]\w+)*", text))


@dataclass(frozen=True, slots=True, eq=False)
class Grounding:
    """Where a text leads: proposals [P, 4] xywh, the text's words, and scores [P, W] in [0, 1].

    A grounder that cannot say which word found what has one column, for the text as a whole (``words`` is then
    one word that spans it).
    """

    boxes: Boxes
    words: tuple[Word, ...]
    scores: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """Unit-length vectors of crops [C, D] and texts [T, D]; ``truncated`` [T] marks texts that were cut."""

    crops: NDArray[np.float32]
    texts: NDArray[np.float32]
    truncated: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """A visual tracker's boxes [n, 4] and scores [n] in [0, 1]; ``session`` continues from here."""

    boxes: Boxes
    scores: NDArray[np.float32]
    session: Any


@dataclass(frozen=True, slots=True, eq=False)
class Describe:
    """Ask for a description of the target in ``box``; answered with the model's raw text.

    ``prompt`` is all that a language model needs beside the picture; the other fields are the same facts for
    backends that do not read. ``motion`` is the target's displacement (dx, dy) per box size over the feedback
    frames, or None with first-frame feedback.
    """

    frame: FrameRef
    box: Boxes
    prompt: str
    category: str | None = None
    previous: str = ""
    positive: tuple[str, ...] = ()
    negative: tuple[str, ...] = ()
    ambiguous: bool = False
    tried: tuple[str, ...] = ()
    motion: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """Ask where a text leads in a frame; answered with a Grounding."""

    frame: FrameRef
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Crop:
    """A box of a frame, xywh."""

    frame: FrameRef
    box: Boxes


@dataclass(frozen=True, slots=True, eq=False)
class Embed:
    """Ask one encoder for the vectors of crops and texts; answered with an Embedding."""

    encoder: str
    crops: tuple[Crop, ...]
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Follow:
    """Ask the visual tracker for frames ``start`` to ``stop - 1``; answered with a Followed.

    With ``init`` (a box in frame ``start - 1``) a new session starts there, else ``session`` goes on. The answer
    may be shorter than asked for: it ends after the first frame whose score is below ``min_score``. ``text`` is the
    phrase in force, for trackers that follow words.
    """

    frames: Frames
    start: int
    stop: int
    session: Any = None
    init: Boxes | None = None
    min_score: float = 0.0
    text: str = ""


Request = Describe | Ground | Embed | Follow
Answer = str | Grounding | Embedding | Followed

# A stage as a generator: it yields a request, or a list that is answered together, and is sent the answer or the list
# of answers; it returns an R. An exception in place of an answer is thrown into it.
Steps = Generator[Request | list[Request], Any, R]


def one_line(text: str) -> str:
    """A text as models and tables take it: one line, single spaces, no undecodable bytes."""
    return " ".join(re.sub("[\ud800-\udfff]", "\ufffd", text).split())
