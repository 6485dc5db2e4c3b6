"""A describer's opinion of doubtful texts: what it is asked, over real HTTP, and what its answers change."""

from __future__ import annotations

import csv
import json
import math
import re

import pytest

import chatdesc
from chatdesc.backends import create
from chatdesc.checks.base import Subject
from chatdesc.checks.opinions import ask_about
from chatdesc.checks.questions import ALONE, LANGUAGE, TARGET, Question, opinion, question_about, weigh
from chatdesc.config import Resources, Settings
from chatdesc.rows.store import Store
from chatdesc.synthetic import render
from chatdesc.types import ChatdescError
from chatdesc.types import Reply as Said
from tests.checks.makers import a_finding, dataset, texts_of
from tests.makers.commands import call, fails
from tests.makers.rows import a_row
from tests.standins.openai_server import Reply, completion, quick_and_with_key, serving

MODEL = "openai:kite-vl"


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    quick_and_with_key(monkeypatch)


def says(yes=None, words="Yes"):
    """A script: answers ``words``, with ``yes`` as the probability of Yes."""

    def script(body, n):
        reply = completion(words)
        if yes is not None and body.get("logprobs"):
            pairs = {"Yes": yes, "No": 1 - yes}
            entries = [{"token": word, "logprob": math.log(p)} for word, p in pairs.items()]
            chosen = next(e for e in entries if e["token"] == words)
            reply["choices"][0]["logprobs"] = {"content": [chosen | {"top_logprobs": entries}]}
        return Reply(reply)

    return script


def prompts(server):
    return [body["messages"][0]["content"][-1]["text"] for body in server.chats]


@pytest.fixture
def root(tmp_path):
    """Two doubtful texts, one that is only badly spaced, and one that is right."""
    texts = {"bus-1": "a samll bus", "bus-2": "a rde bus", "bus-3": "a  blue bus", "bus-4": "a blue bus on the road"}
    return dataset(tmp_path / "data", texts)


CHECKS = ("non-word", "formatting")


def audit(root, server, **options):
    options = {"checks": CHECKS, "describer": MODEL, "base_url": server.url} | options
    return chatdesc.audit("lasot", root, **options)


def by_name(found):
    return {suspect.label: suspect for suspect in found.suspects}


class TestWeights:
    @pytest.mark.parametrize(
        ("severity", "chance", "after"),
        [
            (0.8, 0.5, 0.8), (0.8, 0.9, 0.308), (0.8, 1.0, 0.308), (0.8, 0.1, 0.973), (0.8, 0.0, 0.973),
            (0.5, 0.75, 0.25), (1.0, 0.9, 1.0),
        ],
    )  # fmt: skip
    def test_the_odds_of_a_fault_times_the_odds_of_no(self, severity, chance, after):
        assert weigh(severity, chance) == pytest.approx(after, abs=1e-3)

    def test_no_answer_takes_a_finding_away(self):
        assert all(weigh(severity / 100, 1.0) > 0 for severity in range(1, 101))
        assert weigh(0.001, 1.0) > 0  # a check of somebody else's may be so mild


class TestQuestions:
    @pytest.mark.parametrize(
        ("finding", "question"),
        [
            (a_finding("typo"), Question(LANGUAGE)),
            (a_finding("grammar", check="word-list"), Question(LANGUAGE)),
            (a_finding("data", check="gibberish"), Question(LANGUAGE)),
            (a_finding("wrong_target"), Question(TARGET)),
            (a_finding("ambiguous"), Question(ALONE)),
            (a_finding("does_not_hold", frames=[{"frame": 0}, {"frame": 9}]), Question(TARGET, 9)),
            (a_finding("does_not_hold", frames=[0, 9]), None),  # of somebody else's check
            (a_finding("does_not_hold", frames=[{"frame": "9"}]), None),
            (a_finding("formatting"), None),
            (a_finding("data", check="data"), None),
            (a_finding("duplicate"), None),
            (a_finding("typo", severity=0.0), None),
        ],
    )
    def test_what_a_finding_asks(self, finding, question):
        assert question_about(finding) == question

    def test_a_text_stays_within_its_quotes(self):
        words = Question(LANGUAGE).words('a "red"\nbus {text} $x\ud800', "box")
        assert "\"a 'red' bus {text} $x\ufffd\"\n" in words and words.endswith("Yes or No.")

    @pytest.mark.parametrize("region", ["box", "crop", "coords", "box+crop"])
    def test_the_describer_is_told_how_the_target_is_marked(self, region):
        assert ("<box>" in Question(TARGET).words("a bus", region)) == (region == "coords")
        assert "object" in Question(ALONE).words("a bus", region)


