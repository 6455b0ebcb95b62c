"""Browser sessions, and the level that the factors really used give."""

from __future__ import annotations

import pytest

from moyai.base.db import Connection
from moyai.base.journal import Journal
from moyai.base.secrets import SecretBox
from moyai.identity import credentials, residents, sessions, staff, staff_logins
from moyai.identity.credentials import Credential
from moyai.identity.model import IssuedLogin, Resident, ResidentCaller, StaffCaller, aal_of, acr_of, levels_of
from moyai.identity.staff_model import StaffDeclaration
from tests.conftest import Platform
from tests.identity.conftest import Scene
from tests.logins import SHOWN, clerk_at, own_login


def _credential(login: IssuedLogin, taro: Resident) -> Credential:
    return Credential(login.login, taro.resident_key, None, has_code=True)


@pytest.mark.parametrize(
    ("amr", "level"),
    [
        ((), 0),
        (("pwd",), 1),
        (("pwd", "pin"), 1),
        (("otp",), 1),
        (("pwd", "otp"), 2),
        (("otp", "hwk"), 1),
        (("pwd", "hwk"), 3),
        (("sms",), 0),
    ],
)
def test_the_level_follows_the_factors_used(amr: tuple[str, ...], level: int) -> None:
    assert aal_of(amr) == level


def test_levels_are_named_with_their_framework() -> None:
    assert levels_of(acr_of(2, 2)) == (2, 2)
    assert levels_of("urn:mace:incommon:iap:silver") is None
    assert levels_of("jp-ds500:ial9:aal2") is None


async def test_a_password_alone_opens_nothing(
    control: Connection, login: IssuedLogin, taro: Resident
) -> None:
    opened = await sessions.open_session(control, _credential(login, taro), ("pwd",))
    assert (opened.session.aal, opened.session.complete) == (1, False)
    assert await sessions.caller_of(control, opened.cookie) is None


async def test_two_factors_make_a_resident(control: Connection, login: IssuedLogin, taro: Resident) -> None:
    opened = await sessions.open_session(control, _credential(login, taro), ("pwd", "otp"))
    caller = await sessions.caller_of(control, opened.cookie)
    assert isinstance(caller, ResidentCaller)
    assert (caller.resident_id, caller.ial, caller.aal) == (taro.resident_id, 2, 2)
    stored = await control.fetchval("select session_hash from identity.session")
    assert opened.cookie.encode() not in stored


async def test_the_level_falls_after_its_time(
    control: Connection, login: IssuedLogin, taro: Resident
) -> None:
    opened = await sessions.open_session(control, _credential(login, taro), ("pwd", "otp"))
    await control.execute(
        "update identity.session set authenticated_at = authenticated_at - interval '13 hours'"
    )
    caller = await sessions.caller_of(control, opened.cookie)
    assert isinstance(caller, ResidentCaller)
    assert caller.aal == 1


@pytest.mark.parametrize("passed", ["31 minutes", "13 hours"])
async def test_a_session_ends(control: Connection, login: IssuedLogin, taro: Resident, passed: str) -> None:
    opened = await sessions.open_session(control, _credential(login, taro), ("pwd", "otp"))
    await control.execute("update identity.session set expires_at = expires_at - $1::text::interval", passed)
    assert await sessions.caller_of(control, opened.cookie) is None


async def test_use_moves_the_end_but_not_for_ever(
    control: Connection, login: IssuedLogin, taro: Resident
) -> None:
    opened = await sessions.open_session(control, _credential(login, taro), ("pwd", "otp"))
    await control.execute(
        "update identity.session set seen_at = seen_at - interval '11 hours 50 minutes',"
        " created_at = created_at - interval '11 hours 50 minutes'"
    )
    assert await sessions.caller_of(control, opened.cookie) is not None
    left = await control.fetchval("select expires_at - clock_timestamp() from identity.session")
    assert 500 < left.total_seconds() <= 600


async def test_logging_out_ends_it(control: Connection, login: IssuedLogin, taro: Resident) -> None:
    opened = await sessions.open_session(control, _credential(login, taro), ("pwd", "otp"))
    await sessions.close(control, opened.session)
    assert await sessions.caller_of(control, opened.cookie) is None


async def test_recovery_and_erasure_end_it(
    control: Connection, box: SecretBox, scene: Scene, login: IssuedLogin, taro: Resident, journal: Journal
) -> None:
    opened = await sessions.open_session(control, _credential(login, taro), ("pwd", "otp"))
    await credentials.recover(
        control, box, await clerk_at(control, scene.town.c1), taro, "test", journal, SHOWN
    )
    assert await sessions.caller_of(control, opened.cookie) is None
    opened = await sessions.open_session(control, _credential(login, taro), ("pwd", "otp"))
    await residents.erase(control, taro.resident_key, "staff:c1", "本人の申出", journal)
    assert await sessions.caller_of(control, opened.cookie) is None


async def test_staff_need_two_factors(control: Connection, box: SecretBox, scene: Scene) -> None:
    declaration = StaffDeclaration("mado-c1", "窓口の人", "c1", ["desk"])
    assert (await staff.declare(control, declaration, "test")).outcome == "created"
    assert (await staff.declare(control, declaration, "test")).outcome == "unchanged"
    issued = await own_login(control, box, await staff_logins.issue_login(control, box, "mado-c1", "test"))
    key = await control.fetchval("select staff_key from identity.staff where login = 'mado-c1'")
    one = Credential(issued.login, None, key, has_code=False)
    opened = await sessions.open_session(control, one, ("pwd",))
    assert await sessions.caller_of(control, opened.cookie) is None
    opened = await sessions.open_session(control, one, ("pwd", "otp"))
    caller = await sessions.caller_of(control, opened.cookie)
    assert isinstance(caller, StaffCaller)
    assert (caller.organization_id, caller.roles) == ("c1", frozenset({"desk"}))


@pytest.mark.parametrize("cookie", [None, "", "made-up", "x" * 500])
async def test_a_made_up_cookie_is_nobody(control: Connection, cookie: str | None) -> None:
    assert await sessions.caller_of(control, cookie) is None


async def test_the_worker_may_sweep(platform: Platform) -> None:
    conn = await platform.connect("moyai_worker")
    await sessions.sweep(conn)
