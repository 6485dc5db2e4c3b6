"""The server of ``chatdesc review``, asked over real HTTP: who may ask, and that nothing is lost.

It is a process of its own where its start, its end or several writers are checked.
"""

import json
import random
import re
import socket
import threading
import time
from contextlib import suppress
from http.client import HTTPException

import pytest

from chatdesc.decisions.decision import decision
from chatdesc.decisions.journal import Journal
from chatdesc.rows.schema import empty_row
from chatdesc.rows.store import Store
from chatdesc.synthetic import render
from tests.makers.commands import fails
from tests.makers.review_server import Local, Server, a_run, sent


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return a_run(tmp_path_factory.mktemp("review") / "run", count=5)


@pytest.fixture(scope="module")
def server(run):
    with Local(run) as started:
        yield started


def test_the_address_gives_a_cookie_and_the_cookie_the_page(server):
    entrance = server.ask(f"/?token={server.token}", Cookie=None)
    assert (entrance.status, entrance.headers["location"]) == (303, "/")
    cookie = entrance.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie and f"review-{server.port}=" in cookie
    page = server.ask("/")
    assert page.status == 200 and b"a red kite 0" in page.body
    index = json.loads(re.search(rb'id="index">(.*?)</script>', page.body)[1])
    assert index["review"]["reviewer"] == "ada" and index["review"]["blind"] is False
    assert len(index["review"]["seen"]) == len(index["rows"]) == 5 and "other" in index["review"]["kinds"]


def test_the_policy_allows_the_page_and_nothing_else(server):
    page = server.ask("/")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
    [within] = re.findall(rb'http-equiv="Content-Security-Policy" content="([^"]*)"', page.body)
    assert policy == within.decode().replace("&#x27;", "'") + "; frame-ancestors 'none'"
    assert "connect-src 'self'" in policy
    for path in ("/", "/decisions", "/frame/0/0", "/nothing"):
        headers = server.ask(path).headers
        assert headers["x-content-type-options"] == "nosniff" and headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "no-referrer" and headers["x-frame-options"] == "DENY"
        assert "server" not in headers and "access-control-allow-origin" not in headers


PATHS = ("/", "/decisions", "/frame/0/0", "/nothing")
STRANGERS = {
    "no cookie": {"Cookie": None},
    "another token": {"Cookie": "chatdesc-review-{port}=guess"},
    "another port's cookie": {"Cookie": "chatdesc-review-1={token}"},
    "a foreign host": {"Host": "evil.example:{port}"},
    "a host without a port": {"Host": "127.0.0.1"},
    "a host that only begins so": {"Host": "127.0.0.1:{port}.evil.example"},
    "no host": {"Host": None},
    "a foreign origin": {"Origin": "https://evil.example"},
    "another port of this machine": {"Origin": "http://127.0.0.1:1"},
    "a sandboxed page": {"Origin": "null"},
}


@pytest.mark.parametrize("why", STRANGERS)
def test_strangers_get_and_change_nothing(server, why):
    headers = {
        name: value and value.format(port=server.port, token=server.token) for name, value in STRANGERS[why].items()
    }
    before = server.decisions()
    for path in PATHS:
        answer = server.ask(path, **headers)
        assert answer.status == (400 if headers.get("Host", "") is None else 403), path
        assert b"kite" not in answer.body
    assert server.ask("/decisions", {"decisions": [sent()]}, **headers).status in (400, 403)
    assert server.decisions() == before


def test_a_token_in_an_address_opens_the_entrance_alone(server):
    assert server.ask("/?token=guess", Cookie=None).status == 403
    assert server.ask("/?token=", Cookie=None).status == 403
    assert server.ask(f"/decisions?token={server.token}", Cookie=None).status == 403
    assert server.ask(f"/?token={server.token}", Cookie=None, Host="evil.example").status == 403
    assert server.ask(f"/?token={server.token}", {}, Cookie=None).status == 403


