import re
from pathlib import Path

import numpy as np
import pytest

from chatdesc.backends import create
from chatdesc.backends.opencv_trackers import CsrtTracker, KcfTracker, NanoTracker, inside, similarity
from chatdesc.metrics.overlap import iou
from chatdesc.protocols import Tracker
from chatdesc.types import BackendError, Follow, FrameError, Frames

SIZE = (120, 160)


def encode(image):
    import cv2

    return cv2.imencode(".png", image[..., ::-1])[1].tobytes()


def square_video(n=16, step=(3, 2), hidden=(), seed=0, red=(200, 30, 30)):
    """A textured red square that moves over blue noise, and its boxes; it is away in the ``hidden`` frames."""
    rng = np.random.default_rng(seed)
    ground = rng.integers(0, 60, (*SIZE, 3)) + np.array([0, 0, 60])
    patch = rng.integers(-25, 25, (24, 24, 3)) + list(red)
    files, boxes = {}, []
    for i in range(n):
        x, y = 20 + step[0] * i, 20 + step[1] * i
        image = ground.copy()
        if i not in hidden:
            image[y : y + 24, x : x + 24] = patch
        files[f"{i}.png"] = encode(image.clip(0, 255).astype(np.uint8))
        boxes.append([x, y, 24, 24])
    return Frames(tuple(files), files.__getitem__), np.array(boxes, np.float32)


def follow(tracker, *requests):
    answers = tracker.follow(list(requests))
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
    return answers


@pytest.fixture(params=["csrt", "kcf", "nano1", "nano2"])
def tracker(request):
    if not request.param.startswith("nano"):
        return create("tracker", request.param, device="cpu")
    weights = request.getfixturevalue("shared_data") / "nanotrack" / f"nanotrackv{request.param[-1]}"
    return create("tracker", f"nano:{weights}")


def test_follows_a_moving_square(tracker):
    assert isinstance(tracker, Tracker)
    frames, truth = square_video()
    [answer] = follow(tracker, Follow(frames, 1, 16, init=truth[0]))
    assert answer.boxes.shape == (15, 4)
    assert answer.boxes.dtype == answer.scores.dtype == np.float32
    assert iou(answer.boxes, truth[1:]).mean() > 0.6
    assert ((answer.scores >= 0) & (answer.scores <= 1)).all()
    assert answer.scores.mean() > 0.6


def test_going_on_equals_one_long_follow(tracker):
    frames, truth = square_video()
    [whole] = follow(tracker, Follow(frames, 1, 16, init=truth[0]))
    [first] = follow(tracker, Follow(frames, 1, 6, init=truth[0]))
    [rest] = follow(tracker, Follow(frames, 6, 16, session=first.session))
    assert np.array_equal(np.concatenate([first.boxes, rest.boxes]), whole.boxes)
    assert np.array_equal(np.concatenate([first.scores, rest.scores]), whole.scores)


def test_same_track_in_any_batch_and_with_any_seed(tracker):
    import cv2

    videos = [square_video(8, step, seed=s) for s, step in enumerate([(3, 2), (5, 1), (1, 4)])]
    requests = [Follow(frames, 1, 8, init=truth[0]) for frames, truth in videos]
    alone = [follow(tracker, r)[0] for r in requests]
    cv2.setRNGSeed(1234)
    together = follow(tracker, *reversed(requests))[::-1]
    for a, b in zip(alone, together, strict=True):
        assert np.array_equal(a.boxes, b.boxes)
        assert np.array_equal(a.scores, b.scores)


def test_starts_again_where_it_is_told_to(tracker):
    frames, truth = square_video()
    [lost] = follow(tracker, Follow(frames, 1, 6, init=np.array([120, 10, 24, 24], np.float32)))
    [found] = follow(tracker, Follow(frames, 8, 16, session=lost.session, init=truth[7]))
    assert iou(found.boxes, truth[8:]).mean() > 0.6


class Scripted:
    """An OpenCV tracker that says what it is told to, and keeps the pictures it is shown."""

    def __init__(self, answers):
        self.answers, self.seen, self.start = list(answers), [], None

    def init(self, image, box):
        self.seen.append(image.copy())
        self.start = box

    def update(self, image):
        self.seen.append(image.copy())
        return self.answers.pop(0)[:2]

    def getTrackingScore(self):  # noqa: N802
        return -1.0


def scripted(monkeypatch, *answers):
    told = Scripted(answers)
    monkeypatch.setattr(CsrtTracker, "_new", lambda self: told)
    return told


