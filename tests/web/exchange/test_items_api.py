"""Storing, updating, deleting and locating, per person and kind of data."""

from __future__ import annotations

from typing import Any

import pytest

from moyai.ledger import Kind
from tests.web.exchange.conftest import STEPS, VITALS, Asked, Road, contents, problem


def places(answer: Any) -> list[tuple[str, str, str, int]]:
    assert answer.status_code == 200, answer.text
    return [
        (one["dataset_id"], one["organization_id"], one["component_id"], one["items"])
        for one in answer.json()["locations"]
    ]


@pytest.mark.requirement("R-009")
async def test_store_update_share_and_delete(road: Road) -> None:
    person = await road.resident("steps")
    first = await person.put("steps", "day-1", {"steps": 1})
    made = {"item_id": "day-1", "version": 1, "created": True, "etag": first.headers["etag"]}
    assert (first.status_code, first.json()) == (201, made)
    again = await person.put("steps", "day-1", {"steps": 2})
    assert (again.status_code, again.json()["version"]) == (200, 2)
    own = await road.call("undo-app", "GET", person.items("steps"))
    assert [item["content"] for item in own.json()["items"]] == [{"steps": 2}]
    assert contents(await person.ask("steps")) == {"steps": [{"steps": 2}]}
    gone = await road.call("undo-app", "DELETE", f"{person.items('steps')}/day-1")
    assert gone.status_code == 204
    assert contents(await person.ask("steps")) == {"steps": []}
    assert (await road.call("undo-app", "GET", person.items("steps"))).json()["items"] == []
    assert places(await person.locate("steps")) == []


@pytest.mark.requirement("R-006")
async def test_location_appears_with_the_data_and_vanishes_with_it(road: Road) -> None:
    person = await road.resident("vitals")
    assert places(await person.locate("vitals")) == []
    for item in ("a", "b"):
        await person.put("vitals", item, VITALS)
    answer = await person.locate("vitals")
    assert places(answer) == [("vitals", "koiki", "kenko-app", 2)]
    assert answer.json()["locations"][0]["organization_name_ja"] == "さぬき東部広域連合"
    assert "61.5" not in answer.text
    for item in ("a", "b"):
        assert places(await person.locate("vitals"))
        await road.call("kenko-app", "DELETE", f"{person.items('vitals')}/{item}")
    assert places(await person.locate("vitals")) == []


async def test_many_items_are_stored_together_or_not_at_all(road: Road) -> None:
    person = await road.resident("steps")
    items = [{"item_id": f"day-{n}", "content": {"steps": n}} for n in range(5)]
    made = await road.call("undo-app", "POST", person.items("steps"), json={"items": items})
    assert [one["created"] for one in made.json()["items"]] == [True] * 5
    bad = [{"item_id": "day-9", "content": {"steps": 9}}, {"item_id": "day-10", "content": "no object"}]
    answer = await road.call("undo-app", "POST", person.items("steps"), json={"items": bad})
    assert answer.status_code == 422
    assert len(contents(await person.ask("steps"))["steps"]) == 5
    assert places(await person.locate("steps")) == [("steps", "c1", "undo-app", 5)]


async def declare_steps(road: Road, schema: dict[str, Any]) -> None:
    async with road.control.transaction() as conn:
        await conn.execute("update registry.dataset set schema = $1 where dataset_id = 'steps'", schema)


async def test_content_comes_back_as_it_was_sent(road: Road) -> None:
    steps = {"type": "array", "items": {"type": ["number", "string"]}}
    await declare_steps(
        road, {"type": "object", "additionalProperties": False, "properties": {"steps": steps}}
    )
    person = await road.resident("steps")
    path = f"{person.items('steps')}/item-1"
    body = b'{"content": {"steps": [1.10, 12345678901234567890, "\\u3042 \xe9\xab\x99"]}}'
    sent = await road.call(
        "undo-app", "PUT", path, content=body, headers={"Content-Type": "application/json"}
    )
    assert sent.status_code == 201, sent.text
    raw = (await person.ask("steps")).content
    assert b'{"steps": [1.10, 12345678901234567890, "\\u3042 \xe9\xab\x99"]}' in raw


