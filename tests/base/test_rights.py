"""Who may log in where, and do what: decided by PostgreSQL, whatever our programs do."""

from __future__ import annotations

import itertools
from uuid import UUID

import asyncpg
import pytest

from moyai.base import keys
from moyai.base.config import make_dsn
from moyai.base.db import connect
from moyai.base.provision import provision_store
from moyai.base.roles import OWNER, PROCESS_ROLES, PROVISION, SERVE, WORKER
from moyai.base.secrets import SecretBox
from moyai.ledger.model import leaf_bytes

_ID = UUID(int=7)
_LEAF = "\\x" + leaf_bytes(1, 0, _ID.bytes, bytes(32)).hex()

APPENDED = {
    "ledger.entry": f"insert into ledger.entry (entry_id, leaf) values ('{_ID}', '{_LEAF}')",
    "ledger.sequence": "insert into ledger.sequence (index, entry_id) values (0, gen_random_uuid())",
    "ledger.checkpoint": "insert into ledger.checkpoint (size, root, note) values (1, '', '')",
}
CHANGES = {
    "ledger.entry": "update ledger.entry set leaf = ''",
    "ledger.sequence": "update ledger.sequence set index = index + 1",
    "ledger.checkpoint": "update ledger.checkpoint set note = ''",
}


@pytest.fixture(scope="module")
async def stores(platform):
    """Two organisations' stores, and the box that their passwords are sealed with."""
    return [await provision_store(platform.home, name) for name in ("right-a", "right-b")]


async def refused(dsn: str, error: type[Exception]) -> bool:
    with pytest.raises(error):
        await connect(dsn)
    return True


def test_pg_hba_knows_scram_only(platform):
    text = (platform.engine.data / "pg_hba.conf").read_text()
    rules = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    assert {rule[-1] for rule in rules} == {"scram-sha-256"}
    assert "trust" not in text


@pytest.mark.parametrize("role", [*PROCESS_ROLES, "moyai_admin", "store_right_a"])
@pytest.mark.parametrize("password", ["", "wrong"])
async def test_no_role_logs_in_without_its_password(platform, stores, role, password):
    socket = platform.home.config().database.host
    database = stores[0].database if role.startswith("store_") else "moyai_control"
    await refused(make_dsn(socket, 5432, role, password, database), asyncpg.InvalidPasswordError)


async def test_every_password_is_stored_as_scram(platform):
    admin = await platform.connect("moyai_admin", "postgres")
    stored = await admin.fetch(
        "select rolname, left(rolpassword, 14) as form from pg_authid where rolcanlogin"
    )
    assert {row["form"] for row in stored} == {"SCRAM-SHA-256$"}


async def test_one_organisations_role_does_not_open_anothers_database(stores, box):
    a, b = stores
    password = b.dsn(box).split(":")[2].split("@")[0]
    await refused(make_dsn(b.host, b.port, b.role, password, a.database), asyncpg.InsufficientPrivilegeError)
    opened = await connect(b.dsn(box))
    assert await opened.fetchval("select current_user") == "store_right_b"
    await opened.close()


@pytest.mark.parametrize("database", ["moyai_control", "moyai_context", "postgres", "template1"])
async def test_a_store_role_opens_nothing_but_its_store(stores, box, database):
    a = stores[0]
    password = a.dsn(box).split(":")[2].split("@")[0]
    await refused(make_dsn(a.host, a.port, a.role, password, database), asyncpg.InsufficientPrivilegeError)


@pytest.mark.parametrize("role", [SERVE, WORKER])
async def test_the_process_roles_do_not_open_stores(platform, stores, role):
    await refused(platform.dsn(role, stores[0].database), asyncpg.InsufficientPrivilegeError)


async def test_process_and_store_roles_are_neither_superusers_nor_members(platform, stores):
    admin = await platform.connect("moyai_admin", "postgres")
    roles = await admin.fetch(
        """
        select r.rolname from pg_roles r
         where r.rolname = any($1)
           and (r.rolsuper or r.rolcreaterole or r.rolcreatedb or r.rolreplication or r.rolbypassrls
                or exists (select from pg_auth_members m where m.member = r.oid))
        """,
        [SERVE, WORKER, *(store.role for store in stores)],
    )
    assert roles == []


@pytest.mark.parametrize("role", [SERVE, WORKER])
async def test_the_process_roles_own_nothing(platform, role):
    conn = await platform.connect(role)
    assert await conn.fetchval("select count(*) from pg_class where relowner = $1::regrole", role) == 0
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await conn.execute("create table public.own (id int)")


