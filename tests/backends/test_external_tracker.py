import gc
import os
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from chatdesc.backends import create
from chatdesc.backends.external_tracker import ExternalTracker, parse
from chatdesc.backends.line_process import LineProcess, without_folders
from chatdesc.metrics.overlap import iou
from chatdesc.protocols import Tracker
from chatdesc.types import BackendError, Follow, FrameError, Frames
from tests.makers.sequences import frames_of
from tests.makers.trackers import annotate

EXAMPLE = Path(__file__).parents[1] / "standins" / "external_tracker.py"
BOX = np.array([10, 10, 8, 8], np.float32)
PATIENCE = 60  # seconds
FOREVER = 600  # seconds; ended long before


@pytest.fixture(autouse=True)
def started(monkeypatch):
    """The processes that a test starts. None is left behind, not even a dead one whose status nobody asked for."""
    processes = []

    class Started(LineProcess):
        def __init__(self, name, command):
            super().__init__(name, command)
            processes.append(psutil.Process(self._process.pid))

    monkeypatch.setattr("chatdesc.backends.external_tracker.LineProcess", Started)
    yield processes
    gc.collect()
    wait_until(lambda: not any(process.is_running() for process in processes))


def wait_until(happened):
    """Wait as long as a busy machine may take; it fails only where nothing comes."""
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def script(tmp_path):
    """Makes a tracker out of its code after the first line, of which ``rest`` holds box and path."""

    def make(body, **options):
        path = tmp_path / "my tracker.py"
        start = "import os, sys, time\nword, _, rest = sys.stdin.readline().strip().partition(' ')\n"
        path.write_text(start + body, encoding="utf-8")
        return ExternalTracker(f"{sys.executable} -S '{path}'", **options)

    return make


def ppm_video(folder, n=8):
    """A red square that moves over grey, as files of a local dataset."""
    from chatdesc.loaders.files import open_root

    truth = []
    for i in range(n):
        image = np.full((60, 80, 3), 120, np.uint8)
        image[10 + 2 * i : 22 + 2 * i, 8 + 5 * i : 20 + 5 * i] = [220, 30, 30]
        truth.append([8 + 5 * i, 10 + 2 * i, 12, 12])
        (folder / f"frame {i}.ppm").write_bytes(b"P6\n80 60\n255\n" + image.tobytes())
    root = open_root(folder)
    return Frames(tuple(f"frame {i}.ppm" for i in range(n)), root.read), np.array(truth, np.float32)


def follow(tracker, *requests):
    answers = tracker.follow(list(requests))
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
    return answers


def failure(tracker, request):
    [answer] = tracker.follow([request])
    assert isinstance(answer, BackendError)
    return str(answer)


def test_a_tracker_in_a_process_of_its_own(tmp_path):
    frames, truth = ppm_video(tmp_path)
    tracker = create("tracker", f"external:{sys.executable} {EXAMPLE}", device="cpu")
    assert isinstance(tracker, Tracker)
    [first] = follow(tracker, Follow(frames, 1, 4, init=truth[0]))
    [rest] = follow(tracker, Follow(frames, 4, 8, session=first.session))
    boxes = np.concatenate([first.boxes, rest.boxes])
    assert boxes.dtype == first.scores.dtype == np.float32
    assert iou(boxes, truth[1:]).tolist() == [1.0] * 7
    assert first.scores.tolist() == [1.0] * 3


def test_several_at_once(tmp_path):
    frames, truth = ppm_video(tmp_path)
    tracker = ExternalTracker(f"{sys.executable} {EXAMPLE}", threads=3)
    requests = [Follow(frames, s, 8, init=truth[s - 1]) for s in (1, 3, 5)]
    for request, answer in zip(requests, follow(tracker, *requests), strict=True):
        assert iou(answer.boxes, truth[request.start :]).tolist() == [1.0] * (8 - request.start)


