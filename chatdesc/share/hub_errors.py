"""Errors of the Hub, or of the connection to it, as messages with a remedy and the Hub's own words.

>>> with advice("user/name"):
...     raise ConnectionError("reset by peer")
Traceback (most recent call last):
...
chatdesc.types.ChatdescError: user/name: the connection to the Hub was lost. Nothing is half published; ...

Uploads by way of xet tell of a refusal in a text alone: its status is taken from there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from json import JSONDecodeError
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from chatdesc.types import ChatdescError, one_line

if TYPE_CHECKING:
    from huggingface_hub.errors import HfHubHTTPError

ATTEMPTS = 3  # at a commit, when others push at the same time
AGAIN = "Nothing is half published; the same command sends what is missing."
ANOTHER_WAY = "HF_HUB_DISABLE_XET=1 uploads by another way"
XET_STATUS = re.compile(r"HTTP status (?:client|server) error \((\d{3})[^)]*\), domain: (\S+)")
XET_SILENT = re.compile(r"error sending request for url \((\S+)\)")
FULL = re.compile(r"\b(?:quota|storage|exceed\w*|billing|payment|limit)\b", re.I)
WORDS = 300  # characters of the Hub's words


@contextmanager
def advice(repo_id: str) -> Iterator[None]:
    """Turn errors of the Hub and of the connection into messages.

    Raises:
        ChatdescError: instead of such an error; others pass unchanged.
    """
    try:
        yield
    except ChatdescError:
        raise
    except Exception as error:
        remedy = _remedy(error, repo_id.split("/")[0])
        if remedy is None:
            raise
        raise ChatdescError(f"{repo_id}: {remedy}") from error


def wait_of(headers: Mapping[str, str]) -> int | None:
    """The seconds after which the Hub may be asked again, as it says in ``RateLimit`` or ``Retry-After``."""
    from huggingface_hub.utils import parse_ratelimit_headers  # type: ignore[attr-defined]

    limit, after = parse_ratelimit_headers(headers), headers.get("Retry-After", "").strip()
    if limit is not None and limit.remaining == 0:
        return limit.reset_in_seconds
    if after.isdecimal():
        return int(after)
    try:
        return max(0, round((parsedate_to_datetime(after) - datetime.now(UTC)).total_seconds())) if after else None
    except (ValueError, TypeError):
        return None


def _remedy(error: BaseException, owner: str) -> str | None:
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    causes = list(_chain(error))
    if any(isinstance(e, OfflineModeIsEnabled) for e in causes):
        return "HF_HUB_OFFLINE is set, so the Hub is not asked; unset it to push"
    refusal = next((e for e in causes if isinstance(e, HfHubHTTPError) and e.response is not None), None)
    if refusal is not None:
        return _of_refusal(refusal, owner)
    said = next((found for e in causes if (found := XET_STATUS.search(str(e)))), None)
    if said is not None:
        return _of_xet(int(said[1]), said[2], owner)
    if any(isinstance(e, JSONDecodeError) for e in causes):
        return (
            "what answered is not the Hub: its answer is no JSON; look at HF_ENDPOINT, and whether a proxy or a "
            f"sign-in page stands between. {AGAIN}"
        )
    return _of_connection(causes) or (one_line(str(error))[:WORDS] if isinstance(error, ValueError) else None)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and its causes: uploads run in threads, and wrap what they raise."""
    while error is not None:
        yield error
        error = error.__cause__


def _of_connection(causes: list[BaseException]) -> str | None:
    silent = next((found for e in causes if (found := XET_SILENT.search(str(e)))), None)
    if silent is not None:
        host = urlsplit(silent[1]).netloc
        return (
            f"{host} does not answer, so nothing could be uploaded; look at the network, a proxy or a firewall. "
            f"{ANOTHER_WAY}. {AGAIN}"
        )
    kinds = [type(e) for e in causes]
    if any(
        kind.__module__.startswith("httpx") and kind.__name__ in ("ConnectError", "ConnectTimeout") for kind in kinds
    ):
        return f"the Hub cannot be reached; look at the network, HF_ENDPOINT, and a proxy. {AGAIN}"
    if any(kind.__module__.startswith("httpx") and kind.__name__.endswith("Timeout") for kind in kinds):
        return f"the Hub has fallen silent, and was waited for in vain. {AGAIN}"
    if any(kind.__module__.startswith("httpx") or issubclass(kind, ConnectionError | TimeoutError) for kind in kinds):
        return f"the connection to the Hub was lost. {AGAIN}"
    return None


def _of_refusal(refusal: HfHubHTTPError, owner: str) -> str:
    from huggingface_hub.errors import DisabledRepoError, GatedRepoError

    words = one_line(refusal.server_message or "")[:WORDS]
    status, headers = refusal.response.status_code, refusal.response.headers
    if isinstance(refusal, GatedRepoError):
        remedy = "the repository is gated, and this account has not been let in; ask for access on its page"
    elif isinstance(refusal, DisabledRepoError):
        remedy = "the Hub has disabled this repository; its page or support says why, another repository is open"
    else:
        remedy = _of_status(status, headers, words or one_line(str(refusal))[:WORDS], owner)
    return f"{remedy} (the Hub says: {words})" if words and words not in remedy else remedy


def _of_xet(status: int, url: str, owner: str) -> str:
    """A refusal on the way of xet: of the token for an upload, which the Hub gives, or by the storage behind it."""
    if "-token/" in url:
        refusal = _asked_again(url)
        return _of_refusal(refusal, owner) if refusal else _of_status(status, {}, f"{status}", owner)
    if status == 429 or status >= 500:
        return _of_status(status, {}, f"{status}", owner)
    return (
        f"the Hub's storage refused the upload ({status}) without a reason; the token must be allowed to write to what "
        f"{owner} owns, and its storage must have room. {ANOTHER_WAY}. {AGAIN}"
    )


def _asked_again(url: str) -> HfHubHTTPError | None:
    """The Hub's refusal of a token for uploads, which xet tells without the Hub's words."""
    from huggingface_hub import constants, get_session, hf_raise_for_status
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

    if not url.startswith(f"{constants.ENDPOINT}/api/"):
        return None
    try:
        hf_raise_for_status(get_session().get(url, headers=build_hf_headers(), timeout=10))
    except HfHubHTTPError as error:
        return error
    except Exception:  # the first refusal is what counts
        return None
    return None


def _of_status(status: int, headers: Mapping[str, str], words: str, owner: str) -> str:
    if status == 429:
        wait = wait_of(headers)
        return f"the Hub has had too many requests; wait {'a few minutes' if wait is None else lasting(wait)}. {AGAIN}"
    if status >= 500:
        return f"the Hub has a fault of its own ({status}); try again in a while. {AGAIN}"
    if status in (402, 413) or (status == 403 and FULL.search(words)):
        return f"the Hub keeps no more of this ({status}): a quota or a limit is reached; free space, or ask for more"
    return {
        401: "the Hub does not accept the token; sign in anew with `hf auth login`, or set HF_TOKEN",
        403: f"the token may not write there; take one with write access to what {owner} owns, or another repository",
        404: "there is no such repository or revision, or it is not for you to see",
        409: f"somebody is changing the repository at this moment. {AGAIN}",
        412: f"others pushed at the same time, {ATTEMPTS} times over. {AGAIN}",
    }.get(status, f"the Hub refused ({status}): {words}")


def lasting(seconds: int) -> str:
    """A time to wait, in words.

    >>> lasting(37), lasting(3600)
    ('37 seconds', '60 minutes')
    """
    return f"{seconds} seconds" if seconds < 120 else f"{-(-seconds // 60)} minutes"
