"""The base of the trackers with a neural network, beyond ``neural_model``: sessions that stay small, masks to boxes.

A family defines ``_open``, which returns a Session that has seen frame ``start - 1``, and ``_step``, which shows it the
next frame:

>>> class MyTracker(VideoTracker):
...     family, model_types, model_class, processor_class = "mine", ("my_video",), "MyVideoModel", "MyProcessor"
...     def _open(self, request):
...         return Session(self._memory(), 0, request.init)
...     def _step(self, session, image):
...         session.seen += 1
...         return session.box, 1.0
>>> MyTracker("org/model").name
'mine:org/model'
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

from chatdesc.backends import hub
from chatdesc.backends.frame_by_frame import continued, follow
from chatdesc.backends.neural_model import NeuralModel
from chatdesc.protocols import each
from chatdesc.types import BackendError, Boxes, ChatdescError, Follow, Followed, Image

log = logging.getLogger(__name__)

HOMES = {
    "sam2_video": "sam2",
    "edgetam_video": "edgetam",
    "sam3_tracker_video": "sam3-tracker",
    "sam3_video": "sam3",
}
IMAGES_ONLY = ("sam2", "edgetam", "sam3", "sam3_tracker", "sam")
HEAVY = ("pred_masks", "high_res_masks", "maskmem_features", "maskmem_pos_enc")


@dataclass(slots=True, eq=False)
class Session:
    """The network's memory of a video, how many frames it has seen, and where the target was last. No frames."""

    memory: Any
    seen: int
    box: Boxes


class VideoTracker(NeuralModel, ABC):
    """Base of the trackers; see ``NeuralModel``. A GPU computes in bfloat16, or float16 where it has none.

    Sequences of a batch are followed one after another: one video keeps a GPU busy, and answers cannot depend on the
    batch.
    """

    homes = HOMES
    max_batch = 1
    workers = 1

    def __init__(self, model: str = "", revision: str = "", *, device: str = "auto", **options: Any) -> None:
        super().__init__(model, revision, device)

    def _network(self, resolved: hub.Resolved, **options: Any) -> Any:
        network, notes = super()._network(resolved, output_loading_info=True, **options)
        if notes["missing_keys"]:  # transformers makes them up, and would say so where nobody reads it
            lacking = ", ".join(sorted(notes["missing_keys"])[:3])
            log.warning("%s: its weights lack %d tensors (%s)", self.name, len(notes["missing_keys"]), lacking)
        return network

    def _remedy(self, kind: str, model: str) -> str:
        remedy = super()._remedy(kind, model)
        return f"it segments single images and cannot track; {remedy}" if kind in IMAGES_ONLY else remedy

    def follow(self, requests: list[Follow]) -> list[Followed | Exception]:
        """Follow each request's target; a request that fails is answered with its error.

        Raises:
            BackendError: the model cannot be loaded.
        """
        _ = self.loaded
        return each(requests, self._guarded)

    def _guarded(self, request: Follow) -> Followed:
        import torch

        try:
            with torch.inference_mode(), self._arithmetic():
                return self._follow(request)
        except ChatdescError:
            raise
        except torch.OutOfMemoryError as error:
            torch.cuda.empty_cache()
            message = f"{self.name}: out of memory; use a smaller model, --device cpu, or fewer sequences in flight"
            raise BackendError(message) from error
        except Exception as error:
            raise BackendError(f"{self.name}: {hub.reason(error)}") from error

    def _follow(self, request: Follow) -> Followed:
        def step(session: Session, index: int) -> float:
            box, score = self._step(session, request.frames[index])
            if box is None:
                return 0.0
            session.box = box
            return score

        return follow(request, self._session(request), step)

    def _session(self, request: Follow) -> Session:
        if request.init is not None:
            return self._open(request)
        return continued(request, Session, self.name)

    @abstractmethod
    def _open(self, request: Follow) -> Session:
        """A session that has seen frame ``start - 1``."""

    @abstractmethod
    def _step(self, session: Session, image: Image) -> tuple[Boxes | None, float]:
        """Show the session its next frame.

        Returns:
            The target's box [4] xywh in pixels, None where it is not visible, and a score in [0, 1].
        """

    def _memory(self) -> Any:
        """An empty memory of transformers, all of it on the device: it is small."""
        loaded = self.loaded
        return loaded.processor.init_video_session(inference_device=loaded.device, dtype=loaded.model.dtype)

    def _pixels(self, image: Image) -> Any:
        """A frame as the network takes it, [3, H, W]."""
        made = self.loaded.processor(images=image.copy(), device=self.loaded.device, return_tensors="pt")
        return made["pixel_values"][0]


def forget(memory: Any, now: int, config: Any) -> None:
    """Drop what no frame after ``now`` reads, so that a session does not grow.

    A later frame reads the features of the last ``num_maskmem - 1`` frames, the object pointers of the last
    ``max_object_pointers_in_encoder - 1``, and those of the frames with a prompt, of which the last
    ``max_cond_frame_num`` (-1: all) with their features.
    """
    memory.processed_frames[now] = None  # but counted: SAM 3 goes by the number of frames so far
    memory.cache.clear_all()
    with_features = now - config.num_maskmem + 1
    with_pointers = now - config.max_object_pointers_in_encoder + 1
    for tracked in memory.frames_tracked_per_obj.values():
        tracked.clear()
    for outputs in memory.output_dict_per_obj.values():
        prompted, others = outputs["cond_frame_outputs"], outputs["non_cond_frame_outputs"]
        for index in [i for i in others if i <= with_pointers]:
            del others[index]
        for index, output in others.items():
            _strip(output, HEAVY if index <= with_features else HEAVY[:2])
        recent = sorted(prompted)[-config.max_cond_frame_num :] if config.max_cond_frame_num > 0 else list(prompted)
        for index, output in prompted.items():
            _strip(output, HEAVY[:2] if index in recent or index > with_features else HEAVY)


def _strip(output: dict[str, Any], names: tuple[str, ...]) -> None:
    for name in names:
        output.pop(name, None)


def mask_box(mask: Any) -> Boxes | None:
    """The box xywh around a mask [H, W] of booleans, in pixels; None around an empty one."""
    columns, rows = (mask.any(axis).nonzero().flatten() for axis in (0, 1))
    if not len(columns):
        return None
    x, y, right, bottom = (float(v) for v in (columns[0], rows[0], columns[-1], rows[-1]))
    return np.array([x, y, right - x + 1, bottom - y + 1], np.float32)


def corners(box: Boxes, image: Image) -> list[float]:
    """A box xywh as corners (left, top, right, bottom) within the image, all in pixels.

    >>> corners(np.array([-5, 10, 20, 20], np.float32), np.zeros((48, 64, 3), np.uint8))
    [0.0, 10.0, 15.0, 30.0]

    Raises:
        BackendError: the box has a coordinate that is not finite, no positive size, or lies outside the image.
    """
    x, y, w, h = (float(v) for v in box)
    height, width = image.shape[:2]
    left, top, right, bottom = max(x, 0.0), max(y, 0.0), min(x + w, float(width)), min(y + h, float(height))
    if not (np.isfinite([x, y, w, h]).all() and right > left and bottom > top and w > 0 and h > 0):
        raise BackendError(f"a tracker cannot start from the box {[x, y, w, h]} in a frame of {width} x {height}")
    return [left, top, right, bottom]
