"""A database of the version before (migrations up to 0006) is migrated: what becomes of the consents in it.

Those whose text was kept cover what that text said; where none was kept, or it said something else, the resident decides anew.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import Mock
from uuid import UUID

import msgspec
import pytest

from moyai.base import migrate
from moyai.base.config import Home
from moyai.base.db import Connection, connect
from moyai.base.engine import ADMIN, Engine
from moyai.base.ids import random_uuid
from moyai.base.roles import OWNER, SERVE, bootstrap
from moyai.consent import gate
from moyai.consent.gate import Question, Verdict
from tests.conftest import write_home
from tests.factories import Made, MadeResident, Town, make_resident, make_town, tie

BEFORE = 6
"""The version of the control database before links had versions."""

SAID = """
    select l.link_id, u.purpose_id, u.name_ja as purpose_name_ja, u.name_en as purpose_name_en, l.purpose_ja,
           l.purpose_en, l.benefit_ja, l.benefit_en, d.dataset_id, d.name_ja as dataset_ja, d.name_en as dataset_en,
           (select jsonb_agg(jsonb_build_object('name', i->>'name', 'text_ja', i->>'ja', 'text_en', i->>'en'))
              from jsonb_array_elements(d.items) i) as items,
           p.component_key as generates, c.component_key as uses
      from registry.link l
      join registry.dataset d using (dataset_key)
      join registry.purpose u using (purpose_key)
      join registry.component p on p.component_key = l.provider_component_key
      join registry.component c on c.component_key = l.consumer_component_key
     where l.link_key = $1
"""
PARTY = """
    select o.organization_id, o.name_ja as organization_ja, o.name_en as organization_en, o.contact,
           c.component_id, c.name_ja as component_ja, c.name_en as component_en
      from registry.component c join registry.organization o using (organization_key) where c.component_key = $1
"""
SERVICE = """
    select service_id, name_ja, name_en, summary_ja, summary_en, kind, municipality_codes, organization_key
      from registry.service where service_key = $1
"""
RESPONSIBLE = """
    select organization_id, name_ja as organization_ja, name_en as organization_en, contact, '' as component_id,
           '' as component_ja, '' as component_en
      from registry.organization where organization_key = $1
"""
SHARED = """
    insert into consent.sharing (sharing_id, resident_key, service_key, link_keys, relation, viewer_name, expires_at)
    select gen_random_uuid(), $1, service_key, $2, 'x', 'x', clock_timestamp() + interval '30 days'
      from registry.service limit 1
"""
MANAGER = """
    select organization_id, name_ja as organization_ja, name_en as organization_en, contact, '' as component_id,
           '' as component_ja, '' as component_en
      from registry.organization where kind = 'operating_organization'
