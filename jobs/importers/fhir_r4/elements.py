"""Elements of resources read tolerantly: what is not of the expected shape counts as not there."""

from collections.abc import Iterator, Mapping
from typing import Any

from jobs.importers.canonical import Refused

Body = Mapping[str, Any]


def dict_of(value: Any) -> Body:
    """An object, or an empty one."""
    return value if isinstance(value, dict) else {}


def list_of(value: Any) -> list[Any]:
    """A list, or an empty one."""
    return value if isinstance(value, list) else []


def dicts_of(value: Any) -> list[Body]:
    """The objects of a list."""
    return [one for one in list_of(value) if isinstance(one, dict)]


def text_of(value: Any) -> str:
    """A text without surrounding blanks, or ''."""
    return value.strip() if isinstance(value, str) else ""


def first_of(value: Any) -> Body:
    """The first object of a list, or an empty one."""
    return next(iter(dicts_of(value)), {})


def codings_of(concept: Any) -> list[Body]:
    """The codes of a concept."""
    return dicts_of(dict_of(concept).get("coding"))


def code_of(concept: Any) -> str:
    """The first code of a concept, such as a status."""
    return next((code for one in codings_of(concept) if (code := text_of(one.get("code")))), "")


def values_in(part: Body) -> Iterator[str]:
    """Which of the members value[x] are there."""
    return (name for name, value in part.items() if name.startswith("value") and value is not None)


def names_of(concept: Any) -> list[str]:
    """The words for a concept: its text, then the names of its codes."""
    words = [text_of(dict_of(concept).get("text")), *(text_of(one.get("display")) for one in codings_of(concept))]
    return list(dict.fromkeys(filter(None, words)))


def name_of(concept: Any) -> str:
    """A word for a concept: what it is called, else its code."""
    return next(iter(names_of(concept)), "") or code_of(concept)


def number_of(value: Any, column: str) -> str:
    """A number as text.

    Raises:
        Refused: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        # No decision makes one of it.
        raise Refused(column, "", f"{value!r} is not a number")
    return repr(value)
