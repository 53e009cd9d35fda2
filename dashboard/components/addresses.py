"""Filters that live in the address: what is shown can be bookmarked, sent to a colleague, and reached by "back"."""

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode


def query_of(search: str | None) -> dict[str, str]:
    """`?state=due&q=K` -> {"state": "due", "q": "K"}; blank values are left out."""
    return {key: value for key, value in parse_qsl((search or "").lstrip("?")) if value}


def address(path: str, query: Mapping[str, str], **changes: str) -> str:
    """The same view with some filters changed; a filter changed to nothing is left out."""
    kept = {key: value for key, value in {**query, **changes}.items() if value}
    return f"{path}?{urlencode(kept)}" if kept else path
