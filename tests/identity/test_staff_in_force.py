"""B1, B11: whoever makes accounts, or hands over their secrets, makes no persons."""

from __future__ import annotations

import time

import pyotp
import pytest

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.base.journal import Journal
from moyai.base.secrets import SecretBox
from moyai.identity import (
    credentials,
    first_login,
    second_person,
    sessions,
    staff,
    staff_in_force,
    staff_logins,
)
from moyai.identity.model import IssuedLogin, Resident, StaffCaller
from moyai.identity.staff_model import Administrator, StaffAccount, StaffDeclaration
from moyai.ledger import Kind
from moyai.registry import acting, ending
from moyai.registry.pending import Asker, Pending, pending_act
from moyai.registry.persons import Person
from moyai.registry.waiting import everything
from tests.conftest import RolledBack
from tests.identity.conftest import Scene, clerk
from tests.identity.test_staff import BOSS, DEPUTY, bosses, declared, entries, of_c1
from tests.registry.samples import employed
from tests.registry.test_two_persons import past

OWN = "みどりの舟が三つ並ぶ港"


class Newcomer:
    """Somebody whose account `boss` made at c1, with role desk."""

    def __init__(
        self, control: Connection, database: RolledBack, box: SecretBox, scene: Scene, journal: Journal
    ):
        self.control, self.database, self.box, self.scene, self.journal = (
            control,
            database,
            box,
            scene,
            journal,
        )
        self.number = 3100

    async def made(self, login: str = "mado", by: Administrator | None = None) -> StaffAccount:
        self.number += 1
        by = by or of_c1(self.scene)
        change = await staff.put(self.control, by, declared(login, number=str(self.number)))
        assert change.outcome == "created"
        return await self.account(login)

    async def account(self, login: str = "mado") -> StaffAccount:
        found = await staff.accounts(self.control, of_c1(self.scene))
        return next(one for one in found if one.login == login)

    async def handed_over(self, login: str = "mado", by: Administrator | None = None) -> IssuedLogin:
        one = await self.account(login)
        by = by or of_c1(self.scene)
        return await staff_logins.issue(self.control, self.box, by, one.staff_id, "test", self.journal)

    async def first_log_in(self, issued: IssuedLogin) -> StaffCaller:
        """As the page does it; who they are afterwards."""
        credential = await credentials.check_password(self.database, issued.login, issued.password)
        begun = (await sessions.open_session(self.control, credential, ("pwd", "otp"))).session
        await first_login.prepare(self.control, self.box, begun)
        new = await first_login.offered(self.control, self.box, begun, "test")
        code = pyotp.totp.TOTP(new.secret).at(int(time.time()))
        done = await first_login.choose(self.database, self.box, begun, OWN, code, self.journal)
        cookie = (await sessions.open_session(self.control, done, ("pwd", "otp"))).cookie
        caller = await sessions.caller_of(self.control, cookie)
        assert isinstance(caller, StaffCaller)
        return caller

    async def arrived(self, login: str = "mado", by: Administrator | None = None) -> StaffCaller:
        await self.made(login, by)
        return await self.first_log_in(await self.handed_over(login))

    async def waiting(self) -> list[Pending]:
        return await everything(self.control)


@pytest.fixture
async def newcomer(
    control: Connection, control_db: RolledBack, box: SecretBox, scene: Scene, journal: Journal
) -> Newcomer:
    await bosses(control)
    return Newcomer(control, control_db, box, scene, journal)


async def test_b1_what_one_person_made_opens_nothing_until_another_one_says_whose_it_is(newcomer: Newcomer):
    caller = await newcomer.arrived()
    assert (caller.roles, caller.closed) == (frozenset(), "staff_waiting")
    (waits,) = await newcomer.waiting()
    assert (waits.act, waits.id, waits.first_person) == ("staff_in_force", caller.staff_id, "staff:boss")
    assert waits.change["roles"] == ["desk"]
    with pytest.raises(Problem, match="second_person_required"):
        await acting.confirm(newcomer.control, waits.pending_id, BOSS)
    with pytest.raises(Problem, match="forbidden"):
        await acting.confirm(newcomer.control, waits.pending_id, caller.as_one_of_two)
    assert (await acting.confirm(newcomer.control, waits.pending_id, DEPUTY)).state == "done"
    assert (await newcomer.account()).in_force
    (entry,) = await entries(newcomer.control, Kind.STAFF_IN_FORCE)
    assert entry.detail["staff_id"] == caller.staff_id


async def test_b1_two_accounts_of_one_maker_confirm_nothing_for_each_other(newcomer: Newcomer):
    """The maker's word was one; the made ones' are none."""
    callers = [await newcomer.arrived(login) for login in ("ghost-1", "ghost-2")]
    assert [one.as_one_of_two.roles for one in callers] == [frozenset(), frozenset()]
    for waits, other in zip(await newcomer.waiting(), callers, strict=True):
        with pytest.raises(Problem):
            await acting.confirm(newcomer.control, waits.pending_id, other.as_one_of_two)
    assert not (await newcomer.account("ghost-1")).in_force


