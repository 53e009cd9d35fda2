"""Which mark separates decimals and which thousands, learned from what a sender writes; what may be either is held.

`19.250` is nineteen and a quarter or nineteen thousand. A sender who writes `7.1` or `0.029` separates decimals with a
point, one who writes `1.234,5` with a comma; whoever has shown neither is asked once, and it is remembered.
"""

import re
from typing import NamedTuple

from jobs.importers.canonical import Waits
from jobs.importers.decisions import decisions

DECIMAL, THOUSANDS = "decimal", "thousands"
FORMS = {".": "point before three digits", ",": "comma before three digits"}
"""How the question is called where it waits."""

_PLAIN = re.compile(r"[+-]?\d+", re.ASCII)
_SPACED = re.compile(r"[+-]?[1-9]\d{0,2}(?:['’\u00a0\u202f ]\d{3})+(?P<rest>[.,]\d+)?")
_BOTH = re.compile(r"[+-]?[1-9]\d{0,2}(?:(?P<group>[.,])\d{3})+(?P<mark>(?!(?P=group))[.,])\d+", re.ASCII)
_SEVERAL = re.compile(r"[+-]?[1-9]\d{0,2}(?:\.\d{3}){2,}|[+-]?[1-9]\d{0,2}(?:,\d{3}){2,}", re.ASCII)
_ONE = re.compile(r"[+-]?(?P<whole>\d*)(?P<mark>[.,])(?P<rest>\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_SHOWN = re.compile(r"(?<![\d.,])(?:0[.,]\d+|\d+[.,](?:\d{1,2}|\d{4,}))(?![\d.,])", re.ASCII)


class Marked(NamedTuple):
    """A number as a program writes it, and whether only what the sender showed elsewhere says so."""

    text: str
    by_habit: bool = False


def learn_from(sender: str, *texts: str) -> None:
    """Learn a sender's decimal mark from texts in which it can only be that."""
    for text in texts:
        for shown in _SHOWN.findall(text):
            _shown(sender, "." if "." in shown else ",")


def plain_number(sender: str, key: str, text: str) -> Marked | None:
    """A number of a sender with a decimal point and nothing else, or None where it is no number.

    Raises:
        Waits: it may be two numbers, and the sender has not shown which.
    """
    if _PLAIN.fullmatch(text):
        return Marked(text)
    both = _BOTH.fullmatch(text)
    if both is not None:
        _shown(sender, both["mark"])
        return Marked(text.replace(both["group"], "").replace(both["mark"], "."))
    if _SEVERAL.fullmatch(text):
        group = "." if "." in text else ","
        _shown(sender, "," if group == "." else ".")
        return Marked(text.replace(group, ""))
    spaced = _SPACED.fullmatch(text)
    if spaced is not None:
        rest = (spaced["rest"] or "").replace(",", ".")
        whole = text.removesuffix(spaced["rest"] or "")
        return Marked(re.sub(r"['’\s]", "", whole) + rest)
    one = _ONE.fullmatch(text)
    if one is None:
        return None
    mark = one["mark"]
    as_decimal = text.replace(",", ".")
    if len(one["rest"]) != 3 or not one["whole"] or one["whole"].startswith("0") or len(one["whole"]) > 3:
        _shown(sender, mark)
        return Marked(as_decimal)
    decided = decisions().of(sender, "value", FORMS[mark])
    if decided is None:
        raise Waits(
            "value", text,
            f"{text!r} may mean {text.replace(mark, '')} or {as_decimal}; decide once for this sender whether a "
            f"{FORMS[mark]} separates thousands or decimals",
            kind="value", what=FORMS[mark],
        )  # fmt: skip
    return Marked(as_decimal if decided.to == DECIMAL else text.replace(mark, ""), by_habit=True)


def _shown(sender: str, mark: str) -> None:
    other = "," if mark == "." else "."
    decisions().learn(sender, "value", FORMS[mark], DECIMAL)
    decisions().learn(sender, "value", FORMS[other], THOUSANDS)
