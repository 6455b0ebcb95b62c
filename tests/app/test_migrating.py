"""Migrating a whole platform; a store left behind stops only its organisation."""

from __future__ import annotations

import asyncio
import base64
import os

import msgspec
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from moyai.base import keys
from moyai.base.config import Home
from moyai.base.db import connect
from moyai.base.least_right import held_by
from moyai.base.migrate import check_version, latest
from moyai.base.provision import provision_store, store_names
from moyai.base.roles import PROVISION, SERVE
from moyai.base.secrets import KeyNotHeld, SecretBox
from moyai.identity import credentials
from moyai.upkeep.migrating import Migrated, migrate, migrate_all

INSERT_ORGANIZATION = """
    insert into registry.organization (organization_id, name_ja, name_en, kind)
    values ($1, $1, $1, 'municipality') returning organization_key
"""
INSERT_STAFF = """
    insert into identity.staff (login, name, organization_key, roles)
    select 'desk', 'x', organization_key, array['desk'] from registry.organization returning staff_key
"""
INSERT_LOGIN = """
    insert into identity.credential (login, staff_key, password_hash, sealed_totp) values ('desk', $1, 'x', $2)
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


def sealed_before(home: Home, name: str, secret: bytes) -> bytes:
    """As an earlier release sealed it: under the one key itself."""
    nonce = os.urandom(12)
    return nonce + AESGCM(base64.b64decode(home.kek_file.read_text())).encrypt(nonce, secret, name.encode())


async def test_m7_a_platform_of_an_earlier_release_gets_a_key_for_each_process(fresh_platform):
    home, box = fresh_platform.home, fresh_platform.home.box()
    await register(fresh_platform, "one")
    admin = await fresh_platform.connect("moyai_admin", "moyai_control")
    key = {purpose: await keys.current(admin, box, purpose) for purpose in ("oidc", "log")}
    for one in key.values():
        private = msgspec.json.encode(one.jwk.as_dict(private=True))
        old = sealed_before(home, f"signing-key:{one.key_id}", private)
        await admin.execute("update platform.signing_key set sealed = $2 where key_id = $1", one.key_id, old)
    password = box.open(
        "store:moyai_personal_one", await admin.fetchval("select sealed_password from registry.store")
    )
    old = sealed_before(home, "store:moyai_personal_one", password)
    await admin.execute("update registry.store set sealed_password = $1", old)
    staff = await admin.fetchval(INSERT_STAFF)
    await admin.execute(INSERT_LOGIN, staff, sealed_before(home, "totp:desk", b"BASE32"))

    assert not any(result.problem for result in await migrate_all(home))

    serve = Home(home.directory, held_by(home, "serve")).box()
    worker = Home(home.directory, held_by(home, "worker")).box()
    assert (await keys.current(admin, serve, "oidc")).key_id == key["oidc"].key_id
    assert (await keys.current(admin, worker, "log")).key_id == key["log"].key_id
    for purpose, other in (("log", serve), ("oidc", worker)):
        with pytest.raises(KeyNotHeld):
            await keys.current(admin, other, purpose)
    sealed = await admin.fetchval("select sealed_password from registry.store")
    assert serve.open("store:moyai_personal_one", sealed) == password
    assert await credentials.authenticator_secret(admin, serve, "desk") == "BASE32"
