"""Opening the personal broker for one process: its stores, and the road of the main job with its lanes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from moyai.base.config import Config, Home, make_dsn
from moyai.base.db import Connection, Database
from moyai.base.lanes import Lane
from moyai.base.roles import SERVE
from moyai.base.secrets import SecretBox
from moyai.consent import gate
from moyai.consent.gate import Question, Verdict
from moyai.ledger.release import Release, Released, release_many
from moyai.personal.door import Door
from moyai.personal.exchange import Exchange
from moyai.personal.names import Names
from moyai.personal.projection import Projection
from moyai.personal.retries import Retries
from moyai.personal.stores import Address, Stores
from moyai.registry import lookups

_GATE_SETTINGS = {"join_collapse_limit": "12"}
"""More tables than PostgreSQL puts in order by itself (8)."""


async def _ask_gate(conn: Connection, asked: Sequence[tuple[Question, ...]]) -> list[list[Verdict]]:
    """All questions of all requests that wait, in one statement; handed back request by request."""
    verdicts = iter(await gate.ask(conn, [question for one in asked for question in one]))
    return [[next(verdicts) for _ in one] for one in asked]


def stores_of(control: Database, box: SecretBox, config: Config, *, seconds: float | None = None) -> Stores:
    """The platform's personal stores, found in the registry when first asked for. What is asked of one takes at most
    `seconds`, in a `serve` process what the settings say."""

    async def locate(organization_key: int) -> Address | None:
        async with control.connection() as conn:
            found = await lookups.personal_store(conn, organization_key)
        if found is None:
            return None
        password = box.open(f"store:{found.database}", found.sealed_password).decode()
        dsn = make_dsn(found.host, found.port, found.role, password, found.database, config.database)
        return Address(found.store_key, dsn, found.database)

    return Stores(
        locate,
        Projection(control),
        most=config.database.store_pools,
        pool_size=config.database.store_pool_size,
        seconds=seconds or config.limits.source_seconds,
        answer_bytes=config.limits.answer_bytes,
    )


def exchange_road(
    home: Home, control: Database, stores: Stores, names: Names
) -> tuple[Exchange, list[Lane[Any, Any]]]:
    """The road of the main job with its dedicated sessions: one for the gate, one for the ledger."""
    dsn = home.dsn(SERVE)
    gate_lane: Lane[tuple[Question, ...], list[Verdict]] = Lane(
        dsn, _ask_gate, only_reads=True, settings=_GATE_SETTINGS
    )
    ledger_lane: Lane[Release, Released] = Lane(dsn, release_many)
    road = Exchange(gate_lane, Door(ledger_lane), stores, names, Retries(control))
    return road, [gate_lane, ledger_lane]
