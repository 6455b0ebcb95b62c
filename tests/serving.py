"""An ASGI application on a free port, in the tests' own event loop, for browsers and other outside programs."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn


class _Server(uvicorn.Server):
    def install_signal_handlers(self) -> None:
        """Ctrl-C belongs to pytest."""


def listening_socket() -> socket.socket:
    """A socket on a free port of this machine, for applications that must know their own URL beforehand."""
    # the protocol is named, or asyncio leaves small answers waiting for an acknowledgement (40 ms each)
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    return listener


@asynccontextmanager
async def served(app: Any, listener: socket.socket | None = None) -> AsyncIterator[str]:
    """Serve `app`; gives its base URL, `http://localhost:PORT`."""
    listener = listener or listening_socket()
    server = _Server(uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=1))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        if serving.done():
            await serving
        await asyncio.sleep(0.01)
    try:
        yield f"http://localhost:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving
        listener.close()
