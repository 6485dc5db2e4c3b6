"""Rows saved beside the run: in order, before anybody hears of them, and no error is lost."""

import threading

import pytest

from chatdesc.engine.writer import Writer

PATIENCE = 20


def test_items_are_saved_in_order_and_handed_back_once():
    saved = []
    with Writer(saved.append, behind=2) as writer:
        back = [item for k in range(9) for item in writer.add(k)]
        assert back == saved[: len(back)]
        back += writer.rest()
        assert writer.rest() == []
    assert saved == back == list(range(9))


def test_no_more_than_a_few_wait():
    free, begun, saved = threading.Event(), threading.Event(), []

    def save(item):
        begun.set()
        assert free.wait(PATIENCE)
        saved.append(item)

    with Writer(save, behind=2) as writer:
        assert writer.add("a") == writer.add("b") == []
        assert begun.wait(PATIENCE)
        assert saved == []  # the caller goes on while the first is being saved
        threading.Timer(0.05, free.set).start()
        assert writer.add("c")[0] == "a"  # and waits where more than two would be behind


def test_an_item_that_cannot_be_saved_raises_its_error():
    saved = []

    def save(item):
        if item == "b":
            raise OSError(28, "No space left on device")
        saved.append(item)

    writer = Writer(save, behind=0)
    with writer:
        assert writer.add("a") == ["a"]
        with pytest.raises(OSError, match="No space left"):
            writer.add("b")


def test_what_was_finished_is_saved_when_the_block_ends_in_an_error():
    saved = []

    def interrupted():
        with Writer(saved.append) as writer:
            writer.add("a")
            writer.add("b")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        interrupted()
    assert saved == ["a", "b"]
