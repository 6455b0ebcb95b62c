"""What was replaced, protected, revoked or taken back after a backup does not come back with it (A6)."""

from __future__ import annotations

from pathlib import Path

from moyai.app import open_platform
from moyai.base.db import Connection
from moyai.base.journal import Journal
from moyai.base.keys import current
from moyai.base.roles import OWNER
from moyai.consent import sharing
from moyai.identity import credentials, desk, passwords, protection, residents, second_person, store_logins
from moyai.identity.model import IssuedLogin
from moyai.registry import suspend_organization
from moyai.registry.pending import Asker
from moyai.registry.two_persons import reinstate_organization
from moyai.upkeep.key_acts import revoke_key
from tests.consent.conftest import Walk, calls
from tests.factories import MadeResident
from tests.identity.conftest import clerk
from tests.logins import SHOWN
from tests.recovery.test_restore import Running, restored, running

__all__ = ["running"]


async def _login(running: Running, conn: Connection, who: MadeResident) -> IssuedLogin:
    at = await desk.desk_of(conn, running.town.c1.key, "staff:test")
    return await credentials.issue(conn, running.home.box(), at, await residents.by_id(conn, who.id), "test")


async def _opens(conn: Connection, login: IssuedLogin) -> bool:
    row = await store_logins.credential(conn, login.login)
    assert row is not None
    return await passwords.verify(row["password_hash"], login.password)


async def test_a6_secrets_replaced_and_protection_begun_after_the_backup_stay_so(
    running: Running, scratch: Path
) -> None:
    town, journal = running.town, Journal.of(running.home)
    owner = await running.platform.connect(OWNER)
    first, second = await clerk(owner, town.c1, "mado-1"), await clerk(owner, town.c1, "mado-2")
    stolen, kept = await _login(running, owner, town.hanako), await _login(running, owner, town.ichiro)
    await running.back_up()
    hanako = await residents.by_id(owner, town.hanako.id)
    async with owner.transaction():
        assert await credentials.recover(owner, running.home.box(), first, hanako, "test", journal, SHOWN)
        named = [one.actor.removeprefix("staff:") for one in (first, second)]
        await protection.ask(owner, first, hanako, "begin", "支-12", named)
        (waits,) = await second_person.waiting(owner, second, hanako)
        await protection.confirm(owner, second, hanako, journal, str(waits.request_id))
    await running.lose()
    async with restored(running.kept, scratch) as (_, done, conn):
        assert not await _opens(conn, stolen), "the secrets that were lost to somebody"
        assert await _opens(conn, kept), "nobody replaced these"
        assert await store_logins.is_owned(conn, stolen.login), "no program hands over others"
        again = await residents.by_id(conn, town.hanako.id)
        assert again.protected
        for one in (first, second):
            assert one.staff_key is not None
            await desk.at_desk(conn, one, town.hanako.id)
        assert (done.stopped, done.unknown) == (2, 0)


async def test_a6_nothing_that_waited_takes_effect_after_a_restore(running: Running, scratch: Path) -> None:
    town, journal = running.town, Journal.of(running.home)
    owner = await running.platform.connect(OWNER)
    first = await clerk(owner, town.c1, "mado-1")
    ichiro = await residents.by_id(owner, town.ichiro.id)
    async with owner.transaction():
        await suspend_organization(owner, town.c2.id, "調査", "client:operator", journal)
        asker = Asker("client:unei-operator", "unei")
        change = await reinstate_organization(owner, town.c2.id, "調査終了", asker)
        assert change.outcome == "pending"
        await second_person.ask(owner, first, "erase", ichiro, {"ground": "本人の申出"})
    await running.back_up()
    await running.lose()
    async with restored(running.kept, scratch) as (_, _done, conn):
        assert await conn.fetchval("select state from registry.pending") == "void"
        assert await conn.fetchval("select count(*) from identity.desk_request") == 0


async def test_a6_a_key_revoked_after_the_backup_verifies_nothing(running: Running, scratch: Path) -> None:
    owner = await running.platform.connect(OWNER)
    stolen = (await current(owner, running.home.box(), "oidc")).key_id
    await running.back_up()
    async with open_platform(running.home) as platform, platform.control.transaction() as conn:
        journal = Journal.of(running.home)
        await suspend_organization(conn, running.town.c2.id, "調査", "client:operator", journal)
    async with open_platform(running.home):
        await revoke_key(running.home, stolen, "盗まれた", as_json=True)
    await running.lose()
    async with restored(running.kept, scratch) as (home, done, conn):
        assert await conn.fetchval("select revoked_at is not null from platform.signing_key where key_id = $1", stolen)  # fmt: skip
        assert (await current(conn, home.box(), "oidc")).key_id != stolen
        assert done.stopped == 2


async def test_a6_without_the_journal_no_key_of_tokens_is_trusted(running: Running, scratch: Path) -> None:
    owner = await running.platform.connect(OWNER)
    before = (await current(owner, running.home.box(), "oidc")).key_id
    await running.back_up()
    await running.lose()
    async with restored(running.kept, scratch, journal_lost=True) as (home, _, conn):
        assert await conn.fetchval("select revoked_at is not null from platform.signing_key where key_id = $1", before)  # fmt: skip
        assert (await current(conn, home.box(), "oidc")).key_id != before


async def test_b3_what_a_resident_refused_after_the_backup_is_not_given_again(
    running: Running, scratch: Path
) -> None:
    town = running.town
    owner = await running.platform.connect(OWNER)
    daughter = calls(town.ichiro)
    async with owner.transaction():
        walk = Walk(owner, running.home.box(), calls(town.hanako), town.kenko.id)
        await walk.decide((await walk.present()).sha256, "given")
        offered = await sharing.share(
            owner, walk.caller, town.kenko.id, ["kenko-steps"], relation="娘", viewer_name="恵", days=7
        )
        await sharing.accept(owner, daughter, offered.code)
    await running.back_up()
    async with owner.transaction():
        text = await walk.present()
        await walk.decide(text.sha256, "refused")
    await running.lose()
    async with restored(running.kept, scratch) as (_, done, conn):
        states = await conn.fetch("select state from consent.state where resident_key = $1", town.hanako.key)
        assert [row["state"] for row in states] == [3, 3, 3]
        shown = await conn.fetchval("select version_keys from consent.sharing")
        assert shown == [None], "what was refused has left the sharing, too"
        assert (done.stopped, done.unknown) == (1, 0)
