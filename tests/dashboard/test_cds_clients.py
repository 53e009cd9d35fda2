"""A health record that signs its requests, and a browser page of it: who is admitted to the CDS services."""

import hmac
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from jwt.utils import base64url_encode
from sqlmodel import Session, select

from dashboard.api.cds_hooks import PATIENT_VIEW
from dashboard.cds_clients import MOST_PLACES
from models.errors import SettingsError
from models.settings import Settings, read_settings
from models.user import AuditEvent
from tests.dashboard.conftest import NOW, TOKEN, Clinic, Clock, fill
from tests.web_server import web_server

HOME = "https://myopanel.example.org"
SITE = "https://ehr.example.org"
SERVICE = f"/cds-services/{PATIENT_VIEW}"

CURVE = ec.generate_private_key(ec.SECP384R1())
MODULUS = rsa.generate_private_key(public_exponent=65537, key_size=2048)
STRANGER = ec.generate_private_key(ec.SECP384R1())


def public(key: Any, kid: str, **more: str) -> dict[str, Any]:
    algorithm = ECAlgorithm if isinstance(key, ec.EllipticCurvePrivateKey) else RSAAlgorithm
    return json.loads(algorithm.to_jwk(key.public_key())) | {"kid": kid, "use": "sig", **more}


@dataclass
class Issuer:
    """A health record that publishes its keys, and how often it was asked for them."""

    address: str = ""
    keys: list[dict[str, Any]] = field(default_factory=lambda: [public(CURVE, "ec"), public(MODULUS, "rsa")])
    asked: list[str] = field(default_factory=list)

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
        path = environ["PATH_INFO"]
        self.asked.append(path)
        if path == "/elsewhere.json":
            start("302 Found", [("Location", f"{self.address}/.well-known/jwks.json")])
            return [b""]
        start("200 OK", [("Content-Type", "application/json")])
        return [json.dumps({"keys": self.keys}).encode()]


@pytest.fixture(scope="module")
def published() -> Iterator[Issuer]:
    issuer = Issuer()
    with web_server(issuer, threads=1) as address:
        issuer.address = address
        yield issuer


@pytest.fixture
def issuer(published: Issuer) -> Issuer:
    published.asked.clear()
    published.keys = Issuer().keys
    return published


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def application(
    staffed_template: Path, tmp_path_factory: pytest.TempPathFactory, published: Issuer, clock: Clock
) -> Iterator[Clinic]:
    """One application for the module: making it is what takes time."""
    from dashboard.app import create_app
    from models.database import engine_for, writing

    folder = tmp_path_factory.mktemp("cds")
    path = folder / "myopanel.db"
    shutil.copyfile(staffed_template, path)
    pinned = folder / "keys.json"
    pinned.write_text(json.dumps({"keys": [public(CURVE, "ec")]}))
    engine = engine_for(f"sqlite:///{path}")
    settings = Settings(
        database_url=f"sqlite:///{path}",
        secret_key="0123456789abcdefghijklmnopqrstuvwxyz",
        public_address=HOME + "/",
        cds_issuers=f"{published.address}, urn:pinned={pinned}",
        cors_origins=f"{SITE}, https://other.example.org/",
    )
    clinic = Clinic(create_app(settings, engine, clock=clock), engine, clock)
    with writing(engine) as session:
        clinic.patients.update(fill(session))
    yield clinic
    engine.dispose()


@pytest.fixture
def clinic(application: Clinic) -> Clinic:
    """Each test is an hour later, so that what was asked before has been forgotten."""
    application.clock.forward(hours=1)
    return application


_numbers = iter(range(10_000))


def claims(clinic: Clinic, issuer: str, **more: Any) -> dict[str, Any]:
    now = int(clinic.clock.now.timestamp())
    mine = {"iss": issuer, "aud": HOME + SERVICE, "iat": now, "exp": now + 300, "jti": f"number-{next(_numbers)}"}
    return {name: value for name, value in (mine | more).items() if value is not None}


