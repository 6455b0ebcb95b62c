"""The staffed desk, page by page: enrol, hand over a login, recover, move, erase."""

from __future__ import annotations

import re
from dataclasses import dataclass

import httpx
import pytest

from moyai.base.db import Connection
from moyai.base.secrets import SecretBox
from moyai.identity import staff, staff_logins
from moyai.identity.staff_model import StaffDeclaration
from moyai.web.erasure import erase_due
from tests import factories
from tests.factories import C2, Town
from tests.logins import PROOF, own_login
from tests.web import in_process
from tests.web.peers import Person, form_of

ENTRY = {
    "family_name": "丸亀",
    "given_name": "太郎",
    "family_kana": "まるがめ",
    "given_kana": "たろう",
    "birth_date": "1950-05-05",
    "address": "香川県高松市番町1-8-15",
    "municipality_code": "372013",
    "method": "desk_document",
    "document_class": "drivers_license",
    "level": "2",
}


@dataclass
class Desk:
    town: Town
    clerk: Person
    control: Connection

    @property
    def http(self) -> httpx.AsyncClient:
        return self.clerk.http

    async def send(self, at: str, action: str, **fields: str) -> httpx.Response:
        """Open a page, fill in its form and send it."""
        page = await self.http.get(at)
        assert page.status_code == 200, page.text
        return await self.http.post(action, data={**form_of(page, action), **fields})

    async def enrol(self, **change: str) -> httpx.Response:
        return await self.send("/desk/enrol", "/desk/enrol", **{**ENTRY, **change})


async def clerk_of(
    control: Connection,
    box: SecretBox,
    http: httpx.AsyncClient,
    organization: str,
    role: str = "desk",
    login: str | None = None,
) -> Person:
    login = login or f"{role}-{organization}"
    await staff.declare(control, StaffDeclaration(login, "窓口の人", organization, [role], login), "test")
    issued = await own_login(control, box, await staff_logins.issue_login(control, box, login, "test"))
    person = Person(http, issued.login, issued.password, issued.totp_secret)
    assert (await person.log_in()).status_code == 303
    return person


@pytest.fixture
async def desk(control: Connection, box: SecretBox, web: httpx.AsyncClient) -> Desk:
    town = await factories.make_town(control)
    return Desk(town, await clerk_of(control, box, web, "c1"), control)


def _id_in(answer: httpx.Response) -> str:
    found = re.search(r"/desk/residents/([0-9A-Z-]{19})", answer.headers["location"])
    assert found is not None
    return found[1]


async def test_somebody_is_enrolled_and_gets_a_login_that_works(
    desk: Desk, app: object, web: httpx.AsyncClient
) -> None:
    resident = _id_in(await desk.enrol())
    page = await desk.http.get(f"/desk/residents/{resident}?reason=enrolment&done=enrolled")
    assert "丸亀" in page.text
    action = f"/desk/residents/{resident}/credentials"
    handed = await desk.http.post(action, data=form_of(page, action))
    assert "<svg" in handed.text
    login, password, secret = _secrets(handed)
    async with in_process.client_of(app) as browser:
        answer = await Person(browser, login, password, secret).log_in()
        assert answer.headers["location"] == "/portal"
    again = await desk.http.get(f"/desk/residents/{resident}?reason=procedure")
    assert password not in again.text
    assert secret not in again.text.replace(" ", "")


def _secrets(page: httpx.Response) -> tuple[str, str, str]:
    codes = re.findall(r'<code translate="no">([^<]+)</code>', page.text)
    return codes[1], codes[2], codes[3].replace(" ", "")


@pytest.mark.parametrize(
    "change",
    [
        {"address": "香川県高松市別の町9-9"},
        {"family_kana": "ﾏﾙｶﾞﾒ", "given_kana": "タロー"},
        {"family_name": "円亀", "given_name": "太朗"},
    ],
)
async def test_somebody_enrolled_before_is_found(desk: Desk, change: dict[str, str]) -> None:
    resident = _id_in(await desk.enrol())
    again = await desk.enrol(**change)
    assert again.status_code == 409
    assert resident in again.text


async def test_a_twin_is_enrolled_with_a_reason(desk: Desk) -> None:
    first = _id_in(await desk.enrol())
    second = _id_in(await desk.enrol(distinct_reason="ふたごの弟"))
    assert first != second


async def test_a_desk_does_not_see_other_municipalities(desk: Desk) -> None:
    other = desk.town.midori.id
    assert (await desk.http.get(f"/desk/residents/{other}?reason=procedure")).status_code == 404
    found = await desk.send("/desk", "/desk/search", text="もり", reason="consultation")
    assert other not in found.text
    refused = await desk.enrol(municipality_code="other", other_code=C2)
    assert refused.status_code == 403


async def test_a_relative_from_elsewhere_is_enrolled_here(desk: Desk) -> None:
    resident = _id_in(
        await desk.enrol(municipality_code="other", other_code="131016", address="東京都千代田区")
    )
    assert (await desk.http.get(f"/desk/residents/{resident}?reason=procedure")).status_code == 200


async def test_a_lost_authenticator_is_replaced(desk: Desk, app: object) -> None:
    resident = _id_in(await desk.enrol())
    record = f"/desk/residents/{resident}"
    old = _secrets(await desk.send(f"{record}?reason=recovery", f"{record}/credentials"))
    new = _secrets(await desk.send(f"{record}/recover", f"{record}/recover", **PROOF))
    async with in_process.client_of(app) as browser:
        assert (await Person(browser, *old).log_in()).status_code == 401
        assert (await Person(browser, *new).log_in()).status_code == 303


