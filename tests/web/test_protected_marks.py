"""Where a protected resident lives, marked, and searched for on every road that leaves the platform."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from moyai.base.db import Connection
from moyai.base.secrets import SecretBox
from moyai.consent import history
from moyai.identity import residents
from moyai.identity.model import Evidence
from tests import factories
from tests.identity.conftest import clerk as desk_clerk
from tests.identity.conftest import person
from tests.web import in_process
from tests.web.peers import Person, form_of
from tests.web.protected import CODE, STREET, TOWN, TOWN_ID, Hidden, assert_unmarked, her_sharing, make_hidden
from tests.web.test_desk import ENTRY, clerk_of
from tests.web.test_identity_api import _desk


@pytest.fixture
async def browser(app: object) -> AsyncIterator[httpx.AsyncClient]:
    async with in_process.client_of(app) as client:
        yield client


@pytest.fixture
async def hidden(
    control: Connection, box: SecretBox, web: httpx.AsyncClient, browser: httpx.AsyncClient
) -> Hidden:
    return await make_hidden(control, box, web, browser)


async def _acts(hidden: Hidden, web: httpx.AsyncClient) -> None:
    """What named staff do leaves traces: look, proof again, move within the town, stop on request."""
    record = f"/desk/residents/{hidden.resident.resident_id}"
    opened = await web.get(f"{record}?reason=identity_check")
    assert STREET in opened.text
    proof = {"level": "2", "method": "desk_document", "document_class": "passport"}
    action = f"{record}/proofing"
    assert (await web.post(action, data={**form_of(opened, action), **proof})).status_code == 303
    move = f"{record}/move"
    page = await web.get(move)
    wanted = {"municipality_code": CODE, "address": STREET, "confirmed": "yes"}
    assert (await web.post(move, data={**form_of(page, move), **wanted})).status_code == 303


async def test_history_api_portal_and_proofs_name_no_town(
    control: Connection, hidden: Hidden, web: httpx.AsyncClient, browser: httpx.AsyncClient
) -> None:
    await _acts(hidden, web)
    await hidden.login.log_in()
    page = await history.page(control, hidden.resident.resident_key, limit=100)
    assert len(page.rows) >= 6
    assert_unmarked(f"{page}", "history")
    paths = [f"/portal/history/{row.entry_id}" for row in page.rows]
    for path in (
        "/portal",
        "/portal/history",
        "/portal/consents",
        "/portal/data",
        "/portal/services",
        *paths,
    ):
        answer = await browser.get(path)
        assert answer.status_code == 200, path
        assert_unmarked(answer.text, path)


async def test_no_other_desk_console_or_program_finds_the_town(
    control: Connection, box: SecretBox, app: object, hidden: Hidden, web: httpx.AsyncClient
) -> None:
    await _acts(hidden, web)
    record = f"/desk/residents/{hidden.resident.resident_id}"
    for organization, login in ((TOWN_ID, "unnamed"), ("c1", "desk-c1"), ("unei", "desk-unei")):
        async with in_process.client_of(app) as http:
            await clerk_of(control, box, http, organization, login=login)
            for path in (
                f"{record}?reason=procedure",
                *(f"{record}/{one}" for one in ("move", "consents?reason=procedure")),
            ):
                assert (await http.get(path)).status_code == 404, (organization, path)
            home = await http.get("/desk")
            for text in ("まるがめ", "1950-05-05", hidden.resident.resident_id):
                fields = {**form_of(home, "/desk/search"), "text": text, "reason": "procedure"}
                found = (await http.post("/desk/search", data=fields)).text
                assert STREET not in found
                assert hidden.resident.resident_id not in found.replace(f'value="{text}"', "")
            assert STREET not in (await http.get("/desk/transfers")).text
    async with in_process.client_of(app) as http:
        await clerk_of(control, box, http, "c1", login="other-c1")
        page = await http.get("/desk/enrol")
        met = await http.post("/desk/enrol", data={**form_of(page, "/desk/enrol"), **ENTRY})
        assert met.status_code == 303
    async with in_process.client_of(app) as http:
        await clerk_of(control, box, http, "unei", role="operator")
        assert STREET not in (await http.get("/console/record")).text
    program = await _desk(control, web, hidden.office)
    assert (await program.search("まるがめ")).json() == {"residents": []}
    answer = await program.call(
        "POST", f"/residents/{hidden.resident.resident_id}/authenticator", {"ground": "x"}
    )
    assert answer.status_code == 404


async def test_a_viewer_of_her_sharing_learns_no_town(
    control: Connection, app: object, box: SecretBox, hidden: Hidden
) -> None:
    sharing_id, issued, ids = await her_sharing(control, hidden, box)
    async with in_process.client_of(app) as http:
        await Person(http, issued.login, issued.password, issued.totp_secret).log_in()
        for path in ("/portal", "/portal/sharing", f"/portal/sharing/{sharing_id}"):
            answer = await http.get(path)
            assert answer.status_code == 200, path
            assert_unmarked(answer.text, path)
            assert not [one for one in ids if one in answer.text], f"a11: {path}"


MARK = "保護対象・閲覧制限"
PAGES = ("consents?reason=procedure", "erase", "move", "protection", "recover")


async def test_people_h6_every_page_of_the_desk_about_her_says_that_she_is_protected(
    hidden: Hidden, web: httpx.AsyncClient
) -> None:
    """Before the record is read, in lists, and in the step that confirms."""
    record = f"/desk/residents/{hidden.resident.resident_id}"
    for path in (f"{record}?reason=procedure", *(f"{record}/{one}" for one in PAGES)):
        text = (await web.get(path)).text
        assert MARK in text.split("<h1")[0], path
        assert "だれにも知らせないでください" in text, path
    openers = (await web.get(f"{record}/protection")).text.split('id="openers"')[1].split("</section>")[0]
    assert openers.count("<li") == 2
    page = await web.get(f"{record}/move")
    typed = {"municipality_code": CODE, "address": STREET}
    asked = await web.post(f"{record}/move", data={**form_of(page, f"{record}/move"), **typed})
    assert MARK in asked.text.split("登録しますか")[0]
    home = await web.get("/desk")
    look = {**form_of(home, "/desk/search"), "text": hidden.resident.resident_id, "reason": "procedure"}
    assert MARK in (await web.post("/desk/search", data=look)).text
    enrol = await web.get("/desk/enrol")
    entry = {**ENTRY, "municipality_code": CODE, "address": STREET}
    met = await web.post("/desk/enrol", data={**form_of(enrol, "/desk/enrol"), **entry})
    assert (met.status_code, MARK in met.text) == (409, True)


async def test_people_h6_nobody_else_carries_the_mark(
    control: Connection, box: SecretBox, web: httpx.AsyncClient
) -> None:
    town = await factories.make_town(control)
    at = await desk_clerk(control, town.c1, "plain-clerk")
    made = await residents.enrol(control, at, person(), Evidence(2, "desk_document", "drivers_license"))
    await clerk_of(control, box, web, "c1")
    for path in ("?reason=procedure", "/consents?reason=procedure", "/move", "/protection"):
        answer = await web.get(f"/desk/residents/{made.resident_id}{path}")
        assert (answer.status_code, MARK in answer.text) == (200, False)


async def test_people_m4_a_list_of_services_says_of_none_that_it_is_for_others(
    control: Connection, hidden: Hidden, browser: httpx.AsyncClient
) -> None:
    """What is marked as for others tells by exclusion whose it is."""
    await hidden.login.log_in()
    page = (await browser.get("/portal/services")).text
    assert "健康見守り" in page
    assert "対象ではありません" not in page
    assert "使えません" not in page


async def test_people_m1_m2_what_the_desk_stopped_is_named_and_the_sheet_names_no_office(
    control: Connection, hidden: Hidden, box: SecretBox, web: httpx.AsyncClient
) -> None:
    await her_sharing(control, hidden, box)
    at = f"/desk/residents/{hidden.resident.resident_id}/consents"
    page = await web.get(f"{at}?reason=stop_request")
    proof = {"what": "everything", "form": "申-9", "document_class": "passport"}
    sheet = (await web.post(at, data={**form_of(page, at), **proof})).text
    article = sheet.split("<article")[1].split("</article>")[0]
    assert f"{TOWN}の歩数" in article  # the name of her data is hers to read
    assert not [mark for mark in (TOWN_ID, CODE, STREET, "窓口") if mark in article]
    lines = (await history.page(control, hidden.resident.resident_key)).rows
    stopped = next(row for row in lines if row.kind == "consent_withdrawn")
    assert stopped.text_ja.startswith("窓口の職員が、あなたの申出で「しるし隠れ町の歩数」を止めました")
    assert "パスポートで本人を確かめ、申出書（番号 申-9）を受け取っています" in stopped.text_ja
