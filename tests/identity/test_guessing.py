"""M11: whoever guesses waits longer and longer, whatever is guessed; the owner at home does not wait with them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable

import pyotp
import pytest

from moyai.base.db import Connection, Pool
from moyai.base.errors import Problem
from moyai.base.journal import Journal
from moyai.base.roles import WORKER
from moyai.base.secrets import SecretBox
from moyai.identity import credentials, guessing, store_guessing
from moyai.identity.guessing import Counter, Origin, Rule
from moyai.identity.model import IssuedLogin, Resident
from tests.conftest import Platform, RolledBack
from tests.identity.conftest import Scene
from tests.logins import SHOWN, clerk_at

HOME = Origin("192.0.2.1", b"h" * 32)
STRANGER = Origin("198.51.100.7")


async def _problem(attempt: Awaitable[object]) -> Problem:
    with pytest.raises(Problem) as caught:
        await attempt
    return caught.value


async def _guess(database: RolledBack, login: str, origin: Origin) -> str:
    return (await _problem(credentials.check_password(database, login, "wrong", origin))).code


async def _miss(conn: Connection, login: str, origin: Origin, times: int = 1) -> None:
    """Failures as `check_password` counts them, without the time that a hash takes."""
    for _ in range(times):
        await guessing.take(conn, await guessing.paths(conn, login, origin), "login_locked")


async def _log_in(database: RolledBack, box: SecretBox, login: IssuedLogin, origin: Origin) -> None:
    await credentials.check_password(database, login.login, login.password, origin)
    code = pyotp.totp.TOTP(login.totp_secret).at(int(time.time()))
    await credentials.check_code(database, box, login.login, code, origin)


@pytest.mark.parametrize(
    ("failures", "wait"), [(9, 0), (10, 60), (11, 120), (12, 240), (20, 61_440), (21, 86_400), (5000, 86_400)]
)
def test_m11_waits_double_up_to_a_day(failures: int, wait: float) -> None:
    assert guessing.ACCOUNT_HERE.wait(failures) == wait


def test_m11_only_what_many_share_is_forgotten_by_itself() -> None:
    assert guessing.ACCOUNT.left(12, idle=80 * 86_400) == 12
    assert guessing.NETWORK.left(12, idle=600) == 7


async def test_m11_waits_grow_although_time_passes(
    control: Connection, control_db: RolledBack, login: IssuedLogin
) -> None:
    waits: list[int] = []
    await _miss(control, login.login, STRANGER, 10)
    for _ in range(3):
        locked = await _problem(credentials.check_password(control_db, login.login, login.password, STRANGER))
        assert (locked.code, locked.status) == ("login_locked", 429)
        waits.append(locked.extra["retry_after"])
        await control.execute(
            "update identity.guess set closed_until = closed_until - interval '20 days',"
            " last_at = last_at - interval '20 days'"
        )
        await _miss(control, login.login, STRANGER)
    assert waits == [60, 120, 240]


async def test_m11_strangers_do_not_stop_the_owner_in_a_known_browser(
    control: Connection, control_db: RolledBack, box: SecretBox, login: IssuedLogin
) -> None:
    await guessing.remember(control, login.login, HOME.browser or b"")
    for number in range(30):
        await _miss(control, login.login, Origin(f"198.51.100.{number}"))
    assert await _guess(control_db, login.login, Origin("203.0.113.9")) == "login_locked"
    await _log_in(control_db, box, login, HOME)
    # and a success there opens nothing to them
    assert await _guess(control_db, login.login, Origin("203.0.113.9")) == "login_locked"


async def test_m11_a_known_browser_is_known_for_one_login_and_limited_itself(
    control: Connection, control_db: RolledBack, box: SecretBox, login: IssuedLogin
) -> None:
    await guessing.remember(control, login.login, HOME.browser or b"")
    other = await guessing.paths(control, "somebody-else", HOME)
    assert {one.rule for one in other} == {guessing.ACCOUNT_HERE, guessing.ACCOUNT, guessing.NETWORK}
    await _miss(control, login.login, HOME, 10)
    assert await _guess(control_db, login.login, HOME) == "login_locked"
    elsewhere = await _problem(credentials.check_code(control_db, box, login.login, "000000", STRANGER))
    assert elsewhere.code == "login_failed"


async def test_m11_one_guess_at_each_of_many_accounts_is_limited(
    control: Connection, control_db: RolledBack, login: IssuedLogin
) -> None:
    for number in range(99):
        await _miss(control, f"resident-{number}", STRANGER)
    codes = [await _guess(control_db, f"resident-{number}", STRANGER) for number in (99, 100)]
    assert codes == ["login_failed", "login_locked"]
    # from another network the same accounts can be tried, and nobody is locked
    assert await _guess(control_db, login.login, Origin("203.0.113.9")) == "login_failed"


async def test_m11_a_log_in_does_not_pay_for_guesses_at_others(
    control: Connection, control_db: RolledBack, box: SecretBox, login: IssuedLogin
) -> None:
    for number in range(99):
        await _miss(control, f"resident-{number}", STRANGER)
    await _log_in(control_db, box, login, STRANGER)
    codes = [await _guess(control_db, f"resident-{number}", STRANGER) for number in range(99, 101)]
    assert codes == ["login_failed", "login_locked"]


async def test_m11_a_success_forgets_failures_on_its_own_path(
    control: Connection, control_db: RolledBack, box: SecretBox, login: IssuedLogin
) -> None:
    await _miss(control, login.login, STRANGER, 9)
    await _log_in(control_db, box, login, STRANGER)
    assert await _guess(control_db, login.login, STRANGER) == "login_failed"
    assert await _guess(control_db, login.login, STRANGER) == "login_failed"


async def test_m11_new_secrets_and_the_desk_open_a_locked_login(
    control: Connection,
    control_db: RolledBack,
    box: SecretBox,
    scene: Scene,
    taro: Resident,
    login: IssuedLogin,
    journal: Journal,
) -> None:
    await _miss(control, login.login, STRANGER, 10)
    await credentials.unlock(control, login.login)
    assert await _guess(control_db, login.login, STRANGER) == "login_failed"
    await guessing.remember(control, login.login, HOME.browser or b"")
    assert (
        await credentials.recover(
            control, box, await clerk_at(control, scene.town.c1), taro, "test", journal, SHOWN
        )
        is not None
    )
    assert not await store_guessing.is_known(control, HOME.browser or b"", login.login)


async def test_m11_guesses_side_by_side_are_judged_no_more_than_the_limit(fresh_database: Pool) -> None:
    counters = [Counter(Rule("here", 10, 60, 600), "a"), Counter(Rule("everywhere", 30, 60, 600), "b")]

    async def one() -> bool:
        try:
            async with fresh_database.transaction() as conn:
                await guessing.take(conn, counters)
        except Problem:
            return False
        return True

    assert sum(await asyncio.gather(*(one() for _ in range(40)))) == 10


async def test_m11_counters_in_any_order_do_not_wait_for_each_other(fresh_database: Pool) -> None:
    rule = Rule("x", 1000, 60, 600)
    counters = [Counter(rule, str(number), "login") for number in range(6)]

    async def one(number: int) -> None:
        turned = counters[number % 6 :] + counters[: number % 6]
        async with fresh_database.transaction() as conn:
            await guessing.take(conn, turned)
        async with fresh_database.transaction() as conn:
            await (guessing.succeeded(conn, turned) if number % 2 else guessing.give_back(conn, turned))

    await asyncio.gather(*(one(number) for number in range(30)))


async def test_m11_the_worker_forgets_old_counters_and_too_many(
    fresh_platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve, worker = await fresh_platform.pool(), await fresh_platform.pool(WORKER)
    rule = Rule("x", 10, 60, 600)
    async with serve.transaction() as conn:
        for _ in range(6):
            await guessing.take(conn, [Counter(rule, "guessed at")])
        for number in range(20):
            await guessing.take(conn, [Counter(rule, f"tried once {number}")])
        await guessing.take(conn, [Counter(rule, "long ago")])
        await conn.execute(
            "update identity.guess set last_at = last_at - interval '91 days' where counter = $1",
            Counter(rule, "long ago").key,
        )
    monkeypatch.setattr(guessing, "MOST_COUNTERS", 5)
    async with worker.connection() as conn:
        await guessing.sweep(conn)
    async with serve.connection() as conn:
        left = {row["counter"] for row in await conn.fetch("select counter from identity.guess")}
    assert len(left) == 5
    assert Counter(rule, "guessed at").key in left
    assert Counter(rule, "long ago").key not in left