def test_what_is_said_line_by_line(script, tmp_path):
    heard = tmp_path / "heard"
    body = f"heard = open({str(heard)!r}, 'w')\nprint(word, rest, file=heard, flush=True)\n"
    body += "for line in sys.stdin:\n  print(line.strip(), file=heard, flush=True)\n  print('1,2,3,4')\n"
    frames, _ = ppm_video(tmp_path)
    tracker = script(body)
    [answer] = follow(tracker, Follow(frames, 2, 4, init=np.array([1.5, 2, 30.25, 4], np.float32)))
    del answer
    gc.collect()
    assert heard.read_text().splitlines() == [
        f"start 1.5,2,30.25,4 {tmp_path}/frame 1.ppm",
        f"frame {tmp_path}/frame 2.ppm",
        f"frame {tmp_path}/frame 3.ppm",
        "quit",
    ]


NOTES_LINES = (
    "for line in sys.stdin:\n  heard.write(line); heard.flush()\n  if line.startswith('frame'): print('1,2,3,4')\n"
)


def listening(tmp_path, kind):
    """A tracker that notes all that it is sent, the first line too."""
    heard, path = tmp_path / "heard", tmp_path / "listen.py"
    path.write_text(f"import sys\nheard = open({str(heard)!r}, 'a')\n{NOTES_LINES}", encoding="utf-8")
    return create("tracker", f"{kind}:{sys.executable} -S '{path}'"), heard


def test_the_phrase_in_force_is_told_before_the_start_and_where_it_changes(tmp_path):
    tracker, heard = listening(tmp_path, "external-text")
    frames, _ = ppm_video(tmp_path)
    [first] = follow(tracker, Follow(frames, 1, 3, init=BOX, text="a red  kite\n"))
    [same] = follow(tracker, Follow(frames, 3, 4, session=first.session, text="a red kite"))
    [other] = follow(tracker, Follow(frames, 4, 5, session=same.session, text="kite, größer"))
    assert [answer.text for answer in (first, same, other)] == ["a red kite", "a red kite", "kite, größer"]
    del first, same, other
    gc.collect()
    assert [line.partition(" ")[0] for line in heard.read_text(encoding="utf-8").splitlines()] == [
        "text", "start", "frame", "frame", "frame", "text", "frame", "quit",
    ]  # fmt: skip
    assert [line for line in heard.read_text(encoding="utf-8").splitlines() if line.startswith("text")] == [
        "text a red kite", "text kite, größer",
    ]  # fmt: skip


@pytest.mark.parametrize(("kind", "text"), [("external", "a red kite"), ("external-text", "")])
def test_without_words_or_to_a_tracker_that_takes_none_nothing_is_told(tmp_path, kind, text):
    tracker, heard = listening(tmp_path, kind)
    frames, _ = ppm_video(tmp_path)
    [answer] = follow(tracker, Follow(frames, 1, 3, init=BOX, text=text))
    assert answer.text == "" and tracker.name.startswith(f"{kind}:")
    del answer
    gc.collect()
    assert [line.partition(" ")[0] for line in heard.read_text().splitlines()] == ["start", "frame", "frame", "quit"]


def test_frames_that_are_no_files_are_written_for_it(script):
    body = (
        "first = rest.split(' ', 1)[1]\n"
        "for line in sys.stdin:\n"
        "  path = line.strip().partition(' ')[2]\n"
        "  if not path: break\n"
        "  data = open(path, 'rb').read()\n"
        "  size = data[16:24]\n"  # width and height of a PNG
        '  print(f"{size[3]},{size[7]},1,{len(os.listdir(os.path.dirname(path)))}")\n'
        "  sys.stderr.write(path + '\\n')\n"
    )
    frames = frames_of(4)
    [answer] = follow(script(body), Follow(frames, 1, 4, init=BOX))
    # one file at a time, but that of the start, which stays until the process has answered
    assert answer.boxes.tolist() == [[64, 48, 1, 2], [64, 48, 1, 1], [64, 48, 1, 1]]
    folder = Path(answer.session.folder.name)
    assert folder.exists()
    del answer
    gc.collect()
    assert not folder.exists()


