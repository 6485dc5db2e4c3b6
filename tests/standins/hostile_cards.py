"""Cards of a repository that people have edited by hand, in shapes that YAML, Markdown and editors allow.

``CARDS`` has their bytes by name. ``OTHERS`` is what others wrote into every one of them: it must outlive a push.
"""

from __future__ import annotations

import yaml

OTHERS = "Written by Ada, who measured 3 < 4 & more."
ENTRY = {"config_name": "theirs", "data_files": [{"split": "test", "path": "theirs/*"}]}
FIRST, LAST = "<!-- chatdesc lasot: each push writes this section anew -->", "<!-- end of lasot -->"


def card(front: str, body: str = f"# Mine\n\n{OTHERS}\n", end: str = "\n") -> bytes:
    """A card from its YAML and its text."""
    return f"---\n{front}\n---\n{body}".replace("\n", end).encode()


def _plain(**values: object) -> str:
    return yaml.safe_dump(values, sort_keys=False).strip()


BOMB = "\n".join(
    [
        "a: &a [x, x, x, x, x, x, x, x, x]",
        *(f"{n}: &{n} [{', '.join([f'*{p}'] * 9)}]" for p, n in zip("abcdefgh", "bcdefghi")),
    ]
)

CARDS: dict[str, bytes] = {
    "no YAML": f"# Mine\n\n{OTHERS}\n".encode(),
    "nothing but words": OTHERS.encode(),
    "an empty YAML": card(""),
    "a comment for YAML": card("# licence: ask Ada"),
    "Windows line ends": card("license: mit", end="\r\n"),
    "a byte order mark": b"\xef\xbb\xbf" + card("license: mit"),
    "dashes without an end": f"---\nlicense: mit\n\n{OTHERS}\n".encode(),
    "a rule among the words": card("license: mit", f"# Mine\n\n---\n\n{OTHERS}\n\n---\nmore: [\n"),
    "a list of licences": card(_plain(license=["mit", "cc-by-4.0"])),
    "a licence that is a mapping": card(_plain(license={"name": "mit"})),
    "configs of others": card(_plain(configs=[ENTRY])),
    "configs that are a mapping": card(_plain(configs=ENTRY)),
    "configs of words": card(_plain(configs=["theirs"])),
    "configs that are a word": card("configs: theirs"),
    "configs with a null": card(_plain(configs=[None, ENTRY])),
    "dataset_info that is a word": card("dataset_info: none yet"),
    "dataset_info that is a list of words": card(_plain(dataset_info=["theirs"])),
    "features that are words": card(_plain(dataset_info={"config_name": "lasot", "features": "all"})),
    "splits that are a mapping": card(_plain(dataset_info={"config_name": "lasot", "splits": {"test": 3}})),
    "our data files as a pattern": card(_plain(configs=[{"config_name": "lasot", "data_files": "lasot/*"}])),
    "our data files without a path": card(
        _plain(configs=[{"config_name": "lasot", "data_files": [{"split": "test"}]}])
    ),
    "tags that are a word": card("tags: tracking"),
    "numbers and dates for keys": card("1: one\n2026-01-01: new year\nnull: nothing"),
    "a mapping in a line": card("{license: mit, tags: [a, b]}"),
    "a key twice": card("license: mit\nlicense: other"),
    "a tab": card("tags:\n\t- a"),
    "broken brackets": card("tags: [a\nlicense: mit"),
    "a list": card("- license\n- mit"),
    "a sentence": card("I forgot what belongs here"),
    "a Python object": card("a: !!python/object/apply:os.system [id]"),
    "aliases without end": card(BOMB),
    "an alias to itself": card("a: &a [*a]"),
    "deep brackets": card("a: " + "[" * 3000),
    "a number of 5000 digits": card("n: " + "9" * 5000),
    "control characters": card("license: mit", f"# Mine \x1b[2J\x00\u202e\n\n{OTHERS}\n"),
    "bytes that are no UTF-8": card("license: mit") + b"Montr\xe9al\n",
    "our section without an end": card("license: mit", f"{OTHERS}\n\n{FIRST}\nold\n"),
    "our section without a beginning": card("license: mit", f"{OTHERS}\n\nold\n{LAST}\n"),
    "our section twice": card("license: mit", f"{FIRST}\nold\n{LAST}\n\n{OTHERS}\n\n{FIRST}\nold\n{LAST}\n"),
    "the end mark in a sentence": card("license: mit", f"{OTHERS} A section ends with {LAST}, I read.\n"),
}
