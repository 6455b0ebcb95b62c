"""C1: a consent covers the text that was read. What becomes of it when the registry changes, line by line."""

from __future__ import annotations

from typing import Any

import pytest

from moyai.base.db import Connection
from moyai.consent import gate, overview
from moyai.consent.gate import Question, Verdict
from tests.consent.conftest import calls
from tests.factories import Made, Town, make_client, make_consent, make_organization, tie

CHANGES = {
    "purpose text": "update registry.link set purpose_ja = '保険料の算定に使います。' where link_key = $1",
    "purpose text in English": "update registry.link set purpose_en = 'To set premiums.' where link_key = $1",
    "benefit": "update registry.link set benefit_ja = '特になし' where link_key = $1",
    "name of the purpose": "update registry.purpose set name_ja = '広告' where $1::int > 0",
    "name of the dataset": "update registry.dataset set name_ja = '位置情報' where $1::int > 0",
    "meaning of an item": """update registry.dataset set items =
        '[{"name": "weight_kg", "ja": "体重", "en": "Weight"}, {"name": "systolic", "ja": "病名", "en": "Illness"}]'
        where dataset_id = 'vitals' and $1::int > 0""",
    "schema of an item": """update registry.dataset
        set schema = jsonb_set(schema, '{properties,systolic}', '{"type": "string"}') where $1::int > 0""",
    "another provider's name": "update registry.component set name_ja = '別の部品' where $1::int > 0",
    "another organisation's name": "update registry.organization set name_ja = '別の組織' where $1::int > 0",
    "another manager": "update registry.organization set name_ja = '別の運営' where organization_id = 'unei' and $1::int > 0",
    "name of the service": "update registry.service set name_ja = '保険料と広告' where $1::int > 0",
    "name of the service in English": "update registry.service set name_en = 'Premiums' where $1::int > 0",
    "summary of the service": "update registry.service set summary_ja = '保険料を決めます。' where $1::int > 0",
    "summary of the service in English": "update registry.service set summary_en = 'Ads.' where $1::int > 0",
    "another organisation responsible for the service": """update registry.service set organization_key =
        (select organization_key from registry.organization where organization_id = 'c2') where $1::int > 0""",
    "another provider": """update registry.link set provider_component_key =
        (select component_key from registry.component where component_id = 'mimamori-sensor') where link_key = $1""",
    "another organisation behind the provider": """update registry.component set organization_key =
        (select organization_key from registry.organization where organization_id = 'c2')
        where component_id = 'kenko-app' and $1::int > 0""",
}


SUCCESSION_ID = "6f9619ff-8b86-4d11-b42d-00c04fc964ff"
SUCCESSION = f"""
    insert into registry.succession (succession_id, kind, noun, thing_id, before, after, document, document_number,
                                     effective_date, notice_ja, notice_en, actor, body_sha256)
    values ('{SUCCESSION_ID}', 'renaming', 'organization', 'c1', '{{}}', '{{}}', '条例', '1', now(), '改称', 'Renamed',
            'test', '');
    select set_config('moyai.succession', '{SUCCESSION_ID}', true)
"""


class Consented:
    """Hanako lets `mimamori` have her vitals (weight and blood pressure)."""

    def __init__(self, conn: Connection, town: Town, client: Made, subject: str) -> None:
        self.conn, self.town, self.link = conn, town, town.links["vitals"]
        self.question = Question(
            client.key,
            town.mimamori.key,
            subject,
            town.datasets["vitals"].key,
            town.purposes["health-support"].key,
        )

    async def change(self, statement: str, *args: Any) -> None:
        await self.conn.raw.execute(statement, *args)

    async def set_items(self, *names: str) -> None:
        await self.change(
            """
            update registry.dataset set
                items = (select jsonb_agg(jsonb_build_object('name', n, 'ja', n, 'en', n) order by n)
                           from unnest($1::text[]) n),
                schema = jsonb_build_object('type', 'object', 'additionalProperties', false,
                    'properties', (select jsonb_object_agg(n, '{}'::jsonb) from unnest($1::text[]) n))
             where dataset_id = 'vitals'
            """,
            list(names),
        )

    async def ask(self) -> Verdict:
        return (await gate.ask(self.conn, [self.question]))[0]

    async def items(self) -> tuple[str, ...] | str | None:
        """What flows, or the code of the refusal."""
        verdict = await self.ask()
        return verdict.permits[0].items if verdict.permits else verdict.refusals[0].code


@pytest.fixture
async def consented(control: Connection, town: Town) -> Consented:
    client = await make_client(control, town.mimamori)
    subject = await tie(control, town.hanako, town.mimamori)
    for provider in (town.kenko_app, town.sensor):
        await tie(control, town.hanako, provider)
    await make_consent(control, town.hanako, town.links["vitals"])
    return Consented(control, town, client, str(subject))


async def test_c1_what_was_read_flows(consented: Consented) -> None:
    assert await consented.items() == ("systolic", "weight_kg")
    assert (await consented.ask()).permits[0].version == 1


