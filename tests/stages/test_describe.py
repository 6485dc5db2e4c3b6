import json
import re
from dataclasses import replace
from hashlib import sha256
from importlib.resources import files

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chatdesc.config import STYLES
from chatdesc.region import PLACEHOLDER, REGIONS
from chatdesc.stages.describe import (
    NOT_BACKGROUND,
    PROMPTS,
    UnreadableAnswer,
    _spoken,
    describe,
    fill,
    normalise,
    parse_answer,
    prompt_file,
    prompt_hashes,
    prompt_text,
    reflect_prompt,
)
from chatdesc.types import BackendError, Describe, FrameRef
from tests.makers.sequences import drive, frames_of

GOOD = '{"target": "a red kite", "background": ["sky", "tall trees"]}'


def request(**changes):
    return Describe(FrameRef(frames_of(1), 0), np.array([1, 1, 5, 5], np.float32), prompt_text("describe"), **changes)


@pytest.mark.parametrize(
    "raw",
    [
        GOOD,
        f"```json\n{GOOD}\n```",
        f"Sure! Here it is:\n```\n{GOOD}\n```\nIs there anything else?",
        "{'target': 'a red kite', 'background': ('sky', 'tall trees')}",
        "{'target': 'a red kite', 'background': ['sky', 'tall trees'], 'box': {'x': 1, 'y': None}}",
        '{"target": "a red kite", "background": "sky, tall trees"}',
        '{"Target": "a red kite.", "BACKGROUND": ["sky", "tall trees", "sky", "", null, 3]}',
        '{"description": "a red kite", "surroundings": ["sky", "tall trees"]}',
        f'{{"result": {GOOD}}}',
        f'[{GOOD}, {{"target": "another"}}]',
        f'I see {{braces}} and {{"score": 3}} first. {GOOD} {{"target": "another"}}',
        f'The form is {{"target": "<noun phrase>", "background": ["<noun phrase>", "..."]}}, so: {GOOD}',
        f'{{"target": "  "}} {GOOD}',
        "{'target': 'a red kite', 'background': ['sky', 'tall trees']}.",
        "{{'target': 'a red kite', 'background': ['sky', 'tall trees']}}",
        '{"target": {"phrase": "a red kite"}, "background": ["sky", "tall trees"]}',
        f'<think>{{"target": "a decoy"}} <answer>or this</answer></think>{GOOD}',
        f'it says {{"target": "a decoy"}} hmm</think>\n{GOOD}',
        f'{GOOD}<think>was that right? {{"target": "a de',
        f"<answer>{GOOD}</answer>",
        '{"target": "\\"a  red\\nkite\\".", "background": ["sky,", "#tall trees"]}',
        '{"target": "a red\nkite", "background": ["sky", "tall trees"]}',
        '{"target": ["a red kite"], "background": ["sky", "tall trees"]}',
        '{"target": "**a red kite**", "background": ["sky", "<noun phrase>", "tall trees", "..."]}',
        '{"target": "a red kite", "background": ["sky", "tall trees", "a bi',
        '```json\n{"target": "a red kite",\n "background": ["sky", "tall trees",',
        '{"target": "<noun phrase>", "background": ["<x>"]} {"target": "a red kite", "background": ["sky","tall trees"',
        '{"target": "a red kite" "background": ["sky" "tall trees"]}',
        '{"target": "a red kite", "score": null, "background": ["sky", "tall trees",],}',
        "{“target”: “a red kite”, “background”: [“sky”, “tall trees”]}",
        "Target: a red kite\nBackground: sky, tall trees",
        'Here you are.\n\n**Target:** "a red kite"\n\n**Background:**\n- sky\n- tall trees\n\nIs there more?',
        "1. Target phrase: a red kite.\n2. Background: sky, tall trees",
    ],
)
def test_answers_as_models_give_them(raw):
    found = parse_answer(raw)
    assert (found.text, found.background, found.raw) == ("a red kite", ("sky", "tall trees"), raw)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("<answer>a red kite</answer>", "a red kite"),
        (
            "<think>no, <answer>that</answer></think><d>yes</d>\n<ANSWER> a red kite, high up. </ANSWER>",
            "a red kite high up",
        ),
        ("thoughts without a beginning</think><answer>a red kite", "a red kite"),
        ('{"target": "风筝 🪁 in Zürich"}', "风筝 🪁 in Zurich"),
        ('{"target": "\\ud83d kite"}', "kite"),
        ('{"target": "the \u201cleft\u201d kite\u2026"}', 'the "left" kite'),
        ('{"target": "a red kite"', "a red kite"),
        ('{"target": "a red kite", "background": "sk', "a red kite"),
        (r'{"target": "a red \kite", ', r"a red \kite"),
        ('{"answer": "kite"}', "kite"),
    ],
)
def test_tags_and_unicode(raw, text):
    found = parse_answer(raw)
    assert (found.text, found.background) == (text, ())


