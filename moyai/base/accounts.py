"""The operating-system accounts that `serve` and `worker` run under where root starts a platform.

Each has an account of its own, so that neither can read the other's memory or the key file. They share a group with nothing
but what both need: PostgreSQL's socket, the journal, the counters. No account is made on the machine: unless the settings name
some, numbers are taken from the range that systemd keeps for services which have none (61184 to 65519), once per platform.

Without root everything runs under one account, and none of this protects anything.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import secrets
import subprocess
import sys
from itertools import islice
from pathlib import Path

import msgspec

from moyai.base import files
from moyai.base.config import ConfigError, Home
from moyai.base.engine_place import Account

_RANGE = range(61184, 65520)

# As the account: what every process does first. Its failure says that program or directory are out of reach.
_TRY = "import sys; from pathlib import Path; from moyai.commands.arguments import home_of; home_of(Path(sys.argv[1]))"


class Numbers(msgspec.Struct, frozen=True):
    """What was chosen for a platform, in `DIR/accounts.json`."""

    serve: int
    worker: int
    group: int


class Accounts(msgspec.Struct, frozen=True):
    serve: Account
    worker: Account
    group: int


def of(home: Home) -> Accounts | None:
    """The accounts of this platform's processes; None where processes run as whoever starts them."""
    if os.geteuid() != 0:
        return None
    settings, numbers = home.config().users, _numbers(home)
    serve = _named("serve", settings.serve) if settings.serve else numbers.serve
    worker = _named("worker", settings.worker) if settings.worker else numbers.worker
    if serve == worker or 0 in (serve, worker):
        raise ConfigError("users.serve and users.worker: two accounts, neither of them root")
    return Accounts(
        Account(serve, numbers.group, switch=True), Account(worker, numbers.group, switch=True), numbers.group
    )


def group_of(home: Home) -> int | None:
    """The group of the processes, for the socket that they open; None where there is none."""
    found = of(home)
    return None if found is None else found.group


def _named(setting: str, name: str) -> int:
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        raise ConfigError(f"users.{setting}: this machine has no account {name}") from None


def _numbers(home: Home) -> Numbers:
    path = home.directory / "accounts.json"
    if not path.exists():
        shuffled = secrets.SystemRandom().sample(_RANGE, len(_RANGE))
        chosen = list(islice((number for number in shuffled if not _taken(number)), 3))
        with contextlib.suppress(FileExistsError):  # two commands at once: who comes second takes the first's
            files.create(path, msgspec.json.encode(Numbers(*chosen)), 0o644)
    return msgspec.json.decode(path.read_bytes(), type=Numbers)


def _taken(number: int) -> bool:
    for known in (pwd.getpwuid, grp.getgrgid):
        with contextlib.suppress(KeyError):
            known(number)
            return True
    return False


def hindrance(home: Home, accounts: Accounts) -> str | None:
    """Why the processes cannot run under their accounts; None if they can."""
    journal = home.journal_file.parent
    if not accounts.serve.can_enter(journal):
        return f"{journal} cannot be entered by other accounts than root"
    command = [sys.executable, "-c", _TRY, str(home.directory)]
    options = accounts.serve.options()
    try:
        tried = subprocess.run(command, capture_output=True, timeout=60, **options)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return f"{sys.executable} cannot be run by other accounts than root"
    if tried.returncode != 0:
        return f"the program ({Path(__file__).parents[1]}) or {home.config_file} cannot be read by other accounts than root"
    return None


def prepare(home: Home, accounts: Accounts) -> None:
    """Let the processes write what they write: the journal and the counters."""
    path = home.journal_file
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        os.fchown(handle, 0, accounts.group)
        os.fchmod(handle, 0o660)
    finally:
        os.close(handle)
    files.sync_directory(path.parent)
    files.make_directory(home.metrics, 0o770)
    os.chown(home.metrics, 0, accounts.group)


def prepare_logs(home: Home, name: str, account: Account) -> None:
    """Give a process its log files in a directory where it can make none: a link there would lead root astray."""
    for log in (f"{name}.jsonl", f"{name}-access.jsonl"):
        handle = os.open(home.logs / log, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640)
        try:
            os.fchown(handle, account.uid, 0)
            os.fchmod(handle, 0o640)
        finally:
            os.close(handle)