async def test_a_move_is_confirmed_and_ends_this_desks_care(desk: Desk) -> None:
    resident = _id_in(await desk.enrol())
    move = f"/desk/residents/{resident}/move"
    asked = await desk.send(move, move, municipality_code=C2, address="香川県木田郡三木町氷上310")
    assert (await desk.http.get(f"/desk/residents/{resident}?reason=procedure")).status_code == 200
    done = await desk.http.post(move, data=form_of(asked, move))
    assert done.status_code == 303
    assert (await desk.http.get(f"/desk/residents/{resident}?reason=procedure")).status_code == 404


async def second_clerk(desk: Desk, app: object, box: SecretBox, number: str = "second") -> httpx.AsyncClient:
    """Another clerk of the same desk, in a browser of their own."""
    http = in_process.client_of(app)
    await clerk_of(desk.control, box, http, "c1", login=f"desk-c1-{number}")
    return http


async def test_m10_an_erasure_takes_two_clerks_and_leaves_nobody(
    desk: Desk, app: object, box: SecretBox
) -> None:
    resident = _id_in(await desk.enrol())
    erase = f"/desk/residents/{resident}/erase"
    wrong = await desk.send(erase, erase, ground="本人の申出", typed="0000-0000-0000-0000")
    assert "住民 ID が違います" in wrong.text
    asked = await desk.send(erase, erase, ground="死亡", typed=resident)
    assert asked.headers["location"].endswith("done=erasure_asked")
    again = await desk.http.post(
        erase, data={**form_of(await desk.http.get(erase), erase), "ground": "死亡", "typed": resident}
    )
    assert (again.status_code, "二人目の職員" in again.text) == (403, True)
    other = await second_clerk(desk, app, box)
    page = await other.get(erase)
    assert "死亡" in page.text
    done = await other.post(erase, data={**form_of(page, erase), "typed": resident})
    assert done.status_code == 200, done.text
    assert await desk.control.fetchval("select count(*) from identity.person where family_name = '丸亀'") == 0
    row = await desk.control.fetchrow(
        "select body from ledger.content where kind = 33 order by at desc limit 1"
    )
    assert row is not None
    assert "死亡" in row["body"]


async def erasure_asked(desk: Desk) -> tuple[str, str]:
    """The resident's ID, and the page on which a second clerk answers."""
    resident = _id_in(await desk.enrol())
    erase = f"/desk/residents/{resident}/erase"
    await desk.send(erase, erase, ground="本人の申出", typed=resident)
    return resident, erase


async def test_m10_an_erasure_is_taken_back_by_anybody_of_the_desk(
    desk: Desk, app: object, box: SecretBox
) -> None:
    _, erase = await erasure_asked(desk)
    other = await second_clerk(desk, app, box)
    data = {**form_of(await other.get(erase), erase), "act": "withdraw"}
    assert (await other.post(erase, data=data)).headers["location"].endswith("done=taken_back")
    assert await desk.control.fetchval("select count(*) from identity.desk_request") == 0


async def test_m10_what_a_disabled_clerk_asked_for_is_confirmed_by_nobody(
    desk: Desk, app: object, box: SecretBox
) -> None:
    resident, erase = await erasure_asked(desk)
    other = await second_clerk(desk, app, box)
    await desk.control.execute("update identity.staff set state = 'disabled' where login = 'desk-c1'")
    data = {**form_of(await other.get(erase), erase), "ground": "死亡", "typed": resident}
    assert (await other.post(erase, data=data)).headers["location"].endswith("done=erasure_asked")
    await desk.control.execute("update identity.staff set state = 'disabled'")
    await desk.control.execute("update identity.desk_request set expires_at = clock_timestamp()")
    assert await erase_due(app.state.platform) == 0  # type: ignore[attr-defined]
    assert await desk.control.fetchval("select count(*) from identity.person where family_name = '丸亀'") == 1


async def test_m10_two_accounts_of_one_number_are_one_clerk(desk: Desk, app: object, box: SecretBox) -> None:
    """The number of a second account cannot be the first one's; where it is nobody's, the account counts for nobody."""
    resident, erase = await erasure_asked(desk)
    other = await second_clerk(desk, app, box)
    await desk.control.execute("update identity.staff set staff_number = null where login = 'desk-c1-second'")
    refused = await other.post(erase, data={**form_of(await other.get(erase), erase), "typed": resident})
    assert refused.status_code == 403
    assert await desk.control.fetchval("select count(*) from identity.person where family_name = '丸亀'") == 1


async def test_a_form_without_its_token_changes_nothing(desk: Desk) -> None:
    answer = await desk.http.post("/desk/enrol", data=ENTRY)
    assert answer.status_code == 403
    assert await desk.control.fetchval("select count(*) from identity.person where family_name = '丸亀'") == 0


async def test_other_staff_have_no_desk(desk: Desk, app: object, box: SecretBox) -> None:
    async with in_process.client_of(app) as browser:
        await clerk_of(desk.control, box, browser, "unei", "auditor")
        assert (await browser.get("/desk")).status_code == 403
    async with in_process.client_of(app) as browser:
        assert (await browser.get("/desk")).headers["location"] == "/login?next=%2Fdesk"
