"""`moyai check`: is this platform set up so that it can be trusted to run? Each finding says what to do."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Literal

import msgspec
from cryptography.exceptions import InvalidTag

from moyai import registry
from moyai.base import accounts, store_copies, store_server
from moyai.base.clock import utc_now
from moyai.base.config import Config, ConfigError, Home, make_dsn
from moyai.base.db import LOST, Connection, PostgresError, connect
from moyai.base.engine_place import EngineError
from moyai.base.journal import Journal, JournalError
from moyai.base.migrate import Kind, SchemaTooNew, SchemaTooOld, check_version
from moyai.base.processes import AlreadyRunning
from moyai.base.roles import SERVE, WORKER, context_database
from moyai.base.storage import Space
from moyai.recovery import manifest
from moyai.recovery.cluster import BackupError
from moyai.supervisor import engine_running

Level = Literal["ok", "warning", "error"]

_MOST_SECONDS_OFF = 5.0

# Sessions beside the pools: a lane for the gate and one for the ledger (moyai.personal.opening), city data's pool, the
# probe's.
_SERVE_SESSIONS = 1 + 1 + 4 + 1
_WORKER_SESSIONS = 4
# Each open store has a small pool, and a lane for exchanges.
_STORE_LANES = 1


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at, and what was found, in both languages."""

    name: str
    level: Level
    ja: str
    en: str


def worst_case_connections(config: Config) -> int:
    """Sessions on the server when every process has opened all that its settings allow."""
    database = config.database
    stores = database.store_pools * (database.store_pool_size + _STORE_LANES)
    serve = database.pool_size + _SERVE_SESSIONS + stores
    return config.server.processes * serve + _WORKER_SESSIONS + stores


def check(home: Home) -> list[Finding]:
    """Look at everything that can be looked at; what cannot be reached is itself a finding."""
    try:
        config = home.config()
    except ConfigError as error:
        return [Finding("config", "error", f"設定を読めません：{error}", f"The configuration: {error}")]
    findings = [
        Finding("config", "ok", "設定は読めます。", "The configuration is valid."),
        _key(home),
        _disk(home),
        *_accounts(home),
        _journal(home),
        *_apart(home),
        *_modes(config),
    ]
    if findings[1].level == "error":
        return findings
    try:
        with engine_running(home):
            return findings + asyncio.run(_ask_databases(home, config))
    except (EngineError, AlreadyRunning) as error:
        en = f"The embedded PostgreSQL does not start: {error}"
        return [*findings, Finding("database", "error", f"組み込みの PostgreSQL が起動しません：{error}", en)]


_BUILT = {"personal": {"internal_segregated", "none"}, "non_personal": {"internal_shared", "none"}}
"""Where this release can keep data (guidebook 1.2.3)."""


def _modes(config: Config) -> list[Finding]:
    """A mode that can only be described must not be mistaken for one that works."""
    return [
        Finding(
            f"brokers.{name}",
            "error",
            f"brokers.{name} = {mode} は、まだ動きません。表すことだけができます。",
            f"brokers.{name} = {mode} is not built yet: it can only be described.",
        )
        for name, mode in (
            ("personal", config.brokers.personal),
            ("non_personal", config.brokers.non_personal),
        )
        if mode not in _BUILT[name]
    ]


def _key(home: Home) -> Finding:
    try:
        home.secrets().get(f"role:{SERVE}")
    except (OSError, ValueError) as error:
        return Finding("key", "error", f"鍵ファイルを使えません：{error}", f"The key file: {error}")
    except InvalidTag:
        return Finding(
            "key",
            "error",
            f"{home.kek_file} は secrets.sealed を封じた鍵ではありません。元の鍵に戻してください。",
            f"{home.kek_file} is not the key that sealed secrets.sealed. Put the original key back.",
        )
    return Finding(
        "key", "ok", "鍵ファイルは所有者だけが読めます。", "The key file is its owner's alone, and fits."
    )


def _journal(home: Home) -> Finding:
    try:
        Journal.of(home).check()
    except (JournalError, OSError) as error:
        ja = f"停止の記録（ジャーナル）を読めません：{error}"
        return Finding("journal", "error", ja, f"The journal of stops: {error}")
    return Finding("journal", "ok", "停止の記録（ジャーナル）は読めます。", "The journal of stops is whole.")


