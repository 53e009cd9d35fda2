"""How names and units are written the same way before they are looked up."""

from functools import lru_cache

# Superscripts become powers; both micro signs become u; everything else is folded to lower case.
_UNIT_SPELLINGS = str.maketrans(
    {"\u00b5": "u", "\u03bc": "u", "\u00d7": "x", "\u2079": "*9", "\u00b3": "*3", "\u2076": "*6", "\u2082": "2"}
)


@lru_cache(maxsize=4096)
def unit_key(unit: str) -> str:
    """A unit in one spelling: lower case, no blanks, ``u`` for micro, powers of ten as ``10*9``.

    ``x10^9/L``, ``10E9/l`` and ``10⁹/L`` all become ``10*9/l``. Case is lost on purpose (laboratories write ``u/l``),
    so ``G/L`` and ``g/L`` are the same here; which of them is meant follows from the measure.
    """
    spelled = "".join(unit.translate(_UNIT_SPELLINGS).lower().split())
    if spelled.startswith(("x10", "*10")):
        spelled = spelled[1:]
    for power in ("10^", "10e", "10**"):
        if spelled.startswith(power):
            spelled = "10*" + spelled[len(power) :]
    return spelled.replace("mm^3", "mm3").replace("mm*3", "mm3").replace("cmm", "mm3")


@lru_cache(maxsize=4096)
def name_key(name: str) -> str:
    """A name without case, blanks and punctuation: ``Co-trimoxazole`` and ``cotrimoxazole`` are one."""
    return "".join(character for character in name.casefold() if character.isalnum())
