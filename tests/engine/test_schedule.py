import threading
from dataclasses import dataclass
from math import ceil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatdesc.config import Settings
from chatdesc.engine.schedule import Lane, Scheduler, kind_of
from chatdesc.stages.reflect import reflect
from chatdesc.types import BackendError, ChatdescError, Describe, Embed, Ground
from tests.makers.sequences import Recorder, leads, sequence_of

PATIENCE = 20  # seconds until a test that waits for another thread gives up


@dataclass(frozen=True)
class A:
    key: object
    step: int = 0
    fails: bool = False


@dataclass(frozen=True)
class B(A):
    pass


def echo(request):
    if request.fails:
        return BackendError(f"no answer to {request}")
    return "answer", request


def lanes(**options):
    recorders = {A: Recorder(echo), B: Recorder(echo)}
    return recorders, [Lane(kind, recorder, **options) for kind, recorder in recorders.items()]


def rounds_of(key, count):
    """A job that describes and grounds ``count`` times."""
    for step in range(count):
        assert (yield A(key, step)) == ("answer", A(key, step))
        assert (yield [B(key, step), B(key, -step)]) == [("answer", B(key, step)), ("answer", B(key, -step))]
    return key * 10


@pytest.mark.parametrize(("count", "rounds", "in_flight"), [(12, 3, 4), (10, 4, 4), (7, 1, 1), (3, 5, 8), (33, 2, 16)])
def test_number_of_calls(count, rounds, in_flight):
    recorders, backends = lanes()
    scheduler = Scheduler(backends, in_flight)
    results = dict(scheduler.run((k, rounds_of(k, rounds)) for k in range(count)))
    assert results == {k: 10 * k for k in range(count)}
    for lane in backends:
        assert len(recorders[lane.kind].calls) <= 1.2 * rounds * ceil(count / in_flight)
        assert sum(map(len, recorders[lane.kind].calls)) == count * rounds * (1 + (lane.kind is B))


@pytest.mark.parametrize(("count", "rounds", "in_flight"), [(16, 4, 8), (9, 3, 4), (5, 2, 1)])
def test_number_of_calls_of_the_real_loop(count, rounds, in_flight):
    describer = Recorder(lambda r: f'{{"target": "text {len(r.tried)}"}}')
    grounder = Recorder(lambda r: leads(r.text))
    scheduler = Scheduler([Lane(Describe, describer), Lane(Ground, grounder)], in_flight)
    jobs = ((k, reflect(sequence_of(1), Settings(rounds=rounds - 1), 0.3)) for k in range(count))
    results = dict(scheduler.run(jobs))
    assert all(len(r.rounds) == rounds for r in results.values())
    for recorder in (describer, grounder):
        assert len(recorder.calls) <= 1.2 * rounds * ceil(count / in_flight)


def test_batches_stay_full_when_jobs_fall_out_of_step():
    rng = np.random.default_rng(0)
    plans = [[(A, B)[k] for k in rng.integers(0, 2, rng.integers(1, 9))] for _ in range(150)]

    def job(kinds):
        for kind in kinds:
            yield kind(0)

    recorders, backends = lanes()
    list(Scheduler(backends, 8).run(enumerate(map(job, plans))))
    batches = [batch for recorder in recorders.values() for batch in recorder.calls]
    calls, items = len(batches), sum(map(len, batches))
    assert items == sum(map(len, plans))
    assert calls <= 1.8 * items / 8  # 1 would be perfect, 8 no batching at all, without waiting it is above 2


STEPS = st.lists(
    st.tuples(st.sampled_from([A, B]), st.booleans(), st.lists(st.sampled_from([False] * 5 + [True]), max_size=3)),
    max_size=5,
)


