"""What the Hub and its storage refuse, over real HTTP: exit code, advice, the Hub's words, and nothing half sent.

Uploads go by xet, as huggingface_hub does it unless told otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from zlib import crc32

import pytest

from tests.makers.full_rows import row
from tests.share.test_hub import ADA, BOB, READER, calm, card_of, hub, run_of  # noqa: F401  (fixtures)
from tests.standins.hub import Fault
from tests.standins.hub_worker import asking

REPO = "ada/faults"
SHARD = "lasot/test-00000-of-00001.parquet"
LONG = {"RateLimit": '"api";r=0;t=1800', "RateLimit-Policy": '"fixed window";"api";q=500;w=300'}
SHORT = {"RateLimit": '"api";r=0;t=20'}
FULL = "Storage of ada is full: 100 GB of 100 GB, see the page on quotas"
QUICK = {"connect": 2, "silence": 2, "retries": 0}


@pytest.fixture(scope="module")
def worker(hub, tmp_path_factory):  # noqa: F811
    home = tmp_path_factory.mktemp("home")
    with asking(hub, home, HF_HUB_DISABLE_XET="0", HF_XET_CLIENT_RETRY_BASE_DELAY="10ms") as ask:
        yield ask


@pytest.fixture
def run(tmp_path, request):
    """With texts of its own: xet does not send again what it has sent."""
    rows = [row(name, text=f"red swing seat, {crc32(request.node.name.encode())}") for name in ("swing-1", "swing-2")]
    return run_of(tmp_path / "run", rows)


@pytest.fixture(autouse=True)
def repository(hub):  # noqa: F811
    """One with a file of others, so that "nothing was sent" is no empty promise."""
    hub.repositories.clear()
    hub.put(REPO, {"theirs.txt": b"theirs"})
    return hub.repositories[REPO]


@pytest.fixture
def push(worker, run):
    def pushed(*options, token=ADA, repo=REPO, source=run, **how):
        done = worker(token, run=["push", str(source), repo, *options], **how)
        assert "Traceback" not in done["err"] and ADA not in done["err"] + done["out"]
        return done

    return pushed


def fault(method, path, status, times=99, **more):
    return lambda served, repository: served.faults.append(Fault(method, path, status, times, **more))


def state(**values):
    return lambda served, repository: [setattr(repository, name, value) for name, value in values.items()]


def file(path, text):
    return lambda served, repository: served.put(REPO, {path: text.encode()})


def storage(address):
    return lambda served, repository: setattr(served, "storage", address)


@dataclass
class Case:
    """A refusal, the words of the message, and how the push is made."""

    refusal: object
    says: tuple[str, ...]
    code: int = 2
    token: str = ADA
    options: tuple[str, ...] = ()
    how: dict = field(default_factory=dict)
    never: tuple[str, ...] = ()


TOKEN, XORB, SHARDS = "/xet-write-token/", "/v1/xorbs/", "/v1/shards"
REASON = "words of the Hub"
NO_TOKEN_ADVICE = ("the token", "sign in", "connection to the Hub was lost", "somebody is changing")
STORAGE = ("the Hub's storage refused the upload", "HF_HUB_DISABLE_XET=1", "must have room")

CASES = {
    "offline": Case(state(), ("HF_HUB_OFFLINE is set", "unset it"), how={"offline": True}, never=("connection",)),
    "gated, its files": Case(
        lambda *where: (file("README.md", "# Mine\n")(*where), state(gated=True)(*where)),
        ("is gated", "ask for access", "Access to this dataset is restricted"),
        token=BOB,
        never=("somebody is changing",),
    ),
    "gated, its description": Case(
        fault("GET", f"/api/datasets/{REPO}", 403, headers={"X-Error-Code": "GatedRepo"}, message=REASON),
        ("is gated", REASON),
        token=BOB,
        never=("somebody is changing",),
    ),
    "gated, to be written": Case(state(gated=True), ("is gated", "ask for access"), token=BOB),
    "disabled": Case(
        state(disabled=True),
        ("has disabled this repository", "Access to this resource is disabled."),
        never=NO_TOKEN_ADVICE,
    ),
    "a quota, at the token of xet": Case(
        state(full=FULL), ("a quota or a limit is reached", f"(the Hub says: {FULL})"), never=("the token may not",)
    ),
    "a quota, at the commit": Case(
        fault("POST", "/commit/", 403, message=FULL), ("a quota or a limit", FULL), never=("the token may not",)
    ),
    "to be paid for": Case(fault("POST", "/commit/", 402, message=REASON), ("a quota or a limit", REASON)),
    "too large": Case(fault("POST", "/commit/", 413, message=REASON), ("(413): a quota or a limit", REASON)),
    "a protected branch": Case(
        state(protected={"main": "Commits to main need a pull request"}),
        ("may not write there", "another repository (the Hub says: Commits to main need a pull request)"),
    ),
    "a reader's token": Case(state(), ("may not write there", "You may not write here"), token=READER),
    "a wrong token": Case(state(), ("does not accept the token", "sign in"), token="hf_wrong"),
    "a repository that the token may not see": Case(
        fault("GET", f"/api/datasets/{REPO}", 404, headers={"X-Error-Code": "RepoNotFound"}),
        ("it exists, but this token may not see it",),
        never=("somebody is changing",),
    ),
    "a long wait, where huggingface_hub would sleep": Case(
        fault("POST", "/preupload/", 429, headers=LONG), ("wait 30 minutes", "same command")
    ),
    "a long wait at the commit": Case(
        fault("POST", "/commit/", 429, headers={"Retry-After": "3600"}), ("wait 60 minutes",)
    ),
    "a wait without end": Case(fault("POST", "/commit/", 429, headers=SHORT), ("wait 20 seconds",)),
    "a busy repository": Case(
        fault("POST", "/commit/", 409, message=REASON), ("somebody is changing the repository", REASON)
    ),
    "others who are always faster": Case(fault("POST", "/commit/", 412), ("others pushed at the same time, 3 times",)),
    "a fault of the Hub at the commit": Case(fault("POST", "/commit/", 500, message=REASON), ("(500)", REASON)),
    "a page of a proxy": Case(
        fault("POST", "/validate-yaml", 502, page=b"<html>Bad gateway</html>"), ("what answered is not the Hub",)
    ),
    "a sign-in page": Case(
        fault("GET", "/api/datasets/", 200, page=b"<html>Sign in</html>"), ("no JSON; look at HF_ENDPOINT",)
    ),
    "metadata that the Hub does not take": Case(
        fault("POST", "/validate-yaml", 400, page=b'{"errors": [{"message": "license must be one of"}]}'),
        ("license must be one of",),
    ),
    "a commit cut off": Case(fault("POST", "/commit/", 0), ("connection to the Hub was lost", "same command")),
    "a commit that is not answered": Case(
        fault("POST", "/commit/", -1), ("has fallen silent",), how={"limits": QUICK}, never=("connection",)
    ),
    "a description that is not answered": Case(
        fault("GET", "/api/datasets/", -1), ("has fallen silent",), how={"limits": QUICK}
    ),
    "xet: no token, 401": Case(fault("GET", TOKEN, 401, message=REASON), ("does not accept the token", REASON)),
    "xet: no token, 403": Case(fault("GET", TOKEN, 403, message=REASON), ("may not write there", REASON)),
    "xet: no token, 404": Case(fault("GET", TOKEN, 404, message=REASON), ("no such repository", REASON)),
    "xet: no token, 429": Case(fault("GET", TOKEN, 429, headers=LONG), ("wait 30 minutes",)),
    "xet: no token, 500": Case(fault("GET", TOKEN, 500, message=REASON), ("a fault of its own (500)", REASON)),
    "xet: a token that is not answered": Case(
        fault("GET", TOKEN, -1), ("does not answer", "HF_HUB_DISABLE_XET=1"), how={"limits": QUICK}
    ),
    "xet: the storage refuses, 401": Case(fault("POST", XORB, 401), (*STORAGE, "(401)"), never=("connection",)),
    "xet: the storage refuses, 403": Case(fault("POST", XORB, 403), (*STORAGE, "(403)"), never=("connection",)),
    "xet: the storage refuses, 404": Case(fault("POST", SHARDS, 404), (*STORAGE, "(404)"), never=("connection",)),
    "xet: the storage has a fault": Case(fault("POST", SHARDS, 500), ("a fault of its own (500)",)),
    "xet: the storage is asked too much": Case(fault("POST", XORB, 429), ("too many requests; wait a few minutes",)),
    "xet: the storage is not there": Case(
        storage("http://127.0.0.1:9"), ("127.0.0.1:9 does not answer", "firewall", "HF_HUB_DISABLE_XET=1")
    ),
    "xet: the storage is silent": Case(
        fault("POST", XORB, -1), ("does not answer", "HF_HUB_DISABLE_XET=1"), how={"limits": QUICK}
    ),
    "a .gitignore": Case(
        file(".gitignore", "# all\n*.parquet\n"), (f".gitignore keeps out {SHARD};", "take the pattern")
    ),
    "a .gitignore of the card": Case(file(".gitignore", "/README.md\nlasot/*\n!lasot\n"), (SHARD, "README.md")),
}


@pytest.mark.parametrize("name", CASES)
def test_a_refusal(hub, push, repository, name):  # noqa: F811
    case = CASES[name]
    case.refusal(hub, repository)
    head, before = hub.head(REPO), hub.files(REPO)
    done = push(*case.options, token=case.token, **case.how)
    assert done["code"] == case.code, done
    for words in (f"chatdesc: {REPO}: " if case.how != {"offline": True} else "chatdesc: ", *case.says):
        assert words in done["err"], done["err"]
    for words in case.never:
        assert words not in done["err"]
    assert len(done["err"].splitlines()[-1]) < 600
    assert (hub.head(REPO), hub.files(REPO)) == (head, before)


class TestUploadsByXet:
    def test_what_is_pushed_is_what_is_there(self, hub, push, worker):  # noqa: F811
        done = push("--tag", "v1")
        assert done["code"] == 0, done
        assert hub.requests("POST", XORB) and hub.requests("POST", SHARDS) and not hub.requests("PUT")
        assert {SHARD, "README.md", "croissant.json", "theirs.txt"} == set(hub.files(REPO))
        loaded = worker(ADA, load={"path": REPO, "name": "lasot", "split": "test", "streaming": True})["loaded"]
        assert [one["sequence"] for one in loaded["test"]] == ["swing-1", "swing-2"]
        assert "sending 3 files" in done["err"]

    def test_again_changes_nothing(self, hub, push):  # noqa: F811
        push()
        head, before = hub.head(REPO), hub.files(REPO)
        hub.log.clear()
        assert "nothing has changed" in push()["out"]
        assert (hub.head(REPO), hub.files(REPO)) == (head, before)
        assert not hub.requests("POST", "/v1/") and not hub.requests("POST", "/commit/")

    def test_goes_on_after_a_refusal(self, hub, push):  # noqa: F811
        hub.faults.append(Fault("POST", SHARDS, 403, 1))
        assert push()["code"] == 2 and SHARD not in hub.files(REPO)
        assert push()["code"] == 0 and SHARD in hub.files(REPO)


class TestWaits:
    def test_a_short_one_is_waited_for(self, hub, push):  # noqa: F811
        hub.faults.append(Fault("POST", "/commit/", 429, 1, SHORT))
        done = push()
        assert done["code"] == 0 and done["waits"] == [21], done
        assert "the Hub asks to wait 20 seconds" in done["err"] and SHARD in hub.files(REPO)

    def test_a_long_one_is_not(self, hub, push):  # noqa: F811
        hub.faults.append(Fault("POST", "/preupload/", 429, 1, LONG))
        done = push()
        assert done["code"] == 2 and done["waits"] == []


def test_a_file_that_a_commit_leaves_out_is_named(hub, push):  # noqa: F811
    hub.loses = SHARD
    done = push()
    assert done["code"] == 2
    assert f"the commit {hub.head(REPO)[:7]} does not hold {SHARD} as sent" in done["err"], done
    hub.loses = None
    assert f"sent: {SHARD}" in push()["out"] and SHARD in hub.files(REPO)


def test_a_renamed_repository(hub, push):  # noqa: F811
    push()
    hub.rename(REPO, "ada/new-name")
    done = push()
    assert done["code"] == 0 and f"{REPO} is ada/new-name now" in done["out"], done
    assert 'load_dataset("ada/new-name", "lasot", split="test")' in done["out"]
    _, body = card_of(hub, "ada/new-name")
    assert 'load_dataset("ada/new-name"' in body and REPO not in body
    assert b"ada/new-name" in hub.files("ada/new-name")["croissant.json"]
    head = hub.head("ada/new-name")
    assert "nothing has changed" in push()["out"] and hub.head("ada/new-name") == head


def test_a_gated_repository_is_not_read_without_access(hub, push, worker, repository):  # noqa: F811
    push()
    repository.gated = True
    done = worker(BOB, run=["export", REPO, "--to", "x", "--layout", "json"])
    assert done["code"] == 2 and "gated" in done["err"] and "ask for access" in done["err"], done


def test_a_tree_of_several_pages(hub, push):  # noqa: F811
    hub.page_size = 2
    hub.put(REPO, {f"theirs/{n}.txt": b"x" for n in range(7)})
    assert push()["code"] == 0
    assert "nothing has changed" in push()["out"]
    assert len(hub.requests("GET", r"/tree/.*cursor=")) >= 8


@pytest.mark.parametrize("rules", ["", "*.txt -text\n", "*.md filter=lfs\n*.json filter=lfs\n*.parquet filter=lfs"])
def test_gitattributes_decide_what_is_large_and_no_file_is_sent_twice(hub, push, repository, rules):  # noqa: F811
    hub.put(REPO, {".gitattributes": rules.encode()})
    assert push()["code"] == 0
    there = repository.commits[hub.head(REPO)]
    assert (there[SHARD].large, there["README.md"].large) == (".parquet" in rules, ".md" in rules)
    head = hub.head(REPO)
    assert "nothing has changed" in push()["out"] and hub.head(REPO) == head


def test_a_tag_that_others_make_meanwhile(hub, push, repository):  # noqa: F811
    hub.faults.append(Fault("POST", "/tag/", 409, 1))
    done = push("--tag", "v1")
    assert done["code"] == 2 and "the rows are there" in done["err"] and "another --tag" in done["err"]
    assert SHARD in hub.files(REPO)
    assert "nothing has changed" in push("--tag", "v1")["out"] and repository.tags == {"v1": hub.head(REPO)}


def test_a_repository_that_others_make_meanwhile(hub, push):  # noqa: F811
    hub.repositories.clear()
    hub.faults.append(Fault("GET", f"/api/datasets/{REPO}", 404, 1, {"X-Error-Code": "RepoNotFound"}))
    hub.put(REPO, {"theirs.txt": b"theirs"})
    assert push()["code"] == 0
    assert {SHARD, "theirs.txt"} <= set(hub.files(REPO))
