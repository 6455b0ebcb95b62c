"""Transfers in the lists of both desks: nothing is pushed off, and a protected resident's are for named staff alone."""

from __future__ import annotations

import time
from datetime import date
from uuid import UUID

import pytest

from moyai.base.db import Connection, Database
from moyai.base.errors import Problem
from moyai.base.journal import Journal
from moyai.identity import protection, residents, second_person, store_desk, transfer_lists, transfers
from moyai.identity.model import Desk, Resident
from tests.factories import C2
from tests.identity.conftest import EVIDENCE, Scene, clerk, person


async def code_of(attempt: object) -> str:
    with pytest.raises(Problem) as caught:
        await attempt  # type: ignore[misc]
    return caught.value.code


class Desks:
    """Two clerks of Miki, whom somebody moves to, and three of Takamatsu, of whom the first two are named for taro."""

    def __init__(self, gaining: list[Desk], losing: list[Desk]) -> None:
        self.gaining, self.losing = gaining, losing

    async def seen(self, control: Connection, desk: Desk) -> tuple[list[str], list[str]]:
        coming = await transfer_lists.coming(control, desk, 50)
        leaving = await transfer_lists.leaving(control, desk, 50)
        return [one.state for one in coming.transfers], [one.state for one in leaving.transfers]


@pytest.fixture
async def desks(control: Connection, scene: Scene) -> Desks:
    return Desks(
        [await clerk(control, scene.town.c2, f"miki-{number}") for number in (1, 2)],
        [await clerk(control, scene.town.c1, f"takamatsu-{number}") for number in (1, 2, 3)],
    )


async def _ask(database: Database, desk: Desk, born: date = date(1950, 5, 5)) -> transfers.Transfer:
    moved = person(municipality_code=C2, birth_date=born)
    return await transfers.ask(database, desk, moved, EVIDENCE, "転出-1")


async def _protect(control: Connection, desks: Desks, taro: Resident, journal: Journal) -> None:
    first, second, _ = desks.losing
    named = [one.actor.removeprefix("staff:") for one in (first, second)]
    await protection.ask(control, first, taro, "begin", "支-12", named)
    (waits,) = await second_person.waiting(control, second, taro)
    await protection.confirm(control, second, taro, journal, str(waits.request_id))


async def _protected_meanwhile(control: Connection, desks: Desks, taro: Resident) -> None:
    """As where the protection is confirmed while a transfer is being asked for: the transfer waits."""
    await store_desk.set_protected(control, taro.resident_key, protected=True)
    for one in desks.losing[:2]:
        await store_desk.name_access(control, taro.resident_key, one.staff_key or 0)


async def test_what_lapses_soonest_comes_first_and_every_page_can_be_read(
    control: Connection, control_db: Database, scene: Scene, desks: Desks
) -> None:
    asked: list[str] = []
    for day in range(1, 6):
        born = date(1950, 3, day)
        await residents.enrol(control, scene.c1, person(birth_date=born), EVIDENCE)
        transfer = await _ask(control_db, desks.gaining[0], born)
        await control.raw.execute(
            "update identity.transfer set expires_at = clock_timestamp() + make_interval(days => $2)"
            " where transfer_id = $1",
            transfer.transfer_id,
            40 - day,
        )
        asked.insert(0, str(transfer.transfer_id))
    await transfers.decline(control, desks.gaining[0], (await _ids(control, desks.gaining[0]))[0])
    for listed, expected in (
        (transfer_lists.coming, [*asked[1:], asked[0]]),
        (transfer_lists.leaving, asked[1:]),
    ):
        desk = desks.gaining[0] if listed is transfer_lists.coming else desks.losing[0]
        read: list[str] = []
        cursor = None
        while True:
            page = await listed(control, desk, 2, cursor)
            read += [str(one.transfer_id) for one in page.transfers]
            cursor = page.next
            if cursor is None:
                break
        assert read == expected
    assert await code_of(transfer_lists.coming(control, desks.gaining[0], 2, "bm9uZQ")) == "invalid_request"


async def _ids(control: Connection, desk: Desk) -> list[UUID]:
    return [one.transfer_id for one in (await transfer_lists.coming(control, desk, 50)).transfers]


async def test_b10_a_transfer_that_protection_dropped_looks_declined(
    control: Connection, control_db: Database, desks: Desks, taro: Resident, journal: Journal
) -> None:
    await _ask(control_db, desks.gaining[0])
    await _protect(control, desks, taro, journal)
    assert await desks.seen(control, desks.gaining[0]) == (["declined"], [])
    assert await desks.seen(control, desks.losing[2]) == ([], [])


async def test_b10_a_protected_residents_transfer_is_seen_and_settled_by_named_staff_alone(
    control: Connection, control_db: Database, desks: Desks, taro: Resident
) -> None:
    asked = await _ask(control_db, desks.gaining[0])
    await _protected_meanwhile(control, desks, taro)
    for desk in (*desks.gaining, desks.losing[2]):
        assert await desks.seen(control, desk) == ([], [])
        for act in (transfers.decline, transfers.confirm_at_losing_desk):
            assert await code_of(act(control, desk, asked.transfer_id)) == "does_not_exist"
    certified = transfers.confirm_as_second_clerk(control, desks.gaining[1], asked.transfer_id, "転出-1")
    assert await code_of(certified) == "does_not_exist"
    assert await desks.seen(control, desks.losing[0]) == ([], ["pending"])
    await transfers.decline(control, desks.losing[0], asked.transfer_id)


async def test_b10_whose_protection_began_while_it_was_asked_for_is_nobody(
    control: Connection,
    control_db: Database,
    desks: Desks,
    taro: Resident,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hold = residents.hold

    async def held(conn: Connection, resident: Resident) -> None:
        await _protected_meanwhile(control, desks, taro)
        await hold(conn, resident)

    monkeypatch.setattr(residents, "hold", held)
    assert await code_of(_ask(control_db, desks.gaining[0])) == "does_not_exist"


async def test_b10_nobody_and_somebody_protected_are_told_after_the_same_time(
    control: Connection, control_db: Database, desks: Desks, taro: Resident, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfers, "EVEN_SECONDS", 0.4)
    await _protected_meanwhile(control, desks, taro)
    for born in (date(1950, 5, 5), date(1931, 1, 1)):
        began = time.monotonic()
        assert await code_of(_ask(control_db, desks.gaining[0], born)) == "does_not_exist"
        assert time.monotonic() - began >= 0.4
