"""A1: a stop between the moment in which a caller is known and the act leaves nothing of the act."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from moyai.app import open_platform
from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.base.secrets import SecretBox
from moyai.identity import as_now
from moyai.identity.model import ResidentCaller
from moyai.web import endpoint
from tests.conftest import Platform
from tests.web.test_desk import Desk, desk
from tests.web.test_identity_api import EVIDENCE, PERSON
from tests.web.test_identity_api import _desk as program_of
from tests.web.touch_point import make_scene

__all__ = ["desk"]

Stop = Callable[..., Any]


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch, control: Connection) -> Callable[[str], None]:
    """From now on a statement is run each time that a caller has just been authenticated."""

    def arrange(statement: str) -> None:
        authenticate = endpoint.authenticate

        async def then(*args: Any) -> Any:
            caller = await authenticate(*args)
            await control.raw.execute("set local moyai.journal = ''")
            await control.raw.execute(statement)
            return caller

        monkeypatch.setattr(endpoint, "authenticate", then)

    return arrange


@pytest.mark.parametrize(
    ("statement", "status", "code"),
    [
        ("update registry.client set state = 'disabled'", 401, "token_invalid"),
        ("update registry.client set scopes = '{identity:erase}'", 403, "forbidden"),
    ],
)
async def test_a1_a_program_that_was_stopped_meanwhile_enrols_nobody(
    desk: Desk,
    web: httpx.AsyncClient,
    meanwhile: Callable[[str], None],
    statement: str,
    status: int,
    code: str,
) -> None:
    program = await program_of(desk.control, web, desk.town.c1)
    meanwhile(statement)
    answer = await program.call("POST", "/residents", {"person": PERSON, "evidence": EVIDENCE})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not await desk.control.fetchval(
        "select exists (select from identity.person where family_name = $1)", PERSON["family_name"]
    )


@pytest.mark.parametrize(
    "statement",
    [
        "delete from identity.session",
        "update identity.staff set state = 'disabled'",
        "update identity.staff set roles = '{audit}'",
        "update registry.organization set state = 'suspended', suspended_at = now(), suspension_reason = 'x' "
        "where organization_id = 'c1'",
    ],
)
async def test_a1_a_clerk_who_was_stopped_meanwhile_enrols_nobody_and_opens_nothing(
    desk: Desk, meanwhile: Callable[[str], None], statement: str
) -> None:
    before = await desk.control.fetchval("select count(*) from identity.resident")
    page = await desk.http.get("/desk/enrol")
    assert page.status_code == 200
    meanwhile(statement)
    answer = await desk.enrol()
    assert answer.headers.get("location", "/login").startswith("/login")
    assert await desk.control.fetchval("select count(*) from identity.resident") == before
    record = await desk.http.get(f"/desk/residents/{desk.town.hanako.id}?reason=procedure")
    assert "讃岐" not in record.text


async def test_a1_a_resident_whose_authorisation_ended_meanwhile_decides_nothing(
    control: Connection, box: SecretBox, web: httpx.AsyncClient, meanwhile: Callable[[str], None]
) -> None:
    scene = await make_scene(control, box, web)
    meanwhile("update identity.authorization_grant set revoked_at = clock_timestamp()")
    answer = await scene.app.call("DELETE", "/identity/v1/me/sessions", scene.tokens["access_token"])
    assert (answer.status_code, answer.json()["code"]) == (401, "token_invalid")
    assert await control.fetchval("select exists (select from identity.session)")


async def test_a1_a_serving_process_judges_in_each_transaction(fresh_platform: Platform) -> None:
    async def gone(_: Connection) -> None:
        """Whoever asked is nobody by now."""

    caller = ResidentCaller(1, "x", "s", "portal", 2, 2, frozenset())

    async with open_platform(fresh_platform.home) as platform:

        async def begin() -> None:
            async with platform.control.transaction():
                pytest.fail("the act began")

        with as_now.acting(caller, gone, changes_registry=False), pytest.raises(Problem):
            await begin()
