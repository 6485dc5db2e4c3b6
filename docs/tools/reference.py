"""Write what the documentation takes from the code: the command reference, and tables within other pages.

    python docs/tools/reference.py           # writes docs/commands.md, and the generated part of other pages
    python docs/tools/reference.py --check   # writes nothing; exit code 1 where a page differs from the code

A page takes a table between ``<!-- generated NAME: begin -->`` and ``<!-- generated NAME: end -->``.
"""

from __future__ import annotations

import inspect
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

import typer

import chatdesc
from chatdesc.backends import BUILTIN
from chatdesc.cli.main import app
from chatdesc.metrics.protocols import PROTOCOLS
from chatdesc.rows import schema

DOCS = Path(__file__).resolve().parents[1]
PRESETS = Path(chatdesc.__file__).parent / "presets"
BLOCK = re.compile(r"(<!-- generated (\w+): begin -->\n).*?(<!-- generated \2: end -->)", re.DOTALL)

COMMANDS_HEAD = """\
# Commands

This page is generated from the program: `python docs/tools/reference.py`. `chatdesc COMMAND --help` prints the same.

Exit codes: 0 done, 1 some sequences failed (or `doctor` found something missing, or `audit --strict` too many faults),
2 an error in the command or in the data, 3 a fault of the machine (disk full, permissions, input and output),
130 interrupted.
"""


def commands_page() -> str:
    """docs/commands.md: one section per command, in the order and under the headings of ``chatdesc --help``."""
    group: Any = typer.main.get_command(app)
    panels: dict[str, list[tuple[str, Any]]] = {}
    for name, command in group.commands.items():
        if not command.hidden:
            panels.setdefault(_panel(command, ""), []).append((name, command))
    parts = [COMMANDS_HEAD]
    for panel, commands in panels.items():
        parts += [f"## {panel}\n"] if panel else []
        parts += [_command(name, command, "###" if panel else "##") for name, command in commands]
    return "\n".join(parts)


def _command(name: str, command: Any, heading: str) -> str:
    hints = {p.name: p.annotation for p in inspect.signature(command.callback, eval_str=True).parameters.values()}
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and not p.hidden and p.name != "help"]
    places = [_place(p) if p.required else f"[{_place(p)}]" for p in arguments]
    needed = [_spelling(p, hints[p.name]) for p in options if p.required]
    usage = " ".join(["chatdesc", name, *places, *needed, "[OPTIONS]"])
    lines = [f"{heading} {name}\n", *_help(command.help or ""), "```text", usage, "```", ""]
    if arguments:
        lines += ["| argument | meaning |", "| --- | --- |"]
        lines += [f"| `{_place(p)}` | {_cell(p.help)} |" for p in arguments]
        lines.append("")
    for panel, members in _by_panel(options):
        lines += [f"| {panel} | default | meaning |", "| --- | --- | --- |"]
        for option in members:
            default, meaning = _default_and_help(option)
            lines.append(f"| `{_spelling(option, hints[option.name])}` | {default} | {meaning} |")
        lines.append("")
    return "\n".join(lines)


def _help(text: str) -> Iterator[str]:
    """A command's help as Markdown: prose, and its example commands as one console block."""
    examples: list[str] = []
    for paragraph in re.split(r"\n\s*\n", text):
        words = " ".join(line.strip() for line in paragraph.splitlines()).replace("\b", "").strip()
        head, colon, rest = words.partition(":")
        if colon and head in ("Example", "Examples"):
            examples += [rest.strip()] if rest.strip() else []
        elif words.startswith("chatdesc "):
            examples.append(words)
        elif words:
            yield _markdown(words)
            yield ""
    if examples:
        yield from ("```console", *examples, "```", "")


def _markdown(words: str) -> str:
    """Help text as Markdown: without the marks for a terminal, with single back-ticks."""
    return re.sub(r"\[/?(bold|dim|italic)\]", "", words).replace("``", "`")


def _by_panel(options: list[Any]) -> Iterator[tuple[str, list[Any]]]:
    panels: dict[str, list[Any]] = {}
    for option in options:
        panels.setdefault(_panel(option, "option"), []).append(option)
    yield from panels.items()


def _panel(thing: Any, otherwise: str) -> str:
    """Typer keeps a place-holder object where no panel was named."""
    panel = getattr(thing, "rich_help_panel", None)
    return panel if isinstance(panel, str) else otherwise


def _place(argument: Any) -> str:
    return str(argument.metavar or argument.name.upper())


def _spelling(option: Any, hint: Any) -> str:
    names = ", ".join(option.opts) + "".join(f" / {name}" for name in option.secondary_opts)
    return names if option.is_flag else f"{names} {option.metavar or _value(hint)}".replace("|", "\\|")


def _value(hint: Any) -> str:
    """The placeholder of an option's value: ``N`` for a whole number, ``a|b`` for a choice."""
    if get_origin(hint) is Annotated:
        return _value(get_args(hint)[0])
    if get_origin(hint) in (Union, UnionType):
        return _value(next(part for part in get_args(hint) if part is not NoneType))
    if get_origin(hint) in (list, tuple):
        return _value(get_args(hint)[0])
    if get_origin(hint) is Literal:
        return "|".join(map(str, get_args(hint)))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return "|".join(str(member.value) for member in hint)
    return {int: "N", float: "NUMBER", Path: "PATH"}.get(hint, "TEXT")


