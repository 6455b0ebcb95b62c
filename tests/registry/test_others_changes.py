"""B12: no program alone changes what others answer for, or where residents are sent; and a word is for what was read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from moyai import registry
from moyai.base.db import Connection, PostgresError
from moyai.identity import staff
from moyai.registry import acting, others_entries, two_persons
from moyai.registry.declarations import ClientDeclaration
from moyai.registry.model import Bilingual, Change, DataItem
from moyai.registry.pending import Asker, pending_act
from tests.registry.samples import (
    ACTOR,
    ADVICE,
    CITY,
    CLIENT,
    HEALTH,
    LINK,
    SERVICE,
    STEPS,
    UNEI,
    WALKING,
    but,
    certified_service,
    operators,
)
from tests.registry.test_two_persons import DESK, PROGRAM, A, B, a_day_ago

assert staff  # which names itself to the registry as who knows members of staff

Put = Callable[[Connection, Any, Asker], Awaitable[Change]]
ELSEWHERE = "https://thief.example.jp"
TOUCH_POINT = ClientDeclaration(
    "app", "touch_point", "市のアプリ", "City app", ["openid"], component="advice", redirect_uris=[]
)
MORE_ITEMS = but(
    STEPS,
    items=[*STEPS.items, DataItem("place", "場所", "Place")],
    schema={**STEPS.schema, "properties": {**STEPS.schema["properties"], "place": {"type": "string"}}},
)

ENLARGING: dict[str, tuple[Put, Any]] = {
    "scopes": (two_persons.put_client, but(CLIENT, scopes=[*CLIENT.scopes, "personal:store"])),
    "redirect URIs": (two_persons.put_client, but(CLIENT, redirect_uris=[ELSEWHERE])),
    "logout URIs": (two_persons.put_client, but(CLIENT, post_logout_redirect_uris=[ELSEWHERE])),
    "the name a resident reads": (two_persons.put_client, but(TOUCH_POINT, name_ja="銀行のアプリ")),
    "component's address": (others_entries.put_component, but(ADVICE, url=ELSEWHERE)),
    "component's data": (others_entries.put_component, but(ADVICE, datasets=["steps"])),
    "contractor": (others_entries.put_component, but(ADVICE, engagement="outsourced", contractor="盗賊")),
    "a new service": (others_entries.put_service, but(SERVICE, service_id="more", name_ja="もう一つ")),
    "service's address": (others_entries.put_service, but(SERVICE, url=ELSEWHERE)),
    "service's text": (others_entries.put_service, but(SERVICE, summary_ja="なんでも届きます。")),
    "who may use it": (others_entries.put_service, but(SERVICE, municipality_codes=["372013", "373419"])),
    "a new link": (others_entries.put_link, but(LINK, link_id="back", purpose="other")),
    "link's text": (others_entries.put_link, but(LINK, benefit_ja="なんでも届きます。")),
    "how long": (others_entries.put_link, but(LINK, consent_days=3650)),
    "lower levels": (others_entries.put_service, but(SERVICE, required_aal=1, level_reason="手軽に")),
    "items": (others_entries.put_dataset, MORE_ITEMS),
    "purpose": (others_entries.put_purpose, but(HEALTH, name_ja="宣伝")),
    "where to ask": (two_persons.put_organization, but(CITY, contact="0120-000-000")),
}


async def there(control: Connection) -> None:
    """The city's service, with what can be taken from it, and a client of the city itself that is a day old."""
    await certified_service(control)
    await operators(control)
    await registry.register_purpose(control, but(HEALTH, purpose_id="other", name_ja="ほか"), ACTOR)
    for client in (CLIENT, DESK, TOUCH_POINT):
        await registry.register_client(control, client, ACTOR)
    await a_day_ago(control, "city-desk")


@pytest.mark.parametrize("what", list(ENLARGING))
async def test_b12_what_gives_or_leads_elsewhere_waits_for_two_persons(
    control: Connection, what: str
) -> None:
    await there(control)
    put, declared = ENLARGING[what]
    asked = await put(control, declared, PROGRAM)
    assert asked.outcome == "pending"
    first = await acting.confirm(control, str(asked.pending), A)
    assert (first.state, first.organization_id) == ("waiting", "city")
    assert (await acting.confirm(control, str(asked.pending), B)).state == "done"
    assert (await put(control, declared, PROGRAM)).outcome == "unchanged"


@pytest.mark.parametrize("what", [what for what in ENLARGING if what != "scopes"])
async def test_b12_or_the_word_of_the_organisation_itself(control: Connection, what: str) -> None:
    await there(control)
    put, declared = ENLARGING[what]
    pending = str((await put(control, declared, PROGRAM)).pending)
    assert (await acting.give_word(control, pending, "city", "client:city-desk")).state == "done"


@pytest.mark.parametrize(
    ("put", "declared"),
    [
        (two_persons.put_client, but(CLIENT, scopes=["openid"])),
        (two_persons.put_client, but(CLIENT, redirect_uris=[])),
        (others_entries.put_service, but(SERVICE, required_ial=3, level_reason="安全のため")),
        (others_entries.put_link, but(LINK, consent_days=30)),
        (others_entries.put_dataset, but(STEPS, required_aal=3)),
    ],
    ids=["scopes", "addresses", "levels", "days", "level of data"],
)
async def test_b12_what_only_takes_away_takes_one(control: Connection, put: Put, declared: Any) -> None:
    await there(control)
    assert (await put(control, declared, PROGRAM)).outcome == "changed"


