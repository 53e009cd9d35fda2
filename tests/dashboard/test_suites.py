"""The libraries of the pages: compressed once, the same as on the disk, and kept by the browser for good."""

import gzip
import re
from pathlib import Path
from typing import Any

import brotli
import pytest

from tests.dashboard.conftest import Clinic

GRAPH = "/_dash-component-suites/dash/dcc/async-graph.js"


def libraries(clinic: Clinic) -> list[str]:
    """Addresses of the scripts in a page."""
    return re.findall(r'src="(/_dash-component-suites/[^"]+)"', clinic.client("nora").get("/").text)


def asked(clinic: Clinic, address: str, coding: str, **headers: str) -> Any:
    return clinic.client().get(address, headers={"Accept-Encoding": coding, **headers})


@pytest.mark.parametrize(("coding", "plain"), [("br", brotli.decompress), ("gzip", gzip.decompress)])
def test_a_library_is_the_file_on_the_disk_each_time(clinic: Clinic, coding: str, plain: Any) -> None:
    import dash

    wanted = (Path(dash.__file__).parent / "dcc" / "async-graph.js").read_bytes()
    for _ in range(2):
        answer = asked(clinic, GRAPH, coding)
        assert answer.headers["Content-Encoding"] == coding
        assert answer.headers["Vary"] == "Accept-Encoding"
        assert answer.mimetype == "text/javascript"
        assert plain(answer.data) == wanted
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert clinic.client().get(GRAPH).data == wanted


def test_a_library_whose_address_tells_its_version_is_never_asked_for_again(clinic: Clinic) -> None:
    for address in libraries(clinic):
        answer = asked(clinic, address, "gzip, br")
        assert answer.status_code == 200, address
        assert answer.headers["Cache-Control"] == "max-age=31536000, immutable"
    style = re.search(r'href="(/assets/myopanel\.css\?m=[^"]+)"', clinic.client("nora").get("/").text)
    assert style
    assert asked(clinic, style[1], "br").headers["Cache-Control"] == "max-age=31536000, immutable"


def test_one_without_a_version_is_asked_for_again_and_not_sent_again(clinic: Clinic) -> None:
    first = asked(clinic, GRAPH, "br")
    assert "immutable" not in first.headers.get("Cache-Control", "")
    again = asked(clinic, GRAPH, "br", **{"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_the_first_visitor_finds_everything_ready_and_nobody_has_been_there(
    filled: Clinic, caplog: pytest.LogCaptureFixture
) -> None:
    from sqlmodel import select

    from dashboard.app import warm
    from models.database import reading
    from models.user import AuditEvent

    def noted() -> int:
        with reading(filled.engine) as session:
            return len(session.exec(select(AuditEvent)).all())

    before = noted()
    warm(filled.app)
    assert noted() == before
    assert not [record for record in caplog.records if record.levelname in {"WARNING", "ERROR"}]
    assert filled.client().get("/panel/rows").status_code == 401


def test_only_files_of_the_libraries_are_served(clinic: Clinic) -> None:
    for address in ("/_dash-component-suites/dash/dcc/none.js", "/_dash-component-suites/dash/../dash/dash.py"):
        assert asked(clinic, address, "br").status_code >= 400


def test_a_page_tells_the_browser_at_once_what_it_will_need(clinic: Clinic) -> None:
    client = clinic.client("nora")

    def ahead(path: str) -> list[str]:
        return re.findall(r'rel="preload"[^>]* href="([^"]+)"', client.get(path).text)

    assert [one.rsplit("/", 1)[1] for one in ahead("/patients/77")] == ["async-graph.js", "plotly.min.js"]
    assert [one.rsplit("/", 1)[1] for one in ahead("/")] == ["async-community.js"]
    assert ahead("/rules") == []
    for address in (*ahead("/"), *ahead("/patients/77")):
        assert asked(clinic, address, "br").status_code == 200
