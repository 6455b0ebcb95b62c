"""M4, M10: what takes two persons at the registry waits for the second, and is exactly what was asked for."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from moyai import ledger, registry
from moyai.base.db import Connection, PostgresError
from moyai.base.errors import Problem
from moyai.base.journal import Journal
from moyai.ledger import Kind
from moyai.ledger.note import WITNESS_KEY, Signer
from moyai.registry import acting, ending, two_persons
from moyai.registry import pending as pending_module
from moyai.registry.declarations import WitnessDeclaration
from moyai.registry.pending import Asker, pending_act
from moyai.registry.persons import Person
from moyai.registry.waiting import everything
from tests.conftest import RolledBack
from tests.registry.samples import (
    ACTOR,
    ADVICE,
    CITY,
    CLIENT,
    CLIENT_KEY,
    COMPANY,
    TOWN,
    but,
    certified_parties,
    certified_service,
    operators,
)

PROGRAM = Asker("client:unei-operator", "unei")
OTHER_KEYS = {"keys": [{**CLIENT_KEY, "kid": "stolen-1"}]}


def witness_key(name: str) -> str:
    return Signer(name, Ed25519PrivateKey.generate()).verifier(WITNESS_KEY).vkey()


def operator(account: str, number: str, organization: str = "unei", role: str = "operator") -> Person:
    return Person(account, number, organization, frozenset({role}))


A, B = operator("a", "1001"), operator("b", "1002")


async def recorded(control: Connection, kind: Kind) -> list[dict[str, Any]]:
    return [one.detail for one in await ledger.history(control, 0, kinds=[kind])]


async def keys_asked(control: Connection, asker: Asker = PROGRAM) -> str:
    """Another organisation's keys are to be replaced; the act that waits."""
    await certified_service(control)
    await operators(control)
    await registry.register_client(control, CLIENT, ACTOR)
    change = await two_persons.put_client(control, but(CLIENT, jwks=OTHER_KEYS), asker)
    assert (change.outcome, change.fields) == ("pending", ("jwks",))
    return str(change.pending)


async def kid(control: Connection) -> str:
    jwks: Any = (await registry.client(control, "advice")).jwks
    return jwks["keys"][0]["kid"]


async def test_m4_second_person_keys_of_another_organisation_wait(control: Connection):
    await keys_asked(control)
    assert await kid(control) == "advice-1"
    (asked,) = await recorded(control, Kind.ACT_ASKED)
    assert (asked["act"], asked["noun"], asked["id"], asked["fields"]) == (
        "client_keys",
        "client",
        "advice",
        ["jwks"],
    )


async def test_m4_second_person_a_program_is_nobody_so_it_takes_two_members_of_staff(control: Connection):
    pending = await keys_asked(control)
    assert (await acting.confirm(control, pending, A)).state == "waiting"
    assert await kid(control) == "advice-1"
    with pytest.raises(Problem, match="second_person_required"):
        await acting.confirm(control, pending, A)
    assert (await acting.confirm(control, pending, B)).state == "done"
    assert await kid(control) == "stolen-1"
    (done,) = await recorded(control, Kind.ACT_DONE)
    assert (done["way"], done["asked_by"], done["first_person"]) == (
        "second_person",
        "client:unei-operator",
        "staff:a",
    )


async def test_m4_second_person_who_asked_is_the_first(control: Connection):
    pending = await keys_asked(control, Asker(A.actor, "unei", A))
    with pytest.raises(Problem, match="second_person_required"):
        await acting.confirm(control, pending, A)
    assert (await acting.confirm(control, pending, B)).state == "done"


@pytest.mark.parametrize(
    "second",
    [
        operator("a2", "1001"),
        operator("b", ""),
        operator("b", "1002", "city"),
        operator("b", "1002", role="auditor"),
    ],
    ids=["two accounts of one number", "no number", "another organisation", "no such role"],
)
async def test_m4_second_person_is_another_number_with_the_role(control: Connection, second: Person):
    pending = await keys_asked(control, Asker(A.actor, "unei", A))
    with pytest.raises(Problem) as refused:
        await acting.confirm(control, pending, second)
    assert refused.value.code in ("second_person_required", "forbidden")
    assert await kid(control) == "advice-1"


