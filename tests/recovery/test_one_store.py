"""One store alone is restored: what control knows of erasures and deletions since is applied before it opens (H5)."""

from __future__ import annotations

import asyncio
import sys
from subprocess import DEVNULL

import msgspec
import pytest

from moyai.app import open_platform
from moyai.base import migrate, store_restores
from moyai.base.db import connect
from moyai.base.engine import ADMIN
from moyai.base.provision import make_store, store_names
from moyai.base.roles import OWNER
from moyai.consent.permit import RestorePermit
from moyai.identity import residents
from moyai.ledger import Act, Kind, newest, record
from moyai.ledger.contents import ItemsChanged
from moyai.recovery import manifest
from moyai.recovery.cluster import BackupError
from moyai.recovery.one_store import Restored, restore_store
from moyai.web.erasure import erase_resident
from tests.recovery.test_restore import Running, quiet, store_session

STORE = "moyai_personal_c1"


async def lose_store(running: Running, how: str) -> None:
    if how == "emptied":
        conn = await connect(running.home.dsn(ADMIN, STORE))
        await conn.execute("truncate store.item, store.event")
    else:
        conn = await connect(running.home.dsn(ADMIN, "postgres"))
        await conn.execute("drop database moyai_personal_c1 with (force)")
    await conn.close()


async def restore(running: Running, organization_id: str = "c1") -> Restored:
    return await asyncio.to_thread(
        restore_store, running.home, running.kept.backup, organization_id, quiet, quiet
    )


async def items(running: Running) -> list[tuple[object, str, str]]:
    async with store_session(running.home, running.town) as store:
        rows = await store.fetch("select subject, dataset_id, item_id from store.item order by 1, 2, 3")
    return [(row["subject"], row["dataset_id"], row["item_id"]) for row in rows]


@pytest.mark.parametrize("how", ["emptied", "dropped"])
async def test_h5_one_store_comes_back_without_what_was_erased_or_deleted_since(
    running: Running, how: str
) -> None:
    town, subjects = running.town, running.kept.subjects
    async with store_session(running.home, town) as store:
        await store.execute(
            "insert into store.item (subject, dataset_id, item_id, content) values ($1, 'vitals', 'b', '{}')",
            subjects[town.hanako.key],
        )
    await running.back_up()
    async with open_platform(running.home) as platform:
        async with platform.control.connection() as conn:
            ichiro = await residents.by_id(conn, town.ichiro.id)
        await erase_resident(platform, ichiro, "staff:desk", "本人の申出")
    owner = await running.platform.connect(OWNER)
    detail = ItemsChanged(dataset="vitals", provider=town.undo_app.id, provider_organization="c1", items=1)
    await record(owner, Act(Kind.ITEMS_DELETED, "component:undo-app", town.hanako.key, detail))
    await lose_store(running, how)
    done = await restore(running)
    assert await items(running) == [(subjects[town.hanako.key], "steps", "a")]
    assert (done.items, done.withheld, done.lost_until is not None) == (1, 2, True)
    located = await owner.fetch("select resident_key, items from personal.location")
    assert [tuple(row) for row in located] == [(town.hanako.key, 1)]
    [lost] = await store_restores.with_losses(owner)
    assert (lost.restore_id, lost.organization_ja) == (done.restore_id, "高松市")
    assert lost.items_withheld == 1, "that of the erased one is told to nobody"
    entry = await owner.fetchrow("select body from ledger.content where kind = $1", Kind.STORE_RESTORED)
    assert entry is not None
    assert msgspec.json.decode(entry["body"])["detail"]["withheld"] == 2
    assert await newest(owner, kinds=[Kind.PLATFORM_RESTORED]) == []


async def test_what_a_store_still_holds_is_newer_and_stays(running: Running) -> None:
    await running.back_up()
    async with store_session(running.home, running.town) as store:
        await store.execute("update store.item set content = '{\"steps\": 2}', version = 2")
        await store.execute("delete from store.item where subject = $1", running.kept.subjects[running.town.ichiro.key])  # fmt: skip
    done = await restore(running)
    assert (done.items, done.withheld) == (1, 0)
    async with store_session(running.home, running.town) as store:
        rows = await store.fetch("select version from store.item order by version")
    assert [row["version"] for row in rows] == [1, 2]


def test_a_permit_to_restore_cannot_be_made_by_hand() -> None:
    facts = dict.fromkeys(RestorePermit.__slots__, None)
    with pytest.raises(TypeError, match="gate"):
        RestorePermit(object(), **facts)  # type: ignore[arg-type]


