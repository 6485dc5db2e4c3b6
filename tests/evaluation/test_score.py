"""``chatdesc.score`` on recorded rows."""

import pytest

import chatdesc
from chatdesc.evaluation.score import NOTHING, scores_of
from chatdesc.rows.store import Store
from chatdesc.synthetic import render
from chatdesc.types import ChatdescError
from tests.makers.rows import a_row, aligned


def run_of(place, *rows, dataset="lasot"):
    with Store.open(place, {"dataset": dataset}) as store:
        for row in rows:
            store.save(row | {"dataset": dataset})
    return place


def test_a_result_is_a_frame_and_nothing_is_printed(tmp_path, capsys):
    mute = a_row("kite-2", None, manual_text=None, alignment=[])
    failed = a_row("kite-10", None, alignment=[], problems=["describe: no answer"])
    run = run_of(tmp_path / "run", a_row("kite-1", alignment=[aligned(20.0, 26.0, cut=True)]), mute, failed)
    scores = chatdesc.score(run)
    assert capsys.readouterr() == ("", "")
    frame = scores.table()
    assert frame["measure"].to_list() == ["cosine", "margin"] and frame["difference"].to_list() == [6.0, None]
    assert frame["manual_truncated"].to_list() == [1.0, 1.0]
    assert scores.to_pandas()["refined"].to_list()[0] == 26.0
    assert scores.left_out == (("kite-2", NOTHING), ("kite-10", "describe: no answer"))
    lengths = [row for row in scores.statistics if row["measure"] == "length"]
    assert [(row["dataset"], row["manual"]) for row in lengths] == [("lasot", 2.0)]
    assert scores.notes == ()


def test_several_runs_in_one_table_and_no_sequence_twice(tmp_path):
    one, two = run_of(tmp_path / "a", a_row("k-1")), run_of(tmp_path / "b", a_row("k-1"), dataset="tnl2k")
    scores = chatdesc.score(one, runs=[two])
    assert [row["dataset"] for row in scores.alignment] == ["lasot", "lasot", "tnl2k", "tnl2k"]
    more = run_of(tmp_path / "c", a_row("k-1"), a_row("k-2"))
    beside = chatdesc.score(one, runs=[two, more])
    assert beside.sources == ("manual", "a", "b", "c")
    cosines = [row for row in beside.alignment if row["measure"] == "cosine"]
    assert [(row["dataset"], row["sequences"], row["n"], row["a"], row["b"], row["c"]) for row in cosines] == [
        ("lasot", 2, 1, 25.0, None, 25.0),
        ("tnl2k", 1, 1, None, 25.0, None),
    ]
    with pytest.raises(ChatdescError, match=r"a is named twice"):
        chatdesc.score(one, runs=[two, one])


def test_arguments_that_take_no_part_are_refused(tmp_path):
    run = run_of(tmp_path / "run", a_row("k-1"))
    with pytest.raises(ChatdescError, match="ROOT: of no use where a run's recorded numbers are shown"):
        chatdesc.score(run, "/data")
    with pytest.raises(ChatdescError, match="--sequences: of no use with --run"):
        chatdesc.score(run, runs=[run], sequences="k-1")
    with pytest.raises(ChatdescError, match="is no run folder; to score a dataset"):
        chatdesc.score("lasot")
    with pytest.raises(ChatdescError, match="other encoders and texts need the frames"):
        chatdesc.score(run, encoders=["attributes"])


def test_where_nothing_can_be_scored_the_reasons_are_said():
    rows = [a_row(f"s-{i}", None, alignment=[], problems=[f"p{i}"]) for i in range(7)]
    with pytest.raises(ChatdescError) as caught:
        scores_of(rows)
    lines = str(caught.value).splitlines()
    assert lines[0] == "no sequence has a text and a visible target to score"
    assert lines[1] == "  s-0: p0" and lines[-1] == "  ... and 2 more" and len(lines) == 7


def test_a_baseline_that_is_no_source_is_refused_before_anything_is_measured(tmp_path, monkeypatch):
    render(tmp_path / "scenes", count=2, frames=4)
    (tmp_path / "mine.json").write_text('{"star-1": "a star"}')
    monkeypatch.setattr("chatdesc.evaluation.score.with_named", lambda *_: pytest.fail("measured"))
    with pytest.raises(ChatdescError, match=r"--baseline mnie: is none of the sources: manual, mine$"):
        chatdesc.score("synthetic", tmp_path / "scenes", texts=[f"mine={tmp_path / 'mine.json'}"], baseline="mnie")
    one, two = (run_of(tmp_path / name, a_row("k-1")) for name in "ab")
    with pytest.raises(ChatdescError, match=r"--baseline mnie: is none of the sources: manual, a, b$"):
        chatdesc.score(one, runs=[two], baseline="mnie")
