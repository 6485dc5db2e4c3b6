"""A proxy that passes chat requests on to a real server and spoils some of the answers.

What it does to a request depends on a seed, the request's messages and how often they came: not on the order in which
threads happen to send them.
"""

from __future__ import annotations

import json
import random
import urllib.error
import urllib.request
from collections import Counter
from contextlib import contextmanager
from hashlib import sha256

from tests.standins.openai_server import Reply, serving

# What a client gets over by asking again, and what it must give up; the rest of the requests are passed on.
PASSING = {"429": 0.12, "500": 0.1, "truncate": 0.08, "malformed": 0.06, "reset": 0.06, "hang": 0.02}
FINAL = {"401": 0.02, "404": 0.02, "page": 0.02, "refusal": 0.03, "length": 0.03}


class FaultProxy:
    """The script of a proxy; ``log`` has (messages' hash, what was done), ``delivered`` the hashes of whole answers."""

    def __init__(self, upstream, seed):
        self.upstream, self.seed, self.on = upstream, seed, True
        self.seen, self.log, self.delivered, self.prompts = Counter(), [], set(), {}

    def __call__(self, body, n):
        messages = json.dumps(body["messages"], sort_keys=True)
        key = sha256(messages.encode()).hexdigest()
        self.seen[key] += 1
        self.prompts[key] = body["messages"][0]["content"][-1]["text"]
        fault = self.choose(key) if self.on else ""
        reply = self.spoil(fault, body)
        self.log.append((key, fault or str(reply.status)))
        if not fault and reply.status == 200:
            self.delivered.add(key)
        return reply

    def choose(self, key):
        rates = PASSING | FINAL
        chance = random.Random(f"{self.seed}-{key}-{self.seen[key]}")
        [fault] = chance.choices([*rates, ""], [*rates.values(), 1 - sum(rates.values())])
        return fault

    def spoil(self, fault, body):
        if fault in ("hang", "reset"):
            return Reply(fault=fault)
        if fault == "429":
            return Reply({"error": {"message": "slow down"}}, 429, {"Retry-After": "0"})
        if fault.isdecimal():
            return Reply({"error": {"message": "made up"}}, int(fault))
        if fault == "page":
            return Reply(b"<html>please log in</html>")
        status, answer = forward(self.upstream, body)
        if status != 200:
            return Reply(answer, status)
        if fault == "truncate":
            return Reply(answer, fault="truncate")
        if fault == "malformed":
            return Reply(answer[:-7])
        if fault:
            whole = json.loads(answer)
            [choice] = whole["choices"]
            choice |= (
                {"finish_reason": "length"} if fault == "length" else {"message": {"refusal": "no", "content": None}}
            )
            return Reply(whole)
        return Reply(answer)


def forward(upstream, body):
    request = urllib.request.Request(
        f"{upstream}/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


@contextmanager
def fault_proxy(upstream, seed=0):
    """A running proxy: (its server, its script)."""
    script = FaultProxy(upstream, seed)
    with serving(script, models=Reply({"data": []})) as server:
        yield server, script
