"""The status of a rule in words, and how long an alert counts as opened of late."""

from typing import Any

from dashboard.components.badges import tag

STATUS_WORDS = {
    "active": ("active", "Runs, and opens alerts.", "accent"),
    "shadow": ("shadow", "Runs and is counted, but opens no alert.", "warn"),
    "draft": ("draft", "Does not run yet.", "warn"),
    "retired": ("retired", "No longer runs; old alerts can still explain themselves.", ""),
}
RECENT_DAYS = 28


def status_tag(status: str) -> Any:
    """`active`, `shadow`, ... with what it means."""
    words, title, kind = STATUS_WORDS.get(status, (status, "", ""))
    return tag(words, title=title, kind=kind)
