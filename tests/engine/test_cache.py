"""The request cache: what is found again, what is never stored, and what a killed process leaves."""

from __future__ import annotations

import errno
import logging
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from dataclasses import fields, replace

import numpy as np
import pytest

from chatdesc.backends import create
from chatdesc.engine.cache import CachedDescriber, RequestCache
from chatdesc.protocols import Describer
from chatdesc.types import Ask, BackendError, ChatdescError, Departure, Describe, FrameError, FrameRef, Reply
from tests.makers.sequences import frames_of


class Counting:
    """A describer that answers with the prompt; ``fail`` has those that it cannot answer, ``asked`` all it was sent."""

    name, max_batch, workers = "counting", 7, 3

    def __init__(self, said=None, fail=()):
        self.said, self.fail, self.asked = said or {"name": "counting", "model": "a"}, set(fail), []

    def describe_self(self):
        return self.said

    def describe(self, requests):
        self.asked += [r.prompt for r in requests]
        return [BackendError("no") if r.prompt in self.fail else f"{r.prompt}!" for r in requests]


FRAMES = frames_of(3)


def ask(prompt="what", frames=FRAMES, index=0, box=(1, 2, 3, 4), **facts):
    return Describe(FrameRef(frames, index), np.array(box, np.float32), prompt, **facts)


@pytest.fixture
def cache(tmp_path):
    opened = RequestCache(tmp_path / "answers.sqlite")
    yield opened
    opened.close()


def test_it_stands_in_for_the_describer(cache):
    inner = Counting()
    wrapped = CachedDescriber(inner, cache)
    assert isinstance(wrapped, Describer)
    assert (wrapped.name, wrapped.max_batch, wrapped.workers) == ("counting", 7, 3)
    assert wrapped.describe_self() == inner.said


def test_only_what_is_missing_is_asked_and_order_stays(cache):
    inner = Counting()
    wrapped = CachedDescriber(inner, cache)
    assert wrapped.describe([ask("b"), ask("d")]) == ["b!", "d!"]
    assert wrapped.describe([ask(p) for p in "abcdb"]) == ["a!", "b!", "c!", "d!", "b!"]
    assert inner.asked == ["b", "d", "a", "c"]
    assert wrapped.summary() == {"cache_hits": 3, "cache_misses": 4}


def test_the_same_question_twice_in_a_batch_is_asked_once(cache):
    inner = Counting()
    assert CachedDescriber(inner, cache).describe([ask("a"), ask("a")]) == ["a!", "a!"]
    assert inner.asked == ["a"]


def test_answers_that_cannot_be_read_are_neither_stored_nor_used(cache):
    inner = Counting()
    careless = CachedDescriber(inner, cache)
    assert careless.describe([ask("rubbish")]) == ["rubbish!"]
    assert len(cache) == 1
    careful = CachedDescriber(inner, cache, readable=lambda answer: answer != "rubbish!")
    for _ in range(2):
        assert careful.describe([ask("rubbish"), ask("sense")]) == ["rubbish!", "sense!"]
    assert inner.asked == ["rubbish", "rubbish", "sense", "rubbish"]
    assert len(cache) == 1


@pytest.mark.parametrize("damaged", [b"\xff\xfe", 5, "text"])
def test_a_damaged_answer_is_asked_for_again(cache, damaged):
    inner = Counting()
    wrapped = CachedDescriber(inner, cache)
    wrapped.describe([ask("a")])
    with sqlite3.connect(cache.path) as connection:
        connection.execute("UPDATE answers SET answer = ?", (damaged,))
    assert [wrapped.describe([ask("a")]) for _ in range(2)] == [["a!"], ["a!"]]
    assert inner.asked == ["a", "a"]


def test_answers_to_what_an_earlier_version_showed_are_not_used(cache, monkeypatch):
    inner = Counting()
    monkeypatch.setattr("chatdesc.engine.cache.KEY", 1)
    CachedDescriber(inner, cache).describe([ask("a")])
    monkeypatch.undo()
    CachedDescriber(inner, cache).describe([ask("a")])
    assert inner.asked == ["a", "a"]


