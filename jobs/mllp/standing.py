"""How the listener stands, for `/health`, the Jobs page and `myopanel doctor`: alive, last heard, what is unread."""

import datetime as dt
from dataclasses import dataclass

from sqlmodel import Session

from models.job_run import Lease
from models.received_message import newest_message, unread_messages
from models.settings import Settings


def lease_name(settings: Settings) -> str:
    """Under which name a listener shows that it is alive."""
    return f"hl7 {settings.mllp_host}:{settings.mllp_port}"


@dataclass(frozen=True)
class Standing:
    """Where it should listen (empty: nowhere), and whether some process says that it does.

    `last_at`: when something new came last. `unread`: messages that were kept and not read to their end.
    """

    address: str
    alive: bool
    last_at: dt.datetime | None
    unread: int

    def problems(self) -> list[str]:
        """Sentences on what is wrong."""
        found = []
        if self.address and not self.alive:
            found.append("HL7: nobody listens for messages")
        if self.unread:
            many = "1 message was" if self.unread == 1 else f"{self.unread} messages were"
            found.append(f"HL7: {many} kept and not read yet")
        return found


def standing(session: Session, settings: Settings, now: dt.datetime) -> Standing:
    """How the listener stands at the instant `now`; asked for by every page, so it costs three short looks."""
    last_at, unread = newest_message(session), len(unread_messages(session))
    if settings.mllp_port is None:
        return Standing("", False, last_at, unread)
    held = session.get(Lease, lease_name(settings))
    alive = held is not None and held.expires_at > now
    return Standing(f"{settings.mllp_host}:{settings.mllp_port}", alive, last_at, unread)
