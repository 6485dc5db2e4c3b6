"""The nouns of chatdesc: errors, frames and sequences, the requests to backends and their answers.

Boxes are ``xywh`` in pixels (x, y of the top-left corner, then width and height), float32, shape [N, 4] for a
sequence and [4] for one frame. Images are uint8 [H, W, 3], RGB.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache, partial
from io import BytesIO
from itertools import count
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from chatdesc.evidence import Choice, Evidence
from chatdesc.lru_cache import LruCache
from chatdesc.private import without_secrets

R = TypeVar("R")

AHEAD_THREADS = 2  # that decode frames ahead of their use
MAX_PIXELS = 1 << 26  # of a frame, 200 MB decoded; 8K video has half as many

Boxes = NDArray[np.float32]
Image = NDArray[np.uint8]


def first_alone(boxes: NDArray[np.floating[Any]]) -> bool:
    """Whether no box [N, 4] but the first is known, as in test sets whose ground truth is with an evaluation server.

    >>> first_alone(np.array([[1, 2, 3, 4], [np.nan] * 4])), first_alone(np.array([[1.0, 2, 3, 4]]))
    (True, False)
    """
    return len(boxes) > 1 and not np.isfinite(boxes[1:]).all(1).any()


class ChatdescError(Exception):
    """An error that the user can remedy: the message names the place and the remedy, and holds no secret of a URL."""

    def __init__(self, message: str = "") -> None:
        super().__init__(without_secrets(message))


class DataError(ChatdescError):
    """A part of a dataset cannot be read; the message names file, line and remedy."""


class FrameError(DataError):
    """A frame is missing or cannot be decoded."""


class BackendError(ChatdescError):
    """A model, tracker or server failed on one request."""


class UnreadableAnswer(BackendError):
    """A describer's whole answer holds no usable description, so asking again would end alike; the message says why."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A fault of a sequence in its dataset.

    Attributes:
        kind: a word for a row's ``status``, such as ``missing_text``.
        message: what is wrong and where.
        fatal: whether it leaves nothing to re-annotate.
    """

    kind: str
    message: str
    fatal: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", without_secrets(self.message))


@cache
def _decoders() -> ThreadPoolExecutor:
    """The threads that decode ahead, for all caches of the process."""
    return ThreadPoolExecutor(AHEAD_THREADS, thread_name_prefix="decode")


class FrameCache(LruCache[tuple[int, int], Image]):
    """Decoded frames, shared by all sequences of a run; keys are a Frames' ``key`` and an index.

    Frames that will be asked for soon are decoded ahead by threads. At most half of the cache is for frames that nobody
    has asked for yet, so that they do not drive out those in use, or one another.
    """

    def __init__(self, max_frames: int = 16) -> None:
        super().__init__(max_frames)
        self._counting = threading.Lock()
        self._ahead: dict[tuple[int, int], Future[None]] = {}

    @property
    def decoded(self) -> int:
        """How many frames were decoded."""
        return self.made

    def get(self, key: tuple[int, int], make: Callable[[], Image]) -> Image:
        """As of ``LruCache``."""
        with self._counting:
            begun = self._ahead.pop(key, None)
        if begun is not None:
            begun.cancel()  # where no thread was free so far
        return super().get(key, make)

    def ahead(self, key: tuple[int, int], make: Callable[[], Image]) -> None:
        """Have a frame decoded by a thread, if there is room for one more that nobody has asked for."""
        with self._counting:
            if key in self._ahead or key in self:
                return
            if len(self._ahead) >= self.max_items // 2:
                self._ahead = {k: f for k, f in self._ahead.items() if not f.done() or k in self}
                if len(self._ahead) >= self.max_items // 2:
                    return
            self._ahead[key] = _decoders().submit(self._fetch, key, make)

    def _fetch(self, key: tuple[int, int], make: Callable[[], Image]) -> None:
        with suppress(Exception):  # whoever asks for the frame meets the error
            super().get(key, make)


class Frames:
    """A sequence's frames: read and decoded when asked for, never before.

    Args:
        paths: one path per frame, relative to the dataset's root, ``/``-separated.
        read: returns a path's bytes.
        cache: keeps decoded frames for the next stage; None decodes a frame each time.

    Attributes:
        key: a number that no other Frames of this process has.
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
        """One frame as RGB uint8 [H, W, 3], read-only.

        Raises:
            FrameError: the file is missing, is no image, or has more than MAX_PIXELS.
            IndexError: the sequence has no such frame.
        """
        if index < 0:
            index += len(self.paths)
        if not 0 <= index < len(self.paths):
            raise IndexError(f"frame {index} of {len(self.paths)}")
        if self.cache is None:
            return self._decode(index)
        return self.cache.get((self.key, index), lambda: self._decode(index))

    def expect(self, indices: Iterable[int]) -> None:
        """Have frames decoded that will be asked for soon, those first that come first; without a cache nothing is."""
        if self.cache is not None:
            for index in indices:
                if 0 <= index < len(self.paths):
                    self.cache.ahead((self.key, index), partial(self._decode, index))

    def encoded(self, index: int) -> bytes:
        """The bytes of the frame's file.

        Raises:
            FrameError: the file cannot be read.
        """
        path = self.paths[index]
        try:
            return self.read_bytes(path)
        except Exception as error:  # every file system and archive has errors of its own
            raise FrameError(f"{path}: cannot be read ({error}); is the download complete?") from error

    def _decode(self, index: int) -> Image:
        import cv2

        encoded = self.encoded(index)
        refuse_large_image(self.paths[index], encoded)
        try:
            image = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR_RGB)
        except cv2.error:
            image = None
        if image is None:
            raise FrameError(f"{self.paths[index]}: is not a readable image; download it again")
        image.flags.writeable = False
        return image


