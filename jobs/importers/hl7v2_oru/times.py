"""HL7 times in ISO 8601."""

import re

from jobs.importers.canonical import Refused

_TIME = re.compile(
    r"(\d{4})(?:(\d{2})(?:(\d{2})(?:(\d{2})(?:(\d{2})(?:(\d{2})(?:\.\d+)?)?)?)?)?)?([+-]\d{4})?", re.ASCII
)


def iso_time(text: str, column: str, sent_at: str) -> str:
    """An HL7 time in ISO 8601. A time without offset is in the offset of MSH-7 (`sent_at`), if that has one.

    Raises:
        Refused: it is no time, or names no day.
    """
    if not text:
        return ""
    found = _TIME.fullmatch(text)
    if found is None:
        raise Refused(column, text, f"{text!r} is not a time of HL7; write 20260531 or 202605311430+0200")
    year, month, day, hour, minute, second, offset = found.groups()
    if day is None:
        raise Refused(column, text, f"{text!r} names no day")
    said = f"{year}-{month}-{day}"
    if hour is None:
        return said
    if offset is None:
        own = _TIME.fullmatch(sent_at)
        offset = own[7] if own is not None else None
    at = f"{said}T{hour}:{minute or '00'}:{second or '00'}"
    return f"{at}{offset[:3]}:{offset[3:]}" if offset else at
