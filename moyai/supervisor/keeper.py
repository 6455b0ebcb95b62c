"""Starting, watching and stopping the processes of one platform."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections.abc import Mapping, Sequence
from typing import IO, Any

import aiohttp
import msgspec
import structlog

from moyai.base import accounts, files, log_file
from moyai.base.config import Held, Home
from moyai.base.engine import Engine
from moyai.base.engine_place import Account
from moyai.base.tasks import hold, keep_going, say
from moyai.supervisor.attach import lock
from moyai.supervisor.child import Child, EngineProgram, Program

log: structlog.stdlib.BoundLogger = structlog.get_logger("moyai.supervisor")

ENGINE = "postgres"

_LOOK_SECONDS = 0.05
_START_SECONDS = 60.0
# The engine may have to replay all that was written since its last checkpoint.
_RECOVERY_SECONDS = 600.0
_STOP_SECONDS = 15.0
_TIDY_SECONDS = 2.0
# A child that could not be looked after is left alone for so long.
_TROUBLE_SECONDS = 1.0


class StartError(Exception):
    """A process did not become ready; the message names it and its log."""


class Supervisor:
    """The processes of one platform's directory.

    `add` names a process, `start` starts (and awaits) whatever was added since, the engine first; so a
    caller may start the engine, migrate, add `serve` and start again. `wait` returns when the platform is told
    to stop (SIGTERM, SIGINT, or `request_stop`), `stop` stops everything, the engine last.

    Use it from the main thread: the kernel ties the children's lives to the thread that started them.
    """

    def __init__(self, home: Home, *, durable: bool = True) -> None:
        self._home = home
        self._durable = durable
        self._children: dict[str, Child] = {}
        self._facts: dict[str, Any] = {}
        self._sockets: list[socket.socket] = []
        self._lock: IO[str] | None = None
        self._watch: asyncio.Task[None] | None = None
        self._starting = False
        self._stopping = asyncio.Event()
        self._run_file_is_due = False
        self._tidy_at = 0.0
        self._most_log_bytes = 0

    @property
    def pids(self) -> dict[str, int]:
        """Process ids by name, of those that run now."""
        return {name: child.pid for name, child in self._children.items() if child.running and child.pid}

    @property
    def restarts(self) -> dict[str, int]:
        """How often each process had to be started again."""
        return {name: max(child.restarts, 0) for name, child in self._children.items()}

    def add(
        self,
        name: str,
        argv: Sequence[str],
        env: Mapping[str, str] | None = None,
        *,
        ready: str | None = None,
        listening: socket.socket | None = None,
        standby: str | None = None,
        held: Held | None = None,
        account: Account | None = None,
    ) -> None:
        """Name a program to keep alive. `ready` is a URL that answers below 500 once it is ready.

        `standby` is an argument that makes the program load all it needs and then wait for a line on its
        standard input: a second process of it then stands by, and takes over when the first one dies.

        `listening` is inherited under the same descriptor number (`listening.fileno()`), and closed by `stop`.

        `held` is what it may open, and a line on its standard input; it runs as `account`, or as we do.
        """
        if name in self._children:
            raise ValueError(f"there is a process {name} already")
        if listening is not None:
            self._sockets.append(listening)
        if account is not None:
            files.make_directory(self._home.logs, 0o755)
            accounts.prepare_logs(self._home, name, account)
        handed = None if held is None else msgspec.json.encode(held) + b"\n"
        log_of = self._home.logs / f"{name}.log"
        program = Program(argv, env or {}, log_of, ready, listening, standby, handed, account)
        self._children[name] = Child(name, program)

    async def start(self) -> None:
        """Start what was added since the last time: the engine first, then the programs together.

        Returns when all of them are ready; what has to wait for another program is added after that.

        Raises AlreadyRunning if the directory's platform runs already, StartError or EngineError if a process
        does not become ready (whatever was started keeps running: call `stop`).
        """
        if self._lock is None:
            self._take_directory()
        self._starting = True
        try:
            await self._start_new()
        finally:
            self._starting = False
        self._write_run_file()
        if self._watch is None:
            self._watch = hold(keep_going("watch", self._keep_alive), "watch")

    async def _start_new(self) -> None:
        new = [child for child in self._children.values() if not child.kept]
        for together in (
            [one for one in new if one.name == ENGINE],
            [one for one in new if one.name != ENGINE],
        ):
            for child in together:
                child.start()
            for child in together:
                await self._ready(child)
                child.kept = True

    def _take_directory(self) -> None:
        self._lock = lock(self._home)
        files.make_directory(self._home.logs, 0o755)
        self._home.run_file.unlink(missing_ok=True)
        config = self._home.config()
        self._most_log_bytes = config.logs.file_megabytes << 20
        if config.database.embedded:
            engine = Child(ENGINE, EngineProgram(Engine(self._home, durable=self._durable)))
            self._children = {ENGINE: engine, **self._children}
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self.request_stop)

    async def _ready(self, child: Child) -> None:
        until = time.monotonic() + (_RECOVERY_SECONDS if child.name == ENGINE else _START_SECONDS)
        while not await self._answers(child):
            if not child.running or time.monotonic() > until:
                log_file = self._home.logs / f"{child.name}.log"
                raise StartError(f"{child.name} did not start; its log is {log_file}")
            await asyncio.sleep(0.05)

    async def _answers(self, child: Child) -> bool:
        if isinstance(child.program, EngineProgram):
            return child.program.engine.is_ready()
        url = child.program.ready_url()
        return url is None or await _answers(url)

    async def _keep_alive(self) -> None:
        """Start again what has died, as soon as it may; and what else has to be done now and then."""
        while True:
            for child in self._children.values():
                if child.kept:
                    self._look_after(child)
            self._tidy()
            await asyncio.sleep(_LOOK_SECONDS)

    def _look_after(self, child: Child) -> None:
        """One look at one child. Whatever goes wrong in it is said, and ends neither the watch nor the others' turn."""
        if child.is_left_alone():
            return
        try:
            if child.pid is not None and not child.running:
                exit_code = child.exit_code
                child.bury()
                log.warning("process died", process=child.name, exit_code=exit_code)
            if child.may_start():
                self._start_again(child)
            elif child.is_settled() and not self._starting:
                child.warm()
        except Exception as error:
            # No space, no memory, too many processes: the next look tries again.
            say("process could not be looked after", child.name, error)
            child.leave_alone(_TROUBLE_SECONDS)

    def _start_again(self, child: Child) -> None:
        try:
            child.start()
        except Exception:
            child.bury()
            raise
        self._run_file_is_due, self._tidy_at = True, 0.0
        log.info("process started again", process=child.name, pid=child.pid)

    def _tidy(self) -> None:
        """Keep `run.json` true and the logs within their bounds; what fails now is tried again."""
        if time.monotonic() < self._tidy_at:
            return
        self._tidy_at = time.monotonic() + _TIDY_SECONDS
        try:
            if self._run_file_is_due:
                self._write_run_file()
                self._run_file_is_due = False
            log_file.bound(self._home.logs, self._most_log_bytes)
        except Exception as error:
            say("could not tidy up", "supervisor", error)

    def describe(self, **facts: Any) -> None:
        """Publish facts in `run.json`, beside the process ids that the supervisor keeps current there."""
        self._facts |= facts
        self._write_run_file()

    def _write_run_file(self) -> None:
        content = {"supervisor": os.getpid(), "processes": self.pids, **self._facts}
        temporary = self._home.run_file.with_suffix(".new")
        temporary.unlink(missing_ok=True)
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(content)))
        temporary.replace(self._home.run_file)

    def request_stop(self) -> None:
        self._stopping.set()

    async def wait(self) -> None:
        """Until the platform is told to stop."""
        await self._stopping.wait()

    async def stop(self) -> None:
        """Stop everything: the programs first and together, then the engine; leave `run.json` to nobody."""
        self._stopping.set()
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        for child in self._children.values():
            child.program.cool()
        programs = [child for child in self._children.values() if child.name != ENGINE]
        engines = [child for child in self._children.values() if child.name == ENGINE]
        for group in (programs, engines):
            await self._end(group)
        for listening in self._sockets:
            listening.close()
        if self._lock is not None:
            self._home.run_file.unlink(missing_ok=True)
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().remove_signal_handler(number)
            self._lock.close()
            self._lock = None

    async def _end(self, children: list[Child]) -> None:
        for child in children:
            child.tell_to_end()
        ends = (asyncio.to_thread(child.wait_for_end, _STOP_SECONDS) for child in children)
        for child, ended in zip(children, await asyncio.gather(*ends), strict=True):
            if not ended:
                log.warning("process had to be killed", process=child.name)
                child.kill()
            child.reap()


async def _answers(url: str) -> bool:
    """Whether a URL answers at all sensibly. No redirects: a ready service may send people to log in."""
    timeout = aiohttp.ClientTimeout(total=2)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(url, allow_redirects=False) as answer,
        ):
            return answer.status < 500
    except (aiohttp.ClientError, TimeoutError, OSError):
        return False
