"""B6: what a disabled client did is not gone on with by a next one, and answers of residents go nowhere new by one alone."""

from __future__ import annotations

from typing import Any

import pytest

from moyai import registry
from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.base.journal import Journal
from moyai.registry import acting, two_persons
from moyai.registry.declarations import ClientDeclaration
from moyai.registry.pending import Asker, pending_act
from tests.registry.samples import ACTOR, ADVICE, CLIENT, OPERATOR_CLIENT, but, certified_service, operators
from tests.registry.test_two_persons import OTHER_KEYS, PROGRAM, A, B

APP = ClientDeclaration(
    "app",
    "touch_point",
    "住民ポータルアプリ",
    "Residents' app",
    ["openid", "consent"],
    component="own",
    redirect_uris=["http://127.0.0.1/callback"],
)
SERVICE = but(CLIENT, client_id="own-service", component="own", scopes=["openid", "personal:exchange"])


@pytest.fixture
async def own(control: Connection) -> Connection:
    """A component of the operating organisation, whose program asks."""
    await certified_service(control)
    await operators(control)
    await registry.register_component(control, but(ADVICE, component_id="own", organization="unei"), ACTOR)
    return control


async def waits(control: Connection, declared: ClientDeclaration, act: str) -> str:
    change = await two_persons.put_client(control, declared, PROGRAM)
    assert change.outcome == "pending"
    assert (await pending_act(control, str(change.pending))).act == act
    return str(change.pending)


@pytest.mark.parametrize("ended", [False, True], ids=["disabled", "was disabled"])
@pytest.mark.parametrize("first", [APP, SERVICE], ids=["touch point", "component"])
async def test_b6_a_next_client_of_a_component_with_a_disabled_one_takes_two(
    own: Connection, journal: Journal, first: ClientDeclaration, ended: bool
):
    await registry.register_client(own, first, ACTOR)
    await registry.disable_client(own, first.client_id, "偽アプリ", ACTOR, journal)
    if ended:
        await registry.enable_client(own, first.client_id, "確かめた", ACTOR)
    following = but(first, client_id="next", redirect_uris=[])
    pending = await waits(own, following, "client_beside_stopped")
    with pytest.raises(Problem, match="does_not_exist"):
        await registry.client(own, "next")
    await acting.confirm(own, pending, A)
    assert (await acting.confirm(own, pending, B)).state == "done"


@pytest.mark.parametrize(
    "more",
    [
        {"jwks": OTHER_KEYS},
        {"scopes": ["openid", "personal:exchange", "personal:store"]},
        {"redirect_uris": ["https://evil.example/cb"]},
        {"post_logout_redirect_uris": ["https://evil.example/bye"]},
    ],
    ids=lambda more: next(iter(more)),
)
async def test_b6_nor_does_one_that_is_there_already_take_its_place(
    own: Connection, journal: Journal, more: dict[str, Any]
):
    beside = but(SERVICE, client_id="beside")
    for declared in (SERVICE, beside):
        await registry.register_client(own, declared, ACTOR)
    assert (await two_persons.put_client(own, but(beside, **more), PROGRAM)).outcome == "changed"
    assert (await two_persons.put_client(own, beside, PROGRAM)).outcome == "changed"
    await registry.disable_client(own, "own-service", "鍵の盗難", ACTOR, journal)
    await waits(own, but(beside, **more), "client_beside_stopped")
    assert (await two_persons.put_client(own, but(beside, name_ja="ほか"), PROGRAM)).outcome == "changed"


async def test_b6_a_disabled_client_gets_no_other_keys_by_one_before_it_is_enabled(
    own: Connection, journal: Journal
):
    """Two who end the stop would otherwise bring back a client with somebody else's keys."""
    await registry.register_client(own, SERVICE, ACTOR)
    await registry.disable_client(own, "own-service", "鍵の盗難", ACTOR, journal)
    await waits(own, but(SERVICE, jwks=OTHER_KEYS), "client_beside_stopped")


async def test_b6_a_stop_of_one_component_holds_back_no_other(own: Connection, journal: Journal):
    await registry.register_client(own, SERVICE, ACTOR)
    await registry.disable_client(own, "own-service", "鍵の盗難", ACTOR, journal)
    await registry.register_component(own, but(ADVICE, component_id="other", organization="unei"), ACTOR)
    other = but(SERVICE, client_id="other", component="other")
    assert (await two_persons.put_client(own, other, PROGRAM)).outcome == "created"


@pytest.mark.parametrize("member", ["redirect_uris", "post_logout_redirect_uris"])
async def test_b6_a_new_address_of_a_touch_point_takes_two_also_for_its_own_organisation(
    own: Connection, member: str
):
    places = {"redirect_uris": [], "post_logout_redirect_uris": []}
    nowhere = but(APP, **places)
    assert (await two_persons.put_client(own, nowhere, PROGRAM)).outcome == "created"
    somewhere = but(nowhere, **{member: ["https://evil.example/cb", "https://evil.example/cd"]})
    pending = await waits(own, somewhere, "touch_point_places")
    await acting.confirm(own, pending, A)
    assert (await acting.confirm(own, pending, B)).state == "done"
    fewer = but(nowhere, **{member: ["https://evil.example/cb"]})
    assert (await two_persons.put_client(own, fewer, PROGRAM)).outcome == "changed"


async def test_b6_a_first_touch_point_takes_two_but_in_the_first_file(own: Connection):
    await waits(own, APP, "touch_point_places")
    first = Asker("file:platform.toml", "unei", bootstrap=True)
    assert (await two_persons.put_client(own, APP, first)).outcome == "created"


async def test_b6_no_other_program_of_the_same_organisation_is_the_second_person(own: Connection):
    """The word of an organisation is worth something to others; its own two programs are nobody together, too."""
    await registry.register_client(own, but(OPERATOR_CLIENT, client_id="unei-second"), ACTOR)
    await own.raw.execute("update registry.client set in_force_since = in_force_since - interval '25 hours'")
    pending = await waits(own, APP, "touch_point_places")
    with pytest.raises(Problem, match="second_person_required"):
        await acting.give_word(own, pending, "unei", "client:unei-second")
