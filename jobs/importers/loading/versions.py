"""Every fact is a chain of versions in the order in which they became known.

A version is believed from its `received_at` until the next one's, which is its `known_to`. Nothing is ever overwritten:
a correction is a new row, and the only change made to an old one is to close its span. A version that arrives late but
was known earlier is put in its place in the chain.
"""

import datetime as dt
from bisect import bisect_right
from collections.abc import Mapping
from itertools import pairwise
from typing import Any


class Version:
    """One version of a fact: stored (`id`) or to be stored (`row`)."""

    __slots__ = ("closed_before", "content", "id", "known_to", "patient_id", "received_at", "row")

    def __init__(
        self,
        received_at: dt.datetime,
        content: bytes,
        patient_id: int,
        *,
        id: int | None = None,
        known_to: dt.datetime | None = None,
        row: Mapping[str, Any] | None = None,
    ) -> None:
        self.received_at = received_at
        self.content = content
        self.patient_id = patient_id
        self.id = id
        self.known_to = known_to
        self.closed_before = known_to
        self.row = row


Chain = list[Version]
"""All versions of one fact in the order in which they became known; of two known at once, the later said is last."""


def place(chain: Chain, version: Version) -> None:
    """Put a version in its place and let each be believed until the next became known."""
    chain.insert(bisect_right(chain, version.received_at, key=lambda other: other.received_at), version)
    for this, following in pairwise(chain):
        this.known_to = following.received_at
    chain[-1].known_to = None
