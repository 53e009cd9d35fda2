"""Questions to the vocabulary that holds (`models.vocabulary.in_force`)."""

from collections.abc import Mapping
from types import MappingProxyType

from models.vocabulary.in_force import remembered, vocabulary
from models.vocabulary.naming import name_key
from models.vocabulary.rows import (
    ActionLimit,
    Answer,
    AnswerKind,
    AntibodyWarning,
    Autoantibody,
    CmasItem,
    Diagnosis,
    Drug,
    EventKind,
    Frequency,
    LabTest,
    Measure,
    MonitoringRow,
    MuscleGroup,
    NoMonitoring,
    Screen,
    Source,
    SourceCheck,
    TaperTemplate,
)


class CodeMismatch(ValueError):
    """A code came with a name that does not belong to it, or names something that must not be used."""


def measures() -> Mapping[str, Measure]:
    """What can be measured or scored, by key."""
    return vocabulary().measures


def measure(key: str) -> Measure:
    """One measure; raises :class:`KeyError` naming it where it is unknown."""
    try:
        return vocabulary().measures[key]
    except KeyError:
        raise KeyError(f"unknown measure {key!r}") from None


@remembered(maxsize=1)
def own_measures() -> tuple[str, ...]:
    """The keys of the clinic's own measures."""
    return tuple(dict(line.cells)["key"] for line in vocabulary().own if line.file == "measures.csv")


def measure_for_code(system: str, code: str, name: str = "") -> Measure | None:
    """The measure a code means (``system`` is ``loinc`` or ``local``), or None for a code no table knows.

    Raises :class:`CodeMismatch` if the sender's name for the code does not fit (public code lists contain wrong
    pairs, so a code is never trusted against its name) or if the code stands for something that is easily mistaken
    for a measure, such as the MB fraction of creatine kinase. An empty name is not checked.
    """
    entry = vocabulary().measure_codes.get((system, code.strip()))
    if entry is None:
        return None
    if entry.refused_because:
        raise CodeMismatch(f"{system} {entry.code} is not used: {entry.refused_because}")
    if name.strip() and not any(part in name.lower() for part in entry.name_contains):
        raise CodeMismatch(f"{system} {entry.code} is {entry.name!r}, but was sent as {name.strip()!r}")
    return vocabulary().measures[entry.measure]


def tests() -> Mapping[str, LabTest]:
    """The laboratory tests that monitoring asks for, by key."""
    return vocabulary().tests


def monitoring(*profiles: str) -> tuple[MonitoringRow, ...]:
    """The monitoring rows of the named profiles, or without a name those active by default.

    Raises :class:`KeyError` for a profile that no row has.
    """
    rows = vocabulary().monitoring
    if not profiles:
        return tuple(row for row in rows if row.active)
    for profile in profiles:
        if profile not in monitoring_profiles():
            raise KeyError(f"unknown monitoring profile {profile!r}")
    return tuple(row for row in rows if row.profile in profiles)


def monitoring_profiles() -> tuple[str, ...]:
    """The names of the monitoring profiles, in the order of the table."""
    return tuple(dict.fromkeys(row.profile for row in vocabulary().monitoring))


def no_monitoring(known: Drug) -> NoMonitoring | None:
    """Why nothing is asked for under a drug, or None where the monitoring table has rows for it."""
    rows = vocabulary().no_monitoring
    return next((rows[name] for name in (known.key, *known.classes) if name in rows), None)


def screening(drug_name: str | None = None) -> tuple[Screen, ...]:
    """The screens wanted around the start of a drug, or all of them; none for a drug that no table knows."""
    rows = vocabulary().screening
    if drug_name is None:
        return rows
    known = drug(drug_name)
    return () if known is None else tuple(row for row in rows if row.applies_to(known))


def action_limits() -> Mapping[str, ActionLimit]:
    """The values at which a monitored drug needs action, by key."""
    return vocabulary().action_limits


def drugs() -> Mapping[str, Drug]:
    """The drugs the program knows, by ingredient name."""
    return vocabulary().drugs


@remembered(maxsize=8192)
def drug(name: str) -> Drug | None:
    """A drug by key, label or synonym, without regard to case, blanks and punctuation; None where it is unknown.

    An unknown drug is legal data and not an error.
    """
    return vocabulary().drugs_by_name.get(name_key(name))


def drug_for_rxnorm(code: str) -> Drug | None:
    """The drug with an RxNorm ingredient code, or None."""
    return _drugs_by_rxnorm().get(code.strip())


@remembered(maxsize=1)
def _drugs_by_rxnorm() -> Mapping[str, Drug]:
    return MappingProxyType({row.rxnorm: row for row in drugs().values() if row.rxnorm})


def events() -> Mapping[str, EventKind]:
    """The kinds of clinical events, by key."""
    return vocabulary().events


def diagnoses() -> Mapping[str, Diagnosis]:
    """The myositis subtypes, by code."""
    return vocabulary().diagnoses


def diagnosis_for_code(system: str, code: str) -> Diagnosis | None:
    """The subtype with an ICD-10-CM (``icd10cm``) or SNOMED CT (``snomed``) code, or None."""
    if system not in {"icd10cm", "snomed"}:
        return None
    for row in diagnoses().values():
        if code.strip() in (row.icd10cm if system == "icd10cm" else row.snomed):
            return row
    return None


def autoantibodies() -> Mapping[str, Autoantibody]:
    """The autoantibodies, by code."""
    return vocabulary().autoantibodies


def antibody_warnings(code: str) -> tuple[AntibodyWarning, ...]:
    """What an antibody warns of, in the order of the table; empty where nothing is known, or the code is not."""
    return tuple(row for row in vocabulary().antibody_warnings if row.antibody == code)


def autoantibody(name: str) -> Autoantibody | None:
    """An autoantibody by code, label or synonym (``Jo-1`` and ``anti-Jo-1`` are one), or None."""
    wanted = name_key(name)
    return vocabulary().autoantibodies_by_name.get(wanted) or vocabulary().autoantibodies_by_name.get(f"anti{wanted}")


def frequencies() -> Mapping[str, Frequency]:
    """How often a dose can be taken, by key."""
    return vocabulary().frequencies


def taper_templates() -> Mapping[str, TaperTemplate]:
    """The steroid tapers to choose from, by key."""
    return vocabulary().taper_templates


def cmas_items() -> Mapping[int, CmasItem]:
    """The 14 items of the CMAS, by number."""
    return vocabulary().cmas_items


def muscle_groups() -> Mapping[int, MuscleGroup]:
    """The muscle groups of manual muscle testing, by number on the form."""
    return vocabulary().muscle_groups


def answers(kind: AnswerKind | None = None) -> Mapping[str, Answer]:
    """The coded answers, by code; with a kind only those that may be given there."""
    rows = vocabulary().answers
    if kind is None:
        return rows
    return MappingProxyType({code: row for code, row in rows.items() if kind in row.kinds})


def sources() -> Mapping[str, Source]:
    """Where numbers come from, by id."""
    return vocabulary().sources


def source_checks() -> Mapping[str, SourceCheck]:
    """How each source was last looked at, by its id."""
    return vocabulary().source_checks


def source(source_id: str) -> Source:
    """One source; raises :class:`KeyError` naming it where it is unknown."""
    try:
        return vocabulary().sources[source_id]
    except KeyError:
        raise KeyError(f"unknown source {source_id!r}") from None