def any_job(key, steps, log):
    """Asks as the steps say (single requests or lists, some of which fail), and checks every answer."""
    for step, (kind, single, fails) in enumerate(steps):
        requests = [kind((key, slot), step, f) for slot, f in enumerate(fails)]
        if single:
            requests = requests[:1] or [kind(key, step)]
        try:
            answer = yield requests[0] if single else requests
        except BackendError as error:
            first = next(r for r in requests if r.fails)
            log.append((key, step, str(error) == f"no answer to {first}"))
            if step % 2:
                raise
        else:
            assert (answer if not single else [answer]) == [("answer", r) for r in requests]
            assert not any(r.fails for r in requests)
    return "done", key


@settings(max_examples=80, deadline=None)
@given(
    st.lists(STEPS, max_size=8),
    st.none() | st.integers(1, 5),
    st.tuples(st.integers(1, 4), st.integers(1, 3)),
    st.integers(1, 4),
    st.booleans(),
    st.booleans(),
)
def test_answers_return_to_the_one_that_asked(jobs, in_flight, first, size, waits, same):
    log = []
    recorders, model = {A: Recorder(echo), B: Recorder(echo)}, object() if same else None
    backends = [
        Lane(A, recorders[A], first[0], first[1], backend=model),
        Lane(B, recorders[B], size, waits=waits, backend=model),
    ]
    found = dict(Scheduler(backends, in_flight).run((k, any_job(k, steps, log)) for k, steps in enumerate(jobs)))
    assert found.keys() == set(range(len(jobs)))
    assert all(own for _, _, own in log)
    for key, result in found.items():
        failed = [step for k, step, own in log if k == key and own]
        expected = next((s for s in failed if s % 2), None)
        if expected is None:
            assert result == ("done", key)
        else:
            assert isinstance(result, BackendError)
            assert failed[-1] == expected
    assert all(len(call) <= (1 if first[1] > 1 else first[0]) for call in recorders[A].calls)
    assert all(len(call) <= size for call in recorders[B].calls)


@pytest.mark.parametrize("in_flight", [2, 3, 5])
def test_what_a_sequence_asks_together_is_not_torn_apart_where_nobody_waits(in_flight):
    calls = []

    def answer(requests):
        calls.append(requests)
        return requests

    def job(key):
        for size in (2, 3, 1, 6):
            yield [(key, size, k) for k in range(size)]
        return key

    lane = Lane(tuple, answer, max_batch=4, waits=False)
    assert len(list(Scheduler([lane], in_flight).run((k, job(k)) for k in range(7)))) == 7
    assert max(map(len, calls)) == 4
    for call in calls:
        for key, size, _ in call:
            together = [k for other, of, k in call if (other, of) == (key, size)]
            assert together == list(range(size)) or (size == 6 and together in ([0, 1, 2, 3], [4, 5]))


def test_a_failed_item_fails_its_sequence_only():
    def job(key):
        yield B(key, fails=key == 1)
        return key

    _, backends = lanes()
    found = dict(Scheduler(backends, 4).run((k, job(k)) for k in range(4)))
    assert isinstance(found.pop(1), BackendError)
    assert found == {0: 0, 2: 2, 3: 3}


def test_a_strange_error_of_an_item_becomes_a_backend_error_with_its_cause():
    backend = Lane(A, lambda requests: [ZeroDivisionError("0/0")] * len(requests))
    [(_, result)] = Scheduler([backend]).run([(1, rounds_of(1, 1))])
    assert isinstance(result, BackendError)
    assert str(result) == "ZeroDivisionError: 0/0"
    assert isinstance(result.__cause__, ZeroDivisionError)


def raises(_):
    raise RuntimeError("out of memory")


def exits(_):
    raise SystemExit(3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (raises, "out of memory"),
        (exits, "3"),
        (lambda requests: requests[:-1], "2 answers to 3 requests"),
        (lambda requests: [*requests, 1], "4 answers to 3 requests"),
        (lambda requests: None, "NoneType to 3 requests"),
    ],
)
def test_a_call_that_fails_as_a_whole_fails_those_who_asked(call, message):
    def job(key):
        yield A(key)

    def other():
        return (yield B(9))

    found = dict(
        Scheduler([Lane(A, call), Lane(B, Recorder(echo))], 4).run([*((k, job(k)) for k in range(3)), (9, other())])
    )
    assert found.pop(9) == ("answer", B(9))
    assert len(found) == 3
    for result in found.values():
        assert isinstance(result, BackendError)
        assert message in str(result)


