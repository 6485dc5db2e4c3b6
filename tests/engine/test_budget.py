"""Limits of a run, its account, and prices."""

from __future__ import annotations

import json
import re

import pytest

import chatdesc
from chatdesc.engine.budget import FILE, Account, Budget, Ledger, kept
from chatdesc.engine.prices import Price, price_of
from chatdesc.synthetic import render
from chatdesc.types import ChatdescError
from tests.makers.commands import call, fails
from tests.standins.openai_server import Reply, completion, quick_and_with_key, serving

pytestmark = pytest.mark.usefixtures("windows_for_proposals")

DEAR = Price(input=1000.0, output=2000.0, currency="EUR", date="2026-01-02")


@pytest.mark.parametrize(
    ("limits", "budget"),
    [
        (["requests=10"], Budget(requests=10)),
        (["tokens=1.5k", "hours=0.5"], Budget(tokens=1500, hours=0.5)),
        (["money=3", "tokens=2M"], Budget(money=3.0, tokens=2_000_000)),
        ([], Budget()),
    ],
)
def test_limits_are_read(limits, budget):
    assert Budget.of(limits) == budget


@pytest.mark.parametrize(
    "wrong", ["request=1", "requests", "requests=", "requests=0", "hours=-1", "tokens=1e9", "money=nan", "hours=١"]
)
def test_what_is_no_limit_is_refused(wrong):
    with pytest.raises(ChatdescError, match=r"--budget .*say one of requests=N, tokens=N, money=N, hours=N"):
        Budget.of([wrong])


def test_a_limit_twice_is_refused():
    with pytest.raises(ChatdescError, match="each once"):
        Budget.of(["hours=1", "hours=2"])


def test_each_limit_is_reached_by_what_it_counts():
    used = Account(requests=3, prompt_tokens=1000, completion_tokens=500, seconds=7200)
    assert used.tokens == 1500 and used.cost(DEAR) == pytest.approx(2.0)
    assert Budget(requests=3).over(used) == "requests=3" and Budget(requests=4).over(used) is None
    assert Budget(tokens=1500).over(used) == "tokens=1500" and Budget(tokens=1501).over(used) is None
    assert Budget(hours=2).over(used) == "hours=2" and Budget(hours=2.01).over(used) is None
    assert Budget(money=2.0).over(used, DEAR) == "money=2" and Budget(money=2.01).over(used, DEAR) is None


def test_a_ledger_goes_on_where_the_last_call_ended(tmp_path):
    now, counts = [100.0], {"requests": 0, "prompt_tokens": 0, "completion_tokens": 0, "models": {}}
    first = Ledger(tmp_path, lambda: counts, Budget(requests=5), clock=lambda: now[0])
    taken = []
    for name in first.within("abcdef"):
        taken.append(name)
        counts["requests"] += 2
        now[0] += 10
    assert taken == ["a", "b", "c"] and first.reached == "requests=5"
    first.save()
    assert kept(tmp_path) == Account(requests=6, seconds=30.0)
    counts["requests"] = 0
    again = Ledger(tmp_path, lambda: counts, Budget(requests=5), clock=lambda: now[0])
    assert list(again.within("def")) == [] and again.used.requests == 6
    more = Ledger(tmp_path, lambda: counts, Budget(requests=7), clock=lambda: now[0])
    assert next(more.within("def")) == "d"


def test_a_damaged_account_is_not_taken_for_an_empty_one(tmp_path):
    for damaged in ("{", "[]", '{"requests": "many"}', "null"):
        (tmp_path / FILE).write_text(damaged)
        with pytest.raises(ChatdescError, match="remove it to count from nothing"):
            kept(tmp_path)


def test_prices(tmp_path):
    assert price_of("openai:gpt-4.1@2025-04-14").of(1_000_000, 1_000_000) == pytest.approx(10.0)
    own = tmp_path / "prices.yaml"
    own.write_text("openai:kite-vl: {input: 1, output: 2, currency: EUR, date: 2026-01-02}\nopenai:odd: {input: -1}\n")
    assert price_of("openai:kite-vl", own) == Price(1.0, 2.0, "EUR", "2026-01-02")
    with pytest.raises(ChatdescError, match=r"no price of openai:kite-v; did you mean openai:kite-vl"):
        price_of("openai:kite-v", own)
    with pytest.raises(ChatdescError, match="openai:odd: is no price"):
        price_of("openai:odd", own)
    own.write_text("a: [")
    with pytest.raises(ChatdescError, match="is no YAML"):
        price_of("openai:kite-vl", own)
    own.write_text("- a")
    with pytest.raises(ChatdescError, match="holds no prices"):
        price_of("openai:kite-vl", own)
    with pytest.raises(ChatdescError, match="cannot be read"):
        price_of("openai:kite-vl", tmp_path / "nothing.yaml")


