"""What a page says, without a browser: the words, links and identifiers of a tree of components."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

from dash.development.base_component import Component

from dashboard.secure import Current
from models.accounts import Principal
from tests.dashboard.conftest import NOW, PEOPLE, Clinic


def here(clinic: Clinic, name: str = "nora", now: dt.datetime = NOW) -> Current:
    """What a callback knows that `name` calls."""
    return Current(clinic.engine, clinic.app.settings, Principal(1, name, "", PEOPLE[name]), now)


def parts(tree: Any) -> Iterator[Any]:
    """Every component and text, in reading order."""
    if isinstance(tree, list | tuple):
        for one in tree:
            yield from parts(one)
    elif isinstance(tree, Component):
        yield tree
        yield from parts(getattr(tree, "children", None))
    elif tree is not None:
        yield str(tree)


def words(tree: Any) -> str:
    """The text of a tree, with single blanks."""
    return " ".join(" ".join(part for part in parts(tree) if isinstance(part, str)).split())


def rows(tree: Any) -> list[list[str]]:
    """The cells of every table row in a tree (of table bodies only)."""
    bodies = [part for part in parts(tree) if isinstance(part, Component) and part._type == "Tbody"]
    return [
        [words(cell) for cell in part.children]
        for body in bodies
        for part in parts(body)
        if isinstance(part, Component) and part._type == "Tr"
    ]


def hrefs(tree: Any) -> list[str]:
    """Where the links of a tree lead."""
    return [part.href for part in parts(tree) if isinstance(part, Component) and getattr(part, "href", None)]
