"""The provider as strangers meet it: the unmodified npm package `openid-client`, over real HTTP."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from pathlib import Path
from typing import Any

from moyai.base.config import Home
from moyai.base.db import Connection
from moyai.base.secrets import SecretBox
from moyai.identity import credentials, desk
from moyai.identity.residents import find
from tests import factories
from tests.conftest import RolledBack
from tests.logins import own_login
from tests.serving import listening_socket, served
from tests.web import in_process
from tests.web.peers import Key, Person

ROOT = Path(__file__).parents[2]
CALLBACK = "http://localhost:9/callback"


async def _clients(control: Connection, town: factories.Town, key: Key) -> None:
    await factories.make_client(
        control, town.mimamori, client_id="mimamori-client", jwks=key.jwks, redirect_uris=(CALLBACK,)
    )
    await factories.make_client(
        control,
        await factories.make_component(control, town.unei, "portal-app"),
        client_id="portal-app",
        kind="touch_point",
        redirect_uris=("http://127.0.0.1/callback",),
        scopes=("openid", "consent"),
    )


async def _person(control: Connection, box: SecretBox, town: factories.Town) -> dict[str, str]:
    resident = await find(control, town.hanako.key)
    assert resident is not None
    at = await desk.desk_of(control, town.unei.key, "staff:test")
    issued = await own_login(control, box, await credentials.issue(control, box, at, resident, "test"))
    code = Person(None, issued.login, issued.password, issued.totp_secret).code()  # type: ignore[arg-type]
    return {"login": issued.login, "password": issued.password, "code": code}


async def _run(given: dict[str, Any]) -> dict[str, Any]:
    path = f"{ROOT / '.venv/bin'}{os.pathsep}{os.environ['PATH']}"
    node = shutil.which("node", path=path)
    assert node is not None, "node is missing: run `make test-setup`"
    process = await asyncio.create_subprocess_exec(
        node,
        str(Path(__file__).with_name("openid_client.mjs")),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, errors = await asyncio.wait_for(process.communicate(json.dumps(given).encode()), 60)
    assert process.returncode == 0, errors.decode()
    return json.loads(out)


async def test_openid_client_goes_through_every_flow(
    home: Home, control: Connection, control_db: RolledBack, box: SecretBox
) -> None:
    town = await factories.make_town(control)
    key = Key()
    await _clients(control, town, key)
    person = await _person(control, box, town)
    listener = listening_socket()
    base = f"http://localhost:{listener.getsockname()[1]}"
    async with in_process.running(home, control_db, box, base) as app, served(app, listener):
        said = await _run(
            {
                "base": base,
                "jwk": key.private_jwk,
                "kid": key.kid,
                "service": {"id": "mimamori-client", "redirect_uri": CALLBACK},
                "touch_point": {"id": "portal-app", "redirect_uri": "http://127.0.0.1:5000/callback"},
                **person,
            }
        )
    assert said["subject"] == said["userinfo"] != said["other_subject"]
    assert said["acr"] == "jp-ds500:ial2:aal2"
    assert (said["type"], said["scope"]) == ("dpop", "personal:store")
    assert (said["consents"], said["after"]) == (200, "invalid_grant")