@pytest.mark.parametrize(
    "raw",
    [
        "",
        " \n",
        "a red kite",
        "I am sorry, I cannot help with that.",
        '{"target": "a red',
        '{\n"target": "a red\n',
        '{"target": "<noun phrase>", "background": ["sky", ',
        "Target: <noun phrase>",
        'Target: "a red',
        "Target:\nBackground: sky",
        json.dumps({"target": "antidisestablishmentarianism " * 30}),
        json.dumps({"target": "\u98ce" * 26}),
        '{"target": ""}',
        '{"target": " .,# "}',
        '{"target": null}',
        '{"target": ["a", "b"]}',
        '{"target": "<noun phrase>", "background": ["<noun phrase>", "..."]}',
        '{"colour": "red"}',
        '["a red kite"]',
        "<answer></answer>",
        '<think>it could be {"target": "a red kite"} or',
        "<think>it could be <answer>a red kite</answer>, or",
        'so {"target": "a red kite"}, and that is all</think>',
        json.dumps({"target": "word " * 41}),
        "{[]: 1}",
        "{{}: 1}",
        '{"a":' * 5000,
        '{"target": ' + "1" * 5000 + "}",
        "{0x" + "f" * 5000 + ": 1}",
    ],
)
def test_what_says_nothing_is_unreadable(raw):
    with pytest.raises(UnreadableAnswer):
        parse_answer(raw)


FRAGMENTS = st.sampled_from(
    ["{", "}", "[", "]", '"', "'", ":", ",", '"target"', "'target'", '"background"', "<think>", "</think>", "<answer>",
     "</answer>", "```json", "null", "\\ud83d", "\\", "\udcff", "\x00", "1", "#", "kite", "\n", "{'a':", "0xf", "(",
     '{"target": "', '"background": [', "Target:", "Background:", "- ", "**", "“", "&amp;"]
)  # fmt: skip


@given(st.text(st.characters()) | st.lists(FRAGMENTS | st.text(max_size=4), max_size=30).map("".join))
@example('{"target": "\udcff\ud83d"}')
def test_any_answer_is_read_cleanly_or_is_unreadable(raw):
    try:
        found = parse_answer(raw)
    except UnreadableAnswer:
        return
    for text in (found.text, *found.background):
        assert text
        assert not re.search(r"[,#\n\r]", text)
        assert normalise(text) == text == text.encode().decode()


def test_the_longest_phrase_may_be_chosen():
    with pytest.raises(UnreadableAnswer, match="more than 2 words"):
        parse_answer(GOOD, max_words=2)
    assert parse_answer(GOOD, max_words=3).background == ("sky", "tall trees")
    long = json.dumps({"target": "a kite", "background": ["word " * 41, "sky", "\u98ce" * 26]})
    assert parse_answer(long).background == ("sky",)
    replies = iter([GOOD, '{"target": "red kite"}'])
    found, asked = drive(describe(request(), max_words=2), lambda _: next(replies))
    assert found.text == "red kite"
    assert "more than 2 words" in asked[1].prompt


