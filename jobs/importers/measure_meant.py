"""Which measure a result is of: its codes, its names and its specimen have to agree, or a human decides once."""

from collections.abc import Sequence
from typing import NamedTuple

from jobs.importers.canonical import LONGEST_NAME, Refused, Waits
from jobs.importers.coded import LOCAL, OTHER, Coding
from jobs.importers.decisions import decisions
from jobs.importers.measure_names import another_test, is_named, specimen_of_another
from models import vocabulary


class Meant(NamedTuple):
    """The measure, and the unit that was decided for its values where the sender names none."""

    measure: vocabulary.Measure
    unit: str = ""


def meant_by_codes(sender: str, codings: Sequence[Coding], specimens: Sequence[str]) -> Meant:
    """The measure that a result is of.

    Raises:
        Waits: it has to be decided. Refused: it is known to be none of the measures. NotOurs: so it was decided.
    """
    if not codings:
        raise Refused("measure", "", "the result has no code")
    decided = _decided(sender, codings, specimens)
    if decided is not None:
        return decided
    found = {}
    for coding in codings:
        known = _of_table(coding)
        if known is not None:
            found[known.key] = known
    said = _said(codings)
    if not found:
        decisions().needed(
            sender, "code", _key(codings[0]), column="measure", value=said, why=f"no measure is known for {said!r}"
        )
        raise Waits("measure", said, f"no measure is known for {said!r}", kind="code", what=_key(codings[0]))
    if len(found) > 1:
        why = f"its codes mean different measures: {', '.join(sorted(found))}"
        raise Waits("measure", said, why, kind="code", what=_cut(said))
    measure = next(iter(found.values()))
    _agreeing(measure, codings, specimens)
    return Meant(measure)


def _decided(sender: str, codings: Sequence[Coding], specimens: Sequence[str]) -> Meant | None:
    """What was decided of the codes with their names, or of a code whatever its name, as long as that allows it."""
    known = decisions()
    specimen = next((one for one in specimens if one), "")
    wholes = [_said(codings), *(f"{_said(codings)} in {specimen}" for _ in [0] if specimen), *map(_whole, codings)]
    for what in wholes:
        decision = known.of(sender, "code", _cut(what))
        if decision is not None and decision.to in vocabulary.measures():
            return Meant(vocabulary.measure(decision.to), decision.unit)
    for coding in codings:
        decision = known.of(sender, "code", _key(coding))
        if decision is not None and decision.to in vocabulary.measures():
            measure = vocabulary.measure(decision.to)
            _agreeing(measure, codings, specimens)
            return Meant(measure, decision.unit)
    return None


def _agreeing(measure: vocabulary.Measure, codings: Sequence[Coding], specimens: Sequence[str]) -> None:
    """Nothing that is said of the result makes it another test.

    Raises:
        Waits: something does.
    """
    for coding in codings:
        why = another_test(measure.key, coding.name)
        if why:
            why = f"the code {coding.code} means {measure.label}, but {why}"
            raise Waits("measure", _whole(coding), why, kind="code", what=_cut(_whole(coding)))
    specimen = specimen_of_another(measure.key, specimens)
    if specimen:
        what = f"{_said(codings)} in {specimen}"
        why = f"{measure.label} is not measured in {specimen!r}: another test"
        raise Waits("measure", what, why, kind="code", what=_cut(what))


def _of_table(coding: Coding) -> vocabulary.Measure | None:
    """The measure of a code that the vocabulary knows.

    Raises:
        Refused: the code is known to be another test.
    """
    if coding.system == OTHER or not coding.code:
        return None
    try:
        known = vocabulary.measure_for_code(coding.system, coding.code)
        if known is None and coding.system == LOCAL:
            known = vocabulary.measure_for_code(LOCAL, coding.code.lower())
    except vocabulary.CodeMismatch as error:
        raise Refused("measure", _whole(coding), str(error)) from None
    if known is None and coding.system == LOCAL:
        # A laboratory's own code says something only beside a name that says the same.
        named = vocabulary.measures().get(coding.code.lower())
        if named is not None and (not coding.name or is_named(named.key, coding.name)):
            return named
    return known


def _key(coding: Coding) -> str:
    """How a code is called where it waits."""
    return _cut(coding.code or coding.name)


def _whole(coding: Coding) -> str:
    return " ".join(filter(None, (coding.code, coding.name)))


def _said(codings: Sequence[Coding]) -> str:
    return ", ".join(map(_whole, codings))


def _cut(text: str) -> str:
    return " ".join(text.split())[:LONGEST_NAME]
