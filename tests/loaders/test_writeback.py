"""Texts written back: byte by byte what readers expect, and never into the source."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatdesc.loaders import clean_for_trackers, load
from chatdesc.types import ChatdescError
from tests.makers.datasets import lasot, otb, put, tnl2k, zipped


def rows(**texts: str | None) -> list[dict[str, str | None]]:
    return [{"sequence": name.replace("_", "-"), "text": text} for name, text in texts.items()]


def tree(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("ending", [b"", b"\n", b"\r\n"])
@pytest.mark.parametrize("flat", [False, True])
def test_lasot_keeps_its_layout_and_its_final_newline(tmp_path: Path, ending: bytes, flat: bool) -> None:
    data = lasot(tmp_path / "data", {"boat-1": 2, "tank-1": 2}, flat=flat)
    nlp = data / ("boat-1" if flat else "boat/boat-1") / "nlp.txt"
    put(nlp, b"an old text" + ending)
    before = tree(data)
    done = load("lasot", data).write_back(rows(boat_1="a red boat, on the left #1\n", tank_1=None), tmp_path / "new")
    path = nlp.relative_to(data).as_posix()
    assert (done.written, done.skipped, done.kept, done.copied) == ((path,), 1, (), ())
    assert tree(tmp_path / "new") == {path: b"a red boat on the left 1" + ending}
    assert tree(data) == before


def test_over_a_copy_the_new_texts_are_read(tmp_path: Path) -> None:
    data = lasot(tmp_path / "data", {"boat-1": 2, "tank-1": 2})
    shutil.copytree(data, tmp_path / "copy")
    load("lasot", data).write_back(rows(boat_1="new boat"), tmp_path / "copy")
    texts = {s.name: (s.manual_text, s.status) for s in load("lasot", tmp_path / "copy")}
    assert texts == {"boat-1": ("new boat", "ok"), "tank-1": ("text of tank-1", "ok")}
    assert not list((tmp_path / "copy").rglob("*.orig"))
    assert not list((tmp_path / "copy").rglob("*.part"))


def test_a_tree_of_texts_goes_with_the_originals_frames(tmp_path: Path) -> None:
    data = lasot(tmp_path / "data", {"boat-1": 2})
    load("lasot", data).write_back(rows(boat_1="new boat"), tmp_path / "new")
    sequence = load("lasot", data, texts=tmp_path / "new")[0]
    assert (sequence.manual_text, sequence.status) == ("new boat", "ok")


def test_with_annotations_the_tree_loads_by_itself(tmp_path: Path) -> None:
    data = lasot(tmp_path / "data", {"boat-1": 2, "tank-1": 2})
    put(data / "testing_set.txt", "boat-1\ntank-1\n")
    put(data / "boat" / "boat-1" / "att.toolkit.txt", ",".join("0" * 14))
    done = load("lasot", data).write_back(rows(boat_1="new boat"), tmp_path / "new", copy_annotations=True)
    new = load("lasot", tmp_path / "new", split="test")
    assert [s.manual_text for s in new] == ["new boat", "text of tank-1"]
    for one, other in zip(new, load("lasot", data), strict=True):
        assert one.boxes.tolist() == other.boxes.tolist()
        assert one.visible is not None
        assert one.attributes == other.attributes
        assert one.visible.tolist() == other.visible.tolist()
    assert "boat/boat-1/groundtruth.txt" in done.copied
    assert not list((tmp_path / "new").rglob("*.jpg"))


def test_the_extension_gets_its_first_texts(tmp_path: Path) -> None:
    data = lasot(tmp_path / "data", {"atv-1": 2})
    (data / "atv" / "atv-1" / "nlp.txt").unlink()
    load("lasot_ext", data).write_back(rows(atv_1="a muddy atv"), tmp_path / "new")
    assert tree(tmp_path / "new") == {"atv/atv-1/nlp.txt": b"a muddy atv"}


@pytest.mark.parametrize("inside", ["boat/", ""])
def test_zips_per_class_come_out_as_folders(tmp_path: Path, inside: str) -> None:
    (tmp_path / "zips").mkdir()
    zipped(lasot(tmp_path / "data", {"boat-1": 2}) / "boat", tmp_path / "zips" / "boat.zip", inside)
    dataset = load("lasot", tmp_path / "zips")
    dataset.write_back(rows(boat_1="new"), tmp_path / "new", copy_annotations=True)
    assert set(tree(tmp_path / "new")) == {
        f"boat/boat-1/{name}.txt" for name in ("nlp", "groundtruth", "full_occlusion", "out_of_view")
    }
    assert load("lasot", tmp_path / "zips", texts=tmp_path / "new")[0].manual_text == "new"
    with pytest.raises(ChatdescError, match="its original is in an archive"):
        dataset.write_back(rows(boat_1="new"), tmp_path / "zips", in_place=True)


def test_tnl2k_and_otb_layouts(tmp_path: Path) -> None:
    name = "Cat-1"
    tnl2k(tmp_path / "tnl2k", {name: "TNL2K_train_subset/part1"})
    load("tnl2k", tmp_path / "tnl2k").write_back(rows(Cat_1="a cat"), tmp_path / "new")
    assert tree(tmp_path / "new") == {"TNL2K_train_subset/part1/Cat-1/language.txt": b"a cat"}
    otb(tmp_path / "otb", {"Jogging_2": "train"}, {"Jogging": 2, "Man": 2})
    dataset = load("otb-lang", tmp_path / "otb")
    dataset.write_back([{"sequence": "jogging-2", "text": "a"}, {"sequence": "Man", "text": "b"}], tmp_path / "otb2")
    assert tree(tmp_path / "otb2") == {"OTB_query_train/Jogging_2.txt": b"a\n", "OTB_query_test/Man.txt": b"b"}


def test_texts_of_elsewhere_are_protected_too(tmp_path: Path) -> None:
    otb(tmp_path / "frames", {}, {"Man": 2}, inside="")
    otb(tmp_path / "texts", {"Man": "test"}, {})
    dataset = load("otb-lang", tmp_path / "frames", texts=tmp_path / "texts")
    with pytest.raises(ChatdescError, match="lies in the dataset itself"):
        dataset.write_back(rows(Man="b"), tmp_path / "texts")
    dataset.write_back(rows(Man="b"), tmp_path / "texts", in_place=True)
    assert tree(tmp_path / "texts") == {
        "OTB_query_test/Man.txt": b"b\n",
        "OTB_query_test/Man.txt.orig": b"text of Man\n",
    }


def test_never_into_the_source_by_any_spelling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = lasot(tmp_path / "data", {"boat-1": 2, "tank-1": 2})
    (tmp_path / "link").symlink_to(data)
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "boat").symlink_to(data / "boat")
    elsewhere = lasot(tmp_path / "disk2", {"car-1": 2})
    (data / "car").symlink_to(elsewhere / "car")
    monkeypatch.chdir(tmp_path)
    before = tree(data)
    dataset = load("lasot", data)
    for to in (data, "data", "./x/../data", "link", "half", data / "refined", f"file://{data}"):
        with pytest.raises(ChatdescError, match="lies in the dataset itself; write to another folder"):
            dataset.write_back(rows(tank_1="ok", boat_1="no"), to)
    with pytest.raises(ChatdescError, match="lies in the dataset itself"):
        dataset.write_back(rows(car_1="no"), elsewhere)
    with pytest.raises(ChatdescError, match="lies in the dataset itself"):
        load("lasot", "link").write_back(rows(boat_1="no"), data)
    assert tree(data) == before
    assert not (tmp_path / "half" / "tank").exists()


def test_a_copy_made_of_links_leaves_the_source_alone(tmp_path: Path) -> None:
    data = lasot(tmp_path / "data", {"boat-1": 1, "boat-2": 1})
    for number, link in ((1, os.symlink), (2, os.link)):
        target = tmp_path / "copy" / "boat" / f"boat-{number}" / "nlp.txt"
        target.parent.mkdir(parents=True)
        link(data / "boat" / f"boat-{number}" / "nlp.txt", target)
    load("lasot", data).write_back(rows(boat_1="one", boat_2="two"), tmp_path / "copy")
    assert sorted(tree(tmp_path / "copy").values()) == [b"one", b"two"]
    assert (data / "boat" / "boat-1" / "nlp.txt").read_bytes() == b"text of boat-1"
    assert (data / "boat" / "boat-2" / "nlp.txt").read_bytes() == b"text of boat-2"


def test_in_place_keeps_the_first_original_for_ever(tmp_path: Path) -> None:
    data = lasot(tmp_path, {"boat-1": 2, "tank-1": 2})
    (data / "tank" / "tank-1" / "nlp.txt").unlink()
    dataset = load("lasot", data)
    done = dataset.write_back(rows(boat_1="first", tank_1="new"), data, in_place=True)
    assert done.kept == ("boat/boat-1/nlp.txt.orig",)
    assert dataset.write_back(rows(boat_1="second"), data, in_place=True).kept == ()
    assert (data / "boat" / "boat-1" / "nlp.txt").read_bytes() == b"second"
    assert (data / "boat" / "boat-1" / "nlp.txt.orig").read_bytes() == b"text of boat-1"
    assert [s.manual_text for s in load("lasot", data)] == ["second", "new"]


def test_an_empty_original_does_not_cost_the_human_text(tmp_path: Path) -> None:
    data = lasot(tmp_path, {"boat-1": 2})
    text = data / "boat" / "boat-1" / "nlp.txt"
    text.with_name("nlp.txt.orig").touch()
    load("lasot", data).write_back(rows(boat_1="new"), data, in_place=True)
    assert text.with_name("nlp.txt.orig").read_bytes() == b"text of boat-1" and text.read_bytes() == b"new"


def test_a_dangling_original_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    data = lasot(tmp_path, {"boat-1": 2, "tank-1": 2})
    (data / "tank" / "tank-1" / "nlp.txt.orig").symlink_to(tmp_path / "gone")
    before = tree(data)
    with pytest.raises(ChatdescError, match=r"nlp\.txt\.orig: is a link"):
        load("lasot", data).write_back(rows(boat_1="new", tank_1="new"), data, in_place=True)
    assert tree(data) == before and not (tmp_path / "gone").exists()


@pytest.mark.parametrize("annotations", [False, True])
def test_a_link_in_the_target_is_not_followed_out_of_it(tmp_path: Path, annotations: bool) -> None:
    data = lasot(tmp_path / "data", {"boat-1": 2, "tank-1": 2})
    (tmp_path / "outside").mkdir()
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "tank").symlink_to(tmp_path / "outside")
    texts = rows(boat_1="new") if annotations else rows(boat_1="new", tank_1="new")
    with pytest.raises(ChatdescError, match="a link leads out of"):
        load("lasot", data).write_back(texts, tmp_path / "new", copy_annotations=annotations)
    assert tree(tmp_path / "outside") == {} and not (tmp_path / "new" / "boat").exists()


def test_in_place_follows_a_class_kept_on_another_disk(tmp_path: Path) -> None:
    data, elsewhere = lasot(tmp_path / "data", {"boat-1": 2}), lasot(tmp_path / "disk2", {"car-1": 2})
    (data / "car").symlink_to(elsewhere / "car")
    load("lasot", data).write_back(rows(car_1="new"), data, in_place=True)
    assert (elsewhere / "car" / "car-1" / "nlp.txt").read_bytes() == b"new"


def test_what_is_refused_leaves_nothing_behind(tmp_path: Path) -> None:
    dataset = load("lasot", lasot(tmp_path / "data", {"boat-1": 2}))
    with pytest.raises(ChatdescError, match="no sequence 'boat-2'; did you mean boat-1"):
        dataset.write_back(rows(boat_1="a", boat_2="b"), tmp_path / "new")
    with pytest.raises(ChatdescError, match="'boat-1' comes twice"):
        dataset.write_back([*rows(boat_1="a"), *rows(boat_1="b")], tmp_path / "new")
    with pytest.raises(ChatdescError, match="written to a local folder"):
        dataset.write_back(rows(boat_1="a"), "s3://bucket/new")
    with pytest.raises(ChatdescError, match="is a file"):
        dataset.write_back(rows(boat_1="a"), put(tmp_path / "x.zip", "x"))
    assert not (tmp_path / "new").exists()


def test_a_failed_write_leaves_the_old_file_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = load("lasot", lasot(tmp_path / "data", {"boat-1": 2}))
    dataset.write_back(rows(boat_1="old"), tmp_path / "new")

    def broken(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", broken)
    with pytest.raises(OSError, match="disk full"):
        dataset.write_back(rows(boat_1="a longer new text"), tmp_path / "new")
    assert tree(tmp_path / "new") == {"boat/boat-1/nlp.txt": b"old"}


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("a cat, a dog", "a cat a dog"),
        ("number #5\r\nleft\u2028side", "number 5 left side"),
        ("caf\u00e9 \u201cbar\u201d \u2013 it\u2019s\u2026", 'cafe "bar" - it\'s...'),
        ("\u00a0wide\u3000space\ufeff", "wide space"),
        ("\u732b the cat", "\u732b the cat"),
        ("bad \udce9 byte", "bad byte"),
        ("fullwidth \uff0c comma \uff03", "fullwidth comma"),
        (" , # ", ""),
    ],
)
def test_texts_are_cleaned_for_every_reader(text: str, clean: str) -> None:
    assert clean_for_trackers(text) == clean


@given(st.text())
def test_clean_texts_are_one_line_and_stay_as_they_are(text: str) -> None:
    clean = clean_for_trackers(text)
    assert clean == clean_for_trackers(clean)
    assert not set(clean) & set(",#\n\r\t\x00\ufffd")
    assert len(clean.splitlines()) <= 1
    assert clean == clean.strip()
    clean.encode("utf-8")
