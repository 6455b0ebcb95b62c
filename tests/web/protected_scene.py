"""What a protected resident's every answer is read from: much has happened, and she and whom she shares with are logged in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID, uuid4

import httpx

from moyai.base.clock import utc_now
from moyai.base.db import Connection
from moyai.base.secrets import SecretBox
from moyai.consent import history
from moyai.identity.model import Resident, ResidentCaller
from tests import factories
from tests.consent.conftest import Walk
from tests.factories import C1, C2, Made
from tests.web import in_process
from tests.web.peers import Party, Person, form_of, members_of
from tests.web.protected import CODE, STREET, Hidden, daughter_of, make_hidden, share
from tests.web.touch_point import CALLBACK


@dataclass
class Reader:
    """A resident with a browser and an app."""

    http: httpx.AsyncClient
    app: Party
    token: str


@dataclass
class Scene:
    """She uses a service for several towns and shares from it; a desk stopped another one; an erasure and a transfer wait. No name says a town, so whatever does is a leak."""

    hidden: Hidden
    her: Reader
    daughter: Resident
    viewer: Reader
    """The daughter, whom she shares with."""
    own: tuple[Made, Made]
    """Service and link for her town alone, which she does not use."""
    names: dict[str, list[str]]
    """What stands in paths, by the name of the part."""


async def _service(
    control: Connection, hidden: Hidden, name: str, codes: tuple[str, ...]
) -> tuple[Made, Made]:
    """A service of no town by name, with one link."""
    service = await factories.make_service(control, hidden.town.koiki, name=name, municipality_codes=codes)
    link = await factories.make_link(
        control,
        service,
        hidden.town.kenko_app,
        await factories.make_component(control, hidden.town.koiki, name="広域の画面"),
        hidden.town.datasets["steps"],
        hidden.town.purposes["watch-over"],
    )
    return service, link


async def _waits(control: Connection, hidden: Hidden) -> tuple[UUID, UUID]:
    """An erasure and a transfer that a desk of the marked town asked for. The second cannot come about: protecting ends it."""
    (clerk,) = await factories.make_clerks(control, hidden.office, 1)
    erasure = await control.fetchval(
        "insert into identity.desk_request (request_id, act, resident_key, organization_key, content, staff_key,"
        " asked_by, expires_at) values ($1, 'erase', $2, $3, '{\"ground\": \"死亡\"}', $4, $5,"
        " now() + interval '9 hours') returning request_id",
        uuid4(),
        hidden.resident.resident_key,
        hidden.office.key,
        clerk.key,
        clerk.actor,
    )
    transfer = await control.fetchval(
        "insert into identity.transfer (transfer_id, resident_key, organization_key, entered_name, municipality_code,"
        " postal_code, address, level, method, document_class, asked_by, asked_staff_key, expires_at)"
        " values ($1, $2, $3, 'x', $4, '', $5, 2, 'desk_document', 'passport', $6, $7, now() + interval '9 days')"
        " returning transfer_id",
        uuid4(),
        hidden.resident.resident_key,
        hidden.office.key,
        CODE,
        STREET,
        clerk.actor,
        clerk.key,
    )
    return erasure, transfer


async def _desk_acts(hidden: Hidden, web: httpx.AsyncClient, stopped: str) -> None:
    """Named staff look, proof again, move her within the town, and stop a service on her request."""
    record = f"/desk/residents/{hidden.resident.resident_id}"
    opened = await web.get(f"{record}?reason=identity_check")
    action = f"{record}/proofing"
    proof = {"level": "2", "method": "desk_document", "document_class": "passport"}
    assert (await web.post(action, data={**form_of(opened, action), **proof})).status_code == 303
    moved = {"municipality_code": CODE, "address": STREET, "confirmed": "yes"}
    page = await web.get(f"{record}/move")
    assert (
        await web.post(f"{record}/move", data={**form_of(page, f"{record}/move"), **moved})
    ).status_code == 303
    page = await web.get(f"{record}/consents?reason=stop_request")
    asked = {"what": f"service:{stopped}", "form": "申-9", "document_class": "passport"}
    answer = await web.post(f"{record}/consents", data={**form_of(page, f"{record}/consents"), **asked})
    assert answer.status_code == 200


async def _log_in(person: Person) -> Reader:
    """In the portal, and at an app."""
    await person.log_in()
    app = Party(person.http, "portal-app", public=True)
    allowed = await person.authorize(app.request(CALLBACK, scope="openid consent"))
    tokens = await app.redeem(members_of(allowed)["code"], CALLBACK)
    return Reader(person.http, app, tokens.json()["access_token"])


async def _make_app(control: Connection, operator: Made) -> None:
    component = await factories.make_component(control, operator, "portal-app")
    await factories.make_client(
        control,
        component,
        client_id="portal-app",
        kind="touch_point",
        redirect_uris=("http://127.0.0.1/callback",),
        scopes=("openid", "consent"),
    )


def caller_of(hidden: Hidden) -> ResidentCaller:
    one = hidden.resident
    return ResidentCaller(
        one.resident_key, one.resident_id, "s", "portal", 2, 2, frozenset({"consent"}), utc_now()
    )


@asynccontextmanager
async def scene_of(
    control: Connection, box: SecretBox, app: object, web: httpx.AsyncClient
) -> AsyncIterator[Scene]:
    async with in_process.client_of(app) as browser, in_process.client_of(app) as theirs:
        hidden = await make_hidden(control, box, web, browser)
        daughter, issued = await daughter_of(control, hidden, box)
        await _make_app(control, hidden.town.unei)
        wide = await _service(control, hidden, "広い見守り", (C1, C2, CODE))
        left = await _service(control, hidden, "広い体操", (C1, C2, CODE))
        own = await _service(control, hidden, "ひとつの町の見守り", (CODE,))
        walks = [Walk(control, box, caller_of(hidden), service.id) for service, _ in (wide, left)]
        acts = [str((await walk.join()).act_id) for walk in walks]
        await factories.tie(control, Made(hidden.resident.resident_key, ""), hidden.town.kenko_app)
        shared = await share(control, hidden, daughter, *wide)
        await _desk_acts(hidden, web, left[0].id)
        acts.append(str(await control.fetchval("select act_id from consent.act where kind = 'withdraw'")))
        erasure, transfer = await _waits(control, hidden)
        her = await _log_in(hidden.login)
        viewer = await _log_in(Person(theirs, issued.login, issued.password, issued.totp_secret))
        entries = (await history.page(control, hidden.resident.resident_key, limit=100)).rows
        known = {
            "service": [wide[0].id, left[0].id, own[0].id, hidden.town.kenko.id, hidden.town.gyosei.id],
            "act": acts,
            "entry": [row.entry_id for row in entries],
            "code": ["outside_user_scope", "consent_missing"],
            "sharing": [shared],
            "erasure": [str(erasure)],
            "transfer": [str(transfer)],
            "session": [str(uuid4())],
            "authorization": [str(uuid4())],
        }
        yield Scene(hidden, her, daughter, viewer, own, known)
