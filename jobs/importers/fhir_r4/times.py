"""Days and instants of FHIR as clinic days."""

import datetime as dt
from zoneinfo import ZoneInfo

from jobs.importers.fhir_r4.elements import Body, dict_of, text_of


def day_of(text: str, timezone: str) -> str:
    """The clinic day of a FHIR date or instant; what is no whole day is left for the reader to refuse."""
    if len(text) <= 10:
        return text
    try:
        moment = dt.datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return text
    return (moment.date() if moment.tzinfo is None else moment.astimezone(ZoneInfo(timezone)).date()).isoformat()


def last_day_of(text: str, timezone: str) -> str:
    """The last clinic day of a period. A period that ends at midnight ended with the day before."""
    day = day_of(text, timezone)
    if len(text) > 10 and day != text:
        moment = dt.datetime.fromisoformat(text.replace("Z", "+00:00"))
        local = moment if moment.tzinfo is None else moment.astimezone(ZoneInfo(timezone))
        if local.time() == dt.time():
            return (local.date() - dt.timedelta(days=1)).isoformat()
    return day


def known_since(resource: Body, *, corrected: bool) -> str:
    """When it became known: when it was issued, and a correction not before it was written."""
    issued, updated = text_of(resource.get("issued")), text_of(dict_of(resource.get("meta")).get("lastUpdated"))
    if not corrected or not issued or not updated:
        return issued or updated
    try:
        moments = [(dt.datetime.fromisoformat(text.replace("Z", "+00:00")), text) for text in (issued, updated)]
        return max(moments)[1]
    except (ValueError, TypeError):
        return issued
