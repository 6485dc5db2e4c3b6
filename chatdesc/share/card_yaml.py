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
>>> read("---\\nlicense: mit\\nlicense: other\\n---\\n")
Traceback (most recent call last):
...
chatdesc.types.ChatdescError: the repository's README.md, line 3: the YAML cannot be read: the key 'license' stands ...

Comments, order, line ends and spelling of the YAML stay; only the keys that change are written anew.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from math import inf
from typing import TYPE_CHECKING, Any

from chatdesc.types import ChatdescError, one_line

if TYPE_CHECKING:
    import yaml

Metadata = dict[str, Any]  # YAML that people may have written: any keys, any values

# As the Hub takes it (huggingface_hub.repocard), and besides a byte order mark and blanks behind the first dashes.
OPENING = re.compile(r"\ufeff?\s*---[ \t]*(\r\n|\r|\n)")
CLOSING = re.compile(r"(?<=[\r\n])---[ \t]*(?:\r\n|\n|\r|\Z)")
LINE_END = re.compile(r"\r\n|\r|\n")
MAX_BYTES = 10 << 20  # the Hub keeps no larger file outside LFS
MAX_YAML = 500_000
MAX_DEPTH = 50
MAX_VALUES = 20_000  # where aliases multiply them
MAX_BITS = 4096  # of a number


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


def refused(line: int, what: str) -> ChatdescError:
    """The error for a card that has to be corrected by hand."""
    return ChatdescError(f"the repository's README.md, line {line}: {what}; correct it there")


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
    first_line = _lines(text[: opening.end()]) + 1
    if closing is None:
        raise refused(first_line - 1, "the YAML that begins here has no end: a second line with --- is missing")
    front, body = text[opening.end() : closing.start()], text[closing.end() :]
    metadata = _loaded(front, first_line)
    return Card(metadata, body, front, first_line, _lines(text[: closing.end()]) + 1, _newline(opening[1]))


def written(card: Card, metadata: Metadata, body: str) -> str:
    """The card with other values in its YAML and another text; what does not change keeps its every byte."""
    end = card.newline
    if card.yaml is None:
        return f"---{end}{_dumped(metadata, end)}---{end}{end}{body}"
    front = card.yaml if metadata == card.metadata else _changed(card, metadata)
    return f"---{end}{front}---{end}{body}"


def line_of(card: Card, *path: str | int) -> int:
    """The line of a value in the YAML, found by keys and by places in lists; that of its parent if it has none."""
    node: Any = _composed(card.yaml or "")
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


def _lines(text: str) -> int:
    return len(LINE_END.findall(text))


def _loaded(front: str, first_line: int) -> Metadata:
    import yaml

    if len(front) > MAX_YAML:
        raise refused(first_line, f"the YAML has more than {MAX_YAML} characters")
    try:
        _refuse_excess(front, first_line)
        metadata = yaml.load(front, Loader=_strict())
    except yaml.YAMLError as error:
        raise refused(first_line + _line_of_error(error, front), _reason(error)) from error
    if metadata is not None and not isinstance(metadata, dict):
        raise refused(first_line, "the YAML is no mapping of keys to values")
    return metadata or {}


def _refuse_excess(front: str, first_line: int) -> None:
    """Refuse values nested too deeply to be walked, and aliases that stand for too much: few can for billions."""
    import yaml

    depth, alias = 0, None
    for event in yaml.parse(front):
        if isinstance(event, yaml.AliasEvent):
            alias = alias or event
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise refused(first_line + event.start_mark.line, f"values are nested more than {MAX_DEPTH} deep")
    if alias is None:
        return
    count, deepest = _extent(_composed(front), {})
    if count > MAX_VALUES or deepest > MAX_DEPTH:
        line = first_line + alias.start_mark.line
        raise refused(line, f"aliases such as *{alias.anchor} stand for too much; write out what they stand for")


def _extent(node: Any, known: dict[int, tuple[float, float]]) -> tuple[float, float]:
    """The number of values in a node, and their depth, with aliases written out: endless if one stands for itself."""
    import yaml

    if id(node) not in known:
        known[id(node)] = (inf, inf)
        parts = node.value if isinstance(node, yaml.CollectionNode) else []
        if isinstance(node, yaml.MappingNode):
            parts = [part for pair in parts for part in pair]
        extents = [_extent(part, known) for part in parts]
        known[id(node)] = (1 + sum(count for count, _ in extents), 1 + max((d for _, d in extents), default=0))
    return known[id(node)]


def _line_of_error(error: yaml.YAMLError, front: str) -> int:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    return int(mark.line) if mark else _lines(front[: getattr(error, "position", 0)])


def _reason(error: yaml.YAMLError) -> str:
    reason = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    return f"the YAML cannot be read: {one_line(reason)[:200]}"


@cache
def _strict() -> type[yaml.SafeLoader]:
    """The safe loader, which also refuses doubled keys, and gives every error its place."""
    import yaml
    from yaml.constructor import ConstructorError

    class Strict(yaml.SafeLoader):
        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
            seen = set()
            for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
                name = self.construct_object(key, deep=True) if key.tag != "tag:yaml.org,2002:merge" else "<<"
                hashable = not isinstance(name, list | dict | set)
                if hashable and name in seen:
                    raise ConstructorError(None, None, f"the key {name!r} stands there twice", key.start_mark)
                seen |= {name} if hashable else set()
            return super().construct_mapping(node, deep)

        def construct_object(self, node: Any, deep: bool = False) -> Any:
            try:
                value = super().construct_object(node, deep)
            except yaml.YAMLError:
                raise
            except Exception as error:  # a date in month 13, a number of 5000 digits: each type has errors of its own
                raise ConstructorError(None, None, str(error), node.start_mark) from error
            if isinstance(value, int) and value.bit_length() > MAX_BITS:
                raise ConstructorError(None, None, "a number with too many digits", node.start_mark)
            return value

    return Strict


def _composed(front: str) -> yaml.Node | None:
    import yaml

    return yaml.compose(front, Loader=_strict())


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
        same = front is not None and (yaml.load(front, Loader=_strict()) or {}) == metadata
    except yaml.YAMLError:
        same = False
    return front if same and front is not None else _dumped(metadata, card.newline)


def _spliced(card: Card, metadata: Metadata) -> str | None:
    """The YAML with changed values in their place and new keys at the end; None if it is not in block style."""
    import yaml

    front, root = card.yaml or "", _composed(card.yaml or "")
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
