import pytest

torch = pytest.importorskip("torch")
loop = pytest.importorskip("training.loop", reason="the recipes are not part of the wheel")


def fit(work, until=None, seed=0):
    """A line through noisy points; returns the model and the losses."""
    torch.manual_seed(1)
    model = torch.nn.Linear(2, 1)

    def loss(step, rng):
        points = torch.from_numpy(rng.normal(size=(16, 2)).astype("float32"))
        noise = torch.randn(16, 1) * 0.1
        return ((model(points) - points.sum(1, keepdim=True) + noise) ** 2).mean(), {}

    schedule = loop.Schedule(steps=60, lr=5e-2, warmup=5)
    return model, loop.train("line", model, loss, schedule, work=work, seed=seed, until=until)


def test_the_loss_falls(tmp_path):
    _, losses = fit(tmp_path)
    assert len(losses) == 60 and sum(losses[-10:]) < 0.2 * sum(losses[:10])


def test_a_run_that_was_stopped_ends_as_one_that_was_not(tmp_path):
    whole, losses = fit(tmp_path / "whole")
    _, before = fit(tmp_path / "parts", until=25)
    resumed, after = fit(tmp_path / "parts")
    assert before + after == losses
    assert torch.equal(whole.weight, resumed.weight) and torch.equal(whole.bias, resumed.bias)


def test_a_finished_run_is_not_run_again(tmp_path):
    done, _ = fit(tmp_path)
    again, losses = fit(tmp_path)
    assert losses == [] and torch.equal(done.weight, again.weight)


def test_a_checkpoint_of_another_seed_is_refused(tmp_path):
    fit(tmp_path, until=10)
    with pytest.raises(ValueError, match="another run"):
        fit(tmp_path, seed=1)


def test_the_rate_rises_stays_and_falls():
    schedule = loop.Schedule(steps=1000, warmup=100, hold=0.2, floor=0.02)
    assert [schedule.factor(k) for k in (0, 49, 99, 200)] == pytest.approx([0.01, 0.5, 1, 1])
    assert schedule.factor(600) == pytest.approx(0.5) and schedule.factor(999) == 0.02
