"""A clinic's own measures, drugs and monitoring rows: what may be said of one, and the table lines it stands for.

A row is written in few words (`FIELDS`); the rest of the tables' columns follows. Whatever is added is a site setting:
its numbers carry the mark `default`, and a source is told in its note.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from models.errors import ActionRefused
from models.vocabulary.in_force import shipped, vocabulary
from models.vocabulary.loader import Vocabulary
from models.vocabulary.loading.lines import OwnLine
from models.vocabulary.naming import name_key, unit_key
from models.vocabulary.rows import ACTIVE_TREATMENT, ADULT, CHILD, DRUG_CLASSES

Kind = Literal["measure", "drug", "monitoring"]
KINDS: tuple[Kind, ...] = ("measure", "drug", "monitoring")
OWN_PROFILE = "clinic"
"""Monitoring rows of this profile are a clinic's own."""

MEASURE_KINDS = ("laboratory", "respiratory", "body", "function", "global")
"""Not strength: rules compare strength by the published steps of each instrument."""
NUMBER, SCORE, PRESENCE = "number", "score", "presence"
LONGEST = 120
LONGEST_INTERVAL = 3650

_KEY = re.compile(r"[a-z][a-z0-9_]{1,39}", re.ASCII)
_DRUG_KEY = re.compile(r"[a-z][a-z0-9 '/+.-]{1,59}", re.ASCII)
_LOINC = re.compile(r"(\d{1,7})-(\d)", re.ASCII)
_ATC = re.compile(r"[A-Z]\d{2}(?:[A-Z](?:[A-Z](?:\d{2})?)?)?", re.ASCII)
_LOCAL = re.compile(r"[^\s;]{1,60}")
_YES, _NO = "yes", "no"


@dataclass(frozen=True)
class OwnField:
    """One thing that may be said of an own row: how it is called, what it means, what it is where left out."""

    name: str
    label: str
    means: str
    needed: bool = False
    choices: tuple[str, ...] = ()


FIELDS: Mapping[str, tuple[OwnField, ...]] = {
    "measure": (
        OwnField("key", "Key", "name in files and commands: small letters, digits, underscores", needed=True),
        OwnField("label", "Label", "how it is called on pages", needed=True),
        OwnField("short_label", "Short label", "for charts and lists; the label where left out"),
        OwnField("kind", "Kind", "where it stands among the others", choices=MEASURE_KINDS),
        OwnField("result", "Result", "a number with a unit, a score without, or positive/negative",
                 choices=(NUMBER, SCORE, PRESENCE)),
        OwnField("unit", "Unit", "in which values are kept; needed for a number"),
        OwnField("max_value", "Maximum", "of a score"),
        OwnField("higher_is", "Higher is", "what a higher value means", choices=("neither", "worse", "better")),
        OwnField("loinc", "LOINC code", "by which FHIR and HL7 messages name it"),
        OwnField("codes", "Senders' codes", "local codes in messages, separated by ;"),
        OwnField("names", "Other names", "in messages, separated by ;: a code is never trusted against its name"),
        OwnField("also_units", "Other units", "with their factor, separated by ;: ng/L=0.001"),
    ),
    "drug": (
        OwnField("key", "Ingredient", "small letters: the name under which it is kept", needed=True),
        OwnField("label", "Label", "how it is called on pages"),
        OwnField("synonyms", "Other names", "brands and abbreviations, separated by ;"),
        OwnField("classes", "Classes", "what rules treat it as, separated by ;", needed=True),
        OwnField("active", "Active treatment", "counts as treatment of the disease", choices=(_YES, _NO)),
        OwnField("sparing", "Steroid-sparing", "counts as an agent beside steroids", choices=(_NO, _YES)),
        OwnField("acts_for_days", "Acts for (days)", "how long a single dose goes on acting"),
        OwnField("equivalent_mg", "mg that equal 5 mg prednisone", "of a glucocorticoid"),
        OwnField("not_counted", "Does not count because", "of a glucocorticoid without equivalence"),
        OwnField("rxnorm", "RxNorm code", "ingredient, in FHIR messages"),
        OwnField("atc", "ATC code", "in FHIR messages"),
    ),
    "monitoring": (
        OwnField("treatment", "Asked by", "a drug, a class of drugs, active-treatment, or a condition on record",
                 needed=True),
        OwnField("test", "Test", "a test or a measure", needed=True),
        OwnField("every", "Every (days)", "the shortest interval of all reasons counts", needed=True),
        OwnField("from_day", "From day", "since the start or a dose increase; 0 where left out"),
        OwnField("to_day", "To day", "throughout where left out"),
        OwnField("only_if", "Only if", "child, adult, a condition on record, or a positive result"),
        OwnField("note", "Note", "the source, or why"),
    ),
}  # fmt: skip


