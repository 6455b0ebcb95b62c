"""M10: who comes second with a sheet, in another browser or after the desk gave new secrets, changes nothing."""

from __future__ import annotations

import time

import pyotp
import pytest

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.base.journal import Journal
from moyai.base.secrets import SecretBox
from moyai.identity import credentials, first_login, sessions, staff, staff_logins, store_logins
from moyai.identity.model import IssuedLogin, Resident, Session
from moyai.identity.staff_model import StaffDeclaration
from tests.conftest import RolledBack
from tests.identity.conftest import Scene
from tests.logins import SHOWN, clerk_at

OWN = "みどりの舟が三つ並ぶ港"


@pytest.fixture
async def sheet(control: Connection, box: SecretBox, scene: Scene, taro: Resident) -> IssuedLogin:
    return await credentials.issue(control, box, scene.c1, taro, "test")


async def _begun(conn: Connection, database: RolledBack, box: SecretBox, sheet: IssuedLogin) -> Session:
    """Password and code of the sheet were shown in some browser."""
    credential = await credentials.check_password(database, sheet.login, sheet.password)
    opened = await sessions.open_session(conn, credential, ("pwd", "otp"))
    assert opened.session.initial
    assert not opened.session.complete
    await first_login.prepare(conn, box, opened.session)
    return opened.session


async def _code(conn: Connection, box: SecretBox, session: Session) -> str:
    new = await first_login.offered(conn, box, session, "test")
    return pyotp.totp.TOTP(new.secret).at(int(time.time()))


async def test_m10_two_who_choose_at_once_do_not_both_succeed(
    control: Connection,
    control_db: RolledBack,
    box: SecretBox,
    sheet: IssuedLogin,
    monkeypatch: pytest.MonkeyPatch,
    journal: Journal,
) -> None:
    """The second has judged everything before the first has written."""
    first = await _begun(control, control_db, box, sheet)
    second = await _begun(control, control_db, box, sheet)
    code, late = await _code(control, box, first), await _code(control, box, second)
    write, replaced = store_logins.replace_initial, list[bool]()

    async def overtaken(*given: object) -> bool:
        monkeypatch.setattr(store_logins, "replace_initial", write)
        await first_login.choose(control_db, box, first, OWN, code, journal)
        replaced.append(await write(*given))  # type: ignore[arg-type]
        return replaced[0]

    monkeypatch.setattr(store_logins, "replace_initial", overtaken)
    with pytest.raises(Problem, match="unauthenticated"):
        await first_login.choose(control_db, box, second, "the thief's own password", late, journal)
    assert replaced == [False]


async def test_m10_new_secrets_from_the_desk_end_a_first_log_in_that_was_begun(
    control: Connection,
    control_db: RolledBack,
    box: SecretBox,
    scene: Scene,
    taro: Resident,
    sheet: IssuedLogin,
    journal: Journal,
) -> None:
    begun = await _begun(control, control_db, box, sheet)
    code = await _code(control, box, begun)
    assert (
        await credentials.recover(
            control, box, await clerk_at(control, scene.town.c1), taro, "test", journal, SHOWN
        )
        is not None
    )
    with pytest.raises(Problem, match="unauthenticated"):
        await first_login.choose(control_db, box, begun, OWN, code, journal)


async def test_m10_the_code_that_was_shown_is_used_up(
    control: Connection, control_db: RolledBack, box: SecretBox, sheet: IssuedLogin, journal: Journal
) -> None:
    begun = await _begun(control, control_db, box, sheet)
    code = await _code(control, box, begun)
    await first_login.choose(control_db, box, begun, OWN, code, journal)
    with pytest.raises(Problem, match="code_used"):
        await credentials.check_code(control_db, box, sheet.login, code)


async def test_m10_staff_get_new_first_secrets(
    control: Connection, control_db: RolledBack, box: SecretBox, scene: Scene
) -> None:

    await staff.declare(control, StaffDeclaration("mado-c1", "窓口の人", "c1", ["desk"]), "test")
    old = await staff_logins.issue_login(control, box, "mado-c1", "test")
    key = await control.fetchval("select staff_key from identity.staff where login = 'mado-c1'")
    new = await credentials.reissue_for_staff(control, box, "test", "mado-c1", key)
    assert (await credentials.check_password(control_db, "mado-c1", new.password)).initial
    with pytest.raises(Problem, match="login_failed"):
        await credentials.check_password(control_db, "mado-c1", old.password)