def test_one_that_loads_for_long_still_finds_its_first_image(script):
    body = "time.sleep(0.5)\nopen(rest.split(' ', 1)[1]).close()\nfor line in sys.stdin: print('1,2,3,4')\n"
    [answer] = follow(script(body), Follow(frames_of(4), 1, 4, init=BOX))
    assert len(answer.boxes) == 3


def test_a_frame_behind_a_link_is_copied_where_it_may_be_read_at_all(tmp_path):
    from chatdesc.backends.external_tracker import _file
    from chatdesc.loaders.files import open_root

    data, copies, elsewhere = tmp_path / "data", tmp_path / "copies", tmp_path / "elsewhere.ppm"
    (data / "img").mkdir(parents=True)
    copies.mkdir()
    elsewhere.write_bytes(b"P6")
    for link in (data / "1.ppm", data / "img" / "2.ppm"):
        link.symlink_to(elsewhere)
    frames = Frames(("1.ppm", "img/2.ppm"), open_root(data).read)
    assert Path(_file(frames, 0, str(copies))).parent == copies
    with pytest.raises(FrameError, match="a link leads out"):
        _file(frames, 1, str(copies))


def test_without_a_score_it_is_sure_and_without_a_size_it_is_lost(script):
    body = (
        "for answer in ('5,6,7,8', '0,0,0,0,0.9', '1,2,3,4,0.5', '9,9,9,9'):\n  sys.stdin.readline(); print(answer)\n"
    )
    body += "sys.stdin.read()\n"
    [answer] = follow(script(body), Follow(frames_of(5), 1, 5, init=BOX))
    assert answer.boxes.tolist() == [[5, 6, 7, 8], [5, 6, 7, 8], [1, 2, 3, 4], [9, 9, 9, 9]]
    assert answer.scores.tolist() == [1, 0, 0.5, 1]


def test_ends_after_the_first_frame_of_low_score(script):
    body = "for answer in ('5,6,7,8', '1,2,3,4,0.1', '1,2,3,5'):\n  sys.stdin.readline(); print(answer)\n"
    body += "sys.stdin.read()\n"
    tracker = script(body)
    [answer] = follow(tracker, Follow(frames_of(4), 1, 4, init=BOX, min_score=0.2))
    assert len(answer.boxes) == 2
    [rest] = follow(tracker, Follow(frames_of(4), 3, 4, session=answer.session))
    assert rest.boxes.tolist() == [[1, 2, 3, 5]]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("hello", "answered 'hello', which are no numbers; standard output is for answers alone"),
        ("1,2,3", "answered '1,2,3', which are 3 numbers"),
        ("1,2,nan,4", "not all of it finite"),
        ("1,2,3,4,inf", "not all of it finite"),
        ("1,2,-3,4", "a negative size"),
        ("1,2,3,4,7", "a score beyond"),
        ("", "which are no numbers"),
        ("\\xff\\xfe", "which are no numbers"),
    ],
)
def test_garbage_fails_its_own_request_only(script, tmp_path, answer, message):
    # bytes, because what a string becomes on standard output depends on the locale
    bad = script(
        f"sys.stdin.readline(); sys.stdout.buffer.write(b'{answer}\\n'); sys.stdout.flush(); sys.stdin.read()\n"
    )
    text = failure(bad, Follow(frames_of(3), 1, 3, init=BOX))
    assert message in text
    assert "img/00000002.png: answered" in text
    assert str(tmp_path) not in text


def test_one_bad_target_among_good_ones(script):
    body = "bad = rest.startswith('1,')\nfor line in sys.stdin: print('bad' if bad else '1,2,3,4')\n"
    requests = [Follow(frames_of(3), 1, 3, init=box) for box in (BOX, np.array([1, 1, 5, 5], np.float32), BOX)]
    answers = script(body).follow(requests)
    assert [isinstance(a, BackendError) for a in answers] == [False, True, False]


def test_a_crash_is_told_with_its_last_words(script, tmp_path):
    tracker = script("sys.stdin.readline()\nraise RuntimeError('no CUDA here')\n")
    text = failure(tracker, Follow(frames_of(3), 1, 3, init=BOX))
    assert "ended with status 1; its last words:" in text
    assert "RuntimeError: no CUDA here" in text
    assert "my tracker.py" in text
    assert str(tmp_path) not in text


