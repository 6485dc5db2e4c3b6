"""``chatdesc.evaluate``: results, notes and files of trackers under one or all protocols."""

import tracemalloc

import pytest

import chatdesc
from chatdesc.drawing.figures import NO_PLOTS
from chatdesc.evaluation.evaluate import Evaluation, SequenceScore
from chatdesc.evaluation.job import NOTES, EvaluationJob, TrackerScores
from chatdesc.evaluation.pictures import folder_names
from chatdesc.evaluation.results import MatchedFolder, ResultFolder
from chatdesc.evaluation.truths import Truth
from chatdesc.metrics.ope import score_sequence
from chatdesc.metrics.protocols import PROTOCOLS
from chatdesc.tables import Tables
from chatdesc.types import ChatdescError
from tests.makers.datasets import lasot, put
from tests.makers.results import TRUTH, lines


@pytest.fixture
def places(tmp_path):
    """A dataset of two sequences, and the results of a tracker that is perfect where the target is visible."""
    root = lasot(tmp_path / "data", {"boat-1": 4, "car-1": 3}, frames=False)
    for name in ("boat-1", "car-1"):
        put(tmp_path / "mine" / f"{name}.txt", (root / name[:-2] / name / "groundtruth.txt").read_text())
    return root, tmp_path / "mine"


def test_a_result_is_a_frame_and_nothing_is_printed(places, capsys):
    root, mine = places
    calls = []
    result = chatdesc.evaluate("lasot", root, [f"{mine}=me"], by="category", progress=lambda *call: calls.append(call))
    assert capsys.readouterr() == ("", "")
    assert calls[0] == (0, 2, "") and calls[-1] == (2, 2, "")
    assert (result.dataset, result.protocols, result.about) == ("lasot", ("lasot",), "lasot, protocol lasot")
    frame = result.table()
    assert frame["tracker"].to_list() == ["me"] and frame["P20"].to_list() == [(2 / 4 + 1 / 3) / 2]
    assert frame["notes"].to_list() == [[]]
    assert result.to_pandas()["P20"].to_list() == [(2 / 4 + 1 / 3) / 2]
    assert [(row["group"], row["P20"]) for row in result.grouped] == [("boat", 0.5), ("car", 1 / 3)]
    assert result.means["me"]["lasot"].precision_at_20 == (2 / 4 + 1 / 3) / 2
    assert result.notes == () and result.written == ()


def test_files_are_written_where_a_folder_is_named(places, tmp_path):
    root, mine = places
    result = chatdesc.evaluate("lasot", str(root), [str(mine)], by="sequence", out=tmp_path / "s")
    names = [path.relative_to(tmp_path / "s").as_posix() for path in result.written]
    tables = ["per_sequence.csv", "per_sequence.md", "overall.csv", "overall.md", "overall.tex"]
    assert names[:5] == tables and "success.png" in names and len(names) == 5 + 9
    assert all(path.exists() for path in result.written)
    assert [row["sequence"] for row in result.grouped] == ["boat-1", "car-1"]
    assert result.grouped[0]["notes"] == () and result.grouped[0]["frames"] == 4


def test_without_matplotlib_a_note_says_so(places, tmp_path, monkeypatch):
    def missing(*_):
        raise ModuleNotFoundError

    monkeypatch.setattr("chatdesc.evaluation.job.write_plots", missing)
    result = chatdesc.evaluate("lasot", places[0], [str(places[1])], out=tmp_path / "s")
    assert result.notes == (NO_PLOTS,) and result.written[-1].name == "overall.tex"


def test_names_that_are_not_known_are_refused(places):
    root, mine = places
    with pytest.raises(ChatdescError, match="by is one of None, attribute, category, sequence, not 'colour'"):
        chatdesc.evaluate("lasot", root, [str(mine)], by="colour")
    with pytest.raises(ChatdescError, match="missing is one of skip, zero, error, not 'none'"):
        chatdesc.evaluate("lasot", root, [str(mine)], missing="none")


def test_every_folder_is_matched_once(places, monkeypatch):
    root, mine = places
    asked, match = [], ResultFolder.match
    monkeypatch.setattr(ResultFolder, "match", lambda self, *args, **kw: asked.append(self) or match(self, *args, **kw))
    chatdesc.evaluate("lasot", root, [f"{mine}=a", f"{mine}=b"])
    assert [folder.name for folder in asked] == ["a", "b"]


def test_a_note_is_kept_whole_under_all_protocols(places):
    """Its own semicolon does not part it: each protocol refuses in its own words."""
    root, mine = places
    rows = (mine / "boat-1.txt").read_text().split("\n")
    put(mine / "boat-1.txt", "\n".join([rows[0], "NaN,NaN,NaN,NaN", *rows[2:]]))
    result = chatdesc.evaluate("lasot", root, [str(mine)], compare_protocols=True)
    refusals = [note for note in result.notes if " refuses " in note]
    assert [note.partition("nan: ")[2].partition(" ")[0] for note in refusals] == ["pytracking", "ostrack"]
    for note, name in zip(refusals, ("pytracking", "ostrack"), strict=True):
        assert note.endswith(f"; write numbers, or choose another protocol ({name})")


def test_notes_on_sequences_are_cut_and_counted():
    score = score_sequence(TRUTH, TRUTH)
    said = tuple(SequenceScore(f"s{i}", score, ("odd",)) for i in range(NOTES + 3))
    kept = TrackerScores()
    kept.note([Evaluation("mine", PROTOCOLS["lasot"], said, "skip")])
    assert kept.all_notes()[0] == "mine: s0: odd" and kept.more_notes == 3
    assert kept.all_notes()[NOTES:] == ["... and 3 more; per_sequence.csv of --out has them all"]


def test_two_trackers_never_share_a_folder_of_plots():
    assert folder_names(["a b", "a_b", "A b", "a_b-2", ".."]) == ["a_b", "a_b-2", "A_b-3", "a_b-2-2", "_"]


def test_memory_does_not_grow_with_the_number_of_trackers(tmp_path):
    """What is kept of a tracker is a mean and a row, not its sequences."""
    names = [f"s{i}" for i in range(60)]
    truths = {name: Truth(TRUTH, None) for name in names}
    for name in names:
        put(tmp_path / "mine" / f"{name}.txt", lines(TRUTH + 300))
    job = EvaluationJob("lasot", truths, [PROTOCOLS["lasot"]], "skip")
    folders = [MatchedFolder.of(ResultFolder(f"{tmp_path / 'mine'}=t{number}"), names) for number in range(24)]
    job.run(folders[:2], Tables(None))
    sizes = []
    tracemalloc.start()
    scores = job.run(folders[2:], Tables(None), lambda *_: sizes.append(tracemalloc.get_traced_memory()[0]))
    tracemalloc.stop()
    sizes = sizes[9:]  # with as many trackers on their way as there ever are
    assert len(sizes) == 14
    assert (sizes[-1] - sizes[0]) / (len(sizes) - 1) < 30 * 1024  # sixty curves of each would be over 60 kB
    assert len(scores.rows) == len(scores.means) == 22
