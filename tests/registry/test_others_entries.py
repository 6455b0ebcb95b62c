"""A1, A2: an entry in another organisation's name, or a town whose residents a desk would look after, takes two."""

from __future__ import annotations

import pytest

from moyai import registry
from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.identity import staff
from moyai.registry import acting, others_entries, two_persons
from moyai.registry.pending import Asker
from tests.registry.samples import (
    ACTOR,
    ADVICE,
    CLIENT,
    COMPANY,
    TOWN,
    but,
    certified_parties,
    certified_service,
    operators,
)
from tests.registry.test_two_persons import DESK, PROGRAM, A, B, a_day_ago

assert staff  # which names itself to the registry as who knows members of staff

MINE = but(ADVICE, component_id="mine")


async def _there(control: Connection, component_id: str) -> bool:
    return component_id in {one.component_id for one in await registry.all_components(control)}


async def _city_with_client(control: Connection) -> None:
    await certified_service(control)
    await operators(control)
    await registry.register_client(control, CLIENT, ACTOR)


async def test_a1_a_component_for_an_organisation_that_has_clients_takes_two(control: Connection) -> None:
    await _city_with_client(control)
    asked = await others_entries.put_component(control, MINE, Asker(A.actor, "unei", A))
    assert (asked.noun, asked.outcome) == ("component", "pending")
    assert not await _there(control, "mine")
    with pytest.raises(Problem, match="second_person_required"):
        await acting.confirm(control, str(asked.pending), A)
    done = await acting.confirm(control, str(asked.pending), B)
    assert (done.act, done.state, done.organization_id) == ("component_first", "done", "city")
    assert (await registry.component(control, "mine")).organization_id == "city"


async def test_a1_or_its_own_word(control: Connection) -> None:
    await _city_with_client(control)
    await registry.register_client(control, DESK, ACTOR)
    asked = await others_entries.put_component(control, MINE, PROGRAM)
    with pytest.raises(Problem, match="second_person_required"):
        await acting.give_word(control, str(asked.pending), "city", "client:city-desk")
    await a_day_ago(control, "city-desk")
    assert (await acting.give_word(control, str(asked.pending), "city", "client:city-desk")).state == "done"
    assert await _there(control, "mine")


async def test_a1_own_components_and_those_of_who_has_no_client_take_one(control: Connection) -> None:
    await certified_service(control)
    assert (await others_entries.put_component(control, MINE, PROGRAM)).outcome == "created", (
        "nobody is there"
    )
    await registry.register_client(control, CLIENT, ACTOR)
    assert (await others_entries.put_component(control, MINE, PROGRAM)).outcome == "unchanged"
    changed = but(MINE, description_ja="助言")
    assert (await others_entries.put_component(control, changed, PROGRAM)).outcome == "pending", "B12"
    for number, asker in enumerate(
        (Asker("client:x", "city"), Asker("file:a", "unei", founding=frozenset({"city"})))
    ):
        made = but(MINE, component_id=f"more-{number}", name_ja=f"助言 {number}")
        assert (await others_entries.put_component(control, made, asker)).outcome == "created"
    own = but(MINE, component_id="own", organization="unei")
    assert (await others_entries.put_component(control, own, PROGRAM)).outcome == "created"


async def test_a1_a_component_is_not_moved_to_or_from_another_organisation_by_one(
    control: Connection,
) -> None:
    """Registered under the own name first, and moved over then: the same as registering it there."""
    await _city_with_client(control)
    await registry.register_organization(control, COMPANY, ACTOR)
    own = but(MINE, organization="unei")
    assert (await others_entries.put_component(control, own, PROGRAM)).outcome == "created"
    asked = await others_entries.put_component(control, MINE, PROGRAM)
    assert (asked.outcome, asked.fields) == ("pending", ("organization",))
    with pytest.raises(Problem, match="second_person_required"):
        await acting.give_word(control, str(asked.pending), "city", "client:city-desk")
    await registry.register_component(control, MINE, ACTOR)
    for elsewhere in ("company", "unei"):
        away = but(MINE, organization=elsewhere)
        assert (await others_entries.put_component(control, away, PROGRAM)).outcome == "pending"


async def test_a1_what_waits_for_a_component_is_void_once_there_is_one(control: Connection) -> None:
    await _city_with_client(control)
    asked = await others_entries.put_component(control, MINE, Asker(A.actor, "unei", A))
    await registry.register_component(control, but(MINE, organization="unei"), ACTOR)
    assert (await acting.confirm(control, str(asked.pending), B)).state == "void"
    assert (await registry.component(control, "mine")).organization_id == "unei"


async def test_a2_a_town_that_nobody_looks_after_gets_its_desk_by_two(control: Connection) -> None:
    """Whoever could make a town alone could make its clerks, and move in whom they like."""
    await certified_parties(control)
    await operators(control)
    asked = await two_persons.put_organization(control, TOWN, Asker(A.actor, "unei", A))
    assert asked.outcome == "pending"
    assert "town" not in {one.organization_id for one in await registry.all_organizations(control)}
    assert (await acting.confirm(control, str(asked.pending), B)).state == "done"
    assert (await registry.organization(control, "town")).municipality_codes == ["373419"]
    again = await two_persons.put_organization(control, but(TOWN, name_en="Miki"), PROGRAM)
    assert again.outcome == "changed"


async def test_a2_organisations_without_a_town_take_one(control: Connection) -> None:
    await certified_parties(control)
    assert (await two_persons.put_organization(control, COMPANY, PROGRAM)).outcome == "created"
    grown = but(COMPANY, municipality_codes=["373419"])
    assert (await two_persons.put_organization(control, grown, PROGRAM)).outcome == "pending"