@pytest.mark.parametrize("what", CHANGES)
async def test_c1_a_text_that_says_something_else_closes(consented: Consented, what: str) -> None:
    await consented.change(CHANGES[what], consented.link.key)
    verdict = await consented.ask()
    assert [refusal.code for refusal in verdict.refusals] == ["consent_outdated"]
    assert verdict.refusals[0].extra == {"consented_version": 1}


async def test_c1_an_added_item_waits_for_a_decision(consented: Consented) -> None:
    await consented.set_items("a", "b")
    await make_consent(consented.conn, consented.town.hanako, consented.link)
    await consented.set_items("a", "b", "psychiatric_note")
    assert await consented.items() == ("a", "b")
    await make_consent(consented.conn, consented.town.hanako, consented.link)
    assert await consented.items() == ("a", "b", "psychiatric_note")


async def test_c1_of_removed_items_the_rest_flows_and_what_comes_back_means_the_same(
    consented: Consented,
) -> None:
    await consented.set_items("a", "b")
    await make_consent(consented.conn, consented.town.hanako, consented.link)
    await consented.set_items("a")
    assert await consented.items() == ("a",)
    await consented.set_items("a", "b")
    assert await consented.items() == ("a", "b")
    await consented.set_items("c")
    assert await consented.items() == "consent_outdated"


async def test_c1_another_duration_changes_nothing_for_who_has_read(consented: Consented) -> None:
    before = await consented.conn.fetchval("select expires_at from consent.state")
    await consented.change(
        "update registry.link set consent_days = 3650 where link_key = $1", consented.link.key
    )
    assert await consented.items() == ("systolic", "weight_kg")
    assert await consented.conn.fetchval("select expires_at from consent.state") == before


async def test_c1_a_consent_from_before_whose_text_is_not_kept_is_outdated(consented: Consented) -> None:
    await consented.change("update consent.state set version_key = null")
    assert await consented.items() == "consent_outdated"


async def test_a3_every_link_of_a_service_says_what_the_service_is(consented: Consented) -> None:
    """Whoever is responsible for a service without a component in its links is named, too."""
    await consented.change(
        "update registry.service set organization_key = $1 where service_id = 'kenko-mimamori'",
        consented.town.c2.key,
    )
    await make_consent(consented.conn, consented.town.hanako, consented.link)
    assert await consented.items() == ("systolic", "weight_kg")
    await consented.change("update registry.organization set name_en = 'Ads' where organization_id = 'c2'")
    assert await consented.items() == "consent_outdated"


async def test_a3_another_service_changes_no_text(consented: Consented) -> None:
    await consented.change("update registry.service set name_ja = '別' where service_id <> 'kenko-mimamori'")
    assert await consented.items() == ("systolic", "weight_kg")
    assert (await consented.ask()).permits[0].version == 1


async def test_contacts_levels_and_scope_are_no_part_of_the_text(consented: Consented) -> None:
    await consented.change("update registry.organization set contact = '087-000-0000'")
    await consented.change("update registry.dataset set required_aal = 2")
    assert await consented.items() == ("systolic", "weight_kg")
    assert await consented.conn.fetchval("select max(version) from registry.link_version") == 1


async def test_a_new_organisation_changes_no_text(consented: Consented) -> None:
    await make_organization(consented.conn, "another")
    assert await consented.items() == ("systolic", "weight_kg")


async def test_a_succession_carries_consents_on(consented: Consented) -> None:
    async with consented.conn.transaction():
        await consented.change(SUCCESSION)
        await consented.change(
            "update registry.organization set name_ja = '新高松市' where organization_id = 'c1'"
        )
        await consented.change("select set_config('moyai.succession', '', true)")
    assert await consented.items() == ("systolic", "weight_kg")
    await consented.change("update registry.purpose set name_ja = '広告'")
    assert await consented.items() == "consent_outdated"


async def test_no_setting_carries_consents_on_without_a_succession_on_record(consented: Consented) -> None:
    await consented.conn.fetchval("select set_config('moyai.succession', 'x', true)")
    await consented.change(
        "update registry.organization set name_ja = '新高松市' where organization_id = 'c1'"
    )
    assert await consented.items() == "consent_outdated"


async def test_a_succession_of_another_transaction_carries_nothing_on(consented: Consented) -> None:
    earlier = SUCCESSION.replace("body_sha256)", "body_sha256, xact)").replace(
        "'test', '')", "'test', '', '3')"
    )
    await consented.change(earlier)
    await consented.change(
        "update registry.organization set name_ja = '新高松市' where organization_id = 'c1'"
    )
    assert await consented.items() == "consent_outdated"


async def test_a_succession_carries_nothing_but_names_of_parties(consented: Consented) -> None:
    async with consented.conn.transaction():
        await consented.change(SUCCESSION)
        await consented.change("update registry.purpose set name_ja = '広告'")
    assert await consented.items() == "consent_outdated"


async def test_c1_the_resident_reads_that_nothing_flows_under_an_outdated_text(consented: Consented) -> None:
    hanako = calls(consented.town.hanako)

    async def closed() -> str | None:
        standing = await overview.consents_of_service(consented.conn, hanako, consented.town.kenko.id)
        return next(link.closed for link in standing.links if link.dataset_id == "vitals")

    assert await closed() is None
    await consented.change(CHANGES["purpose text"], consented.link.key)
    assert await closed() == "consent_outdated"
