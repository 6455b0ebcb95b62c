"""Pairwise subjects: one number per resident and component, and no way across."""

from __future__ import annotations

from uuid import uuid4

import pytest

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.base.journal import Journal
from moyai.identity import pairwise, residents
from moyai.registry import store_parties
from moyai.registry.store_parties import ClientParty, ServedScope
from tests import factories
from tests.admin import as_admin
from tests.factories import C1, C2, Made
from tests.identity.conftest import Scene


async def _client(control: Connection, component: Made) -> ClientParty:
    made = await factories.make_client(control, component)
    party = await store_parties.client_party(control, made.id)
    assert party is not None
    return party


async def _code(attempt: object) -> str:
    with pytest.raises(Problem) as caught:
        await attempt  # type: ignore[misc]
    return caught.value.code


async def test_every_component_gets_a_number_of_its_own(control: Connection, scene: Scene) -> None:
    hanako = scene.town.hanako.key
    one = await _client(control, scene.town.mimamori)
    two = await _client(control, scene.town.undo_app)
    first, second = await pairwise.tie(control, one, hanako), await pairwise.tie(control, two, hanako)
    assert first != second
    assert await pairwise.tie(control, one, hanako) == first


async def test_another_components_number_resolves_to_nobody(control: Connection, scene: Scene) -> None:
    subject = await pairwise.tie(control, await _client(control, scene.town.mimamori), scene.town.hanako.key)
    found = await pairwise.resolve(control, scene.town.mimamori.key, subject)
    assert found.resident_key == scene.town.hanako.key
    assert await _code(pairwise.resolve(control, scene.town.undo_app.key, subject)) == "subject_unknown"
    assert await _code(pairwise.resolve(control, scene.town.mimamori.key, uuid4())) == "subject_unknown"


async def test_an_ended_number_resolves_until_it_has_run_out_and_never_ties_again(
    control: Connection, scene: Scene
) -> None:
    client = await _client(control, scene.town.mimamori)
    old = await pairwise.tie(control, client, scene.town.hanako.key)
    async with as_admin(control):
        await control.execute(
            "update identity.pairwise set ends_at = clock_timestamp() + interval '1 day' where subject = $1",
            old,
        )
    new = await pairwise.tie(control, client, scene.town.hanako.key)
    assert new != old
    for subject in (old, new):
        assert (await pairwise.resolve(control, scene.town.mimamori.key, subject)).resident_key
    async with as_admin(control):
        await control.execute(
            "update identity.pairwise set ends_at = clock_timestamp() where ends_at is not null"
        )
    assert await _code(pairwise.resolve(control, scene.town.mimamori.key, old)) == "subject_unknown"


def test_low_no_act_exchanges_a_number_under_which_a_provider_has_stored_items() -> None:
    assert not hasattr(pairwise, "rotate")


async def test_erasure_leaves_no_way_back(control: Connection, scene: Scene, journal: Journal) -> None:
    subject = await pairwise.tie(control, await _client(control, scene.town.mimamori), scene.town.hanako.key)
    await residents.erase(control, scene.town.hanako.key, "staff:c1", "本人の申出", journal)
    assert await _code(pairwise.resolve(control, scene.town.mimamori.key, subject)) == "subject_unknown"


def _service(state: str = "certified", organization: str = "certified", *codes: str) -> ServedScope:
    return ServedScope("s", "s", "s", state, organization, codes or (C1,), 2, 2)


@pytest.mark.parametrize(
    ("services", "code"),
    [
        ([], "service_not_certified"),
        ([_service("registered")], "service_not_certified"),
        ([_service("certified", "suspended")], "organization_suspended"),
        ([_service("registered", "suspended")], "organization_suspended"),
        ([_service("suspended")], "service_suspended"),
        ([_service("registered"), _service("suspended")], "service_suspended"),
        ([_service("suspended"), _service()], None),
        ([_service("certified", "certified", C2)], "outside_user_scope"),
        ([_service("registered"), _service("certified", "certified", C2)], "outside_user_scope"),
        ([_service("certified", "certified", C2), _service()], None),
        ([_service("registered"), _service()], None),
    ],
)
def test_one_certified_service_for_the_residents_municipality_is_enough(
    services: list[ServedScope], code: str | None
) -> None:
    if code is None:
        pairwise.check_scope(services, C1)
        return
    with pytest.raises(Problem) as caught:
        pairwise.check_scope(services, C1)
    assert caught.value.code == code


async def test_a_resident_who_moved_away_is_not_authorised_any_more(
    control: Connection, scene: Scene
) -> None:
    client = await _client(control, scene.town.mimamori)
    await pairwise.tie(control, client, scene.town.hanako.key)
    hanako = await residents.find(control, scene.town.hanako.key)
    assert hanako is not None
    await residents.move(control, scene.c1, hanako, C2, "", "香川県木田郡三木町氷上310")
    assert await _code(pairwise.tie(control, client, scene.town.hanako.key)) == "outside_user_scope"
