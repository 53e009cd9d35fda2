"""What the measures of one patient say together of a change of strength: parts that add up.

Strength against its reference, CK and the globals against the patient's own past, a second instrument that falls, a new
red flag. Only a change adds: a steady value at any level adds nothing, quiet enzymes take nothing away.
"""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from jobs.change_evidence import Change, enzyme_change, global_change, judged_and_before, newly_present, weight_of
from jobs.strength_course import (
    INSTRUMENTS,
    CourseParameters,
    Gradual,
    Lowered,
    Reference,
    lowered_scores,
    measurement_error_of,
)
from models.patient_facts import Happening, PatientFacts, Reading

RED_FLAGS = ("dysphagia", "dyspnoea")


class EvidenceParameters(CourseParameters, Protocol):
    """What of a rule's parameters is needed here."""

    @property
    def corroboration_days(self) -> int:
        """How near to the latest score another measure must lie."""
        ...

    @property
    def needed_weight(self) -> float:
        """The summed evidence that corroborates."""
        ...

    @property
    def ck_values(self) -> int:
        """CK values before a change that it rises from."""
        ...

    @property
    def ck_days(self) -> int:
        """The oldest of them."""
        ...

    @property
    def ck_variation(self) -> float:
        """Variation of CK within a person, in percent, until the patient's own is known."""
        ...

    @property
    def own_variation_values(self) -> int:
        """From so many earlier values on the patient's own variation counts."""
        ...

    @property
    def least_variation(self) -> float:
        """The patient's own variation is at least, in percent."""
        ...

    @property
    def most_variation(self) -> float:
        """The patient's own variation is at most, in percent."""
        ...

    @property
    def global_scatter(self) -> float:
        """Scatter of a global assessment, in points of 10."""
        ...

    @property
    def global_values(self) -> int:
        """Global assessments before a change."""
        ...

    @property
    def global_days(self) -> int:
        """The oldest of them."""
        ...

    @property
    def exercise_days(self) -> int:
        """A CK this soon after strenuous exercise says nothing of the disease."""
        ...


class Evidence(NamedTuple):
    """What each measure says of one change, in weights that add up (`jobs.change_evidence`).

    Attributes:
        place: of the score with which the change begins.
        second, second_instrument: the other instrument with the clearest fall at the time.
        symptom, new_symptoms: dysphagia or dyspnoea that was not there before weighs as much as is needed.
    """

    place: int
    strength: float
    ck: Change | None
    physician_global: Change | None
    patient_global: Change | None
    second: float
    second_instrument: str
    symptom: float
    new_symptoms: tuple[Happening, ...]

    @property
    def beside_strength(self) -> float:
        """The weight of everything but the instrument's own scores."""
        changes = (self.ck, self.physician_global, self.patient_global)
        return sum((change.weight for change in changes if change is not None), self.second + self.symptom)

    @property
    def total(self) -> float:
        """The sum of all weights, in tenths as they are."""
        return round(self.strength + self.beside_strength, 1)

    def reaches(self, needed: float) -> bool:
        """Enough, and not by this instrument's own scores alone."""
        return self.beside_strength > 0 and self.total >= needed

    def carries(self, needed: float) -> bool:
        """Enough by what was measured: makes a fall of less than a step count, which a symptom alone does not."""
        return self.reaches(needed) and round(self.total - self.symptom, 1) >= needed

    @property
    def facts(self) -> Iterator[str]:
        """The readings that weigh something."""
        for change in (self.ck, self.physician_global, self.patient_global):
            if change is not None and change.weight > 0:
                yield from (reading.fact for reading in change.readings)
        yield from (one.fact for one in self.new_symptoms)