def test_only_doubtful_texts_are_asked_about(root):
    with serving(says(0.9)) as server:
        found = audit(root, server)
    assert sorted(prompt.partition('"')[2].partition('"')[0] for prompt in prompts(server)) == [
        "a rde bus",
        "a samll bus",
    ]
    suspects = by_name(found)
    without = by_name(chatdesc.audit("lasot", root, checks=CHECKS))
    assert suspects["bus-3"] == without["bus-3"]
    before, after = without["bus-1"].findings[0], suspects["bus-1"].findings[0]
    assert after.severity == weigh(before.severity, 0.9) < before.severity
    assert after.evidence == before.evidence | {
        "describer": {
            "name": MODEL, "asked": LANGUAGE, "frame": None, "answer": "Yes", "probability": 0.9,
            "severity_before": before.severity,
        }
    }  # fmt: skip
    assert found.faults == 3 and found.unanswered == 0  # findings stay, however sure the model is
    assert found.suspects[0].label == "bus-3"  # and the ranking has changed
    assert found.checks[-1]["model"] == "kite-vl"
    assert "2 questions asked" in found.notes[-1] and "completion tokens 14" in found.notes[-1]


def test_without_probabilities_the_answer_counts(root):
    for words, worth in (("Yes", 0.75), ("No", 0.25)):
        with serving(says(words=words)) as server:
            finding = by_name(audit(root, server))["bus-1"].findings[0]
        said = finding.evidence["describer"]
        assert (said["answer"], said["probability"]) == (words, None)
        assert finding.severity == weigh(said["severity_before"], worth)


def test_answers_are_kept(root, tmp_path):
    with serving(says(0.2, "No")) as server:
        first = audit(root, server, out=tmp_path / "out")
        again = audit(root, server, out=tmp_path / "out")
        assert len(server.chats) == 2
        audit(root, server, out=tmp_path / "other", cache="")
        assert len(server.chats) == 4 and not (tmp_path / "other" / "requests.sqlite").exists()
        audit(root, server, cache=str(tmp_path / "out"))
        assert len(server.chats) == 4
    assert again.suspects == first.suspects and "cache hits 2" in again.notes[-1]


def test_a_run_keeps_them_itself(tmp_path):
    with Store.open(tmp_path / "run", {"dataset": "lasot"}) as store:
        store.save(a_row("bus-1", manual_text="a samll bus", category="bus"))
    with serving(says(0.2, "No")) as server:
        for _ in range(2):
            found = chatdesc.audit(tmp_path / "run", checks=["non-word"], describer=MODEL, base_url=server.url)
        assert len(server.chats) == 1 and found.suspects[0].findings[0].evidence["describer"]["answer"] == "No"
    assert (tmp_path / "run" / "requests.sqlite").exists()


class TestFaults:
    """What the checks found is never lost."""

    def test_a_server_that_goes_away_leaves_the_other_findings_as_they_are(self, root, tmp_path):
        def script(body, n):
            return says(0.9)(body, n) if "samll" in json.dumps(body) else Reply(fault="reset")

        with serving(script) as server:
            found = audit(root, server, out=tmp_path / "out", concurrency=1)
        assert (
            found.unanswered == 1
            and "1 question without an answer (bus-2): no answer from the server" in found.notes[-1]
        )
        assert "describer" in by_name(found)["bus-1"].findings[0].evidence
        assert by_name(found)["bus-2"] == by_name(chatdesc.audit("lasot", root, checks=CHECKS))["bus-2"]
        assert (tmp_path / "out" / "audit.csv").exists()

    @pytest.mark.parametrize(
        ("reply", "why"),
        [
            (Reply(completion("It is hard to say.")), "neither Yes nor No, but 'It is hard to say.'"),
            (Reply(completion(None, refusal="I will not.")), r"declined to answer \(I will not\.\)"),
            (Reply({"error": {"message": "no such model"}}, 404), "does not know openai:kite-vl"),
            (Reply({"choices": [{"message": 7}]}), "answered nothing"),
        ],
    )  # fmt: skip
    def test_rubbish_and_refusals(self, root, reply, why):
        with serving(lambda body, n: reply) as server:
            found = audit(root, server)
        assert found.unanswered == 2 and found.faults == 3
        assert found.suspects == chatdesc.audit("lasot", root, checks=CHECKS).suspects
        assert re.search(why, found.notes[-1])

    def test_no_server_is_said_before_anything_is_looked_at(self, root):
        with serving() as server:
            url = server.url
        with pytest.raises(ChatdescError, match="is the server running"):
            chatdesc.audit("lasot", root, describer=MODEL, base_url=url)

    def test_a_describer_that_only_measures(self, root):
        with pytest.raises(
            ChatdescError, match="--with-describer attributes: it cannot answer questions; name a model"
        ):
            chatdesc.audit("lasot", root, describer="attributes")

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"base_url": "http://127.0.0.1:1/v1"}, "--base-url: of no use without --frames or --with-describer"),
            ({"describer": MODEL, "grounder": "owlv2"}, "--grounder: of no use without --frames"),
            ({"frames": True, "cache": "x"}, "--cache: of no use without --with-describer"),
        ],
    )
    def test_options_without_a_part(self, root, options, message):
        with pytest.raises(ChatdescError, match=message):
            chatdesc.audit("lasot", root, **options)


