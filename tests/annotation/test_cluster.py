"""The simulation of a cluster, on cases that can be worked by hand."""

import sys
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
if not BENCHMARKS.is_dir():
    pytest.skip("the benchmarks are in the repository only", allow_module_level=True)
sys.path.insert(0, str(BENCHMARKS))
from cluster import FRAMES, Work, lengths, simulate  # noqa: E402

NEVER = 1e12


def outcome(seconds, workers, shards, **work):
    work = {"spread": 0.0, "hours_to_failure": NEVER} | work
    return simulate(Work(np.array(seconds, float), **work), workers, shards, np.random.default_rng(0))


def test_one_queue_starts_with_the_longest_and_ends_when_the_last_is_done():
    done = outcome([3600, 7200, 3600, 3600], workers=2, shards=False)
    assert done.hours == 3 and done.paid == 6 and done.failures == 0  # 2 and 1, beside 1 and 1


def test_a_shard_waits_for_its_own_sequences_alone():
    done = outcome([3600, 7200, 3600, 7200], workers=2, shards=True)
    assert done.hours == 4 and done.paid == 6  # 1 and 1 hour, beside 2 and 2


def test_more_workers_than_sequences_do_not_help():
    assert outcome([3600], workers=8, shards=True).hours == 1


def test_a_failure_costs_the_sequence_in_work_and_the_restart():
    clean = outcome([3600] * 50, workers=1, shards=False)
    failing = outcome([3600] * 50, workers=1, shards=False, hours_to_failure=10.0, restart=360.0)
    assert failing.failures > 0
    least, most = failing.failures * 0.1, failing.failures * 1.1
    assert least <= failing.hours - clean.hours <= most


def test_slow_workers_make_it_longer():
    assert outcome([3600] * 20, workers=4, shards=True, spread=0.3).hours > 5


@pytest.mark.parametrize("dataset", sorted(FRAMES))
def test_drawn_lengths_add_up_to_the_dataset(dataset):
    frames = lengths(dataset, np.random.default_rng(1))
    assert len(frames) == FRAMES[dataset][0] and frames.sum() == pytest.approx(FRAMES[dataset][1])
    assert frames.min() > 0
