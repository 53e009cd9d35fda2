"""Which parameters and which status each rule has on a day: as shipped, as the clinic set it, as set for a patient."""

import dataclasses
import datetime as dt
import hashlib
import json
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from jobs.rule import STATUSES, Rule, all_rules
from models.errors import ActionRefused
from models.patient import Patient
from models.rule_setting import RuleSetting, RuleStatusChange


@dataclass(frozen=True)
class Thresholds:
    """What holds on one day: clinic-wide parameters, patients' own, and each rule's status."""

    clinic: dict[str, Any]
    patients: dict[str, dict[int, Any]]
    status: dict[str, str]

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


def checked(rule: Rule, parameter: str, value: Any) -> Any:
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
    rules = {rule.key: rule for rule in all_rules()}
    for key in overrides or {}:
        if key not in rules:
            raise ActionRefused(f"There is no rule {key!r}.")
    clinic: dict[str, dict[str, Any]] = {key: {} for key in rules}
    own: dict[str, dict[int, dict[str, Any]]] = {key: {} for key in rules}
    rows = session.exec(
        select(RuleSetting)
        .where(
            RuleSetting.valid_from <= day,
            sa.or_(col(RuleSetting.expires_on).is_(None), col(RuleSetting.expires_on) >= day),
        )
        .order_by(col(RuleSetting.valid_from), col(RuleSetting.id))
    )
    for row in rows:
        rule = rules.get(row.rule)
        names = {field.name for field in rule.parameter_fields()} if rule else set()
        if rule is None or row.parameter not in names:
            continue  # A setting of a rule or parameter that a later version no longer has; kept, without effect.
        value = json.loads(row.value)
        target = clinic[row.rule] if row.patient_id is None else own[row.rule].setdefault(row.patient_id, {})
        if value is None:
            target.pop(row.parameter, None)
        else:
            target[row.parameter] = checked(rule, row.parameter, value)
    for key, values in (overrides or {}).items():
        for name, value in values.items():
            clinic[key][name] = checked(rules[key], name, value)
    status = {key: rule.status for key, rule in rules.items()}
    for change in session.exec(
        select(RuleStatusChange)
        .where(RuleStatusChange.valid_from <= day)
        .order_by(col(RuleStatusChange.valid_from), col(RuleStatusChange.id))
    ):
        if change.rule in status:
            status[change.rule] = change.status
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

    Raises:
        ActionRefused: unknown rule or parameter, out of range, no reason, or a patient's own value without an end.
    """
    rules = {rule.key: rule for rule in all_rules()}
    if rule_key not in rules:
        raise ActionRefused(f"There is no rule {rule_key!r}.")
    if not reason.strip():
        raise ActionRefused("A changed threshold needs a reason.")
    if patient_id is not None and expires_on is None:
        raise ActionRefused("A threshold for one patient needs an end, so that somebody looks at it again.")
    if expires_on is not None and expires_on < valid_from:
        raise ActionRefused("The end lies before the beginning.")
    if value is None:
        checked(rules[rule_key], parameter, getattr(rules[rule_key].defaults(), parameter, None))
    setting = RuleSetting(
        rule=rule_key,
        patient_id=patient_id,
        parameter=parameter,
        value=json.dumps(None if value is None else checked(rules[rule_key], parameter, value)),
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
