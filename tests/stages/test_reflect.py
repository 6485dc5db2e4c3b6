import json
from dataclasses import replace

import numpy as np
import pytest

from chatdesc.config import Settings
from chatdesc.stages.background import Background
from chatdesc.stages.describe import NOT_BACKGROUND, Description, UnreadableAnswer, prompt_text
from chatdesc.stages.ground import Feedback
from chatdesc.stages.reflect import reflect, reflect_ranges, spread
from chatdesc.stages.rounds import Round, choose, judge_round, rank
from chatdesc.types import BackendError, Describe, Ground
from tests.makers.sequences import drive, flat, frames_read, leads, sequence_of

ON, OFF = [10, 10, 20, 20], [40, 10, 20, 20]
MANUAL = "a kite"
GOOD = {"good kite": [("good", ON, 0.9), ("kite", ON, 0.6)]}
PLAIN = Settings(rounds=3, theta=0.3, tau=0.5)


def covering(share):
    """A box whose IoU with ON is ``share``."""
    return [10, 10, 20, 20 * share]


def says(*texts):
    """A describer that says these texts one after the other (an exception is raised in its place)."""
    waiting = iter(texts)

    def answer(_):
        text = next(waiting)
        return text if isinstance(text, Exception) or text.startswith("raw:") else f'{{"target": "{text}"}}'

    return answer


def run(describer, found, settings=PLAIN, sequence=None, threshold=0.35):
    """Reflection with a scripted describer; ``found`` maps a text to its proposals (none: nothing) or an error."""
    sequence = sequence or sequence_of(manual=MANUAL)

    def answer(request):
        request.frame.image()  # as a backend would
        if isinstance(request, Describe):
            return describer(request)
        proposals = found.get(request.text, [])
        return proposals if isinstance(proposals, Exception) else leads(request.text, *proposals)

    return drive(reflect(sequence, settings, threshold), answer)


def of_kind(asked, kind):
    return [r for r in flat(asked) if isinstance(r, kind)]


def test_by_hand():
    """The first request describes; the first batch grounds the refined and the manual text together."""
    sequence = sequence_of(manual=" a\nkite ")
    steps = reflect(sequence, PLAIN, 0.35)
    first = next(steps)
    assert isinstance(first, Describe)
    assert (first.prompt, first.category, first.previous, first.motion) == (prompt_text("describe"), "kite", "", None)
    np.testing.assert_array_equal(first.box, sequence.boxes[0])
    batch = steps.send('{"target": "good kite", "background": ["sky"]}')
    assert [(type(r), r.text, r.frame.index) for r in batch] == [
        (Ground, "good kite", 0), (Ground, "a kite", 0), (Ground, "sky", 0)
    ]  # fmt: skip
    found = leads("good kite", *GOOD["good kite"]), leads("a kite", ("kite", OFF, 0.8)), leads("sky", ("sky", OFF, 0.9))
    with pytest.raises(StopIteration) as end:
        steps.send([*found])
    result = end.value.value
    [only] = result.rounds
    assert (only.text, only.background, only.positive, only.negative) == ("good kite", ("sky",), ("good", "kite"), ())
    assert (only.iou, only.accepted, only.source) == (1.0, True, "refined")
    assert only.margin == pytest.approx(0.9)
    assert (result.manual.text, result.manual.negative, result.manual.source) == ("a kite", ("kite",), "manual")
    assert result.chosen is only
    assert (result.scope, result.error) == ("first_frame", "")


def test_it_stops_when_a_text_is_accepted():
    found = {"bad kite": [("bad", OFF, 0.9)]} | GOOD
    result, asked = run(says("bad kite", "good kite", "never said"), found)
    assert [r.text for r in result.rounds] == ["bad kite", "good kite"]
    assert [r.accepted for r in result.rounds] == [False, True]
    assert [r.text for r in of_kind(asked, Ground)] == ["bad kite", "a kite", "good kite"]  # manual text once only


