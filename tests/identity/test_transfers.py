"""H1: moving in from another desk. A weak act (the asking desk's word) confers nothing strong (the resident's login)."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from moyai.base.clock import utc_now
from moyai.base.db import Connection, Database
from moyai.base.errors import Problem
from moyai.base.journal import Journal
from moyai.base.secrets import SecretBox
from moyai.identity import credentials, desk, residents, transfer_lists, transfers
from moyai.identity.model import Desk, Evidence, Person, Resident, ResidentCaller
from moyai.ledger import Kind
from moyai.registry import store_parties
from tests import factories
from tests.factories import C2
from tests.identity.conftest import EVIDENCE, Scene, clerk, person
from tests.logins import SHOWN

HERE = {"municipality_code": C2, "address": "香川県木田郡三木町氷上310"}
CERTIFICATE = "転出-2026-000123"


async def code_of(attempt: object) -> str:
    with pytest.raises(Problem) as caught:
        await attempt  # type: ignore[misc]
    return caught.value.code


@dataclass
class Miki:
    """The desk that somebody from Takamatsu moves to, with two clerks."""

    database: Database
    first: Desk
    second: Desk
    losing: Desk

    async def ask(self, evidence: Evidence = EVIDENCE, certificate: str = "") -> transfers.Transfer:
        return await transfers.ask(self.database, self.first, moved_in(), evidence, certificate)


def moved_in() -> Person:
    return person(**HERE)


@pytest.fixture
async def miki(control: Connection, control_db: Database, scene: Scene) -> Miki:
    return Miki(
        control_db,
        await clerk(control, scene.town.c2, "miki-1"),
        await clerk(control, scene.town.c2, "miki-2"),
        await clerk(control, scene.town.c1, "takamatsu-1"),
    )


def _caller(taro: Resident, aal: int = 2) -> ResidentCaller:
    return ResidentCaller(
        taro.resident_key, taro.resident_id, "s", "portal", 2, aal, frozenset({"consent"}), utc_now()
    )


async def _kinds(control: Connection, taro: Resident) -> list[int]:
    rows = await control.fetch(
        "select kind from ledger.content where resident_key = $1 order by at", taro.resident_key
    )
    return [row["kind"] for row in rows]


async def test_h1_self_asserted_evidence_takes_over_nobody(
    control: Connection, miki: Miki, taro: Resident
) -> None:
    """The exact evidence of the attack: level 1, self-asserted, no document."""
    assert await code_of(miki.ask(Evidence(1, "self_asserted", "none"))) == "proofing_insufficient"
    assert await code_of(miki.ask(Evidence(1, "self_asserted", "drivers_license"))) == "evidence_below_level"
    assert await code_of(desk.at_desk(control, miki.first, taro.resident_id)) == "does_not_exist"
    assert Kind.ENROLMENT_MET in await _kinds(control, taro)


async def test_h1_asking_moves_nobody(control: Connection, miki: Miki, taro: Resident) -> None:
    await miki.ask()
    assert (await desk.at_desk(control, miki.losing, taro.resident_id)).municipality_code == "372013"
    assert await code_of(desk.at_desk(control, miki.first, taro.resident_id)) == "does_not_exist"
    assert (await _kinds(control, taro))[-1] == Kind.TRANSFER_ASKED


async def test_the_losing_desk_confirms(control: Connection, miki: Miki, taro: Resident) -> None:
    asked = await miki.ask(Evidence(3, "in_person", "my_number_card"))
    assert await code_of(transfers.confirm_at_losing_desk(control, miki.second, asked.transfer_id)) == (
        "does_not_exist"
    )
    await transfers.confirm_at_losing_desk(control, miki.losing, asked.transfer_id)
    moved = await desk.at_desk(control, miki.first, taro.resident_id)
    assert (moved.municipality_code, moved.ial, moved.resident_id) == (C2, 3, taro.resident_id)
    assert {Kind.TRANSFER_COMPLETED, Kind.IDENTITY_PROOFED, Kind.RESIDENT_MOVED} <= set(
        await _kinds(control, taro)
    )


async def test_the_level_held_is_never_lowered(control: Connection, miki: Miki, taro: Resident) -> None:
    asked = await miki.ask()
    await residents.proof_again(control, miki.losing, taro, Evidence(3, "in_person", "my_number_card"))
    await transfers.confirm_at_losing_desk(control, miki.losing, asked.transfer_id)
    assert (await desk.at_desk(control, miki.first, taro.resident_id)).ial == 3


async def test_the_resident_confirms_with_two_factors(
    control: Connection, box: SecretBox, miki: Miki, taro: Resident, login: object, journal: Journal
) -> None:
    asked = await miki.ask()
    weak = transfers.confirm_as_resident(control, _caller(taro, aal=1), asked.transfer_id)
    assert await code_of(weak) == "assurance_insufficient"
    await transfers.confirm_as_resident(control, _caller(taro), asked.transfer_id)
    moved = await desk.at_desk(control, miki.first, taro.resident_id)
    assert await credentials.recover(control, box, miki.first, moved, "test", journal, SHOWN) is not None


async def test_h2_a_browser_that_was_left_alone_confirms_nothing(
    control: Connection, miki: Miki, taro: Resident
) -> None:
    asked = await miki.ask()
    alone = ResidentCaller(taro.resident_key, taro.resident_id, "s", "portal", 2, 2, frozenset({"consent"}))
    refused = transfers.confirm_as_resident(control, alone, asked.transfer_id)
    assert await code_of(refused) == "insufficient_user_authentication"


async def test_nobody_elses_transfer_is_confirmed(control: Connection, miki: Miki, taro: Resident) -> None:
    asked = await miki.ask()
    other = ResidentCaller(1, "0000-0000-0000-0000", "s", "portal", 2, 2, frozenset())
    for act in (transfers.confirm_as_resident, transfers.decline_as_resident):
        assert await code_of(act(control, other, asked.transfer_id)) == "does_not_exist"


async def test_the_certificate_is_checked_by_another_clerk(
    control: Connection, miki: Miki, taro: Resident
) -> None:
    asked = await miki.ask(certificate=CERTIFICATE)
    check = transfers.confirm_as_second_clerk
    same = check(control, miki.first, asked.transfer_id, CERTIFICATE)
    assert await code_of(same) == "second_person_required"
    wrong = check(control, miki.second, asked.transfer_id, "転出-2026-000124")
    assert await code_of(wrong) == "certificate_missing"
    await check(control, miki.second, asked.transfer_id, f" {CERTIFICATE} ")
    assert (await desk.at_desk(control, miki.second, taro.resident_id)).municipality_code == C2


async def test_without_a_certificate_no_second_clerk_helps(
    control: Connection, miki: Miki, taro: Resident
) -> None:
    asked = await miki.ask()
    check = transfers.confirm_as_second_clerk(control, miki.second, asked.transfer_id, "")
    assert await code_of(check) == "certificate_missing"


async def test_silence_never_confirms(control: Connection, miki: Miki, taro: Resident) -> None:
    asked = await miki.ask()
    await control.execute("update identity.transfer set expires_at = clock_timestamp()")
    late = transfers.confirm_at_losing_desk(control, miki.losing, asked.transfer_id)
    assert await code_of(late) == "does_not_exist"
    assert (await desk.at_desk(control, miki.losing, taro.resident_id)).municipality_code == "372013"
    await miki.ask()  # and may be asked for again


@pytest.mark.parametrize("who", ["losing", "first", "resident"])
async def test_each_side_may_decline(control: Connection, miki: Miki, taro: Resident, who: str) -> None:
    asked = await miki.ask()
    if who == "resident":
        await transfers.decline_as_resident(control, _caller(taro), asked.transfer_id)
    else:
        await transfers.decline(control, getattr(miki, who), asked.transfer_id)
    assert await transfers.of_resident(control, taro.resident_key) is None
    assert (await _kinds(control, taro))[-1] == Kind.TRANSFER_ENDED


async def test_h1_no_login_is_issued_or_recovered_while_a_transfer_is_pending(
    control: Connection,
    box: SecretBox,
    miki: Miki,
    scene: Scene,
    taro: Resident,
    login: object,
    journal: Journal,
) -> None:
    await miki.ask()
    assert (
        await code_of(credentials.recover(control, box, scene.c1, taro, "test", journal, SHOWN))
        == "transfer_pending"
    )
    assert await code_of(credentials.issue(control, box, scene.c1, taro, "test")) == "transfer_pending"


@pytest.mark.parametrize("way", ["losing_desk", "certificate"])
async def test_h1_after_a_transfer_without_the_resident_a_recovery_takes_two_clerks(
    control: Connection, box: SecretBox, miki: Miki, taro: Resident, login: object, way: str, journal: Journal
) -> None:
    asked = await miki.ask(certificate=CERTIFICATE)
    if way == "losing_desk":
        await transfers.confirm_at_losing_desk(control, miki.losing, asked.transfer_id)
    else:
        await transfers.confirm_as_second_clerk(control, miki.second, asked.transfer_id, CERTIFICATE)
    moved = await desk.at_desk(control, miki.first, taro.resident_id)
    for _ in range(2):
        assert await credentials.recover(control, box, miki.first, moved, "test", journal, SHOWN) is None
    assert await credentials.recover(control, box, miki.second, moved, "test", journal, SHOWN) is not None


@pytest.mark.parametrize("way", ["losing_desk", "certificate", "code"])
async def test_b1_a_first_login_after_a_transfer_or_a_gained_code_takes_two_clerks_too(
    control: Connection, box: SecretBox, miki: Miki, taro: Resident, way: str
) -> None:
    if way == "code":
        await control.raw.execute(
            "update registry.organization set municipality_codes = array[$1, $2] where organization_key = $3",
            taro.municipality_code,
            C2,
            miki.first.organization_key,
        )
    else:
        asked = await miki.ask(certificate=CERTIFICATE)
        if way == "losing_desk":
            await transfers.confirm_at_losing_desk(control, miki.losing, asked.transfer_id)
        else:
            await transfers.confirm_as_second_clerk(control, miki.second, asked.transfer_id, CERTIFICATE)
    first, second = [
        await desk.desk_of(control, one.organization_key, one.actor, one.staff_key)
        for one in (miki.first, miki.second)
    ]
    reached = await desk.at_desk(control, first, taro.resident_id)
    for _ in range(2):
        assert await credentials.issue(control, box, first, reached, "test") is None
    assert await credentials.issue(control, box, second, reached, "test") is not None


async def test_a2_a_town_that_the_desk_gained_a_moment_ago_takes_two_clerks_for_a_recovery(
    control: Connection, box: SecretBox, miki: Miki, taro: Resident, login: object, journal: Journal
) -> None:
    """Miki's desk gains Takamatsu's code, beside its own."""
    await control.raw.execute(
        "update registry.organization set municipality_codes = array[$1, $2] where organization_key = $3",
        taro.municipality_code,
        C2,
        miki.first.organization_key,
    )
    first, second = [
        await desk.desk_of(control, one.organization_key, one.actor, one.staff_key)
        for one in (miki.first, miki.second)
    ]
    reached = await desk.at_desk(control, first, taro.resident_id)
    assert await credentials.recover(control, box, first, reached, "test", journal, SHOWN) is None
    assert await credentials.recover(control, box, first, reached, "test", journal, SHOWN) is None
    assert await credentials.recover(control, box, second, reached, "test", journal, SHOWN) is not None


@pytest.mark.parametrize("days", [0, 13, 15])
async def test_a2_a_desk_that_gained_the_town_a_moment_ago_moves_nobody_in_by_its_clerks_alone(
    control: Connection, miki: Miki, taro: Resident, days: int
) -> None:
    """Whoever made the town may have made both clerks, and the certificate's number."""
    asked = await miki.ask(certificate=CERTIFICATE)
    await control.raw.execute("update identity.resident set enrolled_at = enrolled_at - interval '30 days'")
    await _gained(control, miki.first, days)
    check = transfers.confirm_as_second_clerk(control, miki.second, asked.transfer_id, CERTIFICATE)
    if days > 14:
        await check
    else:
        assert await code_of(check) == "desk_new"
        await transfers.confirm_at_losing_desk(control, miki.losing, asked.transfer_id)
    assert (await desk.at_desk(control, miki.first, taro.resident_id)).municipality_code == C2


