"""What the parts of the page share: names of components, and an own row in words."""

from collections.abc import Mapping

from models.vocabulary import drug, events, measures, tests
from models.vocabulary.own import FIELDS

BODY, SAID, CHANGED, MODAL, FORM = "own-row-body", "own-row-said", "own-row-changed", "own-row-modal", "own-row-form"
OPEN, FIELD = "own-row-open", "own-row-field"
WHAT, KIND, FROM, REASON = "own-row-what", "own-row-kind", "own-row-from", "own-row-reason"
TRY, SAVE, TRIAL, POLL, OUTCOME = "own-row-try", "own-row-save", "own-row-trial", "own-row-poll", "own-row-outcome"

ADD, ALTER, END, RETURN = "add", "change", "end", "return"


WORDS: Mapping[str, str] = {"measure": "measure", "drug": "drug", "monitoring": "monitoring row"}


def name_of_row(kind: str, key: str, cells: Mapping[str, str] | None = None) -> str:
    """A row as people call it."""
    if kind != "monitoring":
        return (cells or {}).get("label") or key
    treatment, test, condition, first = key.split(":")
    known = drug(treatment)
    asks = known.label if known else events()[treatment].label if treatment in events() else treatment.replace("-", " ")
    row = tests().get(test)
    label = row.label if row else measures()[test].label if test in measures() else test
    more = [f"only if {condition.replace('_', ' ')}"] if condition else []
    more += [f"from day {first}"] if first != "0" else []
    return f"{asks[:1].upper()}{asks[1:]}: {label.split(' (')[0]}" + (f" ({', '.join(more)})" if more else "")


def what_it_says(kind: str, cells: Mapping[str, str]) -> str:
    """What a row says, in one line."""
    if kind == "monitoring":
        until = f" to day {cells['to_day']}" if cells.get("to_day") else ""
        note = f"; {cells['note']}" if cells.get("note") else ""
        return f"every {cells['every']} days{until}{note}"
    left_out = {"key", "label", "short_label"}
    plain = {field.name: field.choices[0] for field in FIELDS[kind] if field.choices}
    said = [
        f"{field.label.lower()} {cells[field.name].replace(';', ', ')}"
        for field in FIELDS[kind]
        if field.name in cells and field.name not in left_out and cells[field.name] != plain.get(field.name)
    ]
    return "; ".join(said)
