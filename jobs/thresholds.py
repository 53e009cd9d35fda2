"""Which parameters and which status each rule has on a day: as shipped, as the clinic set it, as set for a patient.

The phenotype branch and the suggestions have parameters too. They are kept in the same table under `phenotype` and
`escalation:<key>`; rules never read them, so they are no part of what decides whether a patient is computed again.
"""

import dataclasses
import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Protocol

import sqlalchemy as sa
from sqlmodel import Session, col, select

from jobs.rule import STATUSES, all_rules
from models.errors import ActionRefused
from models.patient import Patient
from models.rows import fetch
from models.rule_setting import RuleSetting, RuleStatusChange

PHENOTYPE = "phenotype"
ESCALATION = "escalation:"
"""Under these names stand the settings of the phenotype branch and, followed by its key, of a suggestion."""


class Adjustable(Protocol):
    """Anything with declared parameters: a rule, the phenotype branch, a suggestion."""

    @property
    def key(self) -> str:
        """The name its settings stand under."""
        ...

    def defaults(self) -> Any:
        """The parameters as shipped."""
        ...

    def parameter_fields(self) -> tuple[dataclasses.Field[Any], ...]:
        """The declared parameters, with unit, range, meaning, source and mark in `.metadata`."""
        ...


@dataclass(frozen=True)
class ParameterSet:
    """The parameters of the phenotype branch or of a suggestion, in the shape in which a rule has them."""

    key: str
    title: str
    parameters: type

    def defaults(self) -> Any:
        """The parameters as shipped."""
        return self.parameters()

    def parameter_fields(self) -> tuple[dataclasses.Field[Any], ...]:
        """The declared parameters, with unit, range, meaning, source and mark in `.metadata`."""
        return dataclasses.fields(self.parameters)


def advice_sets() -> tuple[ParameterSet, ...]:
    """The phenotype branch and every suggestion that has parameters."""
    # Rules are evaluated without ever looking at the suggestions: those are loaded where somebody asks for them.
    from jobs.escalation import all_escalations
    from jobs.phenotype import Parameters

    return (
        ParameterSet(PHENOTYPE, "What kind of problem it is (phenotype branch)", Parameters),
        *(
            ParameterSet(f"{ESCALATION}{one.key}", one.title, one.parameters)
            for one in all_escalations()
            if dataclasses.fields(one.parameters)
        ),
    )


def adjustable(key: str) -> Adjustable:
    """The rule, phenotype branch or suggestion that settings of this name belong to.

    Raises:
        ActionRefused: there is none.
    """
    found: list[Adjustable] = [rule for rule in all_rules() if rule.key == key]
    if not found and (key == PHENOTYPE or key.startswith(ESCALATION)):
        found = [one for one in advice_sets() if one.key == key]
        if not found:
            raise ActionRefused(f"There is no suggestion {key.removeprefix(ESCALATION)!r} with parameters.")
    if not found:
        raise ActionRefused(f"There is no rule {key!r}.")
    return found[0]


@dataclass(frozen=True)
class Advice:
    """What the phenotype branch and the suggestions (by key) go by on a day, for one patient or the clinic."""

    phenotype: Any
    escalations: Mapping[str, Any]


def advice_on(session: Session, day: dt.date, patient_id: int | None = None) -> Advice:
    """The parameters of the phenotype branch and of each suggestion on `day`, the patient's own above the clinic's."""
    sets = {one.key: one for one in advice_sets()}
    clinic: dict[str, dict[str, Any]] = {key: {} for key in sets}
    own: dict[str, dict[str, Any]] = {key: {} for key in sets}
    for row in _holding(session, day):
        one = sets.get(row.rule)
        if one is None or row.parameter not in {field.name for field in one.parameter_fields()}:
            continue  # A setting of a rule, or of a parameter that a later version no longer has.
        if row.patient_id is not None and row.patient_id != patient_id:
            continue
        target, value = (clinic if row.patient_id is None else own)[row.rule], json.loads(row.value)
        if value is None:
            target.pop(row.parameter, None)
        else:
            target[row.parameter] = checked(one, row.parameter, value)
    values = {key: clinic[key] | own[key] for key in sets}
    return Advice(
        phenotype=dataclasses.replace(sets[PHENOTYPE].defaults(), **values[PHENOTYPE]),
        escalations={
            key.removeprefix(ESCALATION): dataclasses.replace(one.defaults(), **values[key])
            for key, one in sets.items()
            if key != PHENOTYPE
        },
    )


@dataclass(frozen=True)
class Thresholds:
    """What holds on one day: clinic-wide parameters, patients' own, and each rule's status."""

    clinic: dict[str, Any]
    patients: dict[str, dict[int, Any]]
    status: dict[str, str]

    def running(self) -> frozenset[str]:
        """The keys of the rules that are asked: those active and those in shadow."""
        return frozenset(key for key, status in self.status.items() if status in ("active", "shadow"))

    @cached_property
    def in_shadow(self) -> frozenset[str]:
        """The keys of the rules that are asked and whose answers reach nobody."""
        return frozenset(key for key, status in self.status.items() if status == "shadow")

    @cached_property
    def fingerprint(self) -> str:
        """Changes with every version, parameter or status; two equal ones give equal answers."""
        said = {
            rule.key: [
                rule.version,
                self.status[rule.key],
                dataclasses.asdict(self.clinic[rule.key]),
                {str(who): dataclasses.asdict(own) for who, own in self.patients.get(rule.key, {}).items()},
            ]
            for rule in all_rules()
        }
        return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()[:24]


