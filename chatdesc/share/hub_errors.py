"""Errors of the Hub, or of the connection to it, as messages with a remedy.

>>> with advice("user/name"):
...     raise ConnectionError("reset by peer")
Traceback (most recent call last):
...
chatdesc.types.ChatdescError: user/name: the connection to the Hub was lost. Nothing is half published; ...
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from chatdesc.types import ChatdescError, one_line

ATTEMPTS = 3  # at a commit, when others push at the same time
AGAIN = "Nothing is half published; the same command sends what is missing."


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


def _remedy(error: BaseException, owner: str) -> str | None:
    from huggingface_hub.errors import HfHubHTTPError

    causes = list(_chain(error))
    refusal = next((e for e in causes if isinstance(e, HfHubHTTPError) and e.response is not None), None)
    if refusal is not None:
        return _of_status(refusal.response.status_code, refusal.response.headers, refusal, owner)
    if any(type(e).__module__.startswith("httpx") or isinstance(e, ConnectionError) for e in causes):
        return f"the connection to the Hub was lost. {AGAIN}"
    return one_line(str(error))[:300] if isinstance(error, ValueError) else None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and its causes: uploads run in threads, and wrap what they raise."""
    while error is not None:
        yield error
        error = error.__cause__


def _of_status(status: int, headers: Mapping[str, str], error: BaseException, owner: str) -> str:
    if status == 429:
        wait = headers.get("Retry-After")
        return f"the Hub has had too many requests; wait {f'{wait} seconds' if wait else 'a few minutes'}. {AGAIN}"
    if status >= 500:
        return f"the Hub has a fault of its own ({status}); try again in a while. {AGAIN}"
    return {
        401: "the Hub does not accept the token; sign in anew with `hf auth login`, or set HF_TOKEN",
        403: f"the token may not write there; take one with write access to what {owner} owns, or another repository",
        404: "there is no such repository or revision, or it is not for you to see",
        409: f"somebody is changing the repository at this moment. {AGAIN}",
        412: f"others pushed at the same time, {ATTEMPTS} times over. {AGAIN}",
    }.get(status, f"the Hub refused ({status}): {one_line(str(error))[:300]}")
