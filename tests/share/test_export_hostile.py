"""Rows as nobody should make them, through every layout: nothing leads out or is half written, all are counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatdesc.share.export import export, layouts
from chatdesc.types import ChatdescError
from tests.makers.full_rows import row
from tests.standins.hostile_rows import hostile_rows

ROWS = hostile_rows(seed=12, count=80)


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("layout", layouts())
def test_every_row_is_written_or_refused_by_name_alone_and_among_others(tmp_path, layout):
    alone = [_outcome(one, layout, tmp_path / str(number)) for number, one in enumerate(ROWS)]
    assert "written" in alone and "refused" in alone
    rows, outcomes = zip(*_without_rivals(ROWS, alone), strict=True)
    done = export([row("good-1"), *rows], tmp_path / "to", layout)
    assert files(tmp_path / "to") == {tmp_path / "to" / path for path in done.written}
    assert (len(done.refused), done.skipped) == (outcomes.count("refused"), outcomes.count("skipped"))


def _outcome(one, layout, place):
    """What becomes of a row alone; nothing of a refused one is in the target, and nothing beside it."""
    to = place / "a" / "to"
    try:
        done = export([one], to, layout)
    except ChatdescError as error:
        message = str(error)
    else:
        message = ""
    if message:
        assert not place.exists() and len(message) < 1000, message
        return "skipped" if message == "no row has a text" else "refused"
    assert files(place) == {to / path for path in done.written}
    return "written"


def _without_rivals(rows, outcomes):
    """Rows of which no two have a text for one sequence; a user chooses among such rows."""
    taken = {}
    for one, outcome in zip(rows, outcomes, strict=True):
        if outcome != "written" or taken.setdefault(one["sequence"], one) is one:
            yield one, outcome


@pytest.mark.parametrize("layout", layouts())
def test_a_target_that_others_prepared(tmp_path, layout):
    """Links that lead out, folders where a file belongs, files where a folder belongs."""
    outside = tmp_path / "outside"
    outside.mkdir()
    places = list(export([row()], tmp_path / "plain", layout).written)
    for number, prepare in enumerate((_link_out, _folder, _file_above)):
        to = tmp_path / str(number)
        if not prepare(to, Path(places[-1]), outside):
            continue
        before = files(to)
        with pytest.raises(ChatdescError, match=r"nothing was written|belongs there|leads out"):
            export([row()], to, layout, overwrite=True)
        assert files(to) == before and not files(outside)


def _link_out(to, path, outside):
    to.mkdir()
    (to / path.parts[0]).symlink_to(outside)
    return len(path.parts) > 1


def _folder(to, path, outside):
    (to / path).mkdir(parents=True)
    return True


def _file_above(to, path, outside):
    to.mkdir()
    (to / path.parts[0]).write_text("mine")
    return len(path.parts) > 1