def checked(rule: Adjustable, parameter: str, value: Any) -> Any:
    """The value in the parameter's own type.

    Raises:
        ActionRefused: no such parameter, not a number, or outside the range it may have.
    """
    fields = {field.name: field for field in rule.parameter_fields()}
    if parameter not in fields:
        names = ", ".join(fields) or "none"
        raise ActionRefused(f"{rule.key} has no parameter {parameter!r}; it has: {names}.")
    field = fields[parameter]
    meta = field.metadata
    if meta["choices"]:
        if value not in meta["choices"]:
            raise ActionRefused(f"{rule.key}.{parameter} must be one of {', '.join(meta['choices'])}.")
        return value
    if isinstance(field.default, bool):
        if isinstance(value, bool):
            return value
        text = str(value).strip().lower()
        if text not in {"true", "false", "yes", "no"}:
            raise ActionRefused(f"{rule.key}.{parameter} must be true or false.")
        return text in {"true", "yes"}
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ActionRefused(f"{rule.key}.{parameter} must be a number ({meta['unit']}), not {value!r}.") from None
    low, high = meta["low"], meta["high"]
    if (low is not None and number < low) or (high is not None and number > high) or number != number:
        raise ActionRefused(f"{rule.key}.{parameter} must lie between {low} and {high} {meta['unit']}.")
    if isinstance(field.default, int):
        if number != int(number):
            raise ActionRefused(f"{rule.key}.{parameter} must be a whole number.")
        return int(number)
    return number


def thresholds_on(session: Session, day: dt.date, overrides: dict[str, dict[str, Any]] | None = None) -> Thresholds:
    """What holds on `day`; `overrides` (rule -> parameter -> value) stand above the clinic's, for replays.

    Raises:
        ActionRefused: an override names an unknown rule or parameter, or a value out of range.
    """
    connection, on = session.connection(), {"day": day}
    settings, changes = (tuple(map(tuple, fetch(connection, query, on))) for query in _threshold_queries())
    if not overrides:
        return _as_set(settings, changes)
    return _thresholds(settings, changes, overrides)


@lru_cache(maxsize=1)
def _threshold_queries() -> tuple[sa.Select[Any], sa.Select[Any]]:
    """The settings in force on a `day` and the changes of status up to it, later ones after those they replace."""
    setting: Any = RuleSetting
    change: Any = RuleStatusChange
    day = sa.bindparam("day", type_=sa.Date())
    settings = sa.select(setting.rule, setting.patient_id, setting.parameter, setting.value).where(
        setting.valid_from <= day, sa.or_(setting.expires_on.is_(None), setting.expires_on >= day)
    )
    changes = sa.select(change.rule, change.status).where(change.valid_from <= day)
    return settings.order_by(setting.valid_from, setting.id), changes.order_by(change.valid_from, change.id)


def _thresholds(
    settings: Sequence[tuple[Any, ...]],
    changes: Sequence[tuple[Any, ...]],
    overrides: Mapping[str, Mapping[str, Any]],
) -> Thresholds:
    """What holds by settings (rule, patient, parameter, JSON value) and changes of status (rule, status)."""
    rules = {rule.key: rule for rule in all_rules()}
    for key in overrides:
        if key not in rules:
            raise ActionRefused(f"There is no rule {key!r}.")
    clinic: dict[str, dict[str, Any]] = {key: {} for key in rules}
    own: dict[str, dict[int, dict[str, Any]]] = {key: {} for key in rules}
    for name, patient_id, parameter, said in settings:
        rule = rules.get(name)
        names = {field.name for field in rule.parameter_fields()} if rule else set()
        if rule is None or parameter not in names:
            # A setting of the suggestions, or of something that a later version no longer has; kept, without effect.
            continue
        value = json.loads(said)
        target = clinic[name] if patient_id is None else own[name].setdefault(patient_id, {})
        if value is None:
            target.pop(parameter, None)
        else:
            target[parameter] = checked(rule, parameter, value)
    for key, values in overrides.items():
        for parameter, value in values.items():
            clinic[key][parameter] = checked(rules[key], parameter, value)
    status = {key: rule.status for key, rule in rules.items()}
    for key, changed in changes:
        if key in status:
            status[key] = changed
    parameters = {key: dataclasses.replace(rule.defaults(), **clinic[key]) for key, rule in rules.items()}
    return Thresholds(
        clinic=parameters,
        patients={
            key: {who: dataclasses.replace(parameters[key], **values) for who, values in found.items() if values}
            for key, found in own.items()
            if any(found.values())
        },
        status=status,
    )


