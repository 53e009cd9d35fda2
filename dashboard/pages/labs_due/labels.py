"""Tests by their short names."""

from models.vocabulary import tests


def test_label(test: str) -> str:
    """The short name of a test, or its key where the table does not know it."""
    known = tests().get(test)
    return short_label(known.label) if known else test


def short_label(label: str) -> str:
    """`Blood count` of `Blood count (haemoglobin, ...)`."""
    return label.split(" (")[0]
