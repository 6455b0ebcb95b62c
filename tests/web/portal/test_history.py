"""The history: every movement and refusal, newest first, and check marks that prove themselves in the browser."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from playwright.async_api import Page, expect

from moyai.base.db import Connection
from moyai.base.keys import KeyRing
from moyai.base.roles import WORKER
from moyai.identity import sessions
from moyai.identity.credentials import Credential
from moyai.ledger import Act, Kind, contents, note, record, store_log
from moyai.ledger.integrator import Integrator, drain
from tests.conftest import Platform
from tests.factories import Town, make_town
from tests.serving import served
from tests.web import in_process
from tests.web.conftest import PageAt
from tests.web.portal.conftest import cookie_name
from tests.web.portal.happenings import exchanged, source


@dataclass
class Recorded:
    """A platform with real commits, where data of Hanako moved three times and was refused once."""

    url: str
    cookie: dict[str, str]
    worker_integrates: Integrator
    platform: Platform
    town: Town

    async def open(self, page: Page, path: str) -> Page:
        await page.context.add_cookies([self.cookie])  # type: ignore[list-item]
        await page.goto(self.url + path)
        return page


async def _cookie(conn: Connection, town: Town) -> str:
    await conn.execute(
        "insert into identity.credential (login, resident_key, password_hash) values ('hanako', $1, 'not used')",
        town.hanako.key,
    )
    credential = Credential("hanako", town.hanako.key, None, True)
    return (await sessions.open_session(conn, credential, ("pwd", "otp"))).cookie


@pytest.fixture
async def recorded(fresh_platform: Platform) -> AsyncIterator[Recorded]:
    serve, worker = await fresh_platform.pool(), await fresh_platform.pool(WORKER)
    owner = await fresh_platform.connect("moyai_admin")
    async with owner.transaction():
        town = await make_town(owner)
        cookie = await _cookie(owner, town)
    for happened in (
        [source("steps", items=7)],
        [source("steps", items=7), source("presence", items=3)],
        [source("vitals", code="consent_refused")],
        [source("steps", items=8)],
    ):
        async with serve.transaction() as conn:
            await exchanged(conn, town, *happened)
    box = fresh_platform.home.box()
    integrator = Integrator(worker, KeyRing(box), "localhost/log/v1")
    await drain(integrator)
    async with in_process.running(fresh_platform.home, serve, box) as app, served(app) as url:
        kept = {"name": cookie_name(app), "value": cookie, "url": url}
        yield Recorded(url, kept, integrator, fresh_platform, town)


@pytest.mark.browser
async def test_every_check_mark_proves_itself_in_the_browser(recorded: Recorded, page_at: PageAt) -> None:
    page = await recorded.open(await page_at(360), "/portal/history")
    marks = page.locator("[data-proof]")
    assert await marks.count() == 4
    for mark in await marks.all():
        await expect(mark).to_have_attribute("data-state", "good")
        await expect(mark).to_have_text("書きかえなし（確認済み）")


@pytest.mark.browser
async def test_a_text_that_was_altered_shows(recorded: Recorded, page_at: PageAt) -> None:
    """The database says something else than what was committed to: the browser notices, not the platform."""
    admin = await recorded.platform.connect("moyai_admin")
    await admin.execute(
        "update ledger.content set body = replace(body, 'consent_refused', 'consent_missing')"
        " where body like '%consent_refused%'"
    )
    page = await recorded.open(await page_at(1280), "/portal/history")
    refusal = page.locator(".move--refusal [data-proof]")
    await expect(refusal).to_have_attribute("data-state", "bad")
    await expect(page.locator("[data-state=good]")).to_have_count(3)
    await refusal.click()
    await expect(page.get_by_role("alert")).to_contain_text("計算が合いません")


@pytest.mark.browser
async def test_a_proof_can_be_read_step_by_step_without_scripts(recorded: Recorded, page_at: PageAt) -> None:
    page = await recorded.open(await page_at(1280, javascript=False), "/portal/history")
    # two acts of one millisecond have no order of their own, so the newest may be the refusal
    await page.locator(".move:not(.move--refusal) .proof").first.click()
    await expect(page.get_by_text("計算が合いました")).to_be_visible()
    assert await page.locator("main .card h2").count() == 4
    assert '"kind":"exchange"' in await page.locator("main .blob").first.inner_text()


@pytest.mark.browser
async def test_an_entry_that_is_not_in_the_tree_yet_waits_and_then_proves_itself(
    recorded: Recorded, page_at: PageAt
) -> None:
    serve = await recorded.platform.pool()
    async with serve.transaction() as conn:
        await exchanged(conn, recorded.town, source("presence", items=1))
    page = await recorded.open(await page_at(360), "/portal/history")
    newest = page.locator("[data-proof]").first
    await expect(newest).to_have_attribute("data-state", "waiting")
    await recorded.worker_integrates.step()
    await expect(newest).to_have_attribute("data-state", "good")


NO_ED25519 = """
const known = crypto.subtle.importKey.bind(crypto.subtle);
crypto.subtle.importKey = (format, key, name, ...rest) =>
  name === "Ed25519" ? Promise.reject(new DOMException("", "NotSupportedError")) : known(format, key, name, ...rest);
