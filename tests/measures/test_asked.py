"""Measures that ask a model: VQAScore, and questions about the text alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from chatdesc.backends.attribute_words import measure
from chatdesc.measures.questions import INVENTED, RECOGNITION, TRUE, Detail, details, question, value
from chatdesc.measures.registry import MEASURES
from chatdesc.types import Ask, BackendError, Reply, UnreadableAnswer
from tests.makers.sequences import drive, flat, sequence_of
from tests.measures.makers import HERE, SETTINGS, case, sight, view

SEEN = sight(view(0, (HERE, 0.9)), view(3, (HERE, 0.9)), text='a "red" kite')


def asked(measure_name, answer, settings=SETTINGS, sequence=None, **sights):
    steps = MEASURES[measure_name].of(case(settings, sequence, **(sights or {"manual": SEEN})), "manual")
    found, requests = drive(steps, answer)
    return found, flat(requests)


def test_vqa_is_the_mean_probability_of_yes_on_each_frame():
    replies = {0: Reply(True, 0.9), 3: Reply(False, 0.2)}
    settings = replace(SETTINGS, region="crop")
    found, requests = asked("vqa", lambda ask: replies[ask.frame.index], settings)
    assert found["value"] == pytest.approx(0.55) and found["values"] == pytest.approx([0.9, 0.2])
    assert (found["frames"], found["region"], found["made_by"]) == ([0, 3], "crop", ["d:one"])
    assert {one.question for one in requests} == {"Does this figure show \"a 'red' kite\"? Please answer Yes or No."}
    assert [one.box.tolist() for one in requests] == [HERE, HERE]


def test_beside_a_crop_the_question_names_the_marked_object():
    _, [first, _] = asked("vqa", lambda ask: Reply(True, 0.5))
    assert "green box" in first.question and "as the object to be tracked? Please answer" in first.question


def test_a_server_without_probabilities_gives_no_vqa():
    found, _ = asked("vqa", lambda ask: Reply(True))
    assert (found["value"], found["frames"]) == (None, [])


def test_an_answer_that_is_neither_yes_nor_no_costs_no_other():
    def answer(ask):
        return UnreadableAnswer("a kite") if ask.frame.index == 0 else Reply(True, 0.7)

    found, requests = asked("vqa", answer)
    assert (found["value"], found["frames"]) == (pytest.approx(0.7), [3])
    assert len(requests) == 2


def test_another_failure_is_one():
    with pytest.raises(BackendError, match="gone"):
        asked("vqa", lambda ask: BackendError("gone"))


@pytest.mark.parametrize(
    ("recognised", "true", "invented", "expected"),
    [
        (True, [True, True], [False, False], 1.0),
        (True, [True, False], [True, False], 0.25),
        (None, [True], [False], 1.0),
        (False, [True, True], [False, False], 0.0),
        (False, [False], [True], -0.5),
        (True, [], [True, False], -1.0),
        (True, [True, False], [True, False, False, False], 0.25),
        (True, [False, False], [False, False], 0.5),
        (True, [False, True], [], 0.5),
        (True, [], [], 1.0),
        (False, [], [], 0.0),
        (None, [], [], None),
    ],
)
def test_wrong_recognition_caps_the_rest(recognised, true, invented, expected):
    assert value(recognised, true, invented) == expected


def red_square():
    image = np.full((100, 100, 3), 128, np.uint8)
    image[10:30, 10:30] = (205, 35, 40)
    return image


def test_questions_are_what_is_known_of_the_target():
    seen = measure(red_square(), np.float32([HERE]))
    found = details("Kite", seen, ["red toy", "old toy", "toy"])
    assert found[0] == Detail(RECOGNITION, "kite")
    assert Detail(TRUE, "red") in found and Detail(TRUE, "toy") in found
    assert Detail(TRUE, "old") not in found  # one text of three has it
    invented = {detail.about for detail in found if detail.kind == INVENTED}
    assert {"orange", "yellow"} <= invented and "red" not in invented
    assert details(None, seen)[0] == Detail(RECOGNITION, "square")  # without a class, the shape


def test_details_that_a_text_of_the_sequence_names_are_asked_for():
    seen = measure(red_square(), np.float32([HERE]))
    plain, asked = (details("kite", seen, texts=texts) for texts in ((), ["Silver kite", "red star", "a blue kite"]))
    assert set(asked) - set(plain) == {Detail(INVENTED, "gray"), Detail(INVENTED, "blue")}


def test_questions_are_asked_without_a_picture_and_about_the_text():
    said = {RECOGNITION: True, TRUE: True, INVENTED: False}
    sequence = sequence_of([red_square()] * 4, HERE)
    kinds = {
        question('a "red" kite', one): one.kind for one in details("kite", measure(red_square(), np.float32([HERE])))
    }
    found, requests = asked("questions", lambda ask: Reply(said[kinds[ask.question]]), sequence=sequence)
    assert found["value"] == 1.0
    assert all(isinstance(one, Ask) and one.frame is None and one.box is None for one in requests)
    assert all("a 'red' kite" in one.question for one in requests)
    assert found["asked"][:2] == ["kite", "red"] and found["kinds"][:2] == [RECOGNITION, TRUE]
    assert found["answers"] == [said[kind] for kind in found["kinds"]]
    found, _ = asked("questions", lambda ask: Reply(kinds[ask.question] == TRUE), sequence=sequence)
    assert found["value"] == 0.0