def signed(
    said: dict[str, Any], key: Any = CURVE, algorithm: str = "ES384", kid: str | None = "ec", **header: Any
) -> str:
    return jwt.encode(said, key, algorithm, headers=({"kid": kid} if kid else {}) | header)


def ask(clinic: Clinic, token: str, path: str = SERVICE, **headers: str) -> Any:
    body = {"hook": "patient-view", "hookInstance": "i", "context": {"userId": "u", "patientId": "0012"}}
    headers["Authorization"] = f"Bearer {token}"
    return clinic.client().post(path, json=body, headers=headers)


def why(answer: Any) -> str:
    assert answer.status_code == 401, answer.text
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    return str(answer.text)


@pytest.mark.parametrize(
    ("key", "algorithm", "kid"), [(CURVE, "ES384", "ec"), (MODULUS, "RS384", "rsa"), (MODULUS, "PS384", "rsa")]
)
def test_a_token_signed_by_a_configured_issuer_gets_cards_and_stands_in_the_audit_trail(
    clinic: Clinic, issuer: Issuer, key: Any, algorithm: str, kid: str
) -> None:
    answer = ask(clinic, signed(claims(clinic, issuer.address), key, algorithm, kid))
    assert answer.status_code == 200, answer.text
    assert answer.json["cards"]
    with Session(clinic.engine) as session:
        by = session.exec(select(AuditEvent.by).where(AuditEvent.action == "read patient")).all()
    assert f"cds:{issuer.address}" in by


def test_the_token_of_a_service_account_is_admitted_as_before(clinic: Clinic) -> None:
    assert ask(clinic, TOKEN).status_code == 200


@pytest.mark.parametrize("audience", [HOME, HOME + "/cds-services", [HOME + SERVICE, "https://other.example.org"]])
def test_the_audience_is_the_called_service_or_all_of_ours(clinic: Clinic, issuer: Issuer, audience: Any) -> None:
    assert ask(clinic, signed(claims(clinic, issuer.address, aud=audience))).status_code == 200


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"iss": "https://stranger.example.org"}, "not one of MYOPANEL_CDS_ISSUERS"),
        ({"iss": None}, "no issuer"),
        ({"aud": "https://other.example.org"}, "another address"),
        ({"aud": HOME + "/cds-services/myopanel-order-select"}, "another address"),
        ({"aud": None}, "another address"),
        ({"exp": NOW.timestamp() - 3600}, "is over"),
        ({"exp": None}, "no exp"),
        ({"exp": "soon"}, "no exp"),
        ({"exp": 1e18}, "no time"),
        ({"exp": 4102444800}, "more than an hour"),
        ({"iat": 4102444800}, "a time to come"),
        ({"iat": None}, "no iat"),
        ({"nbf": 4102444800}, "does not hold yet"),
        ({"jti": None}, "no number of its own"),
        ({"jti": 5}, "no number of its own"),
    ],
)
def test_a_token_that_says_too_little_or_for_somebody_else_is_refused_with_the_reason(
    clinic: Clinic, issuer: Issuer, more: dict[str, Any], told: str
) -> None:
    assert told in why(ask(clinic, _encoded(claims(clinic, issuer.address, **more))))


def _encoded(said: dict[str, Any]) -> str:
    """Signed without a look at what is signed: the library refuses to write some of it."""
    return jwt.api_jws.encode(json.dumps(said).encode(), CURVE, "ES384", headers={"kid": "ec", "typ": "JWT"})


def test_a_token_admits_one_request(clinic: Clinic, issuer: Issuer) -> None:
    token = signed(claims(clinic, issuer.address))
    assert ask(clinic, token).status_code == 200
    assert "has been used" in why(ask(clinic, token))
    clinic.clock.forward(minutes=10)
    assert "is over" in why(ask(clinic, token))


def test_a_signature_that_is_not_the_issuers_is_refused(clinic: Clinic, issuer: Issuer) -> None:
    said = claims(clinic, issuer.address)
    assert "signature" in why(ask(clinic, signed(said, STRANGER)))
    assert "no such key" in why(ask(clinic, signed(said, kid="unknown")))
    header, body, signature = signed(said).split(".")
    forged = signed(said | {"jti": "forged"}).split(".")[1]
    assert "signature" in why(ask(clinic, f"{header}.{forged}.{signature}"))
    assert ask(clinic, f"{header}.{body}.{signature}").status_code == 200, "what was refused used nothing up"


