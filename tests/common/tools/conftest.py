"""Data sets of these tests are small."""

from tests.common.datasets.conftest import small

__all__ = ["small"]
