"""The shipped LLaVA on unseen scenes, through the backend; ``training/vlm.py --evaluate`` has larger samples."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import chatdesc
from chatdesc import synthetic
from chatdesc.backends import create
from chatdesc.stages.describe import fill, parse_answer, prompt_file, prompt_text, reflect_prompt
from chatdesc.synthetic import COLOURS, PLACES, SHAPES, SIZES, phrase, place_of, truth
from chatdesc.types import STOP_WORDS, Describe, FrameRef
from tests.makers.sequences import frames_of

FOLDER = Path(chatdesc.__file__).parent / "tiny" / "vlm"
SEED = 77  # not the one that the card's figures are of
SCENES = 24
KINDS = {"colour": COLOURS, "shape": SHAPES, "size": SIZES, "position": PLACES}
ASKED = ("region_box", "describe", "reflect", "repair", "style_concise", "answer")


@pytest.fixture(scope="module")
def describer():
    return create("describer", f"transformers:{FOLDER}", device="cpu", max_new_tokens=64, max_batch=30)


@pytest.fixture(scope="module")
def words(describer):
    return describer.loaded.processor.tokenizer


@pytest.fixture(scope="module")
def scenes():
    """[(thing in the box, the others, first request)]"""
    return asked_of(synthetic.stills("test", SCENES, SEED))


@pytest.fixture(scope="module")
def twins():
    """The same, where another thing has all in common with the one in the box but its place."""
    return [one for place in PLACES for one in asked_of(synthetic.stills("test", SCENES // 4, SEED, twin=place))]


def asked_of(stills):
    found = []
    for still in stills:
        frame = FrameRef(frames_of([still.image]), 0)
        found.append((still.things[0], still.things[1:], Describe(frame, still.boxes[0], prompt_text("describe"))))
    return found


@pytest.fixture(scope="module")
def firsts(describer, scenes):
    return [parse_answer(answer) for answer in describer.describe([request for _, _, request in scenes])]


def alike(thing, others, negative=()):
    """Whether another thing shares its colour, shape and size, as far as they are not negative."""
    kept = {thing.colour, thing.shape, thing.size} - set(negative)
    return any(kept <= {o.colour, o.shape, o.size} for o in others)


def once_more(thing, others, request, negative=()):
    """After two rounds, the second of which said all that sets it apart."""
    places = place_of(thing) if alike(thing, others) else []
    tried = (phrase(thing, [thing.colour]), phrase(thing, [thing.size, thing.colour, *places]))
    positive = tuple(w for w in (thing.colour, thing.shape) if w not in negative)
    again = replace(request, previous=tried[-1], tried=tried, positive=positive, negative=negative, ambiguous=True)
    return replace(again, prompt=reflect_prompt(again))


def a_word(thing, kind):
    return next((w for w in [thing.colour, thing.shape, thing.size, *place_of(thing)] if w in KINDS[kind]), None)


def content(text):
    return [w for w in text.split() if w not in STOP_WORDS]


def is_true(thing, text):
    said = content(text)
    return bool(said) and all(w in ("object", "thing") or truth(thing, w) is not False for w in said)


@pytest.mark.parametrize("name", ASKED)
def test_the_prompts_are_those_that_it_was_taught(words, name):
    """Every fixed line is one token; a changed prompt calls for a new training."""
    for line in re.split(r"\$\w+|\n", prompt_file(name)):
        if len(line) > 2:
            assert len(words(line, add_special_tokens=False).input_ids) == 1, line


def test_a_word_is_the_same_token_wherever_it_stands(words):
    [red] = words("red", add_special_tokens=False).input_ids
    for text in ('"red circle"', '{"target": "red star", "background": []}', "object: star, red", "small red star"):
        assert words(text, add_special_tokens=False).input_ids.count(red) == 1


def test_a_line_that_it_was_not_taught_does_not_reach_it(describer):
    """Any sentence that it does not know by heart confuses it; dropped background is reported in one."""
    plain = Describe(None, None, "", previous="red star", tried=("red star", "blue star"), negative=("red",))
    told = replace(plain, background_dropped=("red star", "kite"))
    seen = [
        describer.loaded.processor.apply_chat_template(
            [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": reflect_prompt(one)}]}]
        )
        for one in (plain, told)
    ]
    assert reflect_prompt(plain) in seen[0] and reflect_prompt(told) != reflect_prompt(plain)
    assert seen[1] == seen[0]


def test_any_text_comes_out_as_it_went_in(words):
    prompt = fill("repair", problem="no JSON object", answer='{"target": "caf\u00e9 <box> \u65e5\u672c')
    for text in (prompt, "  two  spaces\n\n\tand more ", "reddish bestarred circles"):
        assert words.decode(words(text, add_special_tokens=False).input_ids) == text


def test_it_names_colour_and_shape_of_what_is_in_the_box(firsts, scenes):
    right = [content(d.text) == [t.colour, t.shape] for d, (t, _, _) in zip(firsts, scenes, strict=True)]
    assert np.mean(right) >= 0.95


def test_it_lists_what_is_around(firsts, scenes):
    said = [set(d.background) for d in firsts]
    there = [{f"{o.colour} {o.shape}" for o in others} for _, others, _ in scenes]
    shared = sum(len(a & b) for a, b in zip(said, there, strict=True))
    assert shared / sum(map(len, said)) >= 0.9
    assert shared / sum(map(len, there)) >= 0.9


@pytest.fixture(scope="module")
def unnamed(describer, scenes, twins):
    """What it says after feedback that names no word as leading elsewhere, with all scenes and the twins."""
    both = [*scenes, *twins]
    texts = [parse_answer(answer).text for answer in describer.describe([once_more(*scene) for scene in both])]
    return list(zip(both, texts, strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_a_word_that_led_elsewhere_goes_and_the_rest_is_true(describer, unnamed, kind):
    """A place is asked of twins only: otherwise it is not said anyway."""
    cases = [(*scene, a_word(scene[0], kind), text) for scene, text in unnamed]
    cases = cases[SCENES:] if kind == "position" else cases[:SCENES]
    told = describer.describe([once_more(t, others, r, (w,)) for t, others, r, w, _ in cases])
    texts = [parse_answer(answer).text for answer in told]
    good = [w not in content(text) and is_true(t, text) for text, (t, _, _, w, _) in zip(texts, cases, strict=True)]
    assert np.mean(good) >= 0.9
    assert np.mean([w not in content(text) for *_, w, text in cases]) <= 0.1


def test_a_place_is_named_where_nothing_else_sets_it_apart_and_only_there(unnamed):
    needed = {True: [], False: []}
    for (thing, others, _), text in unnamed:
        if not alike(thing, others) or place_of(thing):
            needed[alike(thing, others)].append(bool(set(content(text)) & set(PLACES)))
    assert np.mean(needed[True]) >= 0.85
    assert np.mean(needed[False]) <= 0.1


def test_a_broken_answer_is_given_again_in_the_right_form(describer, scenes, firsts):
    problem, broken = "no JSON object with a target in it", 'target": "red'
    asked = [replace(r, prompt=fill("repair", problem=problem, answer=broken)) for _, _, r in scenes]
    again = [parse_answer(answer).text for answer in describer.describe(asked)]
    assert np.mean([a == b.text for a, b in zip(again, firsts, strict=True)]) >= 0.8


def test_it_is_small_and_says_what_it_is_for():
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) <= 5_500_000
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert "Synthetic scenes only" in card and "photographs" in card and "license: apache-2.0" in card
    assert not list(FOLDER.glob("*.bin")) and not list(FOLDER.glob("*.pt"))
