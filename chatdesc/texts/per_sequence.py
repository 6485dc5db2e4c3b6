"""Layouts with a text file per sequence: nlp.txt, language.txt, OTB's queries, DTVLT's lines, VOTS' prompts.

>>> lines_by_frame("0 a red bus\\n99 the bus", "bus-2.txt")
{0: 'a red bus', 100: 'the bus'}
>>> prompts("name=bus-2\\nprompts=a red bus;the bus\\n")
['a red bus', 'the bus']
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePosixPath

from chatdesc.loaders.files import Root
from chatdesc.names import some
from chatdesc.texts.mappings import after, frame_number, said_of
from chatdesc.texts.said import Said, SequenceTexts, texts_of
from chatdesc.types import ChatdescError

LINE = re.compile(r"([0-9]{1,8}) +(\S.*)")
Parsed = Mapping[int, str] | Iterable[str]


def read_files(root: Root, paths: list[str], layout: str) -> Said:
    """The texts of a layout's files.

    Raises:
        ChatdescError: a file cannot be read, or two have another text for one sequence.
    """
    parse, named_by_folder = LAYOUTS[layout]
    found: dict[str, SequenceTexts | None] = {}
    places: dict[str, str] = {}
    for path in paths:
        name, place = _sequence(root, path, named_by_folder), f"{root.name}/{path}"
        texts = texts_of(parse(contents(root, path), place))
        if found.setdefault(name, texts) != texts:
            raise ChatdescError(f"{name}: {places[name]} and {place} have other texts for it; name one of the folders")
        places.setdefault(name, place)
    return said_of(found)


def contents(root: Root, path: str) -> str:
    """A file's text; bytes that are no UTF-8 stay as the loaders keep them.

    Raises:
        ChatdescError: the file cannot be read.
    """
    try:
        return root.read(path).decode("utf-8-sig", "surrogateescape")
    except OSError as error:
        raise ChatdescError(f"{root.name}/{path}: cannot be read ({error.strerror})") from None


def lines_by_frame(content: str, where: str) -> dict[int, str]:
    """Texts of ``<frame> <text>`` lines: each holds from the frame after its own on, the first from frame 0.

    Raises:
        ChatdescError: a line is none; the message names it.
    """
    timed: dict[int, str] = {}
    for number, line in enumerate(_lines(content), 1):
        if not line.strip():
            continue
        at = f"{where}, line {number}"
        if not (match := LINE.fullmatch(line.strip())):
            raise ChatdescError(f"{at}: {line[:40]!r} is no '<frame> <text>'; write the frame, a space, and the text")
        if timed.setdefault(after(frame_number(match[1], at)), match[2]) != match[2]:
            raise ChatdescError(f"{at}: two texts for one frame; keep one of them")
    return timed


def prompts(properties: str, where: str = "") -> list[str]:
    """The prompts of a properties file of VOTS; none where it has no such line."""
    lines = (line.partition("=") for line in _lines(properties))
    return [prompt for key, _, value in lines if key.strip() == "prompts" for prompt in value.split(";")]


def flat_layout(root: Root, paths: list[str]) -> str:
    """The layout of a folder of nothing but NAME.txt: with frames on every line, or without on any.

    Raises:
        ChatdescError: some files have frames and some have not.
    """
    framed = [path for path in paths if _is_framed(contents(root, path))]
    if framed and len(framed) < len(paths):
        plain = [path for path in paths if path not in framed]
        raise ChatdescError(
            f"{root.name}: {some(framed, 2)} begins every line with a number, the first with 0, as DTVLT does, and "
            f"{some(plain, 2)} does not; say SOURCE#dtvlt if these are frames, else SOURCE#otb-lang"
        )
    return "dtvlt" if framed else "otb-lang"


def _is_framed(content: str) -> bool:
    """Whether all lines begin with a number, the first with that of the first frame."""
    lines = [LINE.fullmatch(line.strip()) for line in _lines(content) if line.strip()]
    return bool(lines) and all(lines) and lines[0] is not None and not int(lines[0][1])


def _lines(content: str) -> list[str]:
    """The lines that a file read as text has; other characters that ``splitlines`` knows end none."""
    return content.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _sequence(root: Root, path: str, named_by_folder: bool) -> str:
    whole = PurePosixPath(root.name, path)
    return whole.parent.name if named_by_folder else whole.name.removesuffix(".txt")


def _whole(content: str, where: str) -> list[str]:
    return [content]


LAYOUTS: dict[str, tuple[Callable[[str, str], Parsed], bool]] = {
    "lasot": (_whole, True),
    "tnl2k": (_whole, True),
    "otb-lang": (_whole, False),
    "dtvlt": (lines_by_frame, False),
    "vots": (prompts, True),
}
