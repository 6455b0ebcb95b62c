"""M10: a staff account from its first day to its last."""

from __future__ import annotations

import pytest

from moyai import ledger
from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.base.journal import Journal
from moyai.base.secrets import SecretBox
from moyai.base.stops import StaffDisabled
from moyai.identity import credentials, sessions, staff, staff_logins
from moyai.identity.credentials import Credential
from moyai.identity.staff_model import Administrator, StaffAccount, StaffDeclaration
from moyai.ledger import Kind
from moyai.registry import acting
from moyai.registry.pending import Asker, pending_act
from moyai.registry.persons import Person
from tests.conftest import RolledBack
from tests.identity.conftest import Scene
from tests.logins import own_login
from tests.registry.samples import employed
from tests.stops import stopped

BOSS = Person("boss", "1", "c1", frozenset({"staff_admin"}))
DEPUTY = Person("deputy", "2", "c1", frozenset({"staff_admin"}))


def of_c1(scene: Scene, person: Person | None = BOSS) -> Administrator:
    """Who administers the staff of c1 alone."""
    actor = "client:desk-c1" if person is None else person.actor
    return Administrator(Asker(actor, "c1", person), "c1", scene.town.c1.key, everywhere=False)


def declared(login: str = "mado", *roles: str, number: str = "3101", at: str = "c1") -> StaffDeclaration:
    return StaffDeclaration(login, "窓口の人", at, list(roles) or ["desk"], number)


async def bosses(control: Connection) -> None:
    await employed(control, "c1", "staff_admin", ("boss", "1"), ("deputy", "2"))


async def hired(control: Connection, scene: Scene, one: StaffDeclaration | None = None) -> StaffAccount:
    """An account, however many it takes."""
    await staff.declare(control, one or declared(), "test")
    return (await staff.accounts(control, of_c1(scene)))[0]


async def entries(control: Connection, kind: Kind) -> list[ledger.Event]:
    return await ledger.history(control, 0, kinds=[kind])


async def test_m10_a_desk_account_is_created_by_one_and_named_by_its_id(control: Connection, scene: Scene):
    assert (await staff.put(control, of_c1(scene), declared())).outcome == "created"
    (entry,) = await entries(control, Kind.STAFF_REGISTERED)
    assert entry.actor == "staff:boss"
    assert "mado" not in entry.body
    assert "窓口の人" not in entry.body
    assert entry.detail["fields"]["roles"] == {"new": ["desk"]}


async def test_m10_a_role_that_administers_others_takes_two(control: Connection, scene: Scene):
    await bosses(control)
    asked = await staff.put(control, of_c1(scene), declared("chief", "staff_admin"))
    assert asked.outcome == "pending"
    assert "chief" not in {one.login for one in await staff.accounts(control, of_c1(scene))}
    with pytest.raises(Problem, match="second_person_required"):
        await acting.confirm(control, str(asked.pending), BOSS)
    assert (await acting.confirm(control, str(asked.pending), DEPUTY)).state == "done"
    assert (await staff.accounts(control, of_c1(scene)))[0].roles == ["staff_admin"]


async def test_m10_a_clerk_is_not_widened_by_one(control: Connection, scene: Scene):
    await hired(control, scene)
    asked = await staff.put(control, of_c1(scene), declared("mado", "desk", "staff_admin"))
    assert asked.outcome == "pending"
    assert (await staff.accounts(control, of_c1(scene)))[0].roles == ["desk"]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (declared("other", number="3101"), "staff_number_taken"),
        (declared("mado", number="3102"), "change_not_allowed"),
        (declared("nobody", number=""), "invalid_request"),
        (declared("far", number="9", at="c2"), "forbidden"),
        (declared("oper", "operator", number="9"), "invalid_request"),
    ],
    ids=["number taken", "number changed", "no number", "another organisation", "operator of a city"],
)
async def test_m10_one_number_is_one_person_of_one_organisation(
    control: Connection, scene: Scene, wrong: StaffDeclaration, code: str
):
    await hired(control, scene)
    with pytest.raises(Problem) as refused:
        await staff.put(control, of_c1(scene), wrong)
    assert refused.value.code == code


async def logged_in(
    control: Connection, box: SecretBox, scene: Scene, one: StaffAccount, journal: Journal
) -> str:
    await own_login(
        control, box, await staff_logins.issue(control, box, of_c1(scene), one.staff_id, "test", journal)
    )
    row = await control.fetchrow("select staff_key from identity.staff where staff_id = $1", one.staff_id)
    assert row is not None
    credential = Credential(one.login, None, row["staff_key"], True)
    return (await sessions.open_session(control, credential, ("pwd", "otp"))).cookie


async def test_m10_the_last_log_in_is_kept(
    control: Connection, box: SecretBox, scene: Scene, journal: Journal
):
    one = await hired(control, scene)
    assert one.last_login_at is None
    await logged_in(control, box, scene, one, journal)
    assert (await staff.account(control, of_c1(scene), one.staff_id)).last_login_at is not None


async def test_m10_disabling_ends_sessions_at_once(
    control: Connection, box: SecretBox, scene: Scene, journal: Journal
):
    one = await hired(control, scene)
    cookie = await logged_in(control, box, scene, one, journal)
    assert await sessions.caller_of(control, cookie) is not None
    await staff.disable(control, one.staff_id, "退職", "staff:boss", journal)
    assert await sessions.caller_of(control, cookie) is None
    later = await logged_in_again(control, one)
    assert await sessions.caller_of(control, later) is None
    (entry,) = await entries(control, Kind.STAFF_DISABLED)
    assert (entry.detail["staff_id"], entry.detail["reason"]) == (one.staff_id, "退職")
    assert StaffDisabled(staff_id=one.staff_id) in await stopped(control, journal)