async def test_m4_second_person_an_asker_without_a_number_counts_for_nobody(control: Connection):
    pending = await keys_asked(control, Asker("staff:a", "unei", operator("a", "")))
    assert (await acting.confirm(control, pending, B)).state == "waiting"


DESK = but(
    CLIENT,
    client_id="city-desk",
    kind="desk",
    component=None,
    organization="city",
    redirect_uris=[],
    scopes=["identity:enrol"],
)


async def a_day_ago(control: Connection, client_id: str) -> None:
    """The client has had its keys and rights for a day and an hour."""
    await control.raw.execute(
        "update registry.client set in_force_since = in_force_since - interval '25 hours' where client_id = $1",
        client_id,
    )


async def word_refused(control: Connection, pending: str, organization: str, client: str) -> bool:
    try:
        await acting.give_word(control, pending, organization, f"client:{client}")
    except Problem as problem:
        return problem.code == "second_person_required" and await kid(control) == "advice-1"
    return False


async def test_m4_the_organisation_itself_may_say_yes_to_its_keys(control: Connection):
    pending = await keys_asked(control)
    assert await word_refused(control, pending, "unei", "unei-operator")
    await registry.register_client(control, DESK, ACTOR)
    await a_day_ago(control, "city-desk")
    assert (await acting.give_word(control, pending, "city", "client:city-desk")).state == "done"
    assert await kid(control) == "stolen-1"


async def test_a1_a_word_takes_a_client_of_the_organisation_itself_from_a_day_before(control: Connection):
    """One operator registers a client for the city, asks for other keys of the city's, and agrees with itself."""
    pending = await keys_asked(control)
    await registry.register_component(control, but(ADVICE, component_id="mine"), ACTOR)
    mine = but(CLIENT, client_id="mine", component="mine", jwks=OTHER_KEYS)
    for made in (mine, DESK):
        await registry.register_client(control, made, ACTOR)
        assert await word_refused(control, pending, "city", made.client_id)
    await a_day_ago(control, "mine")  # old, but a component's, which others may run
    assert await word_refused(control, pending, "city", "mine")
    assert await word_refused(control, pending, "city", "nobody")


async def test_a1_a_client_with_other_keys_or_scopes_gives_no_word_for_a_day(control: Connection):
    pending = await keys_asked(control)
    await registry.register_client(control, DESK, ACTOR)
    for changed in ({"jwks": OTHER_KEYS}, {"scopes": ["identity:enrol", "staff"]}):
        await a_day_ago(control, "city-desk")
        await registry.register_client(control, but(DESK, **changed), ACTOR)
        assert await word_refused(control, pending, "city", "city-desk")
    await a_day_ago(control, "city-desk")
    await registry.register_client(control, but(DESK, **changed, name_ja="市の窓口"), ACTOR)
    assert (await acting.give_word(control, pending, "city", "client:city-desk")).state == "done"


async def test_a1_who_asked_gives_no_word(control: Connection):
    pending = await keys_asked(control, Asker("client:city-desk", "unei"))
    await registry.register_client(control, DESK, ACTOR)
    await a_day_ago(control, "city-desk")
    assert await word_refused(control, pending, "city", "city-desk")
    assert await kid(control) == "advice-1"


async def test_a1_a_suspended_organisation_gives_no_word(control: Connection, journal: Journal):
    pending = await keys_asked(control)
    await registry.register_client(control, DESK, ACTOR)
    await a_day_ago(control, "city-desk")
    await registry.suspend_organization(control, "city", "調査", ACTOR, journal)
    with pytest.raises(Problem, match="organization_suspended"):
        await acting.give_word(control, pending, "city", "client:city-desk")
    assert await kid(control) == "advice-1"


