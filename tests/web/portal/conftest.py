"""The standing cast with a browser session each: the portal as residents see it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest
from playwright.async_api import Page

from moyai.base.db import Connection
from moyai.base.secrets import SecretBox
from moyai.identity import sessions
from moyai.identity.credentials import Credential
from tests.consent.conftest import Walk, calls
from tests.factories import MadeResident, Town, make_town
from tests.serving import served
from tests.web import in_process
from tests.web.conftest import PageAt

LogIn = Callable[[MadeResident], Awaitable[str]]
Visit = Callable[..., Awaitable[Page]]


@pytest.fixture
async def town(control: Connection) -> Town:
    return await make_town(control)


@pytest.fixture
def log_in(control: Connection) -> LogIn:
    """A browser session of a resident who showed password and code; gives the cookie's value."""

    async def opened(resident: MadeResident) -> str:
        login = f"login-{resident.key}"
        await control.execute(
            "insert into identity.credential (login, resident_key, password_hash, sealed_totp)"
            " values ($1, $2, 'not used', $3) on conflict do nothing",
            login,
            resident.key,
            b"not used",
        )
        credential = Credential(login, resident.key, None, True)
        return (await sessions.open_session(control, credential, ("pwd", "otp"))).cookie

    return opened


def cookie_name(app: object) -> str:
    return app.state.platform.cookie_name  # type: ignore[attr-defined]


@pytest.fixture
async def visitor(app: object, town: Town, log_in: LogIn) -> AsyncIterator[httpx.AsyncClient]:
    """Hanako, logged in, without a browser."""
    async with in_process.client_of(app) as client:
        client.cookies.set(cookie_name(app), await log_in(town.hanako))
        yield client


@pytest.fixture
async def site(app: object) -> AsyncIterator[str]:
    async with served(app) as base:
        yield base


@pytest.fixture
def visit(app: object, site: str, page_at: PageAt, log_in: LogIn) -> Visit:
    """`await visit(town.hanako, "/portal", width=360)`: a page of a logged-in resident, in a real browser."""

    async def opened(
        resident: MadeResident | None, path: str, *, width: int = 1280, javascript: bool = True
    ) -> Page:
        page = await page_at(width, javascript=javascript)
        if resident is not None:
            cookie = {"name": cookie_name(app), "value": await log_in(resident), "url": site}
            await page.context.add_cookies([cookie])  # type: ignore[list-item]
        await page.goto(site + path)
        return page

    return opened


@pytest.fixture
async def joined(control: Connection, box: SecretBox, town: Town) -> str:
    """Hanako uses the composite service: steps and presence allowed, vitals refused. Gives the act's id."""
    walk = Walk(control, box, calls(town.hanako), town.kenko.id)
    decided = await walk.join({"kenko-steps": "given", "kenko-vitals": "refused", "kenko-presence": "given"})
    return str(decided.act_id)
