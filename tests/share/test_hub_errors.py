"""Errors of the Hub as messages with a remedy."""

import httpx2
import pytest

from chatdesc.share.hub_errors import AGAIN, advice
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
