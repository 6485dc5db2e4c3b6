from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatdesc.evidence import Choice
from chatdesc.types import ChatdescError
from chatdesc.verification.recorded import BOXES, LISTS, NUMBERS, ONE_BOX, Seen, packed, unpacked
from tests.makers.evidence import HERE, THERE, evidence

NUMBER = st.floats(-1, 1, width=16)
BOX = st.lists(st.floats(0, 4000, width=32), min_size=4, max_size=4)


@st.composite
def key_frames(draw):
    """Evidence of 1 to 4 key frames with any numbers of proposals, background boxes and windows."""
    found = []
    for _ in range(draw(st.integers(1, 4))):
        boxes = draw(st.lists(BOX, min_size=1, max_size=4))
        back = draw(st.lists(BOX, max_size=3))
        lists = {f"background_{k}": [draw(NUMBER) for _ in back] for k in ("scores", "template", "recent", "text")}
        beside = [draw(NUMBER) for _ in range(draw(st.integers(0, 2)))]
        own = {k: [draw(NUMBER) for _ in boxes] for k in ("scores", "template", "recent", "text")}
        e = evidence(
            boxes, truth=draw(st.none() | BOX), background=np.float32(back).reshape(-1, 4), previous=draw(BOX),
            verified=draw(st.none() | BOX), since=draw(st.integers(1, 9999)), age=draw(st.integers(1, 9999)),
            verified_score=draw(st.none() | NUMBER), anchor=draw(st.none() | NUMBER), seed=draw(st.integers(0, 2**31)),
            beside_template=beside, beside_recent=beside, beside_text=beside, **lists, **own,
        )  # fmt: skip
        index = draw(st.none() | st.integers(0, len(boxes) - 1))
        found.append(Seen(draw(st.integers(1, 10**6)), e, Choice(index, draw(st.booleans()))))
    return found


@given(key_frames())
def test_what_is_packed_comes_back(seen):
    for before, after in zip(seen, unpacked(BytesIO(packed(seen))), strict=True):
        assert (after.frame, after.choice) == (before.frame, before.choice)
        for name in (*BOXES, *LISTS, *ONE_BOX, *NUMBERS):
            np.testing.assert_array_equal(getattr(after.evidence, name), getattr(before.evidence, name), name)


def test_a_pixel_of_a_wide_frame_survives():
    e = evidence([[3999.25, 2100.5, 20, 20]])
    assert unpacked(BytesIO(packed([Seen(1, e, Choice(0))])))[0].evidence.boxes.tolist() == [[3999.25, 2100.5, 20, 20]]


def test_no_key_frame_at_all():
    assert unpacked(BytesIO(packed([]))) == []


@pytest.mark.parametrize("damage", ["cut", "other", "short", "pickle", "gone"])
def test_a_damaged_file_is_named_with_a_remedy(damage, tmp_path):
    content = packed([Seen(8, evidence([HERE, THERE], truth=HERE), Choice(0))])
    file = tmp_path / "kite-1.npz"
    if damage == "cut":
        file.write_bytes(content[: len(content) // 2])
    if damage == "other":
        np.savez(file, frame=np.arange(3))
    if damage == "short":
        arrays = dict(np.load(BytesIO(content)))
        np.savez(file, **arrays | {"template": arrays["template"][:1]})
    if damage == "pickle":
        np.savez(file, **dict(np.load(BytesIO(content))) | {"scores": np.array([{}], object)})
    with pytest.raises(ChatdescError, match=r"kite-1\.npz.*record it again"):
        unpacked(file)


def test_whatever_byte_is_damaged_the_file_is_named():
    """A damaged zip or its packed parts raise much: zlib.error, NotImplementedError, RuntimeError."""
    content, rng = packed([Seen(8, evidence([HERE, THERE], truth=HERE), Choice(0))] * 20), np.random.default_rng(0)
    refused = 0
    for place, value in zip(rng.integers(0, len(content), 600), rng.integers(0, 256, 600), strict=True):
        try:
            unpacked(BytesIO(content[:place] + bytes([value]) + content[place + 1 :]))
        except ChatdescError:
            refused += 1
    assert refused > 300


@pytest.mark.parametrize("content", [b"", b"x", b"PK", "array"])
def test_what_is_no_npz_file_is_refused_without_advice_to_unpickle_it(content, tmp_path):
    file = tmp_path / "kite-1.npz"
    if content == "array":
        with file.open("wb") as opened:
            np.save(opened, np.arange(3))
    else:
        file.write_bytes(content)
    with pytest.raises(ChatdescError, match="no npz file, or cut off") as refused:
        unpacked(file)
    assert "pickle" not in str(refused.value)
