"""Lines about treatments: drugs with their prednisone equivalence, frequencies, and templates for a taper."""

from collections.abc import Mapping
from itertools import pairwise

from models.vocabulary.loading.lines import Line, Tables, VocabularyError, keyed, refer
from models.vocabulary.rows import (
    DRUG_CLASSES,
    Drug,
    Frequency,
    Source,
    TaperStep,
    TaperTemplate,
)


def read_drug(line: Line, sources: Mapping[str, Source]) -> Drug:
    """A line of drugs.csv."""
    equivalent = line.number("equivalent_mg_to_5")
    rxnorm, atc = line.optional("rxnorm"), line.optional("atc")
    sparing, acts_for = line.flag("sparing_agent"), line.whole("acts_for_days")
    drug = Drug(
        key=line.text("key"),
        label=line.text("label"),
        synonyms=line.many("synonyms"),
        classes=line.many("classes"),
        rxnorm=rxnorm,
        rxnorm_mark=line.mark("rxnorm_mark", "rxnorm_source", sources, needed=bool(rxnorm)),
        rxnorm_source=line.optional("rxnorm_source"),
        atc=atc,
        atc_mark=line.mark("atc_mark", None, sources, needed=bool(atc)),
        equivalent_mg_to_5=equivalent,
        factor_mark=line.mark("factor_mark", "factor_source", sources, needed=equivalent is not None),
        factor_source=line.optional("factor_source"),
        excluded_because=line.optional("excluded_because"),
        counts_as_active_treatment=line.flag("counts_as_active_treatment"),
        sparing_agent=sparing,
        sparing_mark=line.mark("sparing_mark", None, sources, needed=sparing),
        acts_for_days=acts_for,
        acts_for_mark=line.mark("acts_for_mark", None, sources, needed=acts_for is not None),
        note=line.optional("note"),
    )
    if not drug.classes:
        line.fail("classes is empty")
    refer(line, "classes", drug.classes, DRUG_CLASSES)
    if drug.key != drug.key.lower():
        line.fail("key is the lower-case ingredient name")
    if equivalent is not None and not (equivalent > 0 and drug.is_glucocorticoid):
        line.fail("an equivalence is a positive number of milligrams of a glucocorticoid")
    if drug.is_glucocorticoid and (equivalent is None) == (not drug.excluded_because):
        line.fail("a glucocorticoid has either a sourced equivalence or a reason why it does not count")
    if sparing and not drug.counts_as_active_treatment:
        line.fail("a steroid-sparing agent counts as active treatment")
    return drug


def read_frequency(line: Line) -> Frequency:
    """A line of frequencies.csv."""
    every = line.whole("every_days")
    if every == 0:
        line.fail("every_days must be above 0")
    return Frequency(
        key=line.text("key"), label=line.text("label"), doses=line.positive_whole("doses"), every_days=every
    )


def read_tapers(tables: Tables, sources: Mapping[str, Source]) -> Mapping[str, TaperTemplate]:
    """The templates of taper_templates.csv with their steps from taper_steps.csv."""

    def parse_step(line: Line) -> TaperStep:
        step = TaperStep(
            template=line.text("template"),
            from_dose=line.number("from_dose"),
            to_dose=line.required_number("to_dose"),
            step=line.required_number("step"),
            every_days=line.positive_whole("every_days"),
            mark=line.mark("mark", "source", sources, needed=True),
            source=line.optional("source"),
        )
        if step.step <= 0 or step.to_dose < 0 or (step.from_dose is not None and step.from_dose <= step.to_dose):
            line.fail("a taper step leads downwards")
        return step

    steps = keyed(tables, "taper_steps.csv", parse_step, lambda step: (step.template, step.to_dose))

    def parse_template(line: Line) -> TaperTemplate:
        key = line.text("key")
        own = tuple(step for step in steps.values() if step.template == key)
        if not own or own[0].from_dose is not None or own[-1].to_dose != 0:
            line.fail("the steps in taper_steps.csv must begin without an upper dose and end at 0")
        for above, below in pairwise(own):
            if below.from_dose != above.to_dose:
                line.fail(f"the step from {below.from_dose} does not begin where the one before ends")
        return TaperTemplate(
            key=key,
            label=line.text("label"),
            unit=line.choice("unit", ("mg", "mg/kg")),
            population=line.choice("population", ("adult", "juvenile")),
            start_from_day=line.required_whole("start_from_day"),
            start_by_day=line.required_whole("start_by_day"),
            mark=line.mark("mark", "source", sources, needed=True),
            source=line.optional("source"),
            note=line.optional("note"),
            steps=own,
        )

    templates = keyed(tables, "taper_templates.csv", parse_template, lambda row: row.key)
    for step in steps.values():
        if step.template not in templates:
            raise VocabularyError(f"taper_steps.csv: {step.template!r} is not in taper_templates.csv")
    return templates
