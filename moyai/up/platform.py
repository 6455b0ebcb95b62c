"""A platform's directory and processes: made at the first start, found again at the next."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import socket
import sys
from pathlib import Path
from typing import Any

import msgspec
import structlog

from moyai.applying import Surroundings, apply_file
from moyai.applying.client_keys import key_file, public_keys
from moyai.base import accounts, engine_place, files
from moyai.base.accounts import Accounts
from moyai.base.closed import refuse_while_restoring
from moyai.base.config import Brokers, ConfigError, Home, Server
from moyai.base.config import Platform as PlatformSettings
from moyai.base.db import connect
from moyai.base.keys import current
from moyai.base.least_right import held_by
from moyai.base.roles import WORKER
from moyai.base.secrets import SecretBox
from moyai.ledger.log import open_log
from moyai.ledger.verifiers import log_keys
from moyai.supervisor import Supervisor, bind, refuse_if_running
from moyai.up.scenario import Example, Scenario, program
from moyai.upkeep.migrating import migrate_all
from moyai.worker.platform_jobs import log_origin

log = structlog.get_logger("moyai.up")

DEFAULT_PORT = 8400


def make_home(directory: Path, scenario: Scenario, port: int | None) -> Home:
    """The platform's directory with its configuration; an existing one keeps everything but its port.

    Raises ConfigError if the directory holds another platform or somebody else has the port, AlreadyRunning if
    this platform runs, PermissionError if others may read its key. Nothing is written then.
    """
    home = Home(directory)
    refuse_while_restoring(home)
    known = home.config() if home.config_file.exists() else None
    if known is not None and known.platform.id != scenario.platform.id:
        raise ConfigError(f"{home.directory} holds the platform {known.platform.id}; use another --dir")
    refuse_if_running(home)
    server = known.server if known else Server(base_url="")
    port = port or (known.server.port if known else DEFAULT_PORT)
    for listening in listen(server.host, port, 1):
        listening.close()
    if known is None:
        files.make_directory(home.directory, 0o755)
        with contextlib.suppress(FileExistsError):
            SecretBox.create_file(home.kek_file)
    home.box()  # a key that others may read is said now rather than when the engine needs it
    socket_directory = engine_place.place(home)
    if known is None:
        text = _configuration(scenario.platform, scenario.brokers, port, server.processes, socket_directory)
        files.replace(home.config_file, text.encode(), 0o644)
    elif port != server.port:
        text = _on_port(home.config_file.read_text(encoding="utf-8"), server.port, port)
        files.replace(home.config_file, text.encode(), 0o644)
    return home


def _configuration(
    platform: PlatformSettings, brokers: Brokers, port: int, processes: int, socket_directory: Path
) -> str:
    return f"""\
# Written by `moyai up`; docs/reference/settings.md explains each setting.

[platform]
id = "{platform.id}"
name_ja = "{platform.name_ja}"
name_en = "{platform.name_en}"
prefecture_code = "{platform.prefecture_code}"

[server]
base_url = "http://localhost:{port}"
port = {port}
processes = {processes}

[database]
host = "{socket_directory}"

[brokers]
personal = "{brokers.personal}"
non_personal = "{brokers.non_personal}"
"""


def _on_port(text: str, old: int, new: int) -> str:
    """The configuration with another port in its section `[server]`, and all else as it was written."""
    before, head, section = text.partition("[server]")
    section, following, after = section.partition("\n[")
    section = re.sub(rf"(?m)^(base_url\s*=\s*\"http://localhost):{old}\"", rf'\g<1>:{new}"', section)
    section, found = re.subn(r"(?m)^port\s*=\s*\d+", f"port = {new}", section)
    section += "" if found else f"\nport = {new}"
    return before + head + section + following + after


def listen(host: str, port: int, count: int) -> list[socket.socket]:
    """The platform's port. Raises ConfigError with what to do where somebody else has it."""
    try:
        return bind(host, port, count)
    except OSError as error:
        raise ConfigError(f"port {port} is taken; give another with --port") from error


class Ports:
    """Free ports for example services, the same ones at the next start where they are still free."""

    def __init__(self, home: Home) -> None:
        self._file = home.directory / "ports.json"
        self._known: dict[str, int] = {}
        if self._file.exists():
            self._known = msgspec.json.decode(self._file.read_bytes(), type=dict[str, int])

    def of(self, name: str) -> int:
        port = _free(self._known.get(name, 0))
        if self._known.get(name) != port:
            self._known[name] = port
            files.replace(self._file, msgspec.json.encode(self._known), 0o644)
        return port


def _free(wanted: int) -> int:
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return probe.getsockname()[1]
    raise ConfigError("no free port")