async def test_appended_rows_are_immutable_for_every_role(fresh_platform):
    admin = await fresh_platform.connect("moyai_admin", "moyai_control")
    for insert in APPENDED.values():
        await admin.raw.execute(insert)
    await refused(fresh_platform.dsn(PROVISION), asyncpg.InsufficientPrivilegeError)
    for role, (table, update) in itertools.product((OWNER, SERVE, WORKER, "moyai_admin"), CHANGES.items()):
        conn = await fresh_platform.connect(role, "moyai_control")
        for statement in (update, f"delete from {table}", f"truncate {table} cascade"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await conn.raw.execute(statement)
        assert await admin.raw.fetchval(f"select count(*) from {table}") == 1


async def test_only_serve_erases_contents(fresh_platform):
    worker, serve = await fresh_platform.connect(WORKER), await fresh_platform.connect(SERVE)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await worker.execute("delete from ledger.content")
    await serve.execute("delete from ledger.content")


async def test_a_store_role_changes_rows_but_not_tables(stores, box):
    conn = await connect(stores[0].dsn(box))
    try:
        await conn.execute(
            "insert into store.item (subject, dataset_id, item_id, content) values (gen_random_uuid(), 'd', 'i', '{}')"
        )
        await conn.execute("delete from store.item")
        for statement in (
            "drop table store.item",
            "truncate store.item",
            "create table store.other (id int)",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await conn.raw.execute(statement)
    finally:
        await conn.close()


def _leaf(entry_id: UUID, **changed: int) -> bytes:
    whole = {"kind": 1, "at_ms": 1_790_000_000_000} | changed
    return leaf_bytes(whole["kind"], whole["at_ms"], entry_id.bytes, bytes(32))


WRONG_LEAVES = {
    "four bytes": b"\x01\x01\x00\x00",
    "none": b"",
    "too long": _leaf(_ID) + b"x",
    "version": b"\x02" + _leaf(_ID)[1:],
    "no kind": _leaf(_ID, kind=0),
    "after the year 9999": _leaf(_ID, at_ms=253_402_300_800_000),
    "another's id": _leaf(UUID(int=8)),
}


@pytest.mark.parametrize("role", [SERVE, WORKER])
async def test_m7_no_role_inserts_an_entry_that_is_no_entry(fresh_platform, role):
    conn = await fresh_platform.connect(role)
    insert = "insert into ledger.entry (entry_id, leaf) values ($1, $2)"
    for leaf in WRONG_LEAVES.values():
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await conn.execute(insert, _ID, leaf)
    await conn.execute(insert, _ID, _leaf(_ID, at_ms=253_402_300_799_999))


@pytest.mark.parametrize("role", [SERVE, WORKER])
async def test_m7_no_role_chooses_the_place_of_its_entries(fresh_platform, role):
    """With another transaction's number, an entry would never be placed, or hold up the others."""
    conn = await fresh_platform.connect(role)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await conn.execute(
            "insert into ledger.entry (entry_id, leaf, xact) values ($1, $2, '5')", _ID, _leaf(_ID)
        )


@pytest.mark.parametrize(
    "change",
    [
        {"body": "no json"},
        {"body": "[]"},
        {"body": "[" * 100_000},
        {"salt": b"short"},
        {"kind": 0},
        {"kind": 300},
        {"resident_key": -1},
    ],
)
async def test_m7_no_role_inserts_a_content_that_cannot_be_read(fresh_platform, change):
    conn = await fresh_platform.connect(SERVE)
    row = {"resident_key": 0, "kind": 1, "salt": bytes(16), "body": "{}"} | change
    with pytest.raises(asyncpg.PostgresError):
        await conn.execute(
            "insert into ledger.content (resident_key, entry_id, kind, at, salt, body)"
            " values ($1, gen_random_uuid(), $2, now(), $3, $4)",
            *row.values(),
        )


async def test_m7_a_process_reads_no_private_key_but_its_own(fresh_platform):
    box = fresh_platform.home.box()
    serve, worker = await fresh_platform.connect(SERVE), await fresh_platform.connect(WORKER)
    for purpose in ("oidc", "receipt", "grant"):
        await keys.current(serve, box, purpose)
    await keys.current(worker, box, "log")
    seen = "select array_agg(distinct purpose order by purpose) from platform.signing_key"
    assert await serve.fetchval(seen) == ["grant", "oidc", "receipt"]
    assert await worker.fetchval(seen) == ["log"]
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await keys.current(serve, SecretBox(bytes(32)), "log")  # nor can it put one there
    for conn in (serve, worker):
        assert [len((await keys.public_set(conn, purpose))["keys"]) for purpose in ("oidc", "log")] == [1, 1]
        for change in ("update platform.signing_key set sealed = ''", "delete from platform.signing_key"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await conn.raw.execute(change)
