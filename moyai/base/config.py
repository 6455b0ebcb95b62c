"""The one configuration file of a platform, `moyai.toml` in its directory, and where things lie there.

Passwords are not in it: they are sealed in `secrets.sealed`, under the key-encryption key, a file of its own.
"""

from __future__ import annotations

import ssl
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote

import msgspec
from msgspec import Meta

from moyai.base.secrets import KeyNotHeld, SecretBox, SecretFile

StorageMode = Literal["none", "external", "internal_shared", "internal_segregated"]
"""データ管理方式 of a broker (guidebook 1.2.3)."""


TlsMode = Literal["verify-full", "verify-ca", "require", "disable"]
"""libpq's `sslmode`, without those that give in to a server, or whoever stands for it, that speaks no TLS."""


class ConfigError(Exception):
    """The configuration cannot be used; the message names the setting."""


class Platform(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who this platform is. `id` is lower-case ASCII and names cookies, keys and the log's origin."""

    id: Annotated[str, Meta(description="Lower-case ASCII; part of cookie names and of the log's origin.")]
    name_ja: Annotated[str, Meta(description="The platform's name as residents read it.")]
    name_en: Annotated[str, Meta(description="The same in English.")]
    prefecture_code: Annotated[str, Meta(description="JIS X 0401 code of the prefecture, two digits.")] = "37"


class Server(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where HTTP is served. `processes` is the number of `serve` processes on the one listening port."""

    base_url: Annotated[
        str, Meta(description="Public URL, without a slash at the end; also the OIDC issuer.")
    ]
    host: Annotated[str, Meta(description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Meta(description="TCP port to listen on.")] = 8400
    processes: Annotated[int, Meta(description="`serve` processes on the one port; one a core, at most.")] = 2
    max_body_bytes: Annotated[int, Meta(description="Largest request body; more is answered 413.")] = (
        1_048_576
    )
    trusted_proxies: Annotated[
        list[str],
        Meta(
            description="Addresses or networks of proxies whose `X-Forwarded-For` says where a request comes from."
        ),
    ] = []


class DatabaseSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where PostgreSQL answers. `host` is a directory for a Unix socket. `embedded` has `up` start the engine."""

    host: Annotated[str, Meta(description="Host name, or the directory of a Unix socket.")]
    port: Annotated[int, Meta(description="Port, also in the name of the Unix socket.")] = 5432
    name: Annotated[str, Meta(description="The control database.")] = "moyai_control"
    embedded: Annotated[bool, Meta(description="Whether Moyai starts and stops its own PostgreSQL.")] = True
    tls: Annotated[
        TlsMode,
        Meta(
            description="Over a network: whether the server's certificate and name are checked. Not used on a socket."
        ),
    ] = "verify-full"
    tls_roots: Annotated[
        str, Meta(description="File with the certificates that sign the server's; empty: the system's.")
    ] = ""
    max_connections: Annotated[
        int, Meta(description="What the server allows; `moyai check` holds against it.")
    ] = 200
    pool_size: Annotated[int, Meta(description="Connections to the control database, per process.")] = 8
    store_pool_size: Annotated[int, Meta(description="Connections to one store, per process.")] = 2
    store_pools: Annotated[int, Meta(description="Stores held open at once, per process.")] = 16


class Brokers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """データ管理方式 of the two brokers (guidebook 1.2.3)."""

    personal: Annotated[StorageMode, Meta(description="Where linkable personal data lies.")] = (
        "internal_segregated"
    )
    non_personal: Annotated[StorageMode, Meta(description="Where city data lies.")] = "internal_shared"


class JournalSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The journal of stops, which a restored backup needs. It belongs on another disk than the data."""

    path: Annotated[
        str, Meta(description="The journal's file; a relative path is in the platform's directory.")
    ] = "journal.jsonl"


class KeySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The key-encryption key. Whoever has it beside the data can open every secret: keep it elsewhere."""

    path: Annotated[
        str, Meta(description="The key's file (mode 0600); a relative path is in the platform's directory.")
    ] = "keys/kek"


class Logs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much the platform's own logs may take: of each file, this and the one before are kept."""

    file_megabytes: Annotated[
        int, Meta(ge=1, description="A log file that is larger is renamed to NAME.1, and a new one begun.")
    ] = 100


class StorageSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Free space where PostgreSQL's data, the journal and the logs lie. External PostgreSQL watches its own disk."""

    refuse_below_megabytes: Annotated[
        int, Meta(ge=1, description="With less free, requests that need a write are refused: `storage_full`.")
    ] = 256
    warn_below_megabytes: Annotated[
        int, Meta(ge=1, description="With less free, `/health` says `degraded`, and `moyai check` warns.")
    ] = 1024


class BackupSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the running platform keeps up by itself, so that a restore loses nothing."""

    continuous: Annotated[
        str, Meta(description="Directory of a continuous backup that `moyai up` keeps up; empty: none.")
    ] = ""


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long things may take, and how much one caller may ask of one `serve` process."""

    request_seconds: Annotated[
        float, Meta(gt=0, description="A request is answered by then, if only with `deadline_exceeded`.")
    ] = 15.0
    source_seconds: Annotated[
        float,
        Meta(gt=0, description="One source of an exchange answers by then, or is `source_unavailable`."),
    ] = 5.0
    header_seconds: Annotated[
        float,
        Meta(gt=0, description="A new connection, or a head that began, is complete by then, or closed."),
    ] = 15.0
    body_seconds: Annotated[
        float, Meta(gt=0, description="The whole body has arrived this long after the head, or 408.")
    ] = 12.0
    answer_seconds: Annotated[
        float, Meta(gt=0, description="The answer was fetched this long after the request, or it is cut.")
    ] = 60.0
    idle_seconds: Annotated[
        float,
        Meta(gt=0, description="A connection is kept this long without a request: longer than clients do."),
    ] = 75.0
    requests_at_once: Annotated[
        int, Meta(ge=1, description="Requests under way in a process; more are answered 503 at once.")
    ] = 1000
    client_per_second: Annotated[
        float, Meta(gt=0, description="Requests of one client to a process, over ten seconds.")
    ] = 1000.0
    address_per_second: Annotated[
        float,
        Meta(
            gt=0,
            description="Requests without a token from one address to a process, over ten seconds; and as many with one that is refused.",
        ),
    ] = 100.0
    sign_in_per_minute: Annotated[
        float,
        Meta(gt=0, description="Requests to `/oauth2` and `/login` from one address to a process."),
    ] = 3000.0
    answer_bytes: Annotated[
        int,
        Meta(
            ge=65_536,
            description="Largest answer with items; what is over comes in the next page. At least twice `max_body_bytes`.",
        ),
    ] = 8_388_608
    hashing_queue: Annotated[
        int, Meta(ge=1, description="Passwords that wait to be checked in a process; more are answered 503.")
    ] = 32


class Users(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Accounts of the processes where root starts the platform. Another starter runs everything as itself."""

    serve: Annotated[
        str, Meta(description="Account of `serve`; empty: a number of its own from 61184 to 65519.")
    ] = ""
    worker: Annotated[str, Meta(description="Account of `worker`; likewise, and another one.")] = ""


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`moyai.toml`, checked. Unknown settings are refused by name."""

    platform: Platform
    server: Server
    database: DatabaseSettings
    brokers: Brokers = Brokers()
    journal: JournalSettings = JournalSettings()
    keys: KeySettings = KeySettings()
    logs: Logs = Logs()
    storage: StorageSettings = StorageSettings()
    backup: BackupSettings = BackupSettings()
    limits: Limits = Limits()
    users: Users = Users()


def _checked(config: Config) -> Config:
    """Settings that must fit each other. Raises msgspec.ValidationError."""
    if config.limits.answer_bytes < 2 * config.server.max_body_bytes:
        # an item is as large as a body at most; its numbers may be written longer when it is cut to a consent
        raise msgspec.ValidationError("limits.answer_bytes: less than twice server.max_body_bytes")
    return config


class Held(msgspec.Struct, frozen=True):
    """What one process may open: keys of areas, and passwords of its roles. Whoever started it has handed them over."""

    areas: dict[str, bytes]
    passwords: dict[str, str]


class Home:
    """A platform's directory: configuration, keys, logs, the embedded engine's data.

    With `held`, secrets are those; the key-encryption key is neither needed nor read.
    """

    def __init__(self, directory: Path, held: Held | None = None) -> None:
        self.directory = directory.resolve()
        self._held = held

    @property
    def config_file(self) -> Path:
        return self.directory / "moyai.toml"

    @property
    def kek_file(self) -> Path:
        """The key-encryption key. Before there is a configuration, where a new platform's is made."""
        settings = self.config().keys if self.config_file.exists() else KeySettings()
        return self.directory / settings.path

    @property
    def journal_file(self) -> Path:
        return self.directory / self.config().journal.path

    @property
    def secrets_file(self) -> Path:
        return self.directory / "secrets.sealed"

    @property
    def restoring_file(self) -> Path:
        """Stands here while the directory is being restored: nothing is served then (moyai.base.closed)."""
        return self.directory / "restoring.json"

    @property
    def logs(self) -> Path:
        return self.directory / "logs"

    @property
    def metrics(self) -> Path:
        """Counters that `serve` processes share; emptied at each start."""
        return self.directory / "metrics"

    @property
    def run_file(self) -> Path:
        return self.directory / "run.json"

    @property
    def engine(self) -> Path:
        return self.directory / "postgres"

    def config(self) -> Config:
        """Read and check `moyai.toml`. Raises ConfigError with the path of the setting that is wrong."""
        try:
            text = self.config_file.read_text(encoding="utf-8")
            return _checked(msgspec.convert(tomllib.loads(text), Config))
        except FileNotFoundError as error:
            raise ConfigError(
                f"no platform at {self.directory}: {self.config_file.name} is missing"
            ) from error
        except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
            raise ConfigError(f"{self.config_file}: {error}") from error

    def box(self) -> SecretBox:
        if self._held is not None:
            return SecretBox(None, self._held.areas)
        return SecretBox.from_file(self.kek_file)

    def secrets(self) -> SecretFile:
        """All passwords. Raises KeyNotHeld at a process that was handed its own."""
        return SecretFile(self.secrets_file, self.box())

    def dsn(self, role: str, database: str | None = None) -> str:
        """A libpq URI for one of the platform's process roles, e.g. `moyai_serve`."""
        settings, password = self.config().database, self._password(role)
        return make_dsn(settings.host, settings.port, role, password, database or settings.name, settings)

    def _password(self, role: str) -> str:
        """Raises KeyNotHeld where the role is another process's."""
        if self._held is None:
            return self.secrets().get_or_create(f"role:{role}")
        if role not in self._held.passwords:
            raise KeyNotHeld(f"this process has no password for {role}")
        return self._held.passwords[role]

    def hold(self, areas: Iterable[str], roles: Iterable[str]) -> Held:
        """What to hand over to a process that works in these areas, and logs in as these roles."""
        return Held(self.box().keys_of(areas), {role: self._password(role) for role in roles})


def make_dsn(
    host: str,
    port: int,
    user: str,
    password: str,
    database: str,
    settings: DatabaseSettings | None = None,
) -> str:
    """A libpq URI. Without settings, a server over a network must prove who it is."""
    return (
        f"postgresql://{quote(user)}:{quote(password, safe='')}@/{quote(database)}"
        f"?host={quote(host, safe='')}&port={port}{_tls(host, settings)}"
    )


def _tls(host: str, settings: DatabaseSettings | None) -> str:
    if host.startswith("/"):
        return ""
    mode: TlsMode = settings.tls if settings else "verify-full"
    roots = (settings.tls_roots if settings else "") or ssl.get_default_verify_paths().cafile
    checked = f"&sslrootcert={quote(roots, safe='')}" if roots and mode.startswith("verify") else ""
    return f"&sslmode={mode}{checked}"
