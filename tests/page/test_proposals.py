"""Proposals of key frames, from recorded evidence."""

import numpy as np
import pytest

from chatdesc import api
from chatdesc.evidence import Choice, Evidence
from chatdesc.page.proposals import recorded
from chatdesc.rows.store import Store
from chatdesc.types import ChatdescError
from chatdesc.verification.recorded import Seen, packed
from tests.page.test_job import data_of

NONE = np.zeros((0, 4), np.float32)


def seen(frame, scores, chosen):
    """A key frame whose proposal i lies at x = 10 i; the last one is the tracker's."""
    values = np.array(scores, np.float32)
    boxes = np.array([[10 * i, 0, 5, 5] for i in range(len(scores))], np.float32)
    same = [values] * 4
    return Seen(frame, Evidence(boxes, *same, NONE, NONE[:, 0], previous=boxes[-1]), Choice(chosen))


def kept(tmp_path, *frames, name="kite-1"):
    (tmp_path / "evidence").mkdir(parents=True, exist_ok=True)
    (tmp_path / "evidence" / f"{name}.npz").write_bytes(packed(frames))
    return recorded(tmp_path, name)


def test_the_trackers_own_is_left_out(tmp_path):
    found = kept(tmp_path, seen(5, [0.75, 0.5, 0.25], 1), seen(10, [0.5, 0.25], 1), seen(15, [0.5, 0.25], None))
    assert found[5] == {"boxes": [[0, 0, 5, 5], [10, 0, 5, 5]], "scores": [0.75, 0.5], "chosen": 1}
    assert [found[frame]["chosen"] for frame in (10, 15)] == [None, None]


def test_a_run_without_evidence_and_one_with_damaged_evidence(tmp_path):
    assert recorded(tmp_path, "kite-1") == {}
    (tmp_path / "evidence").mkdir()
    (tmp_path / "evidence" / "kite-1.npz").write_bytes(b"PK")
    with pytest.raises(ChatdescError, match="record it again"):
        recorded(tmp_path, "kite-1")


def test_key_frames_of_a_page_have_them(annotated, tmp_path):
    run = annotated / "run"
    name = Store(run).names()[0]
    try:
        kept(run, seen(15, [0.75, 0.5, 0.25], 0), name=name)
        made = api.report(run, root=annotated / "data", out=tmp_path / "r.html")
    finally:
        (run / "evidence" / f"{name}.npz").unlink()
    keys = data_of(made.page)[1][0]["pictures"]["keys"]
    assert [key["frame"] for key in keys if "proposals" in key] == [15]
    assert keys[-1]["proposals"]["boxes"] == [[0, 0, 5, 5], [10, 0, 5, 5]]