@pytest.mark.parametrize("rounds", [0, 1, 4])
def test_it_ends_after_the_given_rounds(rounds):
    result, asked = run(says(*(f"text {k}" for k in range(9))), {}, Settings(rounds=rounds))
    assert len(of_kind(asked, Describe)) == len(result.rounds) == rounds + 1
    assert not any(r.accepted for r in result.rounds)


def test_the_next_request_says_what_grounding_said():
    found = {
        "red kite": [("red", OFF, 0.9), ("kite", ON, 0.7)],
        "big kite": [("big", OFF, 0.8)],
    }
    _, asked = run(says("red kite", "big kite", "good kite"), found | GOOD)
    _, second, third = of_kind(asked, Describe)
    assert (second.previous, second.positive, second.negative) == ("red kite", ("kite",), ("red",))
    assert (second.tried, second.ambiguous) == (("red kite",), True)
    assert (third.previous, third.positive, third.negative) == ("big kite", (), ("red", "big"))
    assert (third.tried, third.ambiguous) == (("red kite", "big kite"), True)
    for part in ('"big kite"', "found the object: none", "something else: red, big", '"red kite"; "big kite"'):
        assert part in third.prompt


def test_a_text_that_finds_nothing_is_not_called_ambiguous():
    _, asked = run(says("red kite", "good kite"), GOOD)
    second = of_kind(asked, Describe)[1]
    assert (second.positive, second.negative, second.ambiguous) == ((), (), False)


def test_a_bad_word_stays_named_until_it_proves_good():
    found = {
        "red kite": [("red", OFF, 0.9)],
        "red bird": [("red", ON, 0.9), ("bird", OFF, 0.8)],
        "thing": [],
        "red thing": [("red", OFF, 0.9)],
    }
    _, asked = run(says("red kite", "red bird", "thing", "red thing", "x"), found, Settings(rounds=4))
    negative = [d.negative for d in of_kind(asked, Describe)]
    assert negative == [(), ("red",), ("bird",), ("bird",), ("bird", "red")]


def test_the_best_round_is_kept_not_the_last():
    found = {
        "one kite": [("kite", covering(0.4), 0.9), ("one", OFF, 0.5)],
        "two kite": [("kite", covering(0.8), 0.9), ("two", OFF, 0.5)],
        "three kite": [("three", OFF, 0.9)],
    }
    result, _ = run(says("one kite", "two kite", "three kite"), found, Settings(rounds=2))
    assert len(result.rounds) == 3
    assert result.chosen.text == "two kite"


def test_a_describer_that_fails_at_once_leaves_no_text_but_the_manual_is_judged():
    result, asked = run(says(BackendError("server is away")), {MANUAL: [("kite", ON, 0.9)]})
    assert result.rounds == ()
    assert result.chosen is None
    assert result.error == "describe_failed: BackendError: server is away"
    assert (result.manual.iou, result.manual.accepted) == (1.0, True)
    assert [r.text for r in of_kind(asked, Ground)] == [MANUAL]


def test_a_describer_that_fails_later_ends_the_rounds_and_those_before_stay():
    found = {"one kite": [("kite", covering(0.4), 0.9)], "two kite": [("two", OFF, 0.5)]}
    result, _ = run(says("one kite", "two kite", BackendError("quota")), found)
    assert [r.text for r in result.rounds] == ["one kite", "two kite"]
    assert result.chosen.text == "one kite"
    assert "quota" in result.error


def test_an_unreadable_answer_is_repaired_once_and_then_an_error():
    result, asked = run(says("raw: no JSON", "good kite"), GOOD)
    assert (result.chosen.text, len(of_kind(asked, Describe)), result.error) == ("good kite", 2, "")
    result, asked = run(says("raw: no JSON", "raw: still none", "good kite"), GOOD)
    assert (result.chosen, len(of_kind(asked, Describe))) == (None, 2)
    assert result.error.startswith(f"describe_failed: {UnreadableAnswer.__name__}")