def _apart(home: Home) -> list[Finding]:
    """Key and journal are what a restore needs beside the backup: they must not be lost together with the data."""
    data = home.engine.resolve() if home.engine.exists() else home.directory
    places = (
        ("journal.path", home.journal_file, "停止の記録（ジャーナル）", "the journal of stops"),
        ("keys.path", home.kek_file, "鍵", "the key-encryption key"),
    )
    return [
        Finding(
            setting,
            "warning",
            f"{ja}が、データと同じディスクか同じディレクトリーにあります。{setting} で別のディスクに置いてください。",
            f"With the disk of the data {en} would be lost, too: put it on another one ({setting}).",
        )
        for setting, file, ja, en in places
        if file.resolve().is_relative_to(home.directory) or _device(file) == _device(data)
    ]


def _device(place: Path) -> int:
    while not place.exists():
        place = place.parent
    return place.stat().st_dev


def _disk(home: Home) -> Finding:
    space = Space(home)
    state, gib = space.look(), space.least() / (1 << 30)
    if state == "enough":
        return Finding("disk", "ok", f"空き容量は {gib:.1f} GiB です。", f"{gib:.1f} GiB are free.")
    refused_ja = "書き込みを断っています。" if state == "full" else ""
    refused_en = "; requests that write are refused" if state == "full" else ""
    return Finding(
        "disk",
        "error" if state == "full" else "warning",
        f"空き容量は {gib:.1f} GiB です。{refused_ja}増やしてください。",
        f"{gib:.1f} GiB are free{refused_en}: make room.",
    )


def _accounts(home: Home) -> list[Finding]:
    """Where root asks: whether processes can run under accounts of their own."""
    try:
        found = accounts.of(home)
        reason = None if found is None else accounts.hindrance(home, found)
    except ConfigError as error:
        return [Finding("users", "error", f"アカウントの設定が誤っています：{error}", str(error))]
    if found is None:
        return []
    if reason is not None:
        ja = f"serve と worker は root のまま動きます。鍵は分かれません（{reason}）。"
        en = f"serve and worker stay root, and can read every key: {reason}. Install and keep them elsewhere."
        return [Finding("users", "warning", ja, en)]
    ja = "serve と worker は、それぞれ権限のないアカウントで動きます。"
    return [Finding("users", "ok", ja, "serve and worker each run under an account without rights.")]


async def _ask_databases(home: Home, config: Config) -> list[Finding]:
    reached, control = await _version(home.dsn(SERVE), "control", config.database.name)
    findings = [control]
    if reached is None:
        return findings
    try:
        for look in (_connections, _clock, _roles, _durability, _continuous):
            findings.append(await look(reached, config))
        stores = [one for one in await registry.all_stores(reached) if one.broker == "personal"]
    except PostgresError as error:
        return [*findings, _unreadable(config.database.name, error)]
    finally:
        await reached.close()
    for dsn, kind, name in _others(home, config, stores):
        opened, finding = await _version(dsn, kind, name)
        findings.append(finding if opened is not None or kind != "store" else _store_away(finding))
        if opened is not None:
            await opened.close()
    return findings


def _others(home: Home, config: Config, stores: list[registry.Store]) -> list[tuple[str, Kind, str]]:
    """The databases beside the control database: URI, kind, name."""
    context, box = context_database(home), home.box()
    found: list[tuple[str, Kind, str]] = []
    if config.brokers.non_personal.startswith("internal"):
        found.append((home.dsn(SERVE, context), "context", context))
    for one in stores:
        password = box.open(f"store:{one.database}", one.sealed_password).decode()
        found.append(
            (
                make_dsn(one.host, one.port, one.role, password, one.database, config.database),
                "store",
                one.database,
            )
        )
    return found


def _store_away(finding: Finding) -> Finding:
    """What to do where an organisation's store does not answer; the others go on."""
    return msgspec.structs.replace(
        finding,
        ja=f"{finding.ja}失われていれば `moyai restore 控え --store 組織` で戻せます。",
        en=f"{finding.en} If it is lost, `moyai restore BACKUP --store ORGANISATION` puts it back.",
    )


def _unreadable(database: str, error: Exception) -> Finding:
    kind = type(error).__name__
    return Finding(
        f"database {database}",
        "error",
        f"データベース {database} を読めません（{kind}）。",
        f"Database {database} cannot be read ({kind}).",
    )