def test_the_name_localhost_will_do(server):
    host = f"localhost:{server.port}"
    assert server.ask("/", Host=host).status == 200
    answer = server.ask("/decisions", {"decisions": [sent()]}, Host=host, Origin=f"http://{host}")
    assert answer.status == 200
    assert server.ask("/decisions", {"decisions": [sent()]}, Host=host).status == 403  # the origin is another site


def test_a_link_on_another_site_leads_to_the_page_but_shows_nothing_by_itself(server):
    answer = server.ask("/", Cookie=None, Sec_Fetch_Site="cross-site")
    assert answer.status == 200 and b'url=/"' in answer.body and b"kite" not in answer.body
    assert server.ask("/", Cookie=None, Sec_Fetch_Site="same-origin").status == 403
    assert server.ask("/decisions", Cookie=None, Sec_Fetch_Site="cross-site").status == 403


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_other_content_types_are_refused(server, kind):
    answer = server.ask("/decisions", {"decisions": [sent()]}, Content_Type=kind)
    assert answer.status == 415


def test_a_content_type_may_name_its_characters(server):
    answer = server.ask("/decisions", {"decisions": [sent()]}, Content_Type="Application/JSON; charset=utf-8")
    assert answer.status == 200


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"{}", b'{"decisions": 1}', b'{"decisions": [1]}', b"[" * 100_000, b"\xff"]
)
def test_bodies_that_are_no_decisions_are_refused(server, body):
    assert server.ask("/decisions", body).status == 400


def test_a_body_without_end_is_cut_off(server):
    assert server.ask("/decisions", b" " * ((32 << 20) + 1)).status == 413
    assert server.ask("/").status == 200


def test_other_methods_and_paths_are_refused(server):
    for method in ("PUT", "DELETE", "OPTIONS", "PATCH"):
        assert server.ask("/decisions", method=method).status == 405
    for path in ("/decisions/", "/picture/../run.json", "/..%2f..%2fetc/passwd", "//etc/passwd", "/frame/0/-1"):
        assert server.ask(path).status in (404, 405, 307), path
    assert server.ask("/decisions?after=x").status == 400


def test_decisions_come_back_with_reviewer_time_and_number(server):
    before = server.ask("/decisions").json["last"]
    one, two = sent("kite-1", "accept", side="manual", text="smuggled"), sent("kite-2", "flag", reason="<b>no</b>")
    answer = server.decide(one, two)
    assert answer == {"saved": [one["id"], two["id"]], "refused": {}, "last": before + 2}
    first, second = server.decisions(before)
    assert (first["number"], second["number"]) == (before + 1, before + 2)
    assert first["text"] == "a kite 1" and first["reviewer"] == "ada" and first["at"]  # the row's own text
    assert second["kind"] == "typo" and second["reason"] == "<b>no</b>"
    assert server.decide(one)["last"] == before + 2 and server.decisions(before + 2) == []


def test_one_wrong_decision_holds_up_no_other(server):
    wrong = [
        sent("kite-1", "maybe"),
        sent("no-such"),
        sent("kite-1", seen="0000"),
        sent("kite-1", "edit", text=" "),
        sent("kite-1", "edit", text="half \ud83d"),
        {"id": "lonely"},
    ]
    good = sent("kite-1", "edit")
    answer = server.decide(*wrong, good)
    assert answer["saved"] == [good["id"]] and set(answer["refused"]) == {record["id"] for record in wrong}
    assert "changed since" in answer["refused"][wrong[2]["id"]]


HOSTILE = [
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    "x" * 10_000,
    "\u202eteg yam siht \u0627\u0644\u0637\u0627\u0626\u0631\u0629",
    "🙂 👨‍👩‍👧 é\u0301",
    "a\nb\r\nc\u2028d\0e",
    "{{policy}} ${x} `x` \\u003c",
    "'; DROP TABLE rows; --",
]


