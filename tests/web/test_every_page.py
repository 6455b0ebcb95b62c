"""Every page of a running platform, at 360 and 1280 pixels, passes every check that a page must pass."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from playwright.async_api import Browser

from moyai.web.routes import ROUTES
from tests.pages import assert_good_page, assert_no_text_lost
from tests.stack import Stack, platform_up
from tests.visits import Visit, Visitor, visits
from tests.web.streaming import streamed

pytestmark = [pytest.mark.browser, pytest.mark.stack]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with platform_up(tmp_path_factory.mktemp("every-page") / "platform") as running:
        yield running


@pytest.fixture(scope="module")
def visitor(browser: Browser, stack: Stack) -> Visitor:
    return Visitor(browser, stack)


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("visit", visits(), ids=lambda visit: visit.name)
async def test_page_holds(visitor: Visitor, visit: Visit, width: int) -> None:
    page = await visitor.open(visit, width)
    try:
        await assert_good_page(page)
    finally:
        await page.context.close()


@pytest.fixture(scope="module")
async def slow_visitor(browser: Browser, stack: Stack) -> AsyncIterator[Visitor]:
    async with streamed(stack.url) as url:
        yield Visitor(browser, stack, url)


@pytest.mark.parametrize("visit", visits(), ids=lambda visit: visit.name)
async def test_p0_0_all_text_is_there_when_the_page_arrives_in_pieces(
    slow_visitor: Visitor, visit: Visit
) -> None:
    for width in (390, 768, 1280):
        page = await slow_visitor.open(visit, width)
        try:
            await assert_no_text_lost(page)
        finally:
            await page.context.close()


STANDARDS = frozenset({"Schema", "Orion", "OpenAPI", "Prometheus", "TS"})
"""Names that the explanation of the API needs."""


@pytest.mark.parametrize("width", [360, 1280])
async def test_docs_hold_with_every_operation_open(visitor: Visitor, width: int) -> None:
    page = await visitor.open(next(one for one in visits() if one.name == "docs"), width)
    try:
        await page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        await assert_good_page(page, allowed=STANDARDS)
    finally:
        await page.context.close()


def test_every_page_route_without_parameters_is_visited() -> None:
    shown = {
        operation.path
        for operation in ROUTES
        if operation.method == "GET" and operation.errors == "page" and "{" not in operation.path
    }
    by_machine = {path for path in shown if path.startswith("/oauth2/")}
    # in the middle of a log-in: tests/web/test_desk_browser.py stands there
    by_machine |= {"/login/code", "/login/first"}
    # the page of /console/staff for a town's own administrator, whom the scenario does not have: tests/web/test_staff.py
    by_machine |= {"/desk/staff"}
    assert shown - by_machine <= {visit.path for visit in visits()}


def test_pages_are_named_once() -> None:
    names = [visit.name for visit in visits()]
    assert len(set(names)) == len(names)
