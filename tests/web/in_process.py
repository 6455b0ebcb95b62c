"""The whole application in the test's own process, on the test's rolled-back session."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx
from msgspec.structs import replace

from moyai.app import application
from moyai.base.config import Home
from moyai.base.db import Database
from moyai.base.keys import KeyRing
from moyai.base.roles import SERVE
from moyai.base.secrets import SecretBox
from moyai.identity.proof_queue import ProofQueue
from moyai.identity.tokens import TokenVerifier
from moyai.ledger.release import Release, Released, release_many
from moyai.personal.door import Door
from moyai.personal.names import Names
from moyai.personal.opening import exchange_road, stores_of
from moyai.web.access import AccessLog
from moyai.web.health import Probe
from moyai.web.platform import Platform
from tests import declared

BASE = "http://localhost:8400"


def client_of(app: object) -> httpx.AsyncClient:
    """A visitor with a cookie jar of its own. Redirects are looked at, not followed."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=True)  # type: ignore[arg-type]
    return httpx.AsyncClient(transport=transport, base_url=BASE, event_hooks={"response": [declared.look]})


class OnSession:
    """Records on the test's own session: another one would wait for what the test has not committed."""

    def __init__(self, control: Database) -> None:
        self._control = control

    async def ask(self, question: Release) -> Released:
        async with self._control.transaction() as conn:
            return (await release_many(conn, [question]))[0]


@asynccontextmanager
async def running(
    home: Home, control: Database, box: SecretBox, base_url: str = BASE
) -> AsyncGenerator[object]:
    """The ASGI application, with everything but the exchange road's own lanes on `control`."""
    config = home.config()
    config = replace(config, server=replace(config.server, base_url=base_url))
    stores = stores_of(control, box, config)
    names = Names(control)
    hot, lanes = exchange_road(home, control, stores, names)
    hot.door = Door(OnSession(control))
    app = application(None)
    app.state.access = AccessLog(None)
    app.state.platform = Platform(
        home,
        config,
        control,
        None,
        box,
        KeyRing(box),
        TokenVerifier(config.server.base_url),
        ProofQueue(),
        stores,
        names,
        hot,
        Probe(home.dsn(SERVE)),
    )
    try:
        yield app
    finally:
        app.state.platform.health.close()
        for lane in lanes:
            await lane.close()
        await stores.close()
