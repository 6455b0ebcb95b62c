"""A platform with many residents, to measure on: the registry by `apply`, people, consents and items by COPY."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from importlib import resources
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import msgspec

from moyai.applying import Surroundings, apply
from moyai.applying.registry_file import parse
from moyai.base import engine_place
from moyai.base.config import Home, make_dsn
from moyai.base.db import Connection, Pool, connect
from moyai.base.engine import ADMIN
from moyai.base.migrate import migrate_context, migrate_control
from moyai.base.roles import SERVE
from moyai.base.secrets import SecretBox
from moyai.registry import lookups, shape_of

DATASETS = ("bench-data-1", "bench-data-2", "bench-data-3")
PURPOSE = "bench-purpose"
CONSUMER = "bench-consumer"

_CONFIGURATION = """\
[platform]
id = "bench"
name_ja = "計測の基盤"
name_en = "Bench platform"

[server]
base_url = "http://localhost:{port}"
port = {port}
processes = {processes}

[database]
host = "{socket}"

# One client asks for all: it is counted as in production, and never refused.
[limits]
client_per_second = 1_000_000
"""

Progress = Callable[[str, int, int], None]
"""What is being made, how many are done, how many there will be."""

_CHUNK = 20_000


class Party(msgspec.Struct, frozen=True):
    """One provider: its component, link and dataset, and the database its items lie in."""

    component_key: int
    link_key: int
    version_key: int
    dataset_key: int
    dataset_id: str
    dsn: str


class Ground(msgspec.Struct, frozen=True):
    """What the measurements need to know about the data."""

    residents: int
    client_key: int
    component_key: int
    purpose_key: int
    parties: list[Party]


def subject(component_key: int, number: int) -> UUID:
    """The pairwise subject of resident `number`. Computable here, so that pgbench can name one by a number; the
    platform itself never derives one."""
    return UUID(bytes=hashlib.md5(f"{component_key}:{number}".encode(), usedforsecurity=False).digest())


def make_home(directory: Path, port: int, processes: int) -> Home:
    home = Home(directory)
    SecretBox.create_file(home.kek_file)
    home.config_file.write_text(
        _CONFIGURATION.format(port=port, processes=processes, socket=engine_place.place(home)),
        encoding="utf-8",
    )
    return home


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def make(home: Home, residents: int, progress: Progress) -> Ground:
    """Fill a fresh platform whose engine runs. 3 consents, 4 pairwise subjects and 3 items (900 bytes) a resident."""
    await migrate_control(home)
    await migrate_context(home)
    pool = await Pool.open(home.dsn(SERVE), max_size=2)
    text = resources.files("moyai.bench").joinpath("registry.toml").read_text(encoding="utf-8")
    await apply(home, pool, parse(text), Surroundings(), file="bench")
    async with pool.connection() as conn:
        ground = await _ground(conn, home.box(), residents)
    await pool.close()
    await _people(home, ground, progress)
    await _items(ground, progress)
    await _settle(home)
    return ground


async def _ground(conn: Connection, box: SecretBox, residents: int) -> Ground:
    consumer = await lookups.component(conn, CONSUMER)
    parties = [await _party(conn, box, number) for number in (1, 2, 3)]
    return Ground(
        residents,
        (await lookups.client(conn, CONSUMER)).client_key,
        consumer.component_key,
        (await lookups.purpose(conn, PURPOSE)).purpose_key,
        parties,
    )


async def _party(conn: Connection, box: SecretBox, number: int) -> Party:
    component = await lookups.component(conn, f"bench-provider-{number}")
    dataset = await lookups.dataset(conn, f"bench-data-{number}")
    link = await lookups.link(conn, f"bench-link-{number}")
    store = await lookups.personal_store(conn, component.organization_key)
    assert store is not None
    password = box.open(f"store:{store.database}", store.sealed_password).decode()
    return Party(
        component.component_key,
        link.link_key,
        link.version_key or 0,
        dataset.dataset_key,
        dataset.dataset_id,
        make_dsn(store.host, store.port, store.role, password, store.database),
    )


async def _people(home: Home, ground: Ground, progress: Progress) -> None:
    conn = await connect(home.dsn(SERVE), statement_timeout="0")
    numbers = range(1, ground.residents + 1)
    components = [ground.component_key, *(party.component_key for party in ground.parties)]
    since = datetime.now(UTC)
    until, act = since + timedelta(days=365), uuid4()
    await _copy(
        conn, "identity", "resident", ("resident_id", "municipality_code", "ial"),
        ((f"BENCH-{n:08d}", "372013", 2) for n in numbers), len(numbers), progress,
    )  # fmt: skip
    first = await conn.fetchval("select min(resident_key) from identity.resident") - 1
    await _copy(
        conn, "identity", "pairwise", ("resident_key", "component_key", "subject"),
        ((first + n, c, subject(c, n)) for n in numbers for c in components),
        len(numbers) * len(components), progress,
    )  # fmt: skip
    await _copy(
        conn, "consent", "state",
        ("resident_key", "link_key", "state", "act_id", "since", "expires_at", "aal", "version_key"),
        ((first + n, p.link_key, 1, act, since, until, 2, p.version_key) for n in numbers for p in ground.parties),
        len(numbers) * len(ground.parties), progress,
    )  # fmt: skip
    await conn.close()


def item_rows(party: Party, residents: int) -> Iterator[Sequence[Any]]:
    content, shape = '{"note":"' + "x" * 880 + '"}', shape_of({"note": {"type": "string"}})
    return (
        (subject(party.component_key, n), party.dataset_id, "note-1", content, shape)
        for n in range(1, residents + 1)
    )


async def _items(ground: Ground, progress: Progress) -> None:
    for party in ground.parties:
        conn = await connect(party.dsn, statement_timeout="0")
        await _copy(
            conn, "store", "item", ("subject", "dataset_id", "item_id", "content", "shape"),
            item_rows(party, ground.residents), ground.residents, progress,
        )  # fmt: skip
        await conn.execute("analyze store.item")
        await conn.close()


async def _copy(
    conn: Connection,
    schema: str,
    table: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    total: int,
    progress: Progress,
) -> None:
    waiting, done = iter(rows), 0
    while chunk := list(islice(waiting, _CHUNK)):
        await conn.raw.copy_records_to_table(table, schema_name=schema, columns=columns, records=chunk)
        done += len(chunk)
        progress(f"{schema}.{table}", done, total)


async def _settle(home: Home) -> None:
    """What a platform that has run for a while has behind it: statistics, visibility maps, a checkpoint."""
    conn = await connect(home.dsn(ADMIN, home.config().database.name), statement_timeout="0")
    await conn.execute("vacuum analyze")
    await conn.execute("checkpoint")
    await conn.close()