@pytest.mark.parametrize("kind", ["component", "touch_point"])
async def test_a1_a_client_for_an_organisation_that_has_some_takes_two(control: Connection, kind: str):
    await certified_service(control)
    await operators(control)
    assert (await two_persons.put_client(control, CLIENT, PROGRAM)).outcome == "created"
    await registry.register_component(control, but(ADVICE, component_id="mine"), ACTOR)
    keys = {"jwks": OTHER_KEYS, "scopes": ["personal:exchange"]} if kind == "component" else {"jwks": None}
    mine = but(CLIENT, client_id="mine", component="mine", kind=kind, **{"scopes": ["consent"], **keys})
    asked = await two_persons.put_client(control, mine, Asker(A.actor, "unei", A))
    assert asked.outcome == "pending"
    act = "client_first" if kind == "component" else "touch_point_places"
    assert (await acting.confirm(control, str(asked.pending), B)).act == act
    assert (await registry.client(control, "mine")).organization_id == "city"


async def test_a1_a_file_gives_an_organisation_without_clients_all_of_them(control: Connection):
    await certified_service(control)
    first = Asker("file:more.toml", "unei", founding=frozenset({"city"}))
    assert (await two_persons.put_client(control, CLIENT, first)).outcome == "created"
    walking = but(CLIENT, client_id="walking", component="walking", jwks=OTHER_KEYS)
    assert (await two_persons.put_client(control, walking, first)).outcome == "created"


async def test_m4_own_keys_and_a_first_client_take_one(control: Connection):
    await certified_service(control)
    assert (await two_persons.put_client(control, CLIENT, PROGRAM)).outcome == "created"
    own = Asker("client:x", "city")
    assert (await two_persons.put_client(control, but(CLIENT, jwks=OTHER_KEYS), own)).outcome == "changed"


async def test_m4_a_second_client_of_a_component_is_as_good_as_other_keys(control: Connection):
    await certified_service(control)
    await registry.register_client(control, CLIENT, ACTOR)
    twin = but(CLIENT, client_id="advice-2", jwks=OTHER_KEYS)
    assert (await two_persons.put_client(control, twin, PROGRAM)).outcome == "pending"


async def test_m4_more_rights_for_a_desk_or_an_operator_wait_and_fewer_do_not(control: Connection):
    await certified_service(control)
    desk = but(CLIENT, client_id="desk", kind="desk", component=None, organization="city", redirect_uris=[])
    more, less = (
        but(desk, scopes=["identity:enrol", "identity:recover"]),
        but(desk, scopes=["identity:enrol"]),
    )
    assert (await two_persons.put_client(control, less, PROGRAM)).outcome == "pending"
    await registry.register_client(control, less, ACTOR)
    assert (await two_persons.put_client(control, more, PROGRAM)).outcome == "pending"
    await registry.register_client(control, more, ACTOR)
    assert (await two_persons.put_client(control, less, PROGRAM)).outcome == "changed"


async def test_m4_the_end_of_a_stop_waits_and_the_stop_itself_does_not(control: Connection, journal):
    await certified_service(control)
    await registry.register_client(control, CLIENT, ACTOR)
    await registry.disable_client(control, "advice", "紛失", ACTOR, journal)
    await registry.suspend_service(control, "kenko", "点検", ACTOR, journal)
    await registry.suspend_organization(control, "city", "調査", ACTOR, journal)
    for ended in (
        await two_persons.enable_client(control, "advice", "見つかった", PROGRAM),
        await two_persons.reinstate_service(control, "kenko", "終えた", PROGRAM),
        await two_persons.reinstate_organization(control, "city", "終えた", PROGRAM),
    ):
        assert ended.outcome == "pending"
    assert (await registry.client(control, "advice")).state == "disabled"
    assert (await registry.service(control, "kenko")).state == "suspended"
    assert (await registry.organization(control, "city")).state == "suspended"


