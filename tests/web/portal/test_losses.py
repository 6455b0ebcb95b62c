"""What a restore lost is told to every resident, on the first page and in the history (H5)."""

from __future__ import annotations

from uuid import UUID

import httpx
import pytest

from moyai.base import store_restores
from moyai.base.db import Connection
from tests.admin import as_admin
from tests.factories import Town

RESTORE = UUID(int=7)


@pytest.mark.parametrize("page", ["/portal", "/portal/history"])
async def test_h5_a_window_that_was_lost_is_told(
    control: Connection, town: Town, visitor: httpx.AsyncClient, page: str
) -> None:
    async with as_admin(control):
        now = await control.fetchval("select now()")
        await store_restores.begin(control, RESTORE, now, journal=True)
        await store_restores.finish(control, RESTORE, now)
    text = (await visitor.get(page)).text
    assert "記録の一部が失われました" in text
    assert "そのまま止まっています" in text


async def test_h5_a_lost_journal_is_told_also_where_nothing_else_was_lost(
    control: Connection, town: Town, visitor: httpx.AsyncClient
) -> None:
    async with as_admin(control):
        await store_restores.begin(control, RESTORE, await control.fetchval("select now()"), journal=False)
        await store_restores.finish(control, RESTORE, None)
    text = (await visitor.get("/portal")).text
    assert "停止の記録がありませんでした" in text
    assert "やめる前に戻っているかもしれません" in text


async def test_h5_items_that_one_store_lost_are_told_with_its_name_and_consents_stay(
    control: Connection, town: Town, visitor: httpx.AsyncClient
) -> None:
    async with as_admin(control):
        now = await control.fetchval("select now()")
        await store_restores.record_store(control, RESTORE, ("c1", "高松市", "Takamatsu"), now, now, 0)
    text = (await visitor.get("/portal")).text
    assert "高松市の保管先を控えから復元した" in text
    assert "前のものも戻していません" not in text
    assert "同意はそのままです" in text
    assert "もう一度お手続きください" not in text


@pytest.mark.parametrize("window", [True, False])
async def test_h5_items_from_before_that_did_not_come_back_are_told(
    control: Connection, town: Town, visitor: httpx.AsyncClient, window: bool
) -> None:
    async with as_admin(control):
        now = await control.fetchval("select now()")
        until = now if window else None  # a continuous backup loses none
        await store_restores.record_store(control, RESTORE, ("c1", "高松市", "Takamatsu"), now, until, 3)
    text = (await visitor.get("/portal")).text
    assert "同じ種類の前のものも戻していません" in text
    assert "同意はそのままです" in text
    assert ("失われました" in text) == window


async def test_where_nothing_was_lost_nothing_is_said(
    control: Connection, town: Town, visitor: httpx.AsyncClient
) -> None:
    async with as_admin(control):
        await store_restores.begin(control, RESTORE, await control.fetchval("select now()"), journal=True)
        await store_restores.finish(control, RESTORE, None)
    assert "失われました" not in (await visitor.get("/portal")).text
