"""VQAScore and questions through a model server that gives log-probabilities."""

from __future__ import annotations

import math

import pytest

import chatdesc
from chatdesc.synthetic import render
from tests.standins.openai_server import Reply, completion, quick_and_with_key, serving


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    quick_and_with_key(monkeypatch)


def likely(yes):
    """A script: Yes with this probability, of which the server tells where it is asked."""

    def script(body, n):
        reply, entries = completion("Yes"), [("Yes", yes), ("No", 1 - yes)]
        told = [{"token": word, "logprob": math.log(p)} for word, p in entries]
        if body.get("logprobs"):
            reply["choices"][0]["logprobs"] = {"content": [told[0] | {"top_logprobs": told}]}
        return Reply(reply)

    return script


def test_the_servers_probability_is_the_score(tmp_path):
    render(tmp_path / "data", count=1, frames=3, seed=1)
    with serving(likely(0.8)) as server:
        scores = chatdesc.score(
            "synthetic", tmp_path / "data", measures=["vqa", "questions"], measure_frames=2,
            describer="openai:kite-vl", base_url=server.url,
        )  # fmt: skip
    vqa, questions = scores.measures
    assert (vqa["measure"], vqa["text"], vqa["mean"]) == ("vqa", "manual", pytest.approx(0.8))
    asked = [body["messages"][0]["content"] for body in server.chats]
    pictured = [content for content in asked if any(part["type"] == "image_url" for part in content)]
    assert len(pictured) == 2 and all("Does this figure show" in content[-1]["text"] for content in pictured)
    blind = [content for content in asked if content not in pictured]
    assert all("Judge by these words alone" in content[-1]["text"] for content in blind)
    # Yes to all: the target is recognised, all 3 true details and all 5 invented ones are said to be there
    assert len(blind) == 1 + 3 + 5
    assert (questions["measure"], questions["mean"]) == ("questions", (1 + (1 - 2 * 5 / 8)) / 2)
