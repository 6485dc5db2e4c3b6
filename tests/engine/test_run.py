"""The whole loop on rendered sequences: results, resume after a kill, bad input inside a run."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from chatdesc.config import Resources, Settings
from chatdesc.engine.run import Run, check_splits, failed
from chatdesc.loaders import load
from chatdesc.rows.schema import empty_row
from chatdesc.rows.store import Store
from chatdesc.stages.sequence import tracking_column
from chatdesc.stages.track import Track
from chatdesc.synthetic import render
from chatdesc.types import ChatdescError, FrameCache, Frames, Sequence
from tests.makers.commands import call
from tests.makers.forked import killed_after_a_row

QUICK = Settings(tracker="none", alignment_frames=1, rounds=2)


@pytest.fixture(scope="session")
def scenes(tmp_path_factory) -> Path:
    """Fifteen short synthetic sequences: look-alikes in three of five, a planted fault in every second text."""
    root = tmp_path_factory.mktemp("scenes")
    render(root, count=15, frames=6, seed=5)
    return root


def annotate(root: Path, out: Path, settings: Settings = QUICK, names: int | None = None, **options) -> list[dict]:
    """Rows of a run on the first ``names`` sequences (None: all)."""
    data = load("lasot", root, cache=FrameCache(16))
    if names is not None:
        data = load("lasot", root, cache=FrameCache(16), sequences=data.names[:names])
    run = Run.create(data, out, settings, Resources(), **options)
    with Store.open(out, run.config()) as store:
        run.check_data(store)
        run.annotate(store)
        return list(run.rows(store))


@pytest.fixture(scope="session")
def rows(scenes, tmp_path_factory) -> list[dict]:
    """All scenes, without tracking: finding the regions of a frame takes most of the time."""
    settings = Settings(tracker="none", alignment_frames=2)
    return annotate(scenes, tmp_path_factory.mktemp("run") / "run", settings)


@pytest.fixture(scope="session")
def tracked(scenes, tmp_path_factory) -> list[dict]:
    """Four scenes, with two key frames each."""
    settings = Settings(ground_every=2, alignment_frames=2)
    return annotate(scenes, tmp_path_factory.mktemp("run") / "run", settings, names=4)


def means(rows: list[dict], key: str) -> float:
    return float(np.mean([row["grounding"][key] for row in rows]))


def test_reflection_matters(rows, scenes):
    known = {s["sequence"]: s for s in json.loads((scenes / "scenes.json").read_text())}
    assert means(rows, "iou") > means(rows, "round0_iou") + 0.2
    assert means(rows, "iou") > means(rows, "manual_iou") + 0.2
    alike = [row for row in rows if known[row["sequence"]]["lookalikes"]]
    assert means(alike, "iou") > means(alike, "round0_iou") + 0.3
    wrong = [row for row in rows if known[row["sequence"]]["fault"] == "wrong_target"]
    assert wrong
    assert means(wrong, "iou") > means(wrong, "manual_iou") + 0.6


def test_rows_carry_their_evidence(rows):
    for row in rows:
        assert row["status"] == "ok"
        assert row["text"]
        assert row["scope"] == "first_frame"
        sources = [r["source"] for r in row["rounds"]]
        assert sources[-1] == "manual"
        assert sources[0] == "refined"
        assert row["text"] in [r["text"] for r in row["rounds"]]
        assert row["text_source"] in ("refined", "manual")
        assert row["alignment"][0]["frames"] == 2
        assert row["tracking"] is None
        assert row["provenance"]["config_hash"]
        assert json.loads(row["provenance"]["prompts"])["describe"]


def test_tracks_carry_their_evidence(tracked, rows):
    without = [row["text"] for row in rows[:4]]
    assert [row["text"] for row in tracked] == without, "tracking changes no text"
    for row in tracked:
        assert row["status"] == "ok"
        track = row["tracking"]
        assert len(track["boxes"]) == len(track["sources"]) == len(track["scores"]) == row["num_frames"] == 6
        assert track["sources"][0] == "given"
        assert track["boxes"][0] == row["boxes"][0]
        assert track["key_frames"][:2] == [2, 4]  # and others, where the target was not found
        assert track["random_iou"] - 1e-6 <= track["oracle_iou"]
        assert track["chosen_iou"] <= track["oracle_iou"] + 1e-6


def test_kept_manual_texts_are_the_best_candidate(rows):
    kept = [row for row in rows if row["text_source"] == "manual"]
    assert kept
    for row in kept:
        refined = [r for r in row["rounds"] if r["source"] == "refined"]
        manual = next(r for r in row["rounds"] if r["source"] == "manual")
        assert manual["accepted"] or not any(r["accepted"] for r in refined)


def test_batch_size_and_order_do_not_change_rows(scenes, tmp_path):
    alone = Run.create(load("lasot", scenes), tmp_path / "a", QUICK, Resources(sequences_in_flight=1))
    with Store.open(alone.out, alone.config()) as store:
        alone.annotate(store)
        one = list(alone.rows(store))
    assert one == annotate(scenes, tmp_path / "b")


TRIED = Settings(tracker="kcf", ground_every=2, rounds=1, alignment_frames=1, feedback="self:4")


def test_texts_tried_in_tracking_give_the_same_rows_again_and_after_an_interruption(scenes, tmp_path):
    whole = annotate(scenes, tmp_path / "whole", TRIED, names=2)
    annotate(scenes, tmp_path / "parts", TRIED, names=1)
    assert annotate(scenes, tmp_path / "parts", TRIED, names=2) == whole
    for row in whole:
        assert (row["scope"], row["status"]) == ("self", "ok")
        for tried in row["rounds"]:
            gain = tried["gain"]
            assert (gain["kind"], gain["start"], gain["stop"], gain["compared"]) == ("self", 0, 4, 3)
            assert gain["gain"] == pytest.approx(gain["score"] - gain["baseline"])
            assert gain["low"] <= gain["gain"] <= gain["high"]


def test_ground_truth_of_tracks_is_refused_unless_it_is_asked_for_by_name(scenes, tmp_path):
    settings = replace(TRIED, feedback="track:4")
    with pytest.raises(ChatdescError, match=r"15 sequences are not of a training split.*--feedback self:4"):
        Run.create(load("lasot", scenes), tmp_path / "run", settings)
    allowed = replace(settings, i_know_this_uses_ground_truth=True)
    assert Run.create(load("lasot", scenes), tmp_path / "run", allowed).settings.hash() != settings.hash()
    [row] = annotate(scenes, tmp_path / "run", allowed, names=1)
    assert row["scope"] == "track_test_split"
    assert json.loads(row["provenance"]["settings"])["i_know_this_uses_ground_truth"] is True


def test_training_sequences_are_tried_without_a_word():
    data = SimpleNamespace(names=("a-1",), entry=lambda name: SimpleNamespace(split="train"))
    check_splits(data, replace(TRIED, feedback="track:4"))
    for split in ("test", "val", None):
        data.entry = lambda name, split=split: SimpleNamespace(split=split)
        check_splits(data, TRIED)
        with pytest.raises(ChatdescError, match="a-1"):
            check_splits(data, replace(TRIED, feedback="track:4"))


COMMAND = ["annotate", "lasot"]
FLAGS = ["--tracker", "none", "--alignment-frames", "1", "--rounds", "2", "--sequences-in-flight", "2", "--limit", "6"]


def dataset_files(out: Path) -> dict[str, bytes]:
    folder = out / "dataset"
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_kill_at_any_moment_then_the_same_dataset(scenes, tmp_path):
    undisturbed, out, moments = tmp_path / "undisturbed", tmp_path / "killed", random.Random(3)
    assert call(*COMMAND, scenes, "--out", undisturbed, *FLAGS).exit_code == 0
    command = (*COMMAND, scenes, "--out", out, *FLAGS)
    # each time some work is done since the last kill, so that resuming is what is tested
    kills = [killed_after_a_row(out, 0.4 * moments.random(), *command) for _ in range(4)]
    assert sum(kills) >= 2, "every run ended before it could be killed"
    assert call(*command).exit_code == 0
    assert dataset_files(out) == dataset_files(undisturbed)


def test_finished_sequences_are_not_done_again(scenes, tmp_path):
    annotate(scenes, tmp_path / "run")
    run = Run.create(load("lasot", scenes), tmp_path / "run", QUICK)
    with Store.open(run.out, run.config()) as store:
        assert run.pending(store) == []


def test_selection_may_grow(scenes, tmp_path):
    names = load("lasot", scenes).names
    first = Run.create(load("lasot", scenes, sequences=names[:2]), tmp_path / "run", QUICK)
    with Store.open(first.out, first.config()) as store:
        first.annotate(store)
    second = Run.create(load("lasot", scenes, sequences=names[1:3]), tmp_path / "run", QUICK)
    with Store.open(second.out, second.config()) as store:
        assert second.pending(store) == [names[2]]
        second.annotate(store)
        assert [row["sequence"] for row in second.rows(store)] == list(names[:3])


def test_rows_come_in_natural_order_of_their_names(scenes, tmp_path):
    run = Run.create(load("lasot", scenes), tmp_path / "run", QUICK)
    with Store.open(run.out, run.config()) as store:
        for name in ("swing-10", "swing-2", "kite-9"):
            store.save(empty_row() | {"sequence": name})
        assert [row["sequence"] for row in run.rows(store)] == ["kite-9", "swing-2", "swing-10"]


def test_other_data_under_the_same_names_is_refused(scenes, tmp_path):
    names = load("lasot", scenes).names
    run = Run.create(load("lasot", scenes, sequences=names[:1]), tmp_path / "run", QUICK)
    with Store.open(run.out, run.config()) as store:
        run.annotate(store)
    category = names[0].rsplit("-", 1)[0]
    target = tmp_path / "other" / category / names[0]
    target.mkdir(parents=True)
    for path in (scenes / category / names[0]).iterdir():
        (target / path.name).symlink_to(path) if path.is_dir() else (target / path.name).write_bytes(path.read_bytes())
    (target / "nlp.txt").write_text("another text")
    other = Run.create(
        load("lasot", tmp_path / "other", storage_options={"follow_links": True}), tmp_path / "run", QUICK
    )
    with Store.open(other.out, other.config()) as store, pytest.raises(ChatdescError, match="manual_text"):
        other.check_data(store)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("boxes", [[1.0, 1.0, 2.0, 2.0]] * 6),
        ("manual_text", "another text"),
        ("visible", [True] * 5 + [False]),
        ("num_frames", 5),
        ("first_frame", "0" * 64),
        ("manual_text", None),  # the data has got a text since
    ],
)
def test_every_finished_row_is_compared_with_the_data(scenes, tmp_path, column, value):
    names = load("lasot", scenes).names[:3]
    run = Run.create(load("lasot", scenes, sequences=names), tmp_path / "run", QUICK)
    with Store.open(run.out, run.config()) as store:
        run.annotate(store)
        run.check_data(store)
        last = store.load(names[2])
        store.save(last | {column: value})
        with pytest.raises(ChatdescError, match=rf"{column} of {names[2]} differ"):
            run.check_data(store)
        store.save(last | {column: value, "status": "describe_failed"})
        run.check_data(store)  # it will be done again
        store.save({k: v for k, v in last.items() if k != "first_frame"})
        run.check_data(store)  # a row of an earlier version


def test_a_damaged_row_is_done_again_and_one_outside_the_selection_is_refused(scenes, tmp_path):
    names = load("lasot", scenes).names[:3]
    run = Run.create(load("lasot", scenes, sequences=names), tmp_path / "run", QUICK)
    with Store.open(run.out, run.config()) as store:
        run.annotate(store)
        before = list(run.rows(store))
        store.path(names[1]).write_bytes(store.path(names[1]).read_bytes()[:-40])
        run.check_data(store)
        assert run.pending(store) == [names[1]]
        part = Run.create(load("lasot", scenes, sequences=names[:1]), tmp_path / "run", QUICK)
        with pytest.raises(ChatdescError, match=names[1]):
            part.check_data(store)
        run.annotate(store)
        assert list(run.rows(store)) == before


class TestBadSequences:
    """One broken sequence each, among a sound one: a status, a reason, and the run goes on."""

    @pytest.fixture
    def root(self, tmp_path) -> Path:
        render(tmp_path / "data", count=2, frames=4, seed=9)
        return tmp_path / "data"

    def rows(self, root: Path) -> tuple[dict, dict]:
        names = json.loads((root / "scenes.json").read_text())
        found = {
            row["sequence"]: row for row in annotate(root, root.parent / "run", Settings(ground_every=2, rounds=1))
        }
        return found[names[0]["sequence"]], found[names[1]["sequence"]]

    def folder(self, root: Path) -> Path:
        name = json.loads((root / "scenes.json").read_text())[0]["sequence"]
        return root / name.rsplit("-", 1)[0] / name

    def check(self, root: Path, status: str, says: str, text: bool = False) -> dict:
        broken, sound = self.rows(root)
        assert sound["status"] == "ok"
        assert not failed(sound)
        assert broken["status"] == status
        assert any(says in problem for problem in broken["problems"]), broken["problems"]
        assert (broken["text"] is not None) == text
        return broken

    def test_no_frames(self, root):
        for image in (self.folder(root) / "img").iterdir():
            image.unlink()
        assert failed(self.check(root, "missing_frames", "missing_frames"))

    def test_fewer_images_than_boxes(self, root):
        (self.folder(root) / "img" / "00000004.jpg").unlink()
        row = self.check(root, "missing_frames", "3", text=True)
        assert row["num_frames"] == 3
        assert not failed(row)

    def test_first_frame_is_no_image(self, root):
        (self.folder(root) / "img" / "00000001.jpg").write_bytes(b"not an image")
        assert failed(self.check(root, "corrupt_frame", "00000001.jpg: is not a readable image"))

    def test_a_later_frame_is_no_image(self, root):
        (self.folder(root) / "img" / "00000003.jpg").write_bytes(b"")
        row = self.check(root, "corrupt_frame", "00000003.jpg", text=True)
        assert failed(row)
        assert row["tracking"] is None
        assert row["rounds"]

    def test_a_letter_in_the_boxes(self, root):
        gt = self.folder(root) / "groundtruth.txt"
        lines = gt.read_text().split("\n")
        lines[2] = "1o,2,3,4"
        gt.write_text("\n".join(lines))
        self.check(root, "bad_boxes", "groundtruth.txt", text=True)

    def test_first_box_without_size(self, root):
        gt = self.folder(root) / "groundtruth.txt"
        gt.write_text("10,10,0,0\n" + gt.read_text().split("\n", 1)[1])
        assert failed(self.check(root, "bad_boxes", "groundtruth.txt"))

    def test_empty_text(self, root):
        (self.folder(root) / "nlp.txt").write_text("")
        row = self.check(root, "missing_text", "nlp.txt", text=True)
        assert row["text_source"] == "refined"
        assert not failed(row)

    def test_text_that_is_no_utf8_and_has_two_lines(self, root):
        (self.folder(root) / "nlp.txt").write_bytes(b"caf\xe9 chair\nand more")
        row = self.check(root, "bad_text", "nlp.txt", text=True)
        assert row["manual_text"] == "caf\ufffd chair\nand more"

    def test_strict_stops_at_the_first(self, root):
        (self.folder(root) / "img" / "00000001.jpg").write_bytes(b"")
        with pytest.raises(ChatdescError, match="corrupt_frame"):
            annotate(root, root.parent / "strict", QUICK, strict=True)

    def test_a_failed_row_is_tried_again(self, root):
        image = self.folder(root) / "img" / "00000001.jpg"
        whole = image.read_bytes()
        image.write_bytes(b"")
        assert any(failed(row) for row in annotate(root, root.parent / "run", QUICK))
        image.write_bytes(whole)
        assert not any(failed(row) for row in annotate(root, root.parent / "run", QUICK))


@pytest.mark.slow
def test_real_photographs(shared_data, tmp_path):
    """Every one of the seven OTB targets gets a text, and the numbers are there, good or bad."""
    data = load("otb-lang", shared_data / "otb", cache=FrameCache(16))
    run = Run.create(data, tmp_path / "run", Settings(tracker="none", alignment_frames=1))
    with Store.open(run.out, run.config()) as store:
        run.annotate(store)
        rows = list(run.rows(store))
    assert len(rows) == 7
    assert all(row["text"] for row in rows)
    assert all(row["grounding"][k] is not None for row in rows for k in ("manual_iou", "round0_iou", "iou"))
    assert means(rows, "iou") >= means(rows, "round0_iou")


def test_a_text_for_every_range(scenes, tmp_path):
    """--every 3: two ranges of six frames, each with its own rounds and text; tracking goes by both."""
    names = load("lasot", scenes).names[:2]
    run = Run.create(
        load("lasot", scenes, sequences=names), tmp_path / "run", Settings(every=3, ground_every=2, rounds=1)
    )
    with Store.open(run.out, run.config()) as store:
        run.annotate(store)
        rows = list(run.rows(store))
    for row in rows:
        assert row["scope"] == "range"
        assert [(r["start"], r["stop"]) for r in row["ranges"]] == [(0, 3), (3, 6)]
        assert row["text"] == row["ranges"][0]["text"]
        assert {r["start"] for r in row["rounds"]} == {0, 3}
        assert row["tracking"]["key_frames"][:2] == [2, 4]


def test_a_row_scores_its_track_as_the_official_toolkit_does():
    """A frame is absent where the dataset says so; one that only lacks a box is a miss in AUC, a hit in precision."""
    boxes = np.array([[10, 10, 20, 20], [12, 10, 20, 20], [0, 0, 0, 0], [14, 10, 20, 20]], np.float32)
    none = np.zeros(0, np.float32)
    away = boxes + np.array([100, 0, 0, 0], np.float32)
    done = Track(away, ("given",) + ("tracker",) * 3, np.ones(4, np.float32), (), none, none, none)

    def scored(visible):
        flags = None if visible is None else np.array(visible)
        sequence = Sequence("a", "lasot", None, None, Frames((), lambda path: b"", None), boxes, flags)
        column = tracking_column(done, sequence, QUICK)
        return [column[name] for name in ("auc", "precision", "norm_precision")]

    first = [20 / 21 / 4, 1 / 4, 1 / 4]  # the given box
    assert scored([True, True, False, True]) == pytest.approx(first)
    for visible in (None, [True] * 4):
        assert scored(visible) == pytest.approx([first[0], 2 / 4, 2 / 4])
