"""A story in a terminal and in a file."""

from __future__ import annotations

from rich.console import Console

from chatdesc.cli.show import _tell

STORY = "kite-1 of lasot\n\n  a text that says more than fits into one line"


def test_a_terminal_gets_lines_of_its_width_that_keep_their_indent(capsys):
    _tell(STORY, Console(width=20, force_terminal=True))
    assert capsys.readouterr().out.splitlines() == [
        "kite-1 of lasot", "", "  a text that says", "    more than fits", "    into one line",
    ]  # fmt: skip


def test_a_file_gets_whole_lines(capsys):
    _tell(STORY, Console(width=20, force_terminal=False))
    assert capsys.readouterr().out.splitlines() == STORY.splitlines()
