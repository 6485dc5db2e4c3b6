"""SAM 3 as a tracker that follows words alone: the box it is started with is not shown to it.

>>> from chatdesc.backends import create
>>> create("tracker", "sam3:facebook/sam3", device="cuda").name
'sam3:facebook/sam3'

So two texts can be compared by how well they are followed. SAM 3 finds every object that the words fit; the target is
the best-scoring one in the first frame that has any. While it is hidden, its box stays and the score is 0, until SAM 3
finds it again, often as a new object. The new target is then the best-scoring object that was never visible beside the
lost one, because an object visible beside it is another one.

Limits:

- a phrase is read up to 32 tokens;
- one video has at most ``MAX_OBJECTS`` objects at a time, the best-scoring ones; one that has been hidden for
  ``HIDDEN_FOR`` frames is dropped;
- frames are answered one by one, so an object that proves spurious later is not removed, as SAM 3 does with a whole
  video;
- transformers suppresses duplicate detections only where the package ``kernels`` is installed; ``describe_self``
  reports it.

The weights are gated and under a licence of their own.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import numpy as np

from chatdesc.backends.neural_model import Network
from chatdesc.backends.video_models import Session, VideoTracker, forget, mask_box
from chatdesc.metrics.overlap import iou_matrix
from chatdesc.types import BackendError, Boxes, Follow, Image

MAX_OBJECTS = 16
HIDDEN_FOR = 30  # frames
SAME_THING = 0.5  # IoU from which two objects of one frame are one thing found twice


@dataclass(frozen=True, slots=True)
class Seen:
    """An object in one frame.

    Attributes:
        box: [4] xywh, pixels.
        score: in [0, 1], how surely the object is in this frame.
        fit: in [0, 1], how well the words fitted it when it was found.
    """

    box: Boxes
    score: float
    fit: float


@dataclass(slots=True, eq=False)
class WordSession(Session):
    """A session with its words, the target's number, the objects seen beside it, and when each was last seen."""

    text: str = ""
    target: int | None = None
    others: set[int] = field(default_factory=set)
    last_seen: dict[int, int] = field(default_factory=dict)


class Sam3WordTracker(VideoTracker):
    """``sam3:<model>``."""

    family = "sam3"
    model_types = ("sam3_video",)
    model_class = "Sam3VideoModel"
    processor_class = "Sam3VideoProcessor"

    def _load(self) -> Network:
        loaded = super()._load()
        loaded.model.max_num_objects = min(MAX_OBJECTS, loaded.model.max_num_objects)
        # It warns in every frame that has more objects than that.
        logging.getLogger(type(loaded.model).__module__).setLevel(logging.ERROR)
        return loaded

    def describe_self(self) -> dict[str, str]:
        kernels = version("kernels") if find_spec("kernels") else "none"
        return {**super().describe_self(), "max_objects": str(self.loaded.model.max_num_objects), "kernels": kernels}

    def _session(self, request: Follow) -> Session:
        going_on = request.init is None and isinstance(request.session, WordSession)
        if going_on and request.session.text == request.text:
            return request.session
        if not going_on:
            return VideoTracker._session(self, request)
        fresh = self._open(request)  # other words from here on
        fresh.box = request.session.box
        return fresh

    def _open(self, request: Follow) -> Session:
        if not request.text.strip():
            raise BackendError(f"{self.name}: follows words, and was given none; use sam3-tracker to follow a box")
        start = np.zeros(4, np.float32) if request.init is None else np.asarray(request.init, np.float32)
        session = WordSession(self._memory(), 0, start, request.text)
        self._add_words(session)
        self._step(session, request.frames[request.start - 1])
        return session

    def _add_words(self, session: WordSession) -> None:
        loaded = self.loaded
        limit = loaded.model.config.detector_config.text_config.max_position_embeddings
        tokens = loaded.processor.tokenizer(
            session.text, padding="max_length", truncation=True, max_length=limit, return_tensors="pt"
        ).to(loaded.device)
        number = session.memory.add_prompt(session.text)
        session.memory.prompt_input_ids[number] = tokens["input_ids"]
        session.memory.prompt_attention_masks[number] = tokens["attention_mask"]

    def _step(self, session: Session, image: Image) -> tuple[Boxes | None, float]:
        assert isinstance(session, WordSession)
        loaded, memory = self.loaded, session.memory
        out = loaded.model(inference_session=memory, frame=self._pixels(image), frame_idx=session.seen)
        found = self._visible(memory, out, image)
        chosen = choose(session, found)
        _drop_hidden(session)
        _forget_words(memory, session.seen, loaded.model.config.tracker_config)
        session.seen += 1
        return (None, 0.0) if chosen is None else (found[chosen].box, found[chosen].score)

    def _visible(self, memory: Any, out: Any, image: Image) -> dict[int, Seen]:
        """The objects that are visible in this frame, by number."""
        done = self.loaded.processor.postprocess_outputs(memory, out, original_sizes=[list(image.shape[:2])])
        seen = {}
        for number, fit, mask in zip(done["object_ids"].tolist(), done["scores"].tolist(), done["masks"], strict=True):
            box = mask_box(mask)
            if box is not None:
                score = float(out.obj_id_to_tracker_score.get(number, fit))
                seen[number] = Seen(box, score, float(fit))
        return seen


def choose(session: WordSession, seen: dict[int, Seen]) -> int | None:
    """Number of the object to report among those seen, None without one; records the objects beside it."""
    session.last_seen.update(dict.fromkeys(seen, session.seen))
    if session.target not in seen:
        free = [n for n in seen if n not in session.others]
        if not free:
            return None
        session.target = max(free, key=lambda n: seen[n].fit)
    box = seen[session.target].box[None]
    apart = (n for n, other in seen.items() if iou_matrix(other.box[None], box)[0, 0] < SAME_THING)
    session.others.update(n for n in apart if n != session.target)
    return session.target


def _drop_hidden(session: WordSession) -> None:
    """Take objects out of the memory that have not been seen for long; the target stays."""
    for number in list(session.memory.obj_ids):
        since = session.seen - session.last_seen.setdefault(number, session.seen)
        if number != session.target and since >= HIDDEN_FOR:
            session.memory.remove_object(number)
            del session.last_seen[number]
            session.others.discard(number)


def _forget_words(memory: Any, now: int, config: Any) -> None:
    """``forget``, and also drop SAM 3's records of each frame and of objects that are gone."""
    forget(memory, now, config)
    memory.suppressed_obj_ids.clear()
    memory.obj_id_to_tracker_score_frame_wise.clear()
    memory.overlap_pair_to_frame_inds.clear()  # read to take objects back, which streaming does not
    memory.unmatched_frame_inds.clear()
    for masks in memory.mask_inputs_per_obj.values():
        masks.clear()
    for notes in (memory.obj_id_to_score, memory.obj_first_frame_idx, memory.trk_keep_alive):
        for number in [n for n in notes if n not in memory.obj_ids]:
            del notes[number]