def identity_of(kind: Kind, cells: Mapping[str, str]) -> str:
    """What makes two rows versions of one: the key, or of a monitoring row who asks for what, of whom, from when."""
    if kind != "monitoring":
        return cells["key"]
    return ":".join((cells["treatment"], cells["test"], cells.get("only_if", ""), cells.get("from_day") or "0"))


def checked(kind: Kind, said: Mapping[str, str], known: Vocabulary | None = None) -> dict[str, str]:
    """What was said of a row in one spelling; `known` is the vocabulary it is added to (by default the one that holds).

    Raises:
        ActionRefused: something is missing, unknown or taken already; the sentence says what to do.
    """
    if kind not in KINDS:
        raise ActionRefused(f"{kind!r} is not something a clinic can add: {', '.join(KINDS)}.")
    names = {field.name: field for field in FIELDS[kind]}
    unknown = sorted(set(said) - set(names))
    if unknown:
        raise ActionRefused(f"A {kind} has no field {unknown[0]!r}; it has: {', '.join(names)}.")
    cells = {name: " ".join(str(said.get(name) or "").split()) for name in names}
    for name, field in names.items():
        if field.needed and not cells[name]:
            raise ActionRefused(f"{field.label} is missing.")
        if field.choices:
            cells[name] = cells[name].lower() or field.choices[0]
            if cells[name] not in field.choices:
                raise ActionRefused(f"{field.label} is one of {', '.join(field.choices)}, not {said[name]!r}.")
        if len(cells[name]) > LONGEST * 5 or ("label" in name and len(cells[name]) > LONGEST):
            raise ActionRefused(f"{field.label} is too long.")
    check: Mapping[Kind, Callable[[dict[str, str], Vocabulary], None]] = {
        "measure": _check_measure,
        "drug": _check_drug,
        "monitoring": _check_monitoring,
    }
    check[kind](cells, known or vocabulary())
    return {name: cell for name, cell in cells.items() if cell}


# -------------------------------------------------------------------------------------------------------------- checks


def _check_measure(cells: dict[str, str], known: Vocabulary) -> None:
    key = cells["key"] = cells["key"].lower().replace("-", "_").replace(" ", "_")
    if not _KEY.fullmatch(key):
        raise ActionRefused("The key is 2 to 40 small letters, digits and underscores, and begins with a letter.")
    with_program = shipped()
    if key in with_program.measures or key in with_program.tests or key in with_program.events:
        raise ActionRefused(f"{key!r} comes with the program already; choose another key.")
    if not cells["unit"] and cells["result"] == NUMBER:
        raise ActionRefused("A number needs a unit; of a score say result=score, of positive/negative result=presence.")
    if cells["result"] != NUMBER and (cells["unit"] or cells["also_units"]):
        raise ActionRefused(f"A {cells['result']} has no unit.")
    if cells["result"] == SCORE:
        cells["max_value"] = _number("Maximum", cells["max_value"], "a score needs the most it can be")
    elif cells["max_value"]:
        raise ActionRefused("Only a score has a maximum.")
    cells["short_label"] = cells["short_label"] or cells["label"]
    labels = {name_key(row.label) for row in known.measures.values() if row.key != key}
    if name_key(cells["label"]) in labels:
        raise ActionRefused(f"There is a measure called {cells['label']!r} already.")
    if cells["loinc"]:
        _check_loinc(cells["loinc"], key, known)
    for code in _parts(cells["codes"]):
        if not _LOCAL.fullmatch(code):
            raise ActionRefused(f"{code[:60]!r} cannot be a sender's code: no blanks, at most 60 characters.")
        _check_free("local", code.lower(), key, known)
    cells["codes"] = ";".join(code.lower() for code in _parts(cells["codes"]))
    cells["names"] = ";".join(_parts(cells["names"]))
    cells["also_units"] = ";".join(f"{unit}={factor}" for unit, factor in _units(cells["also_units"], cells["unit"]))


