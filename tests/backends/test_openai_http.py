"""What becomes of a request when the server or the line fails, over real HTTP with a scripted server."""

from __future__ import annotations

import json
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from chatdesc.backends import create
from chatdesc.backends import openai_http as http
from chatdesc.types import BackendError, ChatdescError
from tests.standins.openai_server import (
    GOOD,
    KEY,
    Reply,
    ask,
    completion,
    describer,
    in_turn,
    quick_and_with_key,
    request,
    serving,
    slow,
)


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    quick_and_with_key(monkeypatch)


PASSING = {
    "500": Reply({"error": {"message": "boom"}}, 500),
    "502 page": Reply(b"<html>Bad gateway</html>", 502),
    "429": Reply({"error": "slow down"}, 429, {"Retry-After": "0"}),
    "truncated": Reply(completion(), fault="truncate"),
    "reset": Reply(fault="reset"),
    "hang": Reply(fault="hang"),
    "drip": Reply(completion(), fault="drip"),
    "drip header": Reply(fault="drip header"),
    "half JSON": Reply(json.dumps(completion()).encode()[:-20]),
    "no JSON": Reply(b"upstream connect error"),
    "no choices": Reply({"choices": []}),
    "error in 200": Reply({"error": {"code": 502, "message": "provider"}}),
}


@pytest.mark.parametrize("fault", PASSING)
def test_what_passes_is_asked_again(fault):
    # Three faults end by the time limit; for all else it is generous, because this machine may be busy.
    limit = 1 if fault in ("hang", "drip", "drip header") else 60
    with serving(in_turn(PASSING[fault], PASSING[fault])) as server:
        answer, one = ask(server, timeout=limit)
    assert answer == GOOD
    assert len(server.chats) == 3
    assert server.chats[0] == server.chats[2]
    counts = one.summary()
    assert (counts["requests"], counts["retries"], counts["answers"], counts["failures"]) == (3, 2, 1, 0)


@pytest.mark.parametrize("fault", ["drip", "drip header"])
def test_a_server_that_drips_does_not_outlast_the_time_limit(fault):
    with serving(lambda body, n: PASSING[fault]) as server:
        start = time.monotonic()
        answer, _ = ask(server, timeout=0.5, retries=0)
        took = time.monotonic() - start
    assert str(answer) == "the server did not answer within 0.5 s (attempts: 1)"
    assert took < 4  # the bytes alone would take 5 s, or 500


PLACES = {
    "http://gpu.example.org/v1": False, "http://10.0.0.7:8000/v1": False, "http://127.0.0.1.example.org/v1": False,
    "https://gpu.example.org/v1": True, "http://127.0.0.2:8000/v1": True, "http://localhost:1/v1": True,
    "http://[::1]:1/v1": True, "http://0.0.0.0:1/v1": True,
}  # fmt: skip


@pytest.mark.parametrize("url", PLACES)
def test_the_key_goes_over_plain_http_to_this_machine_alone(url, monkeypatch):
    if PLACES[url]:
        http.Server(url, KEY, http.Usage())
        return
    with pytest.raises(ChatdescError, match=r"plain http on another machine.*use https.*CHATDESC_KEY_OVER") as no:
        http.Server(url, KEY, http.Usage())
    assert KEY not in str(no.value)
    http.Server(url, "", http.Usage())
    http.Server(url, "EMPTY", http.Usage())  # no secret, for a server that wants none
    monkeypatch.setenv("CHATDESC_KEY_OVER_HTTP", "1")
    http.Server(url, KEY, http.Usage())


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "localhost", "0.0.0.0"])
def test_this_machine_is_never_asked_through_a_proxy(host, monkeypatch):
    if host == "127.0.0.2" and sys.platform != "linux":
        pytest.skip("other systems have one loopback address")
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with serving(host="0.0.0.0") as server:
        one = create("describer", "openai:kite-vl", base_url=f"http://{host}:{server.server_port}/v1", retries=0)
        assert one.describe([request()]) == [GOOD]


@pytest.mark.parametrize("fault", ["500", "reset", "hang", "truncated"])
def test_what_does_not_pass_is_an_error_after_the_last_attempt(fault):
    with serving(lambda body, n: PASSING[fault]) as server:
        answer, one = ask(server, timeout=0.5 if fault == "hang" else 60)
        assert len(server.chats) == 3
    assert isinstance(answer, BackendError)
    assert "attempts: 3" in str(answer)
    assert (one.usage.answers, one.usage.failures) == (0, 1)


WHOLE_MESSAGES = [
    (Reply({"error": {"message": "boom"}}, 500), "the server answered 500 (boom) (attempts: 2)"),
    (
        Reply({"error": {"message": "no"}}, 403),
        "the server denies access (403): has the account of OPENAI_API_KEY the right to use this model? (no)",
    ),
]


@pytest.mark.parametrize(("reply", "message"), WHOLE_MESSAGES)
def test_a_failure_is_one_sentence_and_keeps_its_status(reply, message):
    """A row's `problems` hold it as it is printed."""
    with serving(lambda body, n: reply) as server:
        answer, _ = ask(server, retries=1)
    assert isinstance(answer, http.Passing if reply.status == 500 else http.Refused)
    assert (str(answer), answer.status) == (message, reply.status)


