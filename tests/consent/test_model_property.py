"""C1 as a property: whatever the registry, the residents and their relatives do, no item, party, purpose or date beyond
the last text that this resident read ever comes out.

The platform runs whole, over HTTP; `model_of_texts` says what may come out, from what was served and nothing else.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, Phase, event, example, given, settings
from hypothesis import strategies as st

from moyai.base import keys
from moyai.base.db import Connection, Pool, connect
from moyai.base.ids import random_uuid
from moyai.identity import store_oauth, tokens
from tests.conftest import Platform, _running
from tests.consent.model_of_texts import Share, Text, Texts, links_of
from tests.factories import (
    Made,
    MadeResident,
    Town,
    make_client,
    make_component,
    make_dataset,
    make_link,
    make_membership,
    make_purpose,
    make_resident,
    make_service,
    make_town,
    tie,
)
from tests.personal.conftest import register_store
from tests.personal.test_items import store_dsn
from tests.web.consent.conftest import Touch
from tests.web.in_process import BASE, client_of, running
from tests.web.peers import Key, Party

EXCHANGE = "/personal/v1/exchange"
EXAMPLES = 60


@dataclass
class Ground:
    """One platform for all examples: organisations with their stores, components with their clients."""

    platform: Platform
    control: Pool
    http: httpx.AsyncClient
    town: Town
    parties: dict[str, Party]
    stores: dict[str, Connection]
    terms: int
    tokens: dict[str, tuple[float, str]] = field(default_factory=dict)


@pytest.fixture(scope="module")
async def ground(stopped_platform: Path, scratch: Path) -> AsyncIterator[Ground]:
    async with _running(stopped_platform, scratch) as platform:
        control = await platform.pool()
        async with control.transaction() as conn:
            town = await make_town(conn)
            portal = await make_component(conn, town.unei, "portal-app", name="住民アプリ")
            await make_client(
                conn, portal, client_id="portal-app", kind="touch_point", scopes=("openid", "consent")
            )
            terms = await conn.fetchval(
                "select terms_key from registry.terms_version where kind = 'platform'"
            )
        for organization in (town.c1, town.koiki):
            await register_store(control, platform, organization)
        async with running(platform.home, control, platform.home.box()) as app, client_of(app) as http:
            parties = {one.id: Party(http, f"client-{one.id}") for one in (town.mimamori, town.madoguchi)}
            async with control.transaction() as conn:
                for one in (town.mimamori, town.madoguchi):
                    await make_client(conn, one, client_id=f"client-{one.id}", jwks=parties[one.id].key.jwks)
            stores = {
                town.undo_app.id: await connect(await store_dsn(control, platform, "c1")),
                town.kenko_app.id: await connect(await store_dsn(control, platform, "koiki")),
            }
            yield Ground(platform, control, http, town, parties, stores, terms)
            for store in stores.values():
                store.raw.terminate()


@dataclass
class Person:
    name: str
    made: MadeResident
    subjects: dict[str, uuid.UUID]
    touch: Touch
    read: dict[str, Any] = field(default_factory=dict)
    """The text as it was last served to this resident, and the schemas of its items then."""

    meanings: dict[str, dict[str, Any]] = field(default_factory=dict)


NAMES = ("a", "b", "c", "d")


@dataclass
class Story:
    """One example: two residents, a service with two links, what happens, and what may come out of it."""

    ground: Ground
    service: Made
    purposes: dict[str, Made]
    datasets: dict[str, Made]
    links: dict[str, Made]
    people: dict[str, Person]
    texts: Texts
    items: dict[str, dict[str, tuple[str, Any]]]
    """By dataset: name → (words, schema), as the registry has it."""

    sharings: list[str] = field(default_factory=list)
    flowed: int = 0

    @property
    def path(self) -> str:
        return f"/consent/v1/services/{self.service.id}"

    async def change(self, statement: str, *values: Any) -> None:
        async with self.ground.control.transaction() as conn:
            await conn.raw.execute(statement, *values)

    # --- the registry ------------------------------------------------------------------------------------

    async def set_items(self, n: int) -> None:
        dataset_id = list(self.datasets)[n]
        items = self.items[dataset_id]
        await self.change(
            "update registry.dataset set items = $2, schema = $3 where dataset_id = $1",
            dataset_id,
            [{"name": name, "ja": words, "en": words} for name, (words, _) in items.items()],
            {
                "type": "object",
                "additionalProperties": False,
                "properties": {name: schema for name, (_, schema) in items.items()},
            },
        )

    async def add_item(self, n: int, name: str) -> None:
        self.items[list(self.datasets)[n]].setdefault(name, (f"words of {name}", {"type": "string"}))
        await self.set_items(n)

    async def remove_item(self, n: int, name: str) -> None:
        items = self.items[list(self.datasets)[n]]
        if len(items) > 1:
            items.pop(name, None)
        await self.set_items(n)

    async def reword_item(self, n: int, name: str) -> None:
        items = self.items[list(self.datasets)[n]]
        if name in items:
            items[name] = (items[name][0] + "!", items[name][1])
        await self.set_items(n)

    async def other_schema(self, n: int, name: str) -> None:
        items = self.items[list(self.datasets)[n]]
        if name in items:
            items[name] = (items[name][0], {"type": "string", "maxLength": 10 + len(str(items[name][1]))})
        await self.set_items(n)

    async def reword_purpose(self, n: int, name: str) -> None:
        link = list(self.links.values())[n]
        await self.change(
            "update registry.link set purpose_ja = $2 || purpose_ja where link_key = $1", link.key, name
        )

    async def reword_benefit(self, n: int, name: str) -> None:
        link = list(self.links.values())[n]
        await self.change(
            "update registry.link set benefit_en = $2 || benefit_en where link_key = $1", link.key, name
        )

    async def other_purpose(self, n: int, name: str) -> None:
        await self.change(
            "update registry.link set purpose_key = $2 where link_key = $1",
            list(self.links.values())[n].key,
            self.purposes["other" if name in "ab" else "first"].key,
        )

    async def other_days(self, n: int, name: str) -> None:
        days = {"a": 1, "b": 30, "c": 60, "d": 3000}[name]
        await self.change(
            "update registry.link set consent_days = $2 where link_key = $1",
            list(self.links.values())[n].key,
            days,
        )

    async def other_consumer(self, n: int, name: str) -> None:
        town = self.ground.town
        await self.change(
            "update registry.link set consumer_component_key = $2 where link_key = $1",
            list(self.links.values())[n].key,
            (town.madoguchi if name in "abc" else town.mimamori).key,
        )

    async def rename_provider(self, n: int, name: str) -> None:
        provider = (self.ground.town.undo_app, self.ground.town.kenko_app)[n]
        await self.change(
            "update registry.component set name_ja = $2 where component_key = $1", provider.key, name
        )

    async def other_service(self, n: int, name: str) -> None:
        """Its name, what it is for, or who is responsible: the head of the text of all its links."""
        said = {"a": "name_ja", "b": "summary_ja", "c": "summary_en"}.get(name)
        if said is not None:
            statement = f"update registry.service set {said} = 'not ' || {said} where service_key = $1"
            await self.change(statement, self.service.key)
            return
        responsible = (self.ground.town.c2, self.ground.town.c1)[n]
        await self.change(
            "update registry.service set organization_key = $2 where service_key = $1",
            self.service.key,
            responsible.key,
        )

    async def end_link_and_begin_anew(self, n: int, name: str) -> None:
        """The same again under another id: a consent does not revive."""
        town, word = self.ground.town, list(self.links)[n]
        old, dataset = self.links[word], self.datasets[list(self.datasets)[n]]
        await self.change("update registry.link set state = 'ended' where link_key = $1", old.key)
        if name in "abc":
            async with self.ground.control.transaction() as conn:
                provider = (town.undo_app, town.kenko_app)[n]
                self.links[word] = await make_link(
                    conn,
                    self.service,
                    provider,
                    town.mimamori,
                    dataset,
                    self.purposes["first"],
                    consent_days=30,
                )

    async def suspend(self, n: int, name: str) -> None:
        organization = (self.ground.town.c1, self.ground.town.koiki)[n]
        await self.change(
            "update registry.organization set state = 'suspended', suspended_at = clock_timestamp(),"
            " suspension_reason = 'audit' where organization_key = $1 and state = 'certified'",
            organization.key,
        )
        self.texts.suspended.add(organization.id)

    async def reinstate(self, n: int, name: str) -> None:
        organization = (self.ground.town.c1, self.ground.town.koiki)[n]
        await self.change(
            "update registry.organization set state = 'certified', suspended_at = null, suspension_reason = null"
            " where organization_key = $1 and state = 'suspended'",
            organization.key,
        )
        self.texts.suspended.discard(organization.id)

    # --- time and residents --------------------------------------------------------------------------------

    async def let_time_pass(self, n: int, name: str) -> None:
        """Whatever ends, ends sooner by so many days."""
        days = {"a": 1, "b": 20, "c": 45, "d": 400}[name]
        await self.change(
            "update consent.state set expires_at = expires_at - make_interval(days => $2)"
            " where resident_key = any($1)",
            [one.made.key for one in self.people.values()],
            days,
        )
        await self.change(
            "update consent.sharing set expires_at = expires_at - make_interval(days => $2)"
            " where resident_key = any($1)",
            [one.made.key for one in self.people.values()],
            days,
        )
        self.texts.later += timedelta(days=days)

    def _schemas(self) -> dict[str, dict[str, Any]]:
        return {key: {name: one[1] for name, one in items.items()} for key, items in self.items.items()}

    def _who(self, n: int) -> Person:
        return list(self.people.values())[n]

    async def read(self, n: int, name: str) -> None:
        answer = await self._who(n).touch.get(f"{self.path}/presentation")
        if answer.status_code == 200:
            self._who(n).read, self._who(n).meanings = answer.json(), self._schemas()

    async def decide(self, n: int, name: str) -> None:
        """On the text that was read last, however old: each link by itself."""
        person = self._who(n)
        if person.read:
            links = links_of(person.read["text"])
            choices = {link["link_id"]: "refused" if name == "d" else "given" for link in links}
            if name == "c" and links:
                choices[links[0]["link_id"]] = "refused"
            await self._send(person, links, choices)

    async def change_one(self, n: int, name: str) -> None:
        """Read, and choose for one link alone; the other is named as it stands, or not at all."""
        await self.read(n, "")
        person = self._who(n)
        if person.read:
            links = links_of(person.read["text"])
            choices = (
                {links[0]["link_id"]: {"a": "refused", "b": "kept"}.get(name, "prolonged")} if links else {}
            )
            if name in "ac":
                choices |= dict.fromkeys([link["link_id"] for link in links[1:]], "given")
            await self._send(person, links, choices)

    async def _send(self, person: Person, links: list[Text], choices: dict[str, str]) -> None:
        body = {"sha256": person.read["sha256"], "links": choices}
        answer = await person.touch.post(f"{self.path}/decision", body)
        if answer.status_code in (200, 201):
            self.texts.decides(person.name, links, choices, person.meanings)

    async def read_and_decide(self, n: int, name: str) -> None:
        await self.read(n, name)
        await self.decide(n, name)

    async def withdraw(self, n: int, name: str) -> None:
        link = self.links["one" if name in "ab" else "two"]
        answer = await self._who(n).touch.post(f"{self.path}/withdrawal", {"links": [link.id]})
        if answer.status_code in (200, 201):
            self.texts.stops(self._who(n).name, link.id)

    async def share(self, n: int, name: str) -> None:
        sharer, viewer = self._who(n), self._who(1 - n)
        links = [self.links["one"].id, *([self.links["two"].id] if name in "ab" else [])]
        days = 30
        body = {
            "service_id": self.service.id,
            "links": links,
            "relation": "子",
            "viewer_name": "一",
            "days": days,
        }
        offered = await sharer.touch.post("/consent/v1/sharings", body)
        if offered.status_code != 201:
            return
        taken = await viewer.touch.post("/consent/v1/sharings/accept", {"code": offered.json()["code"]})
        assert taken.status_code == 201, taken.text
        sharing = taken.json()["sharing_id"]
        ends = self.texts.later + timedelta(days=days)
        read = {link: self.texts.decided[sharer.name, link] for link in links}
        self.texts.shares[sharing] = Share(sharer.name, viewer.name, read, ends)
        self.sharings.append(sharing)

    async def end_sharing(self, n: int, name: str) -> None:
        if self.sharings:
            sharing = self.sharings[-1]
            answer = await self._who(n).touch.call("DELETE", f"/consent/v1/sharings/{sharing}")
            assert answer.status_code == 204
            self.texts.shares[sharing].ended = True

    # --- what comes out --------------------------------------------------------------------------------------

    async def look(self, *, everywhere: bool = True) -> None:
        """Hear what is said now; then ask for what there is, and hold what comes against what may. `everywhere`: also
        as whom and for what nobody was told of."""
        said = await self._who(2).touch.get(f"{self.path}/presentation")
        links = links_of(said.json()["text"]) if said.status_code == 200 else []
        self.texts.says(links, self._schemas())
        self.texts.now = datetime.now(UTC)
        asking = [("mimamori", "first"), ("mimamori", "other"), ("c2-madoguchi", "first")]
        for person in list(self.people.values())[:2]:
            for consumer, purpose in asking if everywhere else asking[:1]:
                await self._exchange(person, consumer, self.purposes[purpose].id)
            for sharing in self.sharings:
                if everywhere or self.texts.shares[sharing].viewer == person.name:
                    await self._view(person, sharing)

    async def _exchange(self, person: Person, consumer: str, purpose: str) -> None:
        body = {
            "subject": str(person.subjects[consumer]),
            "purpose": purpose,
            "datasets": list(self.datasets),
        }
        answer = await call(self.ground, consumer, body)
        assert answer.status_code in (200, 403), answer.text
        for result in answer.json().get("results", ()):
            came = self._names(result, person.name)
            provider = result.get("source", {}).get("component_id", "")
            may = self.texts.may_flow(consumer, purpose, person.name, result["dataset"], provider)
            assert came <= may, (
                f"{came} of {result['dataset']} came to {consumer}; {may} was read and agreed to"
            )
            self.flowed += len(came)
        self._names_the_living(consumer, purpose, answer.json())

    def _names_the_living(self, consumer: str, purpose: str, answer: dict[str, Any]) -> None:
        """A link that ended is not told of beside the one that took its place; a refusal tells of the first dataset."""
        told = answer.get("results") or [{"dataset": next(iter(self.datasets)), "code": answer.get("code")}]
        ended = [one["dataset"] for one in told if one.get("code") == "consumer_not_linked"]
        assert not [one for one in ended if self.texts.is_linked(consumer, purpose, one)], answer

    async def _view(self, viewer: Person, sharing: str) -> None:
        answer = await viewer.touch.get(f"/consent/v1/sharings/{sharing}/items")
        assert answer.status_code in (200, 403), answer.text
        sharer = self.texts.shares[sharing].sharer
        for result in answer.json().get("results", ()):
            came = self._names(result, sharer)
            provider = result.get("source", {}).get("component_id", "")
            may = self.texts.may_view(sharing, viewer.name, result["dataset"], provider)
            assert came <= may, (
                f"{came} of {result['dataset']} shown to {viewer.name}; {may} was read and agreed to"
            )

    def _names(self, result: dict[str, Any], whose: str) -> set[str]:
        """The items in one source's part of an answer, all of them this resident's."""
        if result["status"] != "ok":
            assert not result.get("items"), result
        names: set[str] = set()
        for item in result.get("items") or ():
            assert all(value == f"{whose}'s {name}" for name, value in item["content"].items()), item
            names |= item["content"].keys()
        return names


async def call(ground: Ground, component: str, body: dict[str, Any]) -> httpx.Response:
    party = ground.parties[component]
    made, token = ground.tokens.get(component, (0.0, ""))
    if time.monotonic() - made > tokens.ACCESS_SECONDS / 2:
        answer = await party.token(grant_type="client_credentials")
        token = answer.json()["access_token"]
        ground.tokens[component] = time.monotonic(), token
    proof = party.dpop.proof("POST", BASE + EXCHANGE, token)
    headers = {"Authorization": f"DPoP {token}", "DPoP": proof}
    return await ground.http.post(EXCHANGE, json=body, headers=headers)


async def begin(ground: Ground) -> Story:
    """Two residents who use a service whose links take `a` and `b`; a third one only reads what it says."""
    town = ground.town
    async with ground.control.transaction() as conn:
        await conn.execute("update registry.organization set state = 'certified' where state = 'suspended'")
        service = await make_service(conn, town.c1)
        purposes = {"first": await make_purpose(conn), "other": await make_purpose(conn)}
        datasets, links, items = {}, {}, {}
        for word, provider in (("one", town.undo_app), ("two", town.kenko_app)):
            schema = {
                "type": "object",
                "additionalProperties": False,
                "properties": {name: {"type": "string"} for name in "ab"},
            }
            words = tuple((name, f"words of {name}", f"words of {name}") for name in "ab")
            dataset = await make_dataset(conn, items=words, schema=schema)
            datasets[dataset.id] = dataset
            items[dataset.id] = {name: (f"words of {name}", {"type": "string"}) for name in "ab"}
            links[word] = await make_link(
                conn, service, provider, town.mimamori, dataset, purposes["first"], consent_days=30
            )
        terms = await conn.fetchval(
            "select terms_key from registry.terms_version where service_key = $1", service.key
        )
        people = {}
        for name in ("hanako", "ichiro", "reader"):
            people[name] = await _person(ground, conn, name, service, terms, list(datasets))
    return Story(ground, service, purposes, datasets, links, people, Texts(datetime.now(UTC)), items)


async def _person(
    ground: Ground, conn: Connection, name: str, service: Made, terms: int, datasets: list[str]
) -> Person:
    town = ground.town
    made = await make_resident(conn)
    parts = (town.mimamori, town.madoguchi, town.undo_app, town.kenko_app)
    subjects = {part.id: await tie(conn, made, part) for part in parts}
    await make_membership(conn, made, service, terms, ground.terms)
    content = msgspec.json.encode({one: f"{name}'s {one}" for one in NAMES}).decode()
    for dataset, provider in zip(datasets, (town.undo_app, town.kenko_app), strict=True):
        await ground.stores[provider.id].execute(
            "insert into store.item (subject, dataset_id, item_id, content) values ($1, $2, 'x', $3::text::json)",
            subjects[provider.id],
            dataset,
            content,
        )
    return Person(name, made, subjects, await _touch(ground, conn, made))


async def _touch(ground: Ground, conn: Connection, resident: MadeResident) -> Touch:
    """A log-in that happened: an access token of the residents' app."""
    grant_id, key, now = random_uuid(), Key(), datetime.now(UTC)
    scope = "openid consent"
    await store_oauth.insert_grant(
        conn,
        grant_id,
        "portal-app",
        resident.key,
        scope,
        2,
        ["pwd", "otp"],
        now,
        b"session",
        now,
        0,
        "",
        3600,
    )
    await store_oauth.bind_grant(conn, grant_id, key.jkt)
    signing = await keys.current(conn, ground.platform.home.box(), "oidc")
    token = tokens.issue_access_token(
        signing, BASE, "portal-app", str(random_uuid()), scope, key.jkt, grant_id
    )
    return Touch(ground.http, key, token, resident)


