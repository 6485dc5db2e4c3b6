"""Tiny random models, each built once in a session when a test first asks for it."""

from functools import cache

import pytest


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory):
    """Gives the folder of a model by its kind: see tests/tiny_models.py."""
    from tests.tiny_models import build

    root = tmp_path_factory.mktemp("tiny-models")
    return cache(lambda kind: build(kind, root / kind))
