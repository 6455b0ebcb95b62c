"""M13 over HTTP: a provider's own items page by page and one by one, and writes under a condition (RFC 9110, 13.1)."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from moyai.ledger import Kind
from tests.web.exchange.conftest import EXCHANGE, STEPS, Asked, Road, contents, problem


async def own(person: Asked, method: str, tail: str = "", **arguments: Any) -> httpx.Response:
    return await person.road.call("undo-app", method, person.items("steps") + tail, **arguments)


async def store(person: Asked, count: int) -> None:
    items = [
        {"item_id": f"day-{n}", "content": {"steps": n}, "observed_at": f"2026-11-{n + 1:02d}T09:00:00+09:00"}
        for n in range(count)
    ]
    answer = await own(person, "POST", json={"items": items})
    assert answer.status_code == 200, answer.text


def ids(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [item["item_id"] for item in answer.json()["items"]]


async def test_m13_own_items_are_read_to_the_end_and_each_page_is_on_record(road: Road) -> None:
    person = await road.resident()
    await store(person, 5)
    first = await own(person, "GET", "?limit=2")
    second = await own(person, "GET", f"?limit=2&cursor={first.json()['next']}")
    third = await own(person, "GET", f"?limit=2&cursor={second.json()['next']}")
    assert [ids(one) for one in (first, second, third)] == [["day-4", "day-3"], ["day-2", "day-1"], ["day-0"]]
    assert "next" not in third.json()
    read = await person.recorded("items_read")
    assert [one["detail"]["items"] for one in read] == [2, 2, 1]


async def test_m13_own_items_of_an_interval(road: Road) -> None:
    person = await road.resident()
    await store(person, 5)
    asked = "?since=2026-11-03T00:00:00Z&until=2026-11-05T00:00:00Z"
    assert ids(await own(person, "GET", asked)) == ["day-3", "day-2"]
    for bad in ("?since=2026-11-02", "?until=tomorrow", "?cursor=%C3%A9", "?since=2026-11-02T00:00:00"):
        assert problem(await own(person, "GET", bad)) == (422, "invalid_request")


async def test_m13_one_item_by_its_id_with_its_entity_tag(road: Road) -> None:
    person = await road.resident(items={"steps": STEPS})
    found = await own(person, "GET", "/item-1")
    assert (found.status_code, found.json()["content"]) == (200, STEPS)
    assert found.headers["etag"].startswith('"1-')
    assert problem(await own(person, "GET", "/item-2")) == (404, "does_not_exist")
    assert [one["detail"]["items"] for one in await person.recorded("items_read")] == [1, 0]


async def test_m13_reading_one_item_is_refused_like_all_else(road: Road) -> None:
    person = await road.resident(items={"steps": STEPS})
    stranger = await road.call("mimamori", "GET", person.items("steps", "mimamori") + "/item-1")
    assert problem(stranger) == (403, "provider_not_registered")
    theirs = await road.call("undo-app", "GET", person.items("vitals", "undo-app") + "/item-1")
    assert problem(theirs) == (403, "provider_not_registered")
    assert [one["kind"] for one in await person.recorded()] == [Kind.REFUSAL.code] * 2


async def test_m13_nothing_is_replaced_that_somebody_changed_meanwhile(road: Road) -> None:
    person = await road.resident("steps", items={"steps": STEPS})
    read = (await own(person, "GET", "/item-1")).headers["etag"]
    mine = await person.put("steps", "item-1", {"steps": 1}, headers={"If-Match": read})
    assert mine.status_code == 200
    late = await person.put("steps", "item-1", {"steps": 2}, headers={"If-Match": read})
    assert problem(late) == (412, "precondition_failed")
    assert contents(await person.ask("steps")) == {"steps": [{"steps": 1}]}
    several = f'"0-0", {mine.headers["etag"]}'
    assert (
        await person.put("steps", "item-1", {"steps": 3}, headers={"If-Match": several})
    ).status_code == 200


async def test_m13_a_tag_of_an_item_that_was_deleted_is_no_tag_of_the_next(road: Road) -> None:
    person = await road.resident(items={"steps": STEPS})
    read = (await own(person, "GET", "/item-1")).headers["etag"]
    await own(person, "DELETE", "/item-1")
    gone = await person.put("steps", "item-1", STEPS, headers={"If-Match": read})
    assert problem(gone) == (412, "precondition_failed")
    await person.put("steps", "item-1", STEPS)
    anew = await person.put("steps", "item-1", STEPS, headers={"If-Match": read})
    assert problem(anew) == (412, "precondition_failed")


async def test_m13_deleting_under_a_condition(road: Road) -> None:
    person = await road.resident(items={"steps": STEPS})
    read = (await own(person, "GET", "/item-1")).headers["etag"]
    await person.put("steps", "item-1", {"steps": 1})
    assert (
        problem(await own(person, "DELETE", "/item-1", headers={"If-Match": read}))[1]
        == "precondition_failed"
    )
    now = (await own(person, "GET", "/item-1")).headers["etag"]
    weak = await own(person, "DELETE", "/item-1", headers={"If-Match": f"W/{now}"})
    assert problem(weak) == (412, "precondition_failed")
    assert (await own(person, "DELETE", "/item-1", headers={"If-Match": now})).status_code == 204
    assert problem(await own(person, "DELETE", "/item-1", headers={"If-Match": "*"}))[0] == 412


async def test_m13_create_only_is_won_by_one_of_many(road: Road) -> None:
    person = await road.resident("steps")
    answers = await asyncio.gather(
        *(person.put("steps", "one", {"steps": n}, headers={"If-None-Match": "*"}) for n in range(6))
    )
    assert sorted(one.status_code for one in answers) == [201, 412, 412, 412, 412, 412]
    (won,) = [n for n, one in enumerate(answers) if one.status_code == 201]
    assert contents(await person.ask("steps")) == {"steps": [{"steps": won}]}
    async with road.control.connection() as conn:
        waiting = await conn.fetchval(
            "select count(*) from personal.intent where resident_key = $1", person.made.key
        )
    assert waiting == 0


@pytest.mark.parametrize(
    "headers",
    [{"If-Match": "1-abc"}, {"If-None-Match": '"1-abc"'}, {"If-None-Match": "*", "If-Match": "*"}],
    ids=["unquoted", "tag", "both"],
)
async def test_m13_a_condition_that_is_none_is_not_passed_over(road: Road, headers: dict[str, str]) -> None:
    person = await road.resident(items={"steps": STEPS})
    assert problem(await person.put("steps", "item-1", {"steps": 1}, headers=headers)) == (
        422,
        "invalid_request",
    )


async def test_m13_an_exchange_goes_on_where_it_ended(road: Road) -> None:
    person = await road.resident("steps")
    await store(person, 3)
    first = await road.call("mimamori", "POST", EXCHANGE, json={**person.body("steps"), "limit": 2})
    rest = {**person.body("steps"), "limit": 2, "cursor": first.json()["next"]}
    second = await road.call("mimamori", "POST", EXCHANGE, json=rest)
    assert contents(second) == {"steps": [{"steps": 0}]}
    assert "next" not in second.json()
    assert [one["entry_id"] for one in await person.recorded()] == [
        first.json()["exchange_id"],
        second.json()["exchange_id"],
    ]
    one = await road.call("mimamori", "POST", EXCHANGE, json={**person.body("steps"), "item_id": "day-1"})
    assert contents(one) == {"steps": [{"steps": 1}]}
