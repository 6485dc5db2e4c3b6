"""Zips for evaluation servers: written, checked, and read as the servers' own code reads them."""

from __future__ import annotations

import json
import os
import subprocess
import zipfile

import pytest

import chatdesc
from chatdesc.types import ChatdescError
from tests.makers.datasets import box_lines, got10k, put, trackingnet, zipped
from tests.standins import readers

VIDEOS = {"a_0": 4, "-b_1": 12, "c_0": 2}
ONE, TWO = "GOT-10k_Test_000001", "GOT-10k_Test_000002"
TOOLKIT = os.environ.get("CHATDESC_GOT10K_PYTHON", "")


@pytest.fixture
def net(tmp_path):
    return trackingnet(tmp_path / "tn", {f"TEST/{name}": count for name, count in VIDEOS.items()})


@pytest.fixture
def mine(tmp_path):
    for name, count in VIDEOS.items():
        put(tmp_path / "mine" / f"{name}.txt", box_lines(count))
    return tmp_path / "mine"


@pytest.fixture
def got(tmp_path):
    return got10k(tmp_path / "got", {f"test/{ONE}": 3, f"test/{TWO}": 2})


@pytest.fixture
def tracked(tmp_path):
    """Results for GOT-10k as trackers keep them, all in one folder."""
    for name, count in ((ONE, 3), (TWO, 2)):
        put(tmp_path / "flat" / f"{name}.txt", box_lines(count, "\t"))
        put(tmp_path / "flat" / f"{name}_time.txt", "0.1\n" * count)
    return tmp_path / "flat"


def refusal(*arguments, **options):
    with pytest.raises(ChatdescError) as error:
        chatdesc.submit(*arguments, **options)
    return str(error.value)


