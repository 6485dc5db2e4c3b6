"""The card of a repository that holds several datasets: written anew in part, and otherwise left as it is.

>>> metadata, body = parted(text)                      # YAML as a dict, and the rest      # doctest: +SKIP
>>> joined(merged(metadata, new, "lasot"), with_section(body, "lasot", "# LaSOT ..."))     # doctest: +SKIP

Each configuration has one section between two comments; what stands outside of them was written by people.
"""

from __future__ import annotations

import re
from typing import Any

from chatdesc.types import ChatdescError

Metadata = dict[str, Any]

FRONT = re.compile(r"\A---[ \t]*\r?\n(.*?)^---[ \t]*(?:\r?\n|\Z)", re.S | re.M)


def parted(text: str) -> tuple[Metadata, str]:
    """A card's YAML and the text after it.

    Raises:
        ChatdescError: the YAML cannot be read; better to say so than to lose it.
    """
    import yaml

    match = FRONT.match(text)
    if not match:
        return {}, text
    try:
        found = yaml.safe_load(match[1]) or {}
    except yaml.YAMLError as error:
        raise ChatdescError(f"the YAML of the repository's README.md cannot be read; mend it there: {error}") from error
    if not isinstance(found, dict):
        raise ChatdescError("the YAML of the repository's README.md is no mapping; mend it there")
    return found, text[match.end() :]


def joined(metadata: Metadata, body: str) -> str:
    import yaml

    front = yaml.safe_dump(metadata, sort_keys=False, allow_unicode=True, width=10**6)
    return f"---\n{front}---\n\n{body.strip()}\n"


def merged(old: Metadata, new: Metadata, config: str, patterns: dict[str, Any]) -> Metadata:
    """``old`` with one configuration as ``new`` has it; all else that is in ``old`` stays.

    Args:
        new: the YAML of a card of this configuration alone.
        patterns: where the files of each of its splits are.
    """
    files = [{"split": split, "path": path} for split, path in patterns.items()]
    described = {"config_name": config} | {k: v for k, v in new["dataset_info"].items() if k != "config_name"}
    result = {**new, **old}  # what people changed goes first
    result["configs"] = _replaced(entries(old, "configs"), config, {"config_name": config, "data_files": files})
    infos = _replaced(entries(old, "dataset_info"), config, described)
    result["dataset_info"] = infos[0] if len(infos) == 1 else infos
    return result


def entries(metadata: Metadata, key: str) -> list[Metadata]:
    """``configs`` or ``dataset_info`` as a list; one alone may stand without it."""
    found = metadata.get(key) or []
    return found if isinstance(found, list) else [found]


def entry(metadata: Metadata, key: str, config: str) -> Metadata:
    return next((one for one in entries(metadata, key) if one.get("config_name", "default") == config), {})


def patterns_of(metadata: Metadata, config: str) -> dict[str, Any]:
    """Where the files of each split of a configuration are: a pattern, or a list of them.

    Raises:
        ChatdescError: they are not listed by split.
    """
    files = entry(metadata, "configs", config).get("data_files") or []
    if not isinstance(files, list) or not all(isinstance(one, dict) and "split" in one for one in files):
        raise ChatdescError(
            f"the repository's README.md has {config} without a list of splits under data_files; "
            "list them there, or choose another --config"
        )
    return {one["split"]: one["path"] for one in files}


def _replaced(there: list[Metadata], config: str, one: Metadata) -> list[Metadata]:
    names = [known.get("config_name", "default") for known in there]
    if config not in names:
        return [*there, one]
    return [{**known, **one} if name == config else known for name, known in zip(names, there, strict=True)]


def with_section(body: str, config: str, section: str) -> str:
    """``body`` with a configuration's section written anew, in its place or at the end."""
    first, last = f"<!-- chatdesc {config}: each push writes this section anew -->", f"<!-- end of {config} -->"
    whole = f"{first}\n{section.strip()}\n{last}"
    start = body.find(first)
    end = body.find(last, start)
    if start < 0 or end < 0:
        return f"{body.strip()}\n\n{whole}\n".lstrip()
    return body[:start] + whole + body[end + len(last) :]
