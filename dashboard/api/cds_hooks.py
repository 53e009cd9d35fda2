"""CDS Hooks 2.0: what the clinic's list says, shown in the health record where the patient is open.

`myopanel-patient-view` gives a card for each open alert and each suggestion. `myopanel-order-select` looks at drafts as
if they were given today and gives a card for what is dangerous or useless about them, worked out by the same suggestion
files. A card is information: it never carries an order to be placed, and the machine that asks cannot act on an alert.
"""

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import flask
import orjson
from flask.typing import ResponseReturnValue
from sqlmodel import Session, select

from dashboard.api.fhir.resources import OUR_ANSWERS, patient_reference_id
from dashboard.secure import READERS, Current, SecureDash, current, roles
from jobs.assessing import ask
from jobs.cards import Card, answer_of, situation_of
from jobs.chart import chart_of
from jobs.escalation import Proposal, all_escalations
from jobs.importers.canonical import Refused
from jobs.importers.fhir_r4 import Draft, drafts_of, event_of, record_number
from jobs.rule import all_rules
from jobs.suggest import PURPOSE, suggest
from jobs.thresholds import advice_on, thresholds_on
from models import vocabulary
from models.accounts import audit
from models.alert import Alert
from models.alert_lifecycle import present_day, record
from models.alert_list import asking_of
from models.database import reading, writing
from models.errors import MyopanelError
from models.patient import STATUSES, Patient
from models.patient_facts import Happening, PatientFacts, Statement
from models.patient_reading import read_patients
from models.seen_once import first_time
from models.vocabulary import written_unit

PATIENT_VIEW, ORDER_SELECT = "myopanel-patient-view", "myopanel-order-select"
LONGEST_SUMMARY = 139
INDICATORS: Mapping[str, str] = {"urgent": "critical", "action": "warning", "watch": "info"}
LOOKED_AT = ("safety", "review")
"""Kinds of suggestions that an order can set off."""

_ALERT = re.compile(r"alert-(\d{1,15})", re.ASCII)
_SUGGESTION = re.compile(r"(?:suggestion|order)-(\d{1,15})-([a-z0-9-]{1,80})", re.ASCII)

SERVICES: tuple[dict[str, Any], ...] = (
    {
        "hook": "patient-view",
        "id": PATIENT_VIEW,
        "title": "Myositis clinic: alerts and options",
        "description": "Open alerts of the myositis clinic and options to consider for this patient.",
        "prefetch": {"patient": "Patient/{{context.patientId}}"},
    },
    {
        "hook": "order-select",
        "id": ORDER_SELECT,
        "title": "Myositis clinic: orders that do not go together",
        "description": "Plasma exchange after immunoglobulin, methotrexate with trimethoprim, and the like.",
        "prefetch": {"patient": "Patient/{{context.patientId}}"},
    },
)

Answer = tuple[dict[str, Any], int]


class _Malformed(Exception):
    """A request that is no hook, with the sentence to answer it with."""


def register(app: SecureDash) -> None:
    """Discovery, the two services, and feedback."""
    server = app.server

    @server.get("/cds-services")
    @roles("service", *READERS)
    def discovery() -> ResponseReturnValue:
        return _json({"services": list(SERVICES)})

    @server.post("/cds-services/<service>")
    @roles("service")
    def call(service: str) -> ResponseReturnValue:
        return _answered(service, _cards)

    @server.post("/cds-services/<service>/feedback")
    @roles("service")
    def feedback(service: str) -> ResponseReturnValue:
        return _answered(service, _feedback)


def _json(body: Mapping[str, Any], status: int = 200) -> flask.Response:
    return flask.Response(orjson.dumps(body), status, mimetype="application/json")


def _answered(service: str, work: Any) -> flask.Response:
    here = current()
    known = next((one for one in SERVICES if one["id"] == service), None)
    if known is None:
        return _json({"error": "There is no such service; see /cds-services."}, 404)
    try:
        sent = orjson.loads(flask.request.get_data())
        if not isinstance(sent, dict):
            raise _Malformed("Send a JSON object.")
        return _json(work(here, known, sent))
    except orjson.JSONDecodeError as error:
        return _json({"error": f"This is not JSON: {error}."}, 400)
    except _Malformed as error:
        return _json({"error": str(error)}, 400)


# ---------------------------------------------------------------------------------------------------------------- cards


