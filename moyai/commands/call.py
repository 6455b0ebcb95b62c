"""`moyai call METHOD URL --client KEY`: for trying things as a vendor's engineer."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import aiohttp
import msgspec
from joserfc.jwk import ECKey

from moyai.applying.client_keys import key_file
from moyai.base.config import Home
from moyai.calling import Answer, CallError, Client, origin_of, read_key


def run(method: str, url: str, client: str, data: str | None, headers: list[str], directory: Path) -> int:
    """0 if the platform answered below 400. `url` is whole, or a path on the platform in the directory.

    Raises CallError: no such key, no token, a body that is not JSON, a header without a colon.
    """
    home = Home(directory)
    path = Path(client) if Path(client).is_file() else key_file(home, client)
    client_id = path.name.removesuffix(".jwk.json") if path.name.endswith(".jwk.json") else path.stem
    whole = url if url.startswith("http") else home.config().server.base_url + url
    body, sent = _body(data), _headers(headers)
    answer = asyncio.run(_call(method.upper(), whole, client_id, read_key(path), body, sent))
    _print(answer)
    return 0 if answer.status < 400 else 1


async def _call(
    method: str, url: str, client_id: str, key: ECKey, body: object, headers: dict[str, str]
) -> Answer:
    async with aiohttp.ClientSession() as session:
        return await Client(origin_of(url), client_id, key, session).call(method, url, body, headers)


def _body(data: str | None) -> object:
    try:
        return None if data is None else msgspec.json.decode(data)
    except msgspec.DecodeError as error:
        raise CallError(f"--data is not JSON: {error}") from error


def _headers(given: list[str]) -> dict[str, str]:
    pairs = [one.partition(":") for one in given]
    if any(not colon for _, colon, _ in pairs):
        raise CallError("--header must be NAME: VALUE")
    return {name.strip(): value.strip() for name, _, value in pairs}


def _print(answer: Answer) -> None:
    print(f"HTTP {answer.status}", file=sys.stderr)
    if isinstance(answer.body, str):
        print(answer.body)
    elif answer.body is not None:
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(answer.body)) + b"\n")
