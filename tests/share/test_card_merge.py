"""One section of a repository's card is replaced; what people wrote around it stays, byte for byte."""

import pytest
import yaml

from chatdesc.share.card_merge import entries, entry, merged, parted, patterns_of, with_section
from chatdesc.share.card_yaml import Card, read, written
from chatdesc.types import ChatdescError

NEW = {
    "license": "other",
    "tags": ["ours"],
    "dataset_info": {"config_name": "lasot", "features": ["new"], "splits": []},
}


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_yaml_and_text_are_taken_apart(end):
    card = end.join(["---", "license: mit", "a: '---'", "---", "# Mine", "---", "text"])
    assert parted(card) == ({"license": "mit", "a": "---"}, end.join(["# Mine", "---", "text"]))


@pytest.mark.parametrize("card", ["# Mine\n", "", "--- a\n---\n", "a\n---\nb\n---\n", "---"])
def test_a_card_without_yaml(card):
    assert parted(card) == ({}, card)


@pytest.mark.parametrize("start", ["", "\n", " \n\t", "\ufeff", "\ufeff\n"])
def test_yaml_begins_where_the_hub_takes_it_to_begin(start):
    from huggingface_hub.repocard import REGEX_YAML_BLOCK

    card = f"{start}---\na: 1\n---\ntext"
    assert parted(card) == ({"a": 1}, "text")
    assert REGEX_YAML_BLOCK.search(card) or "\ufeff" in start  # which hides it from datasets, so it goes
    assert written(read(card), {"a": 1}, "text") == "---\na: 1\n---\ntext"


def test_yaml_alone_and_empty_yaml():
    assert parted("---\na: 1\n---") == ({"a": 1}, "")
    assert parted("---\n---\nx") == ({}, "x")


@pytest.mark.parametrize(
    ("front", "says"), [("a: [", "cannot be read"), ("- a", "is no mapping"), ("a", "is no mapping")]
)
def test_yaml_that_would_be_lost_is_refused(front, says):
    with pytest.raises(ChatdescError, match=says):
        parted(f"---\n{front}\n---\nx")


def test_what_is_written_is_taken_apart_again():
    metadata = {"z": 1, "a": "caf\u00e9 " * 40, "license": "mit"}
    card = written(Card({}, ""), metadata, "# Mine\n\ntext\n\n")
    again, body = parted(card)
    assert again == metadata and list(again) == ["z", "a", "license"]  # in the order of whoever wrote them
    assert body == "\n# Mine\n\ntext\n\n" and "caf\u00e9" in card and len(card.splitlines()) == 10


def test_one_entry_needs_no_list():
    metadata = {"configs": {"data_files": "x"}, "dataset_info": [{"config_name": "a"}, {"config_name": "b", "k": 1}]}
    assert entries(metadata, "configs") == [{"data_files": "x"}] and entries({}, "configs") == []
    assert entry(metadata, "configs", "default") == {"data_files": "x"}
    assert entry(metadata, "dataset_info", "b") == {"config_name": "b", "k": 1}
    assert entry(metadata, "dataset_info", "c") == {}


def test_patterns_by_split():
    files = [{"split": "test", "path": "a/*.parquet"}, {"split": "x", "path": ["1", "2"]}]
    metadata = {"configs": [{"config_name": "a", "data_files": files}, {"config_name": "b", "data_files": "b/*"}]}
    card = read(f"---\n{yaml.safe_dump(metadata)}---\n")
    assert patterns_of(card, "a") == {"test": "a/*.parquet", "x": ["1", "2"]}
    assert patterns_of(card, "new") == {}
    with pytest.raises(ChatdescError, match="line 12: b has no list of splits"):
        patterns_of(card, "b")


def test_a_configuration_is_replaced_and_the_rest_stays():
    theirs = {"config_name": "theirs", "data_files": "t/*"}
    old = {
        "license": "mit",
        "configs": [theirs, {"config_name": "lasot", "default": True, "data_files": "old"}],
        "dataset_info": [{"config_name": "lasot", "features": ["old"], "note": "mine"}, {"config_name": "theirs"}],
    }
    new = merged(old, NEW, "lasot", {"test": "lasot/test-*.parquet"})
    files = [{"split": "test", "path": "lasot/test-*.parquet"}]
    assert new["license"] == "mit" and new["tags"] == ["ours"]  # people's values go first
    assert new["configs"] == [theirs, {"config_name": "lasot", "default": True, "data_files": files}]
    described = {"config_name": "lasot", "features": ["new"], "note": "mine", "splits": []}
    assert new["dataset_info"] == [described, {"config_name": "theirs"}]


def test_a_configuration_of_another_name_is_added():
    new = merged({}, NEW, "again", {"test": "again/test-*.parquet"})
    assert new["dataset_info"] == {"config_name": "again", "features": ["new"], "splits": []}  # alone without a list
    both = merged(new, NEW, "lasot", {})
    assert [info["config_name"] for info in both["dataset_info"]] == ["again", "lasot"]
    assert yaml.safe_load(yaml.safe_dump(both)) == both


def section(body, config, text):
    return with_section(read(body), config, text)


def test_sections_are_replaced_in_their_place():
    body = section(section("# Mine\n", "a", "first"), "b", "second")
    assert body.index("# Mine") < body.index("first") < body.index("second")
    again = section(body + "\nAfter.\n", "a", "\n\nnew\n")
    assert again == body.replace("first", "new") + "\nAfter.\n"
    assert section(again, "a", "new") == again


FIRST, LAST = "<!-- chatdesc a: each push writes this section anew -->", "<!-- end of a -->"


@pytest.mark.parametrize("body", ["", "text", f"{LAST}\ntext", f"as in {FIRST}\n", f"a line: {FIRST} {LAST}", " "])
def test_a_section_that_has_not_begun_is_added_at_the_end(body):
    card = section(body, "a", "new")
    assert card.startswith(body) and card.endswith("new\n<!-- end of a -->\n")
    assert section(card, "a", "new") == card


@pytest.mark.parametrize(
    ("body", "line", "says"),
    [
        (FIRST, 1, "does not follow"),  # a second push would take all up to the new section's end for the old section
        (f"{LAST}\n{FIRST}\nmine", 2, "does not follow"),
        (f"{FIRST}\n{LAST}\nmine\n{FIRST}\n{LAST}", 4, "begins twice"),
        (f"{FIRST}\nmine\n{FIRST}\n{LAST}", 3, "begins twice"),
        (f"{FIRST}\n{FIRST.replace('a:', 'b:')}\n{LAST.replace('a', 'b')}\n{LAST}", 1, "does not follow"),
        (f"mine\n\n{FIRST}\n<!-- end of b -->\n{LAST}", 3, "does not follow"),
    ],
)
def test_marks_that_do_not_enclose_a_section_are_refused_with_their_line(body, line, says):
    with pytest.raises(ChatdescError, match=f"line {line}: the section of a .*{says}"):
        section(body, "a", "new")
    with pytest.raises(ChatdescError, match=f"line {line + 4}: the section of a .*{says}"):
        section(f"---\na: 1\n---\n\n{body}", "a", "new")


def test_a_value_ends_no_section():
    text = f"# A\n{LAST}\n# Owned\n{FIRST}\n<!-- end of b -->\n"
    once = section("mine\n", "a", text)
    assert once.count(LAST) == once.count(FIRST) == 1 and section(once, "a", text) == once
