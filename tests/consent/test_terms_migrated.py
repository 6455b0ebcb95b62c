"""The migration `terms_acceptance` on a platform from before: what was accepted is carried over, and nobody is asked."""

from __future__ import annotations

from moyai.base.db import Connection
from moyai.base.migrate import migrations
from moyai.base.roles import OWNER
from tests.conftest import Platform
from tests.factories import make_consent, make_membership, make_resident, make_terms, make_town

BEFORE = """
drop view registry.link_standing;
drop table registry.link_standing_kept;
create or replace function registry.renew_standing(touched int[]) returns void language plpgsql as 'begin end';
drop view registry.link_standing_followed;
drop trigger asks_for_acceptance on registry.terms_version;
drop trigger knows_platform_terms on registry.service;
drop trigger has_terms on consent.state;
drop trigger reaches_consents on consent.membership;
drop function registry.terms_published, registry.service_appears, consent.carry_terms, consent.terms_accepted,
    registry.terms_until;
drop view registry.terms_standing;
alter table registry.service drop column terms_until, drop column platform_terms_until;
alter table registry.terms_version drop column accept_by;
alter table consent.state drop column service_terms, drop column platform_terms;
"""
"""Takes the migration away again: the schema that the version before had."""


async def test_c1_existing_consents_get_their_terms_and_pause_for_none(fresh_platform: Platform) -> None:
    conn: Connection = await fresh_platform.connect(OWNER)
    await conn.raw.execute(BEFORE)
    town = await make_town(conn)
    platform_terms = await conn.fetchval(
        "select terms_key from registry.terms_version where kind = 'platform'"
    )
    newer = await make_terms(conn, town.kenko, version=2)
    old = await conn.fetchval(
        "select terms_key from registry.terms_version where service_key = $1 and version = 1", town.kenko.key
    )
    people = [await make_resident(conn) for _ in range(3)]
    for resident, terms in zip(people, (old, newer, None), strict=True):
        if terms is not None:
            await make_membership(conn, resident, town.kenko, terms, platform_terms)
        await make_consent(conn, resident, town.links["steps"])
    epochs = await conn.fetchval("select count(*) from ledger.resident_epoch")
    [this] = [one for one in migrations("control") if one.name.endswith("terms_acceptance")]
    await conn.raw.execute(this.sql)
    rows = await conn.fetch("select service_terms, platform_terms from consent.state order by resident_key")
    assert [tuple(row) for row in rows] == [(1, 1), (2, 1), (None, None)]
    assert await conn.fetchval(
        "select terms_until from registry.service where service_id = 'kenko-mimamori'"
    ) == [
        None,
        None,
    ]
    assert await conn.fetchval("select count(*) from ledger.resident_epoch") == epochs, "it closes nothing"