Step = Callable[[Story, int, str], Awaitable[None]]
STEPS: dict[str, Step] = {
    one.__name__: one
    for one in (
        Story.add_item,
        Story.remove_item,
        Story.reword_item,
        Story.other_schema,
        Story.reword_purpose,
        Story.reword_benefit,
        Story.other_purpose,
        Story.other_days,
        Story.other_consumer,
        Story.rename_provider,
        Story.other_service,
        Story.end_link_and_begin_anew,
        Story.suspend,
        Story.reinstate,
        Story.let_time_pass,
        Story.read,
        Story.decide,
        Story.read_and_decide,
        Story.change_one,
        Story.withdraw,
        Story.share,
        Story.end_sharing,
    )
}
HAPPENED = st.tuples(st.sampled_from(list(STEPS)), st.integers(0, 1), st.sampled_from(NAMES))


async def hold(ground: Ground, happened: list[tuple[str, int, str]]) -> None:
    story = await begin(ground)
    for n in (0, 1):
        await story.read_and_decide(n, "a")
    await story.share(0, "a")
    await story.look(everywhere=False)
    # what was read and agreed to does flow: else nothing that follows would say anything
    assert story.flowed == 2 * 2 * 2
    for number, (name, n, which) in enumerate(happened):
        await STEPS[name](story, n, which)
        await story.look(everywhere=number == len(happened) - 1 or name.startswith("other"))
    event("something flowed on" if story.flowed > 8 else "nothing flowed on")


