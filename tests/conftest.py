"""A real PostgreSQL for every test that asks for one.

One engine per test session (and per xdist worker), migrated once. `control`, `store` and `context` are single
sessions whose work is rolled back after each test (about 1 ms); `control_db` and its like offer the same session
as a `Database`, with savepoints for transactions. `fresh_platform` is a whole engine of its own (about half a
second), for tests that need real commits, several sessions, or other roles.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from moyai.base import engine_place
from moyai.base.config import Home
from moyai.base.db import Connection, Pool, Step, connect
from moyai.base.engine import ADMIN, Engine
from moyai.base.journal import Journal
from moyai.base.migrate import migrate_context, migrate_control
from moyai.base.provision import Store, provision_store
from moyai.base.roles import OWNER, SERVE, context_database
from moyai.base.secrets import SecretBox
from moyai.identity import as_now, staff
from moyai.ledger import contents

_CONFIGURATION = """\
[platform]
id = "test"
name_ja = "試験の基盤"
name_en = "Test platform"

[server]
base_url = "http://localhost:8400"

[database]
host = "{socket}"
"""


def write_home(directory: Path) -> Home:
    """Configuration and key of a new platform in `directory`."""
    home = Home(directory)
    SecretBox.create_file(home.kek_file)
    socket = engine_place.place(home)
    home.config_file.write_text(_CONFIGURATION.format(socket=socket), encoding="utf-8")
    return home


class Platform:
    """A platform's directory with its running engine, and sessions on it that are closed with it."""

    def __init__(self, home: Home, engine: Engine) -> None:
        self.home = home
        self.engine = engine
        self._pools: dict[tuple[str, str | None], Pool] = {}
        self._connections: list[Connection] = []

    def dsn(self, role: str = SERVE, database: str | None = None) -> str:
        return self.home.dsn(role, database)

    async def pool(self, role: str = SERVE, database: str | None = None) -> Pool:
        """The pool of one role on the control database, or on another one."""
        if (role, database) not in self._pools:
            self._pools[role, database] = await Pool.open(
                self.dsn(role, database), max_size=8, before_commit=self._before_commit(role, database)
            )
        return self._pools[role, database]

    async def connect(self, role: str = SERVE, database: str | None = None) -> Connection:
        """A new session outside any transaction."""
        conn = await connect(self.dsn(role, database))
        conn.before_commit = self._before_commit(role, database)
        self._connections.append(conn)
        return conn

    def _before_commit(self, role: str, database: str | None) -> Step | None:
        """As in the program: whoever can stop something writes it into the journal."""
        stops = database is None and role in (SERVE, OWNER)
        return Journal.of(self.home).write_due if stops else None

    async def close(self) -> None:
        for conn in self._connections:
            conn.raw.terminate()
        for pool in self._pools.values():
            pool.terminate()


class RolledBack:
    """One session in the `Database` protocol: every transaction is a savepoint of the test's own.

    Tasks take turns; a task that already has the session may ask for it again. What a transaction stops is in the
    journal before it ends, as elsewhere.
    """

    def __init__(self, conn: Connection, journal: Journal | None = None, *, people: bool = True) -> None:
        self._conn = conn
        self._people = people
        self._journal = journal
        self._lock = asyncio.Lock()
        self._holder: asyncio.Task[object] | None = None

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        if self._holder is asyncio.current_task():
            yield self._conn
            return
        async with self._lock:
            self._holder = asyncio.current_task()
            try:
                yield self._conn
            finally:
                self._holder = None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        async with self.connection() as conn, conn.transaction():
            if self._people:  # the other databases know nobody
                await as_now.judge(conn)
            try:
                yield conn
            finally:
                conn.holds_registry = (
                    False  # the next transaction is another one, though the session is the same
                )
            if self._journal is not None:
                await self._journal.write_due(conn)


def _copy_platform(source: Path, target: Path) -> Home:
    """A stopped platform's directory, copied with its engine's data and the account that owns it."""
    target.chmod(0o755)
    template = Home(source)
    home = write_home(target)
    for name in ("secrets.sealed", "keys/kek"):
        shutil.copy(source / name, target / name)
    subprocess.run(["cp", "-a", template.engine.resolve() / "data", home.engine.resolve()], check=True)
    return home


@pytest.fixture(scope="session", autouse=True)
def composed() -> None:
    """As in every process that acts: the registry is told who knows members of staff."""
    staff.introduce()


