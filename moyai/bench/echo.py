"""The HTTP floor: a bare JSON echo on the same server (Starlette on uvicorn, uvloop, httptools)."""

from __future__ import annotations

import socket
import sys

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


async def echo(request: Request) -> Response:
    return Response(
        msgspec.json.encode(msgspec.json.decode(await request.body())), media_type="application/json"
    )


application = Starlette(routes=[Route("/echo", echo, methods=["POST"])])

if __name__ == "__main__":
    configuration = uvicorn.Config(
        application, loop="uvloop", http="httptools", access_log=False, log_config=None, proxy_headers=False
    )
    uvicorn.Server(configuration).run([socket.socket(fileno=int(sys.argv[1]))])