async def test_m4_another_stop_is_not_ended_by_the_word_for_an_earlier_one(control: Connection, journal):
    await certified_service(control)
    await operators(control)
    await registry.suspend_organization(control, "city", "調査", ACTOR, journal)
    asked = await two_persons.reinstate_organization(control, "city", "終えた", Asker(A.actor, "unei", A))
    await registry.reinstate_organization(control, "city", "ほかの道", ACTOR)
    await registry.suspend_organization(control, "city", "調査", ACTOR, journal)
    assert (await acting.confirm(control, str(asked.pending), B)).state == "void"
    assert (await registry.organization(control, "city")).state == "suspended"


async def test_m10_what_it_refers_to_has_changed_so_it_is_void(control: Connection):
    pending = await keys_asked(control, Asker(A.actor, "unei", A))
    await registry.register_client(control, but(CLIENT, redirect_uris=["http://localhost:4001/"]), ACTOR)
    ended = await acting.confirm(control, pending, B)
    assert (ended.state, ended.way) == (
        "void",
        "the text that was read is not the text any more: client advice",
    )
    assert await kid(control) == "advice-1"
    (void,) = await recorded(control, Kind.ACT_ENDED)
    assert void["state"] == "void"


async def test_m10_nobody_there_so_it_takes_effect_after_its_hours(
    control: Connection, control_db: RolledBack
):
    pending = await keys_asked(control, Asker(A.actor, "unei", A))
    assert await ending.take_effect_due(control_db) == 0
    earlier = await past(control, pending)
    assert await ending.take_effect_due(control_db) == 1
    assert (await pending_act(control, earlier)).way == "waited"
    assert await kid(control) == "stolen-1"


async def test_m10_one_act_that_fails_keeps_no_other_from_taking_effect(
    control: Connection, control_db: RolledBack, monkeypatch: pytest.MonkeyPatch
):
    async def broken(_conn: Connection, _id: str, _body: dict[str, Any], _actor: str) -> Any:
        raise RuntimeError("a fault of ours")

    pending = await keys_asked(control, Asker(A.actor, "unei", A))
    monkeypatch.setitem(
        pending_module._ACTS,  # pyright: ignore[reportPrivateUsage] (no product act is broken)
        "broken",
        msgspec.structs.replace(two_persons.CLIENT_KEYS, name="broken", carry_out=broken),
    )
    first = await past(control, pending, "broken")
    second = await past(control, pending)
    assert await ending.take_effect_due(control_db) == 1
    assert (await pending_act(control, second)).state == "done"
    failing = await pending_act(control, first)
    assert (failing.state, failing.failing) == ("waiting", "RuntimeError"), "and it says why"
    due = "select try_at > clock_timestamp() from registry.pending where pending_id = $1"
    assert await control.fetchval(due, UUID(first)), "it is not tried again at once"
    assert await ending.take_effect_due(control_db) == 0
    again = "update registry.pending set try_at = now() - interval '1 second' where pending_id = $1 returning failures"
    assert await control.fetchval(again, UUID(first)) == 1
    await ending.take_effect_due(control_db)
    assert (await pending_act(control, first)).state == "void", "tried again: the other one came first"


async def past(control: Connection, pending: str, act: str | None = None) -> str:
    """The same act, or another one, asked for a day ago; the row itself is held against that."""
    return await control.fetchval(
        """
        insert into registry.pending (pending_id, act, thing_id, body, body_sha256, base_sha256, fields,
                                      organization_id, asked_by, first_staff_id, first_staff_number, first_organization,
                                      asked_at, due_at)
        select gen_random_uuid(), coalesce($2, act), thing_id, body, body_sha256, base_sha256, fields, organization_id, asked_by,
               first_staff_id, first_staff_number, first_organization, asked_at - interval '24 hours', due_at - interval '24 hours'
          from registry.pending where pending_id = $1
        returning pending_id::text
        """,
        UUID(pending),
        act,
    )


async def test_m10_revoked_it_never_takes_effect(control: Connection, control_db: RolledBack):
    pending = await keys_asked(control)
    assert (await acting.revoke(control, pending, "staff:b")).state == "revoked"
    assert await ending.take_effect_due(control_db) == 0
    with pytest.raises(Problem, match="pending_ended"):
        await acting.confirm(control, pending, B)


