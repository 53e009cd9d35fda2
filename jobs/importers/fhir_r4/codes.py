"""The code systems FHIR resources speak in, ours among them."""

from functools import lru_cache

from jobs.importers.coded import LOCAL, LOINC, OTHER
from jobs.importers.identity import OUR_NUMBERS

OUR_MEASURES = "urn:myopanel:measure"
OUR_DRUGS = "urn:myopanel:drug"
OUR_RECORD_NUMBERS = OUR_NUMBERS
OUR_DIAGNOSES = "urn:myopanel:diagnosis"
OUR_EVENTS = "urn:myopanel:event"

LOINC_SYSTEM = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
ATC = "http://www.whocc.no/atc"
ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"
UCUM = "http://unitsofmeasure.org"
_STANDARD_SYSTEMS = (
    SNOMED,
    RXNORM,
    ATC,
    "http://hl7.org/",
    "http://terminology.hl7.org/",
    "urn:oid:2.16.840.1.113883.",
)


@lru_cache(maxsize=1024)
def system_of(system: str) -> str:
    """Which of `loinc`, `local` and `other` a code system is."""
    if system in {LOINC_SYSTEM, LOINC, "urn:oid:2.16.840.1.113883.6.1"}:
        return LOINC
    # A local code of a laboratory nobody told us about is as good as its name, which is checked.
    return OTHER if system.startswith(_STANDARD_SYSTEMS) else LOCAL
