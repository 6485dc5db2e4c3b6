"""Closed questions: Yes and No in words, in probabilities, and from a server with and without them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from chatdesc.backends import create
from chatdesc.backends.closed_questions import chance_in_choice, chance_of_yes, spoken_reply
from chatdesc.protocols import Answerer
from chatdesc.types import Ask, BackendError, FrameError, FrameRef, Reply, UnreadableAnswer
from tests.makers.sequences import frames_of
from tests.standins.openai_server import (
    Reply as Http,
)
from tests.standins.openai_server import (
    completion,
    describer,
    in_turn,
    quick_and_with_key,
    serving,
)


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    quick_and_with_key(monkeypatch)


def a_question(frames=None, words="Is it a kite? Answer Yes or No."):
    if frames is None:
        return Ask(words)
    return Ask(words, FrameRef(frames, 0), np.array([2, 3, 10, 10], np.float32))


def token(word, *others):
    """A token of the dialect: (word, probability), and those that could stand in its place."""
    entries = [{"token": w, "logprob": math.log(p)} for w, p in (word, *others)]
    return entries[0] | {"top_logprobs": entries}


def said(content, *tokens, **more):
    body = completion(content, **more)
    body["choices"][0]["logprobs"] = {"content": list(tokens)}
    return Http(body)


@pytest.mark.parametrize(
    ("text", "yes"),
    [
        ("Yes", True), ("no.", False), ("  **No**, because", False), ("<think>no, no</think>\nYes", True),
        ("The answer is no: it is red", False), ('{"answer": "yes"}', True), ("Answer:\nYES", True),
    ],
)  # fmt: skip
def test_what_is_said(text, yes):
    assert spoken_reply(text) is yes


@pytest.mark.parametrize(
    "text", ["", "Maybe", "It fits the object and no other", "Nothing", "<think>yes", "yesterday", "I know"]
)
def test_what_says_neither(text):
    with pytest.raises(UnreadableAnswer, match="neither Yes nor No"):
        spoken_reply(text)


def test_spellings_count_together():
    chance = chance_of_yes({"Yes": math.log(0.3), " yes": math.log(0.3), "NO": math.log(0.2), "Yet": math.log(0.2)})
    assert chance == pytest.approx(0.75)
    assert chance_of_yes({"The": -0.1}) is None


@pytest.mark.parametrize(
    "logprobs",
    [
        None, "x", {}, {"content": None}, {"content": ["Yes", 3]}, {"content": [{"token": "The", "logprob": -1}]},
        {"content": [{"token": "Yes", "logprob": "high"}]}, {"content": [{"token": "Yes", "logprob": float("nan")}]},
        {"content": [{"token": "Yes", "logprob": 5.0}]}, {"content": [{"token": "Yes", "logprob": True}]},
    ],
)  # fmt: skip
def test_numbers_that_are_none(logprobs):
    assert chance_in_choice({"logprobs": logprobs}, True) is None


def test_thoughts_and_other_words_give_no_probability():
    spoken = [token(("no", 0.9)), token(("</think>", 0.9)), token(("Yes", 0.8), ("No", 0.2))]
    assert chance_in_choice({"logprobs": {"content": spoken}}, True) == pytest.approx(0.8)
    assert chance_in_choice({"logprobs": {"content": spoken}}, False) is None  # the words say otherwise
    assert chance_in_choice({"logprobs": {"content": spoken[:2]}}, True) is None


def test_a_server_with_probabilities():
    with serving(in_turn(said("Yes", token(("Yes", 0.6), ("yes", 0.1), ("No", 0.1), ("It", 0.2))))) as server:
        one = describer(server)
        assert isinstance(one, Answerer)
        [reply] = one.ask([a_question(frames_of(1))])
    assert reply.yes and reply.probability == pytest.approx(0.7 / 0.8)
    [body] = server.chats
    assert (body["logprobs"], body["top_logprobs"]) == (True, 20) and "response_format" not in body
    assert [part["type"] for part in body["messages"][0]["content"]] == ["image_url", "text"]
    assert one.summary()["answers"] == 1 and one.summary()["prompt_tokens"] == 100


def test_a_question_about_words_sends_no_picture():
    with serving(in_turn(Http(completion("No")))) as server:
        assert describer(server).ask([a_question()]) == [Reply(False)]
    assert [part["type"] for part in server.chats[0]["messages"][0]["content"]] == ["text"]


@pytest.mark.parametrize(
    ("accepts", "tried"), [(lambda n: n <= 5, [20, 5]), (lambda n: n == 0, [20, 5, 0]), (lambda n: True, [20])]
)
def test_a_server_that_gives_fewer_or_none_is_found_out_once(accepts, tried):
    def script(body, n):
        known = accepts(body.get("top_logprobs", 0))
        return Http(completion("Yes") if known else {"error": {"message": "unknown field"}}, 200 if known else 400)

    with serving(script) as server:
        one = describer(server)
        assert one.ask([a_question()]) == [Reply(True)] == one.ask([a_question()])
    assert [body.get("top_logprobs", 0) for body in server.chats] == [*tried, tried[-1]]
    assert all(("logprobs" in body) == ("top_logprobs" in body) for body in server.chats)


def test_questions_and_descriptions_have_dialects_of_their_own():
    from tests.standins.openai_server import GOOD, request

    def script(body, n):
        fit = "response_format" in body or "top_logprobs" not in body
        return Http(completion(GOOD if "response_format" in body else "Yes"), 200 if fit else 400)

    with serving(script) as server:
        one = describer(server)
        assert one.ask([a_question()]) == [Reply(True)]
        assert one.describe([request()]) == [GOOD]
    assert server.chats[-1]["response_format"]["type"] == "json_schema"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Http(completion("Kites are nice.")), "neither Yes nor No, but 'Kites are nice.'"),
        (Http(completion("")), "answered nothing"),
        (Http(completion(None, refusal="I cannot.")), "declined to answer"),
        (Http(completion("Ye", finish="length")), "cut off"),
        (Http({"error": {"message": "bad key"}}, 401), "does not accept the key"),
        (Http(b"<html>", 200), "web page"),
    ],
)
def test_an_answer_that_is_none_is_that_questions_error(answer, error):
    with serving(in_turn(Http(completion("Yes")), answer)) as server:
        first, second = describer(server, concurrency=1).ask([a_question(), a_question()])
    assert first == Reply(True)
    assert isinstance(second, BackendError) and error in str(second)


def test_a_frame_that_cannot_be_read_is_that_questions_error():
    broken = frames_of(1)
    broken.read_bytes.files = {}
    with serving(lambda body, n: Http(completion("No"))) as server:
        first, second = describer(server, concurrency=1).ask([a_question(broken), a_question()])
    assert isinstance(first, FrameError) and second == Reply(False)


def test_the_offline_describer_answers_no_questions():
    assert not isinstance(create("describer", "attributes"), Answerer)
