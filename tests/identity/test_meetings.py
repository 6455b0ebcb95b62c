"""M9, M13: what a desk does not know, it does not learn by trying; and two people of one name both get their ID."""

from __future__ import annotations

import pytest

from moyai.base.db import Connection, Database
from moyai.base.errors import CODES, Problem
from moyai.identity import meetings, residents
from moyai.identity.guessing import Rule
from moyai.identity.meetings import MeetsSomebody
from moyai.identity.model import Resident
from moyai.ledger import Kind
from tests.factories import C2
from tests.identity.conftest import EVIDENCE, Scene, person

ELSEWHERE = {"municipality_code": C2, "address": "香川県木田郡三木町氷上310"}


async def _meetings(control: Connection, taro: Resident) -> list[str]:
    rows = await control.fetch(
        "select body from ledger.content where resident_key = $1 and kind = $2",
        taro.resident_key,
        int(Kind.ENROLMENT_MET),
    )
    return [row["body"] for row in rows]


async def test_m9_another_desk_learns_neither_id_nor_place_and_the_resident_sees_it(
    control: Connection, control_db: Database, scene: Scene, taro: Resident
) -> None:
    with pytest.raises(MeetsSomebody) as caught:
        await residents.enrol_at(control_db, scene.c2, person(**ELSEWHERE), EVIDENCE)
    assert caught.value.extra == {}
    assert caught.value.here == ()
    assert ["c2" in body and "refused" in body for body in await _meetings(control, taro)] == [True]


async def test_m9_trying_is_slowed_down(
    control_db: Database, scene: Scene, taro: Resident, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(meetings, "RULE", Rule("meeting", 3, 60, 60))
    codes: list[str] = []
    for _ in range(4):
        with pytest.raises(Problem) as caught:
            await residents.enrol_at(control_db, scene.c2, person(**ELSEWHERE), EVIDENCE)
        codes.append(caught.value.code)
    assert codes == ["resident_already_enrolled"] * 3 + ["too_many_requests"]


async def test_enrolments_that_meet_nobody_are_not_counted(
    control_db: Database, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(meetings, "RULE", Rule("meeting", 2, 60, 60))
    for name in ("一郎", "二郎", "三郎", "四郎"):
        who = person(
            given_name=name, given_kana={"一": "イチ", "二": "ニ", "三": "サン", "四": "シ"}[name[0]]
        )
        await residents.enrol_at(control_db, scene.c1, who, EVIDENCE)


async def test_m13_a_namesake_of_the_same_birth_date_is_enrolled_with_a_reason(
    control: Connection, control_db: Database, scene: Scene, taro: Resident
) -> None:
    namesake = person(family_name="円亀", given_name="太朗", **ELSEWHERE)
    made = await residents.enrol_at(control_db, scene.c2, namesake, EVIDENCE, "漢字も住所も違う別の方")
    assert made.resident_id != taro.resident_id
    assert ["distinct" in body for body in await _meetings(control, taro)] == [True]


def test_m13_the_code_names_the_way_on_and_no_other_persons_id() -> None:
    code = CODES["resident_already_enrolled"]
    assert "distinct_reason" in code.next_ja
    assert "distinct_reason" in code.next_en
    assert "Use the existing resident ID" not in code.next_en
