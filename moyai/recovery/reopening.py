"""From recovered databases to a platform that may be served: sessions ended, stops repeated, the log's name settled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from moyai import registry
from moyai.app import open_platform
from moyai.base import keys, store_copies, store_keys, store_restores
from moyai.base.clock import rfc3339
from moyai.base.config import Home
from moyai.base.db import Connection, connect
from moyai.base.journal import Journal
from moyai.base.roles import OWNER
from moyai.base.stops import Line
from moyai.base.store_restores import Restore
from moyai.identity import store_desk, store_sessions, store_transfers
from moyai.ledger import Act, Kind, continuing, record
from moyai.ledger.contents.platform import PlatformRestored
from moyai.ledger.continuing import Continued
from moyai.ledger.verifiers import Witness
from moyai.recovery.replay import Outcome, last_stop, replay
from moyai.registry import ending
from moyai.upkeep.key_acts import revoke_recorded

REASON_LOST = "停止の記録が失われたため（控えからの復元） / the journal was lost, after a restore"

_IN_FLIGHT = timedelta(minutes=10)
"""A line is written before its transaction commits: stops from shortly before the copy may not be in it."""


class Reopened(msgspec.Struct, frozen=True):
    """What a restore did. What was acknowledged after `state_at` and up to `lost_until` is lost (None: nothing is)."""

    restore_id: UUID
    state_at: datetime
    lost_until: datetime | None
    journal: bool
    stopped: int
    already: int
    unknown: int
    origin: str
    continues: str

    def lines(self) -> list[str]:
        """For people, in both languages."""
        told = [
            f"○ {rfc3339(self.state_at)} までの記録を復元しました。 / Restored up to this moment.",
            f"○ 停止の記録：{self.stopped} 件を改めて停止、{self.already} 件は停止済み、{self.unknown} 件は控えに対象なし。 / "
            f"Stops: {self.stopped} repeated, {self.already} in force already, {self.unknown} about nothing in the backup.",
        ]
        if self.lost_until is not None:
            told.append(
                f"✕ {rfc3339(self.state_at)} から {rfc3339(self.lost_until)} までの記録は失われました（停止を除く）。 / "
                "What was acknowledged in this time is lost, but for stops. Residents read it in the portal."
            )
            told.append(
                "✕ この間に提供元が1件ずつ削除したデータは、戻っています。提供元に、もう一度の削除を求めてください。 / "
                "Single items that were deleted in this time are back: ask their providers to delete them again."
            )
        if not self.journal:
            told.append(
                "✕ 停止の記録も失われました。この間の撤回・停止・消去は戻っています。 / "
                "The journal is lost, too: what was stopped in this time is not stopped any more."
            )
        if self.continues:
            told.append(
                f"○ 台帳は新しい名前 {self.origin} で続きます（前の名前：{self.continues}）。証人に新しい鍵を渡してください。 / "
                "The log goes on under a new origin that names the old: give the witnesses its key."
            )
        return told


async def reopen(
    home: Home,
    restore_id: UUID,
    since: datetime,
    saved: Sequence[str],
    say: Callable[[str], None],
    *,
    continuous: bool,
) -> Reopened:
    """Do what has to be done before anybody is served; may be interrupted, and begun again."""
    conn = await connect(home.dsn(OWNER))
    try:
        found = await store_restores.unfinished(conn)
        assert found is not None, "a restore opens what it has closed"
        if not found.journal:
            await _distrust_tokens(conn, home)
        # asked as the backup knows them: also one that ended since has seen how long the log was
        witnesses = [
            Witness(one.witness_id, one.verifier_key, one.url) for one in await registry.all_witnesses(conn)
        ]
        repeated = await _repeat(home, _lines(home, since) if found.journal else [], say)
        shown = await continuing.seen_by(witnesses)
        async with conn.transaction():
            lost_until = last_stop(repeated, found.state_at) if continuous else await store_copies.clock(conn)
            log = await continuing.go_on(conn, shown, saved, complete=continuous and lost_until is None)
            done = _reopened(found, lost_until, repeated, log or Continued("", "", 0))
            await _record(conn, done, log)
            await store_restores.finish(conn, restore_id, lost_until)
        return done
    finally:
        await conn.close()


async def _distrust_tokens(conn: Connection, home: Home) -> None:
    """Nobody knows whether these keys were revoked; whoever has one would sign tokens. Begun again, it finds none."""
    async with conn.transaction():
        await keys.alone(conn)
        verifying = await store_keys.verifying(conn, ["oidc", "grant"])
        for key_id in verifying:
            await revoke_recorded(conn, home.box(), key_id, REASON_LOST)


def _lines(home: Home, since: datetime) -> list[Line]:
    begin = since - _IN_FLIGHT
    return [line for line in Journal.of(home).lines() if isinstance(line, Line) and line.at >= begin]


async def _repeat(
    home: Home, lines: Sequence[Line], say: Callable[[str], None]
) -> list[tuple[Line, Outcome]]:
    say(f"停止の記録 {len(lines)} 件を確かめます / replaying {len(lines)} lines of the journal")
    async with open_platform(home) as platform:
        async with platform.control.transaction() as conn:
            await store_sessions.end_everything(conn)
            # it may have been revoked, withdrawn or carried out since; what comes due by itself must not, unasked
            await ending.void_all(conn, "the platform was restored")
            await store_desk.delete_requests(conn)
            await store_transfers.decline_all(conn)
        return [(line, await replay(platform, line)) for line in lines]


def _reopened(
    found: Restore, lost_until: datetime | None, repeated: list[tuple[Line, Outcome]], log: Continued
) -> Reopened:
    outcomes = [outcome for _, outcome in repeated]
    return Reopened(
        restore_id=found.restore_id,
        state_at=found.state_at,
        lost_until=lost_until,
        journal=found.journal,
        stopped=outcomes.count("stopped"),
        already=outcomes.count("already"),
        unknown=outcomes.count("unknown"),
        origin=log.origin,
        continues=log.continues,
    )


async def _record(conn: Connection, done: Reopened, log: Continued | None) -> None:
    content = PlatformRestored(
        restore_id=str(done.restore_id),
        state_at=rfc3339(done.state_at),
        lost_until=rfc3339(done.lost_until) if done.lost_until else "",
        journal=done.journal,
        stops=done.stopped,
        origin=done.origin,
        continues=done.continues,
        continues_size=log.size if log and log.continues else 0,
    )
    await record(conn, Act(kind=Kind.PLATFORM_RESTORED, actor="system", detail=content))