def test_opencv_is_shown_bgr(monkeypatch):
    told = scripted(monkeypatch, (True, (20, 20, 24, 24)))
    frames, truth = square_video(3, red=(250, 0, 40))
    follow(CsrtTracker(), Follow(frames, 1, 2, init=truth[0]))
    for image, i in zip(told.seen, (0, 1), strict=True):
        assert np.array_equal(image[..., ::-1], frames[i])
    assert told.start == (20, 20, 24, 24)


def test_a_lost_target_stays_where_it_was_with_score_zero(monkeypatch):
    scripted(monkeypatch, (True, (23, 22, 24, 24)), (False, (0, 0, 0, 0)), (True, (29, 26, 24, 24)))
    frames, truth = square_video(4)
    [answer] = follow(CsrtTracker(), Follow(frames, 1, 4, init=truth[0]))
    assert answer.boxes.tolist() == [[23, 22, 24, 24], [23, 22, 24, 24], [29, 26, 24, 24]]
    assert answer.scores[1] == 0
    assert answer.scores[[0, 2]] == pytest.approx(1, abs=1e-5)  # the same pixels as at the start


def test_stops_after_the_first_doubtful_frame(monkeypatch):
    steps = [(True, (23, 22, 24, 24)), (True, (80, 80, 24, 24)), (True, (29, 26, 24, 24))]
    scripted(monkeypatch, *steps)
    frames, truth = square_video(4)
    [answer] = follow(CsrtTracker(), Follow(frames, 1, 4, init=truth[0], min_score=0.5))
    assert answer.boxes[:, 0].tolist() == [23, 80]
    assert answer.scores[1] < 0.5  # blue noise looks nothing like the square


def test_early_stop_with_a_real_tracker():
    frames, truth = square_video(hidden=range(6, 16))
    [answer] = follow(KcfTracker(), Follow(frames, 1, 16, init=truth[0], min_score=0.5))
    assert len(answer.boxes) == 6
    assert (answer.scores[:5] >= 0.5).all()
    assert answer.scores[5] < 0.5


def test_a_frame_that_cannot_be_read_fails_its_own_request_only():
    good, truth = square_video(5)
    files = {p: good.read_bytes(p) for p in good.paths} | {"3.png": b"no image"}
    broken = Frames(tuple(files), files.__getitem__)
    answers = CsrtTracker().follow([Follow(f, 1, 5, init=truth[0]) for f in (good, broken, good)])
    assert isinstance(answers[1], FrameError)
    assert "3.png" in str(answers[1])
    assert [len(a.boxes) for a in answers[::2]] == [4, 4]


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ([10.4, 10.6, 20, 20], (10, 11, 20, 20)),
        ([-10, -10, 30, 30], (0, 0, 20, 20)),
        ([150, 110, 40, 40], (150, 110, 10, 10)),
        ([10, 10, 0.5, 0.5], (10, 10, 4, 4)),
        ([500, 500, 20, 20], (156, 116, 4, 4)),
        ([-50, -50, 900, 900], (0, 0, 160, 120)),
    ],
)
def test_boxes_are_kept_within_the_image(box, expected):
    assert inside(box, 160, 120) == expected


@pytest.mark.parametrize("box", [(10, 10, 140, 2), (156, 0, 2, 120), (0, 0, 160, 120), (159, 119, 1, 1)])
def test_odd_boxes_do_not_break_a_tracker(tracker, box):
    frames, _ = square_video(3)
    [answer] = follow(tracker, Follow(frames, 1, 3, init=np.array(box, np.float32)))
    corner = answer.boxes[:, :2] + answer.boxes[:, 2:]
    assert (answer.boxes[:, :2] >= 0).all()
    assert (corner <= [160, 120]).all()


def test_mil_follows_and_does_not_hang_on_tiny_boxes():
    frames, truth = square_video()
    [answer] = follow(create("tracker", "mil"), Follow(frames, 1, 9, init=truth[0]))
    assert iou(answer.boxes, truth[1:9]).mean() > 0.3  # its draws come from the clock
    [tiny] = follow(create("tracker", "mil"), Follow(frames, 1, 3, init=np.array([2, 2, 1, 1], np.float32)))
    assert tiny.boxes[:, 2:].tolist() == [[8, 8], [8, 8]]


