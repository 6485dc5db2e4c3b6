"""The card of a repository with several datasets: one section is written anew, the rest stays as it is.

>>> metadata, body = parted("---\\nlicense: mit\\n---\\n# Mine\\n")
>>> metadata, body
({'license': 'mit'}, '# Mine\\n')
>>> print(joined(metadata, with_section(body, "lasot", "# LaSOT")), end="")
---
license: mit
---
<BLANKLINE>
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
from typing import Any

from chatdesc.types import ChatdescError

Metadata = dict[str, Any]  # YAML that people may have written: any keys, any values
Patterns = str | list[str]

FRONT = re.compile(r"\A---[ \t]*\r?\n(.*?)^---[ \t]*(?:\r?\n|\Z)", re.S | re.M)


def parted(text: str) -> tuple[Metadata, str]:
    """A card's YAML and the text after it.

    Raises:
        ChatdescError: the YAML cannot be read, so it would be lost.
    """
    import yaml

    match = FRONT.match(text)
    if not match:
        return {}, text
    try:
        metadata = yaml.safe_load(match[1]) or {}
    except yaml.YAMLError as error:
        raise ChatdescError(
            f"the YAML of the repository's README.md cannot be read; correct it there: {error}"
        ) from error
    if not isinstance(metadata, dict):
        raise ChatdescError("the YAML of the repository's README.md is no mapping; correct it there")
    return metadata, text[match.end() :]


def joined(metadata: Metadata, body: str) -> str:
    """A card from its YAML and its text, as ``parted`` takes them apart."""
    import yaml

    front = yaml.safe_dump(metadata, sort_keys=False, allow_unicode=True, width=10**6)
    return f"---\n{front}---\n\n{body.strip()}\n"


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
    listed = metadata.get(key) or []
    return listed if isinstance(listed, list) else [listed]


def entry(metadata: Metadata, key: str, config: str) -> Metadata:
    """The entry of a configuration in ``configs`` or ``dataset_info``; empty if it has none."""
    return next((known for known in entries(metadata, key) if config_name(known) == config), {})


def config_name(entry: Metadata) -> str:
    """The configuration that an entry is about."""
    return str(entry.get("config_name", "default"))


def patterns_of(metadata: Metadata, config: str) -> dict[str, Patterns]:
    """The pattern, or the patterns, of the files of each split of a configuration.

    Raises:
        ChatdescError: they are not listed by split.
    """
    files = entry(metadata, "configs", config).get("data_files") or []
    if not isinstance(files, list) or not all(isinstance(file, dict) and "split" in file for file in files):
        raise ChatdescError(
            f"the repository's README.md has {config} without a list of splits under data_files; "
            "list them there, or choose another --config"
        )
    return {file["split"]: file["path"] for file in files}


def _replaced(known: list[Metadata], config: str, new: Metadata) -> list[Metadata]:
    if config not in map(config_name, known):
        return [*known, new]
    return [{**entry, **new} if config_name(entry) == config else entry for entry in known]


def with_section(body: str, config: str, section: str) -> str:
    """``body`` with a configuration's section replaced, or added at the end."""
    first, last = f"<!-- chatdesc {config}: each push writes this section anew -->", f"<!-- end of {config} -->"
    whole = f"{first}\n{section.strip()}\n{last}"
    start = body.find(first)
    end = body.find(last, start)
    if start < 0 or end < 0:
        return f"{body.strip()}\n\n{whole}\n".lstrip()
    return body[:start] + whole + body[end + len(last) :]
