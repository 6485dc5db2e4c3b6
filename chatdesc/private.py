"""Secrets in texts and in the environment: passwords and signatures of URLs, tokens, and the variables that hold them.

>>> without_secrets("https://ada:pw@example.org/bus.zip?X-Amz-Signature=1f0a&part=2: 403")
'https://***@example.org/bus.zip?X-Amz-Signature=***&part=2: 403'
>>> last_name("https://ada:pw@example.org/data/bus.zip?sig=1f0a"), last_name("zip://bus::/data/lasot.zip")
('bus.zip', 'lasot.zip')
>>> is_secret_name("AWS_SECRET_ACCESS_KEY"), is_secret_name("TOKENIZERS_PARALLELISM")
(True, False)
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

USER = re.compile(r"(?<=://)(?!git@|\*\*\*@)(?:[^\s/\"'<>]+|[^\s/:\"'<>]+:(?!\d+/)[^\s\"'<>]+)@")
SIGNED = re.compile(
    r"(?i)([?&;](?:[\w.-]*(?:signature|credential|token|secret|passw(?:or)?d|api[_-]?key|access[_-]?key(?:id)?)"
    r"|sig|pwd|key|auth)=)(?!\*\*\*)[^&#;\s\"'<>]+"
)
TOKEN = re.compile(
    r"\b(?:hf_[A-Za-z0-9]{20,}|sk-[A-Za-z0-9_-]{20,}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}"
    r"|glpat-[\w-]{20,}|xox[abprs]-[\w-]{10,}|AIza[\w-]{35}|A[KS]IA[A-Z0-9]{16})"
    r"|(?i:(?<=aws_secret_access_key)\W{1,4}[A-Za-z0-9/+=]{16,})"
)
SECRET_NAME = re.compile(
    r"(?:^|_)(?:TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?|AUTH|API_?KEY|ACCESS_KEY(?:_ID)?|PRIVATE_KEY)(?:_|$)"
    r"|^(?:OPENAI|ANTHROPIC|AWS|AZURE|GOOGLE|GCP|WANDB|HF)_\w*KEY"
)


def without_secrets(text: str) -> str:
    """A text in which the user part and the signed values of URLs are ``***``."""
    return SIGNED.sub(r"\1***", USER.sub("***@", text)) if "://" in text or "=" in text else text


def has_secret(text: str) -> bool:
    """Whether a text holds a token, or a URL with a password or a signature."""
    return bool(TOKEN.search(text)) or without_secrets(text) != text


def last_name(url: str) -> str:
    """The last name of a path or URL, without its query and its user."""
    target = without_secrets(url).rpartition("::")[2]
    if "://" in target:
        target = re.split(r"[?#]", target)[0]
    return target.rstrip("/").rpartition("/")[2] or target


def is_secret_name(variable: str) -> bool:
    """Whether a variable of the environment holds a secret, by its name."""
    return bool(SECRET_NAME.search(variable.upper()))


def without_secret_variables(environment: Mapping[str, str], but: Collection[str] = ()) -> dict[str, str]:
    """The variables that hold no secret, by their names and by their values.

    Args:
        but: names that stay in any case.
    """
    return {k: v for k, v in environment.items() if k in but or not (is_secret_name(k) or has_secret(v))}
