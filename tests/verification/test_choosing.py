"""A network that leaves the tracker whenever it may, and the tracker's boxes that it may not leave."""

import numpy as np
import pytest
import torch

from chatdesc.verification.features import NAMES
from chatdesc.verification.learning.choosing import LEAD, choose
from chatdesc.verification.learning.networks import Linear
from chatdesc.verification.similarity import fitness
from tests.makers.evidence import HERE, THERE, evidence

LARGE_THERE = [60, 10, 28, 28]


def restless(none=-9.0):
    network = Linear().eval()
    with torch.no_grad():
        for weights in network.parameters():
            weights.zero_()
        network.target.weight[0, NAMES.index("own")] = -9
        network.none.bias.fill_(none)
    return network


# The tracker's box is where the target was, so it leads by the whole jump, .4, and by .05 as the tracker's own. It has
# half the other's word score: logits of 0 and -1.10, .55 for the other and as much against it, which is .11 of the sum.
# A box of twice the area, .97 doublings where .51 are forgiven, loses (.5 + .2) * .84 more. Cosines that are .1 apart
# have a level of .2 and a lead of a whole one to either side: 1.25 * .2 + .5 * 2.
@pytest.mark.parametrize(
    ("other", "template", "lead", "chosen"),
    [
        (THERE, [0.5, 0.5], 0.34, 0),
        (LARGE_THERE, [0.5, 0.5], 0.93, 1),
        (THERE, [0.5, 0.6], 1.59, 1),
        (LARGE_THERE, [0.6, 0.5], -0.32, 0),
    ],
)
def test_a_box_that_leads_without_the_network_stays(other, template, lead, chosen):
    e = evidence([other, HERE], template=template)
    fits = fitness(e)
    assert fits[1] - fits[0] == pytest.approx(lead, abs=0.01)
    assert (lead >= LEAD) == (chosen == 1)
    more = evidence([other, other, other, HERE], template=[template[0]] * 3 + template[1:])
    two = choose(restless(), [e, more])  # the first is padded
    assert two[0].index == chosen
    assert two[0] == choose(restless(), [e])[0]


def test_the_best_other_proposal_counts():
    e = evidence([LARGE_THERE, THERE, HERE], template=[0.5, 0.5, 0.5])
    assert choose(restless(), [e])[0].index in (0, 1)


def test_none_and_the_doubt_are_the_networks():
    e = evidence([LARGE_THERE, HERE])
    assert choose(restless(none=9.0), [e])[0].index is None
    sure, unsure = choose(restless(none=-1.0), [e])[0], choose(restless(none=1.0), [e])[0]
    assert (sure.index, sure.verified, unsure.index, unsure.verified) == (1, True, 1, False)
    assert np.allclose([sure.doubt, unsure.doubt], [0.269, 0.731], atol=1e-3)


@pytest.mark.parametrize("column", ["template", "recent", "text"])
def test_a_cosine_that_is_no_number_says_nothing(column):
    whole, broken = (evidence([LARGE_THERE, HERE], **{column: [value, 0.5]}) for value in (0.5, np.nan))
    [found] = choose(restless(), [broken])
    [expected] = choose(restless(), [whole])
    assert (found.index, found.verified) == (expected.index, expected.verified)
    assert found.doubt == pytest.approx(expected.doubt)


def test_the_trackers_box_alone():
    assert choose(restless(), [evidence([HERE])])[0].index == 0
