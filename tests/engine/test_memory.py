"""Memory that threads free: shared by all of them where the C library can be told so."""

import subprocess
import sys

import pytest

from chatdesc.engine.memory import one_arena

THREADS = """
import ctypes, sys, threading
from chatdesc.engine.memory import one_arena

if sys.argv[1] == "one":
    assert one_arena()
together = threading.Barrier(4)
def work():
    together.wait()
    held = [bytearray(50_000) for _ in range(200)]
    together.wait()
threads = [threading.Thread(target=work) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
ctypes.CDLL(None).malloc_stats()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the C library of Linux is told")
def test_all_threads_free_memory_for_each_other(monkeypatch):
    monkeypatch.delenv("MALLOC_ARENA_MAX", raising=False)

    def arenas(which):
        done = subprocess.run([sys.executable, "-c", THREADS, which], capture_output=True, text=True, check=True)
        return done.stderr.count("Arena ")

    assert arenas("one") == 1 < arenas("many")


def test_what_the_user_has_set_stays(monkeypatch):
    monkeypatch.setenv("MALLOC_ARENA_MAX", "4")
    assert not one_arena()