@given(st.text("ab ,#;.\"'`“”\n\r\t\u2028\x85", max_size=20))
def test_normalised_texts_are_one_line_that_readers_take_whole(text):
    flat = normalise(text)
    assert not set(flat) & set(",#;\n\r\t\u2028\x85")
    assert normalise(flat) == flat
    assert re.findall("[ab]", flat) == re.findall("[ab]", text)


@given(
    st.text("abc éß-", min_size=1).filter(normalise),
    st.lists(st.text("xyz é", min_size=1).filter(normalise), max_size=4),
    st.sampled_from(["{}", "```json\n{}\n```", "Well, {{so}}: {} Bye.", "<think>{{'target': 'no'}}</think>{}"]),
    st.booleans(),
)
def test_a_good_answer_survives_what_is_put_around_it(text, background, around, python):
    answer = {"target": text, "background": background}
    found = parse_answer(around.format(repr(answer) if python else json.dumps(answer)))
    assert found.text == normalise(text)
    assert found.background == tuple(dict.fromkeys(map(normalise, background)))


def test_real_answers_give_their_tag(shared_data):
    files = sorted((shared_data / "mllm_reannotations").glob("*.json"))
    outputs = [entry["output"] for path in files for entry in json.loads(path.read_text(encoding="utf-8"))]
    tagged = [(o, re.findall(r"<answer>(.*?)(?:</answer>|$)", o, re.S)[-1]) for o in outputs if "<answer>" in o]
    exact = 0
    for output, inside in tagged:
        try:
            exact += parse_answer(output).text == normalise(inside)
        except UnreadableAnswer:
            continue
    assert len(tagged) > 900
    assert exact >= 0.99 * len(tagged)


def test_one_repair_is_asked_for_and_shows_the_answer():
    replies = iter(["a red kite $x", GOOD])
    found, asked = drive(describe(request(previous="kite")), lambda _: next(replies))
    assert found.text == "a red kite"
    assert [a.prompt == prompt_text("describe") for a in asked] == [True, False]
    assert "a red kite $x" in asked[1].prompt
    assert "no JSON object" in asked[1].prompt
    assert asked[1].previous == "kite"


def test_after_one_repair_the_answer_is_a_failure_and_no_text():
    asked = []
    with pytest.raises(UnreadableAnswer) as caught:
        drive(describe(request()), lambda r: asked.append(r) or "a red kite")
    assert len(asked) == 2
    assert isinstance(caught.value, BackendError)
    assert "it answered 'a red kite'" in str(caught.value)  # for whoever has to judge the failure


def test_no_repair_for_a_readable_answer_and_errors_pass_through():
    assert len(drive(describe(request()), lambda _: GOOD)[1]) == 1
    with pytest.raises(BackendError, match="offline"):
        drive(describe(request()), lambda _: BackendError("offline"))


def test_the_reflect_prompt_tells_all_that_grounding_said():
    prompt = reflect_prompt(
        request(
            previous="a red kite",
            positive=("kite",),
            negative=("red", "flying"),
            ambiguous=True,
            tried=("kite", "$5 kite"),
        )
    )
    for part in ('"a red kite"', "found the object: kite", "something else: red, flying", '"kite"; "$5 kite"'):
        assert part in prompt
    assert "fits other things" in prompt
    without = request(previous="a red kite", tried=("kite",))
    plain = reflect_prompt(without)
    told = reflect_prompt(replace(without, background_dropped=("sky", "the kite")))
    assert told == plain.replace('"kite"\n', f'"kite"\n{NOT_BACKGROUND}"sky"; "the kite"\n')
    assert "fits other things" not in plain
    assert "$" not in plain


def test_prompts_fill_without_rest_and_are_hashed():
    choices = {*(f"region_{r}" for r in REGIONS), *(f"style_{s}" for s in STYLES)}
    departures = {f"departure_{name}" for name in ("language", "tracker", "words")}
    assert {"describe", "reflect", "repair", "answer", *departures, *choices} == set(PROMPTS)
    assert prompt_hashes().keys() == set(PROMPTS)
    assert len(set(prompt_hashes().values())) == len(PROMPTS)
    assert "$" not in fill("repair", problem="p", answer="a")
    with pytest.raises(KeyError):
        fill("repair", problem="p")


