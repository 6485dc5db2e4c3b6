"""The card of a repository with several datasets: one section is written anew, the rest stays as it is.

>>> card = with_section(read("# Mine\\n"), "lasot", "# LaSOT")
>>> print(card, end="")
# Mine
<BLANKLINE>
<!-- chatdesc lasot: each push writes this section anew -->
# LaSOT
<!-- end of lasot -->

Each configuration has one section between two comments; the text outside them belongs to people.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from chatdesc.share.card_yaml import Card, line_of, read, written
from chatdesc.share.strict_yaml import Metadata, refused
from chatdesc.types import ChatdescError

Patterns = str | list[str]

MARK = re.compile(
    r"^<!-- (?:chatdesc ([\w-]+): each push writes this section anew|end of ([\w-]+)) -->(?=[ \t]*\r?$)", re.M
)
LISTS = ("configs", "dataset_info")


def parted(text: str) -> tuple[Metadata, str]:
    """A card's YAML and the text after it.

    Raises:
        ChatdescError: the YAML cannot be read, so it would be lost; the message has the line.
    """
    card = read(text)
    return card.metadata, card.body


def with_configuration(
    card: Card, section: str, new: Metadata, config: str, patterns: Mapping[str, Patterns], licences: Mapping[str, str]
) -> str:
    """A card with one configuration's section and YAML made anew.

    Args:
        section: its text.
        new, patterns: as for ``merged``.
        licences: the licences of the texts by configuration; a later push of another split keeps them.

    Raises:
        ChatdescError: the card has to be corrected by hand; the message has the line.
    """
    refuse_other_shapes(card)
    metadata = merged(card.metadata, new, config, patterns) | ({"text_licences": dict(licences)} if licences else {})
    return written(card, metadata, with_section(card, config, section))


def refuse_other_shapes(card: Card) -> None:
    """Refuse a card whose configurations are no mappings.

    Raises:
        ChatdescError: with the line.
    """
    for key in LISTS:
        known: list[str] = []
        for place, entry in enumerate(entries(card.metadata, key)):
            if not isinstance(entry, dict):
                raise refused(line_of(card, key, place), f"{key} is no list of mappings")
            if not isinstance(entry.get("config_name", ""), str | int | float):
                raise refused(line_of(card, key, place, "config_name"), "config_name is no word")
            if config_name(entry) in known:
                raise refused(line_of(card, key, place), f"{key} has {config_name(entry)} twice")
            known.append(config_name(entry))
    if not isinstance(card.metadata.get("text_licences") or {}, dict):
        raise refused(line_of(card, "text_licences"), "text_licences is no mapping")


def merged(old: Metadata, new: Metadata, config: str, patterns: Mapping[str, Patterns]) -> Metadata:
    """``old`` with one configuration taken from ``new``; all its other entries stay.

    Args:
        new: the YAML of a card of this configuration alone.
        patterns: the pattern, or the patterns, of the files of each of its splits.
    """
    files = [{"split": split, "path": path} for split, path in patterns.items()]
    described = {"config_name": config} | {k: v for k, v in new["dataset_info"].items() if k != "config_name"}
    result = {**new, **old}  # what people changed goes first
    result["configs"] = _replaced(entries(old, "configs"), config, {"config_name": config, "data_files": files})
    infos = _replaced(entries(old, "dataset_info"), config, described)
    result["dataset_info"] = infos[0] if len(infos) == 1 else infos
    return result


def entries(metadata: Metadata, key: str) -> list[Metadata]:
    """``configs`` or ``dataset_info`` as a list; a single entry may come without one."""
    listed = metadata.get(key)
    if listed is None:
        return []
    return listed if isinstance(listed, list) else [listed]


def entry(metadata: Metadata, key: str, config: str) -> Metadata:
    """The entry of a configuration in ``configs`` or ``dataset_info``; empty if it has none."""
    return next((known for known in entries(metadata, key) if config_name(known) == config), {})


def config_name(entry: Metadata) -> str:
    """The configuration that an entry is about."""
    return str(entry.get("config_name", "default"))


def patterns_of(card: Card, config: str) -> dict[str, Patterns]:
    """The pattern, or the patterns, of the files of each split of a configuration.

    Raises:
        ChatdescError: they are not listed by split; the message has the line.
    """
    names = [config_name(one) for one in entries(card.metadata, "configs")]
    files = entry(card.metadata, "configs", config).get("data_files") or []
    if not isinstance(files, list) or not all(map(_of_split, files)):
        line = line_of(card, "configs", names.index(config), "data_files")
        raise ChatdescError(
            f"the repository's README.md, line {line}: {config} has no list of splits and their paths under "
            "data_files; list them there, or choose another --config"
        )
    return {file["split"]: file["path"] for file in files}


def _of_split(file: object) -> bool:
    if not isinstance(file, dict) or not isinstance(file.get("split"), str):
        return False
    paths = file.get("path")
    return isinstance(paths, str) or (isinstance(paths, list) and all(isinstance(path, str) for path in paths))


def _replaced(known: list[Metadata], config: str, new: Metadata) -> list[Metadata]:
    if config not in map(config_name, known):
        return [*known, new]
    return [{**entry, **new} if config_name(entry) == config else entry for entry in known]


def with_section(card: Card, config: str, section: str) -> str:
    """The card's text with a configuration's section replaced in its place, or added at the end.

    Raises:
        ChatdescError: the section's comments do not enclose it once; the message has the line.
    """
    whole = _section(config, section).replace("\n", card.newline)
    place = _place(card, config)
    if place is not None:
        return card.body[: place[0]] + whole + card.body[place[1] :]
    body, end = card.body, card.newline
    ended = not body or body.endswith("\n")
    gap = ("" if ended else end) + ("" if not body.strip() or body.endswith(2 * end) else end)
    return f"{body}{gap}{whole}{end}"


def _section(config: str, section: str) -> str:
    first, last = f"<!-- chatdesc {config}: each push writes this section anew -->", f"<!-- end of {config} -->"
    inner = MARK.sub(lambda mark: mark[0].replace("<", "&lt;"), section.strip())  # a value must not end the section
    return f"{first}\n{inner}\n{last}"


def _place(card: Card, config: str) -> tuple[int, int] | None:
    """Where the section of a configuration begins and ends; None if it has none."""
    marks = list(MARK.finditer(card.body))
    begins = [place for place, mark in enumerate(marks) if mark[1] == config]
    if not begins:
        return None
    first = marks[begins[0]]
    if len(begins) > 1:
        raise _misplaced(card, marks[begins[1]], f"the section of {config} begins twice")
    following = next(iter(marks[begins[0] + 1 :]), None)
    if following is None or following[2] != config:
        raise _misplaced(
            card, first, f"the section of {config} begins here, and <!-- end of {config} --> does not follow"
        )
    return first.start(), following.end()


def _misplaced(card: Card, mark: re.Match[str], what: str) -> ChatdescError:
    return refused(card.body_line + card.body.count("\n", 0, mark.start()), what)