async def test_m10_who_is_stopped_takes_what_they_asked_for_along(control: Connection):
    pending = await keys_asked(control, Asker(A.actor, "unei", A))
    assert await ending.revoke_of(control, A.actor, A.staff_id) == 1
    assert (await pending_act(control, pending)).state == "void"


async def test_m10_the_same_asked_again_waits_on(control: Connection):
    pending = await keys_asked(control)
    again = await two_persons.put_client(control, but(CLIENT, jwks=OTHER_KEYS), PROGRAM)
    assert again.pending == pending
    assert len(await everything(control)) == 1


async def test_m10_the_row_lets_no_statement_make_another_change_of_it(control: Connection):
    await keys_asked(control)
    with pytest.raises(PostgresError, match="not changed, only ended"):
        async with control.transaction():
            await control.raw.execute("update registry.pending set body = '{}'")


async def test_m10_what_could_not_be_done_is_not_asked_for(control: Connection):
    await certified_service(control)
    await registry.register_client(control, CLIENT, ACTOR)
    with pytest.raises(Problem, match="client_invalid"):
        await two_persons.put_client(control, but(CLIENT, jwks={"keys": []}), PROGRAM)
    assert await everything(control) == []


async def test_m10_bootstrap_is_an_empty_platform_only(control: Connection):
    await registry.register_organization(control, COMPANY, ACTOR)
    first = Asker("file:platform.toml", "unei", bootstrap=True)
    declared = but(
        CLIENT,
        client_id="op",
        kind="operator",
        component=None,
        organization="company",
        redirect_uris=[],
        scopes=["registry:write"],
    )
    assert (await two_persons.put_client(control, declared, first)).outcome == "created"


async def test_m4_a_witness_gets_another_key_or_ends_by_two(control: Connection):
    await certified_service(control)
    await operators(control)
    first = WitnessDeclaration("w", "city", witness_key("w1"), "https://w.example.jp")
    assert (await two_persons.put_witness(control, first, PROGRAM)).outcome == "created"
    other = but(first, verifier_key=witness_key("w2"))
    assert (await two_persons.put_witness(control, other, PROGRAM)).outcome == "pending"
    ended = await two_persons.end_witness(control, "w", "終わる", Asker(A.actor, "unei", A))
    assert ended.outcome == "pending"
    assert [one.witness_id for one in await registry.all_witnesses(control)] == ["w"]
    await acting.confirm(control, str(ended.pending), B)
    assert await registry.all_witnesses(control) == []


UNION = but(CITY, organization_id="union", kind="wide_area_union", municipality_codes=["372013", "373419"])


async def codes(control: Connection, organization_id: str) -> list[str]:
    return (await registry.organization(control, organization_id)).municipality_codes


@pytest.mark.parametrize("asker", [PROGRAM, Asker("client:city-desk", "city")], ids=["operator", "itself"])
async def test_a2_municipality_codes_change_by_two(control: Connection, asker: Asker):
    await certified_parties(control)
    await operators(control)
    await registry.register_client(control, DESK, ACTOR)
    assert (
        await two_persons.put_organization(control, but(CITY, name_en="Takamatsu"), asker)
    ).outcome == "changed"
    moved = but(CITY, name_en="Takamatsu", municipality_codes=["373419"])
    asked = await two_persons.put_organization(control, moved, asker)
    assert (asked.outcome, asked.fields) == ("pending", ("municipality_codes",))
    assert (await acting.confirm(control, str(asked.pending), A)).state == "waiting"
    assert await codes(control, "city") == ["372013"]
    assert (await acting.confirm(control, str(asked.pending), B)).state == "done"
    assert await codes(control, "city") == ["373419"]


