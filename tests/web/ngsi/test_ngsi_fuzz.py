"""Whatever comes in under /v2 is answered as NGSI answers: never a server error, and nothing half done."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

TEXT = st.text(max_size=20)
NAMES = st.one_of(
    TEXT, st.sampled_from(["id", "type", "a", "location", "dateCreated", "*", "geo:distance", ""])
)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXT)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3)
)
GEO = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["geo:json", "geo:point", "geo:box", "geo:polygon", "DateTime"]),
        "value": st.one_of(
            VALUES,
            st.fixed_dictionaries(
                {"type": st.sampled_from(["Point", "Polygon", "Feature"]), "coordinates": VALUES}
            ),
            st.lists(st.sampled_from(["1,2", "1,200", "x", "nan,1"]), max_size=5),
        ),
    }
)
ATTRIBUTES = st.one_of(
    VALUES, GEO, st.fixed_dictionaries({"value": VALUES}, optional={"type": SCALARS, "metadata": VALUES})
)
ENTITIES = st.one_of(VALUES, st.dictionaries(NAMES, ATTRIBUTES, max_size=4))
KNOWN = {"BadRequest", "ParseError", "NotFound", "Unprocessable", "NoResourcesAvailable", "NotImplemented"}

many = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def _sent(value: Any) -> bytes:
    """JSON as careless programs write it: NaN, lone surrogates and all."""
    return json.dumps(value).encode()


@many
@given(
    body=ENTITIES, options=st.sampled_from(["", "?options=keyValues", "?options=upsert", "?options=upsert,x"])
)
async def test_any_entity(stage: Any, body: Any, options: str) -> None:
    content = _sent({"id": "fuzz", **body} if isinstance(body, dict) and "id" not in body else body)
    headers = stage.as_c1(**{"Content-Type": "application/json"})
    answer = await stage.api.post(f"/v2/entities{options}", content=content, headers=headers)
    if answer.status_code < 300:
        found = await stage.api.get(answer.headers["location"])
        assert found.status_code == 200
        assert (await stage.api.delete(answer.headers["location"], headers=headers)).status_code == 204
    else:
        assert answer.json()["error"] in KNOWN


@many
@given(content=st.binary(max_size=60))
async def test_any_bytes(stage: Any, content: bytes) -> None:
    headers = stage.as_c1(**{"Content-Type": "application/json"})
    answer = await stage.api.post("/v2/entities", content=content, headers=headers)
    assert answer.json()["error"] in {*KNOWN, "ContentLengthRequired"}


@many
@given(
    parts=st.lists(
        st.tuples(st.sampled_from(["id", "type", "attrs", "limit", "offset", "options", "q", "x"]), TEXT),
        max_size=4,
    )
)
async def test_any_query(stage: Any, parts: list[tuple[str, str]]) -> None:
    query = "&".join(f"{name}={quote(value, errors='surrogatepass')}" for name, value in parts)
    answer = await stage.api.get(f"/v2/entities?{query}")
    assert answer.status_code == 200 or answer.json()["error"] in KNOWN


@many
@given(segment=TEXT.filter(lambda text: text not in ("", ".", "..") and "/" not in text))
async def test_any_id(stage: Any, segment: str) -> None:
    for path in (f"/v2/entities/{quote(segment)}", f"/v2/entities/a/attrs/{quote(segment)}/value"):
        answer = await stage.api.get(path)
        assert answer.json()["error"] in KNOWN


@pytest.mark.parametrize("digits", [25, 400, 4000, 5000])
async def test_long_numbers(stage: Any, digits: int) -> None:
    number = "9" * digits
    content = f'{{"id": "n", "x": {{"value": {number}}}}}'.encode()
    headers = stage.as_c1(**{"Content-Type": "application/json"})
    answer = await stage.api.post("/v2/entities", content=content, headers=headers)
    if digits <= 400:
        assert answer.status_code == 201
        assert (await stage.api.get("/v2/entities/n/attrs/x/value")).text == number
    else:
        assert answer.status_code in (201, 400)
        assert (await stage.api.get("/v2/entities")).status_code == 200
