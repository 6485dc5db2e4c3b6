import threading

import pytest

from chatdesc.protocols import Describer, Encoder, Grounder, Tracker, each


class Offline:
    name, max_batch, workers = "offline", 8, 1

    def describe_self(self):
        return {"name": self.name}


def with_members(**members):
    return type("Backend", (Offline,), members)()


def test_a_role_is_told_by_its_call():
    call = lambda self, requests: []  # noqa: E731
    assert isinstance(with_members(describe=call), Describer)
    assert isinstance(with_members(embed=call), Encoder)
    assert isinstance(with_members(follow=call), Tracker)
    assert isinstance(with_members(ground=call, threshold=0.3), Grounder)
    assert not isinstance(with_members(ground=call), Grounder)  # it has no threshold
    assert not isinstance(with_members(describe=call), Tracker)


@pytest.mark.parametrize("threads", [1, 3])
def test_each_answers_in_order_and_an_error_is_the_answer_to_its_own_request(threads):
    first, failed, last = each(iter([4, 0, 2]), lambda request: 8 // request, threads)
    assert (first, last) == (2, 4)
    assert isinstance(failed, ZeroDivisionError)
    assert each([], lambda request: request, threads) == []


def test_each_runs_as_many_at_a_time_as_there_are_threads():
    together = threading.Barrier(3, timeout=60)  # breaks, and so fails, with fewer than three at once
    places = each(range(3), lambda request: together.wait(), threads=3)
    assert sorted(places) == [0, 1, 2]


def test_each_without_threads_stays_in_the_callers():
    assert each([1, 2], lambda request: threading.current_thread()) == [threading.current_thread()] * 2
