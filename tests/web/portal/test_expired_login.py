"""A log-in that runs out in the middle: nothing is done, nothing that was chosen is lost, and the page says so."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from moyai.base.db import Connection
from moyai.base.secrets import SecretBox
from tests.consent.conftest import Walk, calls
from tests.factories import C1, MadeResident, Town
from tests.web.portal.conftest import LogIn, cookie_name
from tests.web.portal.test_stopping import SERVICE, csrf, states

CHOSEN = {"link.kenko-steps": "refused", "link.kenko-vitals": "given", "link.kenko-presence": "kept"}


async def _decide(visitor: httpx.AsyncClient, text: str) -> httpx.Response:
    hidden = {name: text.split(f'name="{name}" value="')[1].split('"')[0] for name in ("sha256", "whose")}
    form = {"csrf": csrf(text), "decision": "each", **hidden, **CHOSEN}
    return await visitor.post(f"{SERVICE}/decision", data=form)


async def _expire(control: Connection) -> None:
    await control.execute("update identity.session set expires_at = clock_timestamp() - interval '1 second'")


@pytest.fixture
def again(app: object, visitor: httpx.AsyncClient, log_in: LogIn):
    """Somebody logs in in the same browser."""

    async def logged_in(resident: MadeResident) -> None:
        visitor.cookies.delete(cookie_name(app))
        visitor.cookies.set(cookie_name(app), await log_in(resident))

    return logged_in


async def test_what_was_chosen_is_shown_again_after_the_log_in_and_nothing_was_decided(
    control: Connection, town: Town, joined: str, visitor: httpx.AsyncClient, again: LogIn
) -> None:
    before = await states(control, town)
    text = (await visitor.get(SERVICE)).text
    await _expire(control)
    sent = await _decide(visitor, text)
    assert sent.status_code == 303
    assert await states(control, town) == before
    led = sent.headers["location"]
    assert parse_qs(urlsplit(led).query)["next"] == [SERVICE]
    assert "選んだ内容が残っています" in (await visitor.get(led)).text
    await again(town.hanako)
    text = (await visitor.get(SERVICE)).text
    assert "ログインの時間が切れていました" in text
    for link, choice in CHOSEN.items():
        assert " checked" in text.split(f'id="{link}-{choice}"')[1].split(">")[0], link
    made = await _decide(visitor, text)
    assert made.headers["location"].startswith("/portal/receipts/")
    assert await states(control, town) == {"kenko-steps": 2, "kenko-vitals": 1, "kenko-presence": 1}
    assert "時間が切れていました" not in (await visitor.get(SERVICE)).text, "shown once"


async def test_another_resident_in_the_same_browser_sees_nothing_of_it(
    control: Connection, town: Town, joined: str, visitor: httpx.AsyncClient, again: LogIn, box: SecretBox
) -> None:
    await control.execute(
        "update identity.resident set municipality_code = $2 where resident_key = $1", town.midori.key, C1
    )
    await Walk(control, box, calls(town.midori), town.kenko.id).join()
    text = (await visitor.get(SERVICE)).text
    await _expire(control)
    await _decide(visitor, text)
    await again(town.midori)
    text = (await visitor.get(SERVICE)).text
    assert "いまのまま" in text
    assert "時間が切れていました" not in text


async def test_a_form_of_another_site_keeps_nothing(
    control: Connection, town: Town, joined: str, visitor: httpx.AsyncClient
) -> None:
    text = (await visitor.get(SERVICE)).text
    await _expire(control)
    sent = await visitor.post(f"{SERVICE}/decision", data={"csrf": "0" * 64, **CHOSEN})
    assert (sent.status_code, "set-cookie" in sent.headers) == (403, False)
    assert csrf(text)


@pytest.mark.parametrize(
    ("came", "back"),
    [
        ("http://testserver/portal/consents?x=1", "/portal/consents?x=1"),
        (f"http://testserver{SERVICE}/withdrawal?link=kenko-steps", f"{SERVICE}/withdrawal?link=kenko-steps"),
        (f"http://testserver{SERVICE}/decision", "/portal"),
        ("http://elsewhere.example/portal/consents", "/portal"),
        ("", "/portal"),
    ],
    ids=["a page", "a question", "no page", "elsewhere", "unknown"],
)
async def test_any_other_form_leads_back_to_its_page_and_says_that_it_was_not_done(
    control: Connection, town: Town, joined: str, visitor: httpx.AsyncClient, came: str, back: str
) -> None:
    text = (await visitor.get(f"{SERVICE}/withdrawal")).text
    before = await states(control, town)
    await _expire(control)
    here = str(visitor.base_url).rstrip("/")
    sent = await visitor.post(
        f"{SERVICE}/withdrawal",
        data={"csrf": csrf(text)},
        headers={"Referer": came.replace("http://testserver", here)},
    )
    assert parse_qs(urlsplit(sent.headers["location"]).query)["next"] == [back]
    assert "さきほどの操作は、行われていません" in (await visitor.get(sent.headers["location"])).text
    assert await states(control, town) == before
