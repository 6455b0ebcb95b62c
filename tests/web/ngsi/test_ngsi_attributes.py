"""/v2/entities/{entityId}/attrs, …/attrs/{attrName} and …/value"""

from __future__ import annotations

from typing import Any

import pytest

URL = "/v2/entities/Room1/attrs"


@pytest.fixture
async def room(stage: Any) -> Any:
    await stage.create(
        {
            "id": "Room1",
            "type": "Room",
            "temperature": {
                "type": "Float",
                "value": 23,
                "metadata": {"accuracy": {"type": "Number", "value": 0.8}},
            },
            "label": {"value": "hall"},
            "shape": {"value": {"w": 3}},
        }
    )
    return stage


async def _values(stage: Any) -> dict[str, Any]:
    return (await stage.api.get(f"{URL}?options=keyValues")).json()


async def _send(stage: Any, method: str, url: str, body: Any) -> tuple[int, str | None]:
    answer = await stage.api.request(method, url, json=body, headers=stage.as_c1())
    return answer.status_code, answer.json()["error"] if answer.content else None


async def test_attributes_alone(room: Any) -> None:
    found = (await room.api.get(f"{URL}?attrs=label")).json()
    assert found == {"label": {"type": "Text", "value": "hall", "metadata": {}}}


async def test_append_updates_and_adds(room: Any) -> None:
    assert await _send(room, "POST", URL, {"label": {"value": "attic"}, "new": {"value": 1}}) == (204, None)
    assert await _values(room) == {"temperature": 23, "label": "attic", "shape": {"w": 3}, "new": 1}


async def test_strict_append_leaves_existing_attributes(room: Any) -> None:
    body = {"label": {"value": "attic"}}
    assert await _send(room, "POST", f"{URL}?options=append", body) == (422, "Unprocessable")
    both = {**body, "new": {"value": 1}}
    assert await _send(room, "POST", f"{URL}?options=append", both) == (422, "PartialUpdate")
    assert await _values(room) == {"temperature": 23, "label": "hall", "shape": {"w": 3}, "new": 1}


async def test_update_touches_only_what_exists(room: Any) -> None:
    assert await _send(room, "PATCH", URL, {"nowhere": {"value": 1}}) == (422, "Unprocessable")
    body = {"label": {"value": "attic"}, "nowhere": {"value": 1}}
    assert await _send(room, "PATCH", URL, body) == (422, "PartialUpdate")
    assert await _send(room, "PATCH", f"{URL}?options=keyValues", {"temperature": 24.5}) == (204, None)
    assert await _values(room) == {"temperature": 24.5, "label": "attic", "shape": {"w": 3}}


async def test_replace_leaves_nothing_else(room: Any) -> None:
    assert await _send(room, "PUT", URL, {"only": {"value": "x"}}) == (204, None)
    assert await _values(room) == {"only": "x"}


async def test_metadata_is_merged_overridden_or_cleared(room: Any) -> None:
    url = f"{URL}/temperature"

    async def metadata() -> set[str]:
        return set((await room.api.get(url)).json()["metadata"])

    await _send(room, "PUT", url, {"value": 25, "metadata": {"unit": {"value": "CEL"}}})
    assert await metadata() == {"accuracy", "unit"}
    await _send(room, "PUT", url, {"value": 26})
    assert await metadata() == {"accuracy", "unit"}
    override = {"value": 27, "metadata": {"source": {"value": "s"}}}
    await _send(room, "PUT", f"{url}?options=overrideMetadata", override)
    assert await metadata() == {"source"}
    await _send(room, "PUT", url, {"value": 27, "metadata": {}})
    assert await metadata() == set()


async def test_one_attribute_read_and_removed(room: Any) -> None:
    found = await room.api.get(f"{URL}/label")
    assert found.json() == {"type": "Text", "value": "hall", "metadata": {}}
    assert await _send(room, "DELETE", f"{URL}/label", None) == (204, None)
    no_attribute = await room.api.get(f"{URL}/label")
    no_entity = await room.api.get("/v2/entities/nowhere/attrs/label")
    assert no_attribute.status_code == no_entity.status_code == 404
    assert no_attribute.json()["error"] == no_entity.json()["error"] == "NotFound"
    assert no_attribute.json()["description"] != no_entity.json()["description"]
    assert await _send(room, "PUT", f"{URL}/label", {"value": 1}) == (404, "NotFound")


@pytest.mark.parametrize(
    ("name", "accept", "status", "text"),
    [
        ("label", "text/plain", 200, '"hall"'),
        ("label", "*/*", 200, '"hall"'),
        ("label", "application/json", 406, None),
        ("temperature", "text/plain", 200, "23"),
        ("shape", "application/json", 200, '{"w":3}'),
        ("shape", "text/plain", 200, '{"w":3}'),
        ("shape", "image/png", 406, None),
    ],
)
async def test_values_by_accept(room: Any, name: str, accept: str, status: int, text: str | None) -> None:
    answer = await room.api.get(f"{URL}/{name}/value", headers={"Accept": accept})
    assert answer.status_code == status
    if text is None:
        assert answer.json()["error"] == "NotAcceptable"
    else:
        assert answer.text == text


@pytest.mark.parametrize(
    ("content_type", "body", "value"),
    [
        ("text/plain", '"attic"', "attic"),
        ("text/plain", "12.5", 12.5),
        ("text/plain", "true", True),
        ("text/plain", "null", None),
        ("application/json", "[1, 2]", [1, 2]),
    ],
)
async def test_a_value_keeps_type_and_metadata(room: Any, content_type: str, body: str, value: Any) -> None:
    url = f"{URL}/temperature"
    headers = room.as_c1(**{"Content-Type": content_type})
    assert (await room.api.put(f"{url}/value", content=body, headers=headers)).status_code == 204
    assert (await room.api.get(url)).json() == {
        "type": "Float",
        "value": value,
        "metadata": {"accuracy": {"type": "Number", "value": 0.8}},
    }


@pytest.mark.parametrize(
    ("content_type", "body", "status", "error"),
    [
        ("text/plain", "attic", 400, "BadRequest"),
        ("text/plain", '"a<b"', 400, "BadRequest"),
        ("application/json", '"attic"', 400, "BadRequest"),
        ("application/json", "[1,", 400, "ParseError"),
        ("text/html", "<b>", 415, "UnsupportedMediaType"),
        ("text/plain", "", 411, "ContentLengthRequired"),
    ],
)
async def test_a_wrong_value_is_refused(
    room: Any, content_type: str, body: str, status: int, error: str
) -> None:
    headers = room.as_c1(**{"Content-Type": content_type})
    answer = await room.api.put(f"{URL}/label/value", content=body, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert (await _values(room))["label"] == "hall"