def test_hostile_texts_come_back_as_they_are_and_never_as_markup(tmp_path):
    run = a_run(tmp_path / "run", count=len(HOSTILE))
    with Store.open(run, {"dataset": "lasot"}) as store:
        for number, text in enumerate(HOSTILE):
            store.save(store.load(f"kite-{number}") | {"text": text, "manual_text": text[::-1]})
    with Local(run, reviewer="<b>ada</b> & co") as server:
        page = server.ask("/").body.decode()
        assert page.count("<script") == len(HOSTILE) + 2 and "<img" not in page and "<b>ada" not in page
        server.decide(*(sent(f"kite-{n}", "accept") for n in range(len(HOSTILE))))
        server.decide(*(sent(f"kite-{n}", "edit", text=text, reason=text) for n, text in enumerate(HOSTILE)))
        answer = server.ask("/decisions")
        assert answer.headers["content-type"].startswith("application/json") and b"\xf0" not in answer.body
        texts = [made["text"] for made in answer.json["decisions"]]
        assert texts == HOSTILE * 2
    assert [made.reason for made in Journal(run / "review").read()][-len(HOSTILE) :] == HOSTILE


def test_two_tabs_and_two_reviewers_do_not_lose_each_others_work(run, tmp_path):
    folder = tmp_path / "decisions"
    with (
        Server(run, "--decisions", folder) as one,
        Local(run, decisions=folder) as other,
        Local(run, decisions=folder, reviewer="bob") as bob,
    ):
        made = {server: [sent(f"kite-{n % 5}") for n in range(20)] for server in (one, other, bob)}
        threads = [threading.Thread(target=lambda s=s: [s.decide(d) for d in made[s]]) for s in made]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wanted = {record["id"] for of in made.values() for record in of}
        for server in made:
            assert {got["id"] for got in server.decisions()} == wanted
    assert sorted(path.name for path in folder.iterdir()) == ["ada.jsonl", "bob.jsonl"]


def test_a_blind_reviewer_sees_nobody_elses_decisions(run, tmp_path):
    folder = tmp_path / "decisions"
    Journal(folder, "bob").add([decision(sent("kite-0", "flag"))])
    with Local(run, decisions=folder, blind=True) as ada:
        assert ada.decisions() == []
        mine = ada.decide(sent("kite-0", "accept", blind=True))["saved"]
        assert ada.ask("/decisions").json["last"] == 2
        assert [got["id"] for got in ada.decisions()] == mine


def until_killed(server, draw):
    """Edit the first three rows until a kill at a random moment: the ids of decisions that were confirmed."""
    confirmed = []
    server.decide()  # it is awake
    timer = threading.Timer(draw.uniform(0.3, 0.8), server.process.kill)
    timer.start()
    with suppress(OSError, HTTPException):
        while True:
            several = [sent(f"kite-{number % 3}", "edit") for number in range(draw.randint(3, 20))]
            confirmed += server.decide(*several)["saved"]
    timer.join()
    return confirmed


def test_after_a_kill_a_new_start_has_all_that_was_confirmed_and_a_new_token_until_ctrl_c(run, tmp_path):
    with Server(run, "--decisions", tmp_path) as first:
        confirmed = until_killed(first, random.Random(15))
    with Server(run, "--decisions", tmp_path, port=first.port) as second:
        assert second.port == first.port and second.ask("/decisions", Cookie=first.cookie).status == 403
        got = [made["id"] for made in second.decisions()]
        assert len(confirmed) > 20 and set(confirmed) <= set(got) and len(got) == len(set(got))
        more = second.decide(sent("kite-3", "accept"), sent("kite-4"))["saved"]
        said, code = second.stop()
    assert code == 0 and "ada has decided 4 of 5 rows" in said and "Traceback" not in said
    assert [made.id for made in Journal(tmp_path).read()] == [*got, *more]


def test_it_listens_on_this_machine_alone(server):
    with socket.socket() as other:
        other.settimeout(2)
        assert other.connect_ex((_own_address(), server.port)) != 0


