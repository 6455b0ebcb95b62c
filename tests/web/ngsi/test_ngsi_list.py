"""GET /v2/entities and GET /v2/types: selection, order, paging, counting."""

from __future__ import annotations

from typing import Any

import pytest

LATER = ["idPattern", "typePattern", "q", "mq", "georel", "geometry", "coords", "orderBy", "metadata"]


async def _fill(stage: Any, number: int = 25) -> None:
    for n in range(number):
        kind = "Car" if n % 5 == 0 else "Room"
        created = await stage.create(
            {"id": f"e{(n * 7) % number}", "type": kind, "n": n, "even": n % 2 == 0}, "?options=keyValues"
        )
        assert created.status_code == 201


async def _numbers(stage: Any, query: str) -> list[int]:
    answer = await stage.api.get(f"/v2/entities?options=keyValues&{query}")
    assert answer.status_code == 200, answer.text
    return [entity["n"] for entity in answer.json()]


async def test_the_order_is_that_of_creation_and_pages_meet(stage: Any) -> None:
    await _fill(stage)
    assert await _numbers(stage, "") == list(range(20))
    assert await _numbers(stage, "limit=1000") == list(range(25))
    assert await _numbers(stage, "limit=10&offset=10") == list(range(10, 20))
    assert await _numbers(stage, "limit=10&offset=20") == list(range(20, 25))
    assert await _numbers(stage, "offset=100") == []


async def test_types_and_ids_select(stage: Any) -> None:
    await _fill(stage)
    assert await _numbers(stage, "type=Car") == [0, 5, 10, 15, 20]
    assert await _numbers(stage, "type=Car&limit=2&offset=1") == [5, 10]
    assert await _numbers(stage, "type=Room,Car&limit=1000") == list(range(25))
    assert await _numbers(stage, "id=e7,e0,nowhere") == [0, 1]
    assert await _numbers(stage, "id=e7,e0&type=Room") == [1]
    assert await _numbers(stage, "type=Bus") == []


async def test_the_total_count_is_asked_for(stage: Any) -> None:
    await _fill(stage)

    async def total(query: str) -> str | None:
        answer = await stage.api.get(f"/v2/entities?{query}")
        return answer.headers.get("fiware-total-count")

    assert await total("limit=1") is None
    assert await total("limit=1&options=count") == "25"
    assert await total("type=Car&limit=1&options=keyValues,count") == "5"
    assert await total("id=e7,e0&options=count") == "2"
    await stage.api.delete("/v2/entities/e0", headers=stage.as_c1())
    assert await total("type=Car&options=count") == "4"
    assert await total("type=Bus&options=count") == "0"


async def test_attrs_select_and_order_without_hiding_entities(stage: Any) -> None:
    await stage.create({"id": "a", "type": "T", "x": 1, "y": 2}, "?options=keyValues")
    await stage.create({"id": "b", "type": "T", "z": 3}, "?options=keyValues")
    found = (await stage.api.get("/v2/entities?options=keyValues&attrs=y,x")).json()
    assert found == [{"id": "a", "type": "T", "y": 2, "x": 1}, {"id": "b", "type": "T"}]
    assert list(found[0]) == ["id", "type", "y", "x"]


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "limit=-1", "offset=-1", "offset=1.5"])
async def test_bad_paging_is_refused(stage: Any, query: str) -> None:
    answer = await stage.api.get(f"/v2/entities?{query}")
    assert (answer.status_code, answer.json()["error"]) == (400, "BadRequest")


@pytest.mark.parametrize("name", LATER)
async def test_a_parameter_that_is_not_here_yet_names_itself(stage: Any, name: str) -> None:
    answer = await stage.api.get("/v2/entities", params={name: "temperature>20;type=='a'"})
    assert (answer.status_code, answer.json()["error"]) == (501, "NotImplemented")
    assert name in answer.json()["description"]


@pytest.mark.parametrize("option", ["values", "unique", "skipForwarding", "dateCreated"])
async def test_an_option_that_is_not_here_yet_names_itself(stage: Any, option: str) -> None:
    answer = await stage.api.get(f"/v2/entities?options=count,{option}")
    assert (answer.status_code, answer.json()["error"]) == (501, "NotImplemented")
    assert option in answer.json()["description"]


@pytest.mark.parametrize(
    "query", ["colour=red", "options=fast", "type=", "type=a&type=b", "type=%3Cb%3E", "id=a,"]
)
async def test_what_nobody_knows_is_a_bad_request(stage: Any, query: str) -> None:
    answer = await stage.api.get(f"/v2/entities?{query}")
    assert (answer.status_code, answer.json()["error"]) == (400, "BadRequest")
    assert "<" not in answer.json()["description"]


async def test_types_are_counted(stage: Any) -> None:
    await _fill(stage)
    assert (await stage.api.get("/v2/types?options=values")).json() == ["Car", "Room"]
    counted = await stage.api.get("/v2/types?options=count,noAttrDetail&limit=1&offset=1")
    assert counted.json() == [{"type": "Room", "attrs": {}, "count": 20}]
    assert counted.headers["fiware-total-count"] == "2"
    detailed = await stage.api.get("/v2/types")
    assert (detailed.status_code, detailed.json()["error"]) == (501, "NotImplemented")


@pytest.mark.parametrize("path", ["subscriptions", "registrations", "types/Room"])
async def test_resources_that_are_not_here_yet_name_themselves(stage: Any, path: str) -> None:
    answer = await stage.api.get(f"/v2/{path}")
    assert (answer.status_code, answer.json()["error"]) == (501, "NotImplemented")
    assert f"/v2/{path}" in answer.json()["description"]


async def test_the_entry_point_names_the_resources(stage: Any) -> None:
    assert (await stage.api.get("/v2")).json() == {
        "entities_url": "/v2/entities",
        "types_url": "/v2/types",
        "subscriptions_url": "/v2/subscriptions",
        "registrations_url": "/v2/registrations",
    }
