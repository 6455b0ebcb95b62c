"""The listening sockets of a platform: bound once, inherited by each `serve` process that is started."""

from __future__ import annotations

import socket

_BACKLOG = 1024


def bind(host: str, port: int, count: int = 1) -> list[socket.socket]:
    """Listening sockets on one port, one per `serve` process. Port 0 takes a free one.

    Each process has its own queue (SO_REUSEPORT), so that the kernel spreads connections over them: on one
    shared socket, whoever wakes first takes all that wait. Raises OSError (EADDRINUSE) if somebody else listens
    there, also somebody who would share.
    """
    with _socket(host) as probe:
        probe.bind((host, port))
        port = probe.getsockname()[1]
    return [_listening(host, port, shared=count > 1) for _ in range(count)]


def _listening(host: str, port: int, *, shared: bool) -> socket.socket:
    made = _socket(host)
    if shared:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind((host, port))
    made.listen(_BACKLOG)
    return made


def _socket(host: str) -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return made
