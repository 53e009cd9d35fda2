"""To take over a Bundle that a machine sends: what became of each entry, in the order in which they were sent."""

from collections.abc import Sequence

import flask
import orjson

from dashboard.api.fhir.resources import Refusal, Resource, instant, issue, outcome
from dashboard.secure import Current
from jobs import evaluation
from jobs.importers.fhir_r4 import (
    Content,
    sheets_of,
)
from jobs.importers.load import ImportReport, Reject, import_sources
from models.accounts import audit
from models.database import writing
from models.errors import UsageError


def take_over_bundle(here: Current) -> tuple[Resource, int]:
    """Import a Bundle. A transaction is taken over whole or not at all; anything else entry by entry."""
    request = flask.request
    if "xml" in (request.mimetype or ""):
        raise Refusal(415, "not-supported", "XML is not read here; send JSON.")
    try:
        sent = orjson.loads(request.get_data())
    except orjson.JSONDecodeError as error:
        raise Refusal(400, "structure", f"This is not JSON: {error}.") from error
    if not isinstance(sent, dict) or sent.get("resourceType") != "Bundle":
        raise Refusal(400, "invalid", "Send a Bundle.")
    entries = sent.get("entry", [])
    if not isinstance(entries, list):
        raise Refusal(400, "structure", "Bundle.entry must be a list.")
    for place, entry in enumerate(entries):
        inside = entry.get("resource") if isinstance(entry, dict) else None
        if isinstance(inside, dict) and inside.get("resourceType") == "Bundle":
            raise Refusal(400, "not-supported", f"Bundle.entry[{place}] is a bundle itself; send its entries.")
    whole = sent.get("type") == "transaction"
    became: dict[int, list[str]] = {}
    if whole:
        trial = _import(here, sent, became, dry_run=True)
        not_whole = [*trial.refused, *trial.waits]
        if not_whole:
            with writing(here.engine) as session:
                detail = f"{len(not_whole)} of {trial.total.read} rows not readable"
                audit(session, here.user.name, "import refused", now=here.now, detail=detail)
            raise Refusal(422, "processing", "", [_issue_of(reject) for reject in not_whole])
        became.clear()
    report = _import(here, sent, became, dry_run=False)
    with writing(here.engine) as session:
        audit(session, here.user.name, "import", now=here.now, detail=f"batch {report.batch_id}")
    evaluation.follow(here.engine, timezone=here.settings.timezone, now=here.now)
    reasons: dict[int, list[Resource]] = {}
    for reject in report.refused:
        reasons.setdefault(reject.line, []).append(_issue_of(reject))
    waits: dict[int, list[Resource]] = {}
    for reject in report.waits:
        waits.setdefault(reject.line, []).append(_issue_of(reject, severity="information"))
    answer = "transaction-response" if whole else "batch-response"
    return {
        "resourceType": "Bundle",
        "type": answer,
        "extension": [
            {"url": f"urn:myopanel:import:{name}", "valueInteger": getattr(report.total, name)}
            for name in ("read", "created", "updated", "unchanged", "waiting", "rejected")
        ],
        "entry": [
            {"response": _response_of(here, became.get(line, []), reasons.get(line, []), waits.get(line, []))}
            for line in range(1, len(entries) + 1)
        ],
    }, 200


def _import(here: Current, sent: Resource, became: dict[int, list[str]], *, dry_run: bool) -> ImportReport:
    def follow(_file: str, line: int, what: str) -> None:
        became.setdefault(line, []).append(what)

    try:
        sheets, warnings = sheets_of(
            [Content("Bundle", message=sent)],
            here.settings.timezone,
            references_are_numbers=True,
            sender=f"fhir:{here.user.name}",
        )
        return import_sources(
            here.engine,
            sheets,
            format="fhir",
            name="FHIR Bundle",
            timezone=here.settings.timezone,
            by=here.user.name,
            now=here.now,
            dry_run=dry_run,
            warnings=warnings,
            follow=follow,
        )
    except UsageError as error:
        raise Refusal(400, "structure", str(error)) from error


def _issue_of(reject: Reject, *, severity: str = "error") -> Resource:
    path = reject.column.partition(".")[2]
    expression = f"Bundle.entry[{reject.line - 1}]" + (f".resource.{path}" if path else "")
    return issue("processing", reject.why, expression=expression, severity=severity)


def _response_of(
    here: Current, became: Sequence[str], reasons: Sequence[Resource], waits: Sequence[Resource]
) -> Resource:
    made: Resource = {"lastModified": instant(here.now)}
    if reasons:
        return made | {"status": "422 Unprocessable Entity", "outcome": outcome(reasons)}
    if not became:
        note = issue("informational", "This resource holds no fact for this clinic.", severity="information")
        return made | {"status": "200 OK", "outcome": outcome([note])}
    if "waiting" in became:
        note = issue("informational", "Kept until somebody decides what it means.", severity="information")
        return made | {"status": "202 Accepted", "outcome": outcome([note, *waits])}
    if "created" in became:
        return made | {"status": "201 Created"}
    if "updated" in became:
        return made | {"status": "200 OK"}
    note = issue("informational", "Nothing new: it was known already.", severity="information")
    return made | {"status": "200 OK", "outcome": outcome([note])}