def test_an_answer_without_an_end_is_not_read_to_it(monkeypatch):
    monkeypatch.setattr(http, "MAX_BYTES", 4000)
    with serving(lambda body, n: Reply(completion(GOOD + 5000 * " "))) as server:
        answer, one = ask(server, retries=1)
    assert str(answer) == "the server's answer does not end (attempts: 2)"
    assert one.usage.failures == 1
    with serving(lambda body, n: Reply(completion(GOOD + 2000 * " "))) as server:
        assert ask(server)[0].strip() == GOOD


FINAL = {
    "bad key": (Reply({"error": {"message": f"Incorrect API key: {KEY}"}}, 401), "OPENAI_API_KEY"),
    "denied": (Reply({"error": {"message": "no"}}, 403), "right to use this model"),
    "unknown model": (Reply({"error": {"message": "no such model"}}, 404), "it has: kite-vl, owl-vl"),
    "page": (Reply(b"<!DOCTYPE html><html><body>Hello</body></html>"), "no API server"),
    "missing page": (Reply(b"<html>404</html>", 404), "does the base URL end in /v1"),
    "moved": (Reply({}, 301, {"Location": "http://elsewhere.invalid/"}), "redirects"),
    "no quota": (Reply({"error": {"message": "pay", "code": "insufficient_quota"}}, 429), "no quota left"),
    "key error in 200": (Reply({"error": {"code": 401, "message": "no"}}), "OPENAI_API_KEY"),
    "long wait": (Reply({}, 429, {"Retry-After": "3600"}), "asks to wait 3600 s"),
}


@pytest.mark.parametrize("fault", FINAL)
def test_what_would_not_pass_is_asked_once_and_says_what_to_do(fault):
    reply, remedy = FINAL[fault]
    models = Reply({"data": [{"id": "kite-vl"}, {"id": "owl-vl"}]})
    with serving(lambda body, n: reply, models) as server:
        answer, _ = ask(server, retries=5)
        assert len(server.chats) == 1
    assert isinstance(answer, BackendError)
    assert remedy in str(answer)
    assert KEY not in str(answer)
    assert "127.0.0.1" not in str(answer)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (completion('{"target": "red', finish="length"), "cut off at 512 tokens"),
        (completion(""), "answered nothing"),
        (completion(None), "answered nothing"),
        (completion(" \n"), "answered nothing"),
        (completion(None, refusal="I cannot look at people."), "declined.*I cannot look"),
        (completion("well", finish="content_filter"), "declined"),
        ({"choices": ["?"]}, "answered nothing"),
    ],
)
def test_what_is_no_answer_is_an_error_and_not_asked_again(body, words):
    with serving(lambda _, n: Reply(body)) as server:
        answer, one = ask(server)
    assert type(answer) is BackendError  # a sick server may answer so: the next run asks again
    assert re.search(words, str(answer))
    assert len(server.chats) == 1
    assert one.usage.failures == 1


def test_an_answer_in_parts_is_put_together():
    parts = [{"type": "text", "text": '{"target": '}, {"type": "text", "text": '"kite"}'}]
    with serving(lambda _, n: Reply(completion(parts))) as server:
        assert ask(server)[0] == '{"target": "kite"}'


class TestWaiting:
    def test_seconds_and_dates(self):
        assert http.seconds("7") == 7
        assert http.seconds(" 0.5 ") == 0.5
        later = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
        assert 85 < http.seconds(later) <= 90
        assert http.seconds(format_datetime(datetime.now(UTC) - timedelta(days=1))) == 0
        assert http.seconds("soon") is None
        assert http.seconds("") is http.seconds(None) is None

    def test_what_the_server_asks_for_is_honoured(self):
        date = format_datetime(datetime.now(UTC) + timedelta(seconds=2.5), usegmt=True)
        with serving(in_turn(Reply({}, 429, {"Retry-After": "1"}), Reply({}, 503, {"Retry-After": date}))) as server:
            start = time.monotonic()
            assert ask(server)[0] == GOOD
        assert time.monotonic() - start >= 1.4

    def test_waits_double_and_differ(self, monkeypatch):
        monkeypatch.setattr(http, "FIRST_WAIT", 0.5)
        for attempt, longest in enumerate([0.5, 1, 2, 4, 8, 16, 30, 30]):
            waits = {http.pause(attempt, None) for _ in range(20)}
            assert longest / 2 <= min(waits) < max(waits) <= longest
        assert {http.pause(0, 5) > 5 for _ in range(20)} == {True}


def test_many_at_once_and_never_more_than_allowed():
    with serving(slow(0.1)) as server:
        one = describer(server, concurrency=8)
        assert one.workers == 8
        assert one.describe([request() for _ in range(24)]) == [GOOD] * 24
    assert server.most_at_once == 8


def test_the_pool_bounds_threads_that_are_not_ours():
    with serving(slow(0.1)) as server:
        one = describer(server, concurrency=3)
        with ThreadPoolExecutor(12) as pool:
            answers = list(pool.map(lambda _: one.describe([request()]), range(12)))
    assert answers == [[GOOD]] * 12
    assert server.most_at_once == 3