def replies(*answers):
    left = iter(answers)
    return lambda _: next(left)


def every_prompt(region):
    again = drive(describe(request(), region), replies("?", GOOD))[1][1].prompt
    return prompt_text("describe", region), reflect_prompt(request(previous="kite"), region), again


@pytest.mark.parametrize("region", REGIONS)
def test_each_region_says_what_is_seen(region):
    for prompt in every_prompt(region):
        assert ("green box" in prompt) == ("box" in region.split("+"))
        assert prompt.count(PLACEHOLDER) == (region == "coords")
        assert ("second picture" in prompt) == (region == "box+crop")
        assert ("cut out" in prompt) == ("crop" in region)
        assert prompt.endswith('"background": ["<noun phrase>", "..."]}\n')
    assert prompt_text("describe") == prompt_text("describe", "box")


def test_hashes_are_those_of_the_files():
    folder = files("chatdesc").joinpath("prompts")
    assert all(h == sha256(folder.joinpath(f"{n}.txt").read_bytes()).hexdigest() for n, h in prompt_hashes().items())


def test_each_style_asks_for_its_length():
    concise, detailed = (prompt_text("describe", "box", style) for style in STYLES)
    assert "ten words" in concise
    assert "thirty words" in detailed
    assert prompt_text("describe") == concise
    again = drive(describe(request(), "box", 40, "detailed"), replies("?", GOOD))[1][1].prompt
    assert "thirty words" in again
    assert "thirty words" in reflect_prompt(request(previous="kite"), "box", "detailed")


def spoken_slowly(raw):
    """What ``_spoken`` does, as three regular expressions that take the square of the length."""
    body = re.sub(r"<think(?:ing)?>.*?</think(?:ing)?>", " ", raw, flags=re.S | re.I)
    body = re.split(r"</think(?:ing)?>", body, flags=re.I)[-1]
    return re.split(r"<think(?:ing)?>", body, flags=re.I)[0]


@given(st.lists(st.sampled_from(["<think>", "</think>", "<Thinking>", "</thinking>", "a", "{", "\n"])).map("".join))
def test_thoughts_are_what_stands_between_their_tags(raw):
    assert _spoken(raw) == spoken_slowly(raw)


HOSTILE = {
    "thoughts": "<think>a" * 200_000,
    "ends of thoughts": "</think>a" * 200_000,
    "a long answer": "a" * 5_000_000,
    "braces": "{a " * 800 + "}" * 8,
    "one word": '{"target": "' + "abcdefghijklmnopqrstuvwxyz" * 700 + '"}',
    "forms": '"target":"<a>"' * 1400,
    "open objects": '{"a":' * 3900,
    "open strings": '"target":"' * 1900,
    "answers": "<answer>" * 2400,
    "backslashes": '"target":"' + "\\" * 19_000,
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", HOSTILE)
def test_an_answer_made_to_be_slow_is_refused_soon(kind):
    """Each takes less than a second on an idle machine; time that grows with the square would take minutes or hours."""
    with pytest.raises(UnreadableAnswer):
        parse_answer(HOSTILE[kind])


def test_a_long_thought_before_a_short_answer_is_no_long_answer():
    assert parse_answer("<think>" + "hm, " * 50_000 + "</think>" + GOOD).text == "a red kite"


@pytest.mark.parametrize("name", PROMPTS)
def test_no_prompt_asks_for_a_place_or_an_action_unconditionally(name):
    """A text is used for the whole video: what changes is asked for only if nothing that lasts will do."""
    for sentence in re.split(r"(?<=[.;:])\s", prompt_file(name)):
        if re.search(r"where it is|\bplace\b|\bposition\b|\baction\b|what it does", sentence):
            assert "only if" in sentence, sentence


@pytest.mark.parametrize("name", ["describe", "reflect"])
def test_both_prompts_ask_for_words_that_stay_true(name):
    assert all(word in prompt_file(name) for word in ("stay", "true", "colour", "parts", "material"))