def test_a_jobs_own_error_is_its_result():
    def job():
        yield A(1)
        raise ValueError("own")

    def at_once():
        raise KeyError("at once")
        yield

    _, backends = lanes()
    found = dict(Scheduler(backends).run([("late", job()), ("early", at_once()), ("good", rounds_of(2, 1))]))
    assert isinstance(found["late"], ValueError)
    assert isinstance(found["early"], KeyError)
    assert found["good"] == 20


def test_a_job_without_requests_and_empty_lists_need_no_backend():
    def job():
        assert (yield []) == []
        assert (yield []) == []
        return 5

    assert list(Scheduler([]).run([(1, job())])) == [(1, 5)]
    assert list(Scheduler([]).run([])) == []


def test_a_request_that_no_backend_answers():
    closed = []

    def job():
        try:
            yield [A(1), 3.5]
        finally:
            closed.append(True)

    recorders, backends = lanes()
    kept = job()  # or it would be closed for want of a reference
    [(_, result)] = Scheduler(backends).run([(1, kept)])
    assert isinstance(result, ChatdescError)
    assert "float" in str(result)
    assert closed == [True]
    assert recorders[A].calls == []


def test_jobs_start_when_there_is_a_place_for_them():
    started, most = [], 0

    def job(key):
        started.append(key)
        yield from rounds_of(key, 1 + key % 3)

    def jobs():
        for key in range(20):
            yield key, job(key)

    _, backends = lanes()
    for finished, _ in enumerate(Scheduler(backends, 3).run(jobs())):
        most = max(most, len(started) - finished)
    assert most == 3
    assert sorted(started) == list(range(20))


def test_several_workers_get_single_requests_at_the_same_time():
    together = threading.Barrier(3, timeout=PATIENCE)
    sizes = []

    def call(requests):
        sizes.append(len(requests))
        together.wait()
        return [echo(r) for r in requests]

    def job(key):
        return (yield [A(key, 0), A(key, 1), A(key, 2)])

    found = dict(Scheduler([Lane(A, call, max_batch=8, workers=3)], 2).run((k, job(k)) for k in range(2)))
    assert sizes == [1] * 6
    assert found[1] == [("answer", A(1, s)) for s in range(3)]


def test_a_slow_item_does_not_hold_the_others_up():
    """The others finish, batches of another backend included, while the first still waits for its answer."""
    release, waited = threading.Event(), []

    def call(requests):
        if requests[0] == A(0, 0):
            waited.append(release.wait(PATIENCE))
        return [echo(r) for r in requests]

    found = []
    for key, _ in Scheduler([Lane(A, call, workers=4), Lane(B, Recorder(echo))], 4).run(
        (k, rounds_of(k, 3)) for k in range(9)
    ):
        found.append(key)
        if len(found) == 8:
            release.set()
    assert waited == [True]
    assert found[-1] == 0


def test_leaving_early_starts_nothing_more():
    recorders, backends = lanes(max_batch=1)
    running = Scheduler(backends, 2).run((k, rounds_of(k, 1)) for k in range(50))
    next(running)
    running.close()
    assert len(recorders[A].calls) <= 4


def test_each_encoder_has_its_own_lane():
    one, two = (Embed(name, (), ()) for name in ("one", "two"))
    assert kind_of(one) == (Embed, "one") != kind_of(two)
    recorders = {name: Recorder(lambda r: r.encoder) for name in ("one", "two")}

    def job():
        return (yield [one, two, one])

    backends = [Lane((Embed, name), call) for name, call in recorders.items()]
    assert list(Scheduler(backends).run([(1, job())])) == [(1, ["one", "two", "one"])]
    assert [len(r.calls) for r in recorders.values()] == [1, 1]
