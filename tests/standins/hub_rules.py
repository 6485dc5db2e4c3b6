"""What a repository's files say of an upload: ``.gitignore`` leaves some out, ``.gitattributes`` puts some in LFS."""

from __future__ import annotations

import re
from fnmatch import translate

# The beginning of what a new dataset repository has.
ATTRIBUTES = b"*.parquet filter=lfs diff=lfs merge=lfs -text\n*.zip filter=lfs diff=lfs merge=lfs -text\n"
REGULAR_BYTES = 10 << 20  # larger files are LFS in any case


def ignored(path, rules):
    """Whether a path, or a folder above it, is kept out by the last rule of a ``.gitignore`` that fits it."""
    parts = path.split("/")
    heads = ["/".join(parts[: n + 1]) + "/" * (n + 1 < len(parts)) for n in range(len(parts))]
    return any(_out(head, rules) for head in heads)


def _out(path, rules):
    out = False
    for line in rules.splitlines():
        rule = line.rstrip()
        if rule and not rule.startswith("#") and _fits(path, rule.removeprefix("!")):
            out = not rule.startswith("!")
    return out


def large(path, size, attributes):
    """Whether a file is kept in LFS."""
    rules = [line.split() for line in attributes.splitlines() if line and not line.startswith("#")]
    found = [
        ("filter=lfs" in words) for rule, *words in rules if _fits(path, rule) and any("filter" in w for w in words)
    ]
    return size > REGULAR_BYTES or (bool(found) and found[-1])


def _fits(path, rule):
    """A rule with a slash within is about the whole path, another about its last part; one with ``/`` last: folders."""
    if rule.endswith("/") and not path.endswith("/"):
        return False
    anchored, whole = "/" in rule.rstrip("/"), path.rstrip("/")
    return bool(re.match(translate(rule.strip("/")), whole if anchored else whole.split("/")[-1]))
