"""Logins: what is checked, what is counted, what is good once."""

from __future__ import annotations

import asyncio
import time

import pyotp
import pytest

from moyai.base.db import Connection, Pool
from moyai.base.errors import Problem
from moyai.base.journal import Journal
from moyai.base.secrets import SecretBox
from moyai.identity import credentials, desk, passwords, residents
from moyai.identity.model import IssuedLogin, Resident
from tests import factories
from tests.conftest import RolledBack
from tests.identity.conftest import Scene
from tests.logins import SHOWN, clerk_at, own_login


async def _code(attempt: object) -> str:
    with pytest.raises(Problem) as caught:
        await attempt  # type: ignore[misc]
    return caught.value.code


def _at(login: IssuedLogin, step: int = 0) -> str:
    return pyotp.TOTP(login.totp_secret).at(int(time.time()) + 30 * step)


async def test_password_and_code_log_in(control_db: RolledBack, box: SecretBox, login: IssuedLogin) -> None:
    credential = await credentials.check_password(control_db, login.login, login.password)
    assert credential.has_code
    await credentials.check_code(control_db, box, login.login, _at(login))


async def test_a_login_is_typed_as_people_type(control_db: RolledBack, login: IssuedLogin) -> None:
    wide = login.login.upper().replace("-", "－")
    assert (await credentials.check_password(control_db, f" {wide} ", login.password)).login == login.login


async def test_hyphens_of_a_sheet_may_be_left_out_or_typed_as_other_lines(
    control: Connection, control_db: RolledBack, box: SecretBox, scene: Scene, taro: Resident
) -> None:
    sheet = await credentials.issue(control, box, scene.c1, taro, "test")
    bare, lines = sheet.password.replace("-", ""), sheet.password.upper().replace("-", "ー")
    for login, password in (
        (sheet.login.replace("-", ""), bare),
        (sheet.login.replace("-", " "), lines),
        (sheet.login.replace("-", "―"), sheet.password.replace("-", " ")),
    ):
        assert (await credentials.check_password(control_db, login, password)).login == sheet.login
    wrong = "".join(sorted(bare, reverse=True))
    assert await _code(credentials.check_password(control_db, sheet.login, wrong)) == "login_failed"


async def test_a_login_without_its_hyphen_is_counted_with_it(
    control: Connection, control_db: RolledBack, box: SecretBox, scene: Scene, taro: Resident
) -> None:
    sheet = await credentials.issue(control, box, scene.c1, taro, "test")
    for login in (sheet.login, sheet.login.replace("-", "")) * 5:
        assert await _code(credentials.check_password(control_db, login, "wrong")) == "login_failed"
    assert await _code(credentials.check_password(control_db, sheet.login, "wrong")) == "login_locked"


async def test_secrets_are_not_stored_as_they_are(control: Connection, login: IssuedLogin) -> None:
    row = await control.fetchrow("select * from identity.credential where login = $1", login.login)
    assert row is not None
    assert row["password_hash"].startswith("$argon2id$")
    assert login.password not in row["password_hash"]
    assert login.totp_secret.encode() not in row["sealed_totp"]


async def test_a_code_is_good_once(control_db: RolledBack, box: SecretBox, login: IssuedLogin) -> None:
    code = _at(login)
    await credentials.check_code(control_db, box, login.login, code)
    assert await _code(credentials.check_code(control_db, box, login.login, code)) == "code_used"
    assert await _code(credentials.check_code(control_db, box, login.login, _at(login, -1))) == "code_used"
    await credentials.check_code(control_db, box, login.login, _at(login, 1))


@pytest.mark.parametrize("step", [-3, 3])
async def test_codes_of_other_times_do_not_fit(
    control_db: RolledBack, box: SecretBox, login: IssuedLogin, step: int
) -> None:
    assert (
        await _code(credentials.check_code(control_db, box, login.login, _at(login, step))) == "login_failed"
    )


@pytest.mark.parametrize("exists", [True, False])
async def test_ten_failures_lock_a_login_whether_it_exists_or_not(
    control_db: RolledBack, login: IssuedLogin, exists: bool
) -> None:
    name = login.login if exists else "nobody-at-all"
    codes = [await _code(credentials.check_password(control_db, name, "wrong")) for _ in range(12)]
    assert codes == ["login_failed"] * 10 + ["login_locked"] * 2


async def test_the_right_password_does_not_open_a_locked_login(
    control: Connection, control_db: RolledBack, login: IssuedLogin
) -> None:
    for _ in range(10):
        await _code(credentials.check_password(control_db, login.login, "wrong"))
    attempt = credentials.check_password(control_db, login.login, login.password)
    assert await _code(attempt) == "login_locked"
    await control.execute("update identity.guess set closed_until = clock_timestamp() - interval '1 second'")
    assert (await credentials.check_password(control_db, login.login, login.password)).login == login.login


