"""A describer behind the chat-completions protocol, against a scripted server over real HTTP."""

from __future__ import annotations

import base64
import json
import logging

import cv2
import numpy as np
import pytest

from chatdesc.backends import create
from chatdesc.protocols import Describer
from chatdesc.types import BackendError, ChatdescError, Describe, FrameError, FrameRef
from tests.makers.sequences import frames_of
from tests.standins.openai_server import (
    GOOD,
    KEY,
    Reply,
    ask,
    completion,
    describer,
    in_turn,
    quick_and_with_key,
    request,
    serving,
)


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    quick_and_with_key(monkeypatch)


def test_a_request_as_the_protocol_wants_it():
    with serving() as server:
        answer, one = ask(server, max_tokens=99, seed=4)
    assert answer == GOOD
    assert isinstance(one, Describer)
    [body], [headers] = server.chats, server.headers_seen
    assert body["model"] == "kite-vl"
    assert (body["max_tokens"], body["temperature"], body["seed"]) == (99, 0.0, 4)
    assert body["response_format"]["json_schema"]["schema"]["required"] == ["target", "background"]
    [message] = body["messages"]
    assert [part["type"] for part in message["content"]] == ["image_url", "text"]
    assert message["content"][1]["text"] == "Describe it as JSON."
    assert headers["Authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("image_format", ["jpeg", "png"])
def test_the_picture_arrives_with_the_target_marked(image_format):
    grey = np.full((48, 64, 3), 120, np.uint8)
    grey[:, 40:] = (200, 30, 30)
    with serving() as server:
        describer(server, image_format=image_format).describe([request(image=[grey])])
    head, _, data = server.chats[0]["messages"][0]["content"][0]["image_url"]["url"].partition(",")
    assert head == f"data:image/{image_format};base64"
    seen = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR_RGB)
    assert seen.shape == grey.shape
    assert np.abs(seen[40, 55].astype(int) - (200, 30, 30)).max() < 12, "red stays red"
    assert seen[9, 20, 1] > 180 > 100 > seen[9, 20, 0], "above the box there is a green line"
    assert np.abs(seen[20, 20].astype(int) - 120).max() < 25, "the target itself is not painted over"


def sent(server, prompt="?", **options):
    """The pictures and the prompt that a describer with these options sends for a frame of 640 x 480."""
    scene = np.zeros((480, 640, 3), np.uint8)
    scene[200:300, 320:480] = 255
    one = describer(server, image_format="png", **options)
    asked = Describe(FrameRef(frames_of([scene]), 0), np.array([320, 200, 160, 100], np.float32), prompt)
    assert one.describe([asked]) == [GOOD]
    *images, text = server.chats[-1]["messages"][0]["content"]
    data = [base64.b64decode(i["image_url"]["url"].partition(",")[2]) for i in images]
    return [cv2.imdecode(np.frombuffer(d, np.uint8), cv2.IMREAD_COLOR_RGB) for d in data], text["text"]


def test_region_prompts():
    with serving() as server:
        [crop], _ = sent(server, region="crop")
        assert crop.shape == (180, 240, 3)
        assert crop[90, 120].tolist() == [255, 255, 255]
        frame, crop = sent(server, region="box+crop")[0]
        assert frame.shape == (480, 640, 3)
        assert crop.shape == (180, 240, 3)
        [plain], prompt = sent(server, "It is in <box>.", region="coords")
        assert not (plain == (0, 255, 0)).all(-1).any()
        assert "[500, 417, 750, 625]" in prompt
        [small], prompt = sent(server, "It is in <box>.", region="coords", convention="pixels", max_pixels=320 * 240)
        assert small.shape == (240, 320, 3)
        assert "[160, 100, 240, 150]" in prompt
        assert sent(server, "About <box>.", region="box")[1] == "About <box>."
        quoting = sent(server, "It is in <box>. You said: a kite <box>", region="coords")[1]
        assert quoting.endswith("You said: a kite <box>") and not quoting.startswith("It is in <box>")


