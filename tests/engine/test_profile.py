"""What limits a run."""

import csv
import time

from chatdesc.engine.profile import Profile, Stage, Watch, shown_profile, stages_of
from chatdesc.engine.schedule import Lane, Scheduler, Use
from chatdesc.synthetic import render
from chatdesc.types import Embed, FrameCache, Ground
from tests.makers.commands import call


def asking(*requests):
    def job():
        for one in requests:  # noqa: UP028 - a tuple cannot be sent answers
            yield one
        return "done"

    return job()


def test_calls_items_and_times_of_each_lane_are_counted():
    def slow(requests):
        time.sleep(0.02)
        return [None] * len(requests)

    lanes = [Lane(int, slow, max_batch=4), Lane(str, lambda requests: [None] * len(requests), max_batch=4)]
    list(Scheduler(lanes, in_flight=4).run((k, asking(1, [2, 3], "a")) for k in range(4)))
    ints, texts = (lane.use for lane in lanes)
    assert (ints.calls, ints.items) == (3, 12) and (texts.calls, texts.items) == (1, 4)
    assert ints.busy >= 0.06 > texts.busy
    assert ints.waited >= 4 * 0.015  # the second half of the two requests of each waits for the first half's call


def test_a_call_that_fails_counts():
    def fail(_requests):
        raise ValueError("no")

    lane = Lane(int, fail, max_batch=2)
    assert [type(error).__name__ for _, error in Scheduler([lane]).run([("a", asking(1))])] == ["BackendError"]
    assert (lane.use.calls, lane.use.items) == (1, 1)


def test_the_limit_is_the_stage_with_most_work_per_worker():
    server, model = Stage("describe", Use(8, 8, 16.0), 1, 8), Stage("ground", Use(2, 6, 5.0, 3.0), 4, 1)
    profile = Profile(10.0, 120, [server, model], writing=0.5, decoded=30, decoding=1.0)
    assert profile.limit is model and profile.efficiency == 0.5 and profile.frames_per_second == 12
    assert server.fill is None and model.fill == 0.75
    rows = {row["stage"]: row for row in shown_profile(profile)}
    assert rows["describe"]["of all, %"] == "20" and rows["ground"]["wait, ms"] == "500"
    assert rows["decode"]["busy, s"] == "1.00" and rows["write"]["of all, %"] == "5"


def test_names_of_stages_are_the_fields_words():
    lanes = [Lane(Ground, list), Lane((Embed, "clip"), list), Lane(int, list)]
    for lane in lanes[:2]:
        lane.use = Use(1, 1, 0.1)
    assert [stage.name for stage in stages_of(lanes)] == ["ground", "embed clip"]


def test_decoding_is_counted_once_per_frame():
    cache = FrameCache(2)
    watch = Watch([Lane(Ground, list, use=Use(1, 1, 0.1))], cache)
    for key in ((0, 1), (0, 1), (0, 2)):
        cache.get(key, lambda: None)
    with watch.writing(40):
        pass
    profile = watch.profile()
    assert profile.decoded == 2 and profile.frames == 40
    assert Watch([Lane(Ground, list)]).profile() is None


def test_the_command(tmp_path):
    render(tmp_path / "data", count=2, frames=3, seed=9731)  # frames that no test before had searched
    place = ["annotate", "synthetic", tmp_path / "data", "--out", tmp_path / "run", "--tracker", "none", "--profile"]
    done = call(*place, columns=80)
    assert done.exit_code == 0 and "frames/s; limited by" in " ".join(done.output.split()), done.output
    with open(tmp_path / "run" / "profile.csv", newline="") as file:
        rows = {row["stage"]: row for row in csv.DictReader(file)}
    assert {"describe", "ground", "embed attributes", "decode", "propose", "write"} <= set(rows)
    # two frames or three of each sequence are grounded, and each is searched once, however many texts there are
    assert 2 <= int(rows["propose"]["items"]) <= 6 < int(rows["ground"]["items"])
    assert 0 < float(rows["propose"]["busy_s"]) <= float(rows["ground"]["busy_s"]) + float(rows["describe"]["busy_s"])
    assert int(rows["describe"]["items"]) >= 2 and float(rows["ground"]["busy_s"]) > 0
    again = call(*place)
    assert again.exit_code == 0 and "no profile: nothing was left to do" in again.output