@pytest.fixture(scope="session")
def scratch() -> Iterator[Path]:
    """A directory that the engine's own account can reach (pytest's are closed to others), in memory if there is room."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 4 << 30
    directory = Path(tempfile.mkdtemp(prefix="moyai-test-", dir=memory if roomy else None))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
async def stopped_platform(scratch: Path) -> Path:
    """A migrated platform whose engine is stopped; the one that all others are copies of."""
    home = write_home(scratch / "template")
    engine = Engine(home, durable=False)
    engine.start()
    try:
        await migrate_control(home)
        await migrate_context(home)
    finally:
        engine.stop()
    return home.directory


@asynccontextmanager
async def _running(stopped: Path, scratch: Path, *, durable: bool = False) -> AsyncIterator[Platform]:
    directory = Path(tempfile.mkdtemp(dir=scratch))
    home = _copy_platform(stopped, directory)
    engine = Engine(home, durable=durable)
    engine.start()
    platform = Platform(home, engine)
    try:
        yield platform
    finally:
        await platform.close()
        engine.stop()
        shutil.rmtree(home.engine.resolve(), ignore_errors=True)
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def own_home(stopped_platform: Path, scratch: Path) -> Iterator[Home]:
    """A migrated platform's directory of its own, whose engine is not running."""
    home = _copy_platform(stopped_platform, Path(tempfile.mkdtemp(dir=scratch)))
    yield home
    shutil.rmtree(home.directory, ignore_errors=True)


@pytest.fixture(scope="session")
async def platform(stopped_platform: Path, scratch: Path) -> AsyncIterator[Platform]:
    """The session's engine. What a test commits here, all others see: use the rolled-back fixtures."""
    async with _running(stopped_platform, scratch) as running:
        yield running


@pytest.fixture
async def fresh_platform(stopped_platform: Path, scratch: Path) -> AsyncIterator[Platform]:
    """An engine and databases that no other test sees, empty but migrated."""
    async with _running(stopped_platform, scratch) as running:
        yield running


@pytest.fixture
async def operated_platform(stopped_platform: Path, scratch: Path) -> AsyncIterator[Platform]:
    """The same with the engine as `moyai up` starts it, for tests of what is done to an engine."""
    async with _running(stopped_platform, scratch, durable=True) as running:
        yield running


@pytest.fixture
async def fresh_database(fresh_platform: Platform) -> Pool:
    """The control database of `fresh_platform`, as `moyai_serve`, with real commits."""
    return await fresh_platform.pool()


@pytest.fixture(scope="session")
def home(platform: Platform) -> Home:
    """The directory of the session's platform: configuration, keys, sealed passwords."""
    return platform.home


@pytest.fixture(scope="session")
def box(home: Home) -> SecretBox:
    return home.box()


@asynccontextmanager
async def _rolled_back(
    dsn: str, kept: dict[str, Connection], *, serve: bool = False
) -> AsyncIterator[Connection]:
    conn = kept.get(dsn)
    if conn is None or conn.raw.is_closed():
        conn = kept[dsn] = await connect(dsn)
        if serve:
            # The administrator's session with the rights of `moyai_serve`: tests.admin takes it back for a moment.
            await conn.execute("set session authorization moyai_serve")
    transaction = conn.raw.transaction()
    await transaction.start()
    try:
        yield conn
    finally:
        if not conn.raw.is_closed():
            await transaction.rollback()


@pytest.fixture(scope="session")
async def kept_sessions() -> AsyncIterator[dict[str, Connection]]:
    sessions: dict[str, Connection] = {}
    yield sessions
    for conn in sessions.values():
        conn.raw.terminate()


@pytest.fixture
async def control(home: Home, kept_sessions: dict[str, Connection]) -> AsyncIterator[Connection]:
    """The control database with the rights of `moyai_serve`, rolled back after the test."""
    async with _rolled_back(home.dsn(ADMIN, "moyai_control"), kept_sessions, serve=True) as conn:
        yield conn


@pytest.fixture
async def control_db(control: Connection, home: Home) -> RolledBack:
    """`control` as a `Database`: what one part writes, the others see; all is rolled back, but for the journal."""
    return RolledBack(control, Journal.of(home))


@pytest.fixture(scope="session")
async def organization_store(home: Home) -> Store:
    """A personal store of its own database, role and password."""
    return await provision_store(home, "test-organization")


@pytest.fixture
async def store(
    organization_store: Store, box: SecretBox, kept_sessions: dict[str, Connection]
) -> AsyncIterator[Connection]:
    """A personal store as its organisation's role, rolled back after the test."""
    async with _rolled_back(organization_store.dsn(box), kept_sessions) as conn:
        yield conn


@pytest.fixture
async def store_db(store: Connection) -> RolledBack:
    return RolledBack(store, people=False)


@pytest.fixture
async def context(home: Home, kept_sessions: dict[str, Connection]) -> AsyncIterator[Connection]:
    """The database of city data as `moyai_serve`, rolled back after the test."""
    async with _rolled_back(home.dsn(SERVE, context_database(home)), kept_sessions) as conn:
        yield conn


@pytest.fixture
async def context_db(context: Connection) -> RolledBack:
    return RolledBack(context, people=False)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """A journal of stops, in a file of the test's own."""
    return Journal(tmp_path / "journal.jsonl")


@pytest.fixture
def plain_contents(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ledger takes contents as plain members, as it did before every kind had a Struct: for what is read of such
    entries, and for tests to which it does not matter what an entry holds."""
    monkeypatch.setattr(contents, "CONTENTS", {})
