import logging
import weakref

import pytest
import torch

from chatdesc.backends import batching
from chatdesc.backends.batching import Batches, is_out_of_memory, twice_fits
from chatdesc.types import BackendError


class OutOfMemoryError(RuntimeError):
    """torch's own has this name."""


class Device:
    """Holds ``capacity`` items at a time, and keeps the sizes that it was given."""

    def __init__(self, capacity):
        self.capacity, self.asked = capacity, []

    def __call__(self, items):
        self.asked.append(len(items))
        if len(items) > self.capacity:
            raise OutOfMemoryError("CUDA out of memory")
        return [10 * i for i in items]


@pytest.fixture
def room(monkeypatch):
    """A GPU that always has room, without one."""
    monkeypatch.setattr(batching, "has_room", lambda device: device.startswith("cuda"))
    monkeypatch.setattr(batching, "free_memory", lambda device: None)


def test_all_items_in_order_whatever_fits():
    for capacity in (1, 2, 3, 8, 99):
        assert Batches("x", 8).run(range(21), Device(capacity)) == [10 * i for i in range(21)]


def test_shrinks_for_good_and_says_so(caplog):
    device, batches = Device(3), Batches("mine", 8)
    with caplog.at_level(logging.WARNING):
        batches.run(range(10), device)
    assert device.asked == [8, 4, 2, 2, 2, 2, 2]
    assert caplog.messages == [f"mine: out of memory, going on with batches of {n}" for n in (4, 2)]
    batches.run(range(4), device)
    assert device.asked[-2:] == [2, 2]


def test_grows_on_a_gpu_by_doubling_and_says_so(room, caplog):
    device, batches = Device(99), Batches("mine", 4, device="cuda:1", limit=20)
    with caplog.at_level(logging.INFO):
        batches.run(range(60), device)
    assert device.asked == [4, 8, 16, 16, 16]
    assert caplog.messages == [f"mine: memory to spare, going on with batches of {n}" for n in (8, 16)]


def test_never_tries_again_what_failed(room):
    device, batches = Device(11), Batches("mine", 4, device="cuda")
    batches.run(range(100), device)
    assert device.asked[:3] == [4, 8, 16]
    assert set(device.asked[3:-1]) == {8}
    assert batches.size == 8


def test_half_a_batch_says_nothing_about_a_whole_one(room):
    device, batches = Device(99), Batches("mine", 8, device="cuda")
    for _ in range(5):
        batches.run(range(7), device)
    assert batches.size == 8


def test_no_growth_elsewhere_or_without_room(monkeypatch):
    for device in ("cpu", "mps"):
        batches = Batches("mine", 2, device=device)
        batches.run(range(20), Device(99))
        assert batches.size == 2
    monkeypatch.setattr(batching, "has_room", lambda device: False)
    batches = Batches("mine", 2, device="cuda")
    batches.run(range(20), Device(99))
    assert batches.size == 2


def test_room_is_asked_of_torch(monkeypatch):
    known = {"mem_get_info": (50, 100), "max_memory_allocated": 40, "memory_reserved": 45}
    for name, value in known.items():
        monkeypatch.setattr(torch.cuda, name, lambda device, value=value: value)
    assert batching.has_room("cuda:0")
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 48)
    assert not batching.has_room("cuda:0")


def test_twice_must_fit_into_what_is_free_or_ours():
    assert twice_fits(40, 50, 30)
    assert not twice_fits(40, 49, 30)


def test_out_of_memory_at_one_item_says_what_to_do():
    with pytest.raises(BackendError, match=r"^mine: out of memory at one item; use a smaller model or --device cpu"):
        Batches("mine", 8).run(range(3), Device(0))


def test_other_errors_are_not_tried_again():
    asked = []

    def fail(items):
        asked.append(len(items))
        raise ValueError("shapes")

    with pytest.raises(ValueError, match="shapes"):
        Batches("mine", 8).run(range(8), fail)
    assert asked == [8]


class Upper:
    """Has room for two texts if ``full`` is how it says so; chokes on a number, and forgets to answer an empty text."""

    def __init__(self, full=None):
        self.full, self.asked = full, []

    def __call__(self, batch):
        self.asked.append(len(batch))
        if self.full and (len(batch) > 2 or "long" in batch):
            raise self.full
        return [text.upper() for text in batch if text != ""]


@pytest.mark.parametrize(
    "full",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("MPS backend out of memory"),
        MemoryError("Unable to allocate 9 GiB"),
    ],
)
def test_item_by_item_memory_that_runs_out_halves_the_batches(full):
    batches, model = Batches("upper", 8, smallest="one text; write less"), Upper(full)
    assert batches.run_each(list("abcde"), model) == list("ABCDE")
    assert model.asked == [5, 2, 2, 1]
    failed, last = batches.run_each(["long", "b"], model)
    assert type(failed) is BackendError  # a row's `problems` name the type
    assert str(failed) == "upper: out of memory at one text; write less" and last == "B"


def test_item_by_item_only_the_guilty_one_fails():
    batches, model = Batches("upper", 8, rejected="{name} cannot take it ({reason})"), Upper()
    first, guilty, last = batches.run_each(["a", 7, "c"], model)
    assert (first, last, model.asked) == ("A", "C", [3, 1, 1, 1])
    assert str(guilty) == "upper cannot take it ('int' object has no attribute 'upper')"
    assert batches.size == 8


def test_answers_are_never_shifted():
    first, lost, last = Batches("upper", 8).run_each(["a", "", "c"], Upper())
    assert (first, last) == ("A", "C")
    assert isinstance(lost, BackendError) and str(lost).startswith("upper: ")
    with pytest.raises(ValueError, match="shorter"):
        Batches("upper", 8).run(["a", "", "c"], Upper())


def test_tensors_of_a_failed_batch_are_gone_when_the_memory_is_freed(monkeypatch):
    """An error holds the frames of its traceback, and these hold the tensors that filled the memory."""
    held, freed = [], []
    monkeypatch.setattr(batching, "free_memory", lambda device: freed.append(all(ref() is None for ref in held)))

    class Tensor:
        pass

    def call(batch):
        tensor = Tensor()
        held.append(weakref.ref(tensor))
        if len(batch) > 1:
            raise OutOfMemoryError("CUDA out of memory")
        return batch

    assert Batches("mine", 4).run([1, 2], call) == [1, 2]
    assert Batches("mine", 4).run_each([1, 2], call) == [1, 2]
    assert freed == [True, True]


def test_how_out_of_memory_is_known():
    assert is_out_of_memory(torch.OutOfMemoryError("x"))
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"))
    assert is_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"))
    assert not is_out_of_memory(RuntimeError("shapes"))
    assert not is_out_of_memory(ValueError("out of memory"))
