"""What `moyai up` shows: progress while it works, a table of addresses and log-ins at the end. On stderr and stdout
for people; with `--json`, nothing but the report reaches stdout."""

from __future__ import annotations

import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

import segno
from pyotp.totp import TOTP
from rich.console import Console
from rich.table import Table

from moyai.base.tables import print_whole
from moyai.up.platform import Town
from moyai.up.story import Told
from moyai.up.world import World
from moyai.upkeep.tables import progress, say


class Screen:
    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._console = Console(file=sys.stderr if quiet else sys.stdout)

    def say(self, text: str) -> None:
        say(text)

    def progress(self, what: str, done: int, total: int) -> None:
        progress(what, done, total)

    @contextmanager
    def step(self, ja: str, en: str) -> Generator[None]:
        """A piece of work: named before, timed after."""
        begun = time.monotonic()
        yield
        say(f"✓ {ja} / {en}  ({time.monotonic() - begun:.1f} s)")

    def told(self, told: Told) -> None:
        mark = "✓" if told.ok else "✕"
        say(f"{mark} {told.name}")
        say(f"    expected {told.expected}")
        say(f"    got      {told.got}")

    def verdict(self, told: Sequence[Told]) -> None:
        failed = [step.name for step in told if not step.ok]
        if failed:
            self._console.print(
                f"[bold red]{len(failed)} of {len(told)} steps did not hold[/]: {', '.join(failed)}"
            )
        else:
            self._console.print(f"[bold green]すべて確かめました[/] / all {len(told)} steps held")

    def table(self, town: Town, world: World, people: Sequence[dict[str, Any]]) -> None:
        """Addresses, and who can log in. The first resident's authenticator as a QR code."""
        print_whole(_addresses(town, world), self._console)
        print_whole(_logins(world, people), self._console)
        first = next(iter(_cast(world)), None)
        if first is not None:
            self._qr(world, first)
        say("止めるには Ctrl-C / Ctrl-C stops everything")

    def _qr(self, world: World, key: str) -> None:
        login = world.people[key].login
        if login is None:
            return
        name = world.home.config().platform.name_ja
        uri = TOTP(login.totp_secret, name=login.login, issuer=name).provisioning_uri()
        self._console.print(f"{login.login} の認証アプリ用 / for the authenticator app of {login.login}:")
        segno.make(uri).terminal(out=sys.stderr if self._quiet else sys.stdout, compact=True)
        self._console.print(
            f"アプリがなくても / without an app: [bold]moyai demo code {login.login} --dir {world.home.directory}[/]"
        )


def _cast(world: World) -> list[str]:
    return [key for key in world.people if not key.startswith(("resident-", "story-"))]


def _addresses(town: Town, world: World) -> Table:
    table = Table("", "URL", title="アドレス / addresses")
    base = world.base_url
    for name, url in (
        ("入口 / front page", base),
        ("住民ポータル / residents' portal", f"{base}/portal"),
        ("窓口 / staffed desk", f"{base}/desk"),
        ("運営画面 / console", f"{base}/console"),
        ("まちの地図 / city map", f"{base}/map"),
        ("API の説明 / API", f"{base}/docs"),
        *((example.title, town.urls[example.client]) for example in town.scenario.examples),
    ):
        table.add_row(name, url)
    return table


def _logins(world: World, staff: Sequence[dict[str, Any]]) -> Table:
    table = Table("", "ログイン ID / login", "パスワード / password", title="ログイン / log-ins")
    for key in _cast(world):
        known = world.people[key]
        if known.login is not None:
            table.add_row(known.story_ja, known.login.login, known.login.password)
    for one in staff:
        table.add_row(
            f"{one['name']}（職員 / staff: {', '.join(one['roles'])}）", one["login"], one["password"]
        )
    return table
