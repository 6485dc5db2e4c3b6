"""Safe corrections: as a tree, as a patch, and never in the source."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chatdesc
from chatdesc.checks.fix import apply, correct, is_safe
from chatdesc.checks.patch import patch
from chatdesc.types import ChatdescError
from tests.checks.makers import a_finding, dataset, texts_of
from tests.makers.datasets import put, tnl2k, zipped

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
ODD = {
    "bus-1": "a  red bus", "bus-2": "a red bus", "bus-3": b"caf\xe9 bus \r\n", "cat-1": "two\nlines\n", "cat-2": None,
    "cat-3": "", "cat-4": "a (cat",
}  # fmt: skip
RIGHT = {"bus/bus-1": b"a red bus", "bus/bus-3": "café bus\r\n".encode(), "cat/cat-1": b"two lines\n"}


def files(root):
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_new_tree_and_the_source_as_it_was(tmp_path):
    root = dataset(tmp_path / "data", ODD)
    before = files(root)
    done = chatdesc.fix("lasot", root, to=tmp_path / "new", checks=["formatting"])
    assert files(root) == before
    written = files(tmp_path / "new")
    assert written == {name: text for name, text in before.items() if name.endswith("nlp.txt")} | {
        f"{name}/nlp.txt": text for name, text in RIGHT.items()
    }
    assert [change.sequence for change in done.changes] == ["bus-1", "bus-3", "cat-1"]
    assert (done.texts, done.left) == (5, 1)  # the bracket
    assert done.table()["before"].to_list() == ["a  red bus", "caf\\xe9 bus \r\n", "two\nlines\n"]
    again = chatdesc.load("lasot", root, texts=tmp_path / "new")
    assert again["bus-1"].manual_text == "a red bus" and again["cat-4"].manual_text == "a (cat"


@needs_git
def test_git_applies_the_patch_and_takes_it_back(tmp_path):
    root = dataset(tmp_path / "data", ODD)
    before = files(root)
    done = chatdesc.fix("lasot", root, patch=tmp_path / "texts.patch", checks=["formatting"])
    assert (tmp_path / "texts.patch").read_bytes() == done.diff
    subprocess.run(["git", "apply", str(done.patch)], cwd=root, check=True)
    assert files(root) == before | {f"{name}/nlp.txt": text for name, text in RIGHT.items()}
    subprocess.run(["git", "apply", "-R", str(done.patch)], cwd=root, check=True)
    assert files(root) == before


def test_nothing_is_written_without_a_place(tmp_path):
    root = dataset(tmp_path, ODD)
    before = files(tmp_path)
    assert chatdesc.fix("lasot", root, checks=["formatting"]).diff.count(b"\n+++ ") == 3
    assert files(tmp_path) == before


def test_texts_in_an_archive(tmp_path):
    tnl2k(tmp_path / "data", {"a": "TNL2K_train_subset"})
    archive = zipped(tmp_path / "data", tmp_path / "TNL2K.zip")
    before = archive.read_bytes()
    chatdesc.fix("tnl2k", archive, to=tmp_path / "new", checks=["formatting"])
    assert files(tmp_path / "new") == {"TNL2K_train_subset/a/language.txt": b"text of a"}
    assert archive.read_bytes() == before


@pytest.mark.parametrize("option", ["to", "patch"])
def test_places_that_are_refused(tmp_path, option):
    root = dataset(tmp_path / "data", ODD)
    (tmp_path / "link").symlink_to(root)
    put(tmp_path / "full" / "file", "mine")
    for place, why in ((root / "new", "lies in the dataset"), (tmp_path / "link" / "new", "lies in the dataset"),
                       (tmp_path / "full", "exists already"), (root, "lies in the dataset")):  # fmt: skip
        with pytest.raises(ChatdescError, match=why):
            chatdesc.fix("lasot", root, **{option: place}, checks=["formatting"])
    with pytest.raises(ChatdescError, match="lies in the dataset"):
        chatdesc.fix("lasot", tmp_path / "link", **{option: root / "new"}, checks=["formatting"])
    assert files(tmp_path / "full") == {"file": b"mine"}


def test_confidence_is_a_share(tmp_path):
    with pytest.raises(ChatdescError, match="between 0 and 1"):
        chatdesc.fix("lasot", dataset(tmp_path, ODD), confidence=90)


def test_checks_that_find_nothing_to_correct_are_refused(tmp_path):
    root = dataset(tmp_path, ODD)
    with pytest.raises(ChatdescError, match=r"--checks grammar,duplicate: .* some of formatting, non-word, real-word"):
        chatdesc.fix("lasot", root, checks=["formatting", "grammar", "duplicate"])


@pytest.mark.parametrize(
    ("finding", "safe"),
    [
        (a_finding("formatting", span=(0, 1), suggestion=""), True),
        (a_finding("formatting", span=(0, 1)), False),
        (a_finding("typo", span=(0, 1), suggestion="kite", confidence=0.9), True),
        (a_finding("typo", span=(0, 1), suggestion="kite", confidence=0.89), False),
        (a_finding("typo", span=(0, 1), suggestion="kite"), False),
        (a_finding("typo", span=(0, 1), confidence=1.0), False),
        (a_finding("grammar", span=(0, 1), suggestion="kite", confidence=1.0), False),
        (a_finding("formatting", suggestion="kite"), False),
    ],
)
def test_what_is_safe(finding, safe):
    assert is_safe(finding, 0.9) is safe


class Misspelt:
    """Says that the first word is wrong, with a confidence that the text names."""

    name, kinds = "misspelt", ("typo",)

    def prepare(self, subjects):
        pass

    def find(self, subject):
        return [a_finding("typo", span=(0, 4), suggestion="kite", confidence=float(subject.text.split()[1]))]

    def describe_self(self):
        return {"name": self.name}


def test_words_are_corrected_from_a_confidence_on_and_once():
    sure, unsure = correct(texts_of("kyte 0.95", "kyte 0.5"), [Misspelt()], 0.9)
    assert (sure.text, len(sure.findings), sure.left) == ("kite 0.95", 1, 0)
    assert (unsure.text, unsure.findings, unsure.left) == ("kyte 0.5", (), 1)


def test_overlapping_suggestions_are_not_mixed():
    one, two, three = (
        a_finding("formatting", span=span, suggestion=new) for span, new in (((0, 3), "A"), ((2, 5), "B"), ((5, 6), ""))
    )
    assert apply("abcdefg", [three, two, one]) == ("Adeg", [one, three])


BYTES = (b"a", b"b", b" ", b"\r", b"\n", b"\xe9", b"\\", b"-", b"+")
LINES = st.lists(st.sampled_from(BYTES), max_size=12).map(b"".join)
NAMES = ("nlp.txt", "with space/nlp.txt", 'q"uote.txt', "back\\slash.txt", "caf\u00e9.txt", "tab\t.txt")


@needs_git
@pytest.mark.parametrize("name", NAMES)
def test_names_in_a_patch(tmp_path, name):
    assert (b"\t\n" in patch(name, b"old", b"new")) is (" " in name)  # as git and GNU patch expect
    put(tmp_path / name, "old")
    put(tmp_path.parent / f"{tmp_path.name}.patch", patch(name, b"old", b"new\n"))
    subprocess.run(["git", "apply", str(tmp_path.parent / f"{tmp_path.name}.patch")], cwd=tmp_path, check=True)
    assert (tmp_path / name).read_bytes() == b"new\n"


@needs_git
@pytest.mark.slow
@given(before=LINES.filter(bool), after=LINES.filter(bool))
def test_any_content_goes_there_and_back(tmp_path_factory, before, after):
    folder = tmp_path_factory.mktemp("patched")
    put(folder / "in" / "a.txt", before)
    put(folder / "a.patch", patch("a.txt", before, after))
    for options, expected in (((), after), (("-R",), before)):
        if before != after:
            subprocess.run(["git", "apply", *options, "../a.patch"], cwd=folder / "in", check=True, capture_output=True)
        assert (folder / "in" / "a.txt").read_bytes() == expected