def _default_and_help(option: Any) -> tuple[str, str]:
    """The two last cells of an option; a default that the help text ends with moves into its own cell."""
    meaning, _, said = _cell(option.help).partition(" (default: ")
    if option.required:
        return "required", meaning
    if said:
        return said.removesuffix(")"), meaning
    value = option.show_default if isinstance(option.show_default, str) else option.default
    if value is None or value is False or value in ((), []) or callable(value):
        return "", meaning
    return str(getattr(value, "value", value)), meaning


def _cell(text: str | None) -> str:
    return _markdown(" ".join((text or "").split())).replace("|", "\\|")


def columns_tables() -> str:
    """The tables of docs/rows.md: the columns of a row, then the fields of the columns that are structures."""
    hints = get_type_hints(schema.Row, include_extras=True)
    lines = ["| column | type | meaning |", "| --- | --- | --- |"]
    lines += [f"| `{name}` | {_type(hints[name])} | {_cell(text)} |" for name, text in schema.COLUMNS.items()]
    seen: list[type] = []
    for kind in hints.values():
        inner = _structure(kind)
        if inner is None or inner in seen:
            continue
        seen.append(inner)
        users = [f"`{name}`" for name, other in hints.items() if _structure(other) is inner]
        lines += ["", f"### {inner.__name__}: {', '.join(users)}", "", _cell(inner.__doc__), ""]
        lines += ["| field | type |", "| --- | --- |"]
        fields = get_type_hints(inner, include_extras=True)
        lines += [f"| `{name}` | {_type(part)} |" for name, part in fields.items()]
    return "\n".join(lines) + "\n"


def _structure(kind: Any) -> type | None:
    """The TypedDict in a column's type, alone, in a list, or beside None."""
    if is_typeddict(kind):
        return kind
    return next((found for part in get_args(kind) if (found := _structure(part)) is not None), None)


def _type(kind: Any) -> str:
    if kind is schema.Box:
        return "box"
    if get_origin(kind) in (Union, UnionType):
        [inner] = [part for part in get_args(kind) if part is not NoneType]
        return f"{_type(inner)} or null"
    if get_origin(kind) is list:
        return f"list of {_type(get_args(kind)[0])}"
    return str(kind.__name__)


def presets_table() -> str:
    """The models of each preset, and how much it downloads."""
    lines = ["| preset | describer | grounder | tracker | encoders | download |", "| --- " * 6 + "|"]
    for path in sorted(PRESETS.glob("*.toml"), key=lambda path: (path.stem != "offline", path.stem)):
        preset = tomllib.loads(path.read_text(encoding="utf-8"))
        size = sum(model["gigabytes"] for model in preset.get("models", []))
        specs = [preset["describer"], preset["grounder"], preset["tracker"], ", ".join(preset["encoders"])]
        download = f"{size:.1f} GB" if size else "none"
        cells = [f"`{path.stem}`", *(spec.replace(":", ": ", 1) for spec in specs), download]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def backends_table() -> str:
    """The names of the backends of each role."""
    lines = ["| role | names |", "| --- | --- |"]
    lines += [f"| {role} | {', '.join(f'`{name}`' for name in names)} |" for role, names in BUILTIN.items()]
    return "\n".join(lines) + "\n"


def protocols_table() -> str:
    """The protocols with the toolkits that they follow."""
    lines = ["| protocol | follows | marks of absence count on |", "| --- | --- | --- |"]
    for rules in PROTOCOLS.values():
        everywhere = "all datasets that have them" if rules.absent_is_miss else "none"
        absence = ", ".join(rules.absent_of or ()) or everywhere
        lines.append(f"| `{rules.name}` | {rules.source} | {absence} |")
    return "\n".join(lines) + "\n"


def checks_table() -> str:
    """The checks of an audit, in the order of their names."""
    lines = ["| check | kinds | what it does |", "| --- | --- | --- |"]
    checks = chatdesc.list_checks()
    lines += [f"| `{check['check']}` | {check['kinds']} | {_cell(check['about'])} |" for check in checks]
    return "\n".join(lines) + "\n"


TABLES: dict[str, Callable[[], str]] = {
    "columns": columns_tables,
    "presets": presets_table,
    "backends": backends_table,
    "protocols": protocols_table,
    "checks": checks_table,
}


def pages() -> dict[Path, str]:
    """Path -> the text that it must have.

    Raises:
        KeyError: a page asks for a table that is not in TABLES.
    """
    texts = {DOCS / "commands.md": commands_page()}
    for path in sorted(DOCS.glob("*.md")):
        text = path.read_text(encoding="utf-8")
        if path not in texts and BLOCK.search(text):
            texts[path] = BLOCK.sub(lambda block: block[1] + TABLES[block[2]]() + block[3], text)
    return texts


def main() -> None:
    stale = [p for p, text in pages().items() if not p.is_file() or p.read_text(encoding="utf-8") != text]
    if "--check" in sys.argv[1:]:
        for path in stale:
            print(f"{path}: differs from the code; run: python docs/tools/reference.py")
        sys.exit(bool(stale))
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
        print(f"written: {path}")


if __name__ == "__main__":
    main()
