"""A process that answers line by line, without a tracker around it; more in test_external_tracker."""

import json
import os
import select
import signal
import subprocess
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


SECRETS = {
    "HF_TOKEN": "hf_x", "OPENAI_API_KEY": "x", "AWS_SECRET_ACCESS_KEY": "x", "DB_PASSWORD": "x",
    "HTTPS_PROXY": "http://ada:hunter2@proxy:3128", "NOTES": "hf_" + "a1" * 12,
}  # fmt: skip
TELL = "import json, os, sys\nfor _ in sys.stdin:\n  print(json.dumps(sorted(os.environ)), flush=True)\n"


@pytest.fixture
def secrets(monkeypatch):
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")


def test_its_environment_holds_no_secrets_and_all_else(start, secrets):
    there = json.loads(start(TELL).ask("environment", PATIENCE))
    assert not set(there) & set(SECRETS)
    assert {"PATH", "HOME", "CUDA_VISIBLE_DEVICES", "PYTHONUNBUFFERED"} <= set(there)


def test_a_secret_that_it_needs_is_passed_on_by_name(start, secrets, monkeypatch):
    monkeypatch.setenv("CHATDESC_TRACKER_ENV", "HF_TOKEN, NOTES")
    there = json.loads(start(TELL).ask("environment", PATIENCE))
    assert set(there) & set(SECRETS) == {"HF_TOKEN", "NOTES"}


DEAF = """
import os, signal, subprocess, sys, time
for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE, signal.SIGINT):
    signal.signal(number, signal.SIG_IGN)
held = os.open(sys.argv[1], os.O_WRONLY)
child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"], pass_fds=[held])
sys.stdin.readline()
print("ready", flush=True)
time.sleep(600)
"""
CALLER = """
import sys, threading, time
from chatdesc.backends.line_process import LineProcess
processes = []
def begin():
    processes.append(LineProcess("deaf", [sys.executable, "-S", "-c", sys.argv[1], sys.argv[2]]))
    print(processes[0].ask("are you there", 60), flush=True)
thread = threading.Thread(target=begin)
thread.start()
thread.join()
time.sleep(600)
"""


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes and process groups")
def test_one_that_ignores_everything_and_its_child_end_when_the_caller_is_killed(tmp_path):
    """Both hold the pipe open for writing, so it ends when they have."""
    os.mkfifo(tmp_path / "alive")
    held = os.open(tmp_path / "alive", os.O_RDONLY | os.O_NONBLOCK)
    command = [sys.executable, "-c", CALLER, DEAF, str(tmp_path / "alive")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as caller:
        assert caller.stdout.readline() == b"ready\n"
        assert select.select([held], [], [], 0)[0] == []  # the thread that started it has ended, and it lives
        caller.send_signal(signal.SIGKILL)
    assert select.select([held], [], [], PATIENCE)[0] == [held] and os.read(held, 1) == b""
    os.close(held)