class TestTrackingNet:
    def test_the_server_reads_every_box(self, net, mine, tmp_path):
        done = chatdesc.submit("trackingnet", net, str(mine), tmp_path / "mine.zip")
        assert zipfile.ZipFile(done.zip).namelist() == ["-b_1.txt", "a_0.txt", "c_0.txt"]
        boxes = readers.trackingnet_server(done.zip, VIDEOS)
        for name, count in VIDEOS.items():
            assert boxes[name].tolist() == [[10 + i, 20, 30, 40] for i in range(count)]
        assert [(row["sequence"], row["frames"]) for row in done.records()] == [("-b_1", 12), ("a_0", 4), ("c_0", 2)]
        [note] = done.notes
        assert "holds 3 sequences; the server's test set has 511" in note

    def test_numbers_stay_as_they_were_written(self, net, mine, tmp_path):
        put(mine / "c_0.txt", "10.123456789\t20 30;4e1\r\n1,2,3,0\r\n")
        zipped_boxes = zipfile.ZipFile(chatdesc.submit("trackingnet", net, str(mine), tmp_path / "x.zip").zip)
        assert zipped_boxes.read("c_0.txt") == b"10.123456789,20,30,4e1\n1,2,3,0\n"

    def test_equal_results_give_an_equal_zip(self, net, mine, tmp_path):
        first = chatdesc.submit("trackingnet", net, str(mine), tmp_path / "1.zip")
        again = chatdesc.submit("trackingnet", net, str(mine), tmp_path / "1.zip")
        other = chatdesc.submit("trackingnet", net, str(zipped(mine, tmp_path / "r.zip", "x/")), tmp_path / "2.zip")
        assert (first.same, again.same) == (False, True)
        assert first.zip.read_bytes() == other.zip.read_bytes()

    def test_a_zip_that_others_made_is_checked(self, net, mine, tmp_path):
        assert chatdesc.submit("trackingnet", net, str(zipped(mine, tmp_path / "r.zip"))).zip is None
        (mine / "a_0.txt").unlink()
        assert "1 file missing: a_0.txt" in refusal("trackingnet", net, str(zipped(mine, tmp_path / "r.zip")))

    @pytest.mark.parametrize(
        ("files", "said"),
        [
            ({"a_0.txt": None}, "1 file missing: a_0.txt"),
            ({"a_0.txt": None, "A_0.txt": box_lines(4)}, "1 file of no sequence of the test set: A_0.txt"),
            ({"d_0.txt": box_lines(4)}, "1 file of no sequence of the test set: d_0.txt"),
            ({"a_0.txt": box_lines(3)}, "a_0.txt: 3 rows for 4 frames"),
            ({"a_0.txt": box_lines(5)}, "a_0.txt: 5 rows for 4 frames"),
            ({"a_0.txt": ""}, "a_0.txt: 0 rows for 4 frames"),
            ({"a_0.txt": box_lines(3) + "1,2,nan,4\n"}, "a_0.txt:4: 1,2,nan,4 holds a number that is not finite"),
            ({"a_0.txt": box_lines(3) + "1,2,inf,4\n"}, "a_0.txt:4: 1,2,inf,4 holds a number that is not finite"),
            ({"a_0.txt": "1,2,-3,4\n1,2,3,-4\n" * 2}, "a_0.txt:1: 1,2,-3,4 has a negative size (and 3 more lines)"),
            ({"a_0.txt": box_lines(3) + "1,2,3\n"}, "a_0.txt:4: 1,2,3 is not 4 numbers"),
            ({"a_0.txt": box_lines(3) + "1,2,3,4,5\n"}, "a_0.txt:4: 1,2,3,4,5 is not 4 numbers"),
            ({"a_0.txt": "x,y,w,h\n" + box_lines(3)}, "a_0.txt:1: x,y,w,h holds something that is no number"),
            ({"a_0.txt": box_lines(3) + "1,2,1_0,4\n"}, "a_0.txt:4: 1,2,1_0,4 holds something that is no number"),
            ({"a_0.txt": box_lines(3) + "1,2,\u0663,4\n"}, "a_0.txt:4: 1,2,\u0663,4 holds something that is no number"),
            ({"a_0.txt": box_lines(2) + "\n" + box_lines(1)}, "a_0.txt:3: an empty line is not 4 numbers"),
            ({"a_0/a_0_001.txt": box_lines(4)}, "a_0/a_0_001.txt; remove"),
            ({"a_0_001.txt": box_lines(4)}, "of no sequence of the test set: a_0_001.txt"),
        ],
    )
    def test_what_is_wrong_is_named_and_nothing_is_written(self, net, mine, tmp_path, files, said):
        for name, text in files.items():
            (mine / name).unlink() if text is None else put(mine / name, text)
        assert said in refusal("trackingnet", net, str(mine), tmp_path / "mine.zip")
        assert not (tmp_path / "mine.zip").exists()

    def test_all_that_is_wrong_is_said_at_once(self, net, mine):
        for name in ("a_0.txt", "c_0.txt"):
            put(mine / name, "nan,2,3,4\n")
        (mine / "-b_1.txt").unlink()
        said = refusal("trackingnet", net, str(mine)).splitlines()
        assert len(said) == 6 and "1 file missing" in said[1]

    def test_files_beside_results_do_not_disturb(self, net, mine, tmp_path):
        put(mine / "a_0_time.txt", "0.1\n" * 4)
        put(mine / "a_0_all_boxes.txt", "1\n")
        done = chatdesc.submit("trackingnet", net, str(mine), tmp_path / "mine.zip")
        assert len(zipfile.ZipFile(done.zip).namelist()) == 3

    def test_a_first_box_elsewhere_is_said(self, net, mine):
        put(mine / "a_0.txt", "400,400,30,40\n" * 4)
        assert (
            "the first box of 1 file is not the given one (a_0.txt)"
            in chatdesc.submit("trackingnet", net, str(mine)).notes[1]
        )

    def test_frames_that_are_missing_are_no_measure(self, net, mine):
        (net / "TEST/frames/-b_1/7.jpg").unlink()
        assert "-b_1: its frames are missing or have gaps" in refusal("trackingnet", net, str(mine))

    def test_another_zip_is_not_lost(self, net, mine, tmp_path):
        put(tmp_path / "mine.zip", "other")
        assert "--overwrite" in refusal("trackingnet", net, str(mine), tmp_path / "mine.zip")
        assert (tmp_path / "mine.zip").read_text() == "other"
        chatdesc.submit("trackingnet", net, str(mine), tmp_path / "mine.zip", overwrite=True)
        assert zipfile.is_zipfile(tmp_path / "mine.zip")
        assert "is a folder" in refusal("trackingnet", net, str(mine), tmp_path)

    def test_a_name_within_another_is_said(self, tmp_path):
        root = trackingnet(tmp_path / "tn", {"TEST/b_0": 2, "TEST/ab_0": 2})
        for name in ("b_0", "ab_0"):
            put(tmp_path / "mine" / f"{name}.txt", box_lines(2))
        done = chatdesc.submit("trackingnet", root, str(tmp_path / "mine"), tmp_path / "x.zip")
        assert "looks for b_0.txt in longer names too" in done.notes[-1]
        assert not readers.trackingnet_server(done.zip, {"b_0": 2})["b_0"].any()


