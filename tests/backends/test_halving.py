import pytest
import torch

from chatdesc.backends.halving import Halving
from chatdesc.types import BackendError


class Upper(Halving[str, str]):
    """Has room for two texts; ``full`` is how it says so. Forgets to answer an empty text."""

    name, batch_size, too_much = "upper", 8, "one text; write less"

    def __init__(self, full=None):
        self.full, self.asked = full, []

    def _ask(self, batch):
        self.asked.append(len(batch))
        if self.full and (len(batch) > 2 or "long" in batch):
            raise self.full
        return [text.upper() for text in batch if text]


@pytest.mark.parametrize(
    "full",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("MPS backend out of memory"),
        MemoryError("Unable to allocate 9 GiB"),
    ],
)
def test_memory_that_runs_out_halves_the_batches(full):
    model = Upper(full)
    assert model._in_batches(list("abcde")) == list("ABCDE")
    assert model.asked == [5, 2, 2, 1]
    failed, last = model._in_batches(["long", "b"])
    assert str(failed) == "upper: out of memory at one text; write less" and last == "B"


def test_answers_are_never_shifted():
    first, lost, last = Upper()._in_batches(["a", "", "c"])
    assert (first, last) == ("A", "C")
    assert isinstance(lost, BackendError) and str(lost).startswith("upper: ")