async def test_h5_of_a_resident_who_is_closed_nothing_comes_back(running: Running) -> None:
    await running.back_up()
    owner = await running.platform.connect(OWNER)
    await owner.execute(
        "update identity.resident set state = 'closed' where resident_key = $1", running.town.ichiro.key
    )
    await lose_store(running, "emptied")
    done = await restore(running)
    assert (done.items, done.withheld) == (1, 1)
    assert [row[0] for row in await items(running)] == [running.kept.subjects[running.town.hanako.key]]


async def test_h5_a_deletion_that_only_the_store_knows_yet_stays_one(running: Running) -> None:
    await running.back_up()
    subject = running.kept.subjects[running.town.hanako.key]
    async with store_session(running.home, running.town) as store:
        await store.execute("delete from store.item where subject = $1", subject)
        await store.execute(
            "insert into store.event (intent_id, subject, dataset_id, added) values (gen_random_uuid(), $1, 'steps', -1)",
            subject,
        )
    done = await restore(running)
    assert (done.items, done.withheld) == (0, 1)
    assert subject not in [row[0] for row in await items(running)]


async def test_a_store_of_more_than_one_batch_comes_back_whole(running: Running) -> None:
    async with store_session(running.home, running.town) as store:
        await store.execute(
            """
            insert into store.item (subject, dataset_id, item_id, content)
            select $1, 'vitals', n::text, '{}' from generate_series(1, 2500) n
            """,
            running.kept.subjects[running.town.hanako.key],
        )
    before = await items(running)
    await running.back_up()
    await lose_store(running, "emptied")
    done = await restore(running)
    assert (done.items, done.withheld) == (2502, 0)
    assert await items(running) == before
    owner = await running.platform.connect(OWNER)
    located = await owner.fetch("select items from personal.location order by items")
    assert [row["items"] for row in located] == [1, 1, 2500]


async def as_the_version_before(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store, made anew as the release before this one made it, with an item of each resident."""
    real = migrate.migrations
    with monkeypatch.context() as patched:
        patched.setattr(migrate, "migrations", lambda kind: real(kind)[: -1 if kind == "store" else None])
        await lose_store(running, "dropped")
        await make_store(running.home, *store_names("c1"))
    async with store_session(running.home, running.town) as store:
        for subject in running.kept.subjects.values():
            await store.execute(
                "insert into store.item (subject, dataset_id, item_id, content) values ($1, 'steps', 'old', '{}')",
                subject,
            )


async def test_h5_a_copy_of_the_version_before_comes_back_as_this_one_keeps_it(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    await as_the_version_before(running, monkeypatch)
    before = await items(running)
    await running.back_up()
    await lose_store(running, "dropped")
    done = await restore(running)
    assert (done.items, done.withheld) == (2, 0)
    assert await items(running) == before
    admin = await connect(running.home.dsn(ADMIN, STORE))
    assert await migrate.version(admin) == migrate.latest("store")
    assert [row[0] for row in await admin.fetch("select bytes from store.item")] == [2, 2]
    await admin.close()


async def may_log_in(running: Running) -> bool:
    owner = await running.platform.connect(OWNER)
    return await owner.fetchval(
        "select rolcanlogin from pg_roles join registry.store on role = rolname where database = $1", STORE
    )


async def test_h5_killed_midway_the_store_opens_again_once_the_command_is_repeated(running: Running) -> None:
    await running.back_up()
    before = await items(running)
    await lose_store(running, "emptied")
    command = [sys.executable, "-m", "moyai", "restore", str(running.kept.backup), "--store", "c1"]
    admin = await connect(running.home.dsn(ADMIN, STORE))
    async with admin.transaction():
        await admin.execute("lock table store.item in access exclusive mode")  # here it has to wait
        killed = await asyncio.create_subprocess_exec(
            *command, "--dir", str(running.home.directory), stdout=DEVNULL, stderr=DEVNULL
        )
        async with asyncio.timeout(60):
            while await may_log_in(running):
                assert killed.returncode is None
                await asyncio.sleep(0.05)
        killed.kill()
        await killed.wait()
    await admin.close()
    assert not await may_log_in(running)
    done = await restore(running)
    assert (done.items, done.withheld) == (2, 0)
    assert await may_log_in(running)
    assert await items(running) == before
    assert not (running.home.directory / ".store-restore").exists()


async def test_a_store_that_cannot_be_restored_is_refused_with_a_code(running: Running) -> None:
    await running.back_up()
    with pytest.raises(BackupError, match=r"^store_unknown:"):
        await restore(running, "c2")
    found = manifest.read(running.kept.backup)
    manifest.write(running.kept.backup, msgspec.structs.replace(found, databases=[]))
    with pytest.raises(BackupError, match=r"^store_not_in_backup:"):
        await restore(running)
    manifest.write(running.kept.backup, msgspec.structs.replace(found, platform_id="another"))
    with pytest.raises(BackupError, match=r"^backup_of_another_platform:"):
        await restore(running)
    assert len(await items(running)) == 2
