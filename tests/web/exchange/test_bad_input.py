"""Bad input gets a problem document with a stable code, never a 500, and changes nothing."""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import unquote

import pytest

from tests.web.exchange.conftest import EXCHANGE, STEPS, Asked, Road, problem

JSON = {"Content-Type": "application/json"}
ID = str(uuid.UUID(int=7))


@pytest.fixture
async def person(road: Road) -> Asked:
    return await road.resident("steps", items={"steps": STEPS})


def asking(**changes: Any) -> dict[str, Any]:
    return {"subject": ID, "purpose": "health-support", "datasets": ["steps"], **changes}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", (400, "malformed_request")),
        (b'{"subject": "', (400, "malformed_request")),
        (b'{"subject": "\xff\xfe"}', (400, "malformed_request")),
        (b"\x00", (400, "malformed_request")),
        (b"[" * 100_000, (422, "invalid_request")),
        (b"{}", (422, "invalid_request")),
        (b"[]", (422, "invalid_request")),
        (b"null", (422, "invalid_request")),
    ],
    ids=range(8),
)
async def test_body_that_is_no_request(road: Road, body: bytes, expected: tuple[int, str]) -> None:
    before = await road.count()
    answer = await road.call("mimamori", "POST", EXCHANGE, content=body, headers=JSON)
    assert problem(answer) == expected
    assert await road.count() == before


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": "nobody"},
        {"subject": ID.upper().replace("0", "A")},
        {"subject": f"{ID}\n"},
        {"subject": f"{ID},{ID}"},
        {"subject": 7},
        {"subject": None},
        {"datasets": []},
        {"datasets": ["steps"] * 21},
        {"datasets": "steps"},
        {"datasets": ['st"eps']},
        {"datasets": ["steps\u0000"]},
        {"datasets": ["{steps}"]},
        {"purpose": "Health Support"},
        {"purpose": ""},
        {"limit": 0},
        {"limit": 1001},
        {"limit": 1.5},
        {"limit": 10**30},
        {"more": True},
    ],
    ids=str,
)
async def test_value_of_the_wrong_kind(road: Road, changes: dict[str, Any]) -> None:
    before = await road.count()
    answer = await road.call("mimamori", "POST", EXCHANGE, json=asking(**changes))
    assert problem(answer) == (422, "invalid_request")
    assert await road.count() == before


async def test_unknown_dataset_purpose_and_person(road: Road, person: Asked) -> None:
    assert problem(await person.ask("no-such-dataset"))[1] == "dataset_unknown"
    assert problem(await person.ask("steps", purpose="no-such-purpose")) == (403, "purpose_not_registered")
    answer = await road.call("mimamori", "POST", EXCHANGE, json=asking())
    assert problem(answer) == (403, "subject_unknown")


async def test_body_that_is_too_large_or_of_another_kind(road: Road) -> None:
    before = await road.count()
    huge = b'{"subject": "' + b"x" * (4 << 20) + b'"}'
    answer = await road.call("mimamori", "POST", EXCHANGE, content=huge, headers=JSON)
    assert problem(answer) == (413, "body_too_large")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await road.call("mimamori", "POST", EXCHANGE, content=b"subject=x", headers=form)
    assert problem(answer) == (415, "unsupported_media_type")
    assert await road.count() == before


@pytest.mark.parametrize(
    "body",
    [
        b'{"content": {"steps": 1}, "observed_at": "yesterday"}',
        b'{"content": {"steps": 1}, "observed_at": "2026-11-01T09:00:00"}',
        b'{"content": {"steps": 1}, "observed_at": "0001-01-01T00:00:00+14:00"}',
        b'{"content": {"steps": 1}, "observed_at": "9999-12-31T23:59:59-14:00"}',
        b'{"content": {"steps": 1}, "observed_at": 5}',
        b'{"content": {"steps": "\xff"}}',
        b'{"content": {"steps": "\\ud800"}}',
        b'{"content": "steps"}',
        b'{"content": {"steps": 01}}',
        b'{"content": ' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"}",
        b'{"observed_at": null}',
        b'{"content": {"steps": 1}, "version": 7}',
    ],
    ids=range(12),
)
async def test_item_that_cannot_be_kept(road: Road, person: Asked, body: bytes) -> None:
    before = await road.count()
    path = f"{person.items('steps')}/item-2"
    answer = await road.call("undo-app", "PUT", path, content=body, headers=JSON)
    assert answer.status_code in (400, 422), answer.text
    assert problem(answer)[1] in ("malformed_request", "invalid_request", "content_invalid")
    assert await road.count() == before
    many = await road.call(
        "undo-app", "POST", person.items("steps"), content=b'{"items": [%s]}' % body, headers=JSON
    )
    assert many.status_code in (400, 422), many.text
    assert await road.count() == before


@pytest.mark.parametrize(
    "tail", ["/a%00b", "/a%2Fb", "/%22", "/" + "x" * 129, "/%E3%81%82", "/.hidden", "/a%0Ab", "/a%0A"]
)
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_item_id_that_is_none(road: Road, person: Asked, method: str, tail: str) -> None:
    path = person.items("steps") + tail
    token, party = await road.token("undo-app"), road.parties["undo-app"]
    proof = party.dpop.proof(method, "http://localhost:8400" + unquote(path), token)
    arguments: dict[str, Any] = {"json": {"content": STEPS}} if method == "PUT" else {}
    before = await road.count()
    answer = await road.call("undo-app", method, path, headers={"DPoP": proof}, **arguments)
    assert 400 <= answer.status_code < 500, answer.text
    assert problem(answer)[1] in ("invalid_request", "not_found", "method_not_allowed")
    assert await road.count() == before


@pytest.mark.parametrize("dataset", ["no-such", "st%00eps", "%27", "x" * 300])
@pytest.mark.parametrize("subject", ["nobody", ID, "%00", ID.upper()])
async def test_unknown_places(road: Road, subject: str, dataset: str) -> None:
    path = f"/personal/v1/subjects/{subject}/datasets/{dataset}/items"
    token, party = await road.token("undo-app"), road.parties["undo-app"]
    proof = party.dpop.proof("GET", "http://localhost:8400" + unquote(path), token)
    answer = await road.call("undo-app", "GET", path, headers={"DPoP": proof})
    assert 400 <= answer.status_code < 500, answer.text
    assert problem(answer)[1] in ("dataset_unknown", "subject_unknown", "does_not_exist")


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=1&limit=2", "limit=%00", "offset=1"])
async def test_query_that_is_none(road: Road, person: Asked, query: str) -> None:
    answer = await road.call("undo-app", "GET", f"{person.items('steps')}?{query}")
    assert problem(answer) == (422, "invalid_request")