async def _version(dsn: str, kind: Kind, database: str) -> tuple[Connection | None, Finding]:
    """The session on a database that answers, and whether its version is one that this release serves."""
    name = f"database {database}"
    try:
        conn = await connect(dsn)
    except (*LOST, PostgresError) as error:
        return None, _unreadable(database, error)
    try:
        found = await check_version(conn, kind)
    except SchemaTooNew as error:
        ja = f"データベース {database} は、このリリースより新しいものです。新しいリリースを使ってください。"
        return conn, Finding(name, "error", ja, str(error))
    except SchemaTooOld as error:
        ja = f"データベース {database} の移行が必要です。`moyai migrate` を実行してください。"
        return conn, Finding(name, "error", ja, str(error))
    ja = f"データベース {database} は版 {found} です。"
    return conn, Finding(name, "ok", ja, f"Database {database} has version {found}.")


async def _connections(conn: Connection, config: Config) -> Finding:
    most, usable = worst_case_connections(config), await store_server.usable_connections(conn)
    if most > usable:
        return Finding(
            "connections",
            "error",
            f"接続は最大 {most} 必要ですが、サーバーは {usable} までです。"
            "database.store_pools か server.processes を減らすか、max_connections を増やしてください。",
            f"Up to {most} connections may be needed, the server allows {usable}: lower database.store_pools or "
            "server.processes, or raise max_connections. Hundreds of stores call for a pooler.",
        )
    en = f"Up to {most} connections may be needed, the server allows {usable}."
    return Finding("connections", "ok", f"接続は最大 {most}、サーバーは {usable} まで。", en)


async def _clock(conn: Connection, _config: Config) -> Finding:
    off = abs((await store_server.clock(conn) - utc_now()).total_seconds())
    if off > _MOST_SECONDS_OFF:
        return Finding(
            "clock",
            "error",
            f"時計がデータベースと {off:.1f} 秒ずれています。時刻合わせ（NTP）を確かめてください。",
            f"This machine's clock is {off:.1f} s off the database's: check its time service (NTP).",
        )
    return Finding("clock", "ok", f"時計のずれは {off:.1f} 秒です。", f"The clocks differ by {off:.1f} s.")


async def _roles(conn: Connection, _config: Config) -> Finding:
    found = await store_server.roles_with_too_many_rights(conn, [SERVE, WORKER])
    if found:
        names = ", ".join(found)
        return Finding(
            "roles",
            "error",
            f"役割 {names} の権限が多すぎます。`moyai migrate` で直せます。",
            f"The roles {names} have rights they must not have: `moyai migrate` resets them.",
        )
    return Finding(
        "roles", "ok", "役割の権限は必要なものだけです。", "The roles have no rights of their own."
    )


async def _durability(conn: Connection, _config: Config) -> Finding:
    if await store_server.is_durable(conn):
        return Finding("durability", "ok", "確定した書き込みは残ります。", "What is committed is kept.")
    return Finding(
        "durability",
        "error",
        "fsync、full_page_writes、synchronous_commit のどれかが off です。on にしてください。",
        "fsync, full_page_writes or synchronous_commit is off: switch it on.",
    )


async def _continuous(conn: Connection, config: Config) -> Finding:
    target = config.backup.continuous
    if not target:
        en = "No continuous backup is set: what comes after a backup would be lost (backup.continuous)."
        return Finding("backup", "ok", "継続的な控えの設定はありません（backup.continuous）。", en)
    followed = (await store_copies.slots(conn)).get(_slot_of(Path(target)) or "")
    if followed is not None and followed["active"]:
        return Finding(
            "backup", "ok", f"継続的な控えを {target} に書いています。", f"{target} is kept up to date."
        )
    return Finding(
        "backup",
        "warning",
        f"継続的な控え {target} に、だれも書いていません。プラットフォームが動いているか確かめてください。",
        f"Nobody writes into the continuous backup {target}: what is acknowledged now would be lost.",
    )


def _slot_of(target: Path) -> str | None:
    """By what the engine knows whoever writes into this backup; None where none was begun that can be continued."""
    try:
        return manifest.read(target).slot
    except (BackupError, OSError):
        return None
