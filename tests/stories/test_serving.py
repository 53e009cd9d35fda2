"""The web server as a process: what a stranger may see, what `/health` says, how the demonstration starts and stops."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import PATIENCE
from tests.stories.conftest import Clinic, cmas

pytestmark = [pytest.mark.serial, pytest.mark.slow]
COMMAND = str(Path(sys.executable).parent / "myopanel")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)


def _get(url: str, *, body: bytes | None = None, **headers: str) -> tuple[int, str, str]:
    """Status, where it sends one on to, and text; redirects are not followed."""
    request = urllib.request.Request(url, data=body, headers={k.replace("_", "-"): v for k, v in headers.items()})  # noqa: S310
    try:
        with _opener.open(request, timeout=PATIENCE) as answer:
            return answer.status, "", answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers.get("Location", ""), error.read().decode()


@contextmanager
def _running(*arguments: str, env: dict[str, str], folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("MYOPANEL_")}
    said = folder / "said.txt"
    with said.open("w", encoding="utf-8") as out, (folder / "errors.txt").open("w", encoding="utf-8") as err:
        process = subprocess.Popen(
            [COMMAND, *arguments], env=clean | env, cwd=folder, stdout=out, stderr=err, text=True
        )
    try:
        address = None
        for _ in range(PATIENCE * 10):
            found = re.search(r"http://127\.0\.0\.1:\d+/", said.read_text(encoding="utf-8"))
            if found:
                address = found[0]
                break
            assert process.poll() is None, (folder / "errors.txt").read_text(encoding="utf-8")
            time.sleep(0.1)
        assert address, "no address was printed"
        yield process, address
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(timeout=PATIENCE)


def test_a_stranger_sees_health_and_the_sign_in_and_nothing_else(
    clinic: Clinic, free_port: int, tmp_path: Path
) -> None:
    clinic.load(
        patients=[{"mrn": "S3CRET", "family_name": "Unmistakable"}],
        observations=[cmas("S3CRET", 27, -14), cmas("S3CRET", 20)],
    )
    clinic.evaluate(0)
    token = clinic("user", "add", "robot", "--role", "service").stdout.split()[-1]
    env = clinic.env | {"MYOPANEL_PORT": str(free_port)}
    with _running("serve", "--no-scheduler", env=env, folder=tmp_path) as (process, address):
        status, _, text = _get(address + "health")
        told = json.loads(text)
        assert status == 200
        assert {"status", "version", "jobs"} <= set(told)
        assert "evaluate" in {job["key"] for job in told["jobs"]}
        assert all("last_run" in job for job in told["jobs"])
        for path in (
            "", "patients/S3CRET", "alerts", "labs-due", "rules", "imports", "jobs", "users", "account", "_dash-layout",
            "_dash-dependencies", "_dash-update-component", "fhir/R4/Patient", "cds-services", "metrics", "nowhere",
        ):  # fmt: skip
            for headers in ({}, {"Authorization": "Bearer nonsense"}):
                status, location, text = _get(address + path, **headers)
                assert status in {302, 303, 401, 403, 404, 405}, f"/{path} answers {status}"
                assert "Unmistakable" not in text
                assert status not in {302, 303} or "sign" in location or "login" in location
        status, _, text = _get(address + "_dash-update-component", body=b"{}", Content_Type="application/json")
        assert status in {302, 303, 400, 401, 403}
        # A machine's token opens no page.
        status, _, text = _get(address + "patients/S3CRET", Authorization=f"Bearer {token}")
        assert status in {302, 303, 401, 403}
        assert "Unmistakable" not in text
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=PATIENCE) == 0


def test_health_turns_503_when_a_job_is_late(clinic: Clinic, free_port: int, tmp_path: Path) -> None:
    clinic.people("1")
    database = clinic.env["MYOPANEL_DATABASE_URL"].removeprefix("sqlite:///")
    with sqlite3.connect(database) as connection:
        # As if the first import had been three days ago, and nothing ran since.
        connection.execute("UPDATE import_batch SET started_at = datetime(started_at, '-3 days')")
    connection.close()
    env = clinic.env | {"MYOPANEL_PORT": str(free_port)}
    with _running("serve", "--no-scheduler", env=env, folder=tmp_path) as (_, address):
        status, _, text = _get(address + "health")
        assert (status, json.loads(text)["status"]) == (503, "late")
        assert any(job["late"] for job in json.loads(text)["jobs"])


@pytest.mark.anyday
def test_serving_runs_the_scheduler_and_evaluates_by_itself(clinic: Clinic, free_port: int, tmp_path: Path) -> None:
    clinic.people("1")
    with _running("serve", env=clinic.env | {"MYOPANEL_PORT": str(free_port)}, folder=tmp_path) as (_, address):
        for _ in range(PATIENCE * 5):
            told = json.loads(_get(address + "health")[2])
            if told["evaluated_at"]:
                break
            time.sleep(0.2)
        assert told["evaluated_at"], told
        assert told["scheduler"]["alive"]


def test_the_demonstration_prints_its_address_and_sign_ins_and_leaves_a_configured_database_alone(
    free_port: int, tmp_path: Path
) -> None:
    mine = tmp_path / "mine.db"
    env = {"MYOPANEL_DATABASE_URL": f"sqlite:///{mine}"}
    with _running("demo", "--patients", "5", "--port", str(free_port), env=env, folder=tmp_path) as (_, address):
        assert address == f"http://127.0.0.1:{free_port}/"
        for _ in range(PATIENCE * 10):  # the sign-ins are printed after the address
            said = (tmp_path / "said.txt").read_text(encoding="utf-8")
            if "Password" in said and {"nora", "paul", "ada", "vera"} <= set(said.split()):
                break
            time.sleep(0.1)
        assert {"nora", "paul", "ada", "vera"} <= set(said.split())
        assert "Password" in said
        assert _get(address + "health")[0] == 200
        assert _get(address)[0] in {302, 303, 401}
    assert not mine.exists()


def test_a_port_that_is_taken_is_said_in_a_sentence(
    clinic: Clinic, run_cli: Callable[..., Any], free_port: int, tmp_path: Path
) -> None:
    env = clinic.env | {"MYOPANEL_PORT": str(free_port)}
    with _running("serve", "--no-scheduler", env=env, folder=tmp_path) as (_, address):
        assert _get(address + "health")[0] == 200
        done = run_cli("serve", "--no-scheduler", env=env)
        assert done.code == 2
        assert str(free_port) in done.stderr
        assert "Traceback" not in done.stderr
