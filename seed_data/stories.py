"""Stories: one invented patient a file, each made so that one question has a known answer.

A story file (`stories/*.toml`) has the patient, a three-sentence story, rows whose days count from day 0 (the day on
which we ask; negative is past), and what the rules must say. Written with a date for day 0, the stories become a CSV
folder. Expectations are read off the exact rule semantics of the contract, each with its reason; they are the
acceptance tests of the rules, so a change here is a clinical change.

File format::

    mrn, family_name, given_name, sex, age_years, diagnosis, diagnosed_day, autoantibodies, site, clinician, status
    story = three sentences
    [[series]]       measure, unit, upper_limit, lower_limit, assay, assessor, max_value, at = [[day, value], ...]
    [[observations]] one row: day, received_day and the columns of observations.csv
    [[medications]]  start, end (last day taken; absent: continuing), received_day, and the columns of medications.csv
    [[events]]       day, end, received_day, and the columns of events.csv
    [[expect]]       rule, subject, state, severity, grade, since_day, on_day, known_day, reason
    [[expect_not]]   rule, subject, on_day, known_day, reason: no row of this rule (and subject) is `met`
    [[expect_suggestions]]  on_day, state, keys, absent_keys, reason

A `subject` names the instrument, test or measure (`cmas`, `ck`, `troponin_t`); blank means any subject of the rule. A
rule that divides more finely than that (troponin by assay) is matched by the beginning of its subject. A severity,
grade or since_day left out is not asserted. `known_day` asks with the knowledge of the end of that day.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from seed_data.csv_folder import COLUMNS, write_file

STORIES = Path(__file__).parent / "stories"
SILENT_LABORATORY = Path(__file__).parent / "senders" / "silent_laboratory.toml"

# Blood is drawn before the clinic examines, so that on one day the laboratory value comes first.
LABORATORY_TIME = "08:30:00"
EXAMINATION_TIME = "10:00:00"
RECEIVED_TIME = "16:00:00"
EXAMINATIONS = frozenset(
    {
        "cmas", "mmt8", "mmt8_bilateral", "mmt_total", "physician_global", "patient_global", "extramuscular_global",
        "pain", "haq", "chaq", "weight", "height", "fvc_percent", "dlco_percent", "nif", "cdasi_activity",
        "oxygen_saturation",
    }
)  # fmt: skip

PATIENT_FIELDS = ("family_name", "given_name", "sex", "diagnosis", "autoantibodies", "site", "clinician", "status")


class BadStory(ValueError):
    """A story file says something its format does not know, or leaves out something it must say."""


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """One answer a rule must (or, in `expect_not`, must not) give. Days count from day 0; None is not asserted."""

    rule: str
    reason: str
    on_day: int = 0
    subject: str = ""
    state: str = "met"
    severity: str | None = None
    grade: str | None = None
    since_day: int | None = None
    known_day: int | None = None


@dataclass(frozen=True, kw_only=True)
class SuggestionExpectation:
    """What the suggestion answer must say: the phenotype branch, keys that must be there, keys that must not."""

    state: str
    reason: str
    on_day: int = 0
    keys: tuple[str, ...] = ()
    absent_keys: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Story:
    """One invented patient. Rows hold the file's own keys; `*_rows(as_of)` gives contract columns with dates."""

    mrn: str
    story: str
    age_years: float
    patient: Mapping[str, str]
    diagnosed_day: int | None
    observations: tuple[Mapping[str, Any], ...] = ()
    medications: tuple[Mapping[str, Any], ...] = ()
    events: tuple[Mapping[str, Any], ...] = ()
    expect: tuple[Expectation, ...] = ()
    expect_not: tuple[Expectation, ...] = ()
    expect_suggestions: tuple[SuggestionExpectation, ...] = ()
    file: str = field(default="", compare=False)

    @property
    def name(self) -> str:
        """Given and family name."""
        return f"{self.patient['given_name']} {self.patient['family_name']}"

    def patient_row(self, as_of: date) -> dict[str, object]:
        """The row of patients.csv when day 0 is `as_of`."""
        born = as_of - timedelta(days=round(self.age_years * 365.25))
        row: dict[str, object] = {"mrn": self.mrn, "birth_date": born.isoformat(), **self.patient}
        if self.diagnosed_day is not None:
            row["diagnosed_on"] = _day(as_of, self.diagnosed_day)
        return row

    def observation_rows(self, as_of: date) -> list[dict[str, object]]:
        """The rows of observations.csv when day 0 is `as_of`, in the order they became known."""
        rows = []
        for number, given in enumerate(self.observations, start=1):
            row = {key: value for key, value in given.items() if key not in ("day", "received_day")}
            time = EXAMINATION_TIME if given["measure"] in EXAMINATIONS else LABORATORY_TIME
            row |= {"mrn": self.mrn, "observed_at": f"{_day(as_of, given['day'])}T{time}"}
            row.setdefault("source_id", f"{self.mrn}-o{number:03d}")
            rows.append((given.get("received_day", given["day"]), number, _received(row, given, as_of)))
        return [row for _, _, row in sorted(rows, key=lambda item: item[:2])]

    def medication_rows(self, as_of: date) -> list[dict[str, object]]:
        """The rows of medications.csv when day 0 is `as_of`."""
        rows = []
        for number, given in enumerate(self.medications, start=1):
            row = {key: value for key, value in given.items() if key not in ("start", "end", "received_day")}
            row |= {"mrn": self.mrn, "start_date": _day(as_of, given["start"])}
            if "end" in given:
                row["end_date"] = _day(as_of, given["end"])
            row.setdefault("source_id", f"{self.mrn}-m{number:03d}")
            rows.append(_received(row, given, as_of))
        return rows

    def event_rows(self, as_of: date) -> list[dict[str, object]]:
        """The rows of events.csv when day 0 is `as_of`."""
        rows = []
        for number, given in enumerate(self.events, start=1):
            row = {key: value for key, value in given.items() if key not in ("day", "end", "received_day")}
            row |= {"mrn": self.mrn, "date": _day(as_of, given["day"])}
            if "end" in given:
                row["end_date"] = _day(as_of, given["end"])
            row.setdefault("present", "yes")
            row.setdefault("source_id", f"{self.mrn}-e{number:03d}")
            rows.append(_received(row, given, as_of))
        return rows


