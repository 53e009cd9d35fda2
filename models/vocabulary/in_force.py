"""Which vocabulary holds: the one that comes with the program, or a clinic's, which has rows of its own as well.

A clinic's rows are in its database (`models.own_vocabulary`). Whoever works for a clinic holds its vocabulary for as
long as the work takes: a request, a run, an import, a command. It belongs to that thread of work alone, so that two
databases, or two days of one, can be asked about side by side.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache, wraps
from typing import Any, ParamSpec, TypeVar

from models.vocabulary.loader import Vocabulary, load
from models.vocabulary.loading.lines import OwnLine

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

_HELD: ContextVar[Vocabulary | None] = ContextVar("vocabulary", default=None)


@lru_cache(maxsize=1)
def shipped() -> Vocabulary:
    """The tables that come with the program, checked; raises ``VocabularyError`` if they do not fit together."""
    return load()


@lru_cache(maxsize=64)
def with_own(own: tuple[OwnLine, ...], retired: tuple[tuple[str, str], ...] = ()) -> Vocabulary:
    """The shipped tables with a clinic's lines below them; raises ``VocabularyError`` where a line does not fit."""
    return load(own=own, retired=dict(retired)) if own or retired else shipped()


def vocabulary() -> Vocabulary:
    """All tables that hold here and now."""
    held = _HELD.get()
    return shipped() if held is None else held


@contextmanager
def holding(one: Vocabulary | None) -> Iterator[None]:
    """This vocabulary (None: the shipped one) holds until the block ends."""
    token = _HELD.set(one)
    try:
        yield
    finally:
        _HELD.reset(token)


def hold(one: Vocabulary | None) -> None:
    """This vocabulary (None: the shipped one) holds from now on for this thread of work: a request, a command."""
    _HELD.set(one)


def remembered(maxsize: int) -> Callable[[Callable[Arguments, Result]], Callable[Arguments, Result]]:
    """Like ``functools.lru_cache``, for what follows from the vocabulary: each vocabulary remembers its own."""

    def decorate(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
        cached: Any = lru_cache(maxsize=maxsize)

        @wraps(function)
        def found(*args: Arguments.args, **named: Arguments.kwargs) -> Result:
            memory = (_HELD.get() or shipped()).memory
            known = memory.get(function)
            if known is None:
                known = memory[function] = cached(function)
            result: Result = known(*args, **named)
            return result

        return found

    return decorate