def _check_loinc(code: str, key: str, known: Vocabulary) -> None:
    found = _LOINC.fullmatch(code)
    if found is None or _check_digit(found[1]) != int(found[2]):
        raise ActionRefused(f"{code!r} is not a LOINC code: its last digit does not fit. Was it typed right?")
    _check_free("loinc", code, key, known)


def _check_digit(digits: str) -> int:
    """The last digit of a LOINC code (modulus 10, every other digit doubled from the right)."""
    doubled = (int(digit) * (2 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits)))
    return -sum(value // 10 + value % 10 for value in doubled) % 10


def _check_free(system: str, code: str, key: str, known: Vocabulary) -> None:
    entry = known.measure_codes.get((system, code))
    if entry is None or entry.measure == key:
        return
    means = entry.refused_because or f"it means {known.measures[entry.measure].label}"
    raise ActionRefused(f"The code {code} is taken: {means}.")


def _check_drug(cells: dict[str, str], known: Vocabulary) -> None:
    key = cells["key"] = cells["key"].lower()
    if not _DRUG_KEY.fullmatch(key):
        raise ActionRefused("The ingredient is written in 2 to 60 small letters, digits, blanks and hyphens.")
    names = [key, *([cells["label"]] if cells["label"] else []), *_parts(cells["synonyms"])]
    for name in names:
        other = known.drugs_by_name.get(name_key(name))
        if other is not None and other.key != key:
            raise ActionRefused(f"{name!r} is {other.label} already.")
    if key in shipped().drugs:
        raise ActionRefused(f"{shipped().drugs[key].label} comes with the program already.")
    cells["label"] = cells["label"] or key.capitalize()
    cells["synonyms"] = ";".join(_parts(cells["synonyms"]))
    classes = _parts(cells["classes"].lower())
    for name in classes:
        if name not in DRUG_CLASSES:
            raise ActionRefused(f"There is no class {name!r}; classes: {', '.join(sorted(DRUG_CLASSES))}.")
    cells["classes"] = ";".join(classes)
    steroid = "glucocorticoid" in classes
    if cells["equivalent_mg"]:
        cells["equivalent_mg"] = _number("mg that equal 5 mg prednisone", cells["equivalent_mg"], "")
    if steroid and bool(cells["equivalent_mg"]) == bool(cells["not_counted"]):
        raise ActionRefused("Of a glucocorticoid say how many mg equal 5 mg of prednisone, or why it does not count.")
    if not steroid and (cells["equivalent_mg"] or cells["not_counted"]):
        raise ActionRefused("Only a glucocorticoid has an equivalence with prednisone.")
    if cells["sparing"] == _YES and cells["active"] == _NO:
        raise ActionRefused("A steroid-sparing agent counts as active treatment.")
    if cells["acts_for_days"]:
        cells["acts_for_days"] = _whole("Acts for", cells["acts_for_days"], 1, LONGEST_INTERVAL)
    if cells["rxnorm"]:
        _whole("The RxNorm code", cells["rxnorm"], 1, 10**9)
        for row in known.drugs.values():
            if row.rxnorm == cells["rxnorm"] and row.key != key:
                raise ActionRefused(f"The RxNorm code {cells['rxnorm']} means {row.label}.")
    cells["atc"] = cells["atc"].upper()
    if cells["atc"] and not _ATC.fullmatch(cells["atc"]):
        raise ActionRefused(f"{cells['atc']!r} is not written like an ATC code (L04AX03).")


def _check_monitoring(cells: dict[str, str], known: Vocabulary) -> None:
    cells["treatment"] = _treatment(cells["treatment"], known)
    test = cells["test"].lower().replace(" ", "_")
    if test not in known.tests and test not in known.measures:
        raise ActionRefused(
            f"No test or measure is called {cells['test']!r}. Add the measure first, or choose one of: "
            f"{', '.join(sorted(known.tests))}."
        )
    if test in known.retired:
        raise ActionRefused(f"{known.measures[test].label} was ended: {known.retired[test]}.")
    cells["test"] = test
    cells["every"] = _whole("Every", cells["every"], 1, LONGEST_INTERVAL)
    first = int(_whole("From day", cells["from_day"] or "0", 0, LONGEST_INTERVAL))
    cells["from_day"] = str(first) if first else ""
    if cells["to_day"]:
        last = int(_whole("To day", cells["to_day"], 0, LONGEST_INTERVAL))
        if last < first:
            raise ActionRefused("The last day lies before the first.")
        cells["to_day"] = str(last)
    if cells["only_if"]:
        condition = cells["only_if"] = cells["only_if"].lower().replace(" ", "_")
        positive = {key for key, row in known.measures.items() if row.family == PRESENCE}
        if condition not in {CHILD, ADULT} and condition not in known.events and condition not in positive:
            raise ActionRefused(
                f"{condition!r} is no condition: child, adult, an event ({', '.join(sorted(known.events))}), or a "
                f"positive result ({', '.join(sorted(positive))})."
            )


def _treatment(text: str, known: Vocabulary) -> str:
    said = text.lower()
    if said == ACTIVE_TREATMENT or said.replace(" ", "-") == ACTIVE_TREATMENT:
        return ACTIVE_TREATMENT
    if said in DRUG_CLASSES:
        return said
    drug = known.drugs_by_name.get(name_key(text))
    if drug is not None:
        return drug.key
    if said.replace(" ", "_") in known.events:
        return said.replace(" ", "_")
    raise ActionRefused(
        f"{text!r} is no drug, class of drugs or condition known here. Add the drug first, or use a class "
        f"({', '.join(sorted(DRUG_CLASSES))}) or {ACTIVE_TREATMENT}."
    )


def _parts(text: str) -> list[str]:
    return list(dict.fromkeys(part.strip() for part in text.split(";") if part.strip()))


def _units(text: str, own: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    seen: Collection[str] = {unit_key(own)}
    for part in _parts(text):
        unit, equals, factor = (piece.strip() for piece in part.partition("="))
        if not (unit and equals and factor):
            raise ActionRefused(f"{part!r}: write another unit with its factor, ng/L=0.001.")
        if unit_key(unit) in seen:
            raise ActionRefused(f"The unit {unit} is named twice.")
        seen = {*seen, unit_key(unit)}
        found.append((unit, _number(f"The factor of {unit}", factor, "")))
    return found


def _number(what: str, text: str, why: str) -> str:
    try:
        value = float(text)
    except ValueError:
        raise ActionRefused(f"{what} is a number, not {text!r}{'; ' + why if why else ''}.") from None
    if not 0 < value < 1e9:
        raise ActionRefused(f"{what} lies above 0.")
    return text


def _whole(what: str, text: str, low: int, high: int) -> str:
    if not (text.isascii() and text.isdecimal()):
        raise ActionRefused(f"{what} is a whole number, not {text!r}.")
    if not low <= int(text) <= high:
        raise ActionRefused(f"{what} lies between {low} and {high}.")
    return str(int(text))


# --------------------------------------------------------------------------------------------------- as lines of tables


def lines_of(kind: str, cells: Mapping[str, str]) -> tuple[OwnLine, ...]:
    """The lines of the tables that a row stands for."""
    made: Mapping[str, Callable[[Mapping[str, str]], list[tuple[str, dict[str, str]]]]] = {
        "measure": _measure_lines,
        "drug": _drug_lines,
        "monitoring": _monitoring_lines,
    }
    said = f"the clinic's {kind} {cells.get('key') or identity_of('monitoring', cells)}"
    return tuple(OwnLine(file, said, tuple(sorted(line.items()))) for file, line in made[kind](cells))


def _measure_lines(cells: Mapping[str, str]) -> list[tuple[str, dict[str, str]]]:
    key, label, result, unit = cells["key"], cells["label"], cells["result"], cells.get("unit", "")
    local = key.replace("_", "-")
    names = ";".join(
        dict.fromkeys(
            name.lower() for name in (label, cells["short_label"], local, *_parts(cells.get("names", "")))
        )
    )  # fmt: skip
    code = {"name": label, "name_contains": names, "measure": key, "code_mark": "default", "name_mark": "default"}
    loinc = cells.get("loinc", "")
    codes = [("loinc", loinc)] if loinc else [("local", local)]
    codes += [("local", one) for one in _parts(cells.get("codes", "")) if ("local", one) not in codes]
    lines: list[tuple[str, dict[str, str]]] = [
        (
            "measures.csv",
            {
                "key": key,
                "label": label,
                "short_label": cells["short_label"],
                "kind": cells["kind"],
                # Units are found by the measure's key; a family of its own keeps those of others away.
                "family": f"own {key}" if result == NUMBER else result,
                "unit": unit,
                "min_value": "0",
                "max_value": "1" if result == PRESENCE else cells.get("max_value", ""),
                "higher_is": cells["higher_is"],
                "loinc": loinc,
                "local_code": "" if loinc else local,
                "range_mark": "" if result == NUMBER else "default",
            },
        ),
        *(("measure_codes.csv", {"system": system, "code": one, **code}) for system, one in codes),
        ("tests.csv", {"key": key, "label": label, "measures": key, "counts_when": "any", "mark": "default"}),
    ]
    if result == NUMBER:
        units = [(unit, "1"), *_units(cells.get("also_units", ""), unit)]
        lines += [
            ("units.csv", {"applies_to": key, "unit": one, "factor": factor, "offset": "0", "mark": "default"})
            for one, factor in units
        ]
    return lines


def _drug_lines(cells: Mapping[str, str]) -> list[tuple[str, dict[str, str]]]:
    def marked(name: str) -> str:
        return "default" if cells.get(name) else ""

    return [
        (
            "drugs.csv",
            {
                "key": cells["key"],
                "label": cells["label"],
                "synonyms": cells.get("synonyms", ""),
                "classes": cells["classes"],
                "rxnorm": cells.get("rxnorm", ""),
                "rxnorm_mark": marked("rxnorm"),
                "atc": cells.get("atc", ""),
                "atc_mark": marked("atc"),
                "equivalent_mg_to_5": cells.get("equivalent_mg", ""),
                "factor_mark": marked("equivalent_mg"),
                "excluded_because": cells.get("not_counted", ""),
                "counts_as_active_treatment": cells["active"],
                "sparing_agent": cells["sparing"],
                "sparing_mark": "default" if cells["sparing"] == _YES else "",
                "acts_for_days": cells.get("acts_for_days", ""),
                "acts_for_mark": marked("acts_for_days"),
            },
        )
    ]


def _monitoring_lines(cells: Mapping[str, str]) -> list[tuple[str, dict[str, str]]]:
    test = cells["test"]
    lines = [
        (
            "monitoring.csv",
            {
                "profile": OWN_PROFILE,
                "treatment": cells["treatment"],
                "only_if": cells.get("only_if", ""),
                "test": test,
                "phase": "any",
                "from_day": cells.get("from_day", "0"),
                "to_day": cells.get("to_day", ""),
                "interval_days": cells["every"],
                "mark": "default",
                "active": _YES,
                "note": cells.get("note", ""),
            },
        )
    ]
    row = shipped().measures.get(test)
    if row is not None and test not in shipped().tests:
        # A measure that comes with the program and that no shipped row asks for becomes a test of its own.
        label = {"key": test, "label": row.label, "measures": test, "counts_when": "any", "mark": "default"}
        lines.append(("tests.csv", label))
    return lines