def _own_address():
    """This machine's address among others; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no network")
        address = probe.getsockname()[0]
    if address.startswith("127."):
        pytest.skip("this machine has no network")
    return address


def test_a_damaged_journal_is_an_error_at_the_start_and_later(run, tmp_path):
    with Local(run, decisions=tmp_path) as server:
        server.decide(sent())
        (tmp_path / "bob.jsonl").write_text("not json\n")
        answer = server.ask("/decisions")
        assert answer.status == 500 and "bob.jsonl: line 1" in answer.json["error"]
        server.decide(sent())  # this reviewer's own file is whole
    assert "bob.jsonl: line 1" in fails("review", run, "--decisions", tmp_path, "--no-browser", "--port", 0)


def test_frames_come_from_under_the_root_alone(tmp_path):
    film = tmp_path / "film"
    with Store.open(film / "run", {"dataset": "synthetic"}) as store:
        for name in render(film / "data", count=2, frames=4, seed=0):
            store.save(empty_row() | {"sequence": name, "dataset": "synthetic", "status": "ok", "num_frames": 4})
    secret = tmp_path / "secret.jpg"
    images = sorted((film / "data").glob("*/*/img/*.jpg"))
    secret.write_bytes(images[0].read_bytes())
    folder = images[0].parent.parent
    images[1].unlink()
    images[1].symlink_to(secret)
    images[2].unlink()
    images[2].symlink_to("/etc/passwd")
    with Local(film / "run", root=film / "data") as server:
        page = server.ask("/").body.decode()
        index = json.loads(re.search(r'id="index">(.*?)</script>', page)[1])
        row = [line[1] for line in index["rows"]].index(folder.name)
        whole = server.ask(f"/frame/{row}/0")
        assert whole.status == 200 and whole.body[8:12] == b"WEBP" and whole.headers["content-type"] == "image/webp"
        for path in (f"/frame/{row}/1", f"/frame/{row}/2", f"/frame/{row}/99", "/frame/99/0", f"/frame/{row}/../0"):
            answer = server.ask(path)
            assert answer.status == 404 and b"root:" not in answer.body and b"RIFF" not in answer.body, path
        assert "link" in server.ask(f"/frame/{row}/1").json["error"]
        assert server.ask("/frame/0/0", Cookie=None).status == 403


def test_a_number_of_thousands_of_digits_names_no_frame(server):
    assert server.ask(f"/frame/{'9' * 5000}/0").status == server.ask(f"/frame/0/{'9' * 5000}").status == 404


def test_without_a_root_there_are_no_frames(server):
    assert "--root" in server.ask("/frame/0/0").json["error"]


def test_wrong_input_is_refused_with_a_remedy(run, server, tmp_path):
    assert "--decisions DIR" in fails("review", tmp_path, "--no-browser")
    assert "--decisions DIR" in fails("review", run, run, "--no-browser")
    assert "take one source at a time" in fails(
        "review", run, run, "--decisions", tmp_path, "--port", 0, "--no-browser"
    )
    assert "--port" in fails("review", run, "--port", server.port, "--no-browser")
    assert "--reviewer" in fails("review", run, "--reviewer", " ", "--no-browser")
    assert "--reviewer" in fails("review", run, "--reviewer", "a\nb", "--no-browser")
    assert "no such folder" in fails("review", tmp_path / "none", "--decisions", tmp_path, "--port", 0, "--no-browser")
    assert "--root" in fails("review", run, "--grounder", "attributes", "--no-browser")


@pytest.mark.parametrize("within", ["file", "file/more"])
def test_a_place_that_can_keep_no_decision_is_refused_before_the_first_one(run, server, tmp_path, within):
    (tmp_path / "file").touch()
    told = fails("review", run, "--decisions", tmp_path / within, "--port", server.port, "--no-browser")
    assert "file: is a file" in told and "--decisions" in told


def test_a_missing_package_is_named_with_its_command(run, monkeypatch):
    monkeypatch.setattr("chatdesc.decisions.review.PACKAGES", ("starlette", "no_such_package"))
    assert "pip install 'chatdesc[review]'" in fails("review", run, "--no-browser")


def test_a_decision_is_answered_fast(server):
    start = time.perf_counter()
    for _ in range(20):
        server.decide(sent())
    assert time.perf_counter() - start < 20