def test_answers_to_pictures_that_were_drawn_otherwise_are_not_used(cache, monkeypatch):
    inner = Counting()
    CachedDescriber(inner, cache).describe([ask("a")])
    monkeypatch.setattr("chatdesc.engine.cache.DRAWING", 0)
    CachedDescriber(inner, cache).describe([ask("a")])
    assert inner.asked == ["a", "a"]


@pytest.mark.parametrize("said", ["", "{", "[1]", "7", b"\xff"])
def test_damaged_facts_of_a_describer_count_as_none(cache, said):
    cache.remember("f", {"name": "counting"})
    assert cache.remembered("f") == {"name": "counting"}
    cache._run("UPDATE describers SET said = ?", said, write=True)
    assert cache.remembered("f") is None


def test_errors_are_not_stored(cache):
    inner = Counting(fail={"b"})
    wrapped = CachedDescriber(inner, cache)
    first, error, third = wrapped.describe([ask("a"), ask("b"), ask("c")])
    assert (first, str(error), third) == ("a!", "no", "c!")
    assert len(cache) == 2
    inner.fail.clear()
    assert wrapped.describe([ask("b")]) == ["b!"]
    assert inner.asked == ["a", "b", "c", "b"]


def test_a_call_that_fails_as_a_whole_leaves_the_hits(cache):
    inner = Counting()
    wrapped = CachedDescriber(inner, cache)
    wrapped.describe([ask("a")])
    inner.describe = lambda requests: 1 / 0
    answers = wrapped.describe([ask("a"), ask("b")])
    assert answers[0] == "a!"
    assert isinstance(answers[1], ZeroDivisionError)


def test_a_wrong_number_of_answers_is_not_stored(cache):
    inner = Counting()
    inner.describe = lambda requests: ["only one"]
    answers = CachedDescriber(inner, cache).describe([ask("a"), ask("b")])
    assert all(isinstance(a, BackendError) for a in answers)
    assert len(cache) == 0


@pytest.mark.parametrize("answer", ["", "\ud800 half a pair", "long" * 100_000, 'quote " \\ \0 nul', "漢字"])
def test_any_text_comes_back_as_it_was(cache, answer):
    inner = Counting()
    inner.describe = lambda requests: [answer]
    assert CachedDescriber(inner, cache).describe([ask()]) == [answer]
    assert CachedDescriber(Counting(), cache).describe([ask()]) == [answer]


OTHER = {
    "frame": FrameRef(FRAMES, 1),
    "box": np.array([1, 2, 3, 5], np.float32),
    "prompt": "who",
    "category": "kite",
    "previous": "a kite",
    "positive": ("kite",),
    "negative": ("red",),
    "ambiguous": True,
    "tried": ("a kite",),
    "background_dropped": ("kite",),
    "motion": (0.5, 0.0),
    "departure": Departure(3, 9, FrameRef(FRAMES, 1), np.array([1, 2, 3, 5], np.float32)),
}


