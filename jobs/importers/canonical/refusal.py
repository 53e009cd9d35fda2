"""Why a row cannot be taken over."""


class Refused(ValueError):
    """A row that cannot be taken over: which column, what stood there, and what to do about it."""

    def __init__(self, column: str, value: str, why: str) -> None:
        super().__init__(f"column {column}: {why}" if column else why)
        self.column = column
        self.value = value
        self.why = why


class Waits(Refused):
    """A row that cannot be taken over before somebody decides what its sender means; it is kept until then.

    Attributes:
        kind: code, unit, patient, value or drug.
        what: what is to be decided, in the sender's words; the key under which it is decided.
    """

    def __init__(self, column: str, value: str, why: str, *, kind: str, what: str) -> None:
        super().__init__(column, value, why)
        self.kind = kind
        self.what = what


class Merging(Waits):
    """A message by which two record numbers become one; with `agreed` it is carried out, else it waits.

    Attributes:
        former: the number that ends. into: the one that holds.
    """

    def __init__(self, column: str, why: str, *, what: str, former: str, into: str, agreed: bool) -> None:
        super().__init__(column, former, why, kind="patient", what=what)
        self.former = former
        self.into = into
        self.agreed = agreed


class NotOurs(Refused):
    """A row of which it was decided that it is not for this clinic: counted, and nothing of it is kept."""

    def __init__(self, column: str, decision: int) -> None:
        super().__init__(column, "", "it is not for this clinic")
        self.decision = decision


class NothingToTake(Refused):
    """A row that was read and understood, and brings nothing (yet): a result that is not final, another clinic's merge.

    It is kept and counted like every rejected row; whoever sent it did nothing wrong.
    """
