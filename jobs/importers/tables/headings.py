"""What headings mean, in the words of hospitals of several countries."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from jobs.importers.canonical import FILE_COLUMNS, KINDS
from jobs.importers.measure_names import measure_named, words_of
from jobs.importers.tables.mapping import RANGE
from models import vocabulary

_NAMES: Mapping[str, str] = {
    "mrn": "mrn|patient id|patientid|patient no|patient number|pat id|pat nr|pat no|patnr|patid|patientennummer|"
    "patienten nr|patienten id|record number|medical record number|medical record no|record id|hospital number|"
    "hospital no|hospital id|fallnummer|subject id|subjectid|subject|study id|studyid|nhc|ipp|numero de dossier|"
    "no dossier|historia clinica|numero paziente|patientnummer|patient|pid|upn|case number|usubjid|subjid",
    "observed_at": "observed at|date|datum|collection date|collected|collected on|collection datetime|collectiondttm|"
    "collection date time|collection time|date collected|sample date|sampling date|sampled|specimen date|"
    "specimen collected|drawn|drawn on|draw date|entnahme|entnahmedatum|entnahmezeit|entnahmezeitpunkt|abnahme|"
    "abnahmedatum|abnahmezeit|visit date|visitdate|visit|date of visit|test date|result date|datetime|date time|"
    "measured on|fecha|fecha de extraccion|fecha muestra|date de prelevement|date prelevement|data|data prelievo|"
    "data da coleta|monsterdatum|afnamedatum|provdatum|untersuchungsdatum|lbdtc|exam date|charttime",
    "measure": "measure|test|test name|testname|analyte|analyt|component|component name|componentname|parameter|"
    "untersuchung|analyse|lab test|laboratory test|prueba|examen|examen biologique|analisis|analisi|esame|exame|"
    "bepaling|analys|loinc|loinc code|test code|lbtest|lbtestcd|order name|item|assay name|messgrosse",
    "value": "value|result|results|resultvalue|result value|wert|ergebnis|messwert|resultado|valeur|resultat|risultato|"
    "valor|valore|uitslag|numeric result|numeric value|value numeric|lborres|observation value|valuenum",
    "unit": "unit|units|einheit|unite|unites|unidad|unidades|unita|unidade|eenheid|enhet|referenceunit|reference unit|"
    "result unit|resultunit|uom|lborresu|valueuom",
    "lower_limit": "lower limit|reflow|ref low|reference low|normal low|lln|low limit|lower|untergrenze|low normal|"
    "lbornrlo|ref range lower|range low",
    "upper_limit": "upper limit|refhigh|ref high|reference high|normal high|uln|high limit|upper|obergrenze|"
    "high normal|lbornrhi|ref range upper|range high",
    RANGE: "range|reference range|ref range|refrange|normal range|normbereich|referenzbereich|referenz|normwert|"
    "normwerte|valores de referencia|valeurs de reference|valori di riferimento|referentiewaarden|reference interval|"
    "reference",
    "source_id": "source id|result id|resultid",
    "comment": "comment|comments|bemerkung|kommentar|remark|remarks|note|notes|comentario|commentaire",
    "assay": "assay|method|methode",
    "status": "status|result status",
    "drug": "drug|medication|medicine|medikament|arzneimittel|drug name|medication name|wirkstoff|medicament|farmaco|"
    "medicamento|geneesmiddel|lakemedel|substance|praparat",
    "dose": "dose|dosis|dosage|posologie|daily dose|tagesdosis|dose mg|dosis mg|dose per day|dosi|dos",
    "frequency": "frequency|freq|haufigkeit|how often|frequence|frecuencia|frequenza|einnahme",
    "route": "route|applikation|voie|via|administration route",
    "start_date": "start date|start|started|begin|beginn|from|von|ab|date started|debut|inicio|inizio|startdatum",
    "end_date": "end date|end|ended|stop|stop date|stopped|ende|bis|to|until|fin|fine|einddatum|date stopped",
    "family_name": "family name|last name|lastname|surname|nachname|nom|apellido|apellidos|cognome|achternaam",
    "given_name": "given name|first name|firstname|vorname|prenom|nombre|nome|voornaam",
    "birth_date": "birth date|birthdate|date of birth|dob|geburtsdatum|geb|date de naissance|fecha de nacimiento|"
    "data di nascita|geboortedatum",
    "sex": "sex|gender|geschlecht|sexe|sexo|sesso|geslacht",
    "diagnosis": "diagnosis|diagnose|diagnostic|diagnostico|diagnosi",
    "event": "event|ereignis|evenement|evento",
}  # fmt: skip
"""Column of the CSV folder -> headings, as words; the first are the likeliest."""

_ROLES: Mapping[str, str] = {
    **dict.fromkeys(("unit", "units", "einheit", "unite", "unidad", "uom"), "unit"),
    **dict.fromkeys(("uln", "high", "upper", "max", "refhigh", "obergrenze"), "upper"),
    **dict.fromkeys(("lln", "low", "lower", "min", "reflow", "untergrenze"), "lower"),
    **dict.fromkeys(("value", "result", "wert", "level", "score", "valeur", "valor", "val", "res", "total"), "value"),
}
_BRACKETS = re.compile(r"^(.*?)\s*[\(\[\{]\s*([^()\[\]{}]+)\s*[\)\]\}]\s*$")
_AFTER_COMMA = re.compile(r"^(.*?)\s*,\s*(\S+)$")
_AFTER_BLANK = re.compile(r"^(.*?)\s+(?:in\s+)?(\S*[/%]\S*|mg|kg|cm|g|mm/h)$", re.IGNORECASE)


class Heading(NamedTuple):
    """A heading that names a measure or drug: what its cells are, and the unit it says."""

    measure: str = ""
    drug: str = ""
    role: str = "value"
    unit: str = ""


@vocabulary.remembered(maxsize=1)
def _by_words() -> Mapping[str, str]:
    """Heading as words -> column of the CSV folder."""
    known: dict[str, str] = {}
    for kind in KINDS:
        for column in FILE_COLUMNS[kind]:
            known.setdefault(" ".join(words_of(column.replace("_", " "))), column)
    for column, names in _NAMES.items():
        for name in names.split("|"):
            known.setdefault(" ".join(words_of(name)), column)
    return known


def column_of(text: str) -> str:
    """The column of the CSV folder that a heading means, or ''. A date of any kind is `observed_at`."""
    words = " ".join(words_of(_spaced(text)))
    return {"date": "observed_at"}.get(known, known) if (known := _by_words().get(words)) else ""


def how_likely(text: str, column: str) -> int:
    """How many headings for a column are likelier than this one."""
    words = " ".join(words_of(_spaced(text)))
    names = [" ".join(words_of(name)) for name in _NAMES.get(column, "").split("|")]
    return names.index(words) if words in names else -1


def _spaced(text: str) -> str:
    """`visit_date` and `CollectionDate` as words."""
    return re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", " ", text.replace("_", " "))


def heading_of(text: str) -> Heading | None:
    """What a heading of a wide table names, None where it is no measure or drug."""
    plain = text.replace("_", " ").strip()
    for pattern in (None, _BRACKETS, _AFTER_COMMA, _AFTER_BLANK):
        name, unit = plain, ""
        if pattern is not None:
            found = pattern.match(plain)
            if found is None:
                continue
            name, unit = found[1], found[2]
        known = _named(name)
        if known is not None:
            return known._replace(unit=unit)
    return None


def _named(name: str) -> Heading | None:
    if (key := measure_named(name)) is not None:
        return Heading(measure=key)
    drug = vocabulary.drug(name) if name else None
    if drug is not None:
        return Heading(drug=drug.key)
    head, _, last = name.rpartition(" ")
    role = _ROLES.get(last.casefold())
    if not head or role is None:
        return None
    if (key := measure_named(head)) is not None:
        return Heading(measure=key, role=role)
    drug = vocabulary.drug(head)
    if drug is not None:
        return Heading(drug=drug.key, role=role)
    return None
