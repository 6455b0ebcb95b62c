"""`/console` and the registry's public pages: in Japanese, on a phone, for whom they are meant."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, date, datetime, timedelta

import httpx
import pytest
from playwright.async_api import Page

from moyai import ledger, registry
from moyai.base.db import Connection
from moyai.base.keys import KeyRing
from moyai.base.roles import WORKER
from moyai.identity import sessions, staff
from moyai.identity.credentials import Credential
from moyai.identity.staff_model import StaffDeclaration
from moyai.ledger import Act, Daily, Kind
from moyai.ledger.integrator import Integrator, drain
from moyai.personal.breaker import FAILURES, Breaker
from moyai.registry.model import (
    Bilingual,
)
from moyai.web import formats, traffic
from tests.conftest import Platform
from tests.logins import in_force
from tests.pages import assert_good_page
from tests.registry.samples import ACTOR, SERVICE, SERVICE_TERMS, but, certified_service
from tests.serving import served
from tests.web import in_process
from tests.web.conftest import PageAt

pytestmark = pytest.mark.usefixtures("plain_contents")

PAGES = [
    "/console",
    "/console/organizations",
    "/console/services",
    "/console/stores",
    "/console/pending",
    "/console/record",
]
PUBLIC_PAGES = ["/organizations", "/terms/platform", "/terms/kenko"]

Visit = Callable[..., Awaitable[Page]]


async def staff_cookie(control: Connection, *roles: str, organization_id: str = "unei") -> str:
    """A browser session of somebody on the staff."""
    login = f"staff-{'-'.join(roles)}"
    await staff.declare(
        control, StaffDeclaration(login, "藤井 まこと", organization_id, list(roles), login), ACTOR
    )
    key = await control.fetchval("select staff_key from identity.staff where login = $1", login)
    await control.execute(
        "insert into identity.credential (login, staff_key, password_hash, sealed_totp) values ($1, $2, '-', $3)",
        login,
        key,
        b"-",
    )
    await in_force(control, login)
    return (await sessions.open_session(control, Credential(login, None, key, True), ("pwd", "otp"))).cookie


def cookie_name(app: object) -> str:
    return app.state.platform.cookie_name  # type: ignore[attr-defined]


@pytest.fixture
async def operator(app: object, control: Connection, web: httpx.AsyncClient) -> httpx.AsyncClient:
    """A member of the operating organisation's staff, on a platform with one service."""
    await certified_service(control)
    web.cookies.set(cookie_name(app), await staff_cookie(control, "operator"))
    return web


@pytest.fixture
async def visit(app: object, control: Connection, page_at: PageAt) -> AsyncIterator[Visit]:
    """`await visit("/console", 360)`: a staff page in a real browser."""
    await certified_service(control)
    cookie = await staff_cookie(control, "operator")
    async with served(app) as site:

        async def opened(path: str, width: int, *, javascript: bool = True) -> Page:
            page = await page_at(width, javascript=javascript)
            await page.context.add_cookies([{"name": cookie_name(app), "value": cookie, "url": site}])
            await page.goto(site + path)
            return page

        yield opened


@pytest.mark.browser
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("path", PAGES + PUBLIC_PAGES)
async def test_pages_hold_on_a_phone_and_on_a_desk(visit: Visit, path: str, width: int):
    page = await visit(path, width)
    await assert_good_page(page)


@pytest.mark.parametrize("path", PAGES)
async def test_the_console_is_for_operators_and_auditors(
    app: object, operator: httpx.AsyncClient, control: Connection, path: str
):
    assert (await operator.get(path)).status_code == 200
    operator.cookies.set(cookie_name(app), await staff_cookie(control, "auditor"))
    assert (await operator.get(path)).status_code == 200
    operator.cookies.set(cookie_name(app), await staff_cookie(control, "desk", organization_id="city"))
    assert (await operator.get(path)).status_code == (303 if path == "/console" else 403)
    operator.cookies.clear()
    assert (await operator.get(path)).headers["location"].startswith("/login")


