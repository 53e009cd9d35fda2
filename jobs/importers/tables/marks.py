"""Numbers and dates as people write them, in the spelling of the CSV folder; what may mean two things is refused."""

import datetime as dt
import re

from jobs.importers.canonical import Refused
from jobs.importers.cell_text import Exact

_COMPARATOR = re.compile(r"^\s*(<=|>=|<|>|\u2264|\u2265)\s*")
_GROUPED = re.compile(r"\d{1,3}(?:[ '\u2019\u00a0\u202f]\d{3})+(?=$|[.,])")
_AMBIGUOUS = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}")
_BOTH = re.compile(r"[+-]?\d{1,3}(?:([.,])\d{3})+([.,])\d+")
_ONE = re.compile(r"[+-]?\d*([.,])\d+")
_PLAIN = re.compile(r"[+-]?\d+")
_THOUSANDS = {".": re.compile(r"[+-]?\d{1,3}(?:\.\d{3})+"), ",": re.compile(r"[+-]?\d{1,3}(?:,\d{3})+")}
_NUMBER_AND_UNIT = re.compile(r"\s*((?:<=|>=|<|>|\u2264|\u2265)?\s*[+-]?[\d.,]+)\s*([^\d\s.,<>].*)", re.DOTALL)


def mark_shown_by(text: str) -> str:
    """The decimal mark that a number shows beyond doubt, '' where it shows none."""
    plain = _COMPARATOR.sub("", text).strip()
    both = _BOTH.fullmatch(plain)
    if both is not None and both[1] != both[2]:
        return both[2]
    for mark, other in ((".", ","), (",", ".")):
        if plain.count(mark) > 1 and _THOUSANDS[mark].fullmatch(plain):
            return other
    one = _ONE.fullmatch(plain)
    return one[1] if one is not None and not _AMBIGUOUS.fullmatch(plain) else ""


def is_ambiguous(text: str) -> bool:
    """Whether a mark before three digits may separate thousands."""
    return not isinstance(text, Exact) and _AMBIGUOUS.fullmatch(_COMPARATOR.sub("", text).strip()) is not None


def number(text: str, decimal: str, column: str = "value") -> str:
    """A number with a decimal point, its comparator before it; words stay words.

    `decimal`: the mark of the source, '' where nothing showed it.

    Raises:
        Refused: it may mean two numbers, or has the marks of another source.
    """
    if isinstance(text, Exact):
        return str(text)
    found = _COMPARATOR.match(text)
    sign = "" if found is None else "<" if found[1] in {"<", "<=", "\u2264"} else ">"
    rest = text[found.end() :] if found else text.strip()
    rest = _GROUPED.sub(lambda grouped: re.sub(r"\D", "", grouped[0]), rest.strip())
    if _PLAIN.fullmatch(rest) or not re.fullmatch(r"[+-]?[\d.,]+", rest):
        return sign + rest
    shown = decimal or mark_shown_by(rest)
    if not shown:
        whole, point = re.sub(r"[.,]", "", rest), rest.replace(",", ".")
        raise Refused(
            column, text, f"{text!r} may mean {whole} or {point}; write {whole}, or say in the mapping which is decimal"
        )
    other = "," if shown == "." else "."
    if other in rest:
        head, _, tail = rest.partition(shown)
        if not _THOUSANDS[other].fullmatch(head) or (tail and not tail.isdigit()):
            raise Refused(column, text, f"{text!r} does not fit a source whose decimal mark is {shown!r}")
        rest = head.replace(other, "") + (shown + tail if tail else "")
    return sign + rest.replace(shown, ".")


def value_and_unit(text: str) -> tuple[str, str]:
    """A number and the unit that stands in the same cell; the unit is '' where none does."""
    if isinstance(text, Exact):
        return text, ""
    found = _NUMBER_AND_UNIT.fullmatch(text)
    return (found[1].strip(), found[2].strip()) if found is not None else (text, "")


# ---------------------------------------------------------------------------------------------------------------- dates