class TestKey:
    @pytest.mark.parametrize("name", [f.name for f in fields(Describe) if f.metadata.get("shown", True)])
    def test_every_field_counts(self, cache, name):
        wrapped = CachedDescriber(Counting(), cache)
        assert wrapped.key(replace(ask(), **{name: OTHER[name]})) != wrapped.key(ask())

    def test_what_no_model_sees_does_not_count(self, cache):
        """The same picture under another name has the same answer."""
        wrapped = CachedDescriber(Counting(), cache)
        assert wrapped.key(ask(sequence="bus-2", at=7)) == wrapped.key(ask())

    @pytest.mark.parametrize(
        "change",
        [
            {"after": 4},
            {"of": 8},
            {"frame": FrameRef(FRAMES, 0)},
            {"box": np.array([1, 2, 3, 6], np.float32)},
            {"target": np.array([1, 2, 3, 5], np.float32)},
            {"by": "language"},
            {"words": ("red",)},
        ],
        ids=lambda change: next(iter(change)),
    )
    def test_every_field_of_a_departure_counts(self, cache, change):
        wrapped, left = CachedDescriber(Counting(), cache), OTHER["departure"]
        assert wrapped.key(ask(departure=replace(left, **change))) != wrapped.key(ask(departure=left))

    def test_words_do_not_run_together(self, cache):
        wrapped = CachedDescriber(Counting(), cache)
        split = [ask(positive=p, negative=n) for p, n in ((("a", "b"), ()), (("a",), ("b",)), (("a b",), ()))]
        assert len({wrapped.key(r) for r in split}) == 3

    def test_model_and_settings_count(self, cache):
        said = [{"name": "x", "model": "a"}, {"name": "x", "model": "b"}, {"name": "x", "model": "a", "region": "crop"}]
        assert len({CachedDescriber(Counting(s), cache).key(ask()) for s in said}) == 3

    def test_what_a_describer_keeps_to_itself_counts(self, cache):
        keys = set()
        for folder in ("/one/model", "/two/model"):
            one = create("describer", f"openai:{folder}", base_url="http://127.0.0.1:1/v1")
            one.describe_self = lambda: {"model": "model"}
            keys.add(CachedDescriber(one, cache).key(ask()))
        assert len(keys) == 2

    def test_pictures_count_and_their_place_does_not(self, cache):
        wrapped = CachedDescriber(Counting(), cache)
        assert wrapped.key(ask(frames=frames_of(3))) == wrapped.key(ask())
        assert wrapped.key(ask(index=1)) != wrapped.key(ask())

    def test_a_frame_that_cannot_be_read_is_that_items_error(self, cache):
        broken = frames_of(1)
        broken.read_bytes.files = {}
        answers = CachedDescriber(Counting(), cache).describe([ask("a"), ask("b", frames=broken), ask("c")])
        assert answers[0] == "a!"
        assert isinstance(answers[1], FrameError)
        assert answers[2] == "c!"


class TestWhenTheServerIsGone:
    def test_what_was_answered_is_still_there(self, cache, caplog):
        from tests.standins.openai_server import GOOD, Reply, serving

        with serving(models=Reply({"data": [{"id": "kite", "root": "org/kite"}]})) as server:
            options = {"base_url": server.url, "retries": 0, "timeout": 2}
            first = CachedDescriber(create("describer", "openai:kite", **options), cache)
            assert first.describe([ask()]) == [GOOD]
            assert first.summary()["requests"] == 2
        again = CachedDescriber(create("describer", "openai:kite", **options), cache)
        assert again.describe_self() == first.describe_self() == {**again.describe_self(), "server_model": "org/kite"}
        assert "going on with the answers in answers.sqlite" in caplog.text
        known, unknown = again.describe([ask(), ask("new")])
        assert known == GOOD
        assert isinstance(unknown, BackendError)
        other = CachedDescriber(create("describer", "openai:kite", max_tokens=9, **options), cache)
        with pytest.raises(BackendError, match="is the server running"):
            other.describe_self()


