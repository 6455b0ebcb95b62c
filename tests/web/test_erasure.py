"""Erasure, through every room: content, salts and pairwise numbers go; commitments stay."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import httpx
import pytest

from moyai import ledger
from moyai.base.db import Connection, connect
from moyai.base.journal import Journal
from moyai.base.provision import Store
from moyai.base.secrets import SecretBox
from moyai.base.stops import Line, ResidentClosed, ResidentErased
from moyai.ledger import Act, Kind, contents
from moyai.web import erasure
from moyai.web.erasure import erase_due, tried_later
from tests import factories
from tests.conftest import Platform
from tests.factories import Town
from tests.web.peers import Party


@pytest.fixture
async def town(control: Connection, organization_store: Store) -> Town:
    """The town, with the test's store as the one of C1."""
    town = await factories.make_town(control)
    await control.execute(
        "insert into registry.store (broker, organization_key, host, port, database, role, sealed_password)"
        " values ('personal', $1, $2, $3, $4, $5, $6)",
        town.c1.key,
        organization_store.host,
        organization_store.port,
        organization_store.database,
        organization_store.role,
        organization_store.sealed_password,
    )
    return town


async def _items(store: Store, box: SecretBox, subject: UUID) -> int:
    conn = await connect(store.dsn(box))
    try:
        return await conn.fetchval("select count(*) from store.item where subject = $1", subject)
    finally:
        await conn.close()


async def _put(store: Store, box: SecretBox, subject: UUID) -> None:
    """Committed, as a provider's write is: erasure reaches a store through a session of its own."""
    conn = await connect(store.dsn(box))
    try:
        await conn.execute(
            "insert into store.item (subject, dataset_id, item_id, content) values ($1, 'steps', 'a', '{}')",
            subject,
        )
    finally:
        await conn.close()


async def _asked(control: Connection, web: httpx.AsyncClient, town: Town, resident_id: str) -> httpx.Response:
    party = Party(web, "desk-c1")
    await factories.make_client(
        control,
        organization=town.c1,
        client_id="desk-c1",
        kind="desk",
        jwks=party.key.jwks,
        scopes=("identity:erase",),
    )
    token = (await party.token(grant_type="client_credentials")).json()["access_token"]
    path = f"/identity/v1/residents/{resident_id}/erasure"
    return await party.call("POST", path, token, json={"ground": "本人の申出"})


async def _erase(app: Any, control: Connection, web: httpx.AsyncClient, town: Town, resident_id: str) -> int:
    """Asked for by the desk's program, stood for by a clerk, and nobody took it back for 24 hours."""
    asked = await _asked(control, web, town, resident_id)
    assert (asked.status_code, asked.json()["state"], asked.json()["takes_effect_at"]) == (
        202,
        "waiting",
        None,
    )
    (clerk,) = await factories.make_clerks(control, town.c1, 1)
    await control.execute("update identity.desk_request set staff_key = $1", clerk.key)
    assert await erase_due(app.state.platform) == 0
    await control.execute("update identity.desk_request set expires_at = clock_timestamp() - interval '1 s'")
    return await erase_due(app.state.platform)