async def test_b1_a_program_is_shown_no_first_secrets(newcomer: Newcomer):
    await newcomer.made(by=of_c1(newcomer.scene, None))
    with pytest.raises(Problem, match="second_person_required"):
        await newcomer.handed_over(by=of_c1(newcomer.scene, None))
    assert not (await newcomer.account()).has_login


async def test_b1_after_the_hours_it_comes_into_force_where_a_person_stands_for_it(newcomer: Newcomer):
    await newcomer.arrived()
    (waits,) = await newcomer.waiting()
    await past(newcomer.control, waits.pending_id)
    await ending.take_effect_due(newcomer.database)
    assert (await newcomer.account()).in_force


@pytest.mark.parametrize("by", ["", "system", "file:a.toml"])
async def test_b1_what_nobody_stands_for_comes_into_force_by_no_waiting(newcomer: Newcomer, by: str):
    one = await newcomer.made()
    issued = await staff_logins.issue_login(newcomer.control, newcomer.box, one.login, "test", by=by)
    await newcomer.first_log_in(issued)
    (waits,) = await newcomer.waiting()
    assert (waits.first_person, waits.takes_effect_at) == (None, None)
    await past(newcomer.control, waits.pending_id)
    await ending.take_effect_due(newcomer.database)
    assert not (await newcomer.account()).in_force
    assert (await acting.confirm(newcomer.control, waits.pending_id, BOSS)).state == "waiting"
    assert (await acting.confirm(newcomer.control, waits.pending_id, DEPUTY)).state == "done"


async def test_b1_who_was_stopped_makes_nobody(newcomer: Newcomer):
    await newcomer.arrived()
    (waits,) = await newcomer.waiting()
    await staff.disable(newcomer.control, "boss", "調査", "staff:deputy", newcomer.journal)
    assert (await pending_act(newcomer.control, waits.pending_id)).state == "void"
    one = await newcomer.account()
    asker = Asker(DEPUTY.actor, "c1", DEPUTY)
    asked = await staff_in_force.ask(newcomer.control, one.staff_id, asker)
    assert (asked.outcome, one.in_force) == ("pending", False)


async def test_b1_secrets_handed_over_anew_end_it_and_what_waited(newcomer: Newcomer):
    await newcomer.arrived()
    (waits,) = await newcomer.waiting()
    one = await newcomer.account()
    await staff_logins.recover(newcomer.control, of_c1(newcomer.scene), one.staff_id, newcomer.journal)
    issued = await newcomer.handed_over()
    assert (await acting.confirm(newcomer.control, waits.pending_id, DEPUTY)).state == "void"
    await newcomer.first_log_in(issued)
    (waits,) = await newcomer.waiting()
    await acting.confirm(newcomer.control, waits.pending_id, DEPUTY)
    assert (await newcomer.account()).in_force
    await staff_logins.recover(newcomer.control, of_c1(newcomer.scene), one.staff_id, newcomer.journal)
    await newcomer.handed_over()
    assert not (await newcomer.account()).in_force


async def test_b1_nobody_says_whose_it_is_before_its_owner_has_logged_in(newcomer: Newcomer):
    one = await newcomer.made()
    asker = of_c1(newcomer.scene).asker
    with pytest.raises(Problem, match="login_missing"):
        await staff_in_force.ask(newcomer.control, one.staff_id, asker)
    await newcomer.handed_over()
    with pytest.raises(Problem, match="first_login_missing"):
        await staff_in_force.ask(newcomer.control, one.staff_id, asker)


async def test_b1_a_role_gained_takes_two_and_those_it_had_go_on(newcomer: Newcomer):
    await newcomer.arrived()
    (waits,) = await newcomer.waiting()
    await acting.confirm(newcomer.control, waits.pending_id, DEPUTY)
    wider = declared("mado", "desk", "provider_admin", number="3101")
    asked = await staff.put(newcomer.control, of_c1(newcomer.scene), wider)
    assert ((await newcomer.account()).roles, asked.outcome) == (["desk"], "pending")
    await acting.confirm(newcomer.control, str(asked.pending), DEPUTY)
    one = await newcomer.account()
    assert (one.roles, one.in_force) == (["desk", "provider_admin"], True)


async def test_b1_also_the_role_desk_is_gained_by_two(newcomer: Newcomer):
    """Whoever administers staff does not open residents' records by giving themselves the role."""
    both = StaffDeclaration("boss", "boss", "c1", ["staff_admin", "desk"], "1")
    assert (await staff.put(newcomer.control, of_c1(newcomer.scene), both)).outcome == "pending"