"""


@pytest.mark.browser
async def test_m6_a_browser_that_cannot_check_signatures_says_so_and_never_good(
    recorded: Recorded, page_at: PageAt
) -> None:
    page = await page_at(360)
    await page.add_init_script(NO_ED25519)
    await recorded.open(page, "/portal/history")
    mark = page.locator("[data-proof]").first
    await expect(mark).to_have_attribute("data-state", "unsigned")
    await expect(mark).to_have_text("この端末では署名を確認できません")
    await expect(page.locator("[data-state=good]")).to_have_count(0)
    await mark.click()
    await expect(page.get_by_text("計算だけを確かめました")).to_be_visible()


async def _witnessed(recorded: Recorded, text: str | None = None) -> None:
    """A registered witness has cosigned the newest checkpoint (or `text` in its place)."""
    key = note.Signer("c1.example/witness", Ed25519PrivateKey.generate())
    owner = await recorded.platform.connect("moyai_admin")
    await owner.execute(
        "insert into registry.witness (witness_id, organization_key, verifier_key, url)"
        " select 'c1', organization_key, $1, 'http://localhost' from registry.organization limit 1",
        key.verifier(note.WITNESS_KEY).vkey(),
    )
    latest = await store_log.latest_checkpoint(owner)
    assert latest is not None
    signed = note.parse_note(latest["note"]).text if text is None else text
    await store_log.save_cosignature(owner, latest["size"], "c1", key.cosign(signed, 1_790_000_000).line())


@pytest.mark.browser
async def test_witnessed_is_said_where_a_signature_was_checked_and_by_whom(
    recorded: Recorded, page_at: PageAt
) -> None:
    page = await recorded.open(await page_at(1280), "/portal/history")
    await page.locator(".move:not(.move--refusal) .proof").first.click()
    await expect(page.get_by_text("証人は登録されていません")).to_be_visible()
    await _witnessed(recorded)
    await page.reload()
    await expect(page.get_by_text("の署名が合うことを、このサーバーで確かめました")).to_be_visible()
    await expect(page.get_by_text("この端末でも、基盤と証人の署名が合うことを確かめました")).to_be_visible()


@pytest.mark.browser
async def test_m6_a_cosignature_that_does_not_hold_is_never_called_witnessed(
    recorded: Recorded, page_at: PageAt
) -> None:
    await _witnessed(recorded, "another log\n4\nAA==\n")
    page = await recorded.open(await page_at(1280), "/portal/history")
    await page.locator(".move:not(.move--refusal) .proof").first.click()
    await expect(page.get_by_text("証人の署名は、まだそろっていません（0 / 1）")).to_be_visible()
    await expect(page.get_by_text("この端末でも、基盤の署名が合うことを確かめました")).to_be_visible()


@pytest.mark.browser
async def test_m6_a_checkpoint_of_another_key_is_no_proof(recorded: Recorded, page_at: PageAt) -> None:
    stranger = note.Signer("localhost/log/v1", Ed25519PrivateKey.generate())
    owner = await recorded.platform.connect("moyai_admin")
    latest = await store_log.latest_checkpoint(owner)
    assert latest is not None
    forged = note.sign_checkpoint(stranger, note.parse_checkpoint(note.parse_note(latest["note"]).text))
    await owner.execute("alter table ledger.checkpoint disable trigger user")
    await owner.execute("update ledger.checkpoint set note = $1 where size = $2", str(forged), latest["size"])
    page = await recorded.open(await page_at(1280), "/portal/history")
    mark = page.locator(".move:not(.move--refusal) .proof").first
    await expect(mark).to_have_attribute("data-state", "bad")
    await mark.click()
    await expect(page.get_by_role("alert")).to_contain_text("計算が合いません")


async def test_newest_first_with_the_reason_of_a_refusal(
    control: Connection, town: Town, visitor: httpx.AsyncClient
) -> None:
    await exchanged(control, town, source("steps", items=7))
    await asyncio.sleep(0.005)  # the record's time is in milliseconds; within one, order is by chance
    await exchanged(control, town, source("vitals", code="consent_refused"))
    text = (await visitor.get("/portal/history")).text
    assert text.index("move--refusal") < text.index("move--exchange")
    assert "あなたが断ったので、渡していません。" in text
    assert "/portal/reasons/consent_refused" in text
    assert "健康アプリ（さぬき東部広域連合）" in text


async def test_the_picture_counts_what_moved_and_what_was_refused(
    control: Connection, town: Town, visitor: httpx.AsyncClient
) -> None:
    for _ in range(3):
        await exchanged(control, town, source("steps", items=7))
    await exchanged(control, town, source("vitals", code="consent_refused"))
    text = (await visitor.get("/portal/history")).text
    assert 'role="img"' in text
    assert ">3回<" in text
    assert ">断り1回<" in text


async def test_pages_of_twenty(control: Connection, town: Town, visitor: httpx.AsyncClient) -> None:
    for _ in range(25):
        await exchanged(control, town, source("steps", items=1))
    first = (await visitor.get("/portal/history")).text
    assert first.count('<li class="move ') == 20
    older = first.split('href="/portal/history?before=')[1].split('"')[0]
    second = (await visitor.get("/portal/history", params={"before": older.replace("&amp;", "&")})).text
    assert second.count('<li class="move ') == 5
    assert (await visitor.get("/portal/history?before=rubbish")).status_code == 422


async def test_nobody_reads_the_proof_of_another_resident(
    control: Connection, town: Town, visitor: httpx.AsyncClient, app: object, log_in: object
) -> None:
    await exchanged(control, town, source("steps", items=7))
    entry = await control.fetchval(
        "select entry_id from ledger.content where resident_key = $1", town.hanako.key
    )
    assert (await visitor.get(f"/portal/history/{entry}")).status_code == 200
    async with in_process.client_of(app) as other:
        other.cookies.set(cookie_name(app), await log_in(town.ichiro))  # type: ignore[operator]
        assert (await other.get(f"/portal/history/{entry}")).status_code == 404


async def test_a_look_after_the_sharing_ended_is_told_with_its_reason(
    control: Connection, town: Town, visitor: httpx.AsyncClient
) -> None:
    detail = contents.Refusal(sharing_id="x", client="portal", sources=[], code="grant_not_in_force")
    refused = Act(kind=Kind.REFUSAL, actor="resident:x", resident_key=town.hanako.key, detail=detail)
    await record(control, refused)
    text = (await visitor.get("/portal/history")).text
    assert text.count("この共有は終わっているか、ありません。") == 1
    assert "/portal/reasons/grant_not_in_force" in text
