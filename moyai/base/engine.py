"""The embedded PostgreSQL of a platform: made once, started and stopped by us, every login with SCRAM.

The server's log may hold neither statements nor values: an error message of PostgreSQL quotes what it could not
take, so only the server's own messages (LOG and above) are written, tersely.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from moyai.base import accounts, engine_place, files
from moyai.base.config import Home
from moyai.base.engine_place import AccountOptions, EngineError
from moyai.base.processes import die_with_parent, is_alive, processes_working_in, working_directory

ADMIN = "moyai_admin"
"""The bootstrap superuser. Only `up` and `migrate` log in as it."""

_COPIES = "local replication moyai_admin scram-sha-256\n"
"""Copies of the whole server, for backups (moyai.recovery)."""

_HBA = f"""\
# Every login proves its password (SCRAM), over the socket too. There is no other way in.
local all all scram-sha-256
{_COPIES}\
host  all all 127.0.0.1/32 scram-sha-256
host  all all ::1/128 scram-sha-256
"""

_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}

_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Reads are mostly from memory, of few rows: plans should prefer indexes and skip compiling.
    "random_page_cost": "1.1",
    "jit": "off",
    "join_collapse_limit": "12",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "wal_level": "replica",
    # A continuous backup that is away keeps what it has not read, but never until the disk is full.
    "max_slot_wal_keep_size": "8GB",
    # Nobody reads from a server that is still being restored.
    "hot_standby": "off",
    "fsync": "on",
    "synchronous_commit": "on",
    # After a crash, one call instead of one for each of the hundreds of files that every store has.
    "recovery_init_sync_method": "syncfs",
    # No statement, parameter, key value or context reaches the log.
    "logging_collector": "off",
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_line_prefix": "%m [%p] ",
}

_MOST_BUFFERS_MB = 4096
"""What an exchange reads for a million residents is about 2.5 GB with its indexes. Memory is taken as pages are read."""

# What is committed still outlives a killed server, though not a machine that loses power. Nothing else may differ: what
# works on an engine of the tests works on one of operation.
_FOR_TESTS = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "64MB"}


def _memory_bytes() -> int:
    installed = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        return min(installed, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    except (OSError, ValueError):
        return installed


class Engine:
    """One PostgreSQL server for one platform. Not `durable`: for throw-away data, in tests only (a rule of the house)."""

    def __init__(self, home: Home, *, durable: bool = True) -> None:
        self._home = home
        self._database = home.config().database
        self._durable = durable
        engine_place.place(home)
        self.data = home.engine.resolve() / "data"
        self.socket = Path(self._database.host)
        self.log_file = home.logs / "postgres.log"
        self._account = engine_place.account(self.data)
        self._group = accounts.group_of(home)
        self._binaries = engine_place.binaries(self._account)
        self._server: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        return None if self._server is None else self._server.pid

    def prepare(self) -> None:
        """Make the data directory if there is none, and what a restart of the machine may have taken away."""
        if self._home.engine.is_symlink() and not self._home.engine.exists():
            raise EngineError(
                f"the engine's data is gone: {self._home.engine} leads nowhere; restore a backup"
            )
        files.make_directory(self._home.logs, 0o755)
        self._make_socket_directory()
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        self._check_logins()
        self._allow_copies()

    def _make_socket_directory(self) -> None:
        if self.socket.exists() and self.socket.stat().st_uid not in (self._account.uid, os.geteuid()):
            raise EngineError(f"{self.socket} belongs to somebody else; remove it or change database.host")
        self._account.own(self.socket)
        if self._group is not None:
            os.chown(self.socket, self._account.uid, self._group)
            self.socket.chmod(0o710)

    def _initialise(self) -> None:
        # An interrupted first start leaves a directory that initdb would refuse; nothing of ours is in it yet.
        partial = self.data.with_name("data.new")
        shutil.rmtree(partial, ignore_errors=True)
        self._account.own(partial)
        password_file = partial.with_name("password")
        self._write_password(password_file)
        try:
            self._run_initdb(partial, password_file)
        finally:
            password_file.unlink()
        rules = partial / "pg_hba.conf"
        rules.write_text(_HBA)
        rules.chmod(0o644)  # ours, for the engine to read and not to change
        partial.rename(self.data)

    def _write_password(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(self._home.secrets().get_or_create(f"role:{ADMIN}"))
        os.chown(path, self._account.uid, self._account.gid)

    def _run_initdb(self, data: Path, password_file: Path) -> None:
        # The built-in locale sorts by code point and does not change with the machine's C library.
        command = [
            *(str(self._binaries / "initdb"), "-D", str(data), "--username", ADMIN),
            *("--auth=scram-sha-256", f"--pwfile={password_file}", "--data-checksums", "--encoding=UTF8"),
            *("--sync-method=syncfs", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            *(() if self._durable else ("--no-sync",)),
        ]
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, cwd="/", env=_ENVIRONMENT, **self._account.options()
        )
        if done.returncode != 0:
            raise EngineError(f"PostgreSQL's data directory could not be made: {done.stderr.strip()}")

    def _check_logins(self) -> None:
        lines = (self.data / "pg_hba.conf").read_text().splitlines()
        rules = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
        if not all(re.search(r"\s(scram-sha-256|reject)\s*$", rule) for rule in rules):
            raise EngineError(
                f"{self.data}/pg_hba.conf lets somebody in without SCRAM; the engine does not start"
            )

    def _allow_copies(self) -> None:
        """A data directory of the version before knows no backups."""
        logins = self.data / "pg_hba.conf"
        text = logins.read_text()
        if _COPIES not in text:
            logins.write_text(text.removesuffix("\n") + "\n" + _COPIES)

    def adopt(self, data: Path) -> None:
        """Take a copy of a server's data for ours: hand it to the engine's account, and put it in place."""
        if self._account.switch:
            for place in (data, *data.rglob("*")):
                os.chown(place, self._account.uid, self._account.gid, follow_symlinks=False)
        data.chmod(0o700)
        data.rename(self.data)

    def program(self, name: str) -> Path:
        """One of PostgreSQL's own programs."""
        return self._binaries / name

    def command(self) -> list[str]:
        settings = _SETTINGS | {
            "unix_socket_directories": str(self.socket),
            "port": str(self._database.port),
            "max_connections": str(self._database.max_connections),
            "shared_buffers": f"{min(_MOST_BUFFERS_MB, _memory_bytes() // 4 // 1_048_576)}MB",
        }
        if self._group is not None:
            settings |= {"unix_socket_permissions": "0770", "unix_socket_group": str(self._group)}
        if not self._durable:
            settings |= _FOR_TESTS
        arguments = [argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")]
        return [str(self._binaries / "postgres"), "-D", str(self.data), *arguments]

    def spawn(self) -> subprocess.Popen[bytes]:
        """Start the server without waiting for it. It shuts down fast and cleanly if this process dies."""
        self.clear_leftovers()
        with self.log_file.open("ab") as log:
            self._server = subprocess.Popen(  # noqa: S603
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=_ENVIRONMENT,
                process_group=0,
                preexec_fn=die_with_parent(signal.SIGINT),
                **self._options(),
            )
        return self._server

    def _options(self) -> AccountOptions:
        """The engine's account, in the group that it gives its socket to."""
        options = self._account.options()
        if self._group is not None:
            options["extra_groups"] = [self._group]
        return options

    def is_ready(self) -> bool:
        """Whether the server that we started takes connections (it says so in its lock file, as for pg_ctl)."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) > 7 and lines[7].strip() == "ready" and lines[0] == str(self.pid)

    def start(self, timeout: float = 120) -> None:
        """Make what is missing, start, and return once the server takes connections."""
        self.prepare()
        server = self.spawn()
        until = time.monotonic() + timeout
        while not self.is_ready():
            if server.poll() is not None or time.monotonic() > until:
                self.stop()
                raise EngineError(
                    f"PostgreSQL did not start; its log is {self.log_file}, and ends:\n{self.said()}"
                )
            time.sleep(0.02)

    def said(self, most: int = 10) -> str:
        """The last lines of the server's log; it holds no values."""
        return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-most:])

    def stop(self, timeout: float = 30) -> None:
        """Shut down fast: sessions are ended, everything is written. After `timeout` seconds, at once."""
        server = self._server
        if server is None:
            return
        for stop_signal in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            if server.poll() is None:
                server.send_signal(stop_signal)
            try:
                server.wait(timeout)
                break
            except subprocess.TimeoutExpired:
                timeout = 5
        self._server = None

    def clear_leftovers(self) -> None:
        """End what an earlier server of this data directory left behind, by its process ids.

        A server that was killed leaves a lock file, and sessions that keep its memory until they notice; one
        whose supervisor was killed may still be shutting down. Whoever calls this holds the platform's lock.
        """
        server = self._lock_holder()
        if server is not None:
            for stop_signal, seconds in ((signal.SIGINT, 10), (signal.SIGQUIT, 3)):
                _send(server, stop_signal)
                if _wait(lambda: not is_alive(server), seconds):
                    break
        # Without their server the rest can finish nothing; recovery takes care of what they had begun.
        for pid in processes_working_in(self.data):
            _send(pid, signal.SIGKILL)
        if not _wait(lambda: not processes_working_in(self.data), 5):
            raise EngineError(f"another PostgreSQL works in {self.data} and does not end")
        # A lock file names a process id that may by now be anybody's.
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _lock_holder(self) -> int | None:
        try:
            pid = int((self.data / "postmaster.pid").read_text().splitlines()[0])
        except (OSError, ValueError, IndexError):
            return None
        return pid if working_directory(pid) == self.data and is_alive(pid) else None


def _send(pid: int, stop_signal: signal.Signals) -> None:
    try:
        os.kill(pid, stop_signal)
    except ProcessLookupError:
        return


def _wait(condition: Callable[[], bool], seconds: float) -> bool:
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True
