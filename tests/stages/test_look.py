import numpy as np
import pytest

from chatdesc.config import Settings
from chatdesc.stages.look import RIVALS, look
from chatdesc.types import Embed, Embedding, Ground
from tests.makers.sequences import drive, flat, leads, sequence_of

HERE, THERE = [10, 10, 20, 20], [60, 10, 20, 20]
LOOKS = {tuple(HERE): [0.6, 0.8], tuple(THERE): [0.8, 0.6]}
TWO = Settings(alignment_frames=2)


class Backends:
    """Answers by text; a text's vector is the first axis if it has "red", else the second."""

    def __init__(self, found):
        self.found = found

    def __call__(self, request):
        if isinstance(request, Ground):
            return leads(request.text, *self.found.get(request.text, []))
        crops = [LOOKS.get(tuple(crop.box.tolist()), [0, 0]) for crop in request.crops]
        texts = [[1, 0] if "red" in text else [0, 1] for text in request.texts]
        return Embedding(np.float32(crops), np.float32(texts), np.zeros(len(texts), bool))


def run(found, text="red kite", settings=TWO, words=True, **changes):
    sequence = sequence_of(4, HERE, **changes)
    sight, asked = drive(look(sequence, text, settings, 0.4, words), Backends(found))
    return sight, flat(asked)


def test_leads_and_alignments_by_hand():
    sight, asked = run({"red kite": [("kite", HERE, 0.5), ("kite", THERE, 0.8), ("kite", [200, 60, 9, 9], 0.2)]})
    assert [view.frame for view in sight.views] == [0, 3]
    view = sight.views[0]
    assert view.boxes[0].tolist() == THERE and view.on_target.tolist() == [False, True, False]
    assert (view.best_on, view.best_off) == (pytest.approx(0.25), pytest.approx(0.4))  # means over "red" and "kite"
    assert view.lead == pytest.approx((0.25 - 0.4) / 0.4)
    assert view.proposed.tolist() == [True, True, False]
    assert view.alignment == pytest.approx(60) and view.alignment_lead == pytest.approx(60 - 80)
    assert len([request for request in asked if isinstance(request, Embed)]) == 1


def test_a_text_that_leads_nowhere_has_no_lead():
    view = run({})[0].views[0]
    assert (view.lead, view.alignment_lead, view.best_on) == (None, None, 0)


def test_the_text_is_grounded_without_each_content_word():
    found = {"kite the car": [("kite", HERE, 0.9)], "red the car": [("car", THERE, 0.9)]}
    sight, asked = run(found, "red kite the car")
    without = {one.word.text: one.leads for one in sight.without}
    assert without == {"red": (1, 1), "kite": (-1, -1), "car": (None, None)}
    texts = {request.text for request in asked if isinstance(request, Ground)}
    assert texts == {"red kite the car", "kite the car", "red the car", "red kite the"}
    sight, asked = run(found, "red kite the car", words=False)
    assert {request.text for request in asked if isinstance(request, Ground)} == {"red kite the car"}
    assert [(one.word.text, one.leads) for one in sight.without] == [("red", ()), ("kite", ()), ("car", ())]
    assert run({}, "the kite")[0].without == ()


def test_each_shorter_text_is_aligned_with_the_target():
    sight, asked = run({"red kite": [("kite", HERE, 0.5), ("kite", THERE, 0.8)]})
    aligned = {one.word.text: one.alignments for one in sight.without}
    assert aligned == {"red": pytest.approx((80, 80)), "kite": pytest.approx((60, 60))}
    assert [view.alignment for view in sight.views] == [pytest.approx(60)] * 2
    [embed] = [request for request in asked if isinstance(request, Embed)]
    assert embed.texts == ("red kite", "kite", "red")


def test_a_region_within_the_target_is_not_elsewhere():
    shirt, beside = [12, 10, 8, 4], [26, 10, 8, 4]  # within HERE, and half beside it
    view = run({"red kite": [("kite", shirt, 0.5), ("kite", beside, 0.2)]})[0].views[0]
    assert view.on_target.tolist() == [True, False] and view.lead == pytest.approx(0.6)


def test_how_much_of_a_text_is_understood():
    sight, _ = run({"red kite": [("kite", HERE, 0.5)], "kite": [("kite", HERE, 0.5)]})
    assert [view.understood for view in sight.views] == [0.5, 0.5]
    assert run({"kite": [("kite", HERE, 0.5)]}, "kite")[0].views[0].understood == 1
    assert run({})[0].views[0].understood == 0


def test_a_word_has_its_score_on_each_region_unless_nobody_knows_it():
    found = {"a red kite odd": [("kite", HERE, 0.5), ("kite", THERE, 0.8)]}
    view = run(found, "a red kite odd")[0].views[0]
    assert view.boxes.tolist() == [THERE, HERE]
    assert view.scores[:, :2] == pytest.approx(np.float32([[0, 0.8], [0, 0.5]]))  # any grounder may know "red"
    assert np.isnan(view.scores[:, 2]).all()
    assert view.scores_on[:2] == pytest.approx([0, 0.5]) and view.scores_off[:2] == pytest.approx([0, 0.8])
    only = run({"kite odd": [("kite", THERE, 0.8)]}, "kite odd")[0].views[0]
    assert only.scores_on[0] == 0 and np.isnan(only.scores_on[1])
    assert run({})[0].views[0].scores.shape == (0, 2)


def test_few_regions_are_embedded():
    many = [("kite", [40 + 20 * k, 60, 15, 15], 0.9 - k / 10) for k in range(RIVALS + 2)]
    sight, asked = run({"red kite": many})
    [embed] = [request for request in asked if isinstance(request, Embed)]
    assert len(embed.crops) == 2 * (1 + RIVALS)
    assert np.isnan(sight.views[0].alignments).tolist() == [False] * RIVALS + [True] * 2


@pytest.mark.parametrize("changes", [{"text": " "}, {"visible": np.zeros(4, bool)}])
def test_nothing_to_look_at_asks_nothing(changes):
    assert run({}, **changes) == (None, [])