class TestDialect:
    """A server is asked as strictly as it allows, and that is found out once."""

    @staticmethod
    def only(*accepted):
        def script(body, n):
            kind = body.get("response_format", {}).get("type", "none")
            refused = Reply({"error": {"message": f"{kind} is not supported"}}, 400)
            return Reply(completion()) if kind in accepted else refused

        return script

    @pytest.mark.parametrize(("accepted", "tries"), [("json_schema", 1), ("json_object", 2), ("none", 3)])
    def test_falls_back_once(self, accepted, tries):
        with serving(self.only(accepted)) as server:
            one = describer(server)
            assert one.describe([request()]) == [GOOD]
            assert len(server.chats) == tries
            assert one.describe([request()]) == [GOOD]
            assert len(server.chats) == tries + 1

    def test_a_bad_request_later_is_not_taken_for_a_dialect(self):
        with serving(in_turn(Reply(completion()), Reply({"error": "image too large"}, 400))) as server:
            one = describer(server)
            assert one.describe([request()]) == [GOOD]
            [answer] = one.describe([request()])
            assert "image too large" in str(answer)
            assert one.describe([request()]) == [GOOD]
        assert [c["response_format"]["type"] for c in server.chats] == ["json_schema"] * 3

    def test_a_bad_request_at_first_settles_nothing(self):
        refused = [Reply({"error": "image too large"}, 400)] * 3
        with serving(in_turn(*refused)) as server:
            one = describer(server)
            assert "image too large" in str(one.describe([request()])[0])
            assert one.describe([request()]) == [GOOD]
        assert server.chats[-1]["response_format"]["type"] == "json_schema"

    def test_a_mode_that_was_asked_for_stays(self):
        with serving(self.only("none")) as server:
            assert "not supported" in str(ask(server, json_mode="schema")[0])
            assert len(server.chats) == 1
            assert ask(server, json_mode="none")[0] == GOOD

    def test_models_that_reason_want_other_names(self, caplog):
        def script(body, n):
            if "max_tokens" in body:
                reason = {"message": "Use 'max_completion_tokens' instead.", "param": "max_tokens"}
                return Reply({"error": reason}, 400)
            if "temperature" in body:
                return Reply({"error": {"message": "Only the default (1) is supported", "param": "temperature"}}, 400)
            return Reply(completion())

        with serving(script) as server:
            one = describer(server)
            assert one.describe([request(), request()]) == [GOOD, GOOD]
        last = server.chats[-1]
        assert last["max_completion_tokens"] == 512
        assert last["response_format"]["type"] == "json_schema"
        assert "temperature" in caplog.text


class TestWhatIsSaid:
    def test_of_itself(self):
        with serving() as server:
            said = describer(server, model="org/kite:7b@q4", max_tokens=64).describe_self()
        assert said["name"] == "openai:org/kite:7b@q4"
        assert said["model"] == "org/kite:7b@q4"
        assert (said["max_tokens"], said["temperature"], said["json_mode"]) == ("64", "0.0", "auto")
        assert (said["image"], said["region"], said["max_pixels"]) == ("jpeg 90", "box", "1048576")
        assert "server_model" not in said

    @pytest.mark.parametrize(
        ("listed", "served"),
        [
            ([{"id": "kite-vl", "root": "Org/Kite-VL-7B"}], "Org/Kite-VL-7B"),
            ([{"id": "kite-vl", "root": "/mnt/models/kite-7b"}], "kite-7b"),
            ([{"id": "kite-vl", "root": "kite-vl"}], None),
            ([{"id": "/mnt/kite.gguf", "owned_by": "llamacpp"}], "kite.gguf"),
            ([{"id": "Org/Kite", "owned_by": "Org/Kite"}], "Org/Kite"),
            ([{"id": "a", "owned_by": "b"}], None),
            ([{"id": "a"}, {"id": "b"}], None),
            ("nonsense", None),
        ],
    )
    def test_the_model_behind_a_name(self, listed, served):
        with serving(models=Reply({"data": listed})) as server:
            assert describer(server).describe_self().get("server_model") == served

    @pytest.mark.parametrize("models", [Reply({}, 404), Reply({}, 403), Reply(b"<html>", 404), Reply({}, 500)])
    def test_a_server_without_a_list_is_one_all_the_same(self, models):
        with serving(models=models) as server:
            assert describer(server).describe_self()["name"] == "openai:kite-vl"

    @pytest.mark.parametrize(
        ("models", "remedy"), [(Reply({}, 401), "OPENAI_API_KEY"), (Reply(b"<html>hello</html>"), "no API server")]
    )
    def test_a_run_that_cannot_work_stops_here(self, models, remedy):
        with serving(models=models) as server, pytest.raises(BackendError, match=remedy):
            describer(server).describe_self()

    def test_no_server_at_all(self):
        with serving() as server:
            one = describer(server)
        with pytest.raises(BackendError, match="is the server running"):
            one.describe_self()

    def test_neither_key_nor_address_nor_folder(self, caplog):
        caplog.set_level(logging.DEBUG, "chatdesc")
        with serving(in_turn(Reply({}, 500))) as server:
            one = describer(server, model="/home/someone/models/kite-7b")
            one.describe([request()])
            said = json.dumps([one.describe_self(), one.summary(), one.name]) + caplog.text
            assert "follows in" in caplog.text
            assert server.chats[0]["model"] == "/home/someone/models/kite-7b"
        for secret in (KEY, "127.0.0.1", str(server.server_port), "someone"):
            assert secret not in said
        assert KEY not in repr(vars(one)) + repr(vars(one._server)["usage"]) + one.fingerprint

    def test_a_servers_words_are_cleared_of_them(self):
        words = f"key {KEY} cannot read /home/someone/models/kite-7b"
        with serving() as server:
            server.script = lambda *_: Reply({"error": f"{words} on 127.0.0.1:{server.server_port}"}, 403)
            [answer] = describer(server, model="/home/someone/models/kite-7b").describe([request()])
        assert "key *** cannot read ***kite-7b on ***" in str(answer)

    def test_tokens_are_counted(self):
        with serving(in_turn(Reply(completion()), Reply(completion(finish="length")))) as server:
            one = describer(server)
            one.describe([request()])
            one.describe([request()])
        assert one.summary() == {
            "requests": 2,
            "retries": 0,
            "answers": 1,
            "failures": 1,
            "prompt_tokens": 200,
            "completion_tokens": 14,
            "models": {"kite-vl-2026-01": 2},
        }

    def test_a_server_that_counts_no_tokens(self):
        with serving(lambda *_: Reply(completion() | {"usage": None})) as server:
            answer, one = ask(server)
        assert answer == GOOD and one.usage.prompt_tokens == 0


