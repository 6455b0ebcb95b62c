"""One example of the property test: what happens, and what may come out of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.consent.model_of_texts import Share, Text, Texts, links_of
from tests.consent.model_scene import Ground, Person, call, make_person
from tests.consent.model_standing import CLIENT, StandingSteps
from tests.factories import make_dataset, make_link, make_purpose, make_service


class Story(StandingSteps):
    """Residents read, decide, share and stop; after each step what comes out is held against what may."""

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
        if taken.status_code != 201 and self.texts.is_closed(viewer.name):
            return
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
            assert answer.status_code == 204 or self.texts.is_closed(self._who(n).name)
            self.texts.shares[sharing].ended |= answer.status_code == 204

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
            if everywhere:
                await self._ask_as_another(person)
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
            assert may or result["status"] != "ok", f"{result['dataset']} was open to {consumer}"
            assert came <= may, (
                f"{came} of {result['dataset']} came to {consumer}; {may} was read and agreed to"
            )
            self.flowed += len(came)
        self._names_the_living(consumer, purpose, answer.json())
        self._says_what_was_decided(consumer, purpose, person.name, answer.json())

    async def _ask_as_another(self, person: Person) -> None:
        """With the id that another component knows this resident by: nobody, to whoever asks."""
        for component in (self.ground.town.undo_app.id, self.ground.town.kenko_app.id):
            body = {
                "subject": str(person.subjects[component]),
                "purpose": self.purposes["first"].id,
                "datasets": list(self.datasets),
            }
            answer = await call(self.ground, "mimamori", body)
            assert answer.status_code == 403, answer.text

    def _says_what_was_decided(
        self, consumer: str, purpose: str, resident: str, answer: dict[str, Any]
    ) -> None:
        """Where nothing but the resident's own word closes a link, the code is of that word."""
        for one in answer.get("results") or [
            {"dataset": next(iter(self.datasets)), "code": answer.get("code")}
        ]:
            provider = one.get("source", {}).get("component_id")
            words = self.texts.words(consumer, purpose, resident, one["dataset"], provider)
            assert one.get("code") in words or not words, (one, words)

    def _names_the_living(self, consumer: str, purpose: str, answer: dict[str, Any]) -> None:
        """A link that ended is not told of beside the one that took its place; a refusal tells of the first dataset."""
        told = answer.get("results") or [{"dataset": next(iter(self.datasets)), "code": answer.get("code")}]
        ended = [one["dataset"] for one in told if one.get("code") == "consumer_not_linked"]
        assert not [one for one in ended if self.texts.is_linked(consumer, purpose, one)], answer

    async def _view(self, viewer: Person, sharing: str) -> None:
        answer = await viewer.touch.get(f"/consent/v1/sharings/{sharing}/items")
        assert answer.status_code in (200, 403) or self.texts.is_closed(viewer.name), answer.text
        sharer = self.texts.shares[sharing].sharer
        for result in answer.json().get("results", ()):
            came = self._names(result, sharer)
            provider = result.get("source", {}).get("component_id", "")
            may = self.texts.may_view(sharing, viewer.name, result["dataset"], provider)
            assert may or result["status"] != "ok", f"{result['dataset']} was open to {viewer.name}"
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


async def begin(ground: Ground) -> Story:
    """Two residents who use a service whose links take `a` and `b`; a third one only reads what it says."""
    town = ground.town
    async with ground.control.transaction() as conn:
        await conn.execute("update registry.organization set state = 'certified' where state = 'suspended'")
        await conn.execute(
            "update registry.client set state = 'active', scopes = '{personal:exchange}' where client_id = $1",
            CLIENT,
        )
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
            people[name] = await make_person(ground, conn, name, service, terms, list(datasets))
    return Story(ground, service, purposes, datasets, links, people, Texts(datetime.now(UTC)), items)
