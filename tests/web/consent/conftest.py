"""Residents at a touch point: real access tokens with real proofs, against the whole application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from moyai.base import keys
from moyai.base.config import Home
from moyai.base.db import Connection
from moyai.base.ids import random_uuid
from moyai.base.secrets import SecretBox
from moyai.identity import store_oauth, tokens
from tests.factories import MadeResident, Town, make_client, make_component, make_town
from tests.web.in_process import BASE
from tests.web.peers import Key

SERVICE = "/consent/v1/services/kenko-mimamori"
ALL_GIVEN = {"kenko-steps": "given", "kenko-vitals": "given", "kenko-presence": "given"}


class Touch:
    """A resident's app: it knows its token, its key, and the documented API; nothing else."""

    def __init__(self, http: httpx.AsyncClient, key: Key, token: str, resident: MadeResident) -> None:
        self.http, self.key, self.token, self.resident = http, key, token, resident
        self.called: list[tuple[str, str]] = []

    async def call(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        self.called.append((method, path.split("?")[0]))
        url = BASE + path.split("?")[0]
        headers = {"Authorization": f"DPoP {self.token}", "DPoP": self.key.proof(method, url, self.token)}
        return await self.http.request(method, path, headers=headers, **arguments)

    async def get(self, path: str) -> httpx.Response:
        return await self.call("GET", path)

    async def post(self, path: str, body: Any) -> httpx.Response:
        return await self.call("POST", path, json=body)

    async def step(self, number: int) -> httpx.Response:
        """One of the first four steps of 健康見守り; hashes and ids come from the answers before."""
        if number == 1:
            return await self.post(f"{SERVICE}/enrolment", {})
        known = (await self.get(f"{SERVICE}/enrolment")).json()
        if number == 2:
            return await self.post(
                f"{SERVICE}/enrolment/service-terms", {"sha256": known["service_terms"]["sha256"]}
            )
        if number == 3:
            return await self.post(f"{SERVICE}/enrolment/platform", {"acknowledged": known["platform_id"]})
        return await self.post(
            f"{SERVICE}/enrolment/platform-terms", {"sha256": known["platform_terms"]["sha256"]}
        )

    async def steps(self, until: int = 4) -> None:
        for number in range(1, until + 1):
            assert (await self.step(number)).status_code in (200, 201), number

    async def present(self) -> dict[str, Any]:
        answer = await self.get(f"{SERVICE}/presentation")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def decide(self, links: Any, sha256: str | None = None) -> httpx.Response:
        return await self.post(
            f"{SERVICE}/decision", {"sha256": sha256 or (await self.present())["sha256"], "links": links}
        )

    async def join(self, links: Any = "given") -> dict[str, Any]:
        await self.steps()
        answer = await self.decide(links)
        assert answer.status_code == 201, answer.text
        return answer.json()


SignIn = Callable[..., Awaitable[Touch]]


@pytest.fixture
async def town(control: Connection) -> Town:
    made = await make_town(control)
    component = await make_component(control, made.unei, "portal-app", name="住民アプリ")
    await make_client(
        control, component, client_id="portal-app", kind="touch_point", scopes=("openid", "consent")
    )
    return made


@pytest.fixture
def sign_in(control: Connection, box: SecretBox, web: httpx.AsyncClient, town: Town) -> SignIn:
    """Give a resident's touch point a grant and an access token, as a completed log-in would."""

    async def signed_in(resident: MadeResident, *, aal: int = 2, scope: str = "openid consent") -> Touch:
        grant_id, key = random_uuid(), Key()
        await store_oauth.insert_grant(
            control,
            grant_id,
            "portal-app",
            resident.key,
            scope,
            aal,
            ["pwd", "otp"][:aal],
            datetime.now(UTC),
            b"session",
            datetime.now(UTC),
            0,
            "",
            3600,
        )
        await store_oauth.bind_grant(control, grant_id, key.jkt)
        signing = await keys.current(control, box, "oidc")
        subject = str(random_uuid())
        token = tokens.issue_access_token(signing, BASE, "portal-app", subject, scope, key.jkt, grant_id)
        return Touch(web, key, token, resident)

    return signed_in


@pytest.fixture
async def hanako(sign_in: SignIn, town: Town) -> Touch:
    return await sign_in(town.hanako)


@pytest.fixture(autouse=True)
def own_journal(home: Home) -> Any:
    """The session's platform keeps no journal between tests."""
    path = home.directory / "journal.jsonl"
    path.unlink(missing_ok=True)
    yield path
    path.unlink(missing_ok=True)