@pytest.mark.parametrize("bad", [[np.nan, 0, 5, 5], [0, 0, 0, 5], [0, 0, 5, -1]])
def test_no_start_from_what_is_no_box(bad):
    frames, _ = square_video(3)
    [answer] = CsrtTracker().follow([Follow(frames, 1, 3, init=np.array(bad, np.float32))])
    assert isinstance(answer, BackendError)
    assert "positive width" in str(answer)


def test_neither_box_nor_session():
    frames, _ = square_video(3)
    [answer] = CsrtTracker().follow([Follow(frames, 1, 3)])
    assert "nothing to go on from" in str(answer)


def test_similarity_of_histograms():
    a, b = np.array([0.5, 0.5, 0], np.float32), np.array([0, 0, 1], np.float32)
    assert similarity(a, a) == pytest.approx(1)
    assert similarity(a, b) == 0


def test_nano_says_which_files_it_needs(tmp_path):
    with pytest.raises(BackendError, match=r"nanotrack_backbone_sim\.onnx and nanotrack_head_sim\.onnx"):
        NanoTracker(str(tmp_path))
    (tmp_path / "nanotrack_backbone_sim.onnx").touch()
    with pytest.raises(BackendError, match=r"0 files match \*head\*\.onnx"):
        NanoTracker(str(tmp_path))
    with pytest.raises(BackendError, match="no folder given"):
        NanoTracker()


def test_nano_with_broken_weights(tmp_path):
    for part in ("backbone", "head"):
        (tmp_path / f"nanotrack_{part}_sim.onnx").write_bytes(b"not a network")
    frames, truth = square_video(3)
    [answer] = NanoTracker(str(tmp_path)).follow([Follow(frames, 1, 3, init=truth[0])])
    assert isinstance(answer, BackendError)
    assert str(tmp_path) not in str(answer)


def test_trackers_say_what_they_are(shared_data):
    import cv2

    assert CsrtTracker().describe_self() == {"name": "csrt", "opencv": cv2.__version__}
    described = NanoTracker(str(shared_data / "nanotrack" / "nanotrackv2")).describe_self()
    assert (described["name"], described["model"]) == ("nano:nanotrackv2", "nanotrackv2")
    assert re.fullmatch(r"[0-9a-f]{64}", described["weights_sha256"])
    assert not any("/" in value for value in described.values())


def test_a_real_sequence(shared_data):
    folder = shared_data / "otb" / "OTB_videos" / "Crossing"
    paths = sorted(p.name for p in (folder / "img").iterdir())
    frames = Frames(tuple(paths), lambda p: Path(folder / "img" / p).read_bytes())
    rows = (folder / "groundtruth_rect.txt").read_text().split("\n")
    truth = np.array([[float(v) for v in re.split(r"[,\s]+", row.strip())] for row in rows if row.strip()])
    [answer] = follow(CsrtTracker(), Follow(frames, 1, 60, init=truth[0].astype(np.float32)))
    assert iou(answer.boxes, truth[1:60]).mean() > 0.6


def test_every_kind_by_the_common_name(shared_data):
    weights = shared_data / "nanotrack" / "nanotrackv2"
    assert [create("tracker", f"opencv:{kind}").name for kind in ("csrt", "kcf", "mil")] == ["csrt", "kcf", "mil"]
    by_both = [create("tracker", f"{name}:{weights}").describe_self() for name in ("nano", "opencv:nano")]
    assert by_both[0] == by_both[1]
    for wrong, message in [("opencv", "'no kind' is none of csrt"), ("opencv:sort", "'sort' is none of csrt")]:
        with pytest.raises(BackendError, match=message):
            create("tracker", wrong)


def test_nano_from_the_hub(shared_data, hub_cache):
    commit = hub_cache("org/nanotrack", shared_data / "nanotrack" / "nanotrackv2")
    tracker = create("tracker", "opencv:nano:org/nanotrack")
    described = tracker.describe_self()
    assert (tracker.name, described["model"], described["revision"]) == ("nano:org/nanotrack", "org/nanotrack", commit)
    frames, truth = square_video(6)
    [answer] = follow(tracker, Follow(frames, 1, 6, init=truth[0]))
    assert iou(answer.boxes, truth[1:]).mean() > 0.6
    with pytest.raises(BackendError, match=r"tracker nano: org/none is not to be had.*hf download org/none"):
        create("tracker", "opencv:nano:org/none")


def test_as_many_sequences_are_followed_at_a_time_as_the_process_has_cores(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {0, 2, 5}, raising=False)
    assert create("tracker", "csrt").workers == 3
    assert create("tracker", "csrt", threads=2).workers == 2