def refuse_large_image(path: str, encoded: bytes) -> None:
    """Refuse an image whose header promises more than MAX_PIXELS, before any of them is decoded.

    Raises:
        FrameError: it does, or it is no image.
    """
    from PIL import Image as Pictures

    try:
        with Pictures.open(BytesIO(encoded)) as header:
            width, height = header.size
    except (Pictures.DecompressionBombError, Pictures.DecompressionBombWarning):  # its own limit is higher
        width = height = MAX_PIXELS
    except Exception as error:  # damaged headers raise many kinds
        raise FrameError(f"{path}: is not a readable image; download it again") from error
    if width * height > MAX_PIXELS:
        raise FrameError(
            f"{path}: has more than {MAX_PIXELS >> 20} million pixels and is not decoded; shrink the frames"
        )


@dataclass(frozen=True, slots=True)
class FrameRef:
    """A frame by its index, not decoded yet."""

    frames: Frames
    index: int

    def image(self) -> Image:
        """The frame as RGB uint8 [H, W, 3], read-only; raises as ``Frames`` does."""
        return self.frames[self.index]


@dataclass(frozen=True, slots=True, eq=False)
class Sequence:
    """One tracking sequence of N annotated frames: a video, the target's boxes, and the dataset's text.

    Attributes:
        name, dataset, split, category: as in the source dataset; ``split`` and ``category`` None where it has none.
        frames: the video.
        boxes: float32 [N, 4] xywh, pixels.
        visible: bool [N], None where the dataset does not say.
        manual_text: every byte of the text file, ``manual_text.encode("utf-8", "surrogateescape")``; None without one.
        attributes: the dataset's attribute names, and whether the sequence has them.
        problems: faults that the loader found.
        text: the refined text, where ``chatdesc.load_refined`` has attached one.
        first: where it is a part, the number of its first frame in the whole sequence.
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
    first: int = 0

    def __len__(self) -> int:
        return len(self.boxes)

    @property
    def status(self) -> str:
        """``ok``, or the kind of the first fatal problem, else of the first problem."""
        worst = next((p for p in self.problems if p.fatal), None) or next(iter(self.problems), None)
        return worst.kind if worst else "ok"

    @property
    def usable(self) -> bool:
        """Whether no problem is fatal: the first frame exists and has a target."""
        return not any(p.fatal for p in self.problems)

    def part(self, start: int, stop: int) -> Sequence:
        """Frames ``start`` to ``stop - 1`` as a sequence of its own, without the problems."""
        frames = Frames(self.frames.paths[start:stop], self.frames.read_bytes, self.frames.cache)
        visible = None if self.visible is None else self.visible[start:stop]
        first = self.first + start
        return replace(self, frames=frames, boxes=self.boxes[start:stop], visible=visible, problems=(), first=first)

    def valid(self) -> NDArray[np.bool_]:
        """bool [N]: frames in which the target has a finite, positive box and is not marked absent."""
        good = np.isfinite(self.boxes).all(1) & (self.boxes[:, 2:] > 0).all(1)
        return np.asarray(good if self.visible is None else good & self.visible)


@dataclass(frozen=True, slots=True)
class Word:
    """A word with its character offsets in the whole text: ``whole[start:end] == text``."""

    text: str
    start: int
    end: int


STOP_WORDS = frozenset(
    "a an the this that these those of on in at by to for from with without and or as is are was be being its "
    "it their his her which who whose while into onto near next very".split()
)


def split_words(text: str) -> tuple[Word, ...]:
    """The words of a text with their character offsets; hyphens and apostrophes stay inside a word.

    >>> split_words("a well-worn kite")[1]
    Word(text='well-worn', start=2, end=11)
    """
    return tuple(Word(m.group(), m.start(), m.end()) for m in re.finditer(r"\w+(?:['’-]\w+)*", text))


@dataclass(frozen=True, slots=True, eq=False)
class Grounding:
    """A grounder's answer: the regions that a text leads to, with a score for each word.

    Attributes:
        boxes: [P, 4] xywh, pixels.
        words: [W] the words of the text. A grounder that scores a phrase as a whole has one word per phrase,
            which spans it.
        scores: [P, W] in [0, 1].
        truncated: whether the grounder cut the text, or a phrase of it, to its context.
    """

    boxes: Boxes
    words: tuple[Word, ...]
    scores: NDArray[np.float32]
    truncated: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """An encoder's answer.

    Attributes:
        crops: [C, D] vectors of length 1 (or 0, where nothing is known of a crop).
        texts: [T, D] likewise.
        truncated: bool [T], texts that the encoder cut to its context.
    """

    crops: NDArray[np.float32]
    texts: NDArray[np.float32]
    truncated: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """A visual tracker's answer.

    Attributes:
        boxes: [n, 4] xywh, pixels; n >= 1.
        scores: [n] in [0, 1], the tracker's confidence.
        session: the tracker's own state, for the request that continues from here.
        text: the words that the tracker was given for these frames; empty where it takes none.
    """

    boxes: Boxes
    scores: NDArray[np.float32]
    session: Any
    text: str = ""


NOT_SHOWN = {"shown": False}  # of a field of Describe that no model sees: cached answers do not depend on it


@dataclass(frozen=True, slots=True, eq=False)
class Departure:
    """Where a tracker that followed a text left the target, and onto what.

    Attributes:
        after, of: the tracker was on the target for ``after`` of ``of`` frames.
        frame, box: what it followed in the target's place, [4] xywh in pixels, and a frame in which it is there.
        target: the target [4] in that frame; None where it is not known.
        by: ``language`` if the text led there on a key frame, else ``tracker``.
        words: words of the text that fit what it followed as well.
        said: all that in words, as it stands in the prompt.
    """

    after: int
    of: int
    frame: FrameRef
    box: Boxes
    target: Boxes | None = None
    by: str = "tracker"
    words: tuple[str, ...] = ()
    said: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Describe:
    """Ask for a description of the target; answered with the model's raw text, or with Candidates.

    Attributes:
        frame, box: the target, [4] xywh in pixels.
        prompt: all that a language model needs beside the picture. The other fields hold the same facts for backends
            that read no prompt.
        category: the dataset's class of the target.
        previous: the text of the round before; empty in the first round.
        positive, negative: words that led to the target, and words that led elsewhere.
        ambiguous: whether the text before also fits other objects.
        tried: all texts so far.
        background_dropped: phrases that were listed as background in earlier rounds, but mean the target itself.
        motion: the target's displacement (dx, dy) over the feedback frames, in units of its size (the square root of
            its area); None with a single feedback frame.
        sequence, at: the sequence's name, and the number of the frame in the whole of it, for describers that look a
            text up; one that reads them must not be ``cacheable``.
        departure: where a tracker left the target when it followed the text before; None where none did.
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
    background_dropped: tuple[str, ...] = ()
    motion: tuple[float, float] | None = None
    departure: Departure | None = None
    sequence: str = field(default="", metadata=NOT_SHOWN)
    at: int = field(default=0, metadata=NOT_SHOWN)

    @property
    def plain_prompt(self) -> str:
        """The prompt without what it says of a departure, for models that were trained on all of its other lines."""
        return self.prompt.replace(self.departure.said, "") if self.departure and self.departure.said else self.prompt


