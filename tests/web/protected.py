"""The protected resident of tests: where they live is marked, and searched for on every road that leaves the platform."""

from __future__ import annotations

import httpx

from moyai.base.db import Connection
from moyai.base.secrets import SecretBox
from moyai.identity import credentials, residents
from moyai.identity import desk as desks
from moyai.identity.model import Evidence, Resident
from tests import factories
from tests.factories import Town
from tests.identity.conftest import clerk as desk_clerk
from tests.identity.conftest import person
from tests.web import in_process
from tests.web.peers import Person, form_of
from tests.web.test_desk import clerk_of

TOWN, TOWN_ID, CODE, STREET = "しるし隠れ町", "shirushi-town", "131016", "隠れ谷四丁目7-7"
MARKS = (TOWN, TOWN_ID, CODE, STREET, "Organization shirushi")


def assert_unmarked(text: str, where: str) -> None:
    found = [mark for mark in MARKS if mark in text]
    assert not found, f"{where}: {found}"


class Hidden:
    """The protected resident, with a login, a service of her own town, and a sharing to her daughter."""

    def __init__(self, town: Town, office: factories.Made, resident: Resident, login: Person) -> None:
        self.town, self.office, self.resident, self.login = town, office, resident, login


async def make_hidden(
    control: Connection, box: SecretBox, web: httpx.AsyncClient, browser: httpx.AsyncClient
) -> Hidden:
    """Enrolled and protected at the desk of the marked town, by two of its clerks; `web` is the first one's browser, `browser` hers."""
    town = await factories.make_town(control)
    office = await factories.make_organization(control, TOWN_ID, name=TOWN, municipality_codes=(CODE,))
    first = await desk_clerk(control, office, "first-clerk")
    who = person(municipality_code=CODE, address=STREET)
    made = await residents.enrol(control, first, who, Evidence(2, "desk_document", "drivers_license"))
    issued = await credentials.issue(control, box, first, made, "test")
    async with in_process.client_of(web._transport.app) as other:  # type: ignore[attr-defined]
        await clerk_of(control, box, web, TOWN_ID, login="clerk-a")
        await clerk_of(control, box, other, TOWN_ID, login="clerk-b")
        ids = await control.fetch("select staff_id from identity.staff where login in ('clerk-a', 'clerk-b')")
        at = f"/desk/residents/{made.resident_id}/protection"
        page = await web.get(at)
        named = {"evidence": "支-77", "others": " ".join(row["staff_id"] for row in ids), "act": "begin"}
        assert (await web.post(at, data={**form_of(page, at), **named})).status_code == 303
        asked = await other.get(at)
        assert (await other.post(at, data={**form_of(asked, at), "act": "confirm"})).status_code == 303
    login = Person(browser, issued.login, issued.password, issued.totp_secret)
    return Hidden(town, office, made, login)


async def daughter_of(
    control: Connection, hidden: Hidden, box: SecretBox
) -> tuple[Resident, credentials.IssuedLogin]:
    """Whom she shares with: a resident of another town, with a login."""
    at = await desks.desk_of(control, hidden.town.c1.key, "staff:x")
    daughter = await residents.enrol(
        control, at, person(given_name="恵", given_kana="メグミ"), Evidence(2, "desk_document", "passport")
    )
    issued = await credentials.issue(control, box, at, daughter, "test")
    assert issued is not None
    return daughter, issued


async def share(
    control: Connection, hidden: Hidden, daughter: Resident, service: factories.Made, link: factories.Made
) -> str:
    """As if she had shared one link, and the daughter had taken the code."""
    sharing_id = await control.fetchval(
        "insert into consent.sharing (sharing_id, resident_key, service_key, link_keys, relation, viewer_name,"
        " shown_as, viewer_key, accepted_at, expires_at) values (gen_random_uuid(), $1, $2, $3, '娘', '恵', '母', $4,"
        " clock_timestamp(), clock_timestamp() + interval '9 days') returning sharing_id",
        hidden.resident.resident_key,
        service.key,
        [link.key],
        daughter.resident_key,
    )
    return str(sharing_id)


async def her_sharing(
    control: Connection, hidden: Hidden, box: SecretBox
) -> tuple[str, credentials.IssuedLogin, tuple[str, ...]]:
    """She shares data of her town's own service: the sharing, the daughter's login, and the ids that name the town."""
    daughter, issued = await daughter_of(control, hidden, box)
    component = await factories.make_component(control, hidden.office, name=f"{TOWN}の部品")
    service = await factories.make_service(
        control, hidden.office, name=f"{TOWN}の見守り", municipality_codes=(CODE,)
    )
    dataset = await factories.make_dataset(control, name=f"{TOWN}の歩数")
    link = await factories.make_link(
        control,
        service,
        component,
        component,
        dataset,
        hidden.town.purposes["watch-over"],
    )
    resident = factories.Made(hidden.resident.resident_key, hidden.resident.resident_id)
    await factories.make_consent(control, resident, link)
    await factories.tie(control, resident, component)
    sharing_id = await share(control, hidden, daughter, service, link)
    return sharing_id, issued, (service.id, link.id, dataset.id, component.id)
