"""`/registry/v1`: the operating organisation's programs register, certify and suspend; everybody may read."""

from __future__ import annotations

import hashlib
import json
from typing import Any
from uuid import uuid4

import httpx
import pytest

from moyai import registry
from moyai.base.db import Connection
from moyai.registry.declarations import (
    ClientDeclaration,
)
from moyai.web import examples
from tests.registry.samples import ACTOR, certified_service, recorded
from tests.web.peers import Party

JSON = {"Content-Type": "application/json"}


class Operator:
    """A program of an organisation, with its token."""

    def __init__(self, party: Party, tokens: dict[str, str]) -> None:
        self.party = party
        self.tokens = tokens

    async def call(
        self, method: str, path: str, body: Any = None, scope: str = "registry:write"
    ) -> httpx.Response:
        return await self.party.call(method, path, self.tokens[scope], json=body)

    async def put(self, noun: str, example: dict[str, Any], **changes: Any) -> httpx.Response:
        path = f"/registry/v1/{noun}/{example['path']['id']}"
        return await self.call("PUT", path, {**example["body"], **changes})


async def program_of(control: Connection, web: httpx.AsyncClient, organization_id: str) -> Operator:
    party = Party(web, f"{organization_id}-program")
    scopes = ["registry:write", "registry:suspend"]
    declared = ClientDeclaration(
        party.client_id,
        "operator",
        "運用",
        "Operations",
        scopes,
        organization=organization_id,
        jwks=party.key.jwks,
    )
    await registry.register_client(control, declared, ACTOR)
    tokens: dict[str, str] = {}
    for scope in scopes:
        answer = await party.token(grant_type="client_credentials", scope=scope)
        tokens[scope] = answer.json()["access_token"]
    return Operator(party, tokens)


@pytest.fixture
async def operator(control: Connection, web: httpx.AsyncClient) -> Operator:
    await certified_service(control)
    return await program_of(control, web, "unei")


async def test_the_catalogue_is_public_and_whole(operator: Operator, web: httpx.AsyncClient):
    found = (await web.get("/registry/v1/catalogue")).json()
    assert [one["service_id"] for one in found["services"]] == ["kenko"]
    assert (found["services"][0]["kind_ja"], found["services"][0]["offered"]) == ("地域社会サービス", True)
    assert [one["dataset_id"] for one in found["datasets"]] == ["steps"]
    assert {one["organization_id"]: one["state"] for one in found["organizations"]} == {
        "unei": "certified",
        "city": "certified",
    }


@pytest.mark.requirement("R-023", part="api", of=["registry", "page", "api"])
async def test_each_link_names_the_three_responsible_organisations(
    operator: Operator, web: httpx.AsyncClient
):
    (link,) = (await web.get("/registry/v1/catalogue")).json()["links"]
    assert {side: who["organization_id"] for side, who in link["responsible"].items()} == {
        "source": "city",
        "consumer": "city",
        "platform": "unei",
    }


