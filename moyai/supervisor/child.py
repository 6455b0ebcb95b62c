"""One process that the supervisor keeps alive."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Protocol

from moyai.base.engine import Engine
from moyai.base.engine_place import Account
from moyai.base.processes import die_with_parent

# The first restart is immediate; a process that keeps dying young is started ever less often.
_DELAYS = (0.0, 0.25, 0.5, 1.0)
_YOUNG_SECONDS = 5.0
_SETTLED_SECONDS = 1.0


class Startable(Protocol):
    """What can be started, again and again: a program, or the embedded engine."""

    def spawn(self) -> subprocess.Popen[Any]: ...
    def warm(self) -> None: ...
    def cool(self) -> None: ...
    def signal_end(self) -> signal.Signals: ...
    def ready_url(self) -> str | None: ...


class Program:
    """A command line with its environment; output goes to `log`.

    `handed` is written to its standard input at the start, as a line: secrets are in no argument, environment or file.
    """

    def __init__(
        self,
        argv: Sequence[str],
        env: Mapping[str, str],
        log: Path,
        ready: str | None,
        listening: socket.socket | None,
        standby: str | None = None,
        handed: bytes | None = None,
        account: Account | None = None,
    ) -> None:
        self._handed = handed
        self._account = account or Account(os.geteuid(), os.getegid(), switch=False)
        self._standby = standby
        self._spare: subprocess.Popen[Any] | None = None
        self._warmed_at = -_YOUNG_SECONDS
        self._argv = list(argv)
        self._env = {**os.environ, "PYTHONUNBUFFERED": "1", **env}
        self._log = log
        self._ready = ready
        self._listening = listening

    def spawn(self) -> subprocess.Popen[Any]:
        spare, self._spare = self._spare, None
        if spare is not None and _begin(spare):
            # it could load, so the next one may as soon as there is time
            self._warmed_at = -_YOUNG_SECONDS
            return spare
        return self._run(self._argv)

    def warm(self) -> None:
        """Have a process stand by that has loaded all it needs, so that a restart takes no time."""
        if self._standby is None or (self._spare is not None and self._spare.poll() is None):
            return
        # A spare that cannot load is not tried at every look.
        if time.monotonic() - self._warmed_at > _YOUNG_SECONDS:
            self._warmed_at = time.monotonic()
            self._spare = self._run([*self._argv, self._standby], waits=True)

    def cool(self) -> None:
        if self._spare is not None:
            self._spare.kill()
            self._spare.wait()
            self._spare = None

    def _run(self, argv: list[str], *, waits: bool = False) -> subprocess.Popen[Any]:
        handles = () if self._listening is None else (self._listening.fileno(),)
        spoken_to = waits or self._handed is not None
        with _opened(self._log) as log:
            process = subprocess.Popen(  # noqa: S603
                argv,
                env=self._env,
                stdin=subprocess.PIPE if spoken_to else subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=handles,
                # A group of its own: Ctrl-C in a terminal reaches the supervisor, which stops all in order.
                process_group=0,
                # Whoever lost the supervisor is ended at once; everything here is made to survive that.
                preexec_fn=die_with_parent(signal.SIGKILL),
                **self._account.options(),
            )
        if process.stdin is not None:
            _say(process.stdin, self._handed or b"", more=waits)
        return process

    def signal_end(self) -> signal.Signals:
        return signal.SIGTERM

    def ready_url(self) -> str | None:
        return self._ready


def _opened(log: Path) -> IO[bytes]:
    """Where a program's own output goes. A file that cannot be opened keeps nothing from running."""
    try:
        return open(log, "ab", opener=_open_own)
    except OSError:
        return open(os.devnull, "ab")


def _open_own(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o640)


def _begin(spare: subprocess.Popen[Any]) -> bool:
    """Tell a process that stands by to begin; false if it is gone."""
    return spare.poll() is None and spare.stdin is not None and _say(spare.stdin, b"\n", more=False)


def _say(to: IO[bytes], said: bytes, *, more: bool) -> bool:
    """Write to a process's standard input, less than what a pipe holds; false if it is gone."""
    try:
        to.write(said)
        to.flush()
        if not more:
            to.close()
    except OSError:
        return False
    return True


class EngineProgram:
    """The embedded engine as a child."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def spawn(self) -> subprocess.Popen[Any]:
        self.engine.prepare()
        return self.engine.spawn()

    def warm(self) -> None:
        return

    def cool(self) -> None:
        return

    def signal_end(self) -> signal.Signals:
        return signal.SIGINT

    def ready_url(self) -> str | None:
        return None


class Child:
    """A started program: its process now, and when it may be started again after it died."""

    def __init__(self, name: str, program: Startable) -> None:
        self.name = name
        self.program = program
        self.restarts = -1
        self.kept = False
        """Whether it was ready once, and is to be started again when it dies."""
        self._process: subprocess.Popen[Any] | None = None
        self._started_at = 0.0
        self._young_deaths = 0
        self._not_before = 0.0
        self._alone_until = 0.0

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        return None if self._process is None else self._process.returncode

    def start(self) -> None:
        self._started_at = time.monotonic()
        self._process = self.program.spawn()
        self.restarts += 1

    def bury(self) -> None:
        """Note a death, and from when on the program may be started again."""
        now = time.monotonic()
        young = now - self._started_at < _YOUNG_SECONDS
        self._young_deaths = self._young_deaths + 1 if young else 0
        self._not_before = now + _DELAYS[min(self._young_deaths, len(_DELAYS) - 1)]
        self._end_group()
        self._process = None

    def is_settled(self) -> bool:
        """Whether it has run long enough that a spare would not take its start the processor's time."""
        return self.running and time.monotonic() - self._started_at > _SETTLED_SECONDS

    def warm(self) -> None:
        """Have a spare stand by, if the program has some. Without room for one, what runs still runs."""
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            self.program.warm()

    def leave_alone(self, seconds: float) -> None:
        """Something about it failed: do not try again at every look."""
        self._alone_until = time.monotonic() + seconds

    def is_left_alone(self) -> bool:
        return time.monotonic() < self._alone_until

    def may_start(self) -> bool:
        return self._process is None and time.monotonic() >= self._not_before

    def tell_to_end(self) -> None:
        if self.running and self._process is not None:
            self._process.send_signal(self.program.signal_end())

    def wait_for_end(self, seconds: float) -> bool:
        """Block until the process has ended; false if it has not by then."""
        try:
            if self._process is not None:
                self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self) -> None:
        if self.running and self._process is not None:
            self._process.kill()

    def reap(self) -> None:
        """After the end: take the process's remains, and what it may have started itself."""
        if self._process is not None:
            self._process.wait()
            self._end_group()
            self._process = None

    def _end_group(self) -> None:
        # The engine's own processes end, or are ended, under its own rules.
        if self._process is None or isinstance(self.program, EngineProgram):
            return
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            return
