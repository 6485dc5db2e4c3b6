"""The progress bar, and the exit codes that README names."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from chatdesc.cli.console import Exit, progress_bar


@pytest.fixture
def console():
    return Console(file=io.StringIO(), width=100, force_terminal=True, color_system=None)


def printed(console):
    return console.file.getvalue()


def test_exit_codes():
    assert [*map(int, (Exit.DONE, Exit.FAILED_ROWS, Exit.USAGE, Exit.MACHINE, Exit.INTERRUPTED))] == [0, 1, 2, 3, 130]


def test_the_bar_shows_count_and_note(console):
    with progress_bar(console, "annotate") as progress:
        progress(0, 3, "")
        progress(3, 3, "IoU 0.20 > 0.90")
    assert re.search(r"annotate .* 3/3 .* IoU 0\.20 > 0\.90", printed(console))


def test_work_of_an_earlier_run_is_said_and_counts(console):
    with progress_bar(console, "annotate") as progress:
        progress(2, 3, "")
        progress(3, 3, "")
    assert printed(console).startswith("2 of 3 sequences are finished already")
    assert "3/3" in printed(console)


def test_nothing_to_do_draws_no_bar(console):
    with progress_bar(console, "annotate") as progress:
        progress(3, 3, "")
    assert printed(console) == "3 of 3 sequences are finished already\n"


def test_a_bar_that_does_not_stay_leaves_nothing_in_a_file():
    console = Console(file=io.StringIO(), width=100, force_terminal=False)
    with progress_bar(console, "report", transient=True) as progress:
        progress(0, 3, "")
        progress(3, 3, "")
    assert printed(console) == ""


def test_an_error_before_the_work_prints_nothing(console):
    with pytest.raises(ValueError, match="no"), progress_bar(console, "annotate"):
        raise ValueError("no")
    assert printed(console) == ""


def test_another_total_begins_another_part_of_the_work(console):
    with progress_bar(console, "compare") as progress:
        for done, total in ((0, 3), (3, 3), (0, 70), (69, 70)):
            progress(done, total, "")
    assert "69/70" in printed(console)