class TestGot10k:
    def test_the_toolkit_reads_what_was_flat(self, got, tracked, tmp_path):
        done = chatdesc.submit("got10k", got, str(tracked), tmp_path / "mine.zip")
        names = [f"{name}/{name}_{end}.txt" for name in (ONE, TWO) for end in ("001", "time")]
        with zipfile.ZipFile(done.zip) as archive:
            assert archive.namelist() == names
            archive.extractall(tmp_path / "unpacked")
        [boxes], times = readers.got10k_records(tmp_path / "unpacked", ONE)
        assert boxes.tolist() == [[10 + i, 20, 30, 40] for i in range(3)] and times.tolist() == [0.1] * 3

    def test_repetitions_stay(self, got, tracked, tmp_path):
        chatdesc.submit("got10k", got, str(tracked), tmp_path / "1.zip")
        with zipfile.ZipFile(tmp_path / "1.zip") as archive:
            archive.extractall(tmp_path / "whole")
        put(tmp_path / f"whole/{ONE}/{ONE}_002.txt", box_lines(3))
        put(tmp_path / f"whole/{ONE}/{ONE}_time.txt", "0.1,0.2\n" * 3)
        done = chatdesc.submit("got10k", got, str(tmp_path / "whole"), tmp_path / "2.zip")
        assert [row["repetitions"] for row in done.records()] == [2, 1]
        with zipfile.ZipFile(tmp_path / "2.zip") as archive:
            archive.extractall(tmp_path / "unpacked")
        boxes, times = readers.got10k_records(tmp_path / "unpacked", ONE)
        assert len(boxes) == 2 and times.shape == (3, 2)

    @pytest.mark.parametrize(
        ("file", "text", "said"),
        [
            (f"{ONE}_time.txt", None, f"1 file missing: {ONE}_time.txt"),
            (f"{ONE}_time.txt", "0.1\n0.1\n", f"{ONE}_time.txt: 2 rows for 3 frames"),
            (f"{ONE}_time.txt", "0.1\nnan\n0.1\n", f"{ONE}_time.txt:2: nan holds a number that is not finite"),
            (f"{ONE}_time.txt", "0.1,1\n" * 3, f"{ONE}_time.txt:1: 0.1,1 is not 1 number per repetition"),
            (f"{TWO}.txt", None, f"1 file missing: {TWO}.txt"),
            ("GOT-10k_Test_000003.txt", "1,2,3,4", "1 file of no sequence of the test set: GOT-10k_Test_000003.txt"),
        ],
    )
    def test_what_is_wrong_is_named(self, got, tracked, file, text, said):
        (tracked / file).unlink() if text is None else put(tracked / file, text)
        assert said in refusal("got10k", got, str(tracked))


def test_datasets_without_a_server(tmp_path):
    assert "lasot has no evaluation server that is known" in refusal("lasot", tmp_path, str(tmp_path))
    assert "there is no such folder" in refusal("got10k", tmp_path / "gone", str(tmp_path))


REPORT = """
import json, sys
import numpy as np
for name in ("float", "int", "bool"):  # names that NumPy had when the toolkit was written
    setattr(np, name, getattr(np, name, getattr(np, f"{name}_", None)))
from got10k.experiments import ExperimentGOT10k
ExperimentGOT10k.plot_curves = lambda *_: None
done = ExperimentGOT10k(sys.argv[1], "val", sys.argv[2], sys.argv[3]).report(["mine"])
print(json.dumps(done["mine"]["overall"]["ao"]))
"""


@pytest.mark.skipif(not TOOLKIT, reason="CHATDESC_GOT10K_PYTHON names no Python that has the package got10k")
def test_the_published_toolkit_scores_the_unpacked_zip(tmp_path):
    names = ["GOT-10k_Val_000001", "GOT-10k_Val_000002"]
    root = got10k(tmp_path / "got", {f"val/{name}": 4 for name in names})
    for name in names:
        put(root / "val" / name / "cover.label", "8\n" * 4)
        put(root / "val" / name / "cut_by_image.label", "0\n" * 4)
        put(root / "val" / name / "meta_info.ini", "[METAINFO]\nresolution: (640, 480)\n")
        put(tmp_path / "flat" / f"{name}.txt", box_lines(4))
        put(tmp_path / "flat" / f"{name}_time.txt", "0.1\n" * 4)
    done = chatdesc.submit("got10k", root, str(tmp_path / "flat"), tmp_path / "mine.zip", split="val")
    with zipfile.ZipFile(done.zip) as archive:
        archive.extractall(tmp_path / "results/GOT-10k/mine")
    command = [TOOLKIT, "-c", REPORT, root, tmp_path / "results", tmp_path / "reports"]
    said = subprocess.run([*map(str, command)], capture_output=True, text=True, cwd=tmp_path)
    assert said.returncode == 0, said.stderr
    assert json.loads(said.stdout.splitlines()[-1]) == pytest.approx(1.0)
