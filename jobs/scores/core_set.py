"""The six IMACS core set measures of one visit, read from a document and checked.

Shared by the total improvement score and the definitions of worsening, so that both mean the same by "strength" and by
"the enzyme". Ranges: 10-cm visual analogue scales (Rider 2011, PMC3748930, table 1), HAQ-DI and CHAQ-DI 0-3, strength
0 to the maximum of its instrument (IMACS Form 04; CMAS 52, Huber 2004, doi:10.1002/art.20179).

Ranges of the enzymes, as multiples of the upper limit: CK 15 and AST/ALT/LDH 3 were seen in a published script, not in
the paper; aldolase 6 is [memory] and has to be compared with the footnote of the adult paper
(doi:10.1136/annrheumdis-2017-211400).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from jobs.scores.exact import ScoreInputError, exact_number, exact_number_within, written

MEASURES: Final = ("physician_global", "patient_global", "strength", "haq", "enzyme", "extramuscular_global")
"""The six measures, by the names used in answers."""

INSTRUMENT_MAXIMA: Final[Mapping[str, int]] = {"cmas": 52, "mmt8": 80, "mmt8_bilateral": 150, "mmt_total": 260}

SCALE_RANGES: Final[Mapping[str, int]] = {
    "physician_global": 10,
    "patient_global": 10,
    "haq": 3,
    "extramuscular_global": 10,
}
"""Measures where lower is better, with the width of their scale (all start at 0)."""

ENZYME_RANGE_IN_UPPER_LIMITS: Final[Mapping[str, int]] = {"ck": 15, "aldolase": 6, "ldh": 3, "ast": 3, "alt": 3}

_KNOWN_KEYS: Final = frozenset(SCALE_RANGES) | {"strength", "enzymes", "date"}


@dataclass(frozen=True)
class StrengthScore:
    """A strength score with its instrument: never a bare number."""

    instrument: str
    score: Fraction

    @property
    def maximum(self) -> int:
        """The highest score of the instrument."""
        return INSTRUMENT_MAXIMA[self.instrument]


@dataclass(frozen=True)
class EnzymeResult:
    """A muscle enzyme with the upper limit its laboratory reported; the limit is None where none was given."""

    value: Fraction
    upper_limit: Fraction | None


@dataclass(frozen=True)
class CoreSet:
    """What was measured at one visit. A measure that was not taken is absent (or None), never zero."""

    scales: Mapping[str, Fraction]
    strength: StrengthScore | None
    enzymes: Mapping[str, EnzymeResult]
    remarks: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class FollowedEnzyme:
    """The enzyme that was most abnormal at baseline, and its two values as multiples of the upper limit.

    ``enzyme`` is None when the baseline has no enzyme with an upper limit; ``follow_up`` is None when the chosen enzyme
    was not measured again.
    """

    enzyme: str | None
    baseline: Fraction | None
    follow_up: Fraction | None
    problems: tuple[str, ...]


def read_core_set(document: object, visit: str) -> CoreSet:
    """Read one visit: the shape V of the contract. ``visit`` ("baseline") prefixes the field named in errors.

    Null and absent both mean "not measured". Raises ScoreInputError for a value outside its scale, an unknown
    instrument or enzyme, a strength maximum that is not the instrument's, or text where a number belongs.
    """
    if not isinstance(document, Mapping):
        raise ScoreInputError(visit, "is missing or is not an object")
    scales = {
        measure: exact_number_within(document[measure], f"{visit}.{measure}", 0, width)
        for measure, width in SCALE_RANGES.items()
        if document.get(measure) is not None
    }
    remarks = tuple(
        f"{visit}.{key} is not a core set measure and was ignored." for key in document if key not in _KNOWN_KEYS
    )
    return CoreSet(
        scales=scales,
        strength=_read_strength(document.get("strength"), f"{visit}.strength"),
        enzymes=_read_enzymes(document.get("enzymes"), f"{visit}.enzymes"),
        remarks=remarks,
    )


def _read_strength(document: object, name: str) -> StrengthScore | None:
    if document is None:
        return None
    if not isinstance(document, Mapping):
        raise ScoreInputError(name, "needs an instrument and a score; a bare number cannot be compared")
    instrument = document.get("instrument")
    if instrument is None and document.get("score") is None:
        return None
    if not isinstance(instrument, str) or instrument not in INSTRUMENT_MAXIMA:
        raise ScoreInputError(f"{name}.instrument", f"{instrument!r} is not one of {', '.join(INSTRUMENT_MAXIMA)}")
    maximum = INSTRUMENT_MAXIMA[instrument]
    for key in ("max", "max_value"):
        if document.get(key) is not None and exact_number(document[key], f"{name}.{key}") != maximum:
            raise ScoreInputError(f"{name}.{key}", f"{document[key]} is not the maximum of {instrument}, {maximum}")
    if document.get("score") is None:
        return None
    return StrengthScore(instrument, exact_number_within(document["score"], f"{name}.score", 0, maximum))


def _read_enzymes(document: object, name: str) -> Mapping[str, EnzymeResult]:
    if document is None:
        return {}
    if not isinstance(document, Mapping):
        raise ScoreInputError(name, "is not an object of enzymes")
    results: dict[str, EnzymeResult] = {}
    for key, result in document.items():
        enzyme, place = str(key).lower(), f"{name}.{key}"
        if enzyme not in ENZYME_RANGE_IN_UPPER_LIMITS:
            raise ScoreInputError(place, f"is not one of {', '.join(ENZYME_RANGE_IN_UPPER_LIMITS)}")
        if enzyme in results:
            raise ScoreInputError(place, "is given twice")
        if result is None:
            continue
        if not isinstance(result, Mapping):
            raise ScoreInputError(place, "needs a value and the upper limit reported with it")
        limit: Fraction | None = None
        if result.get("upper_limit") is not None:
            limit = exact_number(result["upper_limit"], f"{place}.upper_limit")
            if limit <= 0:
                raise ScoreInputError(f"{place}.upper_limit", f"{written(limit)} is not above zero")
        if result.get("value") is None:
            continue
        value = exact_number(result["value"], f"{place}.value")
        if value < 0:
            raise ScoreInputError(f"{place}.value", f"{written(value)} is negative")
        results[enzyme] = EnzymeResult(value, limit)
    return results


def follow_enzyme(baseline: CoreSet, follow_up: CoreSet) -> FollowedEnzyme:
    """Choose the enzyme at baseline (highest multiple of its upper limit) and follow the same one.

    The raw value must not decide: 900 U/L of LDH can be less abnormal than 400 U/L of CK. An enzyme without an upper
    limit at baseline cannot be ranked and is left out, with a sentence saying so. A follow-up without a limit is read
    against the limit of the baseline, also with a sentence. Among equally abnormal enzymes one that was measured again
    is preferred, then the order CK, aldolase, LDH, AST, ALT.
    """
    problems: list[str] = []
    ranked: list[tuple[Fraction, bool, int, str, Fraction]] = []
    for position, enzyme in enumerate(ENZYME_RANGE_IN_UPPER_LIMITS):
        result = baseline.enzymes.get(enzyme)
        if result is None:
            continue
        if result.upper_limit is None:
            problems.append(f"{enzyme} at baseline has no upper limit and could not be compared with other enzymes.")
            continue
        measured_again = enzyme in follow_up.enzymes
        ranked.append((result.value / result.upper_limit, measured_again, -position, enzyme, result.upper_limit))
    if not ranked:
        return FollowedEnzyme(None, None, None, tuple(problems))
    multiple, _, _, enzyme, limit = max(ranked)
    again = follow_up.enzymes.get(enzyme)
    if again is None:
        if follow_up.enzymes:
            problems.append(
                f"{enzyme} was the most abnormal enzyme at baseline and was not measured at follow-up; "
                "another enzyme cannot take its place."
            )
        return FollowedEnzyme(enzyme, multiple, None, tuple(problems))
    if again.upper_limit is not None:
        limit = again.upper_limit
    else:
        problems.append(f"{enzyme} at follow-up has no upper limit; the limit of the baseline was used.")
    return FollowedEnzyme(enzyme, multiple, again.value / limit, tuple(problems))


def differing_instruments(baseline: CoreSet, follow_up: CoreSet) -> str | None:
    """A sentence when both visits have a strength score but of different instruments; they are never compared."""
    if baseline.strength is None or follow_up.strength is None:
        return None
    if baseline.strength.instrument == follow_up.strength.instrument:
        return None
    return (
        f"Strength was measured with {baseline.strength.instrument} at baseline and with "
        f"{follow_up.strength.instrument} at follow-up; scores of different instruments are never compared."
    )
