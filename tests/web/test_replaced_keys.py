"""A token lives ten minutes; whoever stole a client's keys keeps none of them once the keys were replaced."""

from __future__ import annotations

from typing import Any

import httpx

from moyai import registry
from moyai.base.db import Connection
from moyai.registry.declarations import ClientDeclaration
from tests.registry.samples import ACTOR, but
from tests.web.peers import Key, Party
from tests.web.test_staff import STAFF, Program, operator

__all__ = ["operator"]


async def replace_keys(control: Connection, party: Party, **members: Any) -> None:
    declared = ClientDeclaration(
        party.client_id, "operator", "職員", "Staff", ["staff"], organization="unei", jwks=party.key.jwks
    )
    await registry.register_client(control, but(declared, **members), ACTOR)


async def test_m7_a_token_issued_to_keys_that_were_replaced_opens_nothing(
    app: Any, operator: Program, control: Connection, web: httpx.AsyncClient
) -> None:
    assert (await operator.call("GET", STAFF)).status_code == 200
    await replace_keys(control, operator.party, name_ja="職員の管理")
    _forget(app)
    assert (await operator.call("GET", STAFF)).status_code == 200, "another name ends no token"
    owner = Party(web, operator.party.client_id)
    owner.key = Key("key-2")
    await replace_keys(control, owner)
    _forget(app)
    refused = await operator.call("GET", STAFF)
    assert (refused.status_code, refused.json()["code"]) == (401, "token_invalid")
    token = (await owner.token(grant_type="client_credentials", scope="staff")).json()["access_token"]
    assert (await owner.call("GET", STAFF, token)).status_code == 200
    again = await operator.call("GET", STAFF)
    assert (again.status_code, again.json()["code"]) == (401, "token_invalid")


def _forget(app: Any) -> None:
    """A second goes by: what is known of the keys is asked for anew."""
    app.state.platform.tokens._keys_asked -= 2
