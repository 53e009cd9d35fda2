"""`GET /health`: is the clinic being watched? Open to everybody, so it says nothing about any patient."""

import json

import flask

from dashboard.secure import SecureDash, public
from jobs.health import health


def register(app: SecureDash) -> None:
    """Add the route."""

    @app.server.get("/health")
    @public
    def show_health() -> flask.Response:
        """Status, version and the last run of each job; 503 when a job is late or failed."""
        state = health(app.engine, app.settings, flask.g.now)
        healthy = state["status"] in {"ok", "starting"}
        return flask.Response(json.dumps(state, default=str), 200 if healthy else 503, mimetype="application/json")