class TestTargets:
    """Questions about the target show it."""

    @pytest.fixture
    def scene(self, tmp_path):
        [name] = render(tmp_path / "scenes", count=1, frames=4)
        return chatdesc.load("synthetic", str(tmp_path / "scenes")), name

    def ask(self, server, data, name, *findings):
        subject = texts_of("a red kite")[0]
        texts = [type(subject)(name, "a red kite"), subject]
        found = {name: tuple(findings)}
        describer = create("describer", MODEL, base_url=server.url)
        return ask_about(found, texts, data, describer, Settings(describer=MODEL), Resources())

    def test_one_question_per_topic_and_frame(self, scene):
        later = a_finding("does_not_hold", frames=[{"frame": 0}, {"frame": 3}])
        findings = (a_finding("wrong_target"), a_finding("ambiguous"), later, a_finding("typo"), a_finding("grammar"))
        with serving(says(0.9)) as server:
            said = self.ask(server, *scene, *findings)
        shown = [[part["type"] for part in body["messages"][0]["content"]] for body in server.chats]
        assert sorted(map(len, shown)) == [1, 2, 2, 2]
        pictures = {body["messages"][0]["content"][0].get("image_url", {}).get("url") for body in server.chats} - {None}
        assert len(pictures) == 2  # the first frame, and the last one that was looked at
        asked = [finding.evidence["describer"] for finding in said.found[scene[1]]]
        assert [one["asked"] for one in asked] == [TARGET, ALONE, TARGET, LANGUAGE, LANGUAGE]
        assert [one["frame"] for one in asked] == [None, None, 3, None, None]

    def test_nothing_is_asked_about_targets_without_frames(self, scene):
        finding = a_finding("wrong_target")
        with serving(says(0.9)) as server:
            said = self.ask(server, None, scene[1], finding)
            assert server.chats == [] and said.found == {scene[1]: (finding,)}
        assert "say where the frames are (ROOT)" in said.notes[-1] and said.unanswered == 0

    def test_a_text_of_a_range_is_asked_about_within_it(self, scene):
        data, name = scene
        subject = Subject(name, "a red kite", ranges=((2, 4),))
        shown = []
        describer = create("describer", MODEL, base_url="http://127.0.0.1:1/v1")
        describer.ask = lambda requests: [shown.append(r.frame.index) or Said(True) for r in requests]
        ask_about(
            {name: (a_finding("wrong_target"),)}, [subject], data, describer, Settings(describer=MODEL), Resources()
        )
        assert shown == [2]

    def test_a_region_that_hides_what_is_asked_about_is_refused(self, scene):
        with serving() as server, pytest.raises(ChatdescError, match=r"--region crop: .* say box"):
            chatdesc.audit("synthetic", scene[0].root, describer=MODEL, base_url=server.url, region="crop")


def test_what_a_run_has_recorded_needs_no_frames_beside_a_describer(tmp_path):
    render(tmp_path / "scenes", count=1, frames=2)
    [name] = chatdesc.load("synthetic", str(tmp_path / "scenes")).names
    with Store.open(tmp_path / "run", {"dataset": "synthetic"}) as store:
        store.save(a_row(name, manual_text="a red kite"))
    asks = {"describer": MODEL, "checks": ["wrong-target"]}
    with serving(says(0.9)) as server:
        found = chatdesc.audit(tmp_path / "run", tmp_path / "scenes", base_url=server.url, **asks)
        assert found.faults == 0
        asks["checks"] = ["ambiguous"]
        with pytest.raises(ChatdescError, match="needs the frames"):
            chatdesc.audit(tmp_path / "run", tmp_path / "scenes", base_url=server.url, **asks)


def test_on_a_terminal(root, tmp_path):
    with serving(says(0.1, "No")) as server:
        given = ("--with-describer", MODEL, "--base-url", server.url, "--checks", ",".join(CHECKS))
        done = call("audit", "lasot", root, *given, "--out", tmp_path / "out")
        assert done.exit_code == 0 and f'asked "correct English?", {MODEL} says No (0.90)' in done.output
        assert "2 questions asked (cache misses 2" in done.output
    with open(tmp_path / "out" / "audit.csv", newline="", encoding="utf-8") as file:
        reasons = {row["sequence"]: row["reason"] for row in csv.DictReader(file)}
    assert reasons["bus-1"].endswith("says No (0.90)") and "says" not in reasons["bus-3"]
    assert "says No (0.90)" in (tmp_path / "out" / "audit.md").read_text()
    with serving(lambda body, n: Reply(completion("Hm."))) as server:
        given = ("--with-describer", MODEL, "--base-url", server.url, "--checks", "non-word")
        done = call("audit", "lasot", root, *given)
    assert done.exit_code == 1 and "2 questions without an answer" in done.output
    assert "it cannot answer questions" in fails("audit", "lasot", root, "--with-describer", "attributes")


def test_an_opinion_from_elsewhere_cannot_steer_a_report():
    assert opinion({"describer": "yes"}) == opinion({}) == ""
    assert "says None" in opinion({"describer": {"probability": "high"}})
