"""Secrets of URLs and of the environment."""

import pytest

from chatdesc.private import has_secret, is_secret_name, last_name, without_secrets
from chatdesc.types import BackendError, ChatdescError, DataError, Problem

SECRETS = [
    "https://ada:hunter2@example.org/a",
    "s3://AKIA:abc/def@bucket/a",
    "https://h/a.zip?X-Amz-Algorithm=x&X-Amz-Signature=hunter2",
    "https://h/a.zip?X-Amz-Security-Token=hunter2&b=1",
    "https://h/a.zip?sv=1&sig=hunter2%3D",
    "zip://in::https://h/a.zip?token=hunter2",
    "https://h/a.zip?Policy=x&Signature=hunter2&Key-Pair-Id=y",
    "https://h/a?access_token=hunter2, and more",
]


@pytest.mark.parametrize("text", SECRETS)
def test_secrets_of_urls_are_found_and_taken_out(text):
    clean = without_secrets(text)
    assert has_secret(text) and "hunter2" not in clean and "abc" not in clean and "***" in clean
    assert without_secrets(clean) == clean and not has_secret(clean)


@pytest.mark.parametrize(
    "text",
    ["", "a kite", "https://example.org/a?part=2", "ssh://git@github.com/a", "write to ada@example.org", "x=1; y=2"],
)
def test_other_texts_stay(text):
    assert without_secrets(text) == text and not has_secret(text)


@pytest.mark.parametrize("kind", [ChatdescError, DataError, BackendError])
def test_no_error_and_no_problem_holds_a_secret(kind):
    assert str(kind(f"{SECRETS[0]}: there is no such folder")) == "https://***@example.org/a: there is no such folder"
    assert "hunter2" not in Problem("unsafe_path", SECRETS[2]).message


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://ada:pw@h/data/bus.zip?sig=1f0a#x", "bus.zip"),
        ("zip://bus/bus-1::s3://bucket/bus.zip", "bus.zip"),
        ("/data/LaSOT/", "LaSOT"),
        ("https://ada:pw@h", "***@h"),
        ("/data/what?.zip", "what?.zip"),
    ],
)
def test_the_last_name_of_a_place(url, name):
    assert last_name(url) == name


def test_variables_that_hold_secrets():
    secret = ("HF_TOKEN", "OPENAI_API_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "DB_PASSWORD", "my_secret")
    secret += ("GITHUB_TOKEN", "SSH_AUTH_SOCK", "AZURE_STORAGE_KEY", "GOOGLE_APPLICATION_CREDENTIALS", "WANDB_API_KEY")
    plain = ("PATH", "HOME", "LANG", "CUDA_VISIBLE_DEVICES", "TOKENIZERS_PARALLELISM", "KEYBOARD", "HF_HOME", "AUTHOR")
    assert [name for name in secret if not is_secret_name(name)] == []
    assert [name for name in plain if is_secret_name(name)] == []
