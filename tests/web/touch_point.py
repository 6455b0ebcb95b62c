"""A touch point at which a resident has logged in: a public client with a key and a refresh token."""

from __future__ import annotations

from dataclasses import dataclass

import httpx

from moyai.base.db import Connection
from moyai.base.secrets import SecretBox
from moyai.identity import credentials, desk
from moyai.identity.model import Desk, Resident
from moyai.identity.residents import find
from tests import factories
from tests.factories import Made, Town
from tests.logins import own_login
from tests.web.peers import Key, Party, Person, members_of

CALLBACK = "http://127.0.0.1:51234/callback"


@dataclass
class Scene:
    town: Town
    client: Made
    app: Party
    hanako: Person
    resident: Resident
    desk: Desk
    tokens: dict[str, str]

    async def refresh(self, token: str | None = None, **other: str) -> httpx.Response:
        token = token or self.tokens["refresh_token"]
        return await self.app.token(grant_type="refresh_token", refresh_token=token, **other)

    async def call(self, token: str | None = None, at: httpx.AsyncClient | None = None) -> httpx.Response:
        """A call of the resident's API; `at` another process."""
        here, self.app.http = self.app.http, at or self.app.http
        try:
            return await self.app.call("GET", "/consent/v1/consents", token or self.tokens["access_token"])
        finally:
            self.app.http = here

    async def works(self, token: str | None = None) -> bool:
        return (await self.call(token)).status_code == 200

    async def code(self, *, step: int = 0) -> str:
        """A code that nobody has redeemed yet."""
        answer = await self.hanako.authorize(self.app.request(CALLBACK, scope="openid consent"), step=step)
        return members_of(answer)["code"]

    def steal(self) -> None:
        """From now on, another key proves the possession of the tokens."""
        self.app.dpop = Key()


async def make_scene(control: Connection, box: SecretBox, web: httpx.AsyncClient) -> Scene:
    """Hanako of C1 has a login, and has logged in at `portal-app`."""
    town = await factories.make_town(control)
    component = await factories.make_component(control, town.unei, "portal-app")
    client = await factories.make_client(
        control,
        component,
        client_id="portal-app",
        kind="touch_point",
        redirect_uris=("http://127.0.0.1/callback",),
        post_logout_redirect_uris=("http://127.0.0.1/bye",),
        scopes=("openid", "consent"),
    )
    resident = await find(control, town.hanako.key)
    assert resident is not None
    at = await desk.desk_of(control, town.unei.key, "staff:test")
    issued = await own_login(control, box, await credentials.issue(control, box, at, resident, "test"))
    hanako = Person(web, issued.login, issued.password, issued.totp_secret)
    scene = Scene(town, client, Party(web, "portal-app", public=True), hanako, resident, at, {})
    tokens = await scene.app.redeem(await scene.code(step=-1), CALLBACK)
    assert tokens.status_code == 200, tokens.text
    scene.tokens = tokens.json()
    return scene
