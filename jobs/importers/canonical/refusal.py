"""Why a row cannot be taken over."""


class Refused(ValueError):
    """A row that cannot be taken over: which column, what stood there, and what to do about it."""

    def __init__(self, column: str, value: str, why: str) -> None:
        super().__init__(f"column {column}: {why}" if column else why)
        self.column = column
        self.value = value
        self.why = why