async def test_a2_a_code_has_one_municipality(control: Connection):
    await certified_parties(control, TOWN)
    for declared in (
        but(TOWN, municipality_codes=CITY.municipality_codes),
        but(CITY, organization_id="other", name_ja="もう一つ"),
    ):
        with pytest.raises(Problem, match="municipality_taken"):
            await two_persons.put_organization(control, declared, PROGRAM)
    assert await everything(control) == []


async def test_a2_a_code_taken_meanwhile_is_not_gained_by_the_second_word(control: Connection):
    await certified_parties(control)
    await operators(control)
    moved = but(CITY, municipality_codes=["373419"])
    asked = await two_persons.put_organization(control, moved, Asker(A.actor, "unei", A))
    await registry.register_organization(control, TOWN, ACTOR)
    assert (await acting.confirm(control, str(asked.pending), B)).state == "void"


async def test_a2_a_new_organisation_over_anothers_municipality_takes_two(control: Connection):
    """A union, or a company, whose desk would look after the residents of a city that is there."""
    await certified_parties(control)
    for declared in (UNION, but(COMPANY, municipality_codes=["372013"])):
        asked = await two_persons.put_organization(control, declared, PROGRAM)
        assert asked.outcome == "pending"
    grown = but(COMPANY, organization_id="other")
    assert (await two_persons.put_organization(control, grown, PROGRAM)).outcome == "created"
    grown = but(grown, kind="prefecture")
    assert (await two_persons.put_organization(control, grown, PROGRAM)).outcome == "pending"


async def test_a2_the_first_file_says_all_of_it(control: Connection):
    first = Asker("file:platform.toml", "unei", bootstrap=True)
    for declared in (CITY, TOWN, UNION):
        assert (await two_persons.put_organization(control, declared, first)).outcome == "created"


async def test_a17_a_witness_beside_others_or_at_another_place_takes_two(control: Connection):
    await certified_service(control)
    await operators(control)
    first = WitnessDeclaration("w", "city", witness_key("w1"), "https://w.example.jp")
    assert (await two_persons.put_witness(control, first, PROGRAM)).outcome == "created"
    assert (await two_persons.put_witness(control, first, PROGRAM)).outcome == "unchanged"
    moved = but(first, url="https://w2.example.jp")
    more = WitnessDeclaration("v", "unei", witness_key("v1"), "https://v.example.jp")
    for declared in (moved, more):
        asked = await two_persons.put_witness(control, declared, Asker(A.actor, "unei", A))
        assert asked.outcome == "pending"
        with pytest.raises(Problem, match="second_person_required"):
            await acting.give_word(control, str(asked.pending), "unei", "client:other-program")
        assert (await acting.confirm(control, str(asked.pending), B)).state == "done"
    known = {one.witness_id: one.url for one in await registry.all_witnesses(control)}
    assert known == {"w": "https://w2.example.jp", "v": "https://v.example.jp"}


@pytest.mark.parametrize("member", ["redirect_uris", "post_logout_redirect_uris"])
@pytest.mark.parametrize("kind", ["component", "touch_point"])
async def test_a12_other_places_for_what_residents_allow_another_organisation_take_two(
    control: Connection, member: str, kind: str
):
    await certified_service(control)
    mine = {"jwks": None, "scopes": ["consent"]} if kind == "touch_point" else {}
    before = but(
        CLIENT, kind=kind, **{member: ["http://localhost:4000/a", "http://localhost:4000/b"], **mine}
    )
    await registry.register_client(control, before, ACTOR)
    fewer = but(before, **{member: ["http://localhost:4000/a"]})
    assert (await two_persons.put_client(control, fewer, PROGRAM)).outcome == "changed"
    other = but(before, **{member: ["https://thief.example.jp/a"]})
    own = Asker("client:city", "city")
    assert (await two_persons.put_client(control, other, PROGRAM)).fields == (member,)
    assert getattr(await registry.client(control, "advice"), member) == ["http://localhost:4000/a"]
    expected = (
        "changed" if kind == "component" else "pending"
    )  # B6: for a touch point, also its own organisation
    assert (await two_persons.put_client(control, other, own)).outcome == expected
