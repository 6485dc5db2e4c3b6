import os

import pytest

from chatdesc.share import redact as private
from chatdesc.share.redact import assert_clean, find_private, redact
from chatdesc.types import ChatdescError

TOKEN = "hf_" + "a1B2" * 8


@pytest.fixture
def environment(monkeypatch):
    """Sets variables that are looked at once in a process."""

    def changed(**variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        forget()

    def forget():
        private._secrets.cache_clear()
        private._own_folders.cache_clear()

    yield changed
    monkeypatch.undo()
    forget()


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


def test_a_home_of_one_level_is_private(environment):
    environment(HOME="/no-such-home")
    for text in ("/no-such-home", "in /no-such-home/lasot", "file:///no-such-home"):
        assert find_private(text) == "an absolute path of this machine", text
    assert find_private("/no-such-home-2") is None


@pytest.mark.skipif(not os.path.isdir("/usr"), reason="this machine has no /usr")
def test_the_name_of_a_first_folder_is_a_word_with_a_slash():
    assert find_private("on/usr, /usr") is None and redact("/usr") == "/usr"
    assert find_private("/usr/x") is not None and redact("/usr/x") == "x"


def test_the_top_of_the_file_system_as_home_makes_no_path_private(environment):
    environment(HOME="/")
    assert find_private("/no-such-folder-here/x") is None


@pytest.mark.parametrize("value", ["", "x", "eleven-long"])
def test_a_variable_without_a_real_secret_makes_no_text_a_token(environment, value):
    environment(OPENAI_API_KEY=value, MY_PASSWORD=value)
    assert find_private(f"a red kite {value}") is None and redact(f"a red kite {value}") == f"a red kite {value}"
    environment(OPENAI_API_KEY="twelve-long-", NOT_A_NAME_OF_ONE="twelve-long+")
    assert find_private("twelve-long-") == "a token" and find_private("twelve-long+") is None


def test_tokens(environment):
    environment(some_api_key="correct-horse-battery")
    assert find_private(f"Bearer {TOKEN}") == "a token"
    assert find_private("key=correct-horse-battery;") == "a token"
    assert redact(f"{TOKEN} correct-horse-battery") == "*** ***"


def test_redacting_keeps_the_rest(tmp_path):
    text = redact(f"{tmp_path}/a/nlp.txt: line 3 is empty; see {tmp_path}/b.txt")
    assert text == "nlp.txt: line 3 is empty; see b.txt"
    assert find_private(text) is None


@pytest.mark.parametrize(
    "token",
    [
        "ASIA" + "A1" * 8,
        "AKIA" + "A1" * 8,
        "github_pat_1" + "a1" * 12,
        "AWS_SECRET_ACCESS_KEY=" + "wJal/+" * 6 + "abcd",
    ],
)
def test_tokens_of_more_makers(token):
    assert find_private(f"found {token} there") == "a token"
    assert token[-12:] not in redact(f"found {token} there")


def test_the_secret_key_of_amazon_in_the_environment(environment):
    environment(AWS_SECRET_ACCESS_KEY="wJalrXUtnFEMI/K7MDENG")
    assert find_private("with wJalrXUtnFEMI/K7MDENG") == "a token" and redact("wJalrXUtnFEMI/K7MDENG") == "***"


def test_urls_with_a_password_or_a_signature():
    for url in ("https://ada:hunter2@h/a.zip", "https://h/a.zip?X-Amz-Signature=hunter2", "https://h/a?sig=hunter2"):
        assert find_private(url) == "a URL with a password or a signature"
        assert "hunter2" not in redact(url)
        with pytest.raises(ChatdescError, match="a URL with a password or a signature") as caught:
            assert_clean([url])
        assert "hunter2" not in str(caught.value)


def test_what_follows_a_colon_or_a_space(environment):
    environment(HOME="/no-such-home")
    assert find_private("x:/no-such-home/lasot") is not None and redact("x:/no-such-home/lasot") == "x:lasot"
    assert redact("open /no-such-home/My Data/secret project/a.txt: no") == "open a.txt: no"
    assert redact("C:/Users/ada/a b/c.txt") == "c.txt" == redact(r"C:\Users\ada\a b\c.txt")


def test_values_are_searched_to_the_bottom(tmp_path):
    assert_clean({"boxes": [[1.0, 2.0]], "rounds": [{"text": "a"}], "none": None, "empty": []})
    for value in ({"a": [{"b": ["x", str(tmp_path)]}]}, {"a": {"b": str(tmp_path)}}, ["x", ["y", f"{tmp_path}/z"]]):
        with pytest.raises(ChatdescError, match=r"row 1.* holds an absolute path .* must not be published") as caught:
            assert_clean(value, "row 1")
        assert str(tmp_path) not in str(caught.value)
