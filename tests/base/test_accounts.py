"""Accounts of the processes where root starts a platform: numbers of nobody else, chosen once, or named accounts."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from moyai.base import accounts
from moyai.base.config import ConfigError, Home
from moyai.base.engine_place import Account
from tests.small_disk import SETTINGS

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root chooses accounts")


def home_with(directory: Path, users: str = "") -> Home:
    home = Home(directory)
    home.config_file.write_text(SETTINGS + users)
    return home


def test_m7_numbers_are_nobodys_and_stay(tmp_path: Path) -> None:
    home = home_with(tmp_path)
    found = accounts.of(home)
    assert found is not None
    assert found == accounts.of(home)
    assert len({found.serve.uid, found.worker.uid, found.group}) == 3
    for account in (found.serve, found.worker):
        assert (account.switch, account.gid) == (True, found.group)
        with pytest.raises(KeyError):
            pwd.getpwuid(account.uid)


def test_m7_named_accounts_are_taken(tmp_path: Path) -> None:
    found = accounts.of(home_with(tmp_path, '[users]\nserve = "daemon"\nworker = "nobody"\n'))
    assert found is not None
    assert found.serve.uid == pwd.getpwnam("daemon").pw_uid


@pytest.mark.parametrize(
    "users",
    ['serve = "daemon"\nworker = "daemon"', 'serve = "root"', 'worker = "nobody-of-this-name"'],
)
def test_m7_root_one_account_for_both_and_unknown_ones_are_refused(tmp_path: Path, users: str) -> None:
    with pytest.raises(ConfigError, match="users"):
        accounts.of(home_with(tmp_path, f"[users]\n{users}\n"))


def test_m7_what_is_tried_before_the_start_works_where_nothing_is_in_the_way(tmp_path: Path) -> None:
    """As ourselves, so that closed directories above the checkout do not matter."""
    home = home_with(tmp_path)
    ours = Account(os.geteuid(), os.getegid(), switch=False)
    assert accounts.hindrance(home, accounts.Accounts(ours, ours, os.getegid())) is None


def test_m7_where_accounts_cannot_reach_the_platform_that_is_said(tmp_path: Path) -> None:
    home = home_with(tmp_path)
    tmp_path.chmod(0o700)
    found = accounts.of(home)
    assert found is not None
    assert "other accounts than root" in (accounts.hindrance(home, found) or "")


def test_m7_journal_and_counters_are_the_groups_and_a_link_is_not_followed(tmp_path: Path) -> None:
    home = home_with(tmp_path)
    found = accounts.of(home)
    assert found is not None
    accounts.prepare(home, found)
    for path, mode in ((home.journal_file, 0o660), (home.metrics, 0o770)):
        there = path.stat()
        assert (there.st_uid, there.st_gid, there.st_mode & 0o777) == (0, found.group, mode)
    home.journal_file.unlink()
    home.journal_file.symlink_to(tmp_path / "else")
    with pytest.raises(OSError, match="symbolic links"):
        accounts.prepare(home, found)