async def test_a2_a_desk_that_gained_the_town_a_moment_ago_lets_nobody_go(
    control: Connection, control_db: Database, miki: Miki, taro: Resident
) -> None:
    """Somebody of a town without a desk, enrolled at Takamatsu's; the town gets its desk, which alone would let them go."""
    await control.raw.execute(
        "update identity.resident set municipality_code = '372021', enrolled_at = enrolled_at - interval '30 days'"
    )
    asked = await miki.ask()
    late = await factories.make_organization(control, "marugame", municipality_codes=("372021",))
    new = await clerk(control, late, "marugame-1")
    await _gained(control, new, 1)
    assert await code_of(transfers.confirm_at_losing_desk(control, new, asked.transfer_id)) == "desk_new"
    await transfers.confirm_at_losing_desk(control, miki.losing, asked.transfer_id)


async def _gained(control: Connection, at: Desk, days: int) -> None:
    await control.raw.execute(
        "update registry.organization set codes_since = clock_timestamp() - make_interval(days => $2) where organization_key = $1",
        at.organization_key,
        days,
    )


async def test_a2_a_code_that_came_a_moment_ago_is_not_made_old_by_another_change(
    control: Connection, miki: Miki, taro: Resident
) -> None:
    async def gained(change: str, *more: str) -> list[bool]:
        await control.raw.execute(
            f"update registry.organization set {change} where organization_key = $1",
            miki.first.organization_key,
        )
        return [
            await store_parties.gained_code(
                control, miki.first.organization_key, code, taro.enrolled_at, credentials.CODE_DAYS
            )
            for code in (taro.municipality_code, C2)
        ]

    assert await gained("codes_since = codes_since - interval '15 days'") == [False, False]
    both = f"array['{taro.municipality_code}', '{C2}'"
    assert await gained(f"municipality_codes = {both}]") == [True, False]
    assert await gained(f"municipality_codes = {both}, '372021']") == [True, False]
    assert await gained("codes_since = codes_since - interval '15 days'") == [False, False]