def load_stories(directory: Path = STORIES) -> list[Story]:
    """Every story of a folder, in the order of the record numbers. Raises BadStory naming file and fault."""
    stories = [_story(_read(path), path.name) for path in sorted(directory.glob("*.toml"))]
    return _distinct(stories)


def load_silent_laboratory(path: Path = SILENT_LABORATORY) -> list[Story]:
    """The patients of a laboratory whose CK results stopped arriving: a folder of its own.

    It is kept apart from the other stories because their CK results would prove that the sender is alive.
    """
    document = _read(path)
    return _distinct([_story(patient, path.name) for patient in document.get("patients", [])])


def write_stories(directory: Path | str, as_of: date, stories: Iterable[Story] | None = None) -> dict[str, int]:
    """Write stories as a CSV folder with `as_of` as day 0; by default all of `load_stories()`.

    Rows dated after day 0, or learnt after it, are left out: the folder holds what a clinic would have on that evening.
    Returns the number of data rows per file.
    """
    chosen = list(load_stories() if stories is None else stories)
    horizon = (as_of + timedelta(days=1)).isoformat()
    per_file: dict[str, list[dict[str, object]]] = {
        "patients.csv": [story.patient_row(as_of) for story in chosen],
        "observations.csv": [row for story in chosen for row in story.observation_rows(as_of)],
        "medications.csv": [row for story in chosen for row in story.medication_rows(as_of)],
        "events.csv": [row for story in chosen for row in story.event_rows(as_of)],
    }
    when = {"observations.csv": "observed_at", "medications.csv": "start_date", "events.csv": "date"}
    folder = Path(directory)
    return {
        name: write_file(
            folder,
            name,
            (
                row
                for row in rows
                if name not in when or max(str(row[when[name]]), str(row.get("received_at") or "")) < horizon
            ),
        )
        for name, rows in per_file.items()
    }


def write_silent_laboratory(directory: Path | str, as_of: date) -> dict[str, int]:
    """Write the silent-laboratory patients as a CSV folder with `as_of` as day 0."""
    return write_stories(directory, as_of, load_silent_laboratory())


def _day(as_of: date, day: int) -> str:
    return (as_of + timedelta(days=day)).isoformat()


def _received(row: dict[str, object], given: Mapping[str, Any], as_of: date) -> dict[str, object]:
    if "received_day" in given:
        row["received_at"] = f"{_day(as_of, given['received_day'])}T{RECEIVED_TIME}"
    return row


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise BadStory(f"{path.name}: {error}") from error


def _story(document: Mapping[str, Any], file: str) -> Story:
    where = f"{file} ({document.get('mrn', 'no mrn')})"
    known = {"mrn", "story", "age_years", "diagnosed_day", "series", "observations", "medications", "events"}
    known |= {"expect", "expect_not", "expect_suggestions", *PATIENT_FIELDS}
    if unknown := set(document) - known:
        raise BadStory(f"{where}: unknown {', '.join(sorted(unknown))}")
    try:
        return Story(
            mrn=document["mrn"],
            story=document["story"].strip(),
            age_years=document["age_years"],
            diagnosed_day=document.get("diagnosed_day"),
            patient={key: document[key] for key in PATIENT_FIELDS if key in document},
            observations=tuple(_checked(row, where, "observations.csv", "day") for row in _observations(document)),
            medications=tuple(
                _checked(row, where, "medications.csv", "start", "end") for row in document.get("medications", [])
            ),
            events=tuple(_checked(row, where, "events.csv", "day", "end") for row in document.get("events", [])),
            expect=tuple(Expectation(**row) for row in document.get("expect", [])),
            expect_not=tuple(Expectation(**row) for row in document.get("expect_not", [])),
            expect_suggestions=tuple(_suggestion(row) for row in document.get("expect_suggestions", [])),
            file=file,
        )
    except (KeyError, TypeError) as error:
        raise BadStory(f"{where}: {error}") from error


def _suggestion(row: Mapping[str, Any]) -> SuggestionExpectation:
    fields: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
    return SuggestionExpectation(**fields)


def _observations(document: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    for series in document.get("series", []):
        common = {key: value for key, value in series.items() if key != "at"}
        for day, value in series["at"]:
            yield {**common, "day": day, "value": value}
    yield from document.get("observations", [])


def _checked(row: Mapping[str, Any], where: str, name: str, *days: str) -> Mapping[str, Any]:
    if unknown := set(row) - set(COLUMNS[name]) - {*days, "received_day"}:
        raise BadStory(f"{where}: {name} has no column {', '.join(sorted(unknown))}")
    if not isinstance(row.get(days[0]), int):
        raise BadStory(f"{where}: a row for {name} lacks `{days[0]}`")
    return row


def _distinct(stories: list[Story]) -> list[Story]:
    numbers = [story.mrn for story in stories]
    if twice := {mrn for mrn in numbers if numbers.count(mrn) > 1}:
        raise BadStory(f"record number used twice: {', '.join(sorted(twice))}")
    return sorted(stories, key=lambda story: story.mrn)