def with_a_secret(said: dict[str, Any], secret: bytes) -> str:
    """Written by hand: the library does not sign with what is no secret."""
    parts = [json.dumps(part).encode() for part in ({"alg": "HS256", "kid": "ec"}, said)]
    text = b".".join(base64url_encode(part) for part in parts)
    return (text + b"." + base64url_encode(hmac.digest(secret, text, "sha256"))).decode()


def test_no_shared_secret_and_no_unsigned_token_is_taken_for_a_signature(clinic: Clinic, issuer: Issuer) -> None:
    said = claims(clinic, issuer.address)
    assert "not signed with" in why(ask(clinic, jwt.encode(said, None, "none", headers={"kid": "ec"})))
    # The public key, known to everybody, as if it were a secret.
    text = json.dumps(public(CURVE, "ec")).encode()
    assert "not signed with" in why(ask(clinic, with_a_secret(said, text)))
    assert "no JSON Web Token" in why(ask(clinic, "eyJ.eyJ.x"))
    assert "signature" in why(ask(clinic, signed(said, MODULUS, "RS384", kid="ec"))), "a key of another kind"


def test_a_key_for_another_algorithm_or_for_encryption_is_not_taken(clinic: Clinic, issuer: Issuer) -> None:
    issuer.keys = [public(MODULUS, "rsa", alg="RS512"), public(CURVE, "ec", use="enc"), {"kty": "EC", "crv": "odd"}]
    assert "something else" in why(ask(clinic, signed(claims(clinic, issuer.address), MODULUS, "RS384", "rsa")))
    assert "something else" in why(ask(clinic, signed(claims(clinic, issuer.address))))
    assert ask(clinic, signed(claims(clinic, issuer.address), MODULUS, "RS512", "rsa")).status_code == 200


def test_keys_are_asked_for_only_below_the_issuers_own_address_and_not_for_every_token(
    clinic: Clinic, issuer: Issuer
) -> None:
    said = claims(clinic, issuer.address)
    for place in (
        "https://stranger.example.org/jwks.json",
        issuer.address + ".example.org/k",
        "file:///etc/passwd",
        "",
    ):
        assert "not at an address of the issuer" in why(ask(clinic, signed(said, jku=place)))
    assert issuer.asked == []
    assert "cannot be read" in why(ask(clinic, signed(said, jku=f"{issuer.address}/elsewhere.json")))
    assert issuer.asked == ["/elsewhere.json"], "it is not followed to another place"
    assert ask(clinic, signed(said, jku=f"{issuer.address}/own.json")).status_code == 200
    for _ in range(3):
        assert ask(clinic, signed(claims(clinic, issuer.address), jku=f"{issuer.address}/own.json")).status_code == 200
        assert "no such key" in why(ask(clinic, signed(said, kid="x", jku=f"{issuer.address}/own.json")))
    assert issuer.asked == ["/elsewhere.json", "/own.json"]
    for number in range(MOST_PLACES + 3):
        ask(clinic, signed(claims(clinic, issuer.address), kid="x", jku=f"{issuer.address}/{number}.json"))
    assert len(issuer.asked) <= 2 + MOST_PLACES


def test_a_new_key_of_the_issuer_is_found_after_a_minute(clinic: Clinic, issuer: Issuer) -> None:
    assert ask(clinic, signed(claims(clinic, issuer.address))).status_code == 200
    issuer.keys = [public(STRANGER, "new")]
    assert "no such key" in why(ask(clinic, signed(claims(clinic, issuer.address), STRANGER, kid="new")))
    clinic.clock.forward(minutes=2)
    assert ask(clinic, signed(claims(clinic, issuer.address), STRANGER, kid="new")).status_code == 200


