"""Deliberate wiring faults in the measures, one at a time: for each, a test must fail."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chatdesc.measures import agreement, alignment, leads, questions, rank, sequence, validity, vqa, words
from chatdesc.stages import look
from chatdesc.stages.look import View
from chatdesc.types import Ask, FrameRef
from tests.measures import test_asked, test_leads, test_seen, test_sequence, test_validity
from tests.stages import test_look


def ties_count_for_the_target(put):
    put(rank, "rank", lambda view: int(view.on_target.argmax()) + 1 if view.on_target.any() else None)


def last_in_place_of_first_rank(put):
    own = rank.rank
    put(rank, "rank", lambda view: (place := own(view)) and len(view.boxes) + 1 - place)


def sign_of_the_lead(put):
    own = View.lead.fget
    put(View, "lead", property(lambda view: None if own(view) is None else -own(view)))


def words_that_the_target_lacks_are_credited(put):
    put(rank, "support", lambda view, threshold: 1.0)


def support_of_other_regions(put):
    put(View, "scores_on", View.scores_off)


def words_that_nobody_knows_count(put):
    put(look, "canonical", lambda word: word)


def less_of_the_text_is_no_rival(put):
    put(alignment, "lead", lambda sight, k: sight.views[k].alignment_lead)


def distractor_in_place_of_the_target(put):
    own = View.alignment_lead.fget
    put(View, "alignment_lead", property(lambda view: None if own(view) is None else -own(view)))


def places_forgotten(put):
    put(validity, "unfit_place", lambda text, view: "")


def false_words_believed(put):
    put(validity, "_is_false", lambda sight, k: False)


def a_frame_too_late(put):
    own = validity.left_from
    put(validity, "left_from", lambda unfit: None if own(unfit) is None else own(unfit) + 1)


def any_lead_will_do(put):
    put(validity, "LOST", 2.0)


def needed_and_redundant_swapped(put):
    swapped, own = {"needed": "redundant", "redundant": "needed"}, words.role
    put(words, "role", lambda sight, without: swapped.get(found := own(sight, without), found))


def harm_counts_as_help(put):
    own = words.value
    put(words, "value", lambda found: own("needed" if one == "harmful" else one for one in found))


def false_words_are_not_known(put):
    put(words, "is_false", lambda sight, without: False)


def words_elsewhere_are_not_noticed(put):
    put(words, "is_elsewhere", lambda *given: False)


def words_on_the_target_are_elsewhere(put):
    put(leads, "SLIGHT", 9.0)


def leads_of_another_word(put):
    own = look.look

    def shifted(*given, **more):
        sight = yield from own(*given, **more)
        rest = [one.word for one in sight.without]
        turned = [replace(one, word=word) for one, word in zip(sight.without, [*rest[1:], *rest[:1]])]
        return replace(sight, without=tuple(turned))

    put(sequence, "look", shifted)


def answers_given_to_the_wrong_frames(put):
    own = vqa.ask_all

    def turned(asked):
        return (yield from own(asked))[::-1]

    put(vqa, "ask_all", turned)


def the_whole_frame_in_place_of_the_target(put):
    put(vqa, "Ask", lambda question, frame, box: Ask(question, frame, box * 0))


def true_and_invented_swapped(put):
    own = questions.value
    put(questions, "value", lambda known, true, invented: own(known, invented, true))


def details_that_texts_name_are_not_asked_for(put):
    put(questions, "named", lambda texts, seen, known: [])


def recognition_forgotten(put):
    own = questions.value
    put(questions, "value", lambda known, true, invented: own(None, true, invented))


def the_picture_is_shown(put):
    frame = FrameRef(test_seen.case(manual=test_seen.sight(test_seen.FIRST)).sequence.frames, 0)
    put(questions, "Ask", lambda question: Ask(question, frame))


def worst_regions_compared(put):
    own, turned = agreement.meeting, lambda view: replace(view, boxes=view.boxes[::-1])
    put(agreement, "meeting", lambda one, two: own(turned(one), turned(two)))


def other_texts_count_alike(put):
    own = agreement.weighed
    put(agreement, "weighed", lambda pairs: own((value, 1.0) for value, _ in pairs))


def agreement_without_support(put):
    put(agreement, "support", lambda view, threshold: 1.0)


def words_of_either_are_shared(put):
    put(agreement, "jaccard", lambda one, two: len(one | two) / max(len(one), len(two)))


def looks_given_to_the_wrong_texts(put):
    own = sequence.looks

    def turned(*given):
        found = yield from own(*given)
        return dict(zip(found, [*found.values()][::-1]))

    put(sequence, "looks", turned)


def another_frame_looked_at(put):
    put(look, "FrameRef", lambda frames, index: FrameRef(frames, (index + 1) % len(frames)))


def the_first_phrase_for_the_whole_video(put):
    put(sequence, "in_force", lambda phrases, frame: phrases[0])


def right_words_are_named_right():
    """The mutant of words in the looks: only deleting "red" loses the target."""
    found, _, _ = test_sequence.run({"manual": "red kite"}, ("words",))
    record = found["words", "manual"]
    assert dict(zip(record["words"], record["roles"])) == {"red": "needed", "kite": "redundant"}


RANKS = [test_seen.test_rank_is_the_mean_reciprocal_rank]
STOPS = [test_validity.test_a_text_stops_where_its_words_lead_elsewhere_from_then_on]
PARTS = [
    lambda: test_seen.test_words_are_needed_redundant_or_harmful(
        [("red", (0.2, 0.3), (40.0, 40.0)), ("kite", (0.5, 0.6), (38.0, 38.0))], ["needed", "redundant"], 1.0
    ),
    lambda: test_seen.test_words_are_needed_redundant_or_harmful(
        [("red", (0.9, 0.9), (46.0, 46.0)), ("kite", (0.5, 0.6), (40.0, 40.0))], ["harmful", "unknown"], -0.5
    ),
]
FALSE = [
    lambda: test_seen.test_words_are_needed_redundant_or_harmful(
        [("red", (0.6, 0.6), (46.0, 46.0)), ("kite", (0.5, 0.6), (40.0, 40.0))], ["false", "unknown"], -0.5
    ),
]
ELSEWHERE = [test_seen.test_a_word_that_the_grounder_finds_elsewhere_alone_is_false]
CREDIT = [test_seen.test_a_text_is_credited_for_the_words_that_the_target_supports]
AGREED = [test_seen.test_texts_agree_as_far_as_the_target_supports_them]
RANGES = [test_sequence.test_texts_of_ranges_are_measured_where_they_are_in_force]
DECODES = [test_sequence.test_another_text_decodes_no_frame_a_second_time]

MUTANTS = {
    ties_count_for_the_target: RANKS,
    last_in_place_of_first_rank: RANKS,
    sign_of_the_lead: [test_seen.test_margin_counts_frames_on_which_a_text_leads_nowhere],
    words_that_the_target_lacks_are_credited: CREDIT,
    support_of_other_regions: CREDIT,
    words_that_nobody_knows_count: [test_look.test_a_word_has_its_score_on_each_region_unless_nobody_knows_it],
    less_of_the_text_is_no_rival: [test_seen.test_the_text_without_a_word_is_a_rival_too],
    distractor_in_place_of_the_target: [test_seen.test_alignment_and_its_margin],
    places_forgotten: [test_validity.test_a_place_that_the_target_has_left],
    false_words_believed: [test_validity.test_a_word_that_the_encoder_calls_false],
    a_frame_too_late: STOPS,
    any_lead_will_do: STOPS,
    needed_and_redundant_swapped: PARTS,
    harm_counts_as_help: PARTS,
    false_words_are_not_known: FALSE,
    words_elsewhere_are_not_noticed: ELSEWHERE,
    words_on_the_target_are_elsewhere: [
        lambda: test_leads.test_a_word_is_elsewhere_if_it_leads_there_and_not_to_the_target(0.39, 0.9, False)
    ],
    leads_of_another_word: [right_words_are_named_right],
    answers_given_to_the_wrong_frames: [test_asked.test_vqa_is_the_mean_probability_of_yes_on_each_frame],
    the_whole_frame_in_place_of_the_target: [test_asked.test_vqa_is_the_mean_probability_of_yes_on_each_frame],
    true_and_invented_swapped: [test_asked.test_questions_are_asked_without_a_picture_and_about_the_text],
    details_that_texts_name_are_not_asked_for: [
        test_asked.test_details_that_a_text_of_the_sequence_names_are_asked_for
    ],
    recognition_forgotten: [test_asked.test_questions_are_asked_without_a_picture_and_about_the_text],
    the_picture_is_shown: [test_asked.test_questions_are_asked_without_a_picture_and_about_the_text],
    worst_regions_compared: [test_seen.test_agreement_is_the_overlap_of_the_best_regions],
    other_texts_count_alike: AGREED,
    agreement_without_support: AGREED,
    words_of_either_are_shared: [test_seen.test_shared_words_are_content_words],
    looks_given_to_the_wrong_texts: [test_sequence.test_every_measure_of_every_text],
    another_frame_looked_at: DECODES,
    the_first_phrase_for_the_whole_video: RANGES,
}


def lost(check):
    """Whether a test fails."""
    try:
        check()
    except Exception:
        return True
    return False


@pytest.mark.parametrize("checks", [list(dict.fromkeys(c for of in MUTANTS.values() for c in of))])
def test_without_a_fault_all_hold(checks):
    assert [check for check in checks if lost(check)] == []


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_a_wiring_fault_is_noticed(mutant, monkeypatch):
    mutant(monkeypatch.setattr)
    assert any(lost(check) for check in MUTANTS[mutant]), "no test notices this fault"