async def test_everything_about_the_person_goes_and_the_proof_stays(
    app: object,
    control: Connection,
    web: httpx.AsyncClient,
    town: Town,
    organization_store: Store,
    box: SecretBox,
    platform: Platform,
) -> None:
    hanako, other = town.hanako, town.ichiro
    subject = await factories.tie(control, hanako, town.undo_app)
    kept = await factories.tie(control, other, town.undo_app)
    for one in (subject, kept):
        await _put(organization_store, box, one)
    await factories.make_consent(control, hanako, town.links["steps"])
    await factories.make_consent(control, other, town.links["steps"])
    entry = await ledger.record(
        control,
        Act(
            kind=Kind.REFUSAL,
            actor="resident",
            resident_key=hanako.key,
            detail=contents.Refusal(sources=[], code="marked"),
        ),
    )
    assert await _erase(app, control, web, town, hanako.id) == 1

    assert await _items(organization_store, box, subject) == 0
    assert await _items(organization_store, box, kept) == 1
    for count in (
        "select count(*) from identity.person where resident_key = $1",
        "select count(*) from identity.pairwise where resident_key = $1",
        "select count(*) from consent.state where resident_key = $1",
        "select count(*) from personal.location where resident_key = $1",
        "select count(*) from ledger.content where resident_key = $1",
    ):
        assert await control.fetchval(count, hanako.key) == 0, count
    assert (
        await control.fetchval("select count(*) from consent.state where resident_key = $1", other.key) == 1
    )
    assert await control.fetchval("select leaf from ledger.entry where entry_id = $1", entry) is not None
    stops = [line.stop for line in Journal.of(platform.home).lines() if isinstance(line, Line)]
    of_hanako = [one for one in stops if getattr(one, "resident_id", "") == hanako.id]
    assert of_hanako == [ResidentClosed(resident_id=hanako.id), ResidentErased(resident_id=hanako.id)]


async def test_a_store_that_does_not_answer_keeps_the_erasure_open(
    app: object, control: Connection, web: httpx.AsyncClient, town: Town
) -> None:
    await factories.tie(control, town.hanako, town.undo_app)
    await control.execute("update registry.store set port = 1")
    assert await _erase(app, control, web, town, town.hanako.id) == 0
    assert await control.fetchval("select count(*) from identity.desk_request") == 1
    state = await control.fetchval(
        "select state from identity.resident where resident_key = $1", town.hanako.key
    )
    assert state == "closed"
    assert (
        await control.fetchval(
            "select count(*) from identity.person where resident_key = $1", town.hanako.key
        )
        == 1
    )


async def _due(control: Connection, town: Town, *resident_ids: str) -> None:
    """Erasures that two stand for, in this order."""
    one, two = await factories.make_clerks(control, town.c1, 2)
    for n, resident_id in enumerate(resident_ids):
        await control.execute(
            "insert into identity.desk_request (request_id, resident_key, organization_key, act, content, asked_by,"
            " asked_at, expires_at, staff_key, confirmed_by)"
            " select gen_random_uuid(), resident_key, $3, 'erase', '{\"ground\": \"x\"}',"
            " $4, now(), now() + make_interval(mins => $2), $5, $6"
            " from identity.resident where resident_id = $1",
            resident_id,
            n,
            town.c1.key,
            one.actor,
            one.key,
            two.actor,
        )


async def _state(control: Connection, resident_id: str) -> str:
    return await control.fetchval("select state from identity.resident where resident_id = $1", resident_id)


async def test_i3_a_store_that_is_away_keeps_no_other_person_waiting(
    app: Any, control: Connection, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasure, "_AT_ONCE", 1)
    await factories.tie(control, town.hanako, town.undo_app)
    await control.execute("update registry.store set port = 1")
    await _due(control, town, town.hanako.id, town.ichiro.id)
    later = tried_later()
    assert await erase_due(app.state.platform, later) == 1
    assert (await _state(control, town.hanako.id), await _state(control, town.ichiro.id)) == (
        "closed",
        "erased",
    )
    assert len(later.waiting()) == 1, "it is tried again, not at once"


async def test_i3_an_exception_that_nobody_foresaw_ends_the_round_for_nobody_else(
    app: Any, control: Connection, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = erasure._carry_out  # pyright: ignore[reportPrivateUsage]

    async def fails(platform: Any, key: int, *about: Any) -> None:
        if key == town.hanako.key:
            raise KeyError("nobody foresaw this")
        await whole(platform, key, *about)

    monkeypatch.setattr(erasure, "_carry_out", fails)
    await _due(control, town, town.hanako.id, town.ichiro.id)
    assert await erase_due(app.state.platform) == 1
    assert await _state(control, town.ichiro.id) == "erased"
    assert await control.fetchval("select count(*) from identity.desk_request") == 1