async def logged_in_again(control: Connection, one: StaffAccount) -> str:
    """A session that was opened after everything had ended: the password still fits."""
    row = await control.fetchrow(
        """
        select f.staff_key, coalesce(a.generation, 0) as generation
          from identity.staff f left join identity.authority a using (staff_key) where f.staff_id = $1
        """,
        one.staff_id,
    )
    assert row is not None
    credential = Credential(one.login, None, row["staff_key"], True, generation=row["generation"])
    return (await sessions.open_session(control, credential, ("pwd", "otp"))).cookie


async def test_m10_who_is_disabled_confirms_nothing_that_was_asked_before(
    control: Connection, scene: Scene, journal: Journal
):
    one = await hired(control, scene, declared("chief", "staff_admin", number="7"))
    chief = Person(one.staff_id, "7", "c1", frozenset({"staff_admin"}))
    asked = await staff.put(control, of_c1(scene, chief), declared("friend", "staff_admin", number="8"))
    await staff.disable(control, one.staff_id, "調査", "staff:boss", journal)
    assert (await pending_act(control, str(asked.pending))).state == "void"


async def test_m10_enabling_takes_two(control: Connection, scene: Scene, journal: Journal):
    one = await hired(control, scene)
    await staff.disable(control, one.staff_id, "調査", "staff:boss", journal)
    await bosses(control)
    asked = await staff.enable(control, of_c1(scene), one.staff_id, "終えた")
    assert asked.outcome == "pending"
    assert (await staff.account(control, of_c1(scene), one.staff_id)).state == "disabled"
    await acting.confirm(control, str(asked.pending), DEPUTY)
    assert (await staff.account(control, of_c1(scene), one.staff_id)).state == "active"
    assert len(await entries(control, Kind.STAFF_ENABLED)) == 1


async def test_m10_declaring_again_enables_nobody(control: Connection, scene: Scene, journal: Journal):
    one = await hired(control, scene)
    await staff.disable(control, one.staff_id, "調査", "staff:boss", journal)
    assert (await staff.declare(control, declared("mado", "desk"), "test")).outcome == "unchanged"
    assert (await staff.account(control, of_c1(scene), one.staff_id)).state == "disabled"


async def test_m10_recovery_ends_the_old_login_and_gives_another(
    control: Connection, control_db: RolledBack, box: SecretBox, scene: Scene, journal: Journal
):
    one = await hired(control, scene)
    first = await staff_logins.issue(control, box, of_c1(scene), one.staff_id, "test", journal)
    cookie = await logged_in_again(control, one)
    assert (await staff_logins.recover(control, of_c1(scene), one.staff_id, journal)).outcome == "changed"
    assert await sessions.caller_of(control, cookie) is None
    second = await staff_logins.issue(control, box, of_c1(scene), one.staff_id, "test", journal)
    with pytest.raises(Problem, match="login_failed"):
        await credentials.check_password(control_db, "mado", first.password)
    assert (await credentials.check_password(control_db, "mado", second.password)).staff_key is not None
    with pytest.raises(Problem, match="login_exists"):
        await staff_logins.issue(control, box, of_c1(scene), one.staff_id, "test", journal)


async def test_m10_recovery_of_an_administrator_takes_two(
    control: Connection, box: SecretBox, scene: Scene, journal: Journal
):
    one = await hired(control, scene, declared("chief", "staff_admin", number="7"))
    await staff_logins.issue(control, box, of_c1(scene), one.staff_id, "test", journal)
    await bosses(control)
    asked = await staff_logins.recover(control, of_c1(scene), one.staff_id, journal)
    assert asked.outcome == "pending"
    with pytest.raises(Problem, match="login_exists"):
        await staff_logins.issue(control, box, of_c1(scene), one.staff_id, "test", journal)
    await acting.confirm(control, str(asked.pending), DEPUTY)
    assert not (await staff.account(control, of_c1(scene), one.staff_id)).has_login


async def test_m10_a_file_never_issues_a_login_that_was_recovered(
    control: Connection, box: SecretBox, scene: Scene, journal: Journal
):
    one = await hired(control, scene)
    await staff_logins.issue_login(control, box, one.login, "test", "password-of-the-file")
    await staff_logins.recover(control, of_c1(scene), one.staff_id, journal)
    with pytest.raises(Problem, match="login_taken"):
        await staff_logins.issue_login(control, box, one.login, "test", "password-of-the-file")


async def test_m10_unlocking_lets_the_owner_try_again(
    control: Connection, control_db: RolledBack, box: SecretBox, scene: Scene, journal: Journal
):
    one = await hired(control, scene)
    issued = await staff_logins.issue(control, box, of_c1(scene), one.staff_id, "test", journal)
    for _ in range(40):
        with pytest.raises(Problem) as refused:
            await credentials.check_password(control_db, "mado", "not it at all")
    assert refused.value.code == "login_locked"
    await staff_logins.unlock(control, of_c1(scene), one.staff_id)
    assert (await credentials.check_password(control_db, "mado", issued.password)).login == "mado"


async def test_m10_another_organisations_account_does_not_exist(control: Connection, scene: Scene):
    await staff.declare(control, declared("far", number="1", at="c2"), "test")
    far = await control.fetchval("select staff_id from identity.staff where login = 'far'")
    with pytest.raises(Problem, match="does_not_exist"):
        await staff.account(control, of_c1(scene), far)
    assert await staff.accounts(control, of_c1(scene)) == []
