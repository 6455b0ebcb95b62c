"""Log-in and desk in a real browser, on a phone and on a desk (without scripts: `test_desk.py`)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pyotp
import pytest
from playwright.async_api import Page

from moyai.base.config import Home
from moyai.base.db import Connection
from moyai.base.secrets import SecretBox
from moyai.identity import staff, staff_logins
from moyai.identity.staff_model import StaffDeclaration
from tests import factories
from tests.conftest import RolledBack
from tests.logins import in_force
from tests.pages import assert_good_page
from tests.serving import listening_socket, served
from tests.web import in_process
from tests.web.conftest import PageAt
from tests.web.peers import Person

pytestmark = pytest.mark.browser

SCREENS = os.environ.get("MOYAI_SCREENS")


@dataclass
class Visit:
    page: Page
    base: str
    width: int
    seen: int = 0

    async def good(self, name: str) -> None:
        """The page holds what every page must; with MOYAI_SCREENS it is photographed."""
        if SCREENS:
            await self.page.screenshot(path=Path(SCREENS) / f"{name}-{self.width}.png", full_page=True)
        await assert_good_page(self.page)

    async def press(self, label: str) -> None:
        await self.page.get_by_role("button", name=label, exact=True).click()

    async def fill(self, label: str, value: str) -> None:
        await self.page.get_by_label(label).fill(value)


@pytest.mark.parametrize("width", [360, 1280])
async def test_a_clerk_works_through_a_visit(
    home: Home, control: Connection, control_db: RolledBack, box: SecretBox, page_at: PageAt, width: int
) -> None:
    await factories.make_town(control)
    await staff.declare(control, StaffDeclaration("mado-c1", "窓口 花子", "c1", ["desk"], "3101"), "test")
    issued = await staff_logins.issue_login(control, box, "mado-c1", "test")
    clerk = Person(None, issued.login, issued.password, issued.totp_secret)  # type: ignore[arg-type]
    listener = listening_socket()
    base = f"http://localhost:{listener.getsockname()[1]}"
    async with in_process.running(home, control_db, box, base) as app, served(app, listener):
        visit = Visit(await page_at(width), base, width)
        await _log_in(visit, clerk)
        await in_force(control, issued.login)
        await _enrol(visit)
        await _look_after(visit)


async def _log_in(visit: Visit, clerk: Person) -> None:
    await visit.page.goto(f"{visit.base}/desk")
    await visit.good("login")
    await visit.fill("ログイン ID", clerk.login)
    await visit.fill("パスワード", "まちがい")
    await visit.press("次へ")
    await visit.good("login-failed")
    await visit.fill("パスワード", clerk.password)
    await visit.press("次へ")
    await visit.good("login-code")
    await visit.fill("確認コード", clerk.code())
    await visit.press("ログインする")
    await visit.good("login-first")
    secret = await visit.page.locator('a[href^="otpauth:"]').get_attribute("href")
    assert secret is not None
    totp = pyotp.parse_uri(secret)
    assert isinstance(totp, pyotp.totp.TOTP)
    for field in ("new", "again"):
        await visit.page.fill(f"[name={field}]", "short")
    await visit.fill("アプリに出た確認コード", totp.now())
    await visit.press("変えてログインする")
    await visit.good("login-first-refused")
    for field in ("new", "again"):
        await visit.page.fill(f"[name={field}]", "みどりの舟が三つ並ぶ港")
    await visit.fill("アプリに出た確認コード", totp.now())
    await visit.press("変えてログインする")
    await visit.good("desk")


async def _enrol(visit: Visit) -> None:
    await visit.page.goto(f"{visit.base}/desk/enrol")
    await visit.good("desk-enrol")
    for name, value in {
        "family_name": "讃岐",
        "given_name": "花子",
        "family_kana": "さぬき",
        "given_kana": "はなこ",
        "birth_date": "1948-03-14",
        "address": "香川県高松市番町1-8-15",
    }.items():
        await visit.page.fill(f"[name={name}]", value)
    await visit.page.select_option("[name=document_class]", "drivers_license")
    await visit.press("登録する")
    await visit.good("desk-known")
    await visit.fill("別の人とわかる理由", "ふたごの妹")
    await visit.page.fill("[name=given_name]", "華子")
    await visit.press("登録する")
    await visit.good("desk-resident")


async def _look_after(visit: Visit) -> None:
    record = visit.page.url.split("?")[0]
    await visit.press("ログインを発行する")
    await visit.good("desk-handed-over")
    await visit.page.goto(f"{record}/recover")
    await visit.good("desk-recover")
    await visit.page.goto(f"{record}/move")
    await visit.good("desk-move")
    await visit.fill("新しい住所", "香川県木田郡三木町氷上310")
    await visit.page.select_option("[name=municipality_code]", "373419")
    await visit.press("内容を確かめる")
    await visit.good("desk-move-confirm")
    await visit.page.goto(f"{record}/erase")
    await visit.good("desk-erase")
    for name in ("consents", "protection"):
        await visit.page.goto(f"{record}/{name}?reason=stop_request")
        await visit.good(f"desk-{name}")
    await visit.page.goto(record)
    await visit.good("desk-reason")
    await visit.page.goto(f"{visit.base}/desk/transfers")
    await visit.good("desk-transfers")
    await visit.page.goto(f"{visit.base}/desk")
    await visit.fill("名前、ふりがな", "さぬき")
    await visit.page.select_option("[name=reason]", "procedure")
    await visit.press("探す")
    await visit.good("desk-found")
    await visit.page.goto(f"{record}/erase")
    await visit.fill("住民 ID を入れてください", record.rsplit("/", 1)[1])
    await visit.press("消去を申し出る")
    await visit.page.goto(f"{record}/erase")
    await visit.good("desk-erasure-asked")
