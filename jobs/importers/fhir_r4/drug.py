"""Which drug a concept means, by its codes and its names."""

import re
from collections.abc import Mapping

from jobs.importers.canonical import Refused
from jobs.importers.fhir_r4.codes import ATC, OUR_DRUGS, RXNORM
from jobs.importers.fhir_r4.dosage import LOCAL_USE
from jobs.importers.fhir_r4.elements import Body, code_of, codings_of, names_of, text_of
from models import vocabulary


@vocabulary.remembered(maxsize=1)
def _by_atc() -> Mapping[str, tuple[vocabulary.Drug, ...]]:
    found: dict[str, list[vocabulary.Drug]] = {}
    for row in vocabulary.drugs().values():
        if row.atc:
            found.setdefault(row.atc, []).append(row)
    return {code: tuple(rows) for code, rows in found.items()}


def drug_of(concept: Body) -> tuple[str, str]:
    """The drug's name, and the home in the ATC of a form that is not for the whole body ('' for any other).

    Raises:
        Refused: no name, or a code and a name that mean different drugs.
    """
    coded: dict[str, vocabulary.Drug] = {}
    home = ""
    for one in codings_of(concept):
        system, code = text_of(one.get("system")), text_of(one.get("code"))
        known: vocabulary.Drug | None = None
        if system == RXNORM:
            known = vocabulary.drug_for_rxnorm(code)
        elif system == OUR_DRUGS:
            known = vocabulary.drugs().get(code)
        elif system == ATC or system.endswith("/atc"):
            rows = _by_atc().get(code.upper(), ())
            # Mycophenolate mofetil and mycophenolic acid share a code: the name decides.
            known = rows[0] if len(rows) == 1 else None
            home = next((prefix for prefix in LOCAL_USE if code.upper().startswith(prefix)), home)
        if known is not None:
            coded[known.key] = known
    names = names_of(concept)
    named = {known.key: known for name in names if (known := _drug_named(name)) is not None}
    meant = {**coded, **named}
    if len(meant) > 1:
        raise Refused("drug", ", ".join(names), f"its codes and names mean different drugs: {', '.join(sorted(meant))}")
    if meant:
        return next(iter(meant)), home
    name = next(iter(names), "")
    if not name:
        code = code_of(concept)
        raise Refused(
            "drug", code, f"no drug is known for the code {code!r}, and it has no name" if code else "no drug is named"
        )
    return name, home


_PRODUCT = re.compile(r"(?P<name>[^\d/]+?)(?: sodium| hydrochloride)?\s+\d.*", re.IGNORECASE | re.DOTALL)
_PER_VOLUME = re.compile(r"(?<=[a-z])\s*/\s*\d*(?:\.\d+)?\s*(?:ml|l|tablet|dose)\b", re.IGNORECASE)
_PLAIN_FORM = re.compile(r"(?:oral|tablet|capsule|inject|infusion|solution|suspension|iv\b|intravenous)", re.IGNORECASE)
_LOCAL_FORM = re.compile(
    r"(?:ophthalm|eye|otic|ear|nasal|topical|cream|ointment|inhal|rectal|enema|foam|aerosol)", re.IGNORECASE
)


def _drug_named(name: str) -> vocabulary.Drug | None:
    """A drug by its name, or by that of a product (`Prednisone 5 MG Oral Tablet`); never of a mixture."""
    known = vocabulary.drug(name)
    # A stroke stands between the drugs of a mixture, or in a strength.
    plain = _PER_VOLUME.sub("", name)
    if known is not None or "/" in plain:
        return known
    found = _PRODUCT.fullmatch(plain.strip())
    if found is None or _LOCAL_FORM.search(name) or not (_PLAIN_FORM.search(name) or len(name) < 40):
        return None
    return vocabulary.drug(found["name"])
