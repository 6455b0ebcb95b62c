"""`/consent/v1/services/{service}/terms`: what a touch point shows and sends when terms have changed."""

from __future__ import annotations

from moyai.base.db import Connection
from tests.consent.test_terms import day, publish
from tests.factories import Town
from tests.web.consent.conftest import SERVICE, Touch
from tests.web.consent.test_deciding import problem


async def test_c1_what_changed_by_when_and_the_acceptance(
    hanako: Touch, control: Connection, town: Town
) -> None:
    await hanako.join()
    await publish(control, town.kenko, 2, day(-1))
    seen = (await hanako.get(f"{SERVICE}/terms")).json()
    assert (seen["current"], seen["paused"], seen["accept_by"]) == (False, True, day(-1).isoformat())
    assert seen["service_terms"]["url"] == "/terms/kenko-mimamori"
    assert [one["id"] for one in seen["service_terms"]["changes"]] == ["title", "role"]
    assert seen["platform_terms"]["changes"] == []
    services = (await hanako.get("/consent/v1/consents")).json()["services"]
    assert {link["closed"] for link in services[0]["links"]} == {"terms_outdated"}
    read = {name: seen[name]["in_force"]["sha256"] for name in ("service_terms", "platform_terms")}
    for _ in range(2):
        made = await hanako.post(f"{SERVICE}/terms", read)
        assert made.status_code == 200
        assert made.json()["service_terms"] == seen["service_terms"]["in_force"]
    seen = (await hanako.get(f"{SERVICE}/terms")).json()
    assert (seen["current"], seen["paused"], seen["accept_by"]) == (True, False, None)


async def test_c1_only_the_texts_in_force_and_only_of_a_service_in_use(
    hanako: Touch, control: Connection, town: Town
) -> None:
    read = {"service_terms": "0" * 64, "platform_terms": "0" * 64}
    assert problem(await hanako.post(f"{SERVICE}/terms", read)) == (409, "service_not_in_use")
    assert problem(await hanako.get(f"{SERVICE}/terms")) == (409, "service_not_in_use")
    await hanako.join()
    refused = await hanako.post(f"{SERVICE}/terms", read)
    assert problem(refused) == (409, "terms_not_in_force")
    unknown = await hanako.get("/consent/v1/services/nowhere/terms")
    assert problem(unknown) == (404, "does_not_exist")
    bad = await hanako.post(f"{SERVICE}/terms", {"service_terms": "x"})
    assert problem(bad) == (422, "invalid_request")
