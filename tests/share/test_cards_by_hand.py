"""Cards that people edited, in any shape: merged with their words kept byte for byte, or refused with a line."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chatdesc.share import croissant
from chatdesc.share.card_merge import MARK, entry, patterns_of, refuse_other_shapes, with_configuration
from chatdesc.share.card_yaml import MAX_BYTES, decoded, read
from chatdesc.share.strict_yaml import MAX_YAML
from chatdesc.types import ChatdescError

CONFIG = "lasot"
FEATURES = [{"name": "sequence", "dtype": "string"}]
NEW = {"license": "other", "dataset_info": {"config_name": CONFIG, "features": FEATURES, "splits": []}, "tags": ["new"]}
SECTION = "# LaSOT\n\nmade anew"
FIRST, LAST = "<!-- chatdesc lasot: each push writes this section anew -->", "<!-- end of lasot -->"
OURS = f"{FIRST}\nmade earlier\n{LAST}"


def merge(text):
    """What a push makes of a README.md, as ``hub_card.new_card`` does it, without the rows."""
    card = read(text)
    refuse_other_shapes(card)
    staying = patterns_of(card, CONFIG)
    entry(card.metadata, "dataset_info", CONFIG)
    licences = dict(card.metadata.get("text_licences") or {})
    new = with_configuration(card, SECTION, NEW, CONFIG, staying | {"test": "lasot/test-*.parquet"}, licences)
    croissant.dumped(croissant.describe("ada/x", read(new).metadata))
    return new


def merged_twice(text):
    once = merge(text)
    assert merge(once) == once
    return once


def around(body):
    """A text without the section that belongs to chatdesc."""
    marks = [mark for mark in MARK.finditer(body) if CONFIG in mark.groups()]
    begin = next((m for m in marks if m[1]), None)
    end = next((m for m in marks if m[2] and begin and m.start() > begin.start()), None)
    return body if begin is None or end is None else body[: begin.start()] + body[end.end() :]


def front(yaml):
    return f"---\n{yaml}\n---\n# Mine\n"


MERGED = {
    "nothing": "",
    "no YAML": "# Mine\n\ntext",
    "YAML alone": "---\nlicense: mit\n---",
    "comments and order": front("# first\nz: 1 # why\n\nlicense: mit\n# last"),
    "Windows line ends": "---\r\nlicense: mit\r\n---\r\n# Mine\r\n\r\ntext\r\n",
    "Windows line ends and no YAML": "# Mine\r\ntext\r\n",
    "old line ends": "---\rlicense: mit\r---\rtext\r",
    "a byte order mark": "\ufeff---\nlicense: mit\n---\n# Mine\n",
    "a byte order mark and no YAML": "\ufeff# Mine\n",
    "blank lines in front": "\n\n---\nlicense: mit\n---\ntext",
    "blanks behind the dashes": "--- \nlicense: mit\n---\t\ntext",
    "a flow mapping": front("{license: mit, tags: [a, b]}"),
    "indented keys": front("  license: mit\n  tags: [a]"),
    "an end of document": front("license: mit\n..."),
    "a licence list": front("license: [mit, cc-by-4.0]\ntags: one\npretty_name: [a, 1, 2026-01-01]"),
    "odd dataset_info of others": front(
        "dataset_info:\n- config_name: theirs\n  features: all of them\n  splits: {a: 1}"
    ),
    "odd dataset_info of ours": front("dataset_info:\n  config_name: lasot\n  features: 3\n  splits: [1, {name: x}]"),
    "one configuration without a list": front("configs:\n  config_name: theirs\n  data_files: t/*"),
    "data_files in any form": front("configs:\n- config_name: a\n  data_files: {x: [a/*, 1]}\n- data_files: [1, null]"),
    "numbers as names": front("configs:\n- config_name: 2024\n  data_files: a/*\n1: x\nnull: y\n? 2026-01-01\n: z"),
    "a literal at the end": front("about: |\n  # no comment\n  text\n\nlast: |+\n  kept\n\n"),
    "odd scalars": front("a: .nan\nb: !!binary aGk=\nc: !!set {x, y}\nd: 2026-01-01 10:00:00 +02:00\ne: 0x10"),
    "anchors that nothing uses": front("a: &here [1]"),
    "aliases": front("a: &here [1, {b: c}] # kept\nd: *here\ne: {<<: {f: 1}}"),
    "an alias to what changes": front("configs: &a\n- config_name: theirs\n  data_files: t/*\nmine: *a"),
    "the end mark within a sentence": f"A card ends with {LAST}, I read.\n\n{OURS}\nand <!-- end of lasot -->\n",
    "an end mark alone": f"# Mine\n{LAST}\ntext\n",
    "a section of another": f"{FIRST.replace('lasot', 'tnl2k')}\nx\n{LAST.replace('lasot', 'tnl2k')}\n{OURS}",
    "our section amid text": f"{front('license: mit')}\nBefore \t\n\n{OURS} \nAfter",
    "a rule and dashes in the text": f"{front('license: mit')}\n---\n{OURS}\n---\na: [\n---\n",
    "control characters in the text": "# Mine\x00\x1b[2J\u2028\u0085\u202e",
}


@pytest.mark.parametrize("shape", MERGED)
def test_merged_with_what_people_wrote_kept(shape):
    text = MERGED[shape]
    before, new = read(text), merged_twice(text)
    after = read(new)
    kept = around(before.body)
    assert kept in around(after.body) and FIRST in after.body
    theirs = {k: v for k, v in before.metadata.items() if k not in ("configs", "dataset_info") and v == v}
    assert {k: after.metadata[k] for k in theirs} == theirs
    assert [c.get("config_name") for c in after.metadata["configs"]][-1] == "lasot"


@pytest.mark.parametrize("shape", ["comments and order", "Windows line ends", "a literal at the end", "aliases"])
def test_yaml_that_does_not_change_keeps_its_every_byte(shape):
    assert (read(MERGED[shape]).yaml or "") in merge(MERGED[shape])


def test_comments_stay_beside_what_changes():
    theirs = "configs: # all of them\n- config_name: lasot\n  data_files: []\n# theirs\n\nlicense: mit # why\n"
    new = merge(f"---\n{theirs}---\n")
    assert "\n# theirs\n\nlicense: mit # why\n" in new and "lasot/test-*.parquet" in new


def bomb():
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True)]
    return front("\n".join([*lines, "tags: *i"]))


REFUSED = {
    "broken": (front("license: mit\na: ["), 4),
    "a tab": (front("license: mit\na:\n\t- b"), 4),
    "a doubled key": (front("license: mit\ntags: [a]\nlicense: other"), 4),
    "a doubled key within": (front("configs:\n- config_name: a\n  data_files: x\n  config_name: b"), 5),
    "one key spelt in two ways": (front("yes: 1\ntrue: 2"), 3),
    "a list": (front("- license\n- mit"), 2),
    "a sentence": (front("just a sentence"), 2),
    "a Python object": (front("license: mit\na: !!python/object/apply:os.system [id]"), 3),
    "an alias bomb": (bomb(), 3),
    "an alias to itself": (front("a: &a [*a]"), 2),
    "aliases in a long chain": (
        front("a0: &a0 [x]\n" + "\n".join(f"a{n + 1}: &a{n + 1} [*a{n}]" for n in range(3000))),
        3,
    ),
    "nested too deeply": (front("a:\n  " + "[" * 5000), 3),
    "a month 13": (front("license: mit\nwhen: 2026-13-01"), 3),
    "a number of 5000 digits": (front("license: mit\nn: " + "9" * 5000), 3),
    "a long hexadecimal number": (front("license: mit\nn: 0x" + "f" * 5000), 3),
    "a control character": (front("license: mit\na: \x07"), 3),
    "a key that is a list": (front("license: mit\n? [a]\n: b"), 3),
    "two documents": ("---\nlicense: mit\n...\na: 1\n---\nx", 4),
    "no end": ("---\nlicense: mit\n\n# Mine\n", 1),
    "no end after blank lines": ("\n\n---\nlicense: mit", 3),
    "a huge YAML": (front("a: " + "x" * MAX_YAML), 2),
    "configs no list": (front("license: mit\nconfigs: all of them"), 3),
    "configs a list of words": (front("configs:\n- config_name: a\n- b"), 4),
    "configs with nothing": (front("configs:\n- config_name: a\n-"), 4),
    "a configuration twice": (front("configs:\n- config_name: a\n- config_name: b\n- config_name: a"), 5),
    "a name that is a list": (front("dataset_info:\n- features: []\n  config_name: [a]"), 4),
    "dataset_info a number": (front("license: mit\n\ndataset_info: 3"), 4),
    "text_licences a word": (front("text_licences: mit"), 2),
    "our files without splits": (front("configs:\n- config_name: lasot\n  data_files: lasot/*"), 4),
    "our files without a path": (front("configs:\n- config_name: lasot\n  data_files:\n  - split: x"), 4),
    "our files in a number": (front("configs:\n- config_name: lasot\n  data_files: [{split: x, path: 3}]"), 4),
    "no end mark": (front("license: mit") + f"\n{FIRST}\nmine\n", 6),
    "two sections": (f"{OURS}\n{OURS}\n", 4),
    "marks the wrong way round": (f"{LAST}\nmine\n{FIRST}\n", 3),
    "a section within ours": (f"{FIRST}\n<!-- chatdesc tnl2k: each push writes this section anew -->\n{LAST}", 1),
}


@pytest.mark.parametrize("shape", REFUSED)
def test_refused_with_the_line(shape):
    text, line = REFUSED[shape]
    with pytest.raises(ChatdescError, match=rf"^the repository's README\.md, line {line}: ") as caught:
        merge(text)
    assert len(str(caught.value)) < 400


def test_bytes_that_are_no_utf8_are_refused_with_the_line():
    assert decoded("# caf\u00e9\n".encode()) == "# caf\u00e9\n"
    with pytest.raises(ChatdescError, match="line 3: a byte that is no UTF-8"):
        decoded(b"# caf\xc3\xa9\r\ntext\nMontr\xe9al\n")


def test_a_card_larger_than_the_hub_keeps():
    with pytest.raises(ChatdescError, match="more than 10 MB"):
        decoded(b"x" * (MAX_BYTES + 1))


SNIPPETS = [
    "---", "---\n", "license: mit", "configs:", "- config_name: lasot", "  data_files:", "  - split: test",
    "    path: x", "dataset_info:", "  features: []", "&a ", "*a", "!!python/object:os.x", "[", "]", "{",
    "}", ": ", "? ", "|\n", ">\n", "# ", "...", "%YAML 1.1", "<<: {a: 1}", '"', "'", "\t", "\r", "\r\n",
    "\ufeff", "\x00", FIRST, LAST, OURS, "- ", "  ",
    "text_licences: {lasot: mit}", FIRST.replace("lasot", "tnl2k"), LAST.replace("lasot", "tnl2k"), "\u2028", "~",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(SNIPPETS) | st.text(max_size=5) | st.just("\n"), max_size=25).map("".join)
BEGUN = TEXTS.map(lambda text: f"---\n{text}\n---\n{text}") | TEXTS


@settings(max_examples=200)
@given(BEGUN)
@example("---\n<<: {configs: []}\n---\n")
@example("---\n!!map\nconfigs: []\n---\n")
@example("---\n- a\n---\r---\n")
def test_any_text_is_merged_or_refused(text):
    try:
        new = merge(text)
    except ChatdescError as error:
        refusal = str(error)
    else:
        refusal = ""
    if refusal:
        assert re.search(r"line \d+: ", refusal)
        return
    assert merge(new) == new
    assert around(read(text).body) in around(read(new).body)