def test_keys_kept_in_a_file_admit_an_issuer_that_has_no_address(clinic: Clinic) -> None:
    assert ask(clinic, signed(claims(clinic, "urn:pinned"))).status_code == 200
    assert ask(clinic, signed(claims(clinic, "urn:pinned"), kid=None)).status_code == 200, "the only key there is"
    assert "signature" in why(ask(clinic, signed(claims(clinic, "urn:pinned"), STRANGER)))


def test_a_signed_token_reaches_the_cds_services_and_nothing_else(clinic: Clinic, issuer: Issuer) -> None:
    for path in ("/fhir/R4/Patient", "/metrics", "/patients/0012", "/alerts"):
        headers = {"Authorization": "Bearer " + signed(claims(clinic, issuer.address, aud=HOME))}
        assert clinic.client().get(path, headers=headers).status_code in {302, 401, 403}
    headers = {"Authorization": "Bearer " + signed(claims(clinic, issuer.address, aud=HOME + "/cds-services"))}
    assert clinic.client().get("/cds-services", headers=headers).status_code == 200
    told = {"feedback": [{"card": f"alert-{clinic.alert_ids()[0]}", "outcome": "accepted"}]}
    headers = {"Authorization": "Bearer " + signed(claims(clinic, issuer.address))}
    assert clinic.client().post(f"{SERVICE}/feedback", json=told, headers=headers).status_code == 200


# ------------------------------------------------------------------------------------------------------------- browsers


def asked_first(clinic: Clinic, origin: str, path: str = SERVICE) -> Any:
    return clinic.client().options(path, headers={"Origin": origin, "Access-Control-Request-Method": "POST"})


@pytest.mark.parametrize("path", ["/cds-services", SERVICE, SERVICE + "/feedback"])
def test_a_page_of_a_configured_site_may_call_and_read_the_answer(clinic: Clinic, path: str) -> None:
    answer = asked_first(clinic, SITE, path)
    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == SITE
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert "Origin" in answer.headers["Vary"]
    told = ask(clinic, TOKEN, Origin=SITE)
    assert (told.status_code, told.headers["Access-Control-Allow-Origin"]) == (200, SITE)
    refused = ask(clinic, "nonsense", Origin=SITE)
    assert (refused.status_code, refused.headers["Access-Control-Allow-Origin"]) == (401, SITE)


@pytest.mark.parametrize(
    "origin", ["https://stranger.example.org", "null", SITE + ".evil.org", "http://ehr.example.org"]
)
def test_a_page_of_any_other_site_may_not(clinic: Clinic, origin: str) -> None:
    answer = asked_first(clinic, origin)
    assert answer.status_code == 403
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert "Access-Control-Allow-Origin" not in ask(clinic, TOKEN, Origin=origin).headers


def test_only_the_cds_services_are_open_to_pages_of_other_sites(clinic: Clinic) -> None:
    for path in ("/fhir/R4/Patient", "/metrics", "/cds-services-of-somebody"):
        answer = asked_first(clinic, SITE, path)
        assert answer.status_code != 204
        assert "Access-Control-Allow-Origin" not in answer.headers


# ------------------------------------------------------------------------------------------------------------- settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CDS_ISSUERS", "http://ehr.example.org"),
        ("CDS_ISSUERS", "urn:ehr"),
        ("CDS_ISSUERS", "urn:ehr=http://ehr.example.org/keys"),
        ("CORS_ORIGINS", "*"),
        ("CORS_ORIGINS", "https://*.example.org"),
        ("CORS_ORIGINS", "null"),
        ("CORS_ORIGINS", "https://ehr.example.org/path"),
    ],
)
def test_an_unsafe_setting_is_refused_at_the_start(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"MYOPANEL_{name}", value)
    with pytest.raises(SettingsError, match=name):
        read_settings()


def test_issuers_may_hold_an_equals_sign_and_say_where_their_keys_are() -> None:
    text = "https://a.example.org?x=1=https://keys.example.org/a.json https://b.example.org,urn:c=/etc/c.json"
    assert Settings(cds_issuers=text).cds_issuers_by_name() == {
        "https://a.example.org?x=1": "https://keys.example.org/a.json", "https://b.example.org": "",
        "urn:c": "/etc/c.json",
    }  # fmt: skip
