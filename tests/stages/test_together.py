"""Stages of one sequence side by side: what is asked when, and that the results are those of each alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatdesc.engine.schedule import Lane, Scheduler
from chatdesc.stages.together import position, together
from chatdesc.types import BackendError, Each, Follow, Followed, FrameRef, Ground

BOX = np.array([1, 2, 3, 4], np.float32)


def follower(low=()):
    """A tracker whose box counts the frames since its start, and whose score is low in some frames."""
    asked = []

    def follow(requests):
        asked.append([(r.text, r.start, r.stop) for r in requests])
        return [answer(r) for r in requests]

    def answer(request):
        if request.text == "fails":
            return BackendError("lost")
        box = request.init if request.init is not None else request.session
        boxes, scores = [], []
        for frame in range(request.start, request.stop):
            box = box + np.float32([1, 0, 0, 0])
            boxes.append(box)
            scores.append(0.1 if frame in low else 0.9)
            if scores[-1] < request.min_score:
                break
        return Followed(np.array(boxes), np.float32(scores), box)

    return follow, asked


def tracked(text, stops, min_score=0.0):
    """A stage that follows up to each stop and looks at the frame before it; what it was answered."""
    at, session, init, seen = 1, None, BOX, []
    while at < stops[-1]:
        stop = next(s for s in stops if s > at)
        answer = yield Follow(None, at, stop, session, init, min_score, text)
        seen.append((answer.boxes.tolist(), answer.scores.tolist()))
        at, session, init = at + len(answer.boxes), answer.session, None
        [looked] = yield [Ground(FrameRef(None, at - 1), text)]
        seen.append(looked)
    return seen


def run(job, low=()):
    follow, asked = follower(low)
    looks = []

    def ground(requests):
        looks.append([(r.text, r.frame.index) for r in requests])
        return [f"{r.text} {r.frame.index}" for r in requests]

    [(_, result)] = Scheduler([Lane(Follow, follow), Lane(Ground, ground)]).run([("job", job)])
    if isinstance(result, Exception):
        raise result
    return result, asked, looks


@settings(max_examples=60)
@given(
    st.lists(st.lists(st.integers(2, 60), min_size=1, max_size=6, unique=True).map(sorted), min_size=1, max_size=4),
    st.sets(st.integers(1, 60)),
    st.integers(1, 12),
)
def test_each_result_is_that_of_the_stage_alone_and_no_track_leaves_the_window(stops, low, window):
    names = "abcd"[: len(stops)]
    stages = {name: tracked(name, own, 0.2) for name, own in zip(names, stops, strict=True)}
    results, asked, _ = run(together(stages, window=window), low)
    for name, own in zip(names, stops, strict=True):
        assert results[name] == run(tracked(name, own, 0.2), low)[0]
    for batch in asked:
        assert (
            {(stop - 1) // window for _, _, stop in batch}
            == {start // window for _, start, _ in batch}
            == {batch[0][1] // window}
        )


def test_looks_of_all_meet_in_one_call():
    _, asked, looks = run(together({name: tracked(name, [21, 41]) for name in "abc"}, window=8))
    assert looks == [[(name, frame) for name in "abc"] for frame in (20, 40)]
    assert all(len(batch) == 3 for batch in asked)


def test_a_stage_that_fails_leaves_the_others():
    stages = {"a": tracked("a", [5]), "b": tracked("fails", [9])}
    results, _, _ = run(together(stages, catch=(BackendError,)))
    assert isinstance(results["b"], BackendError) and len(results["a"]) == 2
    with pytest.raises(BackendError, match="lost"):
        run(together({"a": tracked("a", [5]), "b": tracked("fails", [9])}))


def test_a_stage_may_catch_what_is_thrown_into_it():
    def careful():
        try:
            yield Follow(None, 1, 30, init=BOX, text="fails")
        except BackendError as error:
            return str(error)

    assert run(together({"a": careful(), "b": tracked("b", [3])}))[0]["a"] == "lost"


def test_a_look_at_a_frame_to_come_waits_for_the_others():
    def look():
        return (yield [Ground(FrameRef(None, 40), "later"), Ground(FrameRef(None, 3), "soon")])

    (result, asked, looks) = run(together({"a": tracked("a", [60]), "look": look()}, window=8))
    assert result["look"] == ["later 40", "soon 3"]
    assert looks[:2] == [[("soon", 3)], [("later", 40)]]
    assert [batch[0][1] for batch in asked][:6] == [1, 8, 16, 24, 32, 40]


def test_stages_within_stages():
    inner = {name: tracked(name, [9]) for name in "ab"}
    results, asked, _ = run(together({"inner": together(inner, window=4), "c": tracked("c", [9])}, window=4))
    assert set(results["inner"]) == {"a", "b"} and all(len(batch) == 3 for batch in asked)


def test_nothing_to_do_and_nothing_asked():
    def silent():
        assert (yield []) == []
        return 5

    assert run(together({}))[0] == {} and run(together({"a": silent()}))[0] == {"a": 5}
    assert position(Each()) == 0