def strongest_evidence(
    patient: PatientFacts,
    instrument: str,
    scores: Sequence[Reading],
    lowered: Sequence[Lowered],
    gradual: Gradual | None,
    parameters: EvidenceParameters,
) -> Evidence | None:
    """The summed evidence of a change, at the lower score (or the beginning of the steady fall) where it is largest."""
    beginnings = [(one.place, one.reference, one.mean, one.scores) for one in lowered]
    if gradual is not None:
        start = gradual.began + 1
        since = scores[start:]
        mean = sum(score.value for score in since) / len(since)
        beginnings.append((start, Reference(scores[gradual.began].value, 1), mean, len(since)))
    if not beginnings:
        return None
    when, near = scores[-1].day, parameters.corroboration_days
    second, second_instrument = second_instrument_falling(patient, instrument, when, parameters)
    symptoms = tuple(
        found for name in RED_FLAGS if (found := newly_present(patient, name, when, near, parameters.window_days))
    )
    strongest: Evidence | None = None
    for place, reference, mean, number_of in beginnings:
        error = measurement_error_of(instrument, parameters) * math.sqrt(1 / reference.scores + 1 / number_of)
        begun_after = (scores[place - 1].day + scores[place].day) // 2
        evidence = Evidence(
            place,
            weight_of(reference.mean - mean, error),
            ck_change(patient, begun_after, when, parameters),
            global_assessment_change(patient, "physician_global", begun_after, when, parameters),
            global_assessment_change(patient, "patient_global", begun_after, when, parameters),
            second,
            second_instrument,
            parameters.needed_weight if symptoms else 0.0,
            symptoms,
        )
        if strongest is None or _order(evidence, parameters) > _order(strongest, parameters):
            strongest = evidence
    return strongest


def _order(evidence: Evidence, parameters: EvidenceParameters) -> tuple[bool, float]:
    """What corroborates comes before what the scores say alone, however loudly."""
    return evidence.reaches(parameters.needed_weight), evidence.total


def ck_change(patient: PatientFacts, begun_after: int, when: int, parameters: EvidenceParameters) -> Change | None:
    """CK of the time of the change against the median of the patient's own values before; None after exercise."""
    judged, before = judged_and_before(patient.series("ck"), begun_after, when, parameters.corroboration_days)
    if not judged or exercise_before(patient, judged[-1].day, parameters.exercise_days):
        return None
    return enzyme_change(
        judged,
        before,
        reference_values=parameters.ck_values,
        reference_days=parameters.ck_days,
        scatter=parameters.ck_variation / 100,
        own_from=parameters.own_variation_values,
        least_scatter=parameters.least_variation / 100,
        most_scatter=parameters.most_variation / 100,
    )


def global_assessment_change(
    patient: PatientFacts, name: str, begun_after: int, when: int, parameters: EvidenceParameters
) -> Change | None:
    """A global assessment of the time of the change against the mean of the patient's own before."""
    judged, before = judged_and_before(patient.series(name), begun_after, when, parameters.corroboration_days)
    return global_change(
        judged,
        before,
        reference_values=parameters.global_values,
        reference_days=parameters.global_days,
        scatter=parameters.global_scatter,
    )


def exercise_before(patient: PatientFacts, day: int, within: int) -> bool:
    """Whether there was strenuous exercise on a day or in so many days before it."""
    return any(
        one.present and one.day <= day and day - one.last_day <= within for one in patient.events("strenuous_exercise")
    )


def second_instrument_falling(
    patient: PatientFacts, instrument: str, when: int, parameters: EvidenceParameters
) -> tuple[float, str]:
    """The weight and name of the other instrument with the clearest fall near a day; nothing where there is none."""
    found = (0.0, "")
    for other in INSTRUMENTS:
        if other == instrument:
            continue
        scores = patient.series(other)
        error = measurement_error_of(other, parameters)
        for one in lowered_scores(other, scores, when, parameters):
            if one.is_fall and abs(scores[one.place].day - when) <= parameters.corroboration_days:
                chance = error * math.sqrt(1 / one.reference.scores + 1 / one.scores)
                found = max(found, (weight_of(one.reference.mean - one.mean, chance), other))
    return found


def red_flags_near(patient: PatientFacts, when: int, near: int) -> Iterator[Happening]:
    """Dysphagia or dyspnoea present at some time within so many days of a day."""
    for one in patient.events(*RED_FLAGS):
        if one.present and one.day <= when + near and one.last_day >= when - near:
            yield one
