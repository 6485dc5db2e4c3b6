"""Evidence beside the rows of a run: kept, read, removed, and damaged."""

import numpy as np
import pytest

from chatdesc.evidence import Choice
from chatdesc.rows.evidence import evidence_of, keep, lacking, place_of
from chatdesc.types import ChatdescError
from chatdesc.verification.recorded import Seen
from tests.makers.evidence import HERE, THERE, evidence


def seen(frame, choice):
    return Seen(frame, evidence([THERE, HERE], truth=HERE, verified=HERE, since=4, template=[0.25, 0.5]), choice)


def test_what_was_kept_is_read(tmp_path):
    keep(tmp_path, "kite-1", [seen(4, Choice(1)), seen(8, Choice(None, verified=False))])
    keep(tmp_path, "bus/2", [])
    [(name, found), (other, none)] = evidence_of(tmp_path, ["kite-1", "no-3", "bus/2"])
    assert (name, other, none) == ("kite-1", "bus/2", [])
    assert [(s.frame, s.choice.index, s.choice.verified) for s in found] == [(4, 1, True), (8, None, False)]
    np.testing.assert_array_equal(found[0].evidence.boxes, [THERE, HERE])
    np.testing.assert_array_equal(found[0].evidence.template, [0.25, 0.5])
    assert lacking(tmp_path, ["kite-1", "no-3", "bus/2"]) == ["no-3"]


def test_none_removes_what_an_earlier_row_had(tmp_path):
    keep(tmp_path, "kite-1", [seen(4, Choice(1))])
    for _ in range(2):
        keep(tmp_path, "kite-1", None)
    assert lacking(tmp_path, ["kite-1"]) == ["kite-1"]


def test_a_damaged_file_is_named_with_the_remedy(tmp_path):
    keep(tmp_path, "kite-1", [seen(4, Choice(1))])
    place = place_of(tmp_path, "kite-1")
    place.write_bytes(place.read_bytes()[:-40])
    with pytest.raises(ChatdescError, match=r"kite-1\.npz: holds no recorded evidence .*record it again"):
        list(evidence_of(tmp_path, ["kite-1"]))
