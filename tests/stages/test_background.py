import numpy as np
import pytest

from chatdesc.stages.background import Background, check, hitting, joined, same_words, without
from chatdesc.types import Grounding, Word, split_words
from tests.makers.sequences import leads

ON, OFF = [10, 10, 20, 20], [40, 10, 20, 20]
BOX = np.array(ON, np.float32)
PHRASES = ("old kite", "sky", "tall kite")


def hits(*found, phrases=PHRASES, threshold=0.35):
    return hitting(phrases, leads(joined(phrases), *found), BOX, 0.3, threshold)


def test_only_the_best_proposal_of_a_phrase_counts():
    assert hits(("old", ON, 0.8), ("sky", ON, 0.7), ("sky", OFF, 0.9), ("tall", OFF, 0.9)) == {"old kite"}


def test_a_word_counts_for_its_own_phrase_though_others_have_it_too():
    words = split_words(joined(PHRASES))
    scores = np.zeros((1, len(words)), np.float32)
    scores[0, 4] = 0.9  # the second "kite"
    assert hitting(PHRASES, Grounding(BOX[None], words, scores), BOX, 0.3, 0.35) == {"tall kite"}


@pytest.mark.parametrize(("threshold", "found"), [(0.5, {"sky"}), (0.51, set())])
def test_a_proposal_under_the_threshold_leads_nowhere(threshold, found):
    assert hits(("sky", ON, 0.5), threshold=threshold) == found


@pytest.mark.parametrize(("share", "found"), [(0.31, {"sky"}), (0.29, set())])
def test_overlap_counts_from_theta_on(share, found):
    assert hits(("sky", [10, 10, 20, 20 * share], 0.9)) == found


def test_of_equal_proposals_one_on_the_target_suffices():
    assert hits(("sky", OFF, 0.9), ("sky", ON, 0.9)) == {"sky"}


def test_phrases_that_hold_a_full_stop_keep_their_places():
    phrases = ("st. john", "red kite")
    found = leads(joined(phrases), ("red", ON, 0.9))
    assert hitting(phrases, found, BOX, 0.3, 0.35) == {"red kite"}


def test_a_grounder_that_scores_phrases_as_a_whole():
    words = Word("old kite", 0, 8), Word("sky", 11, 14)
    found = Grounding(np.array([ON, OFF], np.float32), words, np.array([[0.9, 0], [0, 0.9]], np.float32))
    assert hitting(("old kite", "sky"), found, BOX, 0.3, 0.35) == {"old kite"}


def test_nothing_found_drops_nothing_but_what_says_the_same():
    nothing = leads(joined(PHRASES))
    assert check(PHRASES, "The SKY", nothing, BOX, 0.3, 0.35) == Background(("old kite", "tall kite"), ("sky",))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("a red kite", "Red kite", True),
        ("kite", "kites", False),
        ("man with a dog", "dog with a man", False),
        ("red kite", "red", False),
        ("the", "the", True),
        ("the", "of", False),
    ],
)
def test_same_words(one, other, same):
    assert same_words(one, other) is same


def test_beside_another_phrase():
    assert without(Background(("sky", "kite"), ("sea",)), "the kite") == Background(("sky",), ("sea", "kite"))
