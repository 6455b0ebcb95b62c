"""A PostgreSQL server over a network proves who it is before it is told a password."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from msgspec.structs import replace

from moyai.base.config import DatabaseSettings, make_dsn
from moyai.base.db import LOST, connect

SETTINGS = DatabaseSettings("127.0.0.1")


def test_a_socket_needs_no_certificate() -> None:
    assert "sslmode" not in make_dsn("/run/postgresql", 5432, "u", "p", "d", SETTINGS)


def test_over_a_network_the_certificate_is_checked_unless_settings_say_otherwise() -> None:
    assert "&sslmode=verify-full" in make_dsn("db.example.jp", 5432, "u", "p", "d")
    assert "&sslmode=verify-full" in make_dsn("db.example.jp", 5432, "u", "p", "d", SETTINGS)
    roots = replace(SETTINGS, tls="verify-ca", tls_roots="/etc/our roots.pem")
    dsn = make_dsn("db.example.jp", 5432, "u", "p", "d", roots)
    assert dsn.endswith("&sslmode=verify-ca&sslrootcert=%2Fetc%2Four%20roots.pem")
    assert make_dsn("h", 1, "u", "p", "d", replace(SETTINGS, tls="disable")).endswith("&sslmode=disable")


async def test_server_without_tls_is_told_nothing() -> None:
    """asyncpg's default is `prefer`: it goes on in the clear with whoever says that there is no TLS."""
    heard: list[bytes] = []

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readexactly(8))
        writer.write(b"N")
        heard.append(await reader.read(100))
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises((*LOST, asyncpg.PostgresError)):
        await connect(make_dsn("127.0.0.1", port, "moyai_serve", "secret", "moyai_control", SETTINGS))
    server.close()
    await server.wait_closed()
    assert heard[0] == b"\x00\x00\x00\x08\x04\xd2\x16/"
    assert heard[1:] in ([], [b""])
