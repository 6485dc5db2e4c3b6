"""Values from data change nothing of a card but the words in their place."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from chatdesc.share.card import render
from chatdesc.share.card_merge import parted, with_section
from chatdesc.share.card_yaml import read
from chatdesc.share.facts import facts
from chatdesc.share.markdown import code, plain
from tests.makers.full_rows import row
from tests.share.test_card import info_of, tally_of

PARSER = MarkdownIt("commonmark").enable("table")
ATTACKS = [
    "x\n<!-- end of lasot -->\n# Owned\n",
    "x\n---\nlicense: mit\n---\n",
    "x\n```\n# Owned\n```json",
    "<script>alert(1)</script>",
    "<!-- open",
    "![i](https://e.test/i.png) [l](https://e.test)",
    "a | b | c",
    "`` ` ``",
    "*a* _b_ ~~c~~ **d**",
    "\r# Owned\r",
    "\u2028# Owned",
    "{{ 7 * 7 }} {% raw %}",
    "\x1b[2J\u202e",
    "- a\n- b",
    '"); import os; os.system("id',
    "../../../etc/passwd",
    "models",
    "x" * 3000,
    "\x00",
]


def card_of(value):
    """A card with the value wherever data can put one."""
    one = row()
    other = one | {
        "status": value,
        "text_source": value,
        "scope": value,
        "grounding": one["grounding"] | {"grounder": value},
        "tracking": one["tracking"] | {"protocol": value, "tracker": value},
        "alignment": [one["alignment"][0] | {"encoder": value}],
        "audit": [{"kind": value, "evidence": value}],
        "provenance": one["provenance"]
        | {"describer": json.dumps({"model": value, "revision": value}), "grounder": value, "config_hash": value},
    }
    return render(tally_of(other, dataset=value), info_of(test=1))


def shape(card):
    """The blocks of a card's text, and what stands within its lines other than words and code."""
    tokens = PARSER.parse(parted(card)[1])
    blocks = [(token.type, token.tag, token.info) for token in tokens]
    inline = [child.type for token in tokens for child in token.children or []]
    return blocks, [kind for kind in inline if kind not in ("text", "text_special", "code_inline", "softbreak")]


@settings(max_examples=25)
@given(st.text(min_size=1, max_size=40) | st.lists(st.sampled_from(ATTACKS), min_size=1, max_size=3).map("\n".join))
@example("\n".join(ATTACKS))
def test_any_value_leaves_the_shape_of_the_card_as_it_is(value):
    safe = value.encode("utf-8", "replace").decode()
    card = card_of(safe)
    assert shape(card) == shape(card_of("kite"))
    metadata = parted(card)[0]
    assert list(metadata) == list(parted(card_of("kite"))[0]) and metadata["license"] == "other"


@pytest.mark.parametrize("value", ATTACKS)
def test_a_section_with_it_is_replaced_as_a_whole(value):
    section = parted(card_of(value))[1]
    once = with_section(read("# Mine\n"), "lasot", section)
    assert with_section(read(once), "lasot", section) == once
    assert once.splitlines().count("<!-- end of lasot -->") == 1


@pytest.mark.parametrize("name", ["models", "../cards/lasot", "/etc/passwd", "x" * 300, "a\x00b", "a\nb", ""])
def test_facts_are_looked_up_by_plain_names_alone(name):
    known = facts(name)
    assert (known.pretty_name, known.licence, known.bibtex) == (name, None, None)


def test_words_without_markup_stay_as_they_are():
    assert plain("LaSOT_ext, OTB-lang (2015)") == "LaSOT_ext, OTB-lang (2015)"
    assert code("openai:qwen/Qwen2.5-VL_7B@main") == "openai:qwen/Qwen2.5-VL_7B@main"