@dataclass(frozen=True, slots=True)
class Candidates:
    """A describer's answer that nobody wrote for this request: texts that are all tried, the whole of what it has."""

    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Ask:
    """Ask a describer a closed question; answered with a Reply.

    Attributes:
        question: all that it is told, with the request to answer with Yes or No.
        frame, box: the object that the question is about, [4] xywh in pixels; both None where it is about words alone.
    """

    question: str
    frame: FrameRef | None = None
    box: Boxes | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """A describer's answer to a closed question.

    Attributes:
        yes: what it says.
        probability: of Yes, given that it says Yes or No, in [0, 1]; None where the backend does not tell.
    """

    yes: bool
    probability: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """Ask for the regions of a frame that a text leads to; answered with a Grounding."""

    frame: FrameRef
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Crop:
    """A box [4] xywh, in pixels, of a frame."""

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

    Attributes:
        frames: the whole video; ``start`` is at least 1.
        session: a Followed's session, to continue; ignored with ``init``.
        init: [4] xywh, in pixels of frame ``start - 1``, to start a new session there.
        min_score: the answer ends after the first frame with a lower score; 0 never ends it early.
        text: the phrase in force, for trackers that follow words.
    """

    frames: Frames
    start: int
    stop: int
    session: Any = None
    init: Boxes | None = None
    min_score: float = 0.0
    text: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Verify:
    """Ask one verifier which of a key frame's proposals is the target; answered with a Choice."""

    verifier: str
    evidence: Evidence


Request = Describe | Ask | Ground | Embed | Follow | Verify
Answer = str | Candidates | Reply | Grounding | Embedding | Followed | Choice


class Each(list[Request]):
    """Requests that are answered together, each with its answer or its own error: for a stage that runs several."""


# A stage as a generator: it yields a request, or a list that is answered together, and is sent the answer or the list
# of answers; it returns an R. An exception in place of an answer is thrown into it, but for those in an ``Each``.
Steps = Generator[Request | list[Request], Any, R]


def one_line(text: str) -> str:
    """A text on one line with single spaces; undecodable bytes become U+FFFD.

    >>> one_line(" a\\tred\\nkite ")
    'a red kite'
    """
    return " ".join(re.sub("[\ud800-\udfff]", "\ufffd", text).split())
