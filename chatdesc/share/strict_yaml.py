"""YAML that people wrote, read strictly: what would be lost or would never end is refused with its line.

>>> loaded("license: mit\\ntags: [a]\\n", 2)
{'license': 'mit', 'tags': ['a']}
>>> loaded("license: mit\\nlicense: other\\n", 2)
Traceback (most recent call last):
...
chatdesc.types.ChatdescError: the repository's README.md, line 3: the YAML cannot be read: the key 'license' stands ...
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from math import inf
from typing import TYPE_CHECKING, Any

from chatdesc.types import ChatdescError, one_line

if TYPE_CHECKING:
    import yaml

Metadata = dict[str, Any]  # YAML that people may have written: any keys, any values

LINE_END = re.compile(r"\r\n|\r|\n")
MAX_YAML = 500_000
MAX_DEPTH = 50
MAX_VALUES = 20_000  # where aliases multiply them
MAX_BITS = 4096  # of a number


def refused(line: int, what: str) -> ChatdescError:
    """The error for a card that has to be corrected by hand."""
    return ChatdescError(f"the repository's README.md, line {line}: {what}; correct it there")


def lines(text: str) -> int:
    """The number of line ends in a text, of any kind."""
    return len(LINE_END.findall(text))


def loaded(front: str, first_line: int) -> Metadata:
    """The values of a YAML that begins on ``first_line`` of a card.

    Raises:
        ChatdescError: it cannot be read, or not without losing a part of it; the message has the line.
    """
    import yaml

    if len(front) > MAX_YAML:
        raise refused(first_line, f"the YAML has more than {MAX_YAML} characters")
    try:
        _refuse_excess(front, first_line)
        metadata = constructed(front)
    except yaml.YAMLError as error:
        raise refused(first_line + _line_of_error(error, front), _reason(error)) from error
    if metadata is not None and not isinstance(metadata, dict):
        raise refused(first_line, "the YAML is no mapping of keys to values")
    return metadata or {}


def _refuse_excess(front: str, first_line: int) -> None:
    """Refuse values nested too deeply to be walked, and aliases that stand for too much: few can for billions."""
    import yaml

    depth, alias = 0, None
    for event in _events(front):
        if isinstance(event, yaml.AliasEvent):
            alias = alias or event
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise refused(first_line + event.start_mark.line, f"values are nested more than {MAX_DEPTH} deep")
    if alias is None:
        return
    count, deepest = _extent(composed(front), {})
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
    return int(mark.line) if mark else lines(front[: getattr(error, "position", 0)])


def _reason(error: yaml.YAMLError) -> str:
    reason = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    return f"the YAML cannot be read: {one_line(reason)[:200]}"


@cache
def _strict() -> type[yaml.SafeLoader]:
    """The safe loader, which also refuses doubled keys, and gives every error its place; it takes known events."""
    import yaml
    from yaml.constructor import ConstructorError

    class Strict(yaml.SafeLoader):
        def __init__(self, front: str) -> None:
            super().__init__("")
            self._left = list(reversed(_events(front)))

        def check_event(self, *kinds: Any) -> bool:
            return bool(self._left) and (not kinds or isinstance(self._left[-1], kinds))

        def peek_event(self) -> Any:
            return self._left[-1] if self._left else None

        def get_event(self) -> Any:
            return self._left.pop() if self._left else None

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


def constructed(front: str) -> Any:
    """The YAML's values; None if it is empty.

    Raises:
        YAMLError: it cannot be read, or a key stands there twice.
    """
    return _strict()(front).get_single_data()


def composed(front: str) -> yaml.Node | None:
    """The YAML as nodes, which know their places; None if it is empty."""
    node: yaml.Node | None = _strict()(front).get_single_node()
    return node


@lru_cache(maxsize=4)
def _events(front: str) -> tuple[yaml.Event, ...]:
    """What a YAML consists of, in order, until it is too deep; a card is read several times, which costs most here."""
    import yaml

    events, depth = [], 0
    for event in yaml.parse(front):
        events.append(event)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            break
    return tuple(events)
