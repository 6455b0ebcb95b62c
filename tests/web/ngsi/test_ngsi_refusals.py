"""What every operation under /v2 refuses: malformed requests, forbidden characters, limits, wrong methods."""

from __future__ import annotations

from typing import Any

import pytest


async def _refused(stage: Any, entity: Any) -> tuple[int, str]:
    answer = await stage.create(entity)
    assert answer.status_code >= 400, "was accepted"
    return answer.status_code, answer.json()["error"]


async def _posted(stage: Any, content: bytes, **headers: str) -> tuple[int, str]:
    headers = stage.as_c1(**{"Content-Type": "application/json", **headers})
    answer = await stage.api.post("/v2/entities", content=content, headers=headers)
    return answer.status_code, answer.json()["error"]


@pytest.mark.parametrize(
    "entity",
    [
        [],
        "x",
        {"type": "T"},
        {"id": ""},
        {"id": 1},
        {"id": "a b"},
        {"id": "a/b"},
        {"id": "避難所"},
        {"id": "a" * 257},
        {"id": "a", "type": ""},
        {"id": "a", "type": "T#"},
        {"id": "a", "x y": {"value": 1}},
        {"id": "a", "geo:distance": {"value": 1}},
        {"id": "a", "x": 1},
        {"id": "a", "x": {"value": 1, "typ": "Number"}},
        {"id": "a", "x": {"value": 1, "type": ""}},
        {"id": "a", "x": {"value": "a<script>"}},
        {"id": "a", "x": {"value": {"k": ["it's"]}}},
        {"id": "a", "x": {"value": {"k=": 1}}},
        {"id": "a", "x": {"value": "nul\u0000"}},
        {"id": "a", "x": {"value": 1, "metadata": {"m": {"value": "(x)"}}}},
        {"id": "a", "x": {"value": 1, "metadata": {"": {"value": 1}}}},
        {"id": "a", "x": {"value": 1, "metadata": {"m": 1}}},
    ],
)
async def test_a_bad_entity(stage: Any, entity: Any) -> None:
    assert await _refused(stage, entity) == (400, "BadRequest")
    assert (await stage.api.get("/v2/entities")).json() == []


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b'{"id": "a"', "ParseError"),
        (b'{"id": "a", "x": {"value": NaN}}', "ParseError"),
        (b'{"id": "a", "x": {"value": 1e999}}', "ParseError"),
        (b'{"id": "a", "x": {"value": "\xff"}}', "ParseError"),
        (b'{"id": "a", "x": {"value": ' + b"[" * 60 + b"]" * 60 + b"}}", "ParseError"),
        (b"[" * 100_000, "ParseError"),
        (b'{"id": "a", "id": "b"}', "BadRequest"),
        (b'{"id": "a", "x": {"value": {"k": 1, "k": 2}}}', "BadRequest"),
        (b'{"id": "a", "x": {"value": "\\ud800"}}', "BadRequest"),
    ],
)
async def test_bad_json(stage: Any, content: bytes, error: str) -> None:
    assert await _posted(stage, content) == (400, error)


async def test_unrestricted_text_may_hold_anything(stage: Any) -> None:
    text = '<b>"it\'s" a=b; (c)</b>'
    entity = {
        "id": "a",
        "x": {"type": "TextUnrestricted", "value": text},
        "y": {"value": {"k": [text]}, "metadata": {"TextUnrestricted": {"value": True, "type": "Boolean"}}},
    }
    assert (await stage.create(entity)).status_code == 201
    assert (await stage.api.get("/v2/entities/a/attrs?options=keyValues")).json() == {
        "x": text,
        "y": {"k": [text]},
    }


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT"])
async def test_bodies_are_demanded_and_limited(stage: Any, method: str) -> None:
    url = "/v2/entities" if method == "POST" else "/v2/entities/a/attrs"
    json_type = {"Content-Type": "application/json"}
    for content, headers, expected in (
        (b"", json_type, (411, "ContentLengthRequired")),
        (b"{}", {"Content-Type": "text/plain"}, (415, "UnsupportedMediaType")),
        (b" " * 1_048_577, json_type, (413, "RequestEntityTooLarge")),
    ):
        answer = await stage.api.request(method, url, content=content, headers=stage.as_c1(**headers))
        assert (answer.status_code, answer.json()["error"]) == expected


async def test_a_wrong_method_names_the_right_ones(stage: Any) -> None:
    answer = await stage.api.put("/v2/entities", json={})
    assert (answer.status_code, answer.json()["error"]) == (405, "MethodNotAlowed")
    assert answer.headers["allow"] == "GET, POST"


async def test_json_must_be_acceptable(stage: Any) -> None:
    answer = await stage.api.get("/v2/entities", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.json()["error"]) == (406, "NotAcceptable")
    assert (
        await stage.api.get("/v2/entities", headers={"Accept": "text/html, application/*;q=0.5"})
    ).status_code == 200


@pytest.mark.parametrize(
    ("attribute", "named"),
    [({"x": {"value": {"$inc": 1}}}, "$inc"), ({"dateExpires": {"value": "2026-12-01"}}, "dateExpires")],
)
async def test_features_of_orion_that_are_not_here_name_themselves(
    stage: Any, attribute: dict[str, Any], named: str
) -> None:
    answer = await stage.create({"id": "a", **attribute})
    assert (answer.status_code, answer.json()["error"]) == (501, "NotImplemented")
    assert named in answer.json()["description"]


async def test_changing_id_or_type_is_refused(stage: Any) -> None:
    await stage.create({"id": "a", "type": "T"})
    for member in ("id", "type"):
        answer = await stage.api.patch("/v2/entities/a/attrs", json={member: "b"}, headers=stage.as_c1())
        assert (answer.status_code, answer.json()["error"]) == (400, "BadRequest")


async def test_the_correlator_comes_back(stage: Any) -> None:
    answer = await stage.api.get("/v2/entities/nowhere", headers={"Fiware-Correlator": "abc-123"})
    assert answer.headers["fiware-correlator"] == "abc-123"
    assert len((await stage.api.get("/v2")).headers["fiware-correlator"]) == 36