async def test_a_known_password_does_not_buy_more_guesses_of_the_code(
    control_db: RolledBack, box: SecretBox, login: IssuedLogin
) -> None:
    for _ in range(10):
        await credentials.check_password(control_db, login.login, login.password)
        assert await _code(credentials.check_code(control_db, box, login.login, "000000")) == "login_failed"
    attempt = credentials.check_password(control_db, login.login, login.password)
    assert await _code(attempt) == "login_locked"


async def test_an_unknown_login_takes_as_long(control_db: RolledBack, login: IssuedLogin) -> None:
    times: dict[str, list[float]] = {login.login: [], "nobody-at-all": []}
    for name, taken in times.items():
        for _ in range(4):
            begun = time.perf_counter()
            await _code(credentials.check_password(control_db, name, "wrong"))
            taken.append(time.perf_counter() - begun)
    known, unknown = (min(taken) for taken in times.values())
    assert unknown > known / 3


async def test_recovery_replaces_everything(
    control: Connection,
    control_db: RolledBack,
    box: SecretBox,
    scene: Scene,
    taro: Resident,
    login: IssuedLogin,
    journal: Journal,
) -> None:
    new = await credentials.recover(
        control, box, await clerk_at(control, scene.town.c1), taro, "test", journal, SHOWN
    )
    assert new.login == login.login
    assert await _code(credentials.check_password(control_db, login.login, login.password)) == "login_failed"
    assert await _code(credentials.check_code(control_db, box, login.login, _at(login))) == "login_failed"
    await credentials.check_password(control_db, new.login, new.password)
    recorded = await control.fetchval("select count(*) from ledger.content where kind = 37")
    assert recorded == 1


async def test_one_resident_has_one_login(
    control: Connection, box: SecretBox, scene: Scene, taro: Resident, login: IssuedLogin
) -> None:
    assert await _code(credentials.issue(control, box, scene.c1, taro, "test")) == "login_exists"


async def test_a3_what_was_lost_on_the_way_is_issued_again_until_somebody_logs_in(
    control: Connection, control_db: RolledBack, box: SecretBox, scene: Scene, taro: Resident
) -> None:
    lost = await credentials.issue(control, box, scene.c1, taro, "test")
    new = await credentials.issue(control, box, scene.c1, taro, "test", again=True)
    assert lost is not None
    assert new is not None
    assert new.login == lost.login
    assert await _code(credentials.check_password(control_db, lost.login, lost.password)) == "login_failed"
    await own_login(control, box, new)
    again = credentials.issue(control, box, scene.c1, taro, "test", again=True)
    assert await _code(again) == "login_exists"


async def test_a3_no_program_is_handed_the_secrets_of_a_login_that_somebody_has(
    control: Connection,
    box: SecretBox,
    scene: Scene,
    taro: Resident,
    login: IssuedLogin,
    journal: Journal,
) -> None:
    before = await control.fetchrow("select * from identity.credential where login = $1", login.login)
    asked = credentials.recover(control, box, scene.c1, taro, "test", journal, SHOWN)
    assert await _code(asked) == "second_person_required"
    assert await control.fetchrow("select * from identity.credential where login = $1", login.login) == before


@pytest.mark.parametrize("password", ["short", "aaaaaaaaaaaa", "ababababab", "x" * 300])
def test_weak_passwords_are_refused(password: str) -> None:
    with pytest.raises(Problem):
        passwords.check_new(password)


async def test_the_command_line_can_show_the_current_code(
    control: Connection, box: SecretBox, login: IssuedLogin
) -> None:
    assert await credentials.current_code(control, box, login.login) in (_at(login), _at(login, -1))


async def test_low_four_first_logins_at_once_give_one_and_three_clear_refusals(
    fresh_database: Pool, box: SecretBox
) -> None:
    async with fresh_database.transaction() as conn:
        town = await factories.make_town(conn)
        resident = await residents.find(conn, town.hanako.key)
        at = await desk.desk_of(conn, town.unei.key, "staff:test")
    assert resident is not None

    async def issue(login: str | None) -> str:
        try:
            async with fresh_database.transaction() as conn:
                await credentials.issue(conn, box, at, resident, "test", login)
        except Problem as problem:
            return problem.code
        return "issued"

    assert sorted(await asyncio.gather(*(issue(None) for _ in range(4)))) == [
        "issued",
        "login_exists",
        "login_exists",
        "login_exists",
    ]


async def test_low_the_same_login_for_two_people_at_once_goes_to_one(
    fresh_database: Pool, box: SecretBox
) -> None:
    async with fresh_database.transaction() as conn:
        town = await factories.make_town(conn)
        people = [await residents.find(conn, one.key) for one in (town.hanako, town.midori)]
        at = await desk.desk_of(conn, town.unei.key, "staff:test")

    async def issue(resident: Resident | None) -> str:
        assert resident is not None
        try:
            async with fresh_database.transaction() as conn:
                await credentials.issue(conn, box, at, resident, "test", "hanako-1948")
        except Problem as problem:
            return problem.code
        return "issued"

    assert sorted(await asyncio.gather(*(issue(one) for one in people))) == ["issued", "login_taken"]
