"""A process that answers line by line, without a tracker around it; more in test_external_tracker."""

import sys
import time

import pytest

from chatdesc.backends.line_process import LineProcess
from chatdesc.types import BackendError

PATIENCE = 60  # seconds
ECHO = "import sys\nfor line in sys.stdin.buffer:\n  sys.stdout.buffer.write(line)\n  sys.stdout.flush()\n"


@pytest.fixture
def start():
    """Starts a process from Python code; it is ended with the test."""
    processes = []

    def begin(code):
        processes.append(LineProcess("mine", [sys.executable, "-S", "-c", code]))
        return processes[-1]

    yield begin
    for process in processes:
        process.close()


def test_lines_there_and_back(start):
    process = start(ECHO)
    assert process.ask("frame /data/a b.jpg", PATIENCE) == "frame /data/a b.jpg"
    assert process.ask("caf\udce9", PATIENCE) == "caf\ufffd"  # any byte goes out as it came in, and is read as UTF-8


def test_a_line_that_was_sent_needs_no_answer(start):
    process = start("import sys\nprint(sys.stdin.readline().strip() + '+' + sys.stdin.readline().strip())\n")
    process.send("one")
    assert process.ask("two", PATIENCE) == "one+two"


def test_its_end_is_told_with_its_status_and_last_words(start):
    process = start("import sys\nsys.stdin.readline()\nsys.exit('no weights in /home/ada/models/b.pth')\n")
    with pytest.raises(BackendError, match=r"^mine: ended with status 1; its last words: no weights in b\.pth$"):
        process.ask("frame 1", PATIENCE)
    with pytest.raises(BackendError, match=r"^mine: ended with status 1"):
        process.send("frame 2")


def test_closing_says_the_last_word_and_waits_for_it(start, tmp_path):
    left = tmp_path / "left"
    process = start(f"import sys\nopen({str(left)!r}, 'w').write(sys.stdin.readline())\n")
    process.close("quit")
    assert left.read_text() == "quit\n"
    process.close("quit")  # once more does nothing


def test_closing_ends_one_that_hangs(start):
    process, begun = start("import time\ntime.sleep(600)\n"), time.monotonic()
    process.close()
    assert process._process.returncode is not None
    assert time.monotonic() - begun < PATIENCE


def test_what_cannot_be_started_is_named(tmp_path):
    with pytest.raises(BackendError, match=r"^mine: cannot be started \(No such file or directory\)$"):
        LineProcess("mine", [str(tmp_path / "none")])
