"""Data sets of these tests are small."""

import pytest

from tests.small_sets import publish_small


@pytest.fixture(autouse=True)
def small(monkeypatch):
    publish_small(monkeypatch)
