"""FHIR R4: patients, results, treatments and alerts to read and search; a Bundle of facts to take over.

What is served are current facts in canonical units. A resource keeps its id through corrections: it is that of the
first version. An unknown search parameter is refused rather than ignored, because ignoring a filter shows more than was
asked for. Reading a patient is on record, as on the pages.
"""

import logging
from collections.abc import Callable

import flask
import orjson
import sqlalchemy as sa
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from dashboard.api.fhir.bundle import take_over_bundle
from dashboard.api.fhir.resources import BASE, MIME, Refusal, Resource, issue, outcome
from dashboard.api.fhir.search import capability_statement, read_one, search
from dashboard.secure import READERS, Current, SecureDash, current, roles

log = logging.getLogger(__name__)


def register(app: SecureDash) -> None:
    """The routes. People may read with their session; only a machine may send."""
    server = app.server

    @server.get(f"{BASE}/metadata")
    @roles("service", *READERS)
    def capability() -> ResponseReturnValue:
        return _answered(lambda here: (capability_statement(here), 200))

    @server.get(f"{BASE}/<kind>")
    @roles("service", *READERS)
    def search_type(kind: str) -> ResponseReturnValue:
        return _answered(lambda here: (search(here, kind), 200))

    @server.get(f"{BASE}/<kind>/<resource_id>")
    @roles("service", *READERS)
    def read(kind: str, resource_id: str) -> ResponseReturnValue:
        return _answered(lambda here: (read_one(here, kind, resource_id), 200))

    @server.post(BASE)
    @server.post(f"{BASE}/")
    @roles("service")
    def take_over() -> ResponseReturnValue:
        return _answered(take_over_bundle)


def _answered(make: Callable[[Current], tuple[Resource, int]]) -> flask.Response:
    """What was made, or an OperationOutcome that says why not; never a page of HTML."""
    try:
        body, status = make(current())
    except Refusal as refused:
        body, status = outcome(refused.issues), refused.status
    except HTTPException as error:
        if error.code in {401, 403}:
            raise
        body, status = outcome([issue("processing", error.description or error.name)]), error.code or 400
    except sa.exc.OperationalError as error:
        log.warning("a FHIR request met a busy database: %s", type(error.orig).__name__)
        body, status = outcome([issue("transient", "The database is busy; send it again.")]), 503
    response = flask.Response(orjson.dumps(body), status, mimetype=MIME)
    if status == 503:
        response.headers["Retry-After"] = "30"
    return response
