"""How near a run comes to the limit of its slowest stage, on a clock of its own: the bars of benchmarks/pipeline.py."""

import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from chatdesc.engine.schedule import Lane, Scheduler, in_flight_for
from chatdesc.rows.store import Store
from chatdesc.synthetic import render
from chatdesc.types import BackendError, ChatdescError

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
if not BENCHMARKS.is_dir():
    pytest.skip("the benchmarks are in the repository only", allow_module_level=True)
sys.path.insert(0, str(BENCHMARKS))
try:
    from pipeline import stand_in_run
    from pipeline_stages import SCENARIOS, backends, plan, sequence, stages
    from virtual_time import virtual_time
finally:
    sys.path.remove(str(BENCHMARKS))


def lane(clock, log, name, kind, size, seconds, **options):
    """A lane whose calls take ``seconds`` and are logged with their start and requests."""

    def call(requests):
        log.append((name, clock.now, requests))
        clock.sleep(seconds)
        return requests

    return Lane(kind, call, size, **options)


def asks(*requests):
    def job():
        for one in requests:  # noqa: UP028 - a tuple cannot be sent answers
            yield one

    return job()


def run(lanes, jobs, in_flight=None):
    return dict(Scheduler(lanes, in_flight).run(enumerate(jobs)))


def test_a_full_batch_starts_while_another_lane_runs():
    """Six sequences, batches of two; a call of the first lane takes 3 s and one of the second 2 s."""
    log = []
    with virtual_time() as clock:
        lanes = [lane(clock, log, "a", int, 2, 3.0), lane(clock, log, "b", str, 2, 2.0)]
        run(lanes, [asks(k, str(k)) for k in range(6)])
    assert log == [
        ("a", 0.0, [0, 1]),
        ("a", 3.0, [2, 3]),
        ("b", 3.0, ["0", "1"]),
        ("a", 6.0, [4, 5]),
        ("b", 6.0, ["2", "3"]),
        ("b", 9.0, ["4", "5"]),
    ]
    assert clock.now == 11.0  # the first lane without a pause, and the last batch of the second


def test_half_a_batch_waits_while_another_lane_runs_and_the_longer_queue_goes_first():
    """Of three sequences the third is alone on the first lane: it goes on when the two before it are answered."""
    log = []
    with virtual_time() as clock:
        lanes = [lane(clock, log, "a", int, 2, 3.0), lane(clock, log, "b", str, 4, 2.0)]
        run(lanes, [asks(k, str(k)) for k in range(3)])
    assert log == [("a", 0.0, [0, 1]), ("b", 3.0, ["0", "1"]), ("a", 5.0, [2]), ("b", 8.0, ["2"])]


def test_where_a_batch_gains_nothing_no_request_waits_for_another():
    log = []
    with virtual_time() as clock:
        lanes = [lane(clock, log, "a", int, 2, 3.0), lane(clock, log, "b", str, 64, 2.0, waits=False)]
        run(lanes, [asks("0"), *(asks(k) for k in range(2)), asks("1")])
    assert log == [("b", 0.0, ["0"]), ("a", 0.0, [0, 1]), ("b", 2.0, ["1"])]


def test_the_oldest_sequence_goes_first():
    """The first sequence comes back to the lane behind two others, and is not put off until they are done."""
    log = []
    with virtual_time() as clock:
        run([lane(clock, log, "a", int, 1, 1.0)], [asks(0, 10, 20), asks(1, 11, 21), asks(2)])
    assert [requests for _, _, requests in log] == [[0], [10], [20], [1], [11], [21], [2]]


def test_lanes_of_one_model_do_not_run_together():
    log = []
    with virtual_time() as clock:
        model = object()
        lanes = [lane(clock, log, name, kind, 1, 1.0, backend=model) for name, kind in (("a", int), ("b", str))]
        run(lanes, [asks(k, str(k)) for k in range(4)])
    assert all(next_start - start >= 1.0 for (_, start, _), (_, next_start, _) in pairwise(log))


