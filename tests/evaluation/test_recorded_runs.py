"""Evidence to learn from: training splits alone, in two parts that share no sequence."""

import numpy as np
import pytest

from chatdesc.evaluation.recorded_runs import Film, RecordedRun, divided
from chatdesc.evidence import Choice
from chatdesc.rows.evidence import keep, place_of
from chatdesc.rows.store import Store
from chatdesc.types import ChatdescError
from chatdesc.verification.recorded import Seen
from tests.makers.evidence import HERE, THERE, evidence
from tests.makers.recorded import recorded_run


def test_a_run_gives_its_sequences_with_key_frames(tmp_path):
    run = RecordedRun.read(recorded_run(tmp_path, count=12, key_frames=3, recorded=11))
    assert [film.key for film in run.films] == [f"lasot/kite-{k}" for k in range(11)]
    assert (run.dataset, run.key_frames, run.lacking) == ("lasot", 33, ("kite-11",))


def test_the_digest_is_that_of_the_evidence(tmp_path):
    same = [RecordedRun.read(recorded_run(tmp_path / name, count=2, seed=3)).digest for name in "ab"]
    other = RecordedRun.read(recorded_run(tmp_path / "c", count=2, seed=4)).digest
    assert same[0] == same[1] != other


@pytest.mark.parametrize(("split", "said"), [("test", "split: test; kite-0"), (None, "split: none recorded")])
def test_what_is_of_no_training_split_is_refused(tmp_path, split, said):
    recorded_run(tmp_path, count=2)
    store = Store(tmp_path)
    store.save(store.load("kite-0") | {"split": split})
    with pytest.raises(ChatdescError, match=f"1 sequence is of no training split .{said}.*--split train"):
        RecordedRun.read(tmp_path)


def test_a_run_without_evidence_is_refused_with_the_command_that_records_it(tmp_path):
    with pytest.raises(ChatdescError, match=r"holds no recorded evidence; chatdesc annotate .*--record-evidence"):
        RecordedRun.read(recorded_run(tmp_path, recorded=0))


def test_a_damaged_file_is_named(tmp_path):
    place_of(recorded_run(tmp_path), "kite-3").write_bytes(b"PK")
    with pytest.raises(ChatdescError, match=r"kite-3\.npz: holds no recorded evidence"):
        RecordedRun.read(tmp_path)


def films(*names):
    return [Film(name, ()) for name in names]


def test_a_sequence_stays_in_its_part_whatever_else_there_is():
    few, many = films(*(f"a/{k}" for k in range(40))), films(*(f"b/{k}" for k in range(200)))
    alone, together = divided(few, 0.3), divided(few + many, 0.3)
    assert {f.key for f in alone.validation} == {f.key for f in together.validation} & {f.key for f in few}
    assert 0.2 < len(together.validation) / 240 < 0.4


def test_the_same_sequence_of_two_runs_is_in_one_part():
    parts = divided(films("a/1", "a/2", "a/1", "a/2"), 0.5)
    assert len(parts.train) == len(parts.validation) == 2
    assert not {f.key for f in parts.train} & {f.key for f in parts.validation}


@pytest.mark.parametrize("share", [0.001, 0.999])
def test_no_part_is_empty(share):
    assert sorted(map(len, divided(films("a/1", "a/2", "a/3"), share))) == [1, 2]


def test_one_sequence_is_not_divided():
    with pytest.raises(ChatdescError, match="there is only a/1; record more sequences"):
        divided(films("a/1", "a/1"), 0.5)


def test_where_the_first_box_alone_is_known_nobody_can_say_that_a_choice_was_wrong(tmp_path):
    store = Store(recorded_run(tmp_path, count=3))
    store.save(store.load("kite-1") | {"boxes": [[1, 2, 3, 4], [float("nan")] * 4]})
    run = RecordedRun.read(tmp_path)
    assert [film.key for film in run.films] == ["lasot/kite-0", "lasot/kite-2"]
    assert (run.first_alone, run.lacking) == (("kite-1",), ())


def test_a_sequence_of_two_runs_is_one_sequence():
    assert divided(films("a/1", "a/2", "a/1", "a/2"), 0.5).sequences == (1, 1)


@pytest.mark.filterwarnings("error")
def test_evidence_with_nan_is_named_before_it_is_in_all_weights(tmp_path):
    recorded_run(tmp_path)
    whole = evidence([HERE, THERE], truth=HERE)
    broken = evidence([HERE, THERE], truth=HERE, recent=[0.5, np.nan])
    keep(tmp_path, "kite-2", [Seen(4, whole, Choice(0)), Seen(8, broken, Choice(0))])
    with pytest.raises(ChatdescError, match=r"kite-2\.npz: the evidence of frame 8 holds NaN .*remove the file"):
        RecordedRun.read(tmp_path)
    place_of(tmp_path, "kite-2").unlink()
    assert RecordedRun.read(tmp_path).lacking == ("kite-2",)
