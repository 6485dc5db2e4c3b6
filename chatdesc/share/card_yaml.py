"""A card that people may have edited: its YAML read strictly, and changed without touching what is theirs.

>>> card = read("---\\n# ours\\nlicense: mit\\n---\\n# Mine\\n")
>>> card.metadata, card.body
({'license': 'mit'}, '# Mine\\n')
>>> print(written(card, card.metadata | {"tags": ["new"]}, card.body), end="")
---
# ours
license: mit
tags:
- new
---
# Mine

Comments, order, line ends and spelling of the YAML stay; only the keys that change are written anew.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chatdesc.share.strict_yaml import LINE_END, Metadata, composed, constructed, lines, loaded, refused
from chatdesc.types import ChatdescError

if TYPE_CHECKING:
    import yaml

# As the Hub takes it (huggingface_hub.repocard), and besides a byte order mark and blanks behind the first dashes.
OPENING = re.compile(r"\ufeff?\s*---[ \t]*(\r\n|\r|\n)")
CLOSING = re.compile(r"(?<=[\r\n])---[ \t]*(?:\r\n|\n|\r|\Z)")
MAX_BYTES = 10 << 20  # the Hub keeps no larger file outside LFS


@dataclass(frozen=True, slots=True)
class Card:
    """A card taken apart.

    Attributes:
        metadata: the values of its YAML.
        body: the text behind the YAML.
        yaml: the YAML as it was written; None if the card has none.
        first_line: the line of the card on which the YAML begins.
        body_line: the line on which the body begins.
        newline: how its lines end.
    """

    metadata: Metadata
    body: str
    yaml: str | None = None
    first_line: int = 2
    body_line: int = 1
    newline: str = "\n"


def decoded(data: bytes) -> str:
    """The text of a README.md.

    Raises:
        ChatdescError: it is no UTF-8, or larger than the Hub keeps; the message has the line.
    """
    if len(data) > MAX_BYTES:
        raise ChatdescError(f"the repository's README.md has more than {MAX_BYTES >> 20} MB; shorten it there")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = len(LINE_END.findall(data[: error.start].decode())) + 1
        raise refused(line, "a byte that is no UTF-8") from error


def read(text: str) -> Card:
    """A card's YAML and the text after it.

    Raises:
        ChatdescError: the YAML cannot be read, or not without losing a part of it; the message has the line.
    """
    opening = OPENING.match(text)
    if opening is None:
        first = LINE_END.search(text)
        return Card({}, text.removeprefix("\ufeff"), newline=_newline(first and first.group()))
    closing = CLOSING.search(text, opening.end())
    first_line = lines(text[: opening.end()]) + 1
    if closing is None:
        raise refused(first_line - 1, "the YAML that begins here has no end: a second line with --- is missing")
    front, body = text[opening.end() : closing.start()], text[closing.end() :]
    metadata = loaded(front, first_line)
    return Card(metadata, body, front, first_line, lines(text[: closing.end()]) + 1, _newline(opening[1]))


def written(card: Card, metadata: Metadata, body: str) -> str:
    """The card with other values in its YAML and another text; what does not change keeps its every byte."""
    end = card.newline
    if card.yaml is None:
        return f"---{end}{_dumped(metadata, end)}---{end}{end}{body}"
    front = card.yaml if metadata == card.metadata else _changed(card, metadata)
    return f"---{end}{front}---{end}{body}"


def line_of(card: Card, *path: str | int) -> int:
    """The line of a value in the YAML, found by keys and by places in lists; that of its parent if it has none."""
    node: Any = composed(card.yaml or "")
    line = card.first_line
    for step in path:
        found = _child(node, step)
        if found is None:
            break
        mark, node = found
        line = card.first_line + mark.line
    return line


def _child(node: Any, step: str | int) -> tuple[yaml.Mark, Any] | None:
    import yaml

    if isinstance(node, yaml.MappingNode):
        return next(((key.start_mark, value) for key, value in node.value if key.value == step), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step].start_mark, node.value[step]
    return None


def _newline(found: str | None) -> str:
    return "\r\n" if found == "\r\n" else "\n"


def _dumped(metadata: Metadata, newline: str) -> str:
    import yaml

    class Plain(yaml.SafeDumper):
        def ignore_aliases(self, data: object) -> bool:
            return True

    text = yaml.dump(metadata, Dumper=Plain, sort_keys=False, allow_unicode=True, width=10**6)
    return LINE_END.sub(newline, text)


def _changed(card: Card, metadata: Metadata) -> str:
    """The YAML with the keys written anew that differ; all of it if what is left would not say the same."""
    import yaml

    front = _spliced(card, metadata)
    try:
        same = front is not None and (constructed(front) or {}) == metadata
    except yaml.YAMLError:
        same = False
    return front if same and front is not None else _dumped(metadata, card.newline)


def _spliced(card: Card, metadata: Metadata) -> str | None:
    """The YAML with changed values in their place and new keys at the end; None if it is not in block style."""
    import yaml

    front, root = card.yaml or "", composed(card.yaml or "")
    if root is not None and (not isinstance(root, yaml.MappingNode) or root.flow_style):
        return None
    pairs = root.value if root is not None else []
    indent = " " * (root.start_mark.column if root is not None else 0)
    end = root.end_mark.index if root is not None else len(front)
    starts = [front.rfind("\n", 0, key.start_mark.index) + 1 for key, _ in pairs]
    place = {key.value: (start, stop) for (key, _), start, stop in zip(pairs, starts, [*starts[1:], end], strict=False)}
    added = {key: value for key, value in metadata.items() if key not in card.metadata}
    edits = [(end, end, added)] if added else []
    for key in (key for key in card.metadata if metadata[key] != card.metadata[key]):
        if key not in place:
            return None
        start, stop = place[key]
        edits.append((start, start + _without_comments(front[start:stop]), {key: metadata[key]}))
    for start, stop, values in sorted(edits, key=lambda edit: edit[:2], reverse=True):
        text = "".join(indent + line for line in _dumped(values, card.newline).splitlines(keepends=True))
        front = front[:start] + text + front[stop:]
    return front


def _without_comments(block: str) -> int:
    """The length of a key and its value without the comments and empty lines that follow it."""
    lines = block.splitlines(keepends=True)
    while len(lines) > 1 and (not lines[-1].strip() or lines[-1].lstrip().startswith("#")):
        lines.pop()
    return sum(map(len, lines))
