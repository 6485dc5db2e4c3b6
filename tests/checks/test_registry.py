"""Checks by name, built in or from other packages."""

from __future__ import annotations

import sys

import pytest

from chatdesc.checks import BUILTIN, available, create
from chatdesc.checks.base import KINDS, Check, Subject
from chatdesc.types import ChatdescError


def test_every_built_in_check_is_one():
    for name, check in zip(BUILTIN, create(list(BUILTIN)), strict=True):
        assert isinstance(check, Check) and check.name == name
        assert set(check.kinds) <= set(KINDS) and check.describe_self()["name"] == name
        check.prepare([])
        assert check.find(Subject("bus-1", "")) == [] or name == "data"


def test_names_are_taken_in_order_and_once():
    assert [check.name for check in create(["formatting", "data", "formatting"])] == ["formatting", "data"]
    with pytest.raises(ChatdescError, match="'formating'; did you mean formatting"):
        create(["formating"])


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """A package with entry points: a check, one that replaces ours, one that is no check, and one that is not there."""
    (tmp_path / "brokenchecks.py").write_text("raise OSError('no list of words')")
    (tmp_path / "mychecks.py").write_text(
        "class Loud:\n"
        "    name, kinds = 'loud', ('formatting',)\n"
        "    def prepare(self, subjects): pass\n"
        "    def find(self, subject): return []\n"
        "    def describe_self(self): return {'name': 'loud'}\n"
        "class Heavy(Loud):\n"
        "    def __init__(self): raise OSError('no list of words')\n"
    )
    info = tmp_path / "mychecks-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mychecks\nVersion: 1\n")
    lines = ["loud = mychecks:Loud", "data = mychecks:Loud", "odd = builtins:int", "gone = nowhere:Gone"]
    lines += ["heavy = mychecks:Heavy", "broken = brokenchecks:Broken"]
    (info / "entry_points.txt").write_text("\n".join(["[chatdesc.checks]", *lines]))
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("mychecks", None)


@pytest.mark.usefixtures("packages")
def test_checks_of_other_packages():
    assert [check.name for check in create(["loud"])] == ["loud"]
    assert available()["data"] == BUILTIN["data"]  # ours stay ours
    for name, why in (("gone", "No module named"), ("heavy", "no list of words"), ("broken", "no list of words")):
        with pytest.raises(ChatdescError, match=rf"check {name}: .* cannot be made .*{why}.*leave it out"):
            create([name])
    with pytest.raises(ChatdescError, match="check odd: builtins:int is no check"):
        create(["odd"])
