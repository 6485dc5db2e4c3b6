"""ES modules as one script: a page that opens from disk may not import files.

A module keeps a scope of its own; its exports are handed to the modules that import it. Only two forms are known, which
is all that the front end uses: ``import { a, b } from "./x.js";`` and ``export`` before a function, class or const.

>>> main = 'import { one } from "./a.js";\\nalert(one);'
>>> print(bundle({"a.js": "export const one = 1;", "main.js": main}, "main.js"))
"use strict";
const $a = (() => {
const one = 1;
return { one };
})();
const $main = (() => {
const { one } = $a;
alert(one);
return {  };
})();
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from chatdesc.types import ChatdescError

IMPORT = re.compile(r'^import (\{[^}]*\}) from "\./([\w-]+\.js)";$', re.MULTILINE)
EXPORT = re.compile(r"^export ((?:async )?(?:function|class|const) (\w+))", re.MULTILINE)
OTHER = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)


def bundle(sources: Mapping[str, str], main: str) -> str:
    """The modules that ``main`` needs as one classic script, each after those that it imports.

    Raises:
        ChatdescError: a module is missing, imports itself in a circle, or has another form of import or export.
    """
    parts = [_wrapped(name, sources[name]) for name in _ordered(sources, main, ())]
    return '"use strict";\n' + "\n".join(dict.fromkeys(parts))


def _ordered(sources: Mapping[str, str], name: str, above: tuple[str, ...]) -> Iterator[str]:
    if name in above:
        raise ChatdescError(f"modules import each other in a circle: {' > '.join((*above, name))}")
    if name not in sources:
        raise ChatdescError(f"{above[-1] if above else 'the page'}: there is no module {name}")
    for _, imported in IMPORT.findall(sources[name]):
        yield from _ordered(sources, imported, (*above, name))
    yield name


def _wrapped(name: str, source: str) -> str:
    exported = [found[1] for found in EXPORT.findall(source)]
    inner = IMPORT.sub(lambda found: f"const {found[1]} = {_constant(found[2])};", source)
    inner = EXPORT.sub(r"\1", inner)
    if other := OTHER.search(inner):
        raise ChatdescError(f"web/{name}: {other.group()!r} is no form of import or export that the page knows")
    return f"const {_constant(name)} = (() => {{\n{inner.strip()}\nreturn {{ {', '.join(exported)} }};\n}})();"


def _constant(name: str) -> str:
    return "$" + name.removesuffix(".js").replace("-", "_")