async def test_english_is_one_click_away(operator: httpx.AsyncClient):
    page = await operator.get("/console/organizations?lang=en")
    assert "Takamatsu City" in page.text
    assert "Standing" in page.text


async def test_standing_and_reason_are_shown(operator: httpx.AsyncClient, control: Connection, journal):
    await registry.suspend_organization(control, "city", "報告の遅れ", ACTOR, journal)
    for path in ("/console", "/console/organizations"):
        assert "報告の遅れ" in (await operator.get(path)).text
    assert "利用停止中：高松市" in (await operator.get("/organizations")).text


@pytest.mark.requirement("R-023", part="page", of=["registry", "page", "api"])
async def test_each_link_shows_the_three_responsible_organisations(operator: httpx.AsyncClient):
    page = (await operator.get("/console/services")).text
    for text in (
        "高松市（データの生成と蓄積）",
        "高松市（利用目的での利用）",
        "運営機構（データの管理と利用の許可）",
    ):
        assert text in page


@pytest.mark.requirement("R-029", part="auditors", of=["levels", "auditors"])
async def test_the_reason_for_other_levels_is_shown_to_auditors(
    app: object, operator: httpx.AsyncClient, control: Connection
):
    lower = but(
        SERVICE, kind="healthcare", required_ial=2, required_aal=2, level_reason="診療の記録を扱わないため"
    )
    await registry.register_service(control, lower, ACTOR)
    operator.cookies.set(cookie_name(app), await staff_cookie(control, "auditor"))
    assert "診療の記録を扱わないため" in (await operator.get("/console/services")).text


@pytest.mark.requirement("R-089")
async def test_criteria_and_certified_organisations_are_public(web: httpx.AsyncClient, control: Connection):
    """Page and API, without a login, with dates and the version of the criteria."""
    await certified_service(control)
    page = (await web.get("/organizations")).text
    assert "目的のほかに使わない。" in page
    assert "第 2026-1 版" in page
    assert formats.day(datetime.now(UTC), "ja") in page
    found = (await web.get("/registry/v1/catalogue")).json()
    city = next(one for one in found["organizations"] if one["organization_id"] == "city")
    assert (city["state"], city["criteria_version"]) == ("certified", "2026-1")
    assert city["certified_at"]
    assert found["criteria"]["content"]["requirements"] == [
        {"ja": "目的のほかに使わない。", "en": "No other use."}
    ]


async def test_the_record_shows_acts_and_who_did_them(operator: httpx.AsyncClient):
    page = (await operator.get("/console/record")).text
    assert "サービスの認定" in page
    assert ACTOR in page


async def test_what_the_worker_integrated_is_on_the_first_page(fresh_platform: Platform):
    """Real acts, a real integration, the page: counts, reasons, checkpoint."""
    serve, worker = await fresh_platform.pool(), await fresh_platform.pool(WORKER)
    box = fresh_platform.home.box()
    exchange = {"consumer": "advice", "sources": [{"provider": "walking", "items": 3}]}
    refusal = {"consumer": "advice", "provider": "walking", "code": "consent_withdrawn"}
    async with serve.transaction() as conn:
        await certified_service(conn)
        cookie = await staff_cookie(conn, "operator")
        for number in range(12):
            await ledger.record(conn, Act(Kind.EXCHANGE, "component:advice", 7, {**exchange, "n": number}))
        await ledger.record(conn, Act(Kind.REFUSAL, "component:advice", 7, refusal))
    await drain(Integrator(worker, KeyRing(box), "localhost/log/v1"))
    async with in_process.running(fresh_platform.home, serve, box) as app, in_process.client_of(app) as web:
        web.cookies.set(cookie_name(app), cookie)
        first, record = (await web.get("/console")).text, (await web.get("/console/record")).text
    assert re.search(r'figure__number">12<.{0,80}今日の連携', first, re.DOTALL)
    assert "渡したデータ 36件" in first
    assert re.search(r'figure__number">1<.{0,80}今日の拒否', first, re.DOTALL)
    assert "住民が同意を撤回しています。" in first
    assert re.search(r"localhost/log/v1.*署名（新しい順）", record, re.DOTALL)
    assert "まだ署名はありません" not in record


