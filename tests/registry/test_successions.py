"""C1: a succession or renaming is an act of its own, by two persons, on a document; nothing else renames a party."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from moyai import ledger, registry
from moyai.base.clock import tokyo, utc_now
from moyai.base.db import Connection, PostgresError
from moyai.base.errors import Problem
from moyai.ledger import Kind
from moyai.registry import acting, store_successions, successions
from moyai.registry.declarations import Document, SuccessionDeclaration
from tests.registry.samples import (
    ACTOR,
    CITY,
    STEPS,
    UNEI,
    WALKING,
    but,
    certified_service,
    operators,
    registered_service,
)
from tests.registry.test_two_persons import PROGRAM, A, B


def of_city(**members: Any) -> SuccessionDeclaration:
    return but(
        SuccessionDeclaration(
            kind="merger",
            noun="organization",
            id="city",
            name_ja="新しい市",
            name_en="New City",
            document=Document("総務省告示", "第12号"),
            effective_date=tokyo(utc_now()).date() - timedelta(days=1),
            notice_ja="市が合併しました。",
            notice_en="The city has merged.",
        ),
        **members,
    )


async def texts(conn: Connection) -> dict[str, Any]:
    """Versions of the one link, and what each still opens."""
    rows = await conn.fetch("select version, items from registry.version_standing order by version")
    return {row["version"]: row["items"] for row in rows}


async def test_c1_a_succession_waits_for_two_persons_and_is_exactly_what_was_asked(control: Connection):
    await certified_service(control)
    await operators(control)
    change = await successions.succeed(control, of_city(), PROGRAM)
    assert (change.outcome, change.fields) == ("pending", ("name_ja", "name_en"))
    assert (await registry.organization(control, "city")).name_ja == CITY.name_ja
    assert await successions.successions(control) == []
    await acting.confirm(control, str(change.pending), A)
    assert (await registry.organization(control, "city")).name_ja == CITY.name_ja
    assert (await acting.confirm(control, str(change.pending), B)).state == "done"
    assert (await registry.organization(control, "city")).name_ja == "新しい市"
    (known,) = await successions.successions(control)
    assert (known.kind, known.id, known.way) == ("merger", "city", "second_person")
    assert (known.before.name_ja, known.after.name_ja) == (CITY.name_ja, "新しい市")
    assert (known.document, known.document_number) == ("総務省告示", "第12号")
    (done,) = await ledger.history(control, 0, kinds=[Kind.SUCCESSION_RECORDED])
    assert done.detail["name_ja"] == {"old": CITY.name_ja, "new": "新しい市"}
    assert (done.detail["kind_of"], done.detail["document_number"]) == ("merger", "第12号")


async def test_c1_it_is_void_if_the_names_changed_meanwhile(control: Connection):
    await certified_service(control)
    await operators(control)
    first = await successions.succeed(control, of_city(), PROGRAM)
    second = await successions.succeed(control, of_city(name_ja="別の市", name_en="Other"), PROGRAM)
    for one in (first, second):
        await acting.confirm(control, str(one.pending), A)
    assert (await acting.confirm(control, str(first.pending), B)).state == "done"
    assert (await acting.confirm(control, str(second.pending), B)).state == "void"


async def test_c1_a_succession_carries_the_text_on_and_keeps_ids_and_store(control: Connection):
    await certified_service(control)
    keys = "select organization_key, component_key from registry.component order by 2"
    before = [tuple(row) for row in await control.fetch(keys)]
    opened = await texts(control)
    await successions.record_succession(control, of_city(), ACTOR)
    after = await texts(control)
    assert (list(opened), list(after)) == ([1], [1, 2])
    assert after[1] == after[2] == opened[1]
    assert [tuple(row) for row in await control.fetch(keys)] == before


@pytest.mark.parametrize(
    ("noun", "thing", "kind"),
    [
        ("organization", "unei", "operation"),
        ("organization", "city", "renaming"),
        ("component", "walking", "succession"),
    ],
    ids=["operator", "organisation", "component"],
)
async def test_c1_every_party_of_a_text_can_be_succeeded(
    control: Connection, noun: Any, thing: str, kind: Any
):
    await certified_service(control)
    opened = await texts(control)
    await successions.record_succession(control, of_city(noun=noun, id=thing, kind=kind), ACTOR)
    assert (await texts(control))[1] == opened[1]


async def test_c1_what_was_outdated_before_stays_so(control: Connection):
    await certified_service(control)
    await control.execute("update registry.link set purpose_ja = '広告'")
    await successions.record_succession(control, of_city(), ACTOR)
    known = await texts(control)
    assert known[1] is None
    assert known[2] == known[3] is not None


async def test_c1_after_the_act_a_change_of_names_is_another_text_again(control: Connection):
    await certified_service(control)
    await successions.record_succession(control, of_city(), ACTOR)
    await control.execute("update registry.organization set name_ja = '別人' where organization_id = 'city'")
    known = await texts(control)
    assert (known[1], known[2]) == (None, None)


@pytest.mark.parametrize("declared", [CITY, UNEI], ids=["party", "manager"])
async def test_c1_an_organisation_that_residents_have_read_of_is_not_renamed_by_registering(
    control: Connection, declared: Any
):
    await registered_service(control)
    with pytest.raises(Problem) as refused:
        await registry.register_organization(control, but(declared, name_ja="別の名前"), ACTOR)
    assert refused.value.code == "succession_required"
    assert (await registry.register_organization(control, but(declared, contact="087"), ACTOR)).fields == (
        "contact",
    )


async def test_c1_nor_is_a_component(control: Connection):
    await registered_service(control)
    with pytest.raises(Problem) as refused:
        await registry.register_component(control, but(WALKING, name_en="Other"), ACTOR)
    assert refused.value.code == "succession_required"


async def test_who_is_in_no_text_is_renamed_freely(control: Connection):
    for declared in (UNEI, CITY):
        await registry.register_organization(control, declared, ACTOR)
    await registry.register_dataset(control, STEPS, ACTOR)
    await registry.register_component(control, WALKING, ACTOR)
    assert (
        await registry.register_organization(control, but(CITY, name_ja="別"), ACTOR)
    ).outcome == "changed"
    assert (
        await registry.register_component(control, but(WALKING, name_ja="別"), ACTOR)
    ).outcome == "changed"


async def test_h4_a_file_that_still_says_the_old_name_changes_nothing(control: Connection):
    await certified_service(control)
    await successions.record_succession(control, of_city(), ACTOR)
    assert (await registry.register_organization(control, CITY, ACTOR)).outcome == "unchanged"
    changed = await registry.register_organization(control, but(CITY, contact="087"), ACTOR)
    assert changed.fields == ("contact",)
    assert (await registry.organization(control, "city")).name_ja == "新しい市"


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"id": "nowhere"}, "does_not_exist"),
        ({"document": Document("告示")}, "invalid_request"),
        ({"effective_date": date(2999, 1, 1)}, "invalid_request"),
        ({"kind": "operation"}, "invalid_request"),
    ],
    ids=["unknown", "no number", "future", "not the operator"],
)
async def test_what_cannot_be_is_not_asked_for(control: Connection, members: Any, code: str):
    await certified_service(control)
    with pytest.raises(Problem) as refused:
        await successions.succeed(control, of_city(**members), PROGRAM)
    assert refused.value.code == code


async def test_the_same_names_are_no_succession(control: Connection):
    await certified_service(control)
    same = of_city(name_ja=CITY.name_ja, name_en=CITY.name_en)
    assert (await successions.succeed(control, same, PROGRAM)).outcome == "unchanged"


async def test_a_recorded_succession_never_changes(control: Connection):
    await certified_service(control)
    await successions.record_succession(control, of_city(), ACTOR)
    with pytest.raises(PostgresError):
        async with control.transaction():
            await control.execute("update registry.succession set document = 'other'")
    assert [one.document for one in await store_successions.successions(control)] == ["総務省告示"]