_TIME = r"(?:[ T,]+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?\s*([AaPp]\.?\s?[Mm]\.?)?)?"
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}.*)?")
_YEAR_FIRST = re.compile(rf"(\d{{4}})[./](\d{{1,2}})[./](\d{{1,2}}){_TIME}")
_COMPACT = re.compile(r"((?:19|20)\d{2})(\d{2})(\d{2})(?:(\d{2})(\d{2})(\d{2})?)?")
_PARTS = re.compile(rf"(\d{{1,2}})([./-])(\d{{1,2}})\2(\d{{4}}|\d{{2}}){_TIME}")
_DAY_NAME = re.compile(rf"(\d{{1,2}})[. -]+([^\W\d_]+)\.?[., -]+(\d{{4}}|\d{{2}}){_TIME}")
_NAME_DAY = re.compile(rf"([^\W\d_]+)\.? +(\d{{1,2}}),? +(\d{{4}}){_TIME}")
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan january januar janvier enero gennaio janeiro",
            "feb february februar fevrier f\u00e9vrier febrero febbraio",
            "mar march m\u00e4r m\u00e4rz mrz mars marzo", "apr april avril abril aprile avr",
            "may mai mayo maggio maio",
            "jun june juni juin junio giugno", "jul july juli juillet julio luglio",
            "aug august ao\u00fbt aout agosto", "sep sept september septembre septiembre settembre",
            "oct october okt oktober octobre octubre ottobre", "nov november novembre noviembre",
            "dec december dez dezember d\u00e9cembre decembre diciembre dicembre",
        ),
        1,
    )
    for name in names.split()
}  # fmt: skip


def order_shown_by(text: str) -> str:
    """`dmy` or `mdy` where a date shows it beyond doubt, `?` where it could be both, '' where it is no such date."""
    if isinstance(text, Exact):
        return ""
    found = _PARTS.fullmatch(text.strip())
    if found is None:
        return ""
    first, second = int(found[1]), int(found[3])
    if found[2] == "." or first > 12:
        # Nobody writes the month first before a point.
        return "dmy"
    return "mdy" if second > 12 else "" if first == second else "?"


def moment(text: str, order: str, column: str, latest: int, *, day_only: bool = False) -> str:
    """A day or instant in ISO 8601. `latest`: the last year that two digits can mean.

    Raises:
        Refused: it is no date, or may mean two.
    """
    plain = text.strip()
    if isinstance(text, Exact) or _ISO.fullmatch(plain):
        return plain[:10] if day_only else plain
    found = _YEAR_FIRST.fullmatch(plain)
    if found is not None:
        return _iso(found[1], found[2], found[3], found.groups()[3:], text, column, latest, day_only)
    compact = _COMPACT.fullmatch(plain)
    if compact is not None:
        clock = (*compact.groups()[3:], None)
        return _iso(compact[1], compact[2], compact[3], clock, text, column, latest, day_only)
    for pattern, places in ((_DAY_NAME, (3, 2, 1)), (_NAME_DAY, (3, 1, 2))):
        named = pattern.fullmatch(plain)
        if named is not None and (month := _MONTHS.get(named[places[1]].casefold())) is not None:
            year, day = named[places[0]], named[places[2]]
            return _iso(year, str(month), day, named.groups()[3:], text, column, latest, day_only)
    parts = _PARTS.fullmatch(plain)
    if parts is None:
        raise Refused(column, text, f"{text!r} is no date known here; write it as YYYY-MM-DD")
    shown = order_shown_by(plain)
    meant = order if order in {"dmy", "mdy"} else shown
    if meant == "?":
        raise Refused(
            column, text, f"{text!r} may be two days; say in the mapping whether the day or the month is first"
        )
    first, second = parts[1], parts[3]
    day, month_of = (second, first) if meant == "mdy" else (first, second)
    return _iso(parts[4], month_of, day, parts.groups()[4:], text, column, latest, day_only)


def _iso(
    year: str,
    month: str,
    day: str,
    clock: tuple[str | None, ...],
    text: str,
    column: str,
    latest: int,
    day_only: bool,
) -> str:
    if len(year) == 2:
        if column == "birth_date" or 2000 + int(year) > latest:
            raise Refused(column, text, f"{text!r} has a year of two digits; write four")
        year = f"20{year}"
    try:
        when = dt.date(int(year), int(month), int(day))
        hour, minute, second = (int(part or 0) for part in clock[:3])
        half = (clock[3] or "").lower().replace(".", "").replace(" ", "")
        if half:
            if not 1 <= hour <= 12:
                raise ValueError
            hour = hour % 12 + (12 if half == "pm" else 0)
        time = dt.time(hour, minute, second)
    except ValueError:
        raise Refused(column, text, f"{text!r} is not a day of the calendar; write it as YYYY-MM-DD") from None
    if day_only or clock[0] is None:
        return when.isoformat()
    return dt.datetime.combine(when, time).isoformat()