class TestFile:
    def test_it_is_not_made_before_there_is_an_answer(self, tmp_path):
        cache = RequestCache(tmp_path / "run" / "answers.sqlite")
        assert cache.get("k") is None and len(cache) == 0
        assert not (tmp_path / "run").exists()
        cache.put("k", "v")
        assert RequestCache(cache.path).get("k") == "v"

    def test_a_folder_gets_a_file(self, tmp_path):
        for folder in (tmp_path, tmp_path / "new"):
            RequestCache(folder).put("k", "v")
            assert (folder / "requests.sqlite").exists()
        assert RequestCache(tmp_path / "new" / "requests.sqlite").get("k") == "v"

    def test_the_first_answer_stays(self, cache):
        cache.put("k", "first")
        cache.put("k", "second")
        assert cache.get("k") == "first"

    def test_it_holds_no_prompt_no_path_and_no_key(self, tmp_path, monkeypatch):
        from tests.standins.openai_server import serving

        monkeypatch.setenv("OPENAI_API_KEY", "sk-notakey-0123456789abcdef")
        cache = RequestCache(tmp_path / "a.sqlite")
        with serving() as server:
            inner = create("describer", "openai:/home/someone/kite", base_url=server.url)
            CachedDescriber(inner, cache).describe([ask("a prompt of words")])
            port = str(server.server_port)
        cache.close()
        data = b"".join(p.read_bytes() for p in tmp_path.iterdir())
        assert b"red kite" in data
        for private in ("sk-notakey", "someone", f"127.0.0.1:{port}", "a prompt of words"):
            assert private.encode() not in data

    @pytest.mark.parametrize("damage", ["text", "cut", "middle", "other program", "other format"])
    def test_what_cannot_be_read_is_left_alone(self, tmp_path, damage):
        path = tmp_path / "a.sqlite"
        cache = RequestCache(path)
        for i in range(300):
            cache.put(f"{i}" * 10, "answer " * 30)
        cache.close()
        data = path.read_bytes()
        if damage == "text":
            path.write_bytes(b"not a database at all, but a text\n" * 50)
        elif damage == "cut":
            path.write_bytes(data[: len(data) // 2])
        elif damage == "middle":
            path.write_bytes(data[:4096] + b"\xff" * 20_000 + data[24_096:])
        else:
            with sqlite3.connect(path) as other:
                other.execute("PRAGMA application_id = 7" if damage == "other program" else "PRAGMA user_version = 99")
            other.close()
        before = path.read_bytes()
        with pytest.raises(ChatdescError, match=r"left as it is.*Move it away.*--cache"):
            RequestCache(path)
        assert path.read_bytes() == before

    def test_a_full_disk_costs_no_answer(self, cache, caplog, monkeypatch):
        cache.put("k", "v")
        cache._connection().execute(
            f"PRAGMA max_page_count = {cache._connection().execute('PRAGMA page_count').fetchone()[0]}"
        )
        wrapped = CachedDescriber(Counting(), cache)
        with caplog.at_level(logging.WARNING):
            answers = wrapped.describe([ask("x" * 50_000), ask("y" * 50_000)])
        assert [a[0] for a in answers] == ["x", "y"]
        assert caplog.text.count("going on without the cache") == 1


WRITER = """
import sys
from pathlib import Path
from chatdesc.engine.cache import RequestCache
cache, name, count = RequestCache(Path(sys.argv[1])), sys.argv[2], int(sys.argv[3])
for i in range(count):
    cache.put(f"{name}-{i}", f"{name}-{i} " * 200)
    print(i, flush=True)
"""


def writer(path, name, count):
    return subprocess.Popen([sys.executable, "-c", WRITER, str(path), name, str(count)], stdout=subprocess.PIPE)


def test_threads_share_it(cache):
    inner, barrier, wrong = Counting(), threading.Barrier(4), []
    wrapped = CachedDescriber(inner, cache)

    def work(seed):
        order = [f"p{i}" for i in range(60)]
        random.Random(seed).shuffle(order)
        barrier.wait(10)
        wrong.extend(p for p in order if wrapped.describe([ask(p)]) != [f"{p}!"])

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []
    assert len(cache) == 60
    assert wrapped.hits + wrapped.misses == 240


def test_many_may_make_it_at_the_same_moment(tmp_path):
    for turn in range(10):
        barrier, found = threading.Barrier(6), []

        def work(name, path=tmp_path / f"{turn}.sqlite", barrier=barrier, found=found):
            cache = RequestCache(path)
            barrier.wait(10)
            cache.put(name, name)
            found.append(cache.get(name))
            cache.close()

        threads = [threading.Thread(target=work, args=(name,)) for name in "abcdef"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert sorted(found) == list("abcdef")


def test_processes_share_it_from_the_first_moment(tmp_path):
    path = tmp_path / "a.sqlite"
    writers = [writer(path, name, 40) for name in "abcd"]
    codes = []
    for process in writers:
        process.communicate(timeout=120)
        codes.append(process.returncode)
    assert codes == [0, 0, 0, 0]
    cache = RequestCache(path)
    assert len(cache) == 160
    assert all(cache.get(f"{n}-{i}") == f"{n}-{i} " * 200 for n in "abcd" for i in range(40))


def test_a_killed_writer_leaves_what_it_had_stored(tmp_path):
    path, moments, killed = tmp_path / "a.sqlite", random.Random(5), 0
    mine = RequestCache(path)
    for turn in range(5):
        process = writer(path, f"t{turn}", 100_000)
        assert process.stdout.readline() == b"0\n"
        mine.put(f"mine-{turn}", "beside it")
        time.sleep(0.3 * moments.random())
        os.kill(process.pid, signal.SIGKILL)
        stored = 1 + process.stdout.read().count(b"\n")
        process.stdout.close()
        killed += process.wait() == -signal.SIGKILL
        cache = RequestCache(path)
        for i in range(stored):
            assert cache.get(f"t{turn}-{i}") == f"t{turn}-{i} " * 200
        assert cache.get(f"mine-{turn}") == "beside it"
        assert cache._connection().execute("PRAGMA integrity_check").fetchone() == ("ok",)
        cache.close()
    assert killed == 5
    mine.close()


@pytest.mark.parametrize(
    ("code", "number"), [(sqlite3.SQLITE_IOERR_WRITE, errno.EIO), (sqlite3.SQLITE_FULL, errno.ENOSPC)]
)
def test_a_full_disk_says_nothing_against_the_file(tmp_path, monkeypatch, cache, code, number):
    cache.put("a", "b")
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = code
    monkeypatch.setattr("chatdesc.engine.cache._connect", raising(error))
    with pytest.raises(OSError, match="disk I/O error") as caught:
        RequestCache(cache.path)
    assert (caught.value.errno, caught.value.filename) == (number, str(cache.path))


def test_a_full_disk_after_the_start_costs_hits_and_no_answer(tmp_path, monkeypatch):
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    monkeypatch.setattr("chatdesc.engine.cache._connect", raising(error))
    wrapped = CachedDescriber(Counting(), RequestCache(tmp_path / "new.sqlite"))
    assert wrapped.describe([ask("a")]) == ["a!"]


def raising(error):
    def fails(*_):
        raise error

    return fails


class TestQuestions:
    """Closed questions are answered from the file, with their probabilities."""

    class Sure(Counting):
        def ask(self, requests):
            self.asked += [r.question for r in requests]
            return [BackendError("no") if r.question in self.fail else Reply(True, 0.875) for r in requests]

    def test_they_are_asked_once(self, cache):
        inner = self.Sure(fail=["b"])
        wrapped = CachedDescriber(inner, cache)
        box = np.array([1, 2, 3, 4], np.float32)
        questions = [Ask("a"), Ask("b"), Ask("a", FrameRef(FRAMES, 0), box), Ask("a", FrameRef(FRAMES, 1), box)]
        first = wrapped.ask(questions)
        assert first[0] == first[2] == Reply(True, 0.875) and isinstance(first[1], BackendError)
        assert inner.asked == ["a", "b", "a", "a"] and len(cache) == 3
        again = wrapped.ask(questions)
        assert again[0] == first[0] and inner.asked[4:] == ["b"]
        assert (wrapped.hits, wrapped.misses) == (3, 5)

    def test_a_question_is_no_description(self, cache):
        wrapped = CachedDescriber(self.Sure(), cache)
        box = np.array([1, 2, 3, 4], np.float32)
        assert wrapped.key(Ask("what", FrameRef(FRAMES, 0), box)) != wrapped.key(ask("what"))

    @pytest.mark.parametrize(
        "stored", ["Yes", "{}", '{"yes": 1, "probability": null}', '{"yes": true, "probability": 7.0}', "[" * 99999]
    )
    def test_what_is_no_reply_is_asked_again(self, cache, stored):
        wrapped = CachedDescriber(inner := self.Sure(), cache)
        cache.put(wrapped.key(Ask("a")), stored)
        assert wrapped.ask([Ask("a")]) == [Reply(True, 0.875)] and inner.asked == ["a"]
        assert cache.get(wrapped.key(Ask("a"))) == '{"yes": true, "probability": 0.875}'

    def test_a_describer_that_cannot_says_so(self, cache):
        with pytest.raises(BackendError, match="counting cannot answer questions"):
            CachedDescriber(Counting(), cache).ask([Ask("a")])
