"""Limits on what huggingface_hub and xet would wait for without end, for as long as a push lasts."""

import os

import httpx2
import pytest
from huggingface_hub import get_session
from huggingface_hub.errors import HfHubHTTPError

from chatdesc.share.hub_patience import LIMITS, LONGEST_WAIT, patience


def hooks():
    return {kind: list(listed) for kind, listed in get_session().event_hooks.items()}


def test_requests_without_a_limit_get_one_and_others_keep_theirs():
    with patience():
        for asked, read in ((None, LIMITS.silence), (7, 7)):
            request = get_session().build_request("GET", "http://hub.test", timeout=asked)
            for hook in hooks()["request"][-1:]:
                hook(request)
            assert request.extensions["timeout"]["read"] == read
            assert None not in request.extensions["timeout"].values()


def test_only_a_long_wait_is_refused():
    request = httpx2.Request("GET", "http://hub.test")
    with patience():
        *_, refuse = hooks()["response"]
        for status, wait in ((429, LONGEST_WAIT), (503, 3600), (200, 3600)):
            refuse(httpx2.Response(status, headers={"Retry-After": str(wait)}, request=request))
        refuse(httpx2.Response(429, request=request))
        with pytest.raises(HfHubHTTPError):
            refuse(httpx2.Response(429, headers={"Retry-After": str(LONGEST_WAIT + 1)}, request=request))


def test_xet_is_limited_where_the_user_has_not_done_so(monkeypatch):
    monkeypatch.delenv("HF_XET_CLIENT_CONNECT_TIMEOUT", raising=False)
    monkeypatch.setenv("HF_XET_CLIENT_READ_TIMEOUT", "7s")
    with patience():
        assert os.environ["HF_XET_CLIENT_CONNECT_TIMEOUT"] == f"{LIMITS.connect * 1000}ms"
        assert os.environ["HF_XET_CLIENT_READ_TIMEOUT"] == "7s"
    assert "HF_XET_CLIENT_CONNECT_TIMEOUT" not in os.environ
    assert os.environ["HF_XET_CLIENT_READ_TIMEOUT"] == "7s"


def test_nothing_is_left_behind():
    before, environment = hooks(), dict(os.environ)
    with pytest.raises(KeyError), patience():
        raise KeyError
    assert hooks() == before and dict(os.environ) == environment


def test_xet_reads_the_limits():
    hf_xet = pytest.importorskip("hf_xet", reason="comes with huggingface_hub on most machines")
    with patience():
        settings = dict(hf_xet.XetConfig())
    assert settings["client.connect_timeout"].total_seconds() == LIMITS.connect
    assert settings["client.retry_max_attempts"] == LIMITS.retries
    assert settings["client.retry_max_duration"].total_seconds() == LIMITS.retrying
