"""SAM 2, EdgeTAM and SAM 3's tracker from transformers: a box in one frame, masks in the next ones, boxes around them.

>>> from chatdesc.backends import create
>>> create("tracker", "sam2:facebook/sam2.1-hiera-tiny", device="cuda").name
'sam2:facebook/sam2.1-hiera-tiny'
>>> create("tracker", "edgetam:yonigozlan/EdgeTAM-hf").name
'edgetam:yonigozlan/EdgeTAM-hf'

Frames are shown one by one and never kept: a session holds only the features that later frames need, the same amount
after 2000 frames as after 100. Where the mask is empty, the box stays and the score is 0; else the score is the
network's own for "the object is in this frame".

The weights of SAM 2 and EdgeTAM are Apache-2.0; those of SAM 3 are gated and under a licence of their own.
"""

from __future__ import annotations

from chatdesc.backends.video_models import Session, VideoTracker, corners, forget, mask_box
from chatdesc.types import Boxes, Follow, Image

TARGET = 1  # the object's number in the network's memory


class SamTracker(VideoTracker):
    """Base of the trackers that are started with a box."""

    def _open(self, request: Follow) -> Session:
        assert request.init is not None
        image = request.frames[request.start - 1]
        session = Session(self._memory(), 0, request.init)
        self.loaded.processor.add_inputs_to_inference_session(
            session.memory,
            frame_idx=0,
            obj_ids=TARGET,
            input_boxes=[[corners(request.init, image)]],
            original_size=image.shape[:2],
        )
        self._step(session, image)
        return session

    def _step(self, session: Session, image: Image) -> tuple[Boxes | None, float]:
        loaded = self.loaded
        out = loaded.model(inference_session=session.memory, frame=self._pixels(image), frame_idx=session.seen)
        forget(session.memory, session.seen, loaded.model.config)
        session.seen += 1
        masks = loaded.processor.post_process_masks([out.pred_masks.float()], original_sizes=[image.shape[:2]])
        return mask_box(masks[0][0, 0]), float(out.object_score_logits.float().sigmoid())


class Sam2Tracker(SamTracker):
    """``sam2:<model>``: SAM 2 and 2.1 (Ravi et al., 2024)."""

    family = "sam2"
    model_types = ("sam2_video",)
    model_class = "Sam2VideoModel"
    processor_class = "Sam2VideoProcessor"


class EdgeTamTracker(SamTracker):
    """``edgetam:<model>``: EdgeTAM (Zhou et al., CVPR 2025), SAM 2's memory for small devices."""

    family = "edgetam"
    model_types = ("edgetam_video",)
    model_class = "EdgeTamVideoModel"
    processor_class = "Sam2VideoProcessor"


class Sam3TrackerTracker(SamTracker):
    """``sam3-tracker:<model>``: the part of SAM 3 that follows a box, from its own weights or those of SAM 3."""

    family = "sam3-tracker"
    model_types = ("sam3_tracker_video", "sam3_video")
    model_class = "Sam3TrackerVideoModel"
    processor_class = "Sam3TrackerVideoProcessor"