async def test_a_program_counts_for_nobody(
    control: Connection,
    box: SecretBox,
    miki: Miki,
    scene: Scene,
    taro: Resident,
    login: object,
    journal: Journal,
) -> None:
    asked = await miki.ask()
    await transfers.confirm_at_losing_desk(control, miki.losing, asked.transfer_id)
    moved = await desk.at_desk(control, scene.c2, taro.resident_id)
    recover = credentials.recover(control, box, scene.c2, moved, "test", journal, SHOWN)
    assert await code_of(recover) == "second_person_required"


async def test_a_move_to_another_desk_also_holds_recovery(
    control: Connection, box: SecretBox, miki: Miki, taro: Resident, login: object, journal: Journal
) -> None:
    await residents.move(control, miki.losing, taro, C2, "", HERE["address"])
    moved = await desk.at_desk(control, miki.first, taro.resident_id)
    assert await credentials.recover(control, box, miki.first, moved, "test", journal, SHOWN) is None


async def test_both_desks_see_it_and_the_asking_one_learns_no_id(
    control: Connection, miki: Miki, taro: Resident
) -> None:
    await miki.ask()
    assert [one.resident_id for one in (await transfer_lists.coming(control, miki.first, 9)).transfers] == [
        None
    ]
    assert [one.resident_id for one in (await transfer_lists.leaving(control, miki.losing, 9)).transfers] == [
        taro.resident_id
    ]


async def test_of_several_people_the_one_who_shows_their_id_moves(
    control: Connection, control_db: Database, miki: Miki, scene: Scene, taro: Resident
) -> None:
    await residents.enrol(control, scene.c1, person(), EVIDENCE, "ふたご")
    assert await code_of(miki.ask()) == "several_candidates"
    asked = await transfers.ask(control_db, miki.first, moved_in(), EVIDENCE, "", taro.resident_id.lower())
    listed = (await transfer_lists.leaving(control, miki.losing, 9)).transfers
    assert [(one.transfer_id, one.resident_id) for one in listed] == [(asked.transfer_id, taro.resident_id)]


async def test_an_erasure_takes_the_transfer_with_it(
    control: Connection, miki: Miki, taro: Resident, journal: Journal
) -> None:
    await miki.ask()
    await residents.erase(control, taro.resident_key, "staff:x", "本人の申出", journal)
    assert await control.fetchval("select count(*) from identity.transfer") == 0