class Town:
    """The processes of one platform with its example services."""

    def __init__(self, home: Home, scenario: Scenario, live: bool) -> None:
        self.home = home
        self.scenario = scenario
        self.supervisor = Supervisor(home)
        self._live = live
        self.accounts: Accounts | None = None
        ports = Ports(home)
        self.ports = {example.client: ports.of(example.client) for example in scenario.examples}
        self.witness_ports = {one.witness: ports.of(f"witness-{one.witness}") for one in scenario.witnesses}

    @property
    def urls(self) -> dict[str, str]:
        """Addresses of the example services by client id."""
        return {client: f"http://localhost:{port}" for client, port in self.ports.items()}

    async def start_engine(self) -> None:
        """Engine up, databases at this release's version."""
        await self.supervisor.start()
        for left in await migrate_all(self.home):
            if left.problem:
                log.error("database left behind", database=left.database, problem=left.problem)

    async def register(self) -> None:
        """Witnesses' keys, then the scenario's registry."""
        log_key, places = await self._log_key(), self._witness_urls()
        keys = await asyncio.gather(*(self._witness_key(name, log_key) for name in places))
        witnesses = {name: (key, places[name]) for name, key in zip(places, keys, strict=True)}
        urls = self.urls
        for example in self.scenario.examples:
            if example.component:
                urls[example.component] = self.urls[example.client]
            if example.service:
                urls[example.service] = self.urls[example.client]
            public_keys(self.home, example.client)
        await apply_file(self.home, self.scenario.path, Surroundings(urls, witnesses))

    def _witness_urls(self) -> dict[str, str]:
        return {name: f"http://localhost:{port}" for name, port in self.witness_ports.items()}

    async def start_serve(self) -> None:
        """The platform's own HTTP processes. They need the databases, not yet the registry."""
        shutil.rmtree(self.home.metrics, ignore_errors=True)
        self.accounts = await asyncio.to_thread(_usable_accounts, self.home)
        server = self.home.config().server
        for number, listening in enumerate(listen(server.host, server.port, server.processes)):
            name = f"serve-{number + 1}"
            command = [*_moyai("serve", self.home), "--fd", str(listening.fileno()), "--name", name, "--held"]
            health = f"{server.base_url}/health"
            self.supervisor.add(
                name,
                command,
                ready=health,
                listening=listening,
                standby="--standby",
                held=held_by(self.home, "serve"),
                account=self.accounts and self.accounts.serve,
            )
        await self.supervisor.start()

    async def start_services(self) -> None:
        """Worker, witnesses and example services, all at once; they need the registry and `serve`."""
        log_key = await self._log_key()
        for name, url in self._witness_urls().items():
            self.supervisor.add(f"witness-{name}", self._witness_command(name, log_key), ready=f"{url}/key")
        command, held = [*_moyai("worker", self.home), "--held"], held_by(self.home, "worker")
        account = self.accounts and self.accounts.worker
        self.supervisor.add("worker", command, standby="--standby", held=held, account=account)
        if target := self.home.config().backup.continuous:
            self.supervisor.add("backup", [*_moyai("backup", self.home), target, "--continuous"])
        for example in self.scenario.examples:
            self.supervisor.add(
                example.client, self._example(example), ready=f"{self.urls[example.client]}/health"
            )
        await self.supervisor.start()

    async def _log_key(self) -> str:
        """The verifier key of the log, which is named now if it has no name yet."""
        conn = await connect(self.home.dsn(WORKER))
        try:
            async with conn.transaction():
                await current(conn, self.home.box(), "log")
                origin = await open_log(conn, log_origin(self.home.config()))
                return (await log_keys(conn, origin))[0].vkey()
        finally:
            await conn.close()

    def _witness_command(self, name: str, log_key: str) -> list[str]:
        found = next(one for one in self.scenario.witnesses if one.witness == name)
        place = self.home.directory / "witnesses"
        files.make_directory(place, 0o700)
        return [
            sys.executable, str(program(found.program)), "--port", str(self.witness_ports[name]),
            "--name", f"{name}.{self.home.config().platform.id}", "--key", str(place / f"{name}.key"),
            "--state", str(place / f"{name}.checkpoint"), "--log-key", log_key,
        ]  # fmt: skip

    async def _witness_key(self, name: str, log_key: str) -> str:
        command = [*self._witness_command(name, log_key), "--print-key"]
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        output, _ = await process.communicate()
        if process.returncode != 0:
            raise ConfigError(f"the witness {name} has no key")
        return output.decode().strip()

    def _example(self, example: Example) -> list[str]:
        state = self.home.directory / "services"
        files.make_directory(state, 0o700)
        live = example.live_seconds if self._live else 0
        return [
            sys.executable, str(program(example.program)),
            "--platform", self.home.config().server.base_url, "--client", example.client,
            "--key", str(key_file(self.home, example.client)), "--port", str(self.ports[example.client]),
            "--state", str(state / f"{example.client}.json"), "--title", example.title,
            "--live", str(live), *example.arguments,
        ]  # fmt: skip

    def facts(self) -> dict[str, Any]:
        """What a stranger's program needs to know of the services, for `run.json`."""
        return {"base_url": self.home.config().server.base_url}


def _usable_accounts(home: Home) -> Accounts | None:
    """The processes' own accounts, made ready; None, and a line in the log, where they stay with ours."""
    found = accounts.of(home)
    if found is None:
        return None
    reason = accounts.hindrance(home, found)
    if reason is not None:
        log.warning("processes run as root", reason=reason)
        return None
    accounts.prepare(home, found)
    return found


def _moyai(command: str, home: Home) -> list[str]:
    return [sys.executable, "-m", "moyai", command, "--dir", str(home.directory)]
