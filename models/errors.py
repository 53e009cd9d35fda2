"""The exception family: which are shown to users, and which exit code each has."""

import re


class MyopanelError(Exception):
    """Anything we can explain. The message is written for the person who has to act on it."""

    exit_code = 1


class UsageError(MyopanelError):
    """Wrong usage or unreadable input: nothing was changed."""

    exit_code = 2


class SettingsError(UsageError):
    """A setting is missing, malformed or unsafe."""


class UnknownPatient(UsageError):
    """No patient with that record number."""

    def __init__(self, mrn: str) -> None:
        super().__init__(
            f"No patient with record number {mrn!r}. Record numbers are compared exactly, leading zeros included."
        )


class ActionRefused(UsageError):
    """An action on an alert, threshold or account that the rules of the house do not allow."""


def told(error: BaseException) -> str:
    """An exception in a form that may be kept and shown: its type and its message without quoted words and numbers.

    Of a database error only the first line is used: the following ones repeat the row that was refused.
    """
    source = getattr(error, "orig", None) or error
    lines = str(source).strip().splitlines()
    kind = type(error).__name__
    if not lines:
        return kind
    return f"{kind}: {_masked(lines[0])[:300]}"


def _masked(text: str) -> str:
    without_quotes = re.sub(r"""(["'`]).*?\1""", "…", text)
    return re.sub(r"\d+(?:[.,]\d+)*", "#", without_quotes)