@pytest.mark.parametrize(
    ("put", "declared"),
    [
        (two_persons.put_organization, but(UNEI, contact="0120-000-000")),
        (others_entries.put_component, but(ADVICE, component_id="own", organization="unei", url=ELSEWHERE)),
        (others_entries.put_service, but(SERVICE, service_id="own", organization="unei", url=ELSEWHERE)),
    ],
    ids=["contact", "component", "service"],
)
async def test_b12_residents_are_sent_elsewhere_by_two_also_for_the_own_organisation(
    control: Connection, put: Put, declared: Any
) -> None:
    await there(control)
    own = but(declared, contact="") if put is two_persons.put_organization else but(declared, url=None)
    assert (await put(control, own, PROGRAM)).outcome in ("created", "unchanged")
    asked = await put(control, declared, PROGRAM)
    assert asked.outcome == "pending"
    assert (await pending_act(control, str(asked.pending))).organization_id is None, "no word of its own"


NAMED: dict[str, tuple[Put, Any, list[tuple[str, str]]]] = {
    "client": (two_persons.put_client, but(CLIENT, redirect_uris=[ELSEWHERE]), [("component", "advice")]),
    "desk's client": (two_persons.put_client, but(DESK, scopes=["staff"]), [("organization", "city")]),
    "component": (
        others_entries.put_component,
        but(WALKING, url=ELSEWHERE),
        [("dataset", "steps"), ("organization", "city")],
    ),
    "service": (
        others_entries.put_service,
        but(SERVICE, url=ELSEWHERE),
        [("component", "advice"), ("component", "walking"), ("organization", "city")],
    ),
    "link": (
        others_entries.put_link,
        but(LINK, benefit_ja="なんでも届きます。"),
        [
            ("component", "advice"),
            ("component", "walking"),
            ("dataset", "steps"),
            ("purpose", "health"),
            ("service", "kenko"),
        ],
    ),
}


async def _changed(control: Connection, noun: str, one: str) -> None:
    """Another text of what an act names."""
    match noun:
        case "organization":
            await registry.register_organization(control, but(CITY, contact="1"), ACTOR)
        case "component":
            declared = WALKING if one == "walking" else ADVICE
            await registry.register_component(control, but(declared, description_ja="別"), ACTOR)
        case "dataset":
            await registry.register_dataset(control, but(STEPS, name_en="Paces"), ACTOR)
        case "purpose":
            await registry.register_purpose(control, but(HEALTH, name_en="Other"), ACTOR)
        case _:
            await registry.register_service(control, but(SERVICE, summary_en="Other."), ACTOR)


@pytest.mark.parametrize("what", list(NAMED))
async def test_b12_an_act_says_what_it_was_read_against_and_is_void_once_that_is_another_text(
    control: Connection, what: str
) -> None:
    await there(control)
    put, declared, named = NAMED[what]
    pending = str((await put(control, declared, PROGRAM)).pending)
    found = await acting.confirm(control, pending, A)
    assert [(e.noun, e.id) for e in found.rests_on] == [(found.noun, found.id), *named]
    for noun, one in named:
        async with _only_now(control):
            await _changed(control, noun, one)
            void = await acting.confirm(control, pending, B)
            assert (void.state, void.way) == (
                "void",
                f"the text that was read is not the text any more: {noun} {one}",
            )
            again = await put(control, declared, PROGRAM)
            assert again.pending != pending, "asked anew, it is read anew"


class _only_now:
    """What is done inside is undone afterwards."""

    def __init__(self, conn: Connection) -> None:
        self._transaction = conn.raw.transaction()

    async def __aenter__(self) -> None:
        await self._transaction.start()

    async def __aexit__(self, *_: object) -> None:
        await self._transaction.rollback()


async def test_b12_standing_is_no_text(control: Connection) -> None:
    """A certification between the two words changes nothing of what was read."""
    await there(control)
    pending = str((await others_entries.put_link(control, ENLARGING["a new link"][1], PROGRAM)).pending)
    await acting.confirm(control, pending, A)
    criteria = registry.CriteriaDeclaration("2027-1", Bilingual("基準", "Criteria"), [Bilingual("一", "One")])
    await registry.publish_criteria(control, criteria, ACTOR)
    review = registry.CertificationRequest("2027-1", "委員会", "unei")
    await registry.certify_organization(control, "city", review, ACTOR)
    assert (await acting.confirm(control, pending, B)).state == "done"


async def test_b12_no_statement_changes_what_an_act_was_read_against(control: Connection) -> None:
    await there(control)
    await two_persons.put_client(control, but(CLIENT, redirect_uris=[ELSEWHERE]), PROGRAM)
    with pytest.raises(PostgresError, match="is not changed, only ended"):
        async with control.transaction():
            await control.raw.execute("update registry.pending set rests_on = '[]'")
