"""Training of learned verifiers on made-up evidence, in which the target alone looks like the template."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch

from chatdesc.evidence import Choice
from chatdesc.verification.figures import Judged
from chatdesc.verification.learning import training
from chatdesc.verification.learning.choosing import choose, choose_among
from chatdesc.verification.learning.examples import Examples, without_right
from chatdesc.verification.learning.networks import NETWORKS
from chatdesc.verification.learning.training import Plan, fit, loss_of
from tests.makers.evidence import HERE, THERE, evidence

FAR = [120, 90, 20, 20]


def made(seed):
    """The target is at any of three places, or at none of them; its cosine with the template is high, others' low."""
    rng = np.random.default_rng(seed)
    boxes = [HERE, THERE, FAR]
    rng.shuffle(boxes)
    here = int(rng.integers(0, 4))  # 3: away
    cosines = rng.uniform(0.1, 0.3, 3)
    if here < 3:
        cosines[here] = rng.uniform(0.8, 0.95)
    beside = rng.uniform(0.1, 0.3, 4)
    return evidence(
        boxes, truth=boxes[here] if here < 3 else None, template=cosines, recent=cosines, beside_template=beside,
        beside_recent=beside, scores=rng.uniform(0.4, 0.6, 3), since=int(rng.integers(1, 30)), age=30,
    )  # fmt: skip


@pytest.fixture(scope="module")
def data():
    return [made(k) for k in range(600)], [made(k) for k in range(1000, 1200)]


@pytest.mark.parametrize("plan", [Plan("set", epochs=6), Plan("linear", epochs=8, lr=3e-2)], ids=lambda p: p.kind)
def test_it_learns_what_there_is_to_learn(plan, data):
    train, validation = data
    found = fit(train, validation, plan)
    judged = Judged.of(validation, choose(found.network, validation))
    assert judged.share() > 0.95
    assert judged.none_auc() > 0.95
    assert found.best.share == pytest.approx(judged.share())  # the best epoch's weights are those that are kept


def test_a_stopped_training_ends_as_one_that_was_not(data, tmp_path):
    train, validation = data
    plan = Plan("set", epochs=4)
    whole = fit(train, validation, plan)

    class Stop(Exception):
        pass

    def stop(epoch):
        if epoch.epoch == 2:
            raise Stop

    with pytest.raises(Stop):
        fit(train, validation, plan, tmp_path, stop)
    seen = []
    again = fit(train, validation, plan, tmp_path, lambda e: seen.append(e.epoch))
    assert seen == [3, 4]
    assert again.epochs == whole.epochs
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, again.network.state_dict()[name]), name


def test_a_state_of_another_plan_is_not_taken(data, tmp_path):
    train, validation = data
    fit(train, validation, Plan("set", epochs=1), tmp_path)
    seen = []
    fit(train, validation, Plan("set", epochs=1, seed=1), tmp_path, lambda e: seen.append(e.epoch))
    assert seen == [1]


def test_it_stops_where_nothing_gets_better(data, monkeypatch):
    train, validation = data
    shares = iter([0.5, 0.6, 0.6, 0.6, 0.6, 0.6])
    own = training._validated
    monkeypatch.setattr(
        training, "_validated", lambda *given: replace(own(*given), share=next(shares), lost=0.5, none_auc=0.5)
    )
    found = fit(train[:100], validation, Plan("set", epochs=6, patience=2))
    assert [e.epoch for e in found.epochs] == [1, 2, 3, 4]
    assert found.best.epoch == 2


@pytest.mark.parametrize("kind", NETWORKS)
def test_the_order_and_the_padding_say_nothing(kind):
    torch.manual_seed(0)
    network = NETWORKS[kind]().eval()
    short, long = made(1), made(2)
    extra = replace(long, **{n: np.concatenate([getattr(long, n), getattr(long, n)]) for n in
                             ("boxes", "scores", "template", "recent", "text")})  # fmt: skip
    alone, [together, _] = choose(network, [short])[0], choose(network, [short, extra])
    assert (alone.index, alone.doubt) == (together.index, pytest.approx(together.doubt, abs=1e-5))


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_checkpoint_is_small_and_comes_back(kind, tmp_path):
    torch.manual_seed(0)
    network = NETWORKS[kind]().eval()
    network.save_pretrained(tmp_path)
    assert sum(f.stat().st_size for f in tmp_path.iterdir()) < 200_000
    again = NETWORKS[kind].from_pretrained(tmp_path).eval()
    frames = [made(k) for k in range(5)]
    assert choose(again, frames) == choose(network, frames)


class Said:
    """A network that says always the same, of a key frame with a third proposal that is not there."""

    def __init__(self, target, overlap, none):
        self.scores = training.Scores(torch.tensor([target]), torch.tensor([overlap]), torch.tensor([none]))

    def __call__(self, tokens, present):
        return self.scores


def said(target, overlap, none=-3.0):
    present = torch.tensor([[True, True, False]])
    [choice] = choose_among(Said([*target, 9.0], [*overlap, 1.0], none), None, present)
    return choice


def test_what_scores_say():
    assert said([0.1, 0.0], [0.0, 0.5]).index == 1  # an overlap of .5 outweighs a tenth of a logit
    assert said([1.0, 1.0], [0.0, 0.0]).index == 1  # among equals the tracker's own
    assert said([2.0, 0.0], [0.0, 0.0], none=3.0).index is None
    assert said([2.0, 0.0], [0.0, 0.0], none=0.5) == Choice(0, False, pytest.approx(1 / (1 + np.exp(-0.5))))


def test_examples():
    frames = [evidence([THERE, HERE], truth=THERE), evidence([THERE, HERE]), evidence([HERE], truth=HERE)]
    found = Examples.of(frames)
    assert found.overlap.tolist() == [[1, 0], [0, 0], [1, 0]]
    assert found.none.tolist() == [0, 1, 0]
    assert found.present.tolist() == [[True, True], [True, True], [True, False]]
    less = without_right(frames[0])
    assert less.boxes.tolist() == [HERE]
    assert without_right(frames[1]) is None
    assert without_right(frames[2]) is None  # the tracker's own stays


def test_the_loss_rewards_the_right_choice_and_the_right_none():
    found = Examples.of([evidence([THERE, HERE], truth=THERE), evidence([THERE, HERE])])

    def scores(target, none):
        return training.Scores(torch.tensor(target), found.overlap.clone(), torch.tensor(none))

    right = loss_of(scores([[5.0, -5.0], [0.0, 0.0]], [-5.0, 5.0]), found)
    other = loss_of(scores([[-5.0, 5.0], [0.0, 0.0]], [-5.0, 5.0]), found)
    inverted = loss_of(scores([[5.0, -5.0], [0.0, 0.0]], [5.0, -5.0]), found)
    assert right < 0.02
    assert other > 5
    assert inverted > 4


def test_a_validation_that_says_nothing_is_no_warning_and_keeps_the_first_epoch(data):
    """One proposal in each key frame, and the right one: nothing to choose, and no *none*."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = fit(data[0][:100], [evidence([HERE], truth=HERE)] * 5, Plan("linear", epochs=3))
        assert found.best.epoch == 1 and found.best.score == 0
