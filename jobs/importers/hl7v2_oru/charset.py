"""In which character set a message is written: as it says itself, else as its bytes allow."""

import codecs

_CHARSETS = {
    "": "utf-8", "ASCII": "ascii", "UNICODE": "utf-8", "UNICODE UTF-8": "utf-8", "UTF-8": "utf-8", "UTF8": "utf-8",
    **{f"8859/{part}": f"iso-8859-{part}" for part in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16)},
    "ISO IR14": "iso2022_jp", "ISO IR87": "iso2022_jp", "ISO IR159": "iso2022_jp_1", "ISO IR6": "ascii",
    "GB 18030-2000": "gb18030", "KS X 1001": "euc_kr", "BIG-5": "big5", "CP1252": "cp1252", "WINDOWS-1252": "cp1252",
}  # fmt: skip
"""HL7 table 0211, and what senders write in its place."""

_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


def as_bytes_of_ascii(content: bytes) -> bytes:
    """A file whose separators are single bytes: one in UTF-16 (known by its mark) as UTF-8."""
    for mark, charset in _MARKS:
        if content.startswith(mark):
            content = content.removeprefix(mark)
            return content if charset == "utf-8" else content.decode(charset, "replace").encode()
    return content


def decoded(content: bytes, said: str) -> tuple[str, str]:
    """A message as text, and a warning where it is not written as it says (`said`: its MSH-18).

    Nothing is lost: the last resort gives every byte a character.
    """
    name = said.split("~")[0].strip().upper()
    charset = _CHARSETS.get(name)
    for attempt in dict.fromkeys((charset or "utf-8", "utf-8")):
        try:
            text = content.decode(attempt)
        except UnicodeDecodeError:
            continue
        if charset is None:
            return text, f"the character set {said!r} is not known; read as {attempt}"
        return text, "" if attempt == charset else f"the message is not {name}, as it says; read as {attempt}"
    if b"\x1b" not in content and not _is_cp1252(content):
        return content.decode("iso-8859-1"), _warning(name, "ISO 8859-1")
    return content.decode("cp1252", "replace"), _warning(name, "Windows 1252")


def _is_cp1252(content: bytes) -> bool:
    try:
        content.decode("cp1252")
    except UnicodeDecodeError:
        return False
    return True


def _warning(said: str, used: str) -> str:
    what = f"the message is not {said}, as it says" if said else "the message names no character set and is not UTF-8"
    return f"{what}; read as {used}"