def test_days_without_entries_are_days_too():
    today = date(2026, 11, 24)
    rows = [
        Daily(today, Kind.EXCHANGE, "", "advice", "", 10, 25),
        Daily(today, Kind.EXCHANGE, "walking", "advice", "", 10, 25),
        Daily(today, Kind.REFUSAL, "", "advice", "consent_missing", 3, 0),
        Daily(today - timedelta(days=2), Kind.REFUSAL, "", "advice", "consent_withdrawn", 5, 0),
    ]
    counts = traffic.per_day(rows, today, 3)
    assert [(one.exchanges, one.refusals, one.items) for one in counts] == [(0, 5, 0), (0, 0, 0), (10, 3, 25)]
    assert traffic.refusals_by_code(rows) == [("consent_withdrawn", 5), ("consent_missing", 3)]


@pytest.mark.parametrize(
    ("most", "top"), [(0, 4), (4, 4), (5, 8), (13, 20), (47, 60), (81, 120), (5000, 6000)]
)
def test_bars_fit_a_scale_of_round_numbers(most: int, top: int):
    picture = traffic.chart([traffic.DayCount(date(2026, 11, 24), exchanges=most, refusals=0)])
    assert picture.lines[-1][1] == top
    assert all(bar.refusal_y >= 0 and bar.exchange_height <= picture.height for bar in picture.bars)


@pytest.mark.requirement("R-036")
async def test_from_a_services_terms_its_links_are_one_click_away(visit: Visit):
    page = await visit("/terms/kenko", 1280, javascript=False)
    await page.get_by_role("link", name="このサービスの連携の一覧").click()
    section = page.locator("section[aria-labelledby=links]")
    assert page.url.endswith("#links")
    assert "助言に使います。" in await section.inner_text()


@pytest.mark.requirement("R-079")
async def test_service_terms_lead_to_the_platform_terms_in_force(operator: httpx.AsyncClient):
    page = await operator.get("/terms/kenko")
    assert 'href="/terms/platform"' in page.text
    platform = await operator.get("/terms/platform")
    assert platform.status_code == 200
    assert "運営機構が提供し、運営します" in platform.text


@pytest.mark.requirement("R-076", part="page", of=["registry", "page"])
async def test_the_terms_page_lists_the_responsible_organisations(operator: httpx.AsyncClient):
    page = (await operator.get("/terms/kenko")).text
    assert "サービスの提供に責任をもつ組織は、次のとおりです。" in page
    assert "<li>高松市</li>" in page


async def test_earlier_versions_stay_readable(operator: httpx.AsyncClient, control: Connection):
    changed = but(SERVICE_TERMS, stopping=Bilingual("すぐやめられます。", "Stop at once."))
    await registry.publish_service_terms(control, changed, ACTOR)
    assert "すぐやめられます。" in (await operator.get("/terms/kenko")).text
    first = await operator.get("/terms/kenko?version=1")
    assert "すぐやめられます。" not in first.text
    assert "これは前の版です" in first.text
    for nonsense in ("0", "x", "99", "１"):
        assert (await operator.get("/terms/kenko", params={"version": nonsense})).status_code in (404, 409)


async def test_stores_page_says_which_store_does_not_answer(
    operator: httpx.AsyncClient, control: Connection
) -> None:
    await control.execute(
        "insert into registry.store (broker, organization_key, host, port, database, role, sealed_password,"
        " schema_version) select 'personal', organization_key, '-', 1, 'moyai_personal_silent', 'silent', '-', 1"
        " from registry.organization limit 1"
    )

    async def state() -> str:
        page = (await operator.get("/console/stores")).text
        found = re.search(r"moyai_personal_silent.*?状態\"?>(.*?)</td>", page, re.DOTALL)
        assert found is not None
        return found[1]

    assert await state() == "まだ問い合わせていません"
    breaker = Breaker("moyai_personal_silent")
    assert await state() == "正常"
    for _ in range(FAILURES + 4):
        breaker.fail()
    assert re.fullmatch(r"応答なし（再試行まで \d+秒）", await state())