def _cards(here: Current, service: Mapping[str, Any], sent: Mapping[str, Any]) -> dict[str, Any]:
    if sent.get("hook") != service["hook"]:
        raise _Malformed(f"This service answers the hook {service['hook']}.")
    if not isinstance(sent.get("hookInstance"), str) or not isinstance(sent.get("context"), dict):
        raise _Malformed("A hook has a hookInstance and a context.")
    context = sent["context"]
    with reading(here.engine) as session:
        patient = _patient(session, context, sent.get("prefetch"))
        if patient is None or patient.status != "active":
            # Most patients of a hospital are not ours: silence is right for them.
            return {"cards": []}
        today = present_day(session, here.now, here.settings.timezone)
        if service["id"] == PATIENT_VIEW:
            weighed = list(_alert_cards(here, session, patient, today))
        else:
            weighed = [(_weight(card), card) for card in _order_cards(here, session, patient, today, context)]
    if service["id"] == PATIENT_VIEW:
        weighed += [(_weight(card), card) for card in _suggestion_cards(here, patient, today)]
    with writing(here.engine) as session:
        detail = f"CDS Hooks {service['hook']}"
        audit(session, here.user.name, "read patient", now=here.now, patient_id=patient.id, detail=detail)
    # Alerts stay as the list has them; a suggestion stands behind the alerts that weigh as much as it does.
    return {"cards": [card for _, card in sorted(weighed, key=lambda pair: pair[0])]}


IN_DANGER = -1
"""Before everything, whenever it is to be done: sorting by the indicator alone would put danger that is for this week
behind what is merely for today."""


def _weight(card: Mapping[str, Any]) -> int:
    return list(INDICATORS.values()).index(card["indicator"])


def _patient(session: Session, context: Mapping[str, Any], prefetch: Any) -> Patient | None:
    """The patient of a hook: by the record number of the prefetched Patient, else by the id as we serve it.

    Raises:
        _Malformed: no patient is named, or the prefetched one is somebody else.
    """
    identifier = context.get("patientId")
    if not isinstance(identifier, str) or not identifier.strip():
        raise _Malformed("context.patientId is missing.")
    identifier = identifier.strip().removeprefix("Patient/")
    fetched = prefetch.get("patient") if isinstance(prefetch, dict) else None
    mrn = identifier
    if isinstance(fetched, dict) and fetched.get("resourceType") == "Patient":
        if str(fetched.get("id", identifier)) != identifier:
            raise _Malformed("prefetch.patient is not the patient of context.patientId.")
        mrn = record_number(fetched) or identifier
    found = session.exec(select(Patient).where(Patient.mrn == mrn)).first()
    if found is None and re.fullmatch(r"myopanel-\d{1,15}", mrn, re.ASCII):
        found = session.get(Patient, int(mrn.removeprefix("myopanel-")))
        if found is not None and patient_reference_id(found.mrn, found.id or 0) != mrn:
            found = None
    return found


def shortened(text: str, longest: int = LONGEST_SUMMARY) -> str:
    """A text of fewer than 140 characters, cut between words."""
    plain = " ".join(text.split())
    if len(plain) <= longest:
        return plain
    return plain[: longest - 1].rsplit(" ", 1)[0].rstrip(" ,;:") + "…"


def _card(
    here: Current, patient: Patient, uuid: str, summary: str, indicator: str, detail: Sequence[str], source: str,
    kind: str, url: str = "",
) -> dict[str, Any]:  # fmt: skip
    reasons = vocabulary.answers("acknowledge" if kind == "alert" else "decline")
    origin = {"label": source} | ({"url": url} if url else {})
    card: dict[str, Any] = {
        "uuid": uuid,
        "summary": shortened(summary),
        "indicator": indicator,
        "detail": "\n\n".join(filter(None, detail)),
        "source": origin,
        "overrideReasons": [
            {"code": code, "system": OUR_ANSWERS, "display": row.label} for code, row in reasons.items()
        ],
    }
    root = here.settings.public_address
    if root:
        from urllib.parse import quote

        page = f"{root.rstrip('/')}/patients/{quote(patient.mrn, safe='')}"
        card["links"] = [{"label": "Open in Myopanel", "url": page, "type": "absolute"}]
    return card


