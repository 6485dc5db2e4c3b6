"""Errors of the Hub as messages with a remedy."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx2
import pytest

from chatdesc.share.hub_errors import AGAIN, advice, wait_of
from chatdesc.types import ChatdescError


def refusal(status, **headers):
    from huggingface_hub.errors import HfHubHTTPError

    request = httpx2.Request("POST", "https://hub.test/api")
    return HfHubHTTPError("the\nserver's words", response=httpx2.Response(status, headers=headers, request=request))


def message(error):
    with pytest.raises(ChatdescError) as caught, advice("ada/x"):
        raise error
    return str(caught.value)


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (401, "does not accept the token; sign in"),
        (403, "what ada owns"),
        (404, "no such repository or revision"),
        (409, f"somebody is changing the repository at this moment. {AGAIN}"),
        (412, f"others pushed at the same time, 3 times over. {AGAIN}"),
        (418, "the Hub refused (418): the server's words"),
        (500, f"the Hub has a fault of its own (500); try again in a while. {AGAIN}"),
        (503, "(503)"),
        (429, f"wait a few minutes. {AGAIN}"),
    ],
)
def test_each_status_has_a_remedy(status, says):
    assert message(refusal(status)).startswith("ada/x: ") and says in message(refusal(status))


def test_the_wait_that_the_hub_asks_for():
    assert "wait 37 seconds." in message(refusal(429, **{"Retry-After": "37"}))


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({}, None),
        ({"RateLimit": '"api";r=0;t=55', "RateLimit-Policy": '"fixed window";"api";q=500;w=300'}, 55),
        ({"ratelimit": '"resolvers"; r = 0; t = 7', "Retry-After": "99"}, 7),
        ({"RateLimit": '"api";r=3;t=55', "Retry-After": "9"}, 9),  # not what this refusal is about
        ({"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0),
        ({"Retry-After": "soon"}, None),
        ({"RateLimit": "all of it"}, None),
    ],
)
def test_when_to_ask_again(headers, wait):
    assert wait_of(httpx2.Headers(headers)) == wait


def test_a_date_to_wait_for():
    later = format_datetime(datetime.now(UTC) + timedelta(minutes=10), usegmt=True)
    assert 590 <= wait_of({"Retry-After": later}) <= 600
    assert "wait 10 minutes." in message(refusal(429, **{"Retry-After": later}))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("You have exceeded your private storage", "a quota or a limit is reached"),
        ("Storage quota reached", "a quota or a limit is reached"),
        ("Your token has limited permissions", "may not write there"),
        ("Nobody writes to a read-only mirror", "may not write there"),
    ],
)
def test_a_full_storage_is_not_a_weak_token(words, says):
    from huggingface_hub.errors import HfHubHTTPError

    response = httpx2.Response(403, request=httpx2.Request("POST", "https://hub.test/api"))
    told = message(HfHubHTTPError("403 Forbidden", response=response, server_message=words))
    assert says in told and f"(the Hub says: {words})" in told


@pytest.mark.parametrize("kind", [ConnectionError, RuntimeError])
@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "HTTP status client error (403 Forbidden), domain: https://cas.test/v1/xorbs/1",
            "storage refused the upload (403)",
        ),
        (
            "HTTP status client error (401 Unauthorized), domain: https://x.test/xet-write-token/main",
            "accept the token",
        ),
        ("HTTP status server error (503 Service Unavailable), domain: https://cas.test/v1/shards", "its own (503)"),
        ("error sending request for url (https://cas.test:8/v1/shards)", "cas.test:8 does not answer"),
    ],
)
def test_xet_tells_of_refusals_in_a_text(kind, text, says):
    wrapped = RuntimeError("upload failed")
    wrapped.__cause__ = kind(f"Network error: Request error: {text}")
    assert says in message(wrapped) and "https://" not in message(wrapped)


def test_a_cause_counts_where_an_upload_wrapped_it():
    wrapper = RuntimeError("upload failed")
    wrapper.__cause__ = refusal(403)
    assert "may not write" in message(wrapper)


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (ConnectionError("reset"), "the connection to the Hub was lost."),
        (httpx2.RemoteProtocolError("reset"), "the connection to the Hub was lost."),
        (httpx2.ConnectError("refused"), "the Hub cannot be reached; look at the network, HF_ENDPOINT, and a proxy."),
        (httpx2.ConnectTimeout("slow"), "the Hub cannot be reached; look at the network, HF_ENDPOINT, and a proxy."),
        (httpx2.ReadTimeout("slow"), "the Hub has fallen silent, and was waited for in vain."),
    ],
)
def test_a_lost_connection(error, says):
    assert message(error) == f"ada/x: {says} {AGAIN}"


def test_a_wrong_value_is_short_and_other_errors_pass_unchanged():
    assert message(ValueError("bad\n" + "x" * 999)) == "ada/x: bad " + "x" * 296
    for error in (ChatdescError("ours"), KeyError("a fault of chatdesc"), KeyboardInterrupt()):
        with pytest.raises(type(error)) as caught, advice("ada/x"):
            raise error
        assert caught.value is error
