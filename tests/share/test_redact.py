import os

import pytest

from chatdesc.share import redact as private
from chatdesc.share.redact import assert_clean, find_private, redact
from chatdesc.types import ChatdescError

TOKEN = "hf_" + "a1B2" * 8


@pytest.fixture
def secrets(monkeypatch):
    monkeypatch.setenv("SOME_API_KEY", "correct-horse-battery")
    private._secrets.cache_clear()
    yield
    private._secrets.cache_clear()


def test_paths_of_this_machine(tmp_path):
    for text in (str(tmp_path), f"cannot open {tmp_path}/nlp.txt: no such file", f"file://{tmp_path}/x", os.getcwd()):
        assert find_private(text) == "an absolute path of this machine", text
    assert find_private(r"C:\Users\ada\lasot") == "an absolute path of this machine"


@pytest.mark.parametrize(
    "text",
    [
        "the man and/or the swing / seat",
        "img/00000001.jpg",
        "airplane/airplane-15/img/%08d.jpg",
        "https://example.org/usr/lib/page",
        "hf://datasets/org/name/usr/lib",
        "/no-such-folder-here/x",
        "24/7, 1/2, /s, km/h",
        "",
    ],
)
def test_ordinary_texts_are_clean(text):
    assert find_private(text) is None
    assert redact(text) == text


def test_tokens(secrets):
    assert find_private(f"Bearer {TOKEN}") == "a token"
    assert find_private("key=correct-horse-battery;") == "a token"
    assert redact(f"{TOKEN} correct-horse-battery") == "*** ***"


def test_redacting_keeps_the_rest(tmp_path):
    text = redact(f"{tmp_path}/a/nlp.txt: line 3 is empty; see {tmp_path}/b.txt")
    assert text == "nlp.txt: line 3 is empty; see b.txt"
    assert find_private(text) is None


def test_values_are_searched_to_the_bottom(tmp_path):
    assert_clean({"boxes": [[1.0, 2.0]], "rounds": [{"text": "a"}], "none": None, "empty": []})
    for value in ({"a": [{"b": ["x", str(tmp_path)]}]}, {"a": {"b": str(tmp_path)}}, ["x", ["y", f"{tmp_path}/z"]]):
        with pytest.raises(ChatdescError, match=r"row 1.* holds an absolute path .* must not be published") as caught:
            assert_clean(value, "row 1")
        assert str(tmp_path) not in str(caught.value)