def test_a_grounder_that_fails_at_once_leaves_no_text():
    result, _ = run(says("one kite"), {"one kite": BackendError("grounder is away")})
    assert (result.rounds, result.manual, result.chosen) == ((), None, None)
    assert result.error == "grounding_failed: BackendError: grounder is away"


def test_a_grounder_that_fails_later_ends_the_rounds_and_those_before_stay():
    found = {"one kite": [("kite", covering(0.4), 0.9)], "two kite": BackendError("out of memory")}
    result, _ = run(says("one kite", "two kite", "three kite"), found)
    assert [r.text for r in result.rounds] == ["one kite"]
    assert (result.chosen.text, result.manual.text) == ("one kite", MANUAL)
    assert result.error == "grounding_failed: BackendError: out of memory"


def test_a_manual_text_that_alone_cannot_be_grounded_does_not_end_the_rounds():
    found = {MANUAL: BackendError("too long"), "one kite": [("one", OFF, 0.9)]} | GOOD
    result, asked = run(says("one kite", "good kite"), found)
    assert ([r.text for r in result.rounds], result.manual) == (["one kite", "good kite"], None)
    assert (result.chosen.text, result.failed_stage, result.may_pass) == ("good kite", "grounding", True)
    assert result.error == "grounding_failed: BackendError: too long"
    assert [r.text for r in of_kind(asked, Ground)] == ["one kite", MANUAL, "one kite", "good kite"]


@pytest.mark.parametrize(
    ("answers", "may_pass"),
    [
        (["one kite", BackendError("connection lost")], True),
        ([BackendError("connection lost")], True),
        (["one kite", "raw: no JSON", "raw: still none"], False),
        (["good kite"], False),
    ],
)
def test_only_an_unreadable_answer_is_final(answers, may_pass):
    result, _ = run(says(*answers), GOOD | {"one kite": [("one", OFF, 0.9)]})
    assert result.may_pass is may_pass


def test_both_failures_are_said_and_other_ranges_keep_their_texts():
    result, _ = run(says(BackendError("server is away")), {MANUAL: BackendError("out of memory")})
    assert [part.split(":")[0] for part in result.error.split("; ")] == ["describe_failed", "grounding_failed"]
    assert "server is away" in result.error and "out of memory" in result.error
    describer, away = says("one kite", "two kite"), BackendError("grounder is away")

    def answer(request):
        if isinstance(request, Describe):
            return describer(request)
        return leads("one kite", ("kite", ON, 0.9)) if request.text == "one kite" else away

    (first, second), _ = drive(reflect_ranges(sequence_of(4, manual=None), replace(PLAIN, every=2), 0.35), answer)
    assert first.chosen.text == "one kite" and second.chosen is None and "grounder is away" in second.error


@pytest.mark.parametrize("keep", [True, False])
def test_the_manual_text_is_kept_when_nothing_beats_it(keep):
    same = [("kite", ON, 0.9)]
    result, _ = run(says("my kite"), {MANUAL: same, "my kite": same}, Settings(keep_manual_if_better=keep))
    assert result.chosen.source == ("manual" if keep else "refined")
    assert result.manual.text == MANUAL
    better, _ = run(says("kite"), {MANUAL: same, "kite": same}, Settings(keep_manual_if_better=keep))
    assert better.chosen.source == "refined"  # as good and shorter


@pytest.mark.parametrize("manual", [None, "", " \n "])
def test_without_a_manual_text(manual):
    result, asked = run(says("good kite"), GOOD, sequence=sequence_of(manual=manual))
    assert result.manual is None
    assert result.chosen.text == "good kite"
    assert [r.text for r in of_kind(asked, Ground)] == ["good kite"]


def test_first_frame_feedback_never_touches_another_frame():
    sequence = sequence_of(9)
    run(says("a", "b", "c", "d"), {}, sequence=sequence)
    assert frames_read(sequence) == [0]


