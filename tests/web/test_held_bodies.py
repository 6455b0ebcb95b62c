"""Who sends half a request, and keeps the rest back, acts with no authority of before a stop (attacker F2)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from moyai.base.db import Connection
from moyai.base.secrets import SecretBox
from moyai.identity import sessions
from tests.web.in_process import BASE
from tests.web.peers import form_of
from tests.web.test_desk import ENTRY, Desk, desk
from tests.web.touch_point import Scene, make_scene

__all__ = ["desk"]


class Held:
    """A body of which the last byte waits for a word."""

    def __init__(self, body: bytes) -> None:
        self._body, self.begun, self.go_on = body, asyncio.Event(), asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._body[:-1]
        self.begun.set()
        await self.go_on.wait()
        yield self._body[-1:]


@pytest.fixture
async def scene(control: Connection, box: SecretBox, web: httpx.AsyncClient) -> Scene:
    return await make_scene(control, box, web)


class _Streaming(httpx.ASGITransport):
    """httpx hands an application the body whole; this one piece by piece, as a connection does."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        pieces, sent = request.stream.__aiter__(), dict[str, Any]()  # type: ignore[union-attr]
        out = bytearray()

        async def receive() -> dict[str, Any]:
            try:
                return {"type": "http.request", "body": await anext(pieces), "more_body": True}
            except StopAsyncIteration:
                return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            sent.update({key: message[key] for key in ("status", "headers") if key in message})
            out.extend(message.get("body", b""))

        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": request.method,
            "scheme": request.url.scheme,
            "path": request.url.path,
            "raw_path": request.url.raw_path,
            "query_string": request.url.query,
            "root_path": "",
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "client": ("127.0.0.1", 1),
            "server": (request.url.host, request.url.port),
        }
        await self.app(scope, receive, send)  # type: ignore[arg-type]
        return httpx.Response(sent["status"], headers=sent["headers"], content=bytes(out))


async def _answer(app: object, asked: httpx.AsyncClient, held: Held, **request: Any) -> httpx.Response:
    """What becomes of a request whose end comes after `request["stop"]`."""
    stop = request.pop("stop")
    async with httpx.AsyncClient(transport=_Streaming(app), base_url=asked.base_url) as client:  # type: ignore[arg-type]
        task = asyncio.create_task(client.post(content=held, **request))
        await held.begun.wait()
        await stop()
        held.go_on.set()
        return await task


async def test_f2_a_disabled_clerk_finishes_no_form(app: object, desk: Desk) -> None:
    page = await desk.http.get("/desk/enrol")
    fields = {**form_of(page, "/desk/enrol"), **ENTRY}
    held = Held(str(httpx.QueryParams(fields)).encode())
    cookies = "; ".join(f"{one.name}={one.value}" for one in desk.http.cookies.jar)
    kind = {"content-type": "application/x-www-form-urlencoded", "cookie": cookies}

    async def stop() -> None:
        await desk.control.execute("update identity.staff set state = 'disabled' where login = 'desk-c1'")

    answer = await _answer(app, desk.http, held, url="/desk/enrol", headers=kind, stop=stop)
    assert (answer.status_code, "/login" in answer.headers.get("location", "")) in ((303, True), (401, False))
    assert await desk.control.fetchval("select count(*) from identity.person where family_name = '丸亀'") == 0


async def test_f2_an_app_whose_authorisation_ended_finishes_no_act(
    app: object, control: Connection, scene: Scene
) -> None:
    """Whose resident got new secrets at the desk meanwhile."""
    path, token = "/consent/v1/sharings", scene.tokens["access_token"]
    proof = scene.app.dpop.proof("POST", f"{BASE}{path}", token)
    kind = {"content-type": "application/json", "Authorization": f"DPoP {token}", "DPoP": proof}
    held = Held(b"{}")

    async def stop() -> None:
        await sessions.end_all(control, scene.resident.resident_key)

    answer = await _answer(app, scene.hanako.http, held, url=path, headers=kind, stop=stop)
    assert (answer.status_code, answer.json()["code"]) == (401, "token_invalid")
