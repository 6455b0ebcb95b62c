"""/v2/entities and /v2/entities/{entityId}"""

from __future__ import annotations

from typing import Any

import pytest

STORE = {
    "id": "urn:ngsi-ld:Store:001",
    "type": "Store",
    "address": {
        "type": "PostalAddress",
        "value": {"streetAddress": "Bornholmer Straße 65", "addressRegion": "Berlin"},
        "metadata": {"verified": {"value": True, "type": "Boolean"}},
    },
    "location": {"type": "geo:json", "value": {"type": "Point", "coordinates": [13.3986, 52.5547]}},
    "name": {"type": "Text", "value": "Bösebrücke Einkauf"},
}


def room(number: int, **attrs: Any) -> dict[str, Any]:
    return {"id": f"Room{number}", "type": "Room", **attrs}


async def test_an_entity_comes_back_as_it_was_written(stage: Any) -> None:
    created = await stage.create(STORE)
    assert created.status_code == 201
    assert created.headers["location"] == "/v2/entities/urn:ngsi-ld:Store:001?type=Store"
    found = await stage.api.get("/v2/entities/urn:ngsi-ld:Store:001")
    assert found.status_code == 200
    assert found.headers["content-type"] == "application/json"
    assert found.json() == {
        **STORE,
        "location": {**STORE["location"], "metadata": {}},
        "name": {**STORE["name"], "metadata": {}},
    }
    assert list(found.json()) == list(STORE)


async def test_missing_types_are_filled_in(stage: Any) -> None:
    entity = {
        "id": "e",
        "a": {"value": "x"},
        "b": {"value": 1},
        "c": {"value": True},
        "d": {"value": [1]},
        "e": {},
        "f": {"value": {"k": 1}, "metadata": {"m": {"value": 2.5}}},
    }
    assert (await stage.create(entity)).status_code == 201
    found = (await stage.api.get("/v2/entities/e")).json()
    assert found["type"] == "Thing"
    types = {name: found[name]["type"] for name in "abcdef"}
    assert types == {
        "a": "Text",
        "b": "Number",
        "c": "Boolean",
        "d": "StructuredValue",
        "e": "None",
        "f": "StructuredValue",
    }
    assert found["e"]["value"] is None
    assert found["f"]["metadata"] == {"m": {"type": "Number", "value": 2.5}}


async def test_key_values_in_and_out(stage: Any) -> None:
    await stage.create(room(1, temperature=23.5, tags=["a", "b"]), "?options=keyValues")
    normal = (await stage.api.get("/v2/entities/Room1?type=Room")).json()
    assert normal["temperature"] == {"type": "Number", "value": 23.5, "metadata": {}}
    simple = (await stage.api.get("/v2/entities/Room1?options=keyValues")).json()
    assert simple == room(1, temperature=23.5, tags=["a", "b"])


async def test_numbers_survive_exactly(stage: Any) -> None:
    big = 2**63 + 1234567
    await stage.create(room(1, big=big, small=1e-9, negative=-0.1), "?options=keyValues")
    assert (await stage.api.get("/v2/entities/Room1?options=keyValues")).json() == room(
        1, big=big, small=1e-9, negative=-0.1
    )


async def test_creating_twice_is_refused_and_upsert_adds(stage: Any) -> None:
    await stage.create(room(1, a={"value": 1}))
    again = await stage.create(room(1, b={"value": 2}))
    assert (again.status_code, again.json()) == (
        422,
        {"error": "Unprocessable", "description": "Already Exists"},
    )
    upserted = await stage.create(room(1, b={"value": 2}), "?options=upsert,keyValues")
    assert upserted.status_code == 204
    assert upserted.headers["location"] == "/v2/entities/Room1?type=Room"
    assert set((await stage.api.get("/v2/entities/Room1")).json()) == {"id", "type", "a", "b"}
    assert (await stage.create(room(2), "?options=upsert")).status_code == 201


async def test_an_ambiguous_id_needs_its_type(stage: Any) -> None:
    for kind in ("Room", "Car"):
        await stage.create({"id": "x", "type": kind})
    ambiguous = await stage.api.get("/v2/entities/x")
    assert (ambiguous.status_code, ambiguous.json()["error"]) == (409, "TooManyResults")
    deleted = await stage.api.delete("/v2/entities/x", headers=stage.as_c1())
    assert deleted.status_code == 409
    assert (await stage.api.get("/v2/entities/x?type=Car")).json() == {"id": "x", "type": "Car"}


async def test_delete(stage: Any) -> None:
    await stage.create(room(1))
    assert (await stage.api.delete("/v2/entities/Room1", headers=stage.as_c1())).status_code == 204
    gone = await stage.api.get("/v2/entities/Room1")
    assert (gone.status_code, gone.json()["error"]) == (404, "NotFound")
    assert (await stage.api.delete("/v2/entities/Room1", headers=stage.as_c1())).status_code == 404


@pytest.mark.parametrize("attrs", ["dateCreated", "a,dateModified"])
async def test_builtin_attributes_appear_only_when_named(stage: Any, attrs: str) -> None:
    await stage.create(room(1, a={"value": 1}, b={"value": 2}))
    found = (await stage.api.get(f"/v2/entities/Room1?attrs={attrs}")).json()
    assert list(found) == ["id", "type", *attrs.split(",")]
    moment = found[attrs.rsplit(",", maxsplit=1)[-1]]
    assert moment["type"] == "DateTime"
    assert len(moment["value"]) == len("2026-11-24T09:30:00.123Z")


async def test_dates_are_stored_in_one_form(stage: Any) -> None:
    given = {
        "d1": "2026-11-24",
        "d2": "2026-11-24T18:30+09:00",
        "d3": "20261124T093000.5Z",
        "d4": "2026-11-24T09",
    }
    entity = room(1, **{name: {"type": "DateTime", "value": value} for name, value in given.items()})
    assert (await stage.create(entity)).status_code == 201
    assert (await stage.api.get("/v2/entities/Room1?options=keyValues")).json() == room(
        1,
        d1="2026-11-24T00:00:00.000Z",
        d2="2026-11-24T09:30:00.000Z",
        d3="2026-11-24T09:30:00.500Z",
        d4="2026-11-24T09:00:00.000Z",
    )
    wrong = await stage.create(room(2, d={"type": "DateTime", "value": "2026-11-24Z"}))
    assert (wrong.status_code, wrong.json()["error"]) == (400, "BadRequest")


@pytest.mark.parametrize(
    "location",
    [
        {"type": "geo:json", "value": {"type": "Point", "coordinates": [200, 0]}},
        {"type": "geo:json", "value": {"type": "GeometryCollection", "geometries": []}},
        {"type": "geo:json", "value": {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1]]]}},
        {"type": "geo:point", "value": "north"},
        {"type": "geo:json", "value": "Point"},
    ],
)
async def test_a_malformed_location_is_refused(stage: Any, location: dict[str, Any]) -> None:
    refused = await stage.create(room(1, location=location))
    assert (refused.status_code, refused.json()["error"]) == (400, "BadRequest")


async def test_a_second_location_is_one_too_many(stage: Any) -> None:
    point = {"type": "geo:point", "value": "34.3, 134.0"}
    refused = await stage.create(room(1, here=point, there=point))
    assert (refused.status_code, refused.json()["error"]) == (413, "NoResourcesAvailable")
    ignored = {**point, "metadata": {"ignoreType": {"type": "Boolean", "value": True}}}
    assert (await stage.create(room(1, here=point, there=ignored))).status_code == 201
