"""M8, vendor M2: idle sockets, half a head, half a body, an answer that nobody fetches. All end, and nobody else notices."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from moyai.web.slow_connections import ConnectionLimits, limited
from tests.serving import listening_socket

_HEAD = b"POST /echo HTTP/1.1\r\nHost: localhost\r\n"
_MUCH = 30_000_000
LIMITS = ConnectionLimits(
    header_seconds=0.5, body_seconds=0.6, answer_seconds=0.7, idle_seconds=1.5, ending_seconds=0.3
)


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with what it was sent, or with much."""
    request = Request(scope, receive)
    if scope["path"] == "/early":
        await Response(b"no")(scope, receive, send)
        return
    body = await request.body()
    await Response(b"x" * _MUCH if scope["path"] == "/much" else body)(scope, receive, send)


class _Server(uvicorn.Server):
    def install_signal_handlers(self) -> None:
        """Ctrl-C belongs to pytest."""


@pytest.fixture
async def port() -> AsyncIterator[int]:
    listener = listening_socket()
    protocol: Any = limited(LIMITS, "http://localhost")
    config = uvicorn.Config(
        application,
        http=protocol,
        lifespan="off",
        log_config=None,
        timeout_keep_alive=2,
        timeout_graceful_shutdown=1,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:  # noqa: ASYNC110 (the server tells nobody)
        await asyncio.sleep(0.01)
    yield listener.getsockname()[1]
    server.should_exit = True
    await serving
    listener.close()


async def sent(port: int, *parts: bytes, pause: float = 0.0) -> bytes:
    """What comes back until the connection is closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for part in parts:
        writer.write(part)
        await asyncio.sleep(pause)
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    return answer


async def test_m8_connection_that_sends_nothing_is_closed(port: int) -> None:
    assert await sent(port) == b""


async def test_m8_half_a_head_is_told_408(port: int) -> None:
    answer = await sent(port, _HEAD)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 ")
    assert b"application/problem+json" in head
    assert msgspec.json.decode(body)["code"] == "request_timeout"


LONG = b"X: " + b"y" * 20_000 + b"\r\n"


@pytest.mark.parametrize(
    "parts", [[_HEAD + LONG * 2], [_HEAD, LONG, LONG], [_HEAD, b"X: ", *([b"y" * 9_000] * 5)]]
)
async def test_m2_a_head_without_end_is_told_431(port: int, parts: list[bytes]) -> None:
    answer = await sent(port, *parts, *([b"\r\n"] if len(parts) == 1 else []), pause=0.02)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 431 ")
    assert msgspec.json.decode(body)["code"] == "head_too_large"


async def test_m2_a_long_body_before_the_next_head_is_no_long_head(port: int) -> None:
    much, close = b"x" * 60_000, b"Connection: close\r\n\r\n"
    first = _HEAD + b"Content-Length: 60000\r\n\r\n" + much
    answer = await sent(port, first + _HEAD, b"Content-Length: 2\r\n" + close + b"ok", pause=0.05)
    assert answer.count(b"HTTP/1.1 200 ") == 2
    assert answer.endswith(b"ok")


async def test_m2_a_head_of_many_fields_is_fine(port: int) -> None:
    fields = b"".join(b"X-%d: %s\r\n" % (n, b"y" * 80) for n in range(200))
    answer = await sent(port, _HEAD + fields + b"Content-Length: 2\r\nConnection: close\r\n\r\nok")
    assert answer.startswith(b"HTTP/1.1 200 ")


async def test_m8_a_byte_now_and_then_does_not_put_it_off(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(_HEAD)

    async def drip() -> None:
        while True:
            writer.write(b"X: y\r\n")
            await asyncio.sleep(0.05)

    dripping = asyncio.create_task(drip())
    answer = b""
    async with asyncio.timeout(10):
        # a byte that meets the closed connection may take the answer with it
        with contextlib.suppress(ConnectionError):
            answer = await reader.read()
    dripping.cancel()
    writer.close()
    assert answer == b"" or answer.startswith(b"HTTP/1.1 408 ")


async def test_m8_half_a_body_is_told_408(port: int) -> None:
    assert (await sent(port, _HEAD + b"Content-Length: 10\r\n\r\nhalf")).startswith(b"HTTP/1.1 408 ")


async def test_m8_second_request_on_a_connection_is_limited_alike(port: int) -> None:
    """One byte ends the server's own limit for idle connections, for good."""
    whole = _HEAD + b"Content-Length: 2\r\n\r\nok"
    answer = await sent(port, whole, b"P", pause=0.1)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"HTTP/1.1 408 " in answer


async def test_m8_body_that_goes_on_after_the_answer_ends(port: int) -> None:
    head = b"POST /early HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n"
    assert (await sent(port, head, b"x", b"x", pause=0.3)).startswith(b"HTTP/1.1 200 ")


async def test_m8_answer_that_nobody_fetches_is_cut(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
    writer.write(b"GET /much HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    await asyncio.sleep(3)
    fetched = 0
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):  # noqa: PT012 (the read that fails is one of many)
        async with asyncio.timeout(10):
            while True:
                part = await reader.readexactly(1)
                fetched += len(part)
                fetched += len(reader._buffer)  # type: ignore[attr-defined]
                reader._buffer.clear()  # type: ignore[attr-defined]
    assert fetched < _MUCH
    writer.close()


async def test_requests_one_after_the_other_are_not_touched(port: int) -> None:
    """A connection that is used is older than every limit, and stays."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(12):
        writer.write(_HEAD + b"Content-Length: 2\r\n\r\nok")
        async with asyncio.timeout(10):
            head = await reader.readuntil(b"\r\n\r\n")
            assert await reader.readexactly(2) == b"ok"
        assert head.startswith(b"HTTP/1.1 200 ")
        await asyncio.sleep(0.25)
    writer.close()
