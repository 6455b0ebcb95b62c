"""`/consent/v1`, seeing: overview, consents, history with proofs, receipts; and that the API lacks nothing the portal has."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import httpx
import pytest

from moyai.base.db import Connection
from moyai.consent import receipts
from moyai.ledger import Act, Kind, contents, record
from moyai.web.operation import Resident
from moyai.web.routes import ROUTES
from tests.factories import Town
from tests.web.consent.conftest import SERVICE, SignIn, Touch

_API = "/consent/v1"

PORTAL_IN_THE_API = {
    "GET /portal": [f"GET {_API}/overview"],
    "GET /portal/data": [f"GET {_API}/locations"],
    "GET /portal/consents": [f"GET {_API}/consents"],
    "GET /portal/receipts/{act}": [f"GET {_API}/receipts/{{act}}"],
    "GET /portal/history": [f"GET {_API}/history"],
    "GET /portal/history/{entry}": [f"GET {_API}/history"],
    "GET /portal/reasons/{code}": [f"GET {_API}/history"],
    "GET /portal/services": [f"GET {_API}/services"],
    "GET /portal/services/{service}": [
        f"GET {_API}/services/{{service}}/enrolment",
        f"GET {_API}/services/{{service}}/presentation",
    ],
    "POST /portal/services/{service}/enrolment": [
        f"POST {_API}/services/{{service}}/enrolment",
        f"POST {_API}/services/{{service}}/enrolment/service-terms",
        f"POST {_API}/services/{{service}}/enrolment/platform",
        f"POST {_API}/services/{{service}}/enrolment/platform-terms",
        f"DELETE {_API}/services/{{service}}/enrolment",
    ],
    "POST /portal/services/{service}/decision": [f"POST {_API}/services/{{service}}/decision"],
    "GET /portal/services/{service}/terms": [f"GET {_API}/services/{{service}}/terms"],
    "POST /portal/services/{service}/terms": [f"POST {_API}/services/{{service}}/terms"],
    "GET /portal/services/{service}/withdrawal": [f"GET {_API}/consents"],
    "POST /portal/services/{service}/withdrawal": [f"POST {_API}/services/{{service}}/withdrawal"],
    "GET /portal/sharing": [f"GET {_API}/sharings"],
    "POST /portal/sharing": [f"POST {_API}/sharings"],
    "POST /portal/sharing/accept": [f"POST {_API}/sharings/accept"],
    "GET /portal/sharing/{sharing}": [f"GET {_API}/sharings/{{sharing}}/items"],
    "GET /portal/sharing/{sharing}/end": [f"GET {_API}/sharings"],
    "POST /portal/sharing/{sharing}/end": [f"DELETE {_API}/sharings/{{sharing}}"],
    "GET /portal/access": ["GET /identity/v1/me/sessions", "GET /identity/v1/me/authorizations"],
    "POST /portal/access": [
        "DELETE /identity/v1/me/sessions",
        "DELETE /identity/v1/me/sessions/{session}",
        "DELETE /identity/v1/me/authorizations",
        "DELETE /identity/v1/me/authorizations/{authorization}",
    ],
    "GET /portal/erasure": ["GET /identity/v1/me/erasures"],
    "POST /portal/erasure/{erasure}": ["DELETE /identity/v1/me/erasures/{erasure}"],
    "GET /portal/transfers": ["GET /identity/v1/me/transfers"],
    "POST /portal/transfers/{transfer}": [
        "POST /identity/v1/me/transfers/{transfer}/confirmation",
        "POST /identity/v1/me/transfers/{transfer}/decline",
    ],
}
"""What a resident can do in the portal, and the operations with which a touch point does the same."""

R113 = ["complete", "works"]


def operations_called(*touches: Touch) -> set[str]:
    """Which operations of the route table these apps have used."""
    patterns = [
        (o, re.compile(re.sub(r"\{\w+\}", "[^/]+", o.path))) for o in ROUTES if o.path.startswith(_API)
    ]
    return {
        f"{o.method} {o.path}"
        for touch in touches
        for method, path in touch.called
        for o, pattern in patterns
        if o.method == method and pattern.fullmatch(path)
    }


@pytest.mark.requirement("R-113", part="complete", of=R113)
def test_every_action_of_the_portal_is_an_operation_of_the_api() -> None:
    """A page or form added to the portal alone fails here."""
    portal = {f"{o.method} {o.path}" for o in ROUTES if o.path.startswith("/portal")}
    assert portal == set(PORTAL_IN_THE_API)
    api = {f"{o.method} {o.path}": o for o in ROUTES if o.path.startswith((_API, "/identity/v1/me"))}
    for page, operations in PORTAL_IN_THE_API.items():
        for name in operations:
            assert name in api, f"{page} needs {name}"
            assert api[name].auth == Resident("consent")


@pytest.mark.requirement("R-113", part="complete", of=R113)
async def test_each_of_these_operations_is_documented(web: httpx.AsyncClient) -> None:
    documented = (await web.get("/openapi.json")).json()["paths"]
    for operations in PORTAL_IN_THE_API.values():
        for name in operations:
            method, path = name.split()
            assert documented[path][method.lower()]["summary"]


@pytest.mark.requirement("R-113", part="works", of=R113)
async def test_a_residents_whole_course_with_a_token(
    hanako: Touch, sign_in: SignIn, town: Town, web: httpx.AsyncClient
) -> None:
    """Choose, leave, read, decide, see, share, look, stop: every operation that the portal needs, with the documented
    call and nothing else."""
    daughter = await sign_in(town.midori)
    assert (await hanako.step(1)).status_code == 201
    assert (await hanako.call("DELETE", f"{SERVICE}/enrolment")).status_code == 204
    assert (await hanako.get("/consent/v1/services")).json()["services"][0]["service_id"] == "kenko-mimamori"
    made = await hanako.join("given")
    assert len((await hanako.get("/consent/v1/overview")).json()["who"]) == 3
    assert (await hanako.get(f"/consent/v1/receipts/{made['act_id']}")).json()["receipt"] == made["receipt"]
    assert (await hanako.get("/consent/v1/consents")).status_code == 200
    known = (await hanako.get(f"{SERVICE}/terms")).json()
    read = {name: known[name]["in_force"]["sha256"] for name in ("service_terms", "platform_terms")}
    assert (await hanako.post(f"{SERVICE}/terms", read)).status_code == 200
    offered = await hanako.post(
        "/consent/v1/sharings",
        {"service_id": "kenko-mimamori", "links": ["kenko-steps"], "relation": "娘", "viewer_name": "みどり"},
    )
    assert len((await hanako.get("/consent/v1/sharings")).json()["sharings"]) == 1
    taken = await daughter.post("/consent/v1/sharings/accept", {"code": offered.json()["code"]})
    sharing_id = taken.json()["sharing_id"]
    assert (await daughter.get(f"/consent/v1/sharings/{sharing_id}/items")).status_code == 200
    assert (await hanako.call("DELETE", f"/consent/v1/sharings/{sharing_id}")).status_code == 204
    assert (await daughter.get(f"/consent/v1/sharings/{sharing_id}/items")).status_code == 403
    assert (await hanako.post(f"{SERVICE}/withdrawal", {})).json()["left"]
    assert (await hanako.get("/consent/v1/overview")).json()["who"] == []
    kinds = [row["kind"] for row in (await hanako.get("/consent/v1/history")).json()["rows"]]
    assert {"consent_withdrawn", "sharing_ended", "shared_view", "consent_given"} <= set(kinds)
    assert (await hanako.get("/consent/v1/locations")).json() == {"locations": []}
    needed = {name for names in PORTAL_IN_THE_API.values() for name in names if _API in name}
    assert needed <= operations_called(hanako, daughter)


async def test_the_overview_answers_three_questions(hanako: Touch) -> None:
    await hanako.join({"kenko-steps": "given", "kenko-vitals": "refused", "kenko-presence": "refused"})
    seen = (await hanako.get("/consent/v1/overview")).json()
    assert [(who["link"]["link_id"], who["link"]["uses"]["organization_ja"]) for who in seen["who"]] == [
        ("kenko-steps", "高松市")
    ]
    assert seen["who"][0]["stop"] == f"{SERVICE}/withdrawal"
    assert (await hanako.post(seen["who"][0]["stop"], {"links": ["kenko-steps"]})).status_code == 200
    assert (await hanako.get("/consent/v1/overview")).json()["who"] == []


async def test_where_the_data_lies(hanako: Touch, control: Connection, town: Town) -> None:
    await control.execute(
        "insert into personal.location (resident_key, dataset_key, component_key, store_key, items)"
        " values ($1, $2, $3, 1, 12)",
        town.hanako.key,
        town.datasets["vitals"].key,
        town.kenko_app.key,
    )
    places = (await hanako.get("/consent/v1/locations")).json()["locations"]
    assert [(p["dataset_id"], p["organization_id"], p["component_id"], p["items"]) for p in places] == [
        ("vitals", "koiki", "kenko-app", 12)
    ]


async def test_history_pages_and_proves_itself(hanako: Touch, control: Connection, town: Town) -> None:
    for n in range(5):
        await record(
            control, Act(Kind.LOGGED_IN, "client", town.hanako.key, contents.LoggedIn(factors=[], aal=n))
        )
    first = (await hanako.get("/consent/v1/history?limit=3")).json()
    rest = (
        await hanako.call("GET", "/consent/v1/history", params={"limit": 3, "before": first["next"]})
    ).json()
    assert (len(first["rows"]), len(rest["rows"]), rest["next"]) == (3, 2, None)
    for row in first["rows"] + rest["rows"]:
        proof = row["proof"]
        text = b"moyai-commitment-v1\n" + bytes.fromhex(proof["salt"]) + proof["body"].encode()
        assert bytes.fromhex(proof["leaf"])[26:] == hashlib.sha256(text).digest()
        assert proof["inclusion"] == f"/log/v1/proof/inclusion?entry={row['entry_id']}"


@pytest.mark.parametrize(
    "query", [{"limit": "0"}, {"limit": "201"}, {"limit": "x"}, {"before": "x"}, {"page": "2"}]
)
async def test_a_query_that_is_not_documented_is_refused(hanako: Touch, query: dict[str, Any]) -> None:
    answer = await hanako.call("GET", "/consent/v1/history", params=query)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


async def test_a_receipt_verifies_with_the_public_keys(hanako: Touch, web: httpx.AsyncClient) -> None:
    made = await hanako.join()
    public = (await web.get("/consent/v1/keys")).json()
    assert all("d" not in key for key in public["keys"])
    payload = receipts.read(made["receipt"], public)
    assert payload["receipt_id"] == made["act_id"]
    shown = (await hanako.get(f"/consent/v1/receipts/{made['act_id']}")).json()
    assert shown["payload"] == payload


async def test_a_receipt_is_its_residents_own(hanako: Touch, sign_in: SignIn, town: Town) -> None:
    made = await hanako.join()
    ichiro = await sign_in(town.ichiro)
    for act_id in (made["act_id"], "not-a-uuid", "00000000-0000-0000-0000-000000000000"):
        answer = await ichiro.get(f"/consent/v1/receipts/{act_id}")
        assert (answer.status_code, answer.json()["code"]) == (404, "does_not_exist")


async def test_nothing_here_may_be_cached(hanako: Touch) -> None:
    for path in ("overview", "consents", "history", "locations", "sharings", "services"):
        assert (await hanako.get(f"/consent/v1/{path}")).headers["cache-control"] == "no-store"
