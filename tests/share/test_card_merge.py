"""One section of a repository's card is replaced; what people wrote around it stays, byte for byte."""

import pytest
import yaml

from chatdesc.share.card_merge import entries, entry, joined, merged, parted, patterns_of, with_section
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


@pytest.mark.parametrize("card", ["# Mine\n", "", "\n---\na: 1\n---\n", "--- a\n---\n"])
def test_a_card_without_yaml(card):
    assert parted(card) == ({}, card)


def test_yaml_alone_and_empty_yaml():
    assert parted("---\na: 1\n---") == ({"a": 1}, "")
    assert parted("---\n---\nx") == ({}, "x")


@pytest.mark.parametrize(
    ("front", "says"), [("a: [", "cannot be read"), ("- a", "is no mapping"), ("a", "is no mapping")]
)
def test_yaml_that_would_be_lost_is_refused(front, says):
    with pytest.raises(ChatdescError, match=says):
        parted(f"---\n{front}\n---\nx")


def test_joined_is_taken_apart_again():
    metadata = {"z": 1, "a": "caf\u00e9 " * 40, "license": "mit"}
    card = joined(metadata, "\n\n# Mine\n\ntext\n\n")
    again, body = parted(card)
    assert again == metadata and list(again) == ["z", "a", "license"]  # in the order of whoever wrote them
    assert body == "\n# Mine\n\ntext\n" and "caf\u00e9" in card and len(card.splitlines()) == 9


def test_one_entry_needs_no_list():
    metadata = {"configs": {"data_files": "x"}, "dataset_info": [{"config_name": "a"}, {"config_name": "b", "k": 1}]}
    assert entries(metadata, "configs") == [{"data_files": "x"}] and entries({}, "configs") == []
    assert entry(metadata, "configs", "default") == {"data_files": "x"}
    assert entry(metadata, "dataset_info", "b") == {"config_name": "b", "k": 1}
    assert entry(metadata, "dataset_info", "c") == {}


def test_patterns_by_split():
    files = [{"split": "test", "path": "a/*.parquet"}, {"split": "x", "path": ["1", "2"]}]
    metadata = {"configs": [{"config_name": "a", "data_files": files}, {"config_name": "b", "data_files": "b/*"}]}
    assert patterns_of(metadata, "a") == {"test": "a/*.parquet", "x": ["1", "2"]}
    assert patterns_of(metadata, "new") == {}
    with pytest.raises(ChatdescError, match="has b without a list of splits"):
        patterns_of(metadata, "b")


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


def test_sections_are_replaced_in_their_place():
    body = with_section(with_section("# Mine\n", "a", "first"), "b", "second")
    assert body.index("# Mine") < body.index("first") < body.index("second")
    again = with_section(body + "\nAfter.\n", "a", "\n\nnew\n")
    assert again == body.replace("first", "new") + "\nAfter.\n"
    assert with_section(again, "a", "new") == again


@pytest.mark.parametrize(
    "body", ["", "text", "<!-- end of a -->\ntext", "<!-- chatdesc a: each push writes this section anew -->"]
)
def test_a_section_without_both_marks_is_added_at_the_end(body):
    card = with_section(body, "a", "new")
    assert card.startswith(body) and card.endswith("new\n<!-- end of a -->\n")
