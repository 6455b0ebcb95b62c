"""A platform with a log that really grows, is really served, and is really witnessed."""

from __future__ import annotations

import importlib.util
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from moyai import ledger
from moyai.base.db import Connection, Pool
from moyai.base.engine import ADMIN
from moyai.base.errors import Problem
from moyai.base.keys import KeyRing
from moyai.base.roles import WORKER
from moyai.ledger import Act, Kind, contents, public
from moyai.ledger.integrator import Integrator, drain
from moyai.ledger.note import Signer
from moyai.ledger.verifiers import Witness
from tests.conftest import Platform
from tests.serving import served

ORIGIN = "localhost/log/v1"
WITNESS_PROGRAM = Path(__file__).parents[2] / "examples" / "witness" / "witness.py"


_DECIDED = contents.Decided(
    act_id="",
    service="kenko-mimamori",
    client="portal",
    service_terms=1,
    platform_terms=1,
    links={},
    versions={},
    text_sha256="",
    ial=2,
    aal=2,
)


class Log:
    """The log of one platform, with the roles that write, integrate and (in tests only) damage it."""

    def __init__(self, platform: Platform, serve: Connection, worker: Pool) -> None:
        self.platform = platform
        self.serve = serve
        self.worker = worker
        self.box = platform.home.box()
        self.integrator = self.new_integrator()
        self.witnesses: list[Witness] = []

    def new_integrator(self) -> Integrator:
        """What a worker that has just started runs."""
        return Integrator(self.worker, KeyRing(self.box), ORIGIN)

    async def record(self, count: int, resident_key: int = 7) -> list[UUID]:
        return [
            await ledger.record(
                self.serve, Act(Kind.CONSENT_GIVEN, "x", resident_key, replace(_DECIDED, act_id=str(n)))
            )
            for n in range(count)
        ]

    async def grow(self, *counts: int) -> list[UUID]:
        """Record entries; after each count comes a checkpoint."""
        ids: list[UUID] = []
        for count in counts:
            ids += await self.record(count)
            await drain(self.integrator)
        return ids

    async def tamper(self, sql: str, *args: object) -> None:
        """Change rows as only a superuser who first removes the triggers can."""
        conn = await self.platform.connect(ADMIN)
        for table in ("entry", "sequence", "checkpoint"):
            await conn.raw.execute(f"alter table ledger.{table} disable trigger user")
        await conn.raw.execute(sql, *args)

    async def signer(self) -> Signer:
        """The log's true key."""
        async with self.worker.connection() as conn:
            return Signer(ORIGIN, (await KeyRing(self.box).current(conn, "log")).ed25519())

    def application(self) -> Starlette:
        """The public paths, as the web room mounts them."""

        async def answer(request: Request) -> Response:
            path, query = request.path_params["path"], request.query_params
            try:
                return await self._answer(path, query)
            except Problem as problem:
                return PlainTextResponse(problem.code, problem.status)

        return Starlette(routes=[Route("/log/v1/{path:path}", answer)])

    async def _answer(self, path: str, query: Any) -> Response:
        conn: Connection
        async with self.worker.connection() as conn:
            if path == "checkpoint":
                return PlainTextResponse(await public.checkpoint(conn))
            if path == "checkpoint/cosigned":
                return PlainTextResponse(await public.cosigned_checkpoint(conn, self.witnesses))
            if path.startswith("tile/"):
                return Response(await public.tile(conn, path))
            if path == "checkpoints":
                value: object = await public.checkpoints(conn, int(query["after"]))
            elif path == "keys":
                value = await public.keys(conn, self.witnesses)
            elif path == "proof/inclusion":
                value = await public.inclusion(conn, UUID(query["entry"]), self.witnesses)
            else:
                value = await public.consistency(conn, int(query["from"]), int(query["to"]))
        return Response(msgspec.json.encode(value))


@pytest.fixture
async def log(fresh_platform: Platform) -> Log:
    return Log(fresh_platform, await fresh_platform.connect(), await fresh_platform.pool(WORKER))


@pytest.fixture
async def url(log: Log) -> AsyncIterator[str]:
    async with served(log.application()) as base:
        yield base


def witness_program() -> Any:
    """The example witness, loaded as the independent program it is: it imports nothing of the platform."""
    spec = importlib.util.spec_from_file_location("example_witness", WITNESS_PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert not any(name.startswith("moyai") for name in vars(module))
    return module


@pytest.fixture
async def witness(log: Log, tmp_path: Path) -> AsyncIterator[Any]:
    """A running witness of the log; `witness.registered` is what the registry would hold of it."""
    program = witness_program()
    await log.grow(0)
    vkey = (await log.signer()).verifier().vkey()
    made = program.Witness("c1.example/witness", Ed25519PrivateKey.generate(), tmp_path / "c1.state", [vkey])
    async with served(program.application(made)) as base:
        made.registered = Witness("c1", made.vkey(), base)
        log.witnesses = [made.registered]
        yield made
