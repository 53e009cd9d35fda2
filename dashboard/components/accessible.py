"""Attributes for people who do not see the page, spelled so that Python and type checkers accept them."""

from typing import Any


def aria(**named: str) -> dict[str, Any]:
    """`aria(label="Pages", hidden="true")` -> `{"aria-label": ..., "aria-hidden": ...}`."""
    return {f"aria-{name}": value for name, value in named.items()}


def data(**named: str) -> dict[str, Any]:
    """`data(alerts_act="snooze")` -> `{"data-alerts-act": "snooze"}`: what the scripts in `assets/` look for."""
    return {f"data-{name.replace('_', '-')}": value for name, value in named.items()}