"""


@dataclass
class Old:
    """A database of the version before, in which residents have consented, as that version wrote it."""

    home: Home
    conn: Connection
    town: Town
    client: Made

    async def said(self, link: Made) -> dict[str, Any]:
        """What a text of that version said of a link."""
        row = dict(await self.conn.fetchrow(SAID, link.key) or {})
        generates, uses = row.pop("generates"), row.pop("uses")
        parties = {
            "generates": dict(await self.conn.fetchrow(PARTY, generates) or {}),
            "uses": dict(await self.conn.fetchrow(PARTY, uses) or {}),
            "manages": dict(await self.conn.fetchrow(MANAGER) or {}),
        }
        until = {"until": "2027-11-25T15:00:00.000Z", "until_ja": "2027年11月25日まで", "until_en": "until …"}
        return {**row, **parties, **until, "stop_ja": "いつでもやめられます。", "stop_en": "Any time."}

    async def head(self) -> dict[str, Any]:
        """What a text of that version said of the service."""
        row = dict(await self.conn.fetchrow(SERVICE, self.town.kenko.key) or {})
        organization = row.pop("organization_key")
        return {**row, "provider": dict(await self.conn.fetchrow(RESPONSIBLE, organization) or {})}

    async def consent(self, resident: MadeResident, link: Made, *, kept: bool = True) -> None:
        """A decision of that version; without `kept`, its text is not there any more."""
        act, text = random_uuid(), None
        if kept:
            text = await self._keep(
                resident, {"service": await self.head(), "links": [await self.said(link)]}
            )
        await self.conn.execute(
            "insert into consent.act (act_id, resident_key, service_key, kind, presentation_id, content, client_id,"
            " acted_at) values ($1, $2, $3, 'decide', $4, $5, 'portal', clock_timestamp())",
            act, resident.key, self.town.kenko.key, text, {"links": {link.id: "given"}},
        )  # fmt: skip
        for table in ("state", "history"):
            await self.conn.raw.execute(
                f"insert into consent.{table} (resident_key, link_key, state, act_id, since, expires_at, aal)"
                " values ($1, $2, 1, $3, clock_timestamp(), clock_timestamp() + interval '1 year', 2)",
                resident.key, link.key, act,
            )  # fmt: skip

    async def _keep(self, resident: MadeResident, content: dict[str, Any]) -> UUID:
        presentation_id = random_uuid()
        await self.conn.execute(
            "insert into consent.presentation (presentation_id, resident_key, session_id, service_key, content,"
            " sha256, expires_at) values ($1, $2, 's', $3, $4, $5, clock_timestamp())",
            presentation_id, resident.key, self.town.kenko.key, content,
            hashlib.sha256(msgspec.json.encode(content)).digest(),
        )  # fmt: skip
        return presentation_id

    async def migrate(self) -> Connection:
        """To this release; a session as `serve` has it."""
        await migrate.migrate_control(self.home)
        return await connect(self.home.dsn(SERVE))


async def client_of(conn: Connection, component: Made) -> Made:
    """A client as that version had them: the factory writes columns of now."""
    key = await conn.fetchval(
        "insert into registry.client (client_id, component_key, kind, name_ja, name_en, scopes)"
        " values ('mimamori', $1, 'component', 'x', 'x', array['openid', 'personal:exchange']) returning client_key",
        component.key,
    )
    return Made(key, "mimamori")


@pytest.fixture
async def old(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Old]:
    home = write_home(Path(tempfile.mkdtemp(dir=scratch)))
    home.directory.chmod(0o755)
    engine = Engine(home, durable=False)
    engine.start()
    try:
        await bootstrap(home)
        with monkeypatch.context() as patch:
            first = [one for one in migrate.migrations("control") if one.version <= BEFORE]
            patch.setattr(migrate, "migrations", Mock(return_value=first))
            # the rights of now name tables that are not there yet
            patch.setattr(migrate, "grants", Mock(return_value="select 1"))
            assert await migrate.migrate(home.dsn(OWNER), "control") == BEFORE
        conn = await connect(home.dsn(ADMIN, "moyai_control"))
        town = await make_town(conn)
        yield Old(home, conn, town, await client_of(conn, town.mimamori))
        conn.raw.terminate()
    finally:
        engine.stop()
        shutil.rmtree(home.engine.resolve(), ignore_errors=True)
        shutil.rmtree(home.directory)


async def asked(conn: Connection, old: Old, subject: UUID, dataset: str) -> Verdict:
    town = old.town
    purpose = town.purposes["health-support"].key
    question = Question(old.client.key, town.mimamori.key, str(subject), town.datasets[dataset].key, purpose)
    return (await gate.ask(conn, [question]))[0]


async def test_c1_consents_of_the_version_before_cover_the_text_that_was_kept_and_no_other(old: Old) -> None:
    town, conn = old.town, old.conn
    kept, lost = town.hanako, town.ichiro
    other, elsewhere = await make_resident(conn), await make_resident(conn)
    subjects = {one.key: await tie(conn, one, town.mimamori) for one in (kept, lost, other, elsewhere)}
    for resident in (kept, lost, other, elsewhere):
        for provider in (town.undo_app, town.kenko_app):
            await tie(conn, resident, provider)
    await old.consent(other, town.links["vitals"])
    await conn.execute(
        "update registry.link set purpose_ja = '保険料の算定に使います。' where link_key = $1",
        town.links["vitals"].key,
    )
    # a3: what another organisation's service said is no word for this one's
    responsible = "update registry.service set organization_key = $2 where service_key = $1"
    await conn.execute(responsible, town.kenko.key, town.c2.key)
    await old.consent(elsewhere, town.links["vitals"])
    await conn.execute(responsible, town.kenko.key, town.c1.key)
    await old.consent(kept, town.links["vitals"])
    await old.consent(kept, town.links["steps"])
    await old.consent(lost, town.links["vitals"], kept=False)
    serve = await old.migrate()
    try:
        flows = await asked(serve, old, subjects[kept.key], "vitals")
        assert [permit.items for permit in flows.permits] == [("systolic", "weight_kg")]
        flows = await asked(serve, old, subjects[kept.key], "steps")
        assert [permit.items for permit in flows.permits] == [("steps",)]
        for resident in (lost, other, elsewhere):
            refused = await asked(serve, old, subjects[resident.key], "vitals")
            assert refused.permits == []
            assert [one.code for one in refused.refusals] == ["consent_outdated"]
    finally:
        serve.raw.terminate()


async def test_c1_after_the_upgrade_another_text_closes_what_was_consented_to_before(old: Old) -> None:
    town, conn = old.town, old.conn
    subject = await tie(conn, town.hanako, town.mimamori)
    await tie(conn, town.hanako, town.undo_app)
    await old.consent(town.hanako, town.links["steps"])
    await conn.execute(SHARED, town.hanako.key, [town.links["vitals"].key, town.links["steps"].key])
    serve = await old.migrate()
    try:
        assert (await asked(serve, old, subject, "steps")).permits
        # a9: shared before, on what was consented to then; the other link never was
        shared = await conn.fetchval("select version_keys from consent.sharing")
        assert shared == [None, await conn.fetchval("select version_key from consent.state")]
        await conn.execute(
            'update registry.dataset set items = items || \'[{"name": "heart_rate", "ja": "心拍", "en": "Heart rate"}]\','
            " schema = jsonb_set(schema, '{properties,heart_rate}', '{}') where dataset_id = 'steps'"
        )
        assert [one.items for one in (await asked(serve, old, subject, "steps")).permits] == [("steps",)]
        await conn.execute("update registry.purpose set name_ja = '広告' where purpose_id = 'health-support'")
        assert [one.code for one in (await asked(serve, old, subject, "steps")).refusals] == [
            "consent_outdated"
        ]
    finally:
        serve.raw.terminate()
