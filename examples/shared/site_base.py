"""A small web site on which residents log in with the platform: sessions, pages, the command line.

State (who logged in, what a component knows about its users) is one JSON file, written before it is answered for.
"""

from __future__ import annotations

import argparse
import asyncio
import html
import json
import os
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import uvicorn
from moyai_api import Login, Platform, Refused
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

_CSS = """
:root{color-scheme:light}body{font:18px/1.8 system-ui,'Noto Sans JP',sans-serif;margin:0;background:#f8f8fb;color:#1a1a1c}
main{max-width:44rem;margin:0 auto;padding:1rem 1rem 4rem}header{background:#0b3d91;color:#fff;padding:.75rem 1rem}
header strong{font-size:1.25rem}th{width:7em;color:#555}h1{font-size:1.6rem;line-height:1.4}section{background:#fff;border:1px solid #d8d8db;
border-radius:12px;padding:1rem 1.25rem;margin:1rem 0}a.button,button{display:inline-flex;align-items:center;min-height:48px;
padding:0 1.5rem;border-radius:8px;border:0;background:#0b3d91;color:#fff;font:inherit;font-weight:700;text-decoration:none;
cursor:pointer}a.quiet,button.quiet{background:#fff;color:#0b3d91;border:2px solid #0b3d91}input{font:inherit;min-height:44px;padding:0 .75rem;
border:1px solid #767680;border-radius:8px;max-width:10rem}label{display:block;margin:.5rem 0}table{border-collapse:collapse;width:100%}
td,th{text-align:left;vertical-align:top;font-weight:400;overflow-wrap:anywhere;padding:.4rem .6rem;border-bottom:1px solid #e8e8eb}.why{background:#fff4e5;border-color:#c16800}
.big{font-size:2.2rem;font-weight:700}small{color:#555}
"""


