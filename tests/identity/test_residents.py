"""Enrolment, finding again, proofing, moving, erasure: the rules behind the desk."""

from __future__ import annotations

from datetime import date

import pytest

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.base.journal import Journal
from moyai.identity import desk, residents
from moyai.identity.model import Evidence, Resident
from moyai.ledger import Kind
from tests.factories import C2
from tests.identity.conftest import EVIDENCE, Scene, person

WHY = desk.Looking("identity_check")


async def _code(attempt: object) -> str:
    with pytest.raises(Problem) as caught:
        await attempt  # type: ignore[misc]
    return caught.value.code


async def test_the_id_says_nothing_about_the_person(taro: Resident) -> None:
    assert len(taro.resident_id.replace("-", "")) == 16
    assert "1950" not in taro.resident_id
    assert (taro.ial, taro.state) == (2, "active")


async def test_enrolment_is_recorded_without_the_name(control: Connection, taro: Resident) -> None:
    body = await control.fetchval(
        "select body from ledger.content where resident_key = $1 and kind = $2",
        taro.resident_key,
        int(Kind.RESIDENT_ENROLLED),
    )
    assert "staff:c1" in body
    assert "丸亀" not in body


async def test_the_same_person_is_found_by_writing_although_the_reading_differs(
    control: Connection, scene: Scene, taro: Resident
) -> None:
    again = person(family_kana="マルカメ", given_kana="フトシ")
    with pytest.raises(Problem) as caught:
        await residents.enrol(control, scene.c1, again, EVIDENCE)
    assert caught.value.extra["resident_id"] == taro.resident_id


async def test_another_birth_date_is_another_person(
    control: Connection, scene: Scene, taro: Resident
) -> None:
    other = await residents.enrol(control, scene.c1, person(birth_date=date(1950, 5, 6)), EVIDENCE)
    assert other.resident_id != taro.resident_id


async def test_somebody_erased_may_enrol_again(
    control: Connection, scene: Scene, taro: Resident, journal: Journal
) -> None:
    await residents.erase(control, taro.resident_key, "staff:c1", "本人の申出", journal)
    again = await residents.enrol(control, scene.c1, person(), EVIDENCE)
    assert again.resident_id != taro.resident_id


@pytest.mark.parametrize(
    ("evidence", "code"),
    [
        (Evidence(3, "postal", "my_number_card"), "proofing_insufficient"),
        (Evidence(2, "self_asserted", "my_number_card"), "proofing_insufficient"),
        (Evidence(2, "desk_document", "none"), "proofing_insufficient"),
        (Evidence(3, "desk_document", "my_number_card"), "proofing_insufficient"),
        (Evidence(2, "hearsay", "my_number_card"), "invalid_request"),
        (Evidence(2, "desk_document", "library_card"), "invalid_request"),
    ],
)
async def test_evidence_must_carry_its_level(
    control: Connection, scene: Scene, evidence: Evidence, code: str
) -> None:
    assert await _code(residents.enrol(control, scene.c1, person(), evidence)) == code


@pytest.mark.parametrize(
    "change",
    [
        {"municipality_code": "372014"},
        {"birth_date": date(2999, 1, 1)},
        {"birth_date": date(1500, 1, 1)},
        {"family_kana": "・", "given_kana": "・"},
    ],
)
async def test_implausible_entries_are_refused(
    control: Connection, scene: Scene, change: dict[str, object]
) -> None:
    assert await _code(residents.enrol(control, scene.c1, person(**change), EVIDENCE)) == "invalid_request"


async def test_each_desk_looks_after_its_own(control: Connection, scene: Scene, taro: Resident) -> None:
    assert await _code(desk.at_desk(control, scene.c2, taro.resident_id)) == "does_not_exist"
    enrol = residents.enrol(control, scene.c1, person(municipality_code=C2), EVIDENCE)
    assert await _code(enrol) == "other_municipality"


async def test_a_desk_keeps_whoever_lives_outside_every_municipality(
    control: Connection, scene: Scene
) -> None:
    away = await residents.enrol(control, scene.c1, person(municipality_code="131016"), EVIDENCE)
    assert (await desk.at_desk(control, scene.c1, away.resident_id)).resident_id == away.resident_id
    assert await _code(desk.at_desk(control, scene.c2, away.resident_id)) == "does_not_exist"


async def test_a_move_changes_the_municipality_and_the_desk(
    control: Connection, scene: Scene, taro: Resident
) -> None:
    await residents.move(control, scene.c1, taro, C2, "", "香川県木田郡三木町氷上310")
    moved = await desk.at_desk(control, scene.c2, taro.resident_id)
    assert moved.municipality_code == C2
    assert moved.resident_id == taro.resident_id


async def test_proofing_again_sets_the_level_of_the_latest_evidence(
    control: Connection, scene: Scene, taro: Resident
) -> None:
    await residents.proof_again(control, scene.c1, taro, Evidence(3, "in_person", "my_number_card"))
    record = await desk.open_record(control, scene.c1, taro.resident_id, WHY)
    assert record.resident.ial == 3
    assert [proofing.level for proofing in record.proofings] == [3, 2]
    assert record.proofings[0].verifier == "c1/staff:c1"


async def test_looking_at_a_record_goes_on_record(control: Connection, scene: Scene, taro: Resident) -> None:
    await desk.open_record(control, scene.c1, taro.resident_id, WHY)
    await desk.search(control, scene.c1, "まるがめ", WHY)
    looked = await control.fetch("select resident_key, body from ledger.content where kind = 38 order by at")
    assert [row["resident_key"] for row in looked] == [taro.resident_key, 0, taro.resident_key]
    assert all("まるがめ" not in row["body"] for row in looked)


@pytest.mark.parametrize("text", ["まるが", "丸亀", "ﾏﾙ", "1950-05-05"])
async def test_search_finds_by_any_of_its_ways(
    control: Connection, scene: Scene, taro: Resident, text: str
) -> None:
    assert [found.resident for found in await desk.search(control, scene.c1, text, WHY)] == [taro]
    assert await desk.search(control, scene.c2, text, WHY) == []


async def test_erasure_leaves_only_the_bare_id(
    control: Connection, scene: Scene, taro: Resident, journal: Journal
) -> None:
    await residents.erase(control, taro.resident_key, "staff:c1", "本人の申出", journal)
    for table in ("person", "proofing", "credential", "pairwise"):
        count = await control.fetchval(
            f"select count(*) from identity.{table} where resident_key = $1",  # type: ignore[arg-type]
            taro.resident_key,
        )
        assert count == 0, table
    left = await control.fetchrow(
        "select * from identity.resident where resident_key = $1", taro.resident_key
    )
    assert left is not None
    assert (left["state"], left["municipality_code"]) == ("erased", "000000")
    assert (
        await _code(residents.erase(control, taro.resident_key, "staff:c1", "", journal))
        == "resident_inactive"
    )