def test_sequences_in_work_fill_a_batch_of_every_model():
    model = object()
    lanes = [Lane(int, list, 8, backend=model), Lane(str, list, 8, backend=model), Lane(float, list, 64)]
    assert in_flight_for(lanes) == 72
    assert in_flight_for([*lanes, Lane(bytes, list, 1, workers=32)]) == 104
    assert in_flight_for([*lanes, Lane(bytes, list, 1, workers=2, most_sequences=16)]) == 16
    assert in_flight_for([Lane(int, list, 64, waits=False)]) == 8


@pytest.mark.parametrize("order", ["in step", "out of step"])
@pytest.mark.parametrize("slowest", SCENARIOS)
def test_the_slowest_stage_is_kept_busy_with_full_batches(slowest, order):
    found, lanes = stages(SCENARIOS[slowest])
    rng = np.random.default_rng(1) if order == "out of step" else None
    with virtual_time() as clock, pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline_stages.time", clock)
        run(lanes, [sequence(iter(list(plan(rng)))) for _ in range(800)])
    limit = max(one.least for one in found.values())
    assert limit / clock.now >= 0.9
    assert found[slowest].calls <= 1.1 * found[slowest].ideal
    assert all(one.calls <= 1.3 * one.ideal for one in found.values())  # with batches of few at the end


@pytest.fixture
def fast_run(tmp_path):
    """Eight short sequences whose models are stand-ins that take no time."""
    render(tmp_path / "data", count=8, frames=3, seed=1)
    costs = {name: cost._replace(per_call=0.0, per_item=0.0) for name, cost in SCENARIOS["ground"].items()}
    run, held = stand_in_run(tmp_path / "data", tmp_path / "run", backends(costs))
    with Store.open(run.out, run.config()) as store:
        yield run, store, held


def test_a_row_is_saved_before_anybody_hears_of_it(fast_run):
    run, store, _ = fast_run
    heard = []

    def on_row(row):
        assert store.finished(row["sequence"]) == row
        heard.append(row["sequence"])

    run.annotate(store, on_row)
    assert sorted(heard) == sorted(run.dataset.names) == store.names()
    assert run.profile.written == 8 and run.profile.frames == 24


def test_a_row_that_cannot_be_saved_stops_the_run(fast_run, monkeypatch):
    run, store, _ = fast_run
    run.resources = replace(run.resources, sequences_in_flight=1)
    heard, save = [], store.save

    def full_disk(row):
        if len(store.names()) == 2:
            raise OSError(28, "No space left on device")
        save(row)

    monkeypatch.setattr(store, "save", full_disk)
    with pytest.raises(OSError, match="No space left"):
        run.annotate(store, lambda row: heard.append(row["sequence"]))
    assert sorted(heard) == store.names() and len(heard) == 2


def test_strict_stops_at_the_first_failed_row_and_keeps_it(fast_run):
    run, store, held = fast_run
    run.strict, run.resources = True, replace(run.resources, sequences_in_flight=1)
    answer, failing = held["ground"].stage.answer, run.dataset[run.dataset.names[2]].frames.paths

    def fail(request):
        return BackendError("no") if request.frame.frames.paths == failing else answer(request)

    held["ground"].stage.answer = fail
    heard = []
    with pytest.raises(ChatdescError, match=f"{run.dataset.names[2]}: grounding_failed"):
        run.annotate(store, lambda row: heard.append(row["sequence"]))
    assert sorted(heard) == sorted(run.dataset.names[:2])
    assert store.names() == sorted(run.dataset.names[:3])


def test_finished_sequences_are_kept_where_the_run_is_interrupted(fast_run):
    run, store, _ = fast_run

    def interrupt(row):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run.annotate(store, interrupt)
    assert store.names()
    run.annotate(store)
    assert store.names() == sorted(run.dataset.names)