class State:
    """What the component remembers, in one file. `subjects` are the pairwise ids of everybody who logged in."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.data: dict[str, Any] = {"subjects": [], "sessions": {}}
        if path.exists():
            self.data |= json.loads(path.read_text())

    def forget(self, subject: str) -> None:
        """The platform does not know this person any more: neither do we."""
        self.subjects.remove(subject)
        sessions: dict[str, str] = self.data["sessions"]
        self.data["sessions"] = {cookie: known for cookie, known in sessions.items() if known != subject}
        self.save()

    def save(self) -> None:
        temporary = self._path.with_suffix(".new")
        with temporary.open("w") as file:
            json.dump(self.data, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._path)

    @property
    def subjects(self) -> list[str]:
        return self.data["subjects"]


def page(title: str, body: str) -> HTMLResponse:
    """A page in plain Japanese; `body` is HTML whose values were escaped by `html.escape`."""
    return HTMLResponse(
        f'<!doctype html><html lang="ja"><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{_CSS}</style>'
        f"<header><strong>{html.escape(title)}</strong></header><main>{body}</main></html>",
        headers={
            "Cache-Control": "no-store",
            "Content-Security-Policy": "default-src 'self' 'unsafe-inline'",
        },
    )


Show = Callable[["Site", Request, str], Awaitable[Response]]
Live = Callable[["Site"], Coroutine[Any, Any, None]]


class Site:
    """One example service. `show` renders the page of a logged-in resident; `live` runs while it is up."""

    def __init__(
        self,
        arguments: argparse.Namespace,
        show: Show,
        routes: list[tuple[str, str, Show]] | None = None,
        live: Live | None = None,
    ) -> None:
        self.arguments = arguments
        self.title: str = arguments.title
        self.base_url = f"http://localhost:{arguments.port}"
        self.state = State(Path(arguments.state))
        self._cookie = f"{arguments.client}_{arguments.port}"
        self._logins: dict[str, Login] = {}
        self._show = show
        self._routes = routes or []
        self._live = live
        self.platform: Platform

    def application(self) -> Starlette:
        routes = [
            Route("/", self._home),
            Route("/login", self._login),
            Route("/callback", self._callback),
            Route("/logout", self._logout, methods=["POST"]),
            Route("/me", self._signed_in(_me)),
            Route("/health", self._health),
        ]
        routes += [Route(path, self._signed_in(act), methods=[verb]) for verb, path, act in self._routes]
        return Starlette(routes=routes, lifespan=self._lifespan)

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncGenerator[None]:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session:
            key = Platform.read_key(Path(self.arguments.key))
            self.platform = Platform(self.arguments.platform, self.arguments.client, key, session)
            task = asyncio.create_task(self._live(self)) if self._live else None
            yield
            if task:
                task.cancel()

    def _subject(self, request: Request) -> str | None:
        return self.state.data["sessions"].get(request.cookies.get(self._cookie, ""))

    def _signed_in(self, act: Show) -> Callable[[Request], Awaitable[Response]]:
        async def handle(request: Request) -> Response:
            subject = self._subject(request)
            if subject is None:
                return RedirectResponse("/", 303)
            # a form of another site carries no cookie of ours across (SameSite=Lax), nor our origin
            if request.method == "POST" and request.headers.get("origin", self.base_url) != self.base_url:
                return Response(status_code=403)
            return await act(self, request, subject)

        return handle

    async def _home(self, request: Request) -> Response:
        subject = self._subject(request)
        if subject is None:
            return page(
                self.title, '<h1>ようこそ</h1><p><a class="button" href="/login">基盤のIDでログイン</a></p>'
            )
        return await self._show(self, request, subject)

    async def _login(self, _: Request) -> Response:
        try:
            login = await self.platform.begin_login(f"{self.base_url}/callback")
        except Refused as refused:
            return self.refusal(refused.reason, refused.status)
        self._logins[login.state] = login
        return RedirectResponse(login.url, 303)

    async def _callback(self, request: Request) -> Response:
        login = self._logins.pop(request.query_params.get("state", ""), None)
        if login is None:
            return RedirectResponse("/", 303)
        if "error" in request.query_params:
            return self.refusal(request.query_params.get("error_description", ""), 403)
        try:
            subject = await self.platform.finish_login(
                login, f"{self.base_url}/callback", request.query_params.get("code", "")
            )
        except Refused as refused:
            return self.refusal(refused.reason, refused.status)
        return self._open_session(subject)

    def _open_session(self, subject: str) -> Response:
        cookie = secrets.token_urlsafe(24)
        self.state.data["sessions"][cookie] = subject
        if subject not in self.state.subjects:
            self.state.subjects.append(subject)
        self.state.save()
        response = RedirectResponse("/", 303)
        response.set_cookie(self._cookie, cookie, httponly=True, samesite="lax")
        return response

    def refusal(self, reason: str, status: int) -> Response:
        answer = page(
            self.title,
            "<h1>ご利用いただけません</h1>"
            f'<section class="why"><p>データ連携基盤の答え: <code>{html.escape(reason)}</code></p></section>'
            '<p><a class="button quiet" href="/">もどる</a></p>',
        )
        answer.status_code = status
        return answer

    async def _logout(self, request: Request) -> Response:
        self.state.data["sessions"].pop(request.cookies.get(self._cookie, ""), None)
        self.state.save()
        return RedirectResponse("/", 303)

    async def _health(self, _: Request) -> Response:
        return JSONResponse({"status": "ready"})

    def run(self) -> None:
        uvicorn.run(self.application(), port=self.arguments.port, log_level="warning")


async def _me(site: Site, request: Request, subject: str) -> Response:
    """What this component knows the resident as: a number that no other component has."""
    return JSONResponse({"subject": subject})


def arguments(description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description)
    for name in ("platform", "client", "key", "state", "title"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument(
        "--live", type=float, default=0, help="seconds between things that happen by themselves"
    )
    return parser
