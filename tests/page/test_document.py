"""The HTML file: data that cannot be markup, the policy, and modules as one script."""

import json
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatdesc.page.document import as_json, asset, document, front_end, hashed, modules, policy
from chatdesc.page.modules import bundle
from chatdesc.types import ChatdescError

TEXTS = st.text(st.characters(exclude_categories=())) | st.sampled_from(
    ["</script>", "<!--<script>", "<script", "]]>", "\u2028", "-->", "</SCRIPT\n>", "&lt;", "\0", "\ud800"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
MARKUP = (
    "innerHTML",
    "outerHTML",
    "insertAdjacentHTML",
    "document.write",
    "eval(",
    "new Function",
    "ContextualFragment",
)


class Reader(HTMLParser):
    """The elements of a page, and the texts of its scripts by their id."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.scripts, self.links = [], [], {}, []
        self._id = None
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [dict(attrs).get("href")] if tag == "link" else []
        self.attributes += [name for name, _ in attrs]
        self._id = dict(attrs).get("id", "") if tag == "script" else None

    def handle_data(self, data):
        if self._id is not None:
            self.scripts[self._id] = self.scripts.get(self._id, "") + data

    def handle_endtag(self, _):
        self._id = None


def page_of(index, details=(), title="report"):
    return "".join(document(title, index, details))


@given(VALUES, VALUES)
def test_any_data_come_back_and_are_no_markup(index, details):
    read = Reader(page_of(index, [details]))
    assert json.loads(read.scripts["index"]) == index
    assert json.loads(read.scripts["details-0"]) == details
    assert read.tags == Reader(page_of(None, [None])).tags


@given(TEXTS)
def test_a_title_is_no_markup(title):
    assert Reader(page_of(None, title=title)).tags == Reader(page_of(None)).tags


def test_nan_is_refused():
    with pytest.raises(ChatdescError, match="cannot hold this value"):
        as_json(float("nan"))


def test_the_policy_has_the_hashes_of_what_runs():
    page = page_of({"rows": []})
    [said] = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    [script] = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    [style] = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    assert said == policy(script, style)
    assert f"script-src '{hashed(script)}';" in said and "unsafe" not in said and "default-src 'none'" in said
    assert hashed("") == "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="  # that of nothing is known


def test_nothing_is_loaded_and_no_handler_is_in_markup():
    read = Reader(page_of({"rows": []}))
    assert read.links == ["data:,"] and "src" not in read.attributes, "an empty icon, so that no browser asks for one"
    assert not [name for name in read.attributes if name.startswith("on") or name == "style"]


def test_the_front_end_never_makes_markup_and_is_small():
    sources = {name: asset(name) for name in modules()}
    assert [(name, word) for name, text in sources.items() for word in MARKUP if word in text] == []
    assert sum(len(text) for text in sources.values()) < 250_000


def test_every_module_is_used_and_in_the_readme():
    script, readme = front_end(), asset("README.md")
    for name in modules():
        assert f"const ${name.removesuffix('.js')} = " in script, name
        assert f"| `{name}` |" in readme


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        ({"main.js": 'import { a } from "./a.js";'}, "main.js: there is no module a.js"),
        (
            {"main.js": 'import { a } from "./a.js";', "a.js": 'import { b } from "./main.js";'},
            "circle: main.js > a",
        ),
        ({"main.js": 'import a from "./a.js";', "a.js": ""}, "no form of import"),
        ({"main.js": "export default 1;"}, "no form of import or export"),
        ({"main.js": "export { a };"}, "no form of import or export"),
    ],
)
def test_modules_that_cannot_be_joined_are_refused(sources, message):
    with pytest.raises(ChatdescError, match=re.escape(message)):
        bundle(sources, "main.js")


def test_a_module_stands_once_and_after_those_that_it_imports():
    uses = 'import { one } from "./one.js";\n'
    sources = {"main.js": 'import { two } from "./two.js";\n' + uses, "two.js": uses + "export const two = one;"}
    script = bundle(sources | {"one.js": "export const one = 1;", "other.js": "alert(1);"}, "main.js")
    assert [script.count(f"const ${name} =") for name in ("one", "two", "main", "other")] == [1, 1, 1, 0]
    assert script.index("$one =") < script.index("$two =") < script.index("$main =")
