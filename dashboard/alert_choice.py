"""What an address of the nurse list asks for: whose alerts, of which rule, how urgent, with which words.

List, print and counts read the same words of the address, so that they never differ.
"""

from collections.abc import Mapping

from sqlmodel import Session

from dashboard.components.badges import SEVERITY_WORDS
from dashboard.components.reasons import rule_title
from dashboard.secure import ACTORS, Current
from models.accounts import users
from models.alert_filter import MOST_WORDS, Only
from models.alert_list import TO_DO

FILTERS = ("who", "show", "q", "rule", "sev")
"""The words of the address, in the order in which the browser writes them."""
OF_ROLE = {"nurse": "Nurses'", "physician": "Physicians'", "admin": "Administrators'"}
WHOSE = {"mine": "mine", "role": "my role's", "none": "unassigned"}


def whose_choices(here: Current) -> list[dict[str, str]]:
    """What the page lets somebody choose from; who cannot be given an alert has none of their own."""
    everybody = [{"value": "all", "label": "All"}, {"value": "none", "label": "Unassigned"}]
    if not here.may(ACTORS):
        return everybody
    own = [{"value": "mine", "label": "Mine"}, {"value": "role", "label": OF_ROLE[here.user.role]}]
    return own + everybody


def people_of(session: Session, here: Current, query: Mapping[str, str]) -> tuple[str, ...] | None:
    """The people whose alerts are asked for: none of them for alerts that nobody has, None for everybody's."""
    who = query.get("who", "")
    if who == "mine":
        return (here.user.name,)
    if who == "role":
        return tuple(user.name for user in users(session) if user.role == here.user.role)
    return () if who == "none" else None


def only_of(session: Session, here: Current, query: Mapping[str, str]) -> Only:
    """The alerts that an address asks for; what nobody could have chosen is passed over."""
    return Only(
        owners=people_of(session, here, query),
        rule=query.get("rule", "")[:80],
        severity=query.get("sev", "") if query.get("sev") in TO_DO else "",
        words=tuple(query.get("q", "").split()[:MOST_WORDS]),
    )


def in_words(query: Mapping[str, str]) -> str:
    """What was chosen, for a heading: `, mine, Overdue laboratory tests, “karst”`; empty for everything."""
    words = (query.get("q") or "").strip()
    parts = (
        WHOSE.get(query.get("who", ""), ""),
        rule_title(query["rule"]) if query.get("rule") else "",
        SEVERITY_WORDS[query["sev"]].lower() if query.get("sev") in TO_DO else "",
        f"“{words}”" if words else "",
    )
    return "".join(f", {part}" for part in parts if part)
