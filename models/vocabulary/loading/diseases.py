"""Lines about the disease: events, diagnoses, autoantibodies; and the answers that people give to alerts."""

from collections.abc import Mapping

from models.vocabulary.loading.lines import Line, VocabularyError, refer
from models.vocabulary.rows import (
    WARNS_OF,
    Answer,
    AntibodyWarning,
    Autoantibody,
    Diagnosis,
    Drug,
    EventKind,
    Source,
)


def read_event(line: Line) -> EventKind:
    """A line of events.csv."""
    return EventKind(
        key=line.text("key"),
        label=line.text("label"),
        kind=line.choice("kind", ("symptom", "procedure", "screening", "condition", "exposure", "report")),
        red_flag=line.flag("red_flag"),
        snomed=line.optional("snomed"),
        origin=line.choice("origin", ("contract", "added")),
    )


def read_diagnosis(line: Line, sources: Mapping[str, Source]) -> Diagnosis:
    """A line of diagnoses.csv."""
    icd, snomed = line.many("icd10cm"), line.many("snomed")
    return Diagnosis(
        code=line.text("code"),
        label=line.text("label"),
        juvenile=line.flag("juvenile"),
        icd10cm=icd,
        icd10cm_mark=line.mark("icd10cm_mark", "source", sources, needed=bool(icd)),
        snomed=snomed,
        snomed_mark=line.mark("snomed_mark", "source", sources, needed=bool(snomed)),
        source=line.optional("source"),
        note=line.optional("note"),
    )


def check_codes_are_unambiguous(diagnoses: Mapping[str, Diagnosis], drugs: Mapping[str, Drug]) -> None:
    """A code read from another system leads to one row only (RxNorm, ICD-10-CM and SNOMED CT)."""
    claimed: dict[tuple[str, str], str] = {}
    pairs = [(("icd10cm", code), row.code) for row in diagnoses.values() for code in row.icd10cm]
    pairs += [(("snomed", code), row.code) for row in diagnoses.values() for code in row.snomed]
    pairs += [(("rxnorm", row.rxnorm), row.key) for row in drugs.values() if row.rxnorm]
    for code, owner in pairs:
        if claimed.setdefault(code, owner) != owner:
            raise VocabularyError(f"{code[0]} {code[1]} appears twice: for {claimed[code]} and for {owner}")


def read_antibody(line: Line, sources: Mapping[str, Source]) -> Autoantibody:
    """A line of autoantibodies.csv."""
    target = line.optional("target")
    return Autoantibody(
        code=line.text("code"),
        label=line.text("label"),
        synonyms=line.many("synonyms"),
        target=target,
        target_mark=line.mark("target_mark", None, sources, needed=bool(target)),
        group=line.choice("group", ("ASYS", "DM", "IMNM", "IBM", "MAA")),
        features=line.optional("features"),
        mark=line.mark("mark", "source", sources, needed=True),
        source=line.optional("source"),
    )


def read_warning(line: Line, sources: Mapping[str, Source], antibodies: Mapping[str, Autoantibody]) -> AntibodyWarning:
    """A line of antibody_warnings.csv."""
    row = AntibodyWarning(
        antibody=line.text("antibody"),
        warns_of=line.choice("warns_of", tuple(sorted(WARNS_OF))),
        says=line.text("says"),
        mark=line.mark("mark", "source", sources, needed=True),
        source=line.optional("source"),
    )
    refer(line, "antibody", (row.antibody,), antibodies)
    return row


def read_answer(line: Line) -> Answer:
    """A line of answers.csv."""
    kinds = line.many("kinds")
    refer(line, "kinds", kinds, ("acknowledge", "outcome", "snooze", "decline"))
    if not kinds:
        line.fail("kinds is empty")
    return Answer(code=line.text("code"), label=line.text("label"), kinds=kinds)  # type: ignore[arg-type]  # checked