@pytest.mark.parametrize("owner", ["platform", "kenko"])
async def test_published_terms_prove_their_hash(operator: Operator, web: httpx.AsyncClient, owner: str):
    found = (await web.get(f"/registry/v1/terms/{owner}")).json()
    text = json.dumps(found["content"], ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    assert hashlib.sha256(text.encode()).hexdigest() == found["sha256"]
    assert (await web.get(f"/registry/v1/terms/{owner}?version=1")).json() == found


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/registry/v1/terms/unknown", 404, "does_not_exist"),
        ("/registry/v1/terms/a%00b", 404, "does_not_exist"),
        ("/registry/v1/terms/kenko?version=9", 409, "terms_not_published"),
        ("/registry/v1/terms/kenko?version=x", 422, "invalid_request"),
        ("/registry/v1/terms/kenko?verison=1", 422, "invalid_request"),
    ],
)
async def test_other_terms_are_said_not_to_exist(
    operator: Operator, web: httpx.AsyncClient, path: str, status: int, code: str
):
    answer = await web.get(path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_putting_twice_creates_once(operator: Operator):
    first = await operator.put("organizations", examples.ORGANIZATION)
    second = await operator.put("organizations", examples.ORGANIZATION)
    third = await operator.put("organizations", examples.ORGANIZATION, name_en="Nemuri Research")
    assert [one.status_code for one in (first, second, third)] == [201, 200, 200]
    assert [one.json()["outcome"] for one in (first, second, third)] == ["created", "unchanged", "changed"]
    assert third.json()["fields"] == ["name_en"]
    waits = await operator.put("organizations", examples.ORGANIZATION, contact="0877-00-0000")
    assert (waits.status_code, waits.json()["outcome"]) == (202, "pending")


async def test_a_new_provider_comes_to_offer_a_service(operator: Operator, control: Connection):
    """Registered, certified, its data, component, service, link and terms: the whole way over HTTP."""
    await operator.put("organizations", examples.ORGANIZATION)
    review = {"criteria_version": "2026-1", "reviewer": "審査委員会"}
    await operator.call("POST", "/registry/v1/organizations/nemuri-lab/certification", review)
    await operator.put("datasets", examples.DATASET)
    await operator.put("purposes", examples.PURPOSE)
    await operator.put("components", examples.COMPONENT)
    await operator.put("services", examples.SERVICE, components=["nemuri-app", "advice"])
    await operator.put("links", examples.LINK, consumer="advice")
    early = await operator.call("POST", "/registry/v1/services/nemuri/certification")
    assert early.json()["code"] == "terms_not_published"
    terms = {"path": {"id": "nemuri"}, "body": examples.SERVICE_TERMS["body"]}
    await operator.put("terms", terms)
    certified = await operator.call("POST", "/registry/v1/services/nemuri/certification")
    assert certified.status_code == 201
    assert "nemuri" in {one.service_id for one in await registry.offered_services(control)}
    assert (await registry.organization(control, "nemuri-lab")).reviewer_organization_id == "unei"
    assert "client:unei-program" in {act.actor for act in await recorded(control)}


async def test_an_organisation_is_suspended_and_reinstated(operator: Operator, control: Connection):
    path = "/registry/v1/organizations/city/suspension"
    suspended = await operator.call("POST", path, {"reason": "報告の遅れ"}, "registry:suspend")
    assert suspended.status_code == 201
    assert (await registry.organization(control, "city")).state == "suspended"
    assert (await operator.call("DELETE", path, scope="registry:suspend")).status_code == 422
    ended = await operator.call("DELETE", f"{path}?reason=ok", scope="registry:suspend")
    assert (ended.status_code, ended.json()["outcome"]) == (202, "pending")
    assert (await registry.organization(control, "city")).state == "suspended"


async def test_suspending_needs_its_own_scope(operator: Operator):
    path = "/registry/v1/organizations/city/suspension"
    answer = await operator.call("POST", path, {"reason": "報告の遅れ"}, "registry:write")
    assert (answer.status_code, answer.json()["required_scope"]) == (403, "registry:suspend")


async def test_only_the_operating_organisation_registers(
    operator: Operator, control: Connection, web: httpx.AsyncClient
):
    stranger = await program_of(control, web, "city")
    for answer in (
        await stranger.put("organizations", examples.ORGANIZATION),
        await stranger.call("POST", "/registry/v1/services/kenko/certification"),
        await stranger.call(
            "POST", "/registry/v1/organizations/unei/suspension", {"reason": "x"}, "registry:suspend"
        ),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert (await web.put("/registry/v1/organizations/x", json={})).status_code == 401


async def test_nobody_certifies_themselves(operator: Operator):
    review = {"criteria_version": "2026-1", "reviewer": "審査委員会"}
    answer = await operator.call("POST", "/registry/v1/organizations/unei/certification", review)
    assert (answer.status_code, answer.json()["code"]) == (409, "reviewer_not_independent")


async def test_a_service_and_a_link_are_ended(operator: Operator, control: Connection):
    path = "/registry/v1/services/kenko/suspension"
    await operator.call("POST", path, {"reason": "点検"}, "registry:suspend")
    assert (await registry.service(control, "kenko")).state == "suspended"
    ended = await operator.call("DELETE", "/registry/v1/links/kenko-steps?reason=x")
    assert ended.status_code == 200
    assert ended.json()["fields"] == ["state"]
    assert (await registry.link(control, "kenko-steps")).state == "ended"


@pytest.mark.parametrize(
    ("noun", "example", "changes"),
    [
        ("criteria", examples.CRITERIA, {}),
        ("authentication-services", examples.AUTHENTICATION_SERVICE, {}),
        ("clients", examples.CLIENT, {"component": "walking"}),
        ("witnesses", examples.WITNESS, {"organization": "city"}),
    ],
)
async def test_the_examples_of_the_documentation_work(
    operator: Operator, noun: str, example: dict[str, Any], changes: dict[str, Any]
):
    answer = await operator.put(noun, example, **changes)
    assert answer.status_code == 201, answer.text


async def test_platform_terms_are_published_over_http(operator: Operator):
    answer = await operator.call("PUT", "/registry/v1/terms/platform", examples.PLATFORM_TERMS["body"])
    assert (answer.status_code, answer.json()["outcome"]) == (200, "changed")


@pytest.mark.parametrize(
    ("thing_id", "content", "status", "code"),
    [
        ("x", b"{", 400, "malformed_request"),
        ("x", b'{"name_ja": 3}', 422, "invalid_request"),
        ("x", b'{"nonsense": 1}', 422, "invalid_request"),
        ("UPPER", None, 422, "invalid_request"),
        ("a%0A", None, 422, "invalid_request"),
        ("a%00b", None, 422, "invalid_request"),
        ("x", b'{"name_ja": "a\\u0000", "name_en": "b", "kind": "company"}', 422, "invalid_request"),
    ],
)
async def test_bad_input_is_refused_and_changes_nothing(
    operator: Operator, control: Connection, thing_id: str, content: bytes | None, status: int, code: str
):
    before = await registry.all_organizations(control)
    body = content or json.dumps({"name_ja": "会社", "name_en": "Co", "kind": "company"}).encode()
    token = operator.tokens["registry:write"]
    proof_path = httpx.URL(f"http://localhost:8400/registry/v1/organizations/{thing_id}").path
    proof = operator.party.dpop.proof("PUT", f"http://localhost:8400{proof_path}", token)
    answer = await operator.party.http.put(
        f"/registry/v1/organizations/{thing_id}",
        content=body,
        headers={**JSON, "Authorization": f"DPoP {token}", "DPoP": proof},
    )
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await registry.all_organizations(control) == before


async def test_a_schema_nested_beyond_measure_is_refused(operator: Operator):
    token = operator.tokens["registry:write"]
    example = json.dumps(examples.DATASET["body"] | {"schema": "HERE"})
    for depth, status in ((100_000, 400), (400, 422)):
        nested = example.replace('"HERE"', '{"not":' * depth + "{}" + "}" * depth)
        proof = operator.party.dpop.proof("PUT", "http://localhost:8400/registry/v1/datasets/deep", token)
        answer = await operator.party.http.put(
            "/registry/v1/datasets/deep",
            content=nested,
            headers={**JSON, "Authorization": f"DPoP {token}", "DPoP": proof},
        )
        assert answer.status_code == status, answer.text


@pytest.mark.requirement("R-088", part="calls", of=["certification", "calls"])
async def test_a_suspended_organisations_calls_fail_on_the_next_request(
    operator: Operator, control: Connection, web: httpx.AsyncClient
):
    provider = Party(web, "walking-program")
    declared = ClientDeclaration(
        provider.client_id,
        "component",
        "歩数アプリ",
        "Walking app",
        ["personal:store"],
        component="walking",
        jwks=provider.key.jwks,
    )
    await registry.register_client(control, declared, ACTOR)
    answer = await provider.token(grant_type="client_credentials", scope="personal:store")
    token = answer.json()["access_token"]
    items = f"/personal/v1/subjects/{uuid4()}/datasets/steps/items"

    async def code() -> str:
        return (await provider.call("GET", items, token)).json()["code"]

    assert await code() == "subject_unknown"
    path = "/registry/v1/organizations/city/suspension"
    await operator.call("POST", path, {"reason": "報告の遅れ"}, "registry:suspend")
    assert await code() == "organization_suspended"
    again = await provider.token(grant_type="client_credentials", scope="personal:store")
    assert "access_token" not in again.json() or await code() == "organization_suspended"
    await registry.reinstate_organization(control, "city", "ok", ACTOR)
    assert await code() == "subject_unknown"