def test_uniform_feedback_uses_k_visible_frames_the_first_included():
    seen = np.array([1, 0, 1, 1, 0, 1, 1, 1, 0, 1], bool)
    sequence = sequence_of(10, visible=seen)
    result, asked = run(says("a", "b"), {}, Settings(rounds=1, feedback="uniform:3"), sequence)
    assert frames_read(sequence) == [0, 5, 9]
    assert result.scope == "video"
    batch = next(a for a in asked if isinstance(a, list))
    assert [(g.text, g.frame.index) for g in batch] == [(t, i) for t in ("a", MANUAL) for i in (0, 5, 9)]


def test_feedback_of_several_frames_is_judged_against_each_ones_box():
    boxes = np.array([ON, OFF], np.float32)
    found = {"good kite": [("good", ON, 0.9)]}
    sequence = sequence_of(2, boxes, manual=None)
    result, asked = run(says("good kite"), found, Settings(rounds=0, feedback="uniform:2"), sequence)
    [only] = result.rounds
    assert (only.iou, only.margin, only.positive, only.negative) == (0.5, 0.0, ("good",), ())
    [describe] = of_kind(asked, Describe)
    assert describe.motion == (1.5, 0.0)  # 30 px to the right, a target being 20 px wide


def test_spread():
    assert spread(sequence_of(10), 1) == [0]
    assert spread(sequence_of(10), 4) == [0, 3, 6, 9]
    assert spread(sequence_of(3), 8) == [0, 1, 2]
    assert spread(sequence_of(4, visible=np.array([False, True, True, False])), 3) == [1, 2]
    assert spread(sequence_of(2, visible=np.zeros(2, bool)), 3) == [0]


@pytest.mark.parametrize(("iou", "negative", "accepted"), [(0.5, (), True), (0.49, (), False), (0.9, ("red",), False)])
def test_a_text_is_accepted_on_the_target_and_without_words_elsewhere(iou, negative, accepted):
    judged = judge_round(Description("kite"), Feedback(("kite",), negative, iou, 0.1, 1), PLAIN)
    assert judged.accepted is accepted


def test_a_text_that_fits_two_things_alike_is_not_accepted_where_a_lead_is_asked_for():
    twins = {"red kite": [("red", ON, 0.9), ("red", OFF, 0.88)]}
    apart = {"small red kite": [("small", ON, 0.9), ("red", OFF, 0.6)], "small kite": [("small", ON, 0.9)]}
    plain, _ = run(says("red kite"), twins)
    assert plain.rounds[0].accepted and len(plain.rounds) == 1
    lead = replace(PLAIN, rounds=1, min_margin=0.1)
    strict, asked = run(says("red kite", "small red kite"), twins | apart, lead)
    assert [r.accepted for r in strict.rounds] == [False, False]  # in the second a word still leads elsewhere
    assert of_kind(asked, Describe)[1].ambiguous
    found, _ = run(says("red kite", "small kite"), twins | apart, lead)
    assert [r.accepted for r in found.rounds] == [False, True] and found.chosen.text == "small kite"


def test_rank_goes_by_acceptance_then_iou_then_margin_then_brevity():
    order = [
        Round("a b", iou=0.6, margin=0.1, accepted=True),
        Round("a b", iou=0.9, margin=0.2),
        Round("a b", iou=0.8, margin=0.5),
        Round("a", iou=0.8, margin=0.4),
        Round("a b", iou=0.81, margin=0.4),  # a hundredth more of overlap is jitter
        Round("a", iou=0.0, margin=-0.4),
    ]
    assert sorted(order, key=rank, reverse=True) == order


def test_of_equal_rounds_the_earliest_is_chosen():
    rounds = [Round("one", iou=0.5), Round("two", iou=0.5)]
    assert choose(rounds, None, True) is rounds[0]
    assert choose([], None, True) is None
    assert choose([], Round("m", source="manual"), True).source == "manual"
    assert choose([], Round("m", source="manual"), False) is None


def lists(text, *background):
    return f"raw:{json.dumps({'target': text, 'background': background})}"


