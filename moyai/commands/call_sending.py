"""Sending what `moyai call` was given: as anybody, as a client (--client) or as a resident (--resident)."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from moyai.applying.client_keys import key_file
from moyai.base.config import Home
from moyai.calling import Answer, CallError, Client, origin_of, read_answer, read_key, whole_url
from moyai.commands import call_people as people
from moyai.commands.call_values import Taking, filled, filled_url, member, names, takings


class Asked(msgspec.Struct, frozen=True):
    """The command line. `client` is an id whose key lies in the directory, or a key file."""

    method: str
    url: str
    client: str | None = None
    resident: str | None = None
    data: str | None = None
    form: list[str] = []
    take: list[str] = []
    header: list[str] = []


def run(asked: Asked, directory: Path) -> int:
    """0 if the platform answered below 400. A URL is whole, or a path on the platform in the directory.

    Raises CallError: no such key or resident, no token, a body that is not JSON, a value that nothing gives.
    """
    if asked.form and asked.data is not None:
        raise CallError("a body is --data or --form, not both")
    answer = asyncio.run(_sent(asked, Home(directory)))
    _print(answer)
    return 0 if answer.status < 400 else 1


async def _sent(asked: Asked, home: Home) -> Answer:
    async with AsyncExitStack() as stack:
        sender = await stack.enter_async_context(_Sender(asked, home))
        values = await sender.values(asked)
        body, headers = filled(_body(asked.data), values), _pairs(asked.header, ":", "--header NAME: VALUE")
        form = filled(_pairs(asked.form, "=", "--form NAME=VALUE"), values)
        url = sender.whole(filled_url(asked.url, values))
        return await sender.send(asked.method.upper(), url, body, form, headers)


class _Sender:
    """Whoever the call is from. With a client and a resident the client calls, and the resident is whom it is about."""

    def __init__(self, asked: Asked, home: Home) -> None:
        self._home = home
        self._session = aiohttp.ClientSession()
        self._base = origin_of(asked.url) if asked.url.startswith("http") else home.config().server.base_url
        self._client = None if asked.client is None else self._client_of(asked.client)
        self._about: people.Somebody | None = None
        self._phone: people.Phone | None = None
        if asked.resident is not None:
            known = people.read_run_file(home)
            self._about = people.find(known, asked.resident)
            self._phone = None if self._client else people.Phone(home, known, self._about)

    async def __aenter__(self) -> _Sender:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()
        if self._phone is not None:
            await self._phone.close()

    def _client_of(self, client: str) -> Client:
        path = Path(client) if Path(client).is_file() else key_file(self._home, client)
        client_id = path.name.removesuffix(".jwk.json") if path.name.endswith(".jwk.json") else path.stem
        return Client(self._base, client_id, read_key(path), self._session)

    def whole(self, url: str) -> str:
        return whole_url(self._base, url)

    async def values(self, asked: Asked) -> dict[str, str]:
        """What `{name}` stands for: whom the call is about, the caller's token where it is asked for, `--take`."""
        values: dict[str, str] = {}
        if self._about is not None:
            values["resident"] = self._about.resident_id
        if self._about is not None and self._client is not None and "subject" in names(asked.url, asked.data):
            values["subject"] = people.subject(self._about, self._client.client_id)
        if "token" in names(*asked.form):
            values["token"] = await self._token()
        for one in takings(asked.take):
            values[one.name] = await self._taken(one, values)
        return values

    async def _token(self) -> str:
        holder = self._client or (self._phone.person if self._phone else None)
        if holder is None:
            raise CallError("{token} needs --client or --resident")
        return await holder.token()

    async def _taken(self, taking: Taking, values: Mapping[str, str]) -> str:
        if taking.source == "-":
            return member(_body(sys.stdin.read()), taking.pointer)
        answer = await self.send("GET", self.whole(filled_url(taking.source, values)), None, {}, {})
        if answer.status >= 400:
            raise CallError(f"GET {taking.source}: {answer.status} {answer.code or answer.body}")
        return member(answer.body, taking.pointer)

    async def send(
        self, method: str, url: str, body: Any, form: Mapping[str, str], headers: Mapping[str, str]
    ) -> Answer:
        if self._client is not None and form:
            return await self._client.submit(url, form, headers)
        if self._client is not None:
            return await self._client.call(method, url, body, headers)
        if self._phone is not None and not form:
            return await self._phone.person.api(method, url, body, headers)
        async with self._session.request(
            method, url, json=body, data=dict(form) or None, headers=dict(headers)
        ) as response:
            return await read_answer(response)


def _body(data: str | None) -> Any:
    try:
        return None if data is None else msgspec.json.decode(data)
    except msgspec.DecodeError as error:
        raise CallError(f"--data is not JSON: {error}") from error


def _pairs(given: list[str], separator: str, form: str) -> dict[str, str]:
    pairs = [one.partition(separator) for one in given]
    if any(not found for _, found, _ in pairs):
        raise CallError(f"write {form}")
    return {name.strip(): value.strip() for name, _, value in pairs}


def _print(answer: Answer) -> None:
    print(f"HTTP {answer.status}", file=sys.stderr)
    if isinstance(answer.body, bytes):
        sys.stdout.buffer.write(answer.body)
    elif isinstance(answer.body, str):
        print(answer.body)
    elif answer.body is not None:
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(answer.body)) + b"\n")
