"""A touch point from the very beginning: the resident logs in, the app gets a token, and the consent API answers."""

from __future__ import annotations

import httpx

from moyai.base.db import Connection
from moyai.base.secrets import SecretBox
from moyai.identity import credentials, desk
from moyai.identity.residents import find
from tests.factories import Town, make_client, make_component
from tests.web.consent.conftest import SERVICE
from tests.web.peers import Party, Person, members_of

CALLBACK = "http://localhost:9/callback"


async def test_the_token_of_a_completed_login_opens_the_consent_api(
    control: Connection, box: SecretBox, web: httpx.AsyncClient, town: Town
) -> None:
    component = await make_component(control, town.c1, "city-app", name="高松市アプリ")
    app = Party(web, "city-app", public=True)
    await make_client(
        control,
        component,
        client_id=app.client_id,
        kind="touch_point",
        redirect_uris=(CALLBACK,),
        scopes=("openid", "consent"),
    )
    resident = await find(control, town.hanako.key)
    assert resident is not None
    issued = await credentials.issue(
        control, box, await desk.desk_of(control, town.unei.key, "staff:test"), resident, "test"
    )
    person = Person(web, issued.login, issued.password, issued.totp_secret)
    answer = await person.authorize(app.request(CALLBACK, scope="openid consent"))
    tokens = (await app.redeem(members_of(answer)["code"], CALLBACK)).json()
    token = tokens["access_token"]
    offered = (await app.call("GET", "/consent/v1/services", token)).json()["services"]
    assert [s["service_id"] for s in offered if s["reason"] is None] == ["kenko-mimamori"]
    begun = await app.call("POST", f"{SERVICE}/enrolment", token, json={})
    assert (begun.status_code, begun.json()["next_step"]) == (201, "service-terms")
    # the walk belongs to the session, which goes on when the token is renewed
    renewed = (await app.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"])).json()
    state = await app.call("GET", f"{SERVICE}/enrolment", renewed["access_token"])
    assert (state.status_code, state.json()["step"]) == (200, 1)
