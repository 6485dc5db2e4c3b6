"""The code blocks of README.md and docs/*.md, and what a command line in them asks for."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import typer

from chatdesc.backends import resolve, split_spec
from chatdesc.cli.main import app
from chatdesc.config import presets
from chatdesc.types import ChatdescError

ROOT = Path(__file__).resolve().parents[2]
PAGES = [page for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))] if page.is_file()]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LANGUAGES = {"console", "python", "text"}
ROLES = {"describer": "describer", "grounder": "grounder", "judge": "grounder", "tracker": "tracker"}


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and the line of the page on which the text begins."""

    page: Path
    line: int
    language: str
    text: str

    @property
    def place(self) -> str:
        return f"{self.page.name}:{self.line}"


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [Block(page, text.count("\n", 0, m.start(2)) + 1, m[1], m[2]) for m in FENCE.finditer(text)]


def command_lines(language: str = "console") -> dict[str, list[str]]:
    """Every command line of all pages -> the places where it is written."""
    lines: dict[str, list[str]] = {}
    for page in PAGES:
        for block in blocks(page):
            for number, line in enumerate(block.text.splitlines()):
                words = shlex.split(line, comments=True) if block.language == language else []
                if words:
                    lines.setdefault(shlex.join(words), []).append(f"{page.name}:{block.line + number}")
    return lines


def parse(line: str) -> dict[str, object]:
    """A ``chatdesc`` command line as the values of its parameters; nothing is run.

    Raises:
        Exception: the program refuses the line, or a backend or preset in it does not exist.
    """
    name, *arguments = shlex.split(line)[1:]
    group = typer.main.get_command(app)
    if name not in group.commands:
        raise ChatdescError(f"there is no command {name!r}")
    values = group.commands[name].make_context(name, arguments).params
    for option, role in ROLES.items():
        if values.get(option) not in (None, "none"):
            resolve(role, split_spec(str(values[option]))[0])
    if values.get("preset") not in (None, *presets()):
        raise ChatdescError(f"there is no preset {values['preset']!r}")
    return values


def needs_models(line: str) -> bool:
    """Whether a command needs models that are not at hand, an environment of its own, or minutes."""
    models = r"--preset (?!offline)|--judge|-describer|--grounder|ViT-|RN50|external(?:-text)?:|chatdesc demo"
    return bool(re.search(models, line))
