"""Manual muscle testing (MMT) totals from graded muscle groups.

Sources: groups and variants IMACS Form 04 and Rider 2010, doi:10.1002/acr.20035; grades 0-10 after Kendall on the same
form. Variants: ``mmt8`` 8 groups on one side, 0-80; ``mmt8_bilateral`` 0-150; ``mmt_total`` all 26 tests, 0-260. The
neck flexors are tested once, also in the bilateral variants, which is why 80 cannot be turned into 150 by scaling.

The plain 0-5 scale of the Medical Research Council cannot be turned into 0-10 either: its 4 may be 7, 8 or 9. Such
grades are a scale of their own and never give a total here. A trace ("T") has no number on the form that was read; it
counts as 0 [proposal] and the total is flagged. Missing groups are never prorated: no published rule was read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypedDict

from jobs.scores.exact import ScoreInputError, exact_number, written

GRADE_MAXIMUM: Final = 10
KENDALL: Final = "KENDALL_0_10"
MRC: Final = "MRC_0_5"
SIDES: Final = ("right", "left")


@dataclass(frozen=True)
class MuscleGroup:
    """One tested group: where it is, whether it is tested on both sides, whether it belongs to the MMT8."""

    label: str
    region: str
    paired: bool
    in_mmt8: bool


MUSCLE_GROUPS: Final[Mapping[str, MuscleGroup]] = {
    "neck_flexors": MuscleGroup("Neck flexors", "axial", False, True),
    "neck_extensors": MuscleGroup("Neck extensors", "axial", False, False),
    "trapezius": MuscleGroup("Trapezius", "proximal", True, False),
    "deltoid": MuscleGroup("Deltoid", "proximal", True, True),
    "biceps": MuscleGroup("Biceps brachii", "proximal", True, True),
    "gluteus_maximus": MuscleGroup("Gluteus maximus", "proximal", True, True),
    "gluteus_medius": MuscleGroup("Gluteus medius", "proximal", True, True),
    "iliopsoas": MuscleGroup("Iliopsoas", "proximal", True, False),
    "hamstrings": MuscleGroup("Hamstrings", "proximal", True, False),
    "quadriceps": MuscleGroup("Quadriceps", "proximal", True, True),
    "wrist_extensors": MuscleGroup("Wrist extensors", "distal", True, True),
    "wrist_flexors": MuscleGroup("Wrist flexors", "distal", True, False),
    "ankle_dorsiflexors": MuscleGroup("Ankle dorsiflexors", "distal", True, True),
    "ankle_plantar_flexors": MuscleGroup("Ankle plantar flexors", "distal", True, False),
}

VARIANTS: Final = ("mmt8", "mmt8_bilateral", "mmt_total")


class MmtScore(TypedDict):
    """``missing`` are tests such as "deltoid.left"; ``flags`` do not invalidate the total, ``problems`` do."""

    instrument: str
    side: str | None
    scale: str
    total: int | None
    max: int
    missing: list[str]
    flags: list[str]
    problems: list[str]


def composition(instrument: str, side: str = "right") -> tuple[str, ...]:
    """The tests an instrument consists of: "neck_flexors", "deltoid.right", ... ``side`` matters for mmt8 only."""
    if instrument not in VARIANTS:
        raise ScoreInputError("instrument", f"{instrument!r} is not one of {', '.join(VARIANTS)}")
    if side not in SIDES:
        raise ScoreInputError("side", f"{side!r} is not one of {', '.join(SIDES)}")
    tests: list[str] = []
    for key, group in MUSCLE_GROUPS.items():
        if instrument != "mmt_total" and not group.in_mmt8:
            continue
        if not group.paired:
            tests.append(key)
        else:
            tests.extend(f"{key}.{tested}" for tested in ((side,) if instrument == "mmt8" else SIDES))
    return tuple(tests)


def maximum(instrument: str) -> int:
    """Highest score of the variant: 80, 150 or 260."""
    return GRADE_MAXIMUM * len(composition(instrument))


def mmt(document: object) -> MmtScore:
    """Total of one assessment.

    In: ``{"instrument": "mmt8", "side": "right", "scale": "KENDALL_0_10", "items": {"neck_flexors": 8, "deltoid":
    {"right": 7, "left": 8}, ...}}``. ``side`` (default right, as on the form) is the side used for mmt8, whose paired
    groups may also be given as one grade. Grades are whole numbers 0-10 or "T" for a trace.

    The total is None if a test is missing, a grade is impossible, or the scale is plain MRC 0-5. Groups that are no
    part of the variant are ignored: a full assessment contains its MMT8. Raises ScoreInputError for an unknown
    instrument, side, scale or muscle group.
    """
    if not isinstance(document, Mapping):
        raise ScoreInputError("document", "is not an object")
    instrument = document.get("instrument")
    if not isinstance(instrument, str):
        raise ScoreInputError("instrument", f"{instrument!r} is not one of {', '.join(VARIANTS)}")
    side = document.get("side", "right")
    scale = document.get("scale", KENDALL)
    if scale not in (KENDALL, MRC):
        raise ScoreInputError("scale", f"{scale!r} is not one of {KENDALL}, {MRC}")
    tests = composition(instrument, side)
    given = _given(document.get("items"), instrument, side)

    missing = [test for test in tests if given.get(test) is None]
    flags: list[str] = []
    problems: list[str] = []
    total = 0
    if scale == MRC:
        problems.append("Grades of the plain MRC scale 0-5 are kept as they are; they cannot be turned into 0-10.")
    else:
        for test in tests:
            grade = given.get(test)
            if grade is None:
                continue
            if isinstance(grade, str) and grade.strip().upper() == "T":
                flags.append(f"{test}: contains a trace grade, counted as 0.")
                continue
            try:
                number = exact_number(grade, test)
            except ScoreInputError as error:
                problems.append(f"{error}.")
                continue
            if number.denominator != 1 or not 0 <= number <= GRADE_MAXIMUM:
                problems.append(f"{test}: the grade {written(number)} is not a whole number from 0 to {GRADE_MAXIMUM}.")
                continue
            total += int(number)
    return {
        "instrument": instrument,
        "side": side if instrument == "mmt8" else None,
        "scale": scale,
        "total": None if missing or problems else total,
        "max": GRADE_MAXIMUM * len(tests),
        "missing": missing,
        "flags": flags,
        "problems": problems,
    }


def _given(items: object, instrument: str, side: str) -> dict[str, object]:
    """Grades by test name."""
    if not isinstance(items, Mapping):
        raise ScoreInputError("items", "is missing or is not an object")
    given: dict[str, object] = {}
    for key, grade in items.items():
        group = MUSCLE_GROUPS.get(str(key))
        if group is None:
            raise ScoreInputError(f"items.{key}", "is not a muscle group")
        if not group.paired:
            if isinstance(grade, Mapping):
                raise ScoreInputError(f"items.{key}", "is tested once and has no sides")
            given[str(key)] = grade
        elif isinstance(grade, Mapping):
            for tested, value in grade.items():
                if tested not in SIDES:
                    raise ScoreInputError(f"items.{key}.{tested}", f"is not one of {', '.join(SIDES)}")
                given[f"{key}.{tested}"] = value
        elif instrument == "mmt8" or grade is None:
            given[f"{key}.{side}"] = grade
        else:
            raise ScoreInputError(f"items.{key}", "is tested on both sides and needs right and left")
    return given
