"""How names and units are written the same way before they are looked up."""

import re
from functools import lru_cache

# Superscripts become powers; both micro signs become u; everything else is folded to lower case.
_UNIT_SPELLINGS = str.maketrans(
    {
        "\u00b5": "u",
        "\u03bc": "u",
        "\u00d7": "x",
        "\u2079": "*9",
        "\u00b3": "*3",
        "\u2076": "*6",
        "\u2082": "2",
        "\u00b2": "2",
    }
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


_POWER = re.compile(r"\b10\*(\d+)")
_MICRO = re.compile(r"\bu(?=g|mol|L|kat|m\b)|\bmc(?=g\b|L\b)")
_NOTE = re.compile(r"\{([^}]*)\}")
_RAISED = str.maketrans("0123456789", "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079")
_WRITTEN = {
    "cm[H2O]": "cmH\u2082O",
    "mm[Hg]": "mmHg",
    "U/mL{RBCs}": "U/mL red cells",
    "[lb_av]": "lb",
    "[in_i]": "in",
    "{score}": "",
    "{presence}": "",
}


@lru_cache(maxsize=4096)
def written_unit(unit: str) -> str:
    """A stored unit as clinicians write it: ``10⁹/L`` for ``10*9/L``, ``µmol/L`` for ``umol/L``."""
    if unit in _WRITTEN:
        return _WRITTEN[unit]
    written = _POWER.sub(lambda power: "10" + power[1].translate(_RAISED), unit)
    written = _MICRO.sub("\u00b5", written).replace("[IU]", "IU")
    # A remark in braces is no part of the unit; a body surface is.
    written = _NOTE.sub(lambda note: note[1].replace("_", " ") if note[1][:1].isdigit() else "", written)
    return re.sub(r"\b(m|mm)([23])\b", lambda size: size[1] + size[2].translate(_RAISED), written).strip()


@lru_cache(maxsize=4096)
def name_key(name: str) -> str:
    """A name without case, blanks and punctuation: ``Co-trimoxazole`` and ``cotrimoxazole`` are one."""
    return "".join(character for character in name.casefold() if character.isalnum())