def raw(*answers):
    """A describer that gives these answers, target and background."""
    waiting = iter(answers)
    return lambda _: next(waiting).removeprefix("raw:")


AROUND = "old kite . sky . The Good KITE"
LOOKED_FOR = {AROUND: [("old", ON, 0.8), ("sky", OFF, 0.9), ("Good", OFF, 0.9)]}


def test_background_that_means_the_target_is_dropped_and_not_used():
    result, asked = run(raw(lists("good kite", "old kite", "sky", "The Good KITE")), GOOD | LOOKED_FOR)
    [batch] = [a for a in asked if isinstance(a, list)]
    assert [r.text for r in batch] == ["good kite", MANUAL, AROUND]
    [only] = result.rounds
    assert (only.background, only.background_dropped) == (("sky",), ("old kite", "The Good KITE"))
    assert result.background == Background(("sky",), ("old kite", "The Good KITE"))


def test_the_describer_is_told_what_was_dropped_in_all_rounds_before():
    found = {"x": [("x", OFF, 0.9)], "kite": [("kite", ON, 0.9)], "sky . sea": [("sky", ON, 0.9)]}
    answers = lists("x", "kite"), lists("x", "sky", "sea"), lists("x"), lists("x")
    _, asked = run(raw(*answers), found)
    dropped = [d.background_dropped for d in of_kind(asked, Describe)]
    assert dropped == [(), ("kite",), ("kite", "sky"), ("kite", "sky")]
    prompts = [d.prompt for d in of_kind(asked, Describe)]
    assert [NOT_BACKGROUND in prompt for prompt in prompts] == [False, True, True, True]
    assert f'\n{NOT_BACKGROUND}"kite"; "sky"\n' in prompts[2]


def test_background_is_looked_for_in_the_frame_that_the_describer_saw():
    boxes = np.array([ON, OFF, OFF], np.float32)
    found = {"a kite": [], "sea": [("sea", OFF, 0.9)]}
    settings = Settings(rounds=0, feedback="uniform:3")
    result, asked = run(raw(lists("good kite", "sea")), GOOD | found, settings, sequence_of(3, boxes))
    assert [r.frame.index for r in of_kind(asked, Ground) if r.text == "sea"] == [0]
    assert result.background.kept == ("sea",)  # on the target only in later frames


def test_background_that_alone_cannot_be_grounded_is_not_used_and_ends_no_round():
    away = BackendError("too long")
    result, asked = run(raw(lists("good kite", "sky")), GOOD | {"sky": away}, PLAIN)
    assert (result.chosen.text, result.background, result.manual) == ("good kite", Background(), None)
    assert (result.error, result.may_pass) == ("grounding_failed: BackendError: too long", True)
    assert [r.text for r in of_kind(asked, Ground)] == ["good kite", MANUAL, "sky", "good kite", "sky", "good kite"]
    result, _ = run(raw(lists("good kite", "sky")), GOOD | {MANUAL: away}, PLAIN)
    assert result.background.kept == ("sky",)  # where the manual text is to blame


def test_a_manual_text_that_is_kept_does_without_background_that_says_the_same():
    found = {MANUAL: [("kite", ON, 0.9)], "x": [("x", OFF, 0.9)], "sky . the kite": [("sky", OFF, 0.9)]}
    result, _ = run(raw(lists("x", "sky", "the kite")), found, replace(PLAIN, rounds=0))
    assert result.chosen.source == "manual"
    assert result.rounds[0].background == ("sky", "the kite")
    assert result.background == Background(("sky",), ("the kite",))


def test_a_round_whose_background_was_all_dropped_does_not_take_that_of_another():
    found = GOOD | {"x": [("x", OFF, 0.9)], "sky": [("sky", OFF, 0.9)], "kite": [("kite", ON, 0.9)]}
    result, _ = run(raw(lists("x", "sky"), lists("good kite", "kite")), found)
    assert result.background == Background((), ("kite",))
