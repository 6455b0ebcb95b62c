"""What the registry may say otherwise, from one moment to the next."""

from __future__ import annotations

from tests.consent.model_scene import Scene
from tests.factories import make_link


class RegistrySteps(Scene):
    """Each step takes which of two (`n`) and a letter."""

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