@pytest.mark.parametrize("steps", [{"type": "integer"}, {}], ids=["root open", "all open"])
async def test_b7_what_an_open_schema_lets_in_is_not_handed_on(road: Road, steps: dict[str, Any]) -> None:
    await declare_steps(road, {"type": "object", "properties": {"steps": steps}})
    person = await road.resident("steps")
    answer = await person.put("steps", "item-1", {"steps": 1, "note": "SECRET"})
    assert answer.status_code == 201, answer.text
    assert contents(await person.ask("steps")) == {"steps": [{"steps": 1}]}
    own = await road.call("undo-app", "GET", person.items("steps"))
    assert "SECRET" in own.text, "a component reads its own items whole"


async def test_deleting_what_is_not_there(road: Road) -> None:
    person = await road.resident(items={"steps": STEPS})
    answer = await road.call("undo-app", "DELETE", f"{person.items('steps')}/item-2")
    assert problem(answer) == (404, "does_not_exist")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST"])
async def test_component_keeps_only_its_own_datasets_of_its_own_people(road: Road, method: str) -> None:
    person = await road.resident(items={"steps": STEPS, "vitals": VITALS})
    bodies = {"PUT": {"content": STEPS}, "POST": {"items": [{"item_id": "x", "content": STEPS}]}}
    tail = "/item-1" if method in ("PUT", "DELETE") else ""
    arguments: dict[str, Any] = {"json": bodies[method]} if method in bodies else {}
    before = await road.count()
    theirs = await road.call("undo-app", method, person.items("vitals", "undo-app") + tail, **arguments)
    assert problem(theirs) == (403, "provider_not_registered")
    stranger = await road.call("undo-app", method, person.items("steps", "mimamori") + tail, **arguments)
    assert problem(stranger) == (403, "subject_unknown")
    # M2: a refusal changes nothing but that it is on record
    assert await road.count() == (before[0] + 2, before[1] + 2, *before[2:])


async def test_nothing_is_kept_for_a_person_without_a_tie(road: Road) -> None:
    person = await road.resident()
    async with road.control.connection() as conn:
        await conn.execute("delete from identity.pairwise where subject = $1", person.subjects["undo-app"])
    before = await road.count()
    assert problem(await person.put("steps", "item-1", STEPS)) == (403, "subject_unknown")
    assert await road.count() == (before[0] + 1, before[1] + 1, *before[2:])


async def test_m2_looking_up_where_data_lies_and_reading_it_back_are_on_record(road: Road) -> None:
    person = await road.resident("steps", items={"steps": STEPS})
    assert places(await person.locate("steps")) == [("steps", "c1", "undo-app", 1)]
    assert (await road.call("undo-app", "GET", person.items("steps"))).status_code == 200
    assert problem(await person.locate("vitals")) == (403, "consent_missing")
    async with road.control.connection() as conn:
        rows = await conn.fetch(
            "select kind from ledger.content c join identity.pairwise p using (resident_key)"
            " where p.subject = $1 order by at desc limit 3",
            person.subjects["mimamori"],
        )
    assert [row["kind"] for row in rows] == [Kind.REFUSAL, Kind.ITEMS_READ, Kind.LOCATIONS_READ]


async def test_scope_of_the_token_decides_what_it_is_for(road: Road) -> None:
    person: Asked = await road.resident("steps", items={"steps": STEPS})
    narrow = await road.parties["mimamori"].token(grant_type="client_credentials", scope="personal:store")
    token = narrow.json()["access_token"]
    answer = await road.parties["mimamori"].call(
        "POST", "/personal/v1/exchange", token, json=person.body("steps")
    )
    assert problem(answer) == (403, "forbidden")