def test_a_run_stops_at_its_budget_and_goes_on_with_more(tmp_path, monkeypatch):
    quick_and_with_key(monkeypatch)
    render(tmp_path / "data", count=4, frames=2, seed=11)
    (tmp_path / "prices.yaml").write_text(
        "openai:kite-vl: {input: 1000, output: 2000, currency: EUR, date: 2026-01-02}\n"
    )
    models = ["--describer", "openai:kite-vl", "--tracker", "none", "--rounds", "0", "--sequences-in-flight", "1"]
    place = ["synthetic", tmp_path / "data", "--out", tmp_path / "run", *models]
    with serving(lambda body, n: Reply(completion('{"target": "small thing"}'))) as server:
        dear = ["--base-url", server.url, "--budget", "money=0.2", "--prices", tmp_path / "prices.yaml"]
        done = call("annotate", *place, *dear)
        # 100 and 7 tokens of an answer cost 0.114, so the second one is the last. One request asks what the server has.
        assert (
            done.exit_code == 1
            and "the budget is reached (money=0.2; used: 3 requests, 214 tokens, 0.23 EUR)" in done.output
        ), done.output
        assert "2 sequences are left" in done.output and len(server.chats) == 2
        said = json.loads((tmp_path / "run" / FILE).read_text())
        assert (said["requests"], said["prompt_tokens"], said["completion_tokens"]) == (3, 200, 14)
        assert said["cost"] == pytest.approx(0.228) and said["price"]["date"] == "2026-01-02"
        none = call("annotate", *place, *dear)
        assert none.exit_code == 1 and len(server.chats) == 2
        rest = call("annotate", *place, "--base-url", server.url, "--budget", "requests=100")
        assert rest.exit_code == 0 and len(server.chats) == 4, rest.output
        card = (tmp_path / "run" / "dataset" / "README.md").read_text()
        used = re.search("The describer needed (.+) requests with 400 tokens of prompts and 28 of answers\\.", card)
        assert used and int(used[1]) == json.loads((tmp_path / "run" / FILE).read_text())["requests"]
        whole = call("annotate", "synthetic", tmp_path / "data", "--out", tmp_path / "whole", *models,
                     "--base-url", server.url)  # fmt: skip
        assert whole.exit_code == 0
    one, other = (sorted((tmp_path / run / "rows").iterdir()) for run in ("run", "whole"))
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in other]


def test_what_cannot_be_limited_is_refused(tmp_path):
    render(tmp_path / "data", count=1, frames=2)
    place = ("annotate", "synthetic", tmp_path / "data", "--tracker", "none", "--out", tmp_path / "run")
    assert "attributes counts no requests; limit hours" in fails(*place, "--budget", "requests=3")
    assert "of no use without --budget money=N" in fails(*place, "--prices", "prices.yaml")


def test_the_account_and_the_budget_are_of_all_processes_together(tmp_path, monkeypatch):
    quick_and_with_key(monkeypatch)
    render(tmp_path / "data", count=6, frames=2, seed=11)
    with serving(lambda body, n: Reply(completion('{"target": "small thing"}'))) as server:
        quick = {"tracker": "none", "rounds": 0, "alignment_frames": 1, "sequences_in_flight": 1}
        quick |= {"describer": "openai:kite-vl", "base_url": server.url, "devices": ("cpu", "cpu")}
        part = chatdesc.annotate("synthetic", tmp_path / "data", tmp_path / "run", budget=["tokens=200"], **quick)
        assert part.stopped == "tokens=200" and 2 <= len(server.chats) == len(part.rows) < 6
        assert f"{6 - len(part.rows)} sequence" in part.notes[-1]
        whole = chatdesc.annotate("synthetic", tmp_path / "data", tmp_path / "run", **quick)
    assert len(whole.rows) == len(server.chats) == 6
    said = json.loads((tmp_path / "run" / FILE).read_text())
    assert (said["prompt_tokens"], said["completion_tokens"]) == (6 * 100, 6 * 7)
    assert not (tmp_path / "run" / "claims").exists()


def test_hours_limit_models_on_this_machine(tmp_path):
    render(tmp_path / "data", count=2, frames=2)
    done = call(
        "annotate", "synthetic", tmp_path / "data", "--tracker", "none", "--out", tmp_path / "run",
        "--budget", "hours=0.0000001", "--sequences-in-flight", "1",
    )  # fmt: skip
    assert "the budget is reached (hours=1e-07" in str(done.exception)
