"""Every setting, one class, each field with its meaning. Unsafe values are refused at start, not discovered later."""

import os
import re
import secrets
from functools import lru_cache
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from models.errors import SettingsError

SHORTEST_SECRET = 32


def _listed(text: str) -> list[str]:
    return [one for one in re.split(r"[\s,]+", text) if one]


def _issuers(text: str) -> dict[str, str]:
    """`ISSUER` or `ISSUER=PLACE`; an issuer may hold an equals sign itself."""
    found = {}
    for one in _listed(text):
        parts = re.fullmatch(r"(.+?)=((?:https?://|\.{0,2}/).+)", one)
        found[parts[1] if parts else one] = parts[2] if parts else ""
    return found


class Settings(BaseSettings):
    """Read from the environment (prefix `MYOPANEL_`). `myopanel serve` prints the public ones at start."""

    model_config = SettingsConfigDict(env_prefix="MYOPANEL_", extra="ignore")

    database_url: str = Field("sqlite:///myopanel.db", description="Any SQLAlchemy URL; PostgreSQL through psycopg 3.")
    timezone: str = Field("UTC", description="The clinic's zone (IANA name); clinical dates are dates in it.")
    host: str = Field("127.0.0.1", description="Address the web server listens on.")
    port: int = Field(8050, ge=1, le=65535, description="Port the web server listens on.")
    secret_key: SecretStr | None = Field(
        None, description="Signs session cookies. Generated and kept beside the database when empty."
    )
    environment: Literal["development", "production", "demo"] = Field(
        "development", description="`production` refuses weak secrets and sends cookies over HTTPS only."
    )
    session_idle_minutes: int = Field(
        30, ge=1, description="A session without a user's own action ends after this long."
    )
    session_hours: int = Field(12, ge=1, description="A session ends after this long whatever happens.")
    evaluation_late_minutes: int = Field(
        130, ge=5, description="Pages turn loud when the list was last evaluated longer ago than this."
    )
    evaluation_every_minutes: int = Field(60, ge=1, description="How often the rules run by themselves.")
    medication_confirmed_days: int = Field(
        182,
        ge=1,
        description="A dose last confirmed with the patient longer ago than this many days says so [default].",
    )
    backup_directory: Path | None = Field(None, description="Where nightly backups go; beside the database when empty.")
    backups_kept: int = Field(14, ge=1, description="How many nightly backups are kept.")
    smtp_host: str = Field("", description="Mail server for digests; empty: messages wait in the outbox and are shown.")
    smtp_port: int = Field(25, ge=1, le=65535, description="Port of the mail server.")
    mail_from: str = Field("myopanel@localhost", description="Sender address of digests.")
    mrn_authorities: str = Field(
        "",
        description="Assigning authorities of our record numbers in messages, separated by commas; empty: the first "
        "one a sender uses for a patient of ours, and another one waits to be mapped.",
    )
    mllp_port: int | None = Field(
        None,
        ge=1,
        le=65535,
        description="Port on which `serve` and `worker` listen for HL7 v2 over MLLP; empty: no listener.",
    )
    mllp_host: str = Field("127.0.0.1", description="Address the HL7 listener listens on. MLLP knows no passwords.")
    mllp_frame_mib: int = Field(16, ge=1, le=1024, description="A longer HL7 message (in MiB) is refused.")
    mllp_connections: int = Field(32, ge=1, description="So many HL7 connections may be open at once.")
    mllp_idle_seconds: int = Field(3600, ge=1, description="An HL7 connection that says nothing for so long is closed.")
    public_address: str = Field("", description="Address people use, for links in messages; empty: http://HOST:PORT.")
    cds_issuers: str = Field(
        "",
        description="Issuers whose signed tokens (JWT) may call the CDS services, separated by commas; `ISSUER=PLACE` "
        "says where its keys (JWKS) are, an address or a file, else they lie below the issuer's own address.",
    )
    cors_origins: str = Field(
        "", description="Sites whose pages may call the CDS services from a browser, separated by commas."
    )
    behind_proxy: bool = Field(False, description="Trust one reverse proxy's forwarded address and scheme.")

    @field_validator("mllp_port", mode="before")
    @classmethod
    def _no_port(cls, value: object) -> object:
        # `MYOPANEL_MLLP_PORT=` takes it away again from one process.
        return None if value == "" else value

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (LookupError, ValueError, OSError) as error:  # unknown, no name of a zone, a folder of zones
            raise ValueError(f"{value!r} is not a known time zone; use an IANA name such as Europe/Berlin") from error
        return value

    @field_validator("database_url")
    @classmethod
    def _psycopg3(cls, value: str) -> str:
        try:
            url = make_url(value)
            if url.drivername in {"postgresql", "postgres"}:
                url = url.set(drivername="postgresql+psycopg")
            url.get_dialect()
        except (ArgumentError, ImportError) as error:
            # The address may hold a password: it is not repeated.
            raise ValueError("not the address of a database; write it like sqlite:///myopanel.db") from error
        return url.render_as_string(hide_password=False)

    @field_validator("cds_issuers")
    @classmethod
    def _keys_cannot_be_exchanged(cls, value: str) -> str:
        for issuer, place in _issuers(value).items():
            parts = urlsplit(place or issuer)
            if not place and not parts.netloc:
                raise ValueError(f"{issuer!r} is no address: say where its keys are, as ISSUER=https://.../jwks.json")
            if parts.scheme == "http" and parts.hostname not in {"127.0.0.1", "::1", "localhost"}:
                raise ValueError(f"the keys of {issuer!r} must come over https")
        return value

    @field_validator("cors_origins")
    @classmethod
    def _whole_origins(cls, value: str) -> str:
        for origin in _listed(value):
            parts = urlsplit(origin)
            if parts.scheme not in {"http", "https"} or not parts.netloc or "*" in origin or parts.path.strip("/"):
                raise ValueError(f"{origin!r} is no site; write it like https://ehr.example.org, one by one")
        return value

    @model_validator(mode="after")
    def _no_weak_secret_in_production(self) -> "Settings":
        if self.environment == "production" and self.secret_key is not None:
            key = self.secret_key.get_secret_value()
            if len(key) < SHORTEST_SECRET or len(set(key)) < 10:
                raise ValueError(
                    f"MYOPANEL_SECRET_KEY is too weak for production: use at least {SHORTEST_SECRET} random characters"
                )
        return self

    def cds_issuers_by_name(self) -> dict[str, str]:
        """Issuers of tokens, each with where its keys are; empty: below its own address."""
        return _issuers(self.cds_issuers)

    def cors_origins_listed(self) -> frozenset[str]:
        """Sites whose pages may call, as a browser names them."""
        return frozenset(one.rstrip("/").lower() for one in _listed(self.cors_origins))

    @property
    def zone(self) -> ZoneInfo:
        """The clinic's zone."""
        return ZoneInfo(self.timezone)

    @property
    def database_file(self) -> Path | None:
        """The SQLite file, or None for a server or an in-memory database."""
        url = make_url(self.database_url)
        if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
            return None
        return Path(url.database)

    def signing_key(self) -> str:
        """The secret that signs cookies: the configured one, or one generated once and kept beside the database."""
        if self.secret_key is not None:
            return self.secret_key.get_secret_value()
        beside = self.database_file
        path = (beside.parent if beside else Path.cwd()) / "myopanel.secret"
        if path.exists():
            return path.read_text(encoding="utf-8").strip()
        key = secrets.token_urlsafe(48)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            # Two processes started at once: the one that came first has written it.
            return path.read_text(encoding="utf-8").strip()
        with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
            handle.write(key + "\n")
        return key


def read_settings() -> Settings:
    """Settings from the environment as it is now.

    Raises:
        SettingsError: with one sentence per field that is wrong.
    """
    try:
        return Settings()
    except ValidationError as error:
        lines = [
            f"MYOPANEL_{'.'.join(str(part) for part in problem['loc']).upper() or 'SETTINGS'}: {problem['msg']}"
            for problem in error.errors()
        ]
        raise SettingsError("; ".join(lines)) from error


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The process's settings, read once."""
    return read_settings()
