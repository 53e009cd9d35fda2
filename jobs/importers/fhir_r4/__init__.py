"""FHIR R4 resources as facts: a Bundle, a single resource, a list of them, NDJSON, or a folder of such files.

Read by hand and tolerantly: real senders add extensions and leave out what a validator wants, and one odd entry must
not cost the others. What is not understood is refused by entry, with its number and the path in the resource.

A patient is known by the record number among the Patient's identifiers, and by its system: the same number of another
hospital is another person. A result whose subject is only a reference is looked up in the same import; a bare reference
is no record number.
"""

from jobs.importers.fhir_r4.codes import (
    ATC,
    ICD10CM,
    LOINC_SYSTEM,
    OUR_DIAGNOSES,
    OUR_DRUGS,
    OUR_EVENTS,
    OUR_MEASURES,
    OUR_RECORD_NUMBERS,
    RXNORM,
    SNOMED,
    UCUM,
)
from jobs.importers.fhir_r4.condition import event_of
from jobs.importers.fhir_r4.drug import drug_of
from jobs.importers.fhir_r4.entries import SUFFIXES, Content, Entry
from jobs.importers.fhir_r4.index import MEDICATIONS, record_number
from jobs.importers.fhir_r4.medication import Draft, drafts_of
from jobs.importers.fhir_r4.records import kept_resources
from jobs.importers.fhir_r4.sheets import ResourceSheet, find_resources, sheets_of

__all__ = [
    "ATC",
    "ICD10CM",
    "LOINC_SYSTEM",
    "MEDICATIONS",
    "OUR_DIAGNOSES",
    "OUR_DRUGS",
    "OUR_EVENTS",
    "OUR_MEASURES",
    "OUR_RECORD_NUMBERS",
    "RXNORM",
    "SNOMED",
    "SUFFIXES",
    "UCUM",
    "Content",
    "Draft",
    "Entry",
    "ResourceSheet",
    "drafts_of",
    "drug_of",
    "event_of",
    "find_resources",
    "kept_resources",
    "record_number",
    "sheets_of",
]