def test_a_crash_at_once(script):
    text = failure(script("sys.exit('no weights')\n"), Follow(frames_of(3), 1, 3, init=BOX))
    assert "ended with status 1; its last words: no weights" in text


def test_a_crash_later_loses_that_session_only(script):
    tracker = script("print('1,2,3,4', flush=True) if sys.stdin.readline() else 0\nsys.stdin.readline()\nos._exit(3)\n")
    [first] = follow(tracker, Follow(frames_of(4), 1, 2, init=BOX))
    assert "ended with status 3" in failure(tracker, Follow(frames_of(4), 2, 4, session=first.session))
    assert "nothing to go on from" in failure(tracker, Follow(frames_of(4), 2, 4, session=first.session))


def test_a_hang_is_ended(script):
    tracker = script(f"sys.stdin.readline()\nprint('1,2,3,4')\ntime.sleep({FOREVER})\n", tracker_timeout=0.3)
    start = time.monotonic()
    assert "no answer within 0.3 s" in failure(tracker, Follow(frames_of(4), 1, 4, init=BOX))
    assert time.monotonic() - start < PATIENCE


def test_a_slow_start_is_no_hang(script, monkeypatch):
    limits, ask = [], LineProcess.ask

    def patiently(self, line, timeout):
        limits.append(timeout)
        return ask(self, line, PATIENCE)

    monkeypatch.setattr(LineProcess, "ask", patiently)
    tracker = script("for line in sys.stdin: print('1,2,3,4')\n", tracker_timeout=0.5, tracker_start_timeout=20)
    [answer] = follow(tracker, Follow(frames_of(5), 1, 3, init=BOX))
    follow(tracker, Follow(frames_of(5), 3, 5, session=answer.session))
    assert limits == [20, 0.5, 0.5, 0.5]


def test_a_start_that_takes_for_ever_is_ended(script):
    hurried = script(f"time.sleep({FOREVER})\n", tracker_start_timeout=0.2)
    assert "no answer within 0.2 s" in failure(hurried, Follow(frames_of(3), 1, 3, init=BOX))


def test_what_it_started_ends_with_it(script, started):
    child = f"import subprocess\nsubprocess.Popen([sys.executable, '-c', 'import time; time.sleep({FOREVER})'])\n"
    tracker = script(f"{child}for line in sys.stdin: print('1,2,3,4')\n")
    [answer] = follow(tracker, Follow(frames_of(3), 1, 3, init=BOX))
    [process] = started
    [grandchild] = process.children()
    del answer
    gc.collect()
    psutil.wait_procs([grandchild], PATIENCE)
    assert not process.is_running()
    assert not grandchild.is_running() or grandchild.status() == psutil.STATUS_ZOMBIE


def test_one_that_does_not_go_is_killed(script, monkeypatch):
    monkeypatch.setattr("chatdesc.backends.line_process.GRACE", 0.2)
    tracker = script(f"for line in sys.stdin:\n  if line[0] == 'f': print('1,2,3,4')\n  else: time.sleep({FOREVER})\n")
    [answer] = follow(tracker, Follow(frames_of(3), 1, 3, init=BOX))
    start = time.monotonic()
    del answer
    gc.collect()
    assert time.monotonic() - start < PATIENCE


def test_a_new_box_is_a_new_process(script):
    body = "import random\nname = f'{os.getpid()},1,1,1'\nfor line in sys.stdin: print(name)\n"
    tracker = script(body)
    [one] = follow(tracker, Follow(frames_of(4), 1, 3, init=BOX))
    [same] = follow(tracker, Follow(frames_of(4), 3, 4, session=one.session))
    [other] = follow(tracker, Follow(frames_of(4), 3, 4, init=BOX))
    assert len({*one.boxes[:, 0], *same.boxes[:, 0]}) == 1
    assert other.boxes[0, 0] != one.boxes[0, 0]