@pytest.mark.parametrize(
    "change",
    ["roles = array['desk', 'staff_admin']", "staff_number = '77'", "state = 'active'"],
    ids=["role", "number", "enabled"],
)
async def test_b1_no_statement_gives_an_account_power_and_leaves_it_in_force(
    control: Connection, newcomer: Newcomer, change: str
):
    """The database holds it, whatever the program forgets; the release before this one forgets it."""
    await clerk(control, newcomer.scene.town.c1, "mado-1")
    state = "state = 'disabled', roles = array['desk']"
    await control.raw.execute(f"update identity.staff set {state} where login = 'mado-1'")
    assert (await newcomer.account("mado-1")).in_force
    await control.raw.execute(f"update identity.staff set {change} where login = 'mado-1'")
    assert not (await newcomer.account("mado-1")).in_force


async def test_b1_an_account_that_is_not_in_force_is_neither_of_two_at_the_desk(
    newcomer: Newcomer, taro: Resident
):
    control, c1 = newcomer.control, newcomer.scene.town.c1
    first, ghost = await clerk(control, c1, "first"), await clerk(control, c1, "ghost")
    await control.raw.execute("update identity.staff set in_force_since = null where login = 'ghost'")
    for act in (second_person.ask, second_person.stand):
        with pytest.raises(Problem, match="second_person_required"):
            await act(control, ghost, "erase", taro, {"ground": "死亡"}, "")
    await second_person.ask(control, first, "recover", taro)
    with pytest.raises(Problem, match="second_person_required"):
        await second_person.join(control, ghost, "recover", taro, None)
    with pytest.raises(Problem, match="second_person_required"):
        await second_person.require_another(control, ghost, first.staff_key)
    with pytest.raises(Problem, match="second_person_required"):
        await second_person.require_another(control, first, ghost.staff_key)


# --- the machine ----------------------------------------------------------------------------------------------


async def test_b1_where_no_operator_is_left_the_machines_word_counts(newcomer: Newcomer):
    control, box, journal = newcomer.control, newcomer.box, newcomer.journal
    one = StaffDeclaration("ope", "運営の人", "unei", ["operator"], "1")
    await staff.declare(control, one, "test")
    machine = Asker("system", "unei")
    first = await staff_logins.issue_at_machine(control, box, machine, "ope", "test", journal)
    assert (await newcomer.first_log_in(first)).roles == {"operator"}
    with pytest.raises(Problem, match="login_exists"):
        await staff_logins.issue_at_machine(control, box, machine, "ope", "test", journal)
    await newcomer.made()
    sheet = await staff_logins.issue_at_machine(control, box, machine, "mado", "test", journal)
    again = await staff_logins.issue_at_machine(control, box, machine, "mado", "test", journal)
    with pytest.raises(Problem, match="login_failed"):
        await credentials.check_password(newcomer.database, "mado", sheet.password)
    assert (await newcomer.first_log_in(again)).closed == "staff_waiting"


# --- the console, and organisations that are suspended (B11) -----------------------------------------------------


@pytest.mark.parametrize("role", ["operator", "auditor"])
async def test_b11_console_roles_are_the_operating_organisations(newcomer: Newcomer, role: str):
    for by in (of_c1(newcomer.scene), of_c1(newcomer.scene, None)):
        with pytest.raises(Problem, match="roles"):
            await staff.put(newcomer.control, by, declared("eye", role, number="9"))


@pytest.mark.parametrize("role", ["operator", "auditor", "staff_admin", "provider_admin"])
async def test_b11_a_role_with_power_is_begun_with_by_two(newcomer: Newcomer, role: str):
    boss = Person("ope", "1", "unei", frozenset({"operator"}))
    await employed(newcomer.control, "unei", "operator", ("ope", "1"))
    by = await staff.administrator(newcomer.control, "unei", boss.actor, boss)
    one = StaffDeclaration("eye", "監査の人", "unei", [role], "9")
    assert (await staff.put(newcomer.control, by, one)).outcome == "pending"


async def _session(control: Connection, login: str) -> StaffCaller:
    key = await control.fetchval("select staff_key from identity.staff where login = $1", login)
    await control.raw.execute(
        "insert into identity.credential (login, staff_key, password_hash) values ($1, $2, '-')"
        " on conflict do nothing",
        login,
        key,
    )
    credential = credentials.Credential(login, None, key, True)
    cookie = (await sessions.open_session(control, credential, ("pwd", "otp"))).cookie
    caller = await sessions.caller_of(control, cookie)
    assert isinstance(caller, StaffCaller)
    return caller


async def test_b11_an_earlier_auditor_of_a_town_sees_no_console(control: Connection, scene: Scene):
    await employed(control, "c2", "auditor", ("eye", "9"))
    assert (await _session(control, "eye")).roles == frozenset()


async def test_b11_staff_of_a_suspended_organisation_open_nothing(control: Connection, scene: Scene):
    await clerk(control, scene.town.c1, "mado-1")
    assert (await _session(control, "mado-1")).roles == {"desk"}
    await control.raw.execute(
        "update registry.organization set state = 'suspended' where organization_id = 'c1'"
    )
    caller = await _session(control, "mado-1")
    assert (caller.roles, caller.closed) == (frozenset(), "own_organization_suspended")
    found = await staff_in_force.person(control, caller.staff_id)
    assert found is not None
    assert found.roles == frozenset()
