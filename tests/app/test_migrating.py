"""Migrating a whole platform; a store left behind stops only its organisation."""

from __future__ import annotations

import asyncio

from moyai.base.config import Home
from moyai.base.db import connect
from moyai.base.migrate import check_version, latest
from moyai.base.provision import provision_store, store_names
from moyai.base.roles import PROVISION, SERVE
from moyai.base.secrets import SecretBox
from moyai.commands.migrating import Migrated, migrate, migrate_all

INSERT_ORGANIZATION = """
    insert into registry.organization (organization_id, name_ja, name_en, kind)
    values ($1, $1, $1, 'municipality') returning organization_key
"""
INSERT_STORE = """
    insert into registry.store (broker, organization_key, host, port, database, role, sealed_password)
    values ('personal', $1, $2, $3, $4, $5, $6)
"""


async def register(platform, organization_id: str) -> None:
    made = await provision_store(platform.home, organization_id)
    conn = await platform.connect()
    key = await conn.fetchval(INSERT_ORGANIZATION, organization_id)
    await conn.execute(
        INSERT_STORE, key, made.host, made.port, made.database, made.role, made.sealed_password
    )


async def versions(platform) -> dict[str, int]:
    conn = await platform.connect()
    return dict(await conn.fetch("select database, schema_version from registry.store"))


def test_a_stopped_platform_is_migrated_with_its_own_engine(own_home):
    assert migrate(own_home) == [
        Migrated("moyai_control", latest("control")),
        Migrated("moyai_context", latest("context")),
    ]


async def test_a_server_that_is_not_ours_is_set_up_with_its_operators_uri(
    fresh_platform, tmp_path, monkeypatch
):
    """Another platform's server stands for it: this platform knows no password there, and starts no engine."""
    text = fresh_platform.home.config_file.read_text()
    home = Home(tmp_path / "platform")
    SecretBox.create_file(home.kek_file)
    home.config_file.write_text(text + 'embedded = false\nname = "moyai_elsewhere_control"\n')
    uri = tmp_path / "admin-uri"
    uri.write_text(fresh_platform.dsn("moyai_admin", "postgres") + "\n")
    monkeypatch.setenv("MOYAI_ADMIN_DSN_FILE", str(uri))
    results = await asyncio.to_thread(migrate, home)
    assert [result.database for result in results] == ["moyai_elsewhere_control", "moyai_elsewhere_context"]
    conn = await connect(home.dsn(SERVE))
    assert await check_version(conn, "control") == latest("control")
    await conn.close()
    assert not home.engine.exists()


async def test_stores_are_migrated_and_noted(fresh_platform):
    for organization_id in ("one", "two"):
        await register(fresh_platform, organization_id)
    results = await migrate_all(fresh_platform.home)
    assert {result.database for result in results[2:]} == {"moyai_personal_one", "moyai_personal_two"}
    assert not any(result.problem for result in results)
    assert set((await versions(fresh_platform)).values()) == {latest("store")}


async def test_a_broken_store_stops_only_its_organisation(fresh_platform):
    for organization_id in ("good", "broken"):
        await register(fresh_platform, organization_id)
    database, _ = store_names("broken")
    owner = await connect(fresh_platform.dsn(PROVISION, database))
    await owner.execute("drop table store.item cascade")
    await owner.execute("truncate public.moyai_schema_version")
    await owner.close()
    results = {result.database: result for result in await migrate_all(fresh_platform.home)}
    assert results[database].problem == "DuplicateSchemaError"
    assert results["moyai_personal_good"].problem is None
    assert await versions(fresh_platform) == {"moyai_personal_good": latest("store"), database: 0}
