"""支援措置: to anybody but named staff a protected resident does not exist, and two clerks begin and end it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pytest

from moyai.base.db import Connection, Database
from moyai.base.errors import Problem
from moyai.base.journal import Journal
from moyai.consent import history
from moyai.identity import desk, meetings, protection, residents, second_person, transfers
from moyai.identity.guessing import Rule
from moyai.identity.model import Desk, Resident
from tests.factories import C2
from tests.identity.conftest import EVIDENCE, Scene, clerk, person

WHY = desk.Looking("procedure")


async def code_of(attempt: object) -> str:
    with pytest.raises(Problem) as caught:
        await attempt  # type: ignore[misc]
    return caught.value.code


async def confirmed(control: Connection, clerk: Desk, resident: Resident, journal: Journal) -> None:
    """The second clerk reads what waits, and confirms it."""
    (waits,) = await second_person.waiting(control, clerk, resident)
    await protection.confirm(control, clerk, resident, journal, str(waits.request_id))


@dataclass
class Office:
    """Three clerks of Takamatsu; two are named for taro, who is protected."""

    first: Desk
    second: Desk
    third: Desk

    def named(self) -> list[str]:
        return [one.actor.removeprefix("staff:") for one in (self.first, self.second)]


@pytest.fixture
async def office(control: Connection, scene: Scene) -> Office:
    return Office(*[await clerk(control, scene.town.c1, f"takamatsu-{number}") for number in (1, 2, 3)])


@pytest.fixture
async def protected(control: Connection, office: Office, taro: Resident, journal: Journal) -> Resident:
    await protection.ask(control, office.first, taro, "begin", "支-12", office.named())
    await confirmed(control, office.second, taro, journal)
    return await desk.at_desk(control, office.first, taro.resident_id)


async def test_one_clerk_alone_protects_nobody(
    control: Connection, office: Office, taro: Resident, journal: Journal
) -> None:
    await protection.ask(control, office.first, taro, "begin", "支-12", office.named())
    again = confirmed(control, office.first, taro, journal)
    assert await code_of(again) == "second_person_required"
    assert not (await desk.at_desk(control, office.third, taro.resident_id)).protected


@pytest.mark.parametrize(("evidence", "count"), [("", 2), ("支-12", 1), ("支-12", 0)])
async def test_it_takes_evidence_and_two_named_staff(
    control: Connection, office: Office, taro: Resident, evidence: str, count: int
) -> None:
    ask = protection.ask(control, office.first, taro, "begin", evidence, office.named()[:count])
    assert await code_of(ask) == "invalid_request"


async def _number(control: Connection, clerk: Desk, change: str) -> None:
    await control.raw.execute(f"update identity.staff set {change} where staff_key = $1", clerk.staff_key)


@pytest.mark.parametrize(
    "change", ["staff_number = null", "state = 'disabled'", "roles = array['staff_admin']"]
)
async def test_a16_two_named_staff_are_two_persons_who_open_records(
    control: Connection, office: Office, taro: Resident, change: str
) -> None:
    """An account without a number is nobody; one that is stopped, or opens no records, is not one of the two."""
    await _number(control, office.second, change)
    ask = protection.ask(control, office.first, taro, "begin", "支-12", office.named())
    assert await code_of(ask) == "invalid_request"


async def test_a16_one_account_named_twice_is_one_person(
    control: Connection, office: Office, taro: Resident
) -> None:
    ask = protection.ask(control, office.first, taro, "begin", "支-12", office.named()[:1] * 2)
    assert await code_of(ask) == "invalid_request"


async def test_a16_named_staff_can_confirm_each_others_word(
    control: Connection, scene: Scene, office: Office, taro: Resident, journal: Journal
) -> None:
    """One of each of two desks: neither could confirm what the other asks, and the protection could never be ended."""
    of_miki = (await clerk(control, scene.town.c2, "miki-1")).actor.removeprefix("staff:")
    ask = protection.ask(control, office.first, taro, "begin", "支-12", [office.named()[0], of_miki])
    assert await code_of(ask) == "invalid_request"
    everywhere = await clerk(control, scene.town.unei, "unei-1")
    named = [office.named()[0], everywhere.actor.removeprefix("staff:"), of_miki]
    await protection.ask(control, office.first, taro, "begin", "支-12", named)
    await confirmed(control, office.second, taro, journal)
    hidden = await desk.at_desk(control, everywhere, taro.resident_id)
    await protection.ask(control, office.first, hidden, "end", "支-13", [])
    await confirmed(control, everywhere, hidden, journal)
    assert not (await desk.at_desk(control, office.third, taro.resident_id)).protected


async def test_a16_named_staff_who_were_stopped_meanwhile_are_not_confirmed(
    control: Connection, office: Office, taro: Resident, journal: Journal
) -> None:
    named = [one.actor.removeprefix("staff:") for one in (office.second, office.third)]
    await protection.ask(control, office.first, taro, "begin", "支-12", named)
    await _number(control, office.third, "roles = array['staff_admin']")
    assert await code_of(confirmed(control, office.second, taro, journal)) == "invalid_request"
    assert not (await desk.at_desk(control, office.third, taro.resident_id)).protected


async def test_a_protected_resident_exists_for_named_staff_alone(
    control: Connection, scene: Scene, office: Office, protected: Resident
) -> None:
    everywhere = await clerk(control, scene.town.unei, "unei-1")
    for other in (office.third, scene.c1, scene.c2, everywhere):
        assert await code_of(desk.at_desk(control, other, protected.resident_id)) == "does_not_exist"
        assert await code_of(desk.for_erasure(control, other, protected.resident_id)) == "does_not_exist"
        for text in ("まるがめ", "丸亀", "1950-05-05", protected.resident_id):
            assert await desk.search(control, other, text, WHY) == []
    assert [one.resident for one in await desk.search(control, office.second, "まるがめ", WHY)] == [protected]


async def test_named_staff_reach_them_after_a_move(
    control: Connection, office: Office, protected: Resident
) -> None:
    await residents.move(control, office.first, protected, C2, "", "香川県木田郡三木町氷上310")
    assert (await desk.at_desk(control, office.second, protected.resident_id)).municipality_code == C2


async def test_enrolment_and_transfer_do_not_tell_that_they_exist(
    control: Connection, control_db: Database, scene: Scene, office: Office, protected: Resident
) -> None:
    ask = transfers.ask(control_db, scene.c2, person(municipality_code=C2), EVIDENCE)
    assert await code_of(ask) == "does_not_exist"
    await residents.enrol_at(control_db, office.third, person(), EVIDENCE)
    kinds = [one.kind for one in (await history.page(control, protected.resident_key)).rows]
    assert kinds[:2] == ["enrolment_met", "enrolment_met"]


async def test_ending_it_takes_two_named_clerks(
    control: Connection, office: Office, protected: Resident, journal: Journal
) -> None:
    await protection.ask(control, office.second, protected, "end", "支-13", [])
    await confirmed(control, office.first, protected, journal)
    assert not (await desk.at_desk(control, office.third, protected.resident_id)).protected


async def test_a10_a_protected_resident_counts_as_nobody_does(
    control_db: Database, scene: Scene, protected: Resident, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As often as one likes: whoever is slowed down by trying would know that there is somebody."""
    monkeypatch.setattr(meetings, "RULE", Rule("meeting", 2, 60, 60))
    nobody = person(municipality_code=C2, birth_date=date(1931, 1, 1))
    for who in (nobody, person(municipality_code=C2)):
        codes = [await code_of(transfers.ask(control_db, scene.c2, who, EVIDENCE)) for _ in range(5)]
        assert codes == ["does_not_exist"] * 5
