"""People M5: whom a desk moved to another one reads it on every page of the portal, for as long as it may be undone easily."""

from __future__ import annotations

import httpx
import pytest

from moyai.base.db import Connection
from moyai.identity import desk, residents
from tests import factories
from tests.factories import C2, Town
from tests.pages import assert_good_page
from tests.web.portal.conftest import Visit
from tests.web.portal.test_own_erasure import PAGES

NOTICE = "登録の市町村が変わりました"


async def move(control: Connection, town: Town, code: str) -> None:
    (clerk,) = await factories.make_clerks(control, town.c1, 1)
    at = await desk.desk_of(control, town.c1.key, clerk.actor, clerk.key)
    resident = await residents.by_id(control, town.hanako.id)
    await residents.move(control, at, resident, code, "", "木田郡三木町氷上310")


@pytest.mark.parametrize("path", PAGES)
async def test_m5_a_move_that_a_clerk_entered_is_said_on_every_page(
    control: Connection, town: Town, visitor: httpx.AsyncClient, path: str
) -> None:
    assert NOTICE not in (await visitor.get(path)).text
    await move(control, town, C2)
    page = (await visitor.get(path)).text
    assert NOTICE in page
    assert "前の窓口にすぐ知らせてください" in page


async def test_m5_a_move_within_the_town_and_one_of_long_ago_are_no_news(
    control: Connection, town: Town, visitor: httpx.AsyncClient
) -> None:
    await move(control, town, "372013")
    assert NOTICE not in (await visitor.get("/portal")).text
    await move(control, town, C2)
    await control.execute("update identity.resident set recovery_hold_until = clock_timestamp()")
    assert NOTICE not in (await visitor.get("/portal")).text


@pytest.mark.browser
@pytest.mark.parametrize("width", [360, 1280])
async def test_m5_the_notice_is_a_good_page(
    control: Connection, town: Town, visit: Visit, width: int
) -> None:
    await move(control, town, C2)
    await assert_good_page(await visit(town.hanako, "/portal", width=width))
