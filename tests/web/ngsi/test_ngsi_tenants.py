"""Who may read and write where: the common tenant, an organisation's own, standing, ownership."""

from __future__ import annotations

from typing import Any

import pytest

from moyai.base.db import Connection


def _service(stage: Any, which: str = "c1") -> str:
    return getattr(stage, which).id.replace("-", "_")


async def test_the_common_tenant_is_everybodys_to_read_and_clients_to_write(stage: Any) -> None:
    refused = await stage.api.post("/v2/entities", json={"id": "a"})
    assert (refused.status_code, refused.json()["error"]) == (401, "Unauthorized")
    assert (await stage.create({"id": "a"})).status_code == 201
    assert (await stage.api.get("/v2/entities/a")).status_code == 200


@pytest.mark.parametrize(
    ("method", "url", "body"),
    [
        ("DELETE", "/v2/entities/a", None),
        ("POST", "/v2/entities/a/attrs", {"y": {"value": 1}}),
        ("PATCH", "/v2/entities/a/attrs", {"x": {"value": 9}}),
        ("PUT", "/v2/entities/a/attrs", {"x": {"value": 9}}),
        ("PUT", "/v2/entities/a/attrs/x", {"value": 9}),
        ("DELETE", "/v2/entities/a/attrs/x", None),
        ("PUT", "/v2/entities/a/attrs/x/value", [9]),
        ("POST", "/v2/entities?options=upsert", {"id": "a", "x": {"value": 9}}),
    ],
)
async def test_only_the_creating_organisation_changes_an_entity(
    stage: Any, method: str, url: str, body: Any
) -> None:
    await stage.create({"id": "a", "x": {"value": 1}})
    content = {} if body is None else {"json": body}
    refused = await stage.api.request(method, url, headers=stage.as_c2(), **content)
    assert (refused.status_code, refused.json()["error"]) == (403, "Forbidden")
    assert (await stage.api.get("/v2/entities/a?options=keyValues")).json() == {
        "id": "a",
        "type": "Thing",
        "x": 1,
    }


async def test_an_organisations_tenant_is_its_own(stage: Any) -> None:
    service = _service(stage)
    created = await stage.create({"id": "a", "x": {"value": 1}}, **{"Fiware-Service": service})
    assert created.status_code == 201
    own = await stage.api.get("/v2/entities", headers=stage.as_c1(**{"Fiware-Service": service.upper()}))
    assert [entity["id"] for entity in own.json()] == ["a"]
    assert (await stage.api.get("/v2/entities")).json() == []
    others = await stage.api.get("/v2/entities", headers=stage.as_c2(**{"Fiware-Service": service}))
    assert (others.status_code, others.json()["error"]) == (403, "Forbidden")
    nobody = await stage.api.get("/v2/entities", headers={"Fiware-Service": service})
    assert (nobody.status_code, nobody.json()["error"]) == (401, "Unauthorized")
    write = await stage.api.delete("/v2/entities/a", headers=stage.as_c2(**{"Fiware-Service": service}))
    assert write.status_code == 403
    types = await stage.api.get(
        "/v2/types?options=values", headers=stage.as_c2(**{"Fiware-Service": service})
    )
    assert types.status_code == 403


@pytest.mark.parametrize("state", ["registered", "suspended"])
async def test_standing_is_judged_at_each_write(stage: Any, control: Connection, state: str) -> None:
    await stage.create({"id": "a", "x": {"value": 1}})
    await control.execute(
        "update registry.organization set state = $2 where organization_key = $1", stage.c1.key, state
    )
    refused = await stage.api.put(
        "/v2/entities/a/attrs/x", json={"value": 2}, headers=stage.as_c1(**{"Fiware-Service": ""})
    )
    assert (refused.status_code, refused.json()["error"]) == (403, "Forbidden")
    own = await stage.api.get("/v2/entities", headers=stage.as_c1(**{"Fiware-Service": _service(stage)}))
    assert own.status_code == 403
    assert (await stage.api.get("/v2/entities/a/attrs/x/value")).text == "1"


async def test_a_disabled_client_may_not_write(stage: Any, control: Connection) -> None:
    await control.execute(
        "update registry.client set state = 'disabled' where client_id = $1", stage.c1_client
    )
    refused = await stage.create({"id": "a"})
    assert (refused.status_code, refused.json()["error"]) == (403, "Forbidden")


async def test_the_token_does_not_say_whose_entity_it_is(stage: Any) -> None:
    """The organisation behind a client comes from the registry, whatever the caller's token carries."""
    await stage.create({"id": "a"})
    refused = await stage.api.delete("/v2/entities/a", headers=stage.as_c2())
    assert refused.status_code == 403


@pytest.mark.parametrize("path", ["/", "", "/#"])
async def test_the_root_path_is_accepted(stage: Any, path: str) -> None:
    assert (await stage.api.get("/v2/entities", headers={"Fiware-ServicePath": path})).status_code == 200


@pytest.mark.parametrize(
    ("header", "value", "status", "error"),
    [
        ("Fiware-ServicePath", "/park", 501, "NotImplemented"),
        ("Fiware-Service", "a-b", 400, "BadRequest"),
        ("Fiware-Service", "x" * 51, 400, "BadRequest"),
    ],
)
async def test_other_headers_are_refused(
    stage: Any, header: str, value: str, status: int, error: str
) -> None:
    answer = await stage.api.get("/v2/entities", headers={header: value})
    assert (answer.status_code, answer.json()["error"]) == (status, error)