class TestWrongOptions:
    @pytest.mark.parametrize("url", ["127.0.0.1:8000", "ftp://x/v1", "http://", "http://x:99999/v1", "http://[::1/v1"])
    def test_addresses(self, url):
        with pytest.raises(ChatdescError, match="must look like"):
            create("describer", "openai:m", base_url=url)

    def test_a_password_in_the_address_is_not_repeated(self):
        with pytest.raises(ChatdescError, match="holds a password") as caught:
            create("describer", "openai:m", base_url="http://me:hunter2@x/v1")
        assert "hunter2" not in str(caught.value)

    def test_no_key_for_openai(self, monkeypatch):
        monkeypatch.delenv("OPENAI_API_KEY")
        with pytest.raises(ChatdescError, match="set OPENAI_API_KEY"):
            create("describer", "openai:gpt-4.1")

    def test_a_key_with_typographic_quotes(self, monkeypatch):
        monkeypatch.setenv("OPENAI_API_KEY", "\u201csk-1\u201d")
        with pytest.raises(ChatdescError, match="copy it again"):
            create("describer", "openai:gpt-4.1")

    def test_no_model_and_unknown_modes(self):
        wrong = ({"json_mode": "xml"}, {"image_format": "gif"}, {"region": "cloud"}, {"convention": "miles"})
        for spec, options in (("openai", {}), *(("openai:m", options) for options in wrong)):
            with pytest.raises(ChatdescError):
                create("describer", spec, base_url="http://127.0.0.1:1/v1", **options)

    def test_the_environment_names_the_server(self, monkeypatch):
        with serving() as server:
            monkeypatch.setenv("OPENAI_BASE_URL", server.url + "/")
            monkeypatch.delenv("OPENAI_API_KEY")
            assert create("describer", "openai:kite-vl").describe([request()]) == [GOOD]
        assert "Authorization" not in server.headers_seen[0]


def test_a_picture_is_made_once_for_all_rounds():
    frames = frames_of(1)
    with serving() as server:
        one = describer(server)
        for prompt in ("Describe it.", "Describe it better."):
            one.describe([Describe(FrameRef(frames, 0), np.array([10, 10, 20, 20], np.float32), prompt)])
        one.describe([Describe(FrameRef(frames, 0), np.array([10, 10, 20, 30], np.float32), "Another box.")])
    assert len(frames.read_bytes.asked) == 2
    first, second, other = (c["messages"][0]["content"][0]["image_url"]["url"] for c in server.chats)
    assert first == second != other


def test_a_frame_that_cannot_be_read_asks_nothing():
    broken = frames_of(1)
    broken.read_bytes.files = {broken.paths[0]: b"no picture"}
    with serving() as server:
        one = describer(server)
        bad = Describe(FrameRef(broken, 0), np.array([1, 1, 2, 2], np.float32), "?")
        answers = one.describe([bad, request()])
    assert isinstance(answers[0], FrameError)
    assert answers[1] == GOOD
    assert len(server.chats) == 1
