"""Small programs for the supervisor to keep alive; run as `python programs.py NAME …`."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time


def sleep() -> None:
    time.sleep(600)


def serve(descriptor: str) -> None:
    """Answers each connection with its process id, on a socket that it was given."""
    listening = socket.socket(fileno=int(descriptor))
    while True:
        connection, _ = listening.accept()
        with connection:
            connection.recv(4096)
            body = str(os.getpid()).encode()
            connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


def slow(file: str, standby: str = "") -> None:
    """Takes long to load; notes each time it begins."""
    time.sleep(1.5)
    if standby and not sys.stdin.readline():
        return
    with open(file, "a") as out:
        out.write(f"{os.getpid()}\n")
    time.sleep(600)


def stubborn() -> None:
    """Does not listen to requests to end."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("ready", flush=True)
    time.sleep(600)


def fail() -> None:
    print("cannot start", flush=True)
    sys.exit(3)


def parent(file: str) -> None:
    """Starts a process of its own, and writes down its process id."""
    started = subprocess.Popen(["sleep", "600"])
    with open(file, "w") as out:
        out.write(str(started.pid))
    time.sleep(600)


def supervise(directory: str) -> None:
    """A whole supervisor, for being killed."""
    import asyncio
    from pathlib import Path

    from moyai.base.config import Home
    from moyai.supervisor import Supervisor

    async def run() -> None:
        supervisor = Supervisor(Home(Path(directory)), durable=False)
        supervisor.add("sleeper", [sys.executable, __file__, "sleep"])
        await supervisor.start()
        supervisor.describe(state="up")
        await supervisor.wait()
        await supervisor.stop()

    asyncio.run(run())


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