def _alert_cards(
    here: Current, session: Session, patient: Patient, today: dt.date
) -> Iterator[tuple[int, dict[str, Any]]]:
    """A card for each alert that asks for something now, in the order of the list, with its weight.

    What somebody has seen, put off, or what a more general alert covers, and what waits with many others that a version
    brought, is on the list and not in the way.
    """
    titles = {rule.key: rule.title for rule in all_rules()}
    for alert in asking_of(session, patient.id or 0, today):
        title = titles.get(alert["rule"], alert["rule"])
        first = re.split(r"(?<=\.)\s", alert["explanation"], maxsplit=1)[0]
        since = f"Since {alert['since'].isoformat()}." if alert["since"] else ""
        detail = [
            alert["explanation"],
            f"**Consider:** {alert['suggested_action']}" if alert["suggested_action"] else "",
            " ".join(filter(None, (since, f"Clears when {alert['clears_when']}." if alert["clears_when"] else ""))),
            f"*{PURPOSE}*",
        ]
        source = f"Myopanel: {title}, version {alert['rule_version']}"
        indicator = INDICATORS.get(alert["severity"], "info")
        card = _card(here, patient, f"alert-{alert['id']}", f"{title}: {first}", indicator, detail, source, "alert")
        yield IN_DANGER if alert["danger"] else _weight(card), card


def _suggestion_cards(here: Current, patient: Patient, today: dt.date) -> list[dict[str, Any]]:
    answer = suggest(here.engine, patient.mrn, today, None, here.settings.timezone)
    return [_suggestion_card(here, patient, "suggestion", one) for one in (*answer["safety"], *answer["suggestions"])]


def _suggestion_card(here: Current, patient: Patient, kind: str, one: Mapping[str, Any]) -> dict[str, Any]:
    """A suggestion as a card: its reason, options, cautions and sources. Never an order."""
    detail = [
        str(one["why"]),
        _listed("Because", [_fact(fact) for fact in one["because"]]),
        _listed("Options", [_option(option) for option in one["options"]]),
        _listed("Collect first", one["collect_first"]),
        _listed("Cautions", one["cautions"]),
        _listed("Sources", [_cited(source) for source in one["sources"]]),
        f"*{PURPOSE}*",
    ]
    sources = [source for source in one["sources"] if str(source["where"]).startswith("https://")]
    return _card(
        here,
        patient,
        f"{kind}-{patient.id}-{one['key']}",
        f"{one['title']}: {one['why']}" if one["why"] else str(one["title"]),
        INDICATORS.get(str(one["urgency"]), "info"),
        detail,
        f"Myopanel: {one['key']}, version {one['version']}",
        "suggestion",
        str(sources[0]["where"]) if sources else "",
    )


def _listed(title: str, items: Sequence[str]) -> str:
    return f"**{title}**\n" + "\n".join(f"- {item}" for item in items) if items else ""


def _fact(fact: Mapping[str, Any]) -> str:
    value = fact["value"]
    shown = f"{value:g}" if isinstance(value, (int, float)) else str(value or "")
    words = " ".join(filter(None, (str(fact["label"]), shown, written_unit(str(fact["unit"] or "")))))
    return f"{words} ({fact['date']})" if fact["date"] else words


def _option(option: Mapping[str, Any]) -> str:
    return " ".join(filter(None, (str(option["text"]), f"({option['dose']})" if option["dose"] else "")))


def _cited(source: Mapping[str, Any]) -> str:
    return ", ".join(str(part) for part in (source["title"], source["year"], source["where"], source["label"]) if part)


# --------------------------------------------------------------------------------------------------------------- orders