@given(st.lists(HAPPENED, min_size=1, max_size=5))
@example([("add_item", 0, "c")])
@example([("reword_purpose", 0, "a"), ("let_time_pass", 0, "c"), ("read_and_decide", 0, "a")])
@example([("other_consumer", 1, "a"), ("suspend", 1, "a"), ("reinstate", 1, "a")])
@example([("reword_item", 0, "a"), ("end_link_and_begin_anew", 1, "a"), ("end_sharing", 1, "a")])
@example([("other_service", 0, "a"), ("read_and_decide", 0, "a"), ("other_service", 0, "b")])
@example([("add_item", 0, "c"), ("read_and_decide", 0, "a")])
@example([("withdraw", 0, "a"), ("read_and_decide", 0, "a")])
@example([("other_service", 0, "d"), ("read_and_decide", 1, "a")])
@example([("end_link_and_begin_anew", 0, "a"), ("read_and_decide", 0, "a")])
@example([("other_days", 1, "d"), ("read_and_decide", 0, "c"), ("let_time_pass", 0, "c")])
@example([("other_days", 1, "c"), ("change_one", 0, "a"), ("let_time_pass", 0, "c")])
@example([("add_item", 0, "c"), ("change_one", 0, "b"), ("let_time_pass", 0, "c")])
@example([("other_days", 0, "d"), ("change_one", 0, "d"), ("let_time_pass", 0, "c")])
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
async def test_c1_nothing_beyond_the_last_text_read_ever_comes_out(
    ground: Ground, happened: list[tuple[str, int, str]]
) -> None:
    await hold(ground, happened)


@pytest.mark.heavy
@given(st.lists(HAPPENED, min_size=1, max_size=14))
@settings(max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck))
async def test_c1_nothing_beyond_the_last_text_read_ever_comes_out_at_length(
    ground: Ground, happened: list[tuple[str, int, str]]
) -> None:
    await hold(ground, happened)
