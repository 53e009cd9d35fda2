"""The text of a file whose encoding and separator nobody said."""

import re
from collections import Counter

from models.errors import UsageError

SEPARATORS = (",", ";", "\t", "|")
LINES_LOOKED_AT = 100

_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_QUOTED = re.compile(r'"[^"]*"')


def decoded(content: bytes, encoding: str = "", name: str = "the file") -> tuple[str, str]:
    """Text and encoding: by its mark, by the zeros of UTF-16, as UTF-8, else as Windows or old Macintosh write letters.

    `encoding`: the one of its source, for what is not Unicode: a source that begins to write UTF-8 is read rightly.

    Raises:
        UsageError: the encoding that was named is unknown, or the file is not in it.
    """
    used = _unicode(content) or encoding or ("mac_roman" if _is_macintosh(content) else "cp1252")
    try:
        return content.decode(used), used
    except (UnicodeDecodeError, LookupError) as error:
        raise UsageError(f"{name}: it is not {used}: {error}") from error


def _unicode(content: bytes) -> str:
    """Which encoding of Unicode it is in, '' for none."""
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return encoding
    head = content[:4096]
    if b"\x00" in head:
        # Latin letters in UTF-16 have a zero on one side.
        return "utf-16-le" if head[1::2].count(0) >= head[0::2].count(0) else "utf-16-be"
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return ""
    return "utf-8"


def _is_macintosh(content: bytes) -> bool:
    """Whether the letters beside plain ones lie where the Macintosh had them, and Windows has quotation marks."""
    try:
        content.decode("cp1252")
    except UnicodeDecodeError:
        return True
    beside = [byte for byte, around in _with_neighbours(content) if byte >= 0x80 and around]
    windows = sum(byte >= 0xC0 for byte in beside)
    macintosh = sum(byte < 0xA0 for byte in beside)
    return macintosh > windows


def _with_neighbours(content: bytes) -> list[tuple[int, bool]]:
    """Bytes beyond ASCII, and whether a plain letter stands beside them."""
    letters = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    found = []
    for place, byte in enumerate(content):
        if byte >= 0x80:
            around = content[max(place - 1, 0) : place] + content[place + 1 : place + 2]
            found.append((byte, any(one in letters for one in around)))
    return found


def separator_of(text: str) -> str:
    """The separator that gives the most lines the same number of cells, more than one."""
    lines = [_QUOTED.sub("", line) for line in text.splitlines()[:LINES_LOOKED_AT] if line.strip()]
    best, most = ",", (0, 0)
    for separator in SEPARATORS:
        counts = Counter(line.count(separator) for line in lines)
        counts.pop(0, None)
        if counts:
            number, lines_with = max(counts.items(), key=lambda item: (item[1], item[0]))
            if (lines_with, number) > most:
                best, most = separator, (lines_with, number)
    return best