@lru_cache(maxsize=8)
def _as_set(settings: tuple[tuple[Any, ...], ...], changes: tuple[tuple[Any, ...], ...]) -> Thresholds:
    """Clinics change a threshold now and then, and ask what holds with every result."""
    return _thresholds(settings, changes, {})


def _holding(session: Session, day: dt.date) -> Iterable[RuleSetting]:
    """Every setting in force on a day, in the order in which later ones replace earlier ones."""
    return session.exec(
        select(RuleSetting)
        .where(
            RuleSetting.valid_from <= day,
            sa.or_(col(RuleSetting.expires_on).is_(None), col(RuleSetting.expires_on) >= day),
        )
        .order_by(col(RuleSetting.valid_from), col(RuleSetting.id))
    )


@dataclass(frozen=True)
class OwnThreshold:
    """A threshold of one patient's own: what it is about, its value beside the clinic's, until when, by whom, why."""

    key: str
    title: str
    parameter: str
    meaning: str
    unit: str
    value: Any
    clinic: Any
    valid_from: dt.date
    expires_on: dt.date | None
    author: str
    reason: str


def own_thresholds(session: Session, patient_id: int, day: dt.date) -> list[OwnThreshold]:
    """The thresholds that a patient has of their own on a day, of rules and of suggestions."""
    newest = {(row.rule, row.parameter): row for row in _holding(session, day) if row.patient_id == patient_id}
    standing = {name: row for name, row in newest.items() if json.loads(row.value) is not None}
    if not standing:
        return []
    clinic, advice = thresholds_on(session, day).clinic, advice_on(session, day)
    titles = {rule.key: rule.title for rule in all_rules()}
    found = []
    for (key, name), row in standing.items():
        try:
            fields = {field.name: field for field in adjustable(key).parameter_fields()}
        except ActionRefused:
            continue  # Of a rule that a later version no longer has; kept, without effect.
        if name not in fields:
            continue
        if key in clinic:
            general = clinic[key]
        else:
            general = advice.phenotype if key == PHENOTYPE else advice.escalations[key.removeprefix(ESCALATION)]
        titles.setdefault(key, getattr(adjustable(key), "title", key))
        meta = fields[name].metadata
        found.append(
            OwnThreshold(
                key=key,
                title=titles[key],
                parameter=name,
                meaning=meta["meaning"],
                unit=meta["unit"],
                value=json.loads(row.value),
                clinic=getattr(general, name),
                valid_from=row.valid_from,
                expires_on=row.expires_on,
                author=row.author,
                reason=row.reason,
            )
        )
    return sorted(found, key=lambda one: (one.title, one.parameter))


def set_parameter(
    session: Session,
    rule_key: str,
    parameter: str,
    value: Any,
    *,
    reason: str,
    author: str,
    valid_from: dt.date,
    now: dt.datetime,
    patient_id: int | None = None,
    expires_on: dt.date | None = None,
) -> RuleSetting:
    """A new value from a day on; None goes back to what holds without it. Bumps the patients it touches.

    `rule_key` is a rule's key, `phenotype`, or `escalation:` and a suggestion's key.

    Raises:
        ActionRefused: unknown rule or parameter, out of range, no reason, or a patient's own value without an end.
    """
    owner = adjustable(rule_key)
    if not reason.strip():
        raise ActionRefused("A changed threshold needs a reason.")
    if patient_id is not None and expires_on is None and value is not None:
        raise ActionRefused("A threshold for one patient needs an end, so that somebody looks at it again.")
    if expires_on is not None and expires_on < valid_from:
        raise ActionRefused("The end lies before the beginning.")
    if value is None:
        checked(owner, parameter, getattr(owner.defaults(), parameter, None))
    setting = RuleSetting(
        rule=rule_key,
        patient_id=patient_id,
        parameter=parameter,
        value=json.dumps(None if value is None else checked(owner, parameter, value)),
        reason=reason.strip(),
        author=author,
        valid_from=valid_from,
        expires_on=expires_on,
        created_at=now,
    )
    session.add(setting)
    if patient_id is not None:
        session.execute(
            sa.update(Patient).where(col(Patient.id) == patient_id).values(revision=col(Patient.revision) + 1)
        )
    session.flush()
    return setting


def set_status(
    session: Session, rule_key: str, status: str, *, reason: str, author: str, valid_from: dt.date, now: dt.datetime
) -> RuleStatusChange:
    """draft, shadow, active or retired from a day on.

    Raises:
        ActionRefused: unknown rule or status, or no reason.
    """
    if rule_key not in {rule.key for rule in all_rules()}:
        raise ActionRefused(f"There is no rule {rule_key!r}.")
    if status not in STATUSES:
        raise ActionRefused(f"A rule's status is one of {', '.join(STATUSES)}.")
    if not reason.strip():
        raise ActionRefused("A changed status needs a reason.")
    change = RuleStatusChange(
        rule=rule_key, status=status, reason=reason.strip(), author=author, valid_from=valid_from, created_at=now
    )
    session.add(change)
    session.flush()
    return change
