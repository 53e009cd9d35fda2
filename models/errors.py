"""The exception family: which are shown to users, and which exit code each has."""


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
        super().__init__(f"No patient with record number {mrn!r}. Record numbers are compared exactly, leading zeros included.")


class ActionRefused(UsageError):
    """An action on an alert, threshold or account that the rules of the house do not allow."""


class NotPermitted(MyopanelError):
    """The signed-in user's role does not allow this."""
