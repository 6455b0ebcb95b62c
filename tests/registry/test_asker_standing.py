"""A4: who asked for an act, and who stands for it first, must still be who they were when it takes effect."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from moyai import registry
from moyai.base.clock import utc_now
from moyai.base.db import Connection, PostgresError
from moyai.base.errors import Problem
from moyai.base.journal import Journal
from moyai.identity import staff
from moyai.identity.staff_model import StaffDeclaration
from moyai.registry import acting, ending, persons, store_stops, two_persons
from moyai.registry.pending import Asker, pending_act
from moyai.registry.waiting import everything
from tests.admin import as_admin
from tests.conftest import RolledBack
from tests.registry.samples import ACTOR, OPERATOR_CLIENT, but
from tests.registry.test_two_persons import OTHER_KEYS, PROGRAM, A, B, keys_asked, kid, past


async def stopped(control: Connection, journal: Journal, how: str) -> None:
    match how:
        case "client disabled":
            await registry.disable_client(control, "unei-operator", "鍵の盗難", ACTOR, journal)
        case "organisation suspended":
            await registry.suspend_organization(control, "unei", "調査", ACTOR, journal)
        case "other keys":
            await registry.register_client(control, but(OPERATOR_CLIENT, jwks=OTHER_KEYS), ACTOR)
        case "a scope less":
            await registry.register_client(control, but(OPERATOR_CLIENT, scopes=["registry:suspend"]), ACTOR)
        case "account disabled":
            await staff.disable(control, "a", "退職", ACTOR, journal)
        case _:
            await staff.declare(control, StaffDeclaration("a", "a", "unei", ["auditor"]), ACTOR)


@pytest.mark.parametrize("how", ["client disabled", "organisation suspended", "other keys", "a scope less"])
async def test_a4_a_stopped_program_takes_along_what_it_asked_for(
    control: Connection, journal: Journal, how: str
):
    pending = await keys_asked(control)
    await stopped(control, journal, how)
    assert (await pending_act(control, pending)).state == "void"
    assert await kid(control) == "advice-1"


@pytest.mark.parametrize("how", ["organisation suspended", "account disabled", "a role less"])
@pytest.mark.parametrize("asked", [True, False], ids=["who asked", "who stood first"])
async def test_a4_a_stopped_person_takes_along_what_rests_on_them(
    control: Connection, journal: Journal, how: str, asked: bool
):
    pending = await keys_asked(control, Asker(A.actor, "unei", A) if asked else PROGRAM)
    if not asked:
        await acting.confirm(control, pending, A)
    await stopped(control, journal, how)
    assert (await pending_act(control, pending)).state == "void"


@pytest.mark.parametrize("how", ["client", "organization", "account", "role"])
async def test_a4_who_asked_and_who_stands_for_it_are_judged_when_it_takes_effect(
    control: Connection, control_db: RolledBack, how: str
):
    pending = await keys_asked(control)
    await acting.confirm(control, pending, A)
    waited = await past(control, pending)
    match how:  # by the row alone, so that nothing swept what waits
        case "client":
            key = (await registry.client(control, "unei-operator")).client_key
            await store_stops.begin(control, "client", key, "active", "盗難", ACTOR)
        case "organization":
            key = (await registry.organization(control, "unei")).organization_key
            await store_stops.begin(control, "organization", key, "certified", "調査", ACTOR)
        case "account":
            await control.raw.execute("update identity.staff set state = 'disabled' where staff_id = 'a'")
        case _:
            await control.raw.execute("update identity.staff set roles = '{auditor}' where staff_id = 'a'")
    await ending.take_effect_due(control_db)
    ended = await pending_act(control, waited)
    assert (ended.state, "was stopped" in str(ended.way)) == ("void", True)
    assert (await acting.confirm(control, pending, B)).state == "void"
    assert await kid(control) == "advice-1"


async def test_a4_an_act_upon_its_own_asker_is_carried_out(control: Connection):
    pending = await keys_asked(control)
    wider = but(OPERATOR_CLIENT, jwks=OTHER_KEYS, scopes=["registry:write", "staff"])
    asked = await two_persons.put_client(control, wider, PROGRAM)
    for person in (A, B):
        ended = await acting.confirm(control, str(asked.pending), person)
    assert ended.state == "done"
    assert (await pending_act(control, pending)).state == "void", "asked for with the keys of before"


@pytest.mark.parametrize("asker", [PROGRAM, Asker("file:base.toml", "unei")], ids=["program", "file"])
async def test_a5_what_nobody_asked_for_takes_effect_by_no_waiting_alone(
    control: Connection, control_db: RolledBack, asker: Asker
):
    pending = await past(control, await keys_asked(control, asker))
    assert await ending.take_effect_due(control_db) == 0
    assert (await pending_act(control, pending)).takes_effect_at is None
    assert (await acting.confirm(control, pending, A)).takes_effect_at is not None
    assert await ending.take_effect_due(control_db) == 0, "B9: from now on the hours run"
    await past(control, pending)
    assert await ending.take_effect_due(control_db) == 1
    assert await kid(control) == "stolen-1"


async def test_an_act_of_another_release_is_seen_and_revoked_and_never_carried_out(
    control: Connection, control_db: RolledBack
):
    pending = await keys_asked(control, Asker(A.actor, "unei", A))
    unknown = await past(control, pending, "of_tomorrow")
    assert unknown in {one.pending_id for one in await everything(control)}
    await ending.take_effect_due(control_db)
    assert (await pending_act(control, unknown)).state == "void"
    other = await past(control, pending, "of_tomorrow")
    assert (await acting.revoke(control, other, B.actor)).state == "revoked"


async def test_i2_where_nobody_knows_staff_nothing_takes_effect_and_nothing_is_void(
    control: Connection, control_db: RolledBack, monkeypatch: pytest.MonkeyPatch
):
    pending = await keys_asked(control)
    await acting.confirm(control, pending, A)
    await past(control, pending)
    monkeypatch.setattr(persons, "_find", None)
    with pytest.raises(RuntimeError, match="who knows members of staff"):
        await acting.confirm(control, pending, B)
    assert await ending.take_effect_due(control_db) == 0
    assert ((await pending_act(control, pending)).state, await kid(control)) == ("waiting", "advice-1")


async def asked_long_ago(control: Connection, pending: str) -> None:
    """It was asked for 25 hours ago; the row itself is held against that."""
    await control.raw.execute("set local session_replication_role = replica")
    await control.raw.execute(
        """
        update registry.pending set asked_at = asked_at - interval '25 hours', due_at = due_at - interval '25 hours'
         where pending_id = $1
        """,
        UUID(pending),
    )
    await control.raw.execute("set local session_replication_role = origin")


async def test_b9_the_hours_run_from_the_moment_a_person_stands_for_it(
    control: Connection, control_db: RolledBack
):
    pending = await keys_asked(control)
    assert (await pending_act(control, pending)).takes_effect_at is None
    async with as_admin(control):
        await asked_long_ago(control, pending)
    stood = await acting.confirm(control, pending, A)
    assert stood.takes_effect_at is not None
    assert timedelta(hours=23) < stood.takes_effect_at - utc_now() <= timedelta(hours=24)
    assert await ending.take_effect_due(control_db) == 0
    assert (await pending_act(control, pending)).state == "waiting"
    async with as_admin(control):
        await asked_long_ago(control, pending)
    assert await ending.take_effect_due(control_db) == 1
    assert (await pending_act(control, pending)).way == "waited"


@pytest.mark.parametrize("asked", [True, False], ids=["by a person", "by a program"])
async def test_b9_no_statement_brings_the_hours_forward(control: Connection, asked: bool):
    pending = await keys_asked(control, Asker(A.actor, "unei", A) if asked else PROGRAM)
    standing = (
        "" if asked else ", first_staff_id = 'b', first_staff_number = '1', first_organization = 'unei'"
    )
    for hours in ("0 hours", "23 hours"):
        with pytest.raises(PostgresError, match="run from the moment a person stands"):
            async with control.transaction():
                await control.raw.execute(
                    f"update registry.pending set due_at = now() + interval '{hours}' {standing}"
                )
    assert (await pending_act(control, pending)).first_person == ("staff:a" if asked else None)


@pytest.mark.parametrize("statement", ["state = 'disabled'", "roles = '{auditor}'"], ids=["account", "role"])
async def test_f2_whoever_was_stopped_meanwhile_confirms_nothing(control: Connection, statement: str):
    pending = await keys_asked(control, Asker(A.actor, "unei", A))
    await control.raw.execute(f"update identity.staff set {statement} where staff_id = 'b'")
    with pytest.raises(Problem) as refused:
        await acting.confirm(control, pending, B)
    assert refused.value.code == "forbidden"
    assert await kid(control) == "advice-1"
