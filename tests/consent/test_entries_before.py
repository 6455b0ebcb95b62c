"""Entries from before their kinds had a content: read, told and proved as they were written."""

from __future__ import annotations

from typing import Any, cast

import msgspec
import pytest

from moyai.base.db import Connection
from moyai.consent import history
from moyai.ledger import Act, Kind, record
from moyai.ledger import history as ledger_history
from tests.factories import Town

_BEFORE: list[tuple[Kind, dict[str, Any], str]] = [
    (
        Kind.EXCHANGE,
        {
            "consumer": "mimamori",
            "purpose": "health-support",
            "sources": [{"dataset": "steps", "status": "ok", "provider": "undo-app", "items": 3}],
        },
        "受け取りました",
    ),
    (
        Kind.CONSENT_GIVEN,
        {"service": "kenko-mimamori", "client": "portal", "links": {"kenko-steps": "given"}},
        "使ってよいと決めました",
    ),
    (
        Kind.CONSENT_WITHDRAWN,
        {"service": "kenko-mimamori", "links": {"kenko-steps": "withdrawn"}, "left": True},
        "利用もやめました",
    ),
]


@pytest.mark.usefixtures("plain_contents")
@pytest.mark.parametrize(("kind", "detail", "sentence"), _BEFORE)
async def test_an_entry_from_before_is_read_and_opens(
    control: Connection, town: Town, kind: Kind, detail: dict[str, Any], sentence: str
) -> None:
    actor = f"resident:{town.hanako.id}"
    plain = cast("msgspec.Struct", detail)
    await record(control, Act(kind, actor, town.hanako.key, plain))
    (row,) = (await history.page(control, town.hanako.key, limit=1)).rows
    assert sentence in row.text_ja
    (event,) = await ledger_history(control, town.hanako.key, limit=1)
    assert event.opens()
    assert '"v":' not in row.proof.body
    assert all(move.version is None for move in row.movements)