def test_chatter_on_standard_output_is_told(script):
    body = "print('loading')\nfor line in sys.stdin: print('1,2,3,4')\nprint('bye')\n"
    text = failure(script(body), Follow(frames_of(3), 1, 3, init=BOX))
    assert "'loading'" in text


def test_two_answers_to_one_frame_do_not_shift_the_track(script):
    tracker = script("for line in sys.stdin:\n  print('1,2,3,4')\n  print('5,6,7,8')\n")
    [first] = follow(tracker, Follow(frames_of(4), 1, 2, init=BOX))
    wait_until(lambda: not first.session.process._said.empty())
    text = failure(tracker, Follow(frames_of(4), 2, 4, session=first.session))
    assert "said '5,6,7,8' before it was asked" in text


def test_much_on_standard_error_blocks_nobody(script):
    body = "for line in sys.stdin:\n  sys.stderr.write('x' * 70000 + '\\n')\n  print('1,2,3,4')\n"
    assert len(follow(script(body), Follow(frames_of(4), 1, 4, init=BOX))[0].boxes) == 3


def test_a_missing_frame_ends_it(script):
    frames = Frames(("a.png", "b.png"), {"a.png": b"a"}.__getitem__)
    [answer] = script("for line in sys.stdin: print('1,2,3,4')\n").follow([Follow(frames, 1, 2, init=BOX)])
    assert isinstance(answer, FrameError)


@pytest.mark.parametrize("box", [[np.nan, 0, 5, 5], [0, 0, 0, 5]])
def test_no_start_from_what_is_no_box(script, box):
    text = failure(script(""), Follow(frames_of(3), 1, 3, init=np.array(box, np.float32)))
    assert "cannot start from the box" in text


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("", "no command; write it as in"),
        ("no-such-command-here --x", "no command 'no-such-command-here'"),
        ("/nowhere/track.sh", "no command 'track.sh'"),
        ("python 'open", "cannot be split into words"),
    ],
)
def test_commands_that_cannot_be(command, message):
    with pytest.raises(BackendError, match=message):
        create("tracker", f"external:{command}")


def test_no_shell_runs_it(tmp_path):
    tracker = ExternalTracker(f"{sys.executable} -c pass; touch {tmp_path / 'made'}")
    failure(tracker, Follow(frames_of(3), 1, 3, init=BOX))
    assert not (tmp_path / "made").exists()


def test_what_stands_in_a_row(tmp_path):
    weights = tmp_path / "b256@2.pth"
    weights.write_bytes(b"one")
    tracker = create("tracker", f"external:{sys.executable} {EXAMPLE} --weights={weights} -n 3")
    described = tracker.describe_self()
    assert described["name"] == f"external:{Path(sys.executable).name} {EXAMPLE.name} --weights=b256@2.pth -n 3"
    weights.write_bytes(b"two")
    assert tracker.describe_self()["files_sha256"] != described["files_sha256"]
    assert os.sep not in "".join(described.values())


def test_parse():
    box, score = parse(" 1.5, 2 ,3,4.25 ,0.5 ")
    assert (box.tolist(), score) == ([1.5, 2, 3, 4.25], 0.5)
    assert parse("1,2,0,4") == (None, 1.0)


def test_folders_are_left_out_of_last_words():
    said = 'File "/home/ada/x/track.py", line 3: no C:\\w\\b.pth; see https://a.org/b/c or and/or'
    assert without_folders(said) == 'File "track.py", line 3: no b.pth; see https://a.org/b/c or and/or'


def test_the_whole_loop(script, tmp_path):
    tracker = script("box = rest.split(' ')[0]\nfor line in sys.stdin: print(box)\n")
    rows = annotate(tmp_path, tracker="external:" + " ".join(f"'{part}'" for part in tracker.command))
    assert [r["status"] for r in rows] == ["ok", "ok"]
    for row in rows:
        assert len(row["tracking"]["boxes"]) == 8
        assert "tracker" in row["tracking"]["sources"]
        assert str(tmp_path) not in row["provenance"]["tracker"]
