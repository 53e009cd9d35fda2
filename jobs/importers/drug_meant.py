"""Which drug a sender means: a name of the vocabulary, or what was decided for the sender.

A drug that nobody knows is no error in the CSV folder, whose names somebody chose. In what another system sends it may
be a trade name of prednisone: it waits, and may then also keep its own name.
"""

from collections.abc import Callable

from jobs.importers.canonical import LONGEST_NAME, Refused
from jobs.importers.decisions import decisions
from models import vocabulary


def drug_meant(sender: str, name: str) -> str:
    """The drug that a name means.

    Raises:
        Waits: no table knows it, and nothing is decided. NotOurs: as decided.
    """
    if vocabulary.drug(name) is not None:
        return name
    return _decided(sender, name, f"no drug is known by the name {name!r}")


def drug_read(sender: str, read: Callable[[], tuple[str, str]]) -> tuple[str, str]:
    """A drug and what else is read with it; where its codes and names do not tell, as decided for the sender.

    Raises:
        Waits: nothing is decided. Refused: it names nothing at all. NotOurs: as decided.
    """
    try:
        name, more = read()
    except Refused as refused:
        if not refused.value:
            raise
        return _decided(sender, refused.value, refused.why), ""
    return drug_meant(sender, name), more


def _decided(sender: str, said: str, why: str) -> str:
    what = " ".join(said.split())[:LONGEST_NAME]
    return decisions().needed(sender, "drug", what, column="drug", value=said, why=why).to