def _order_cards(
    here: Current, session: Session, patient: Patient, today: dt.date, context: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """What the suggestion files about safety and review say once the drafts are on file, where a draft is why."""
    drafts = _drafts(context)
    chosen = _selected(context, drafts)
    if not chosen:
        return
    (facts,) = read_patients(
        session.connection(),
        today,
        timezone=here.settings.timezone,
        patient_ids=[patient.id or 0],
        statuses=STATUSES,
    )
    selected = _add_drafts(facts, drafts, chosen)
    if not selected:
        return
    asked = ask(facts, thresholds_on(session, today))
    advice = advice_on(session, today, patient.id)
    chart = chart_of(facts, asked.answers)
    situation = situation_of(chart, advice.phenotype)
    for one in all_escalations():
        if one.kind not in LOOKED_AT:
            continue
        values = advice.escalations.get(one.key) or one.defaults()
        proposal = answer_of(one, situation, values)
        if isinstance(proposal, Proposal) and any(fact.id in selected for fact in proposal.because):
            yield _suggestion_card(here, patient, "order", Card(one, proposal, values).as_json(chart))


def _drafts(context: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    bundle = context.get("draftOrders")
    if not isinstance(bundle, dict) or not isinstance(bundle.get("entry", []), list):
        raise _Malformed("context.draftOrders must be a Bundle.")
    entries = [entry.get("resource") for entry in bundle.get("entry", []) if isinstance(entry, dict)]
    return [one for one in entries if isinstance(one, dict)]


def _selected(context: Mapping[str, Any], drafts: Sequence[Mapping[str, Any]]) -> list[bool]:
    """Which drafts were just selected; without that word, all of them."""
    selections = context.get("selections")
    if selections is None:
        return [True] * len(drafts)
    if not isinstance(selections, list) or not all(isinstance(one, str) for one in selections):
        raise _Malformed("context.selections must be a list of references.")
    wanted = {reference.rsplit("/", 1)[-1] for reference in selections}
    return [str(one.get("id")) in wanted for one in drafts]


def _add_drafts(facts: PatientFacts, drafts: Sequence[Mapping[str, Any]], chosen: Sequence[bool]) -> set[int]:
    """Add the drafts to the patient's facts as given today; returns the (negative) numbers of the selected ones.

    A draft's dose is not looked at: what does not go together does not in any dose. How often it would be taken is; an
    order that does not say is not taken for a daily one.
    """
    statements: list[Statement] = []
    happenings: list[Happening] = []
    selected: set[int] = set()
    number = 0
    for draft, is_chosen in zip(drafts, chosen, strict=True):
        kind = draft.get("resourceType")
        try:
            if kind == "MedicationRequest":
                for one in drafts_of(draft):
                    number -= 1
                    statements.append(_drafted(number, one, facts.today))
                    if is_chosen:
                        selected.add(number)
            elif kind in {"ServiceRequest", "Procedure"}:
                event = event_of(draft.get("code")).key
                number -= 1
                happenings.append(Happening(number, event, facts.today, None, True, "ordered"))
                if is_chosen:
                    selected.add(number)
        except Refused:
            # An order for something this program does not know sets off nothing here.
            continue
    facts.statements = [*facts.statements, *statements]
    facts.happenings = [*facts.happenings, *happenings]
    return selected


def _drafted(number: int, draft: Draft, today: int) -> Statement:
    known = vocabulary.drug(draft.drug)
    name = known.key if known else draft.drug.lower()
    return Statement(number, name, None, "mg", draft.frequency, "", today, None, "daily", "active")


# ------------------------------------------------------------------------------------------------------------- feedback


def _feedback(here: Current, service: Mapping[str, Any], sent: Mapping[str, Any]) -> dict[str, Any]:
    """Put on record what became of cards; all of them or none. What is sent again is taken once.

    Feedback is not an acknowledgement: the machine that carries it may not act on an alert.
    """
    told = sent.get("feedback")
    if not isinstance(told, list) or not all(isinstance(one, dict) for one in told):
        raise _Malformed("Send {feedback: [...]}.")
    try:
        with writing(here.engine) as session:
            for one in told:
                _keep(here, session, one)
    except MyopanelError as error:
        raise _Malformed(str(error)) from error
    return {}


def _keep(here: Current, session: Session, one: Mapping[str, Any]) -> None:
    result, uuid = one.get("outcome"), one.get("card")
    if result not in {"accepted", "overridden"}:
        raise _Malformed("outcome is accepted or overridden.")
    given = one.get("overrideReason")
    given = given if isinstance(given, dict) else {}
    reason = given.get("reason")
    code = str(reason.get("code") or "") if isinstance(reason, dict) else ""
    comment = given.get("userComment")
    note = comment[:2000] if isinstance(comment, str) and comment.strip() else None
    if code and code not in vocabulary.answers():
        raise _Malformed("overrideReason.reason.code is none of the card's.")
    alert: Alert | None = None
    alert_card, suggestion_card = _ALERT.fullmatch(str(uuid)), _SUGGESTION.fullmatch(str(uuid))
    if alert_card is not None:
        alert = session.get(Alert, int(alert_card[1]))
        if alert is None:
            raise _Malformed("There is no such card.")
        patient_id, what = alert.patient_id, alert.rule
    elif suggestion_card is not None:
        patient_id, what = int(suggestion_card[1]), suggestion_card[2]
        known = any(entry.key == what for entry in all_escalations())
        if not known or session.get(Patient, patient_id) is None:
            raise _Malformed("There is no such card.")
    else:
        raise _Malformed("There is no such card.")
    # The same card may be answered anew: another moment of the answer, or another day, makes another answer.
    when = one.get("outcomeTimestamp") or here.today.isoformat()
    said = orjson.dumps([uuid, result, one.get("acceptedSuggestions"), given, when], option=orjson.OPT_SORT_KEYS)
    if not first_time(session, "feedback", here.user.name, said.decode(), now=here.now):
        return
    if alert is not None:
        record(session, alert, f"card {result}", here.user.name, here.now, reason=code or None, note=note)
    detail = f"{what}: {result}" + (f" ({code})" if code else "")
    audit(session, here.user.name, "CDS Hooks feedback", now=here.now, patient_id=patient_id, detail=detail)
