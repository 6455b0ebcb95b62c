"""What may stop a consent that nobody took back: residents move and close, services pause, clients are disabled."""

from __future__ import annotations

import hashlib

from moyai.base.engine import ADMIN
from tests.consent.model_registry import RegistrySteps
from tests.consent.model_scene import Person

CLIENT = "client-mimamori"


class StandingSteps(RegistrySteps):
    """As the steps of the registry. What each closes is told to the model in its own words."""

    def _who(self, n: int) -> Person:
        return list(self.people.values())[n]

    def _closes(self, whom: str, why: str, *, now: bool) -> None:
        reasons = self.texts.closed.setdefault(whom, set())
        (reasons.add if now else reasons.discard)(why)

    async def move(self, n: int, name: str) -> None:
        """Out of the municipality that the service is for, and back."""
        away = name in "abc"
        await self.change(
            "update identity.resident set municipality_code = $2 where resident_key = $1",
            self._who(n).made.key,
            "131016" if away else "372013",
        )
        self._closes(self._who(n).name, "scope", now=away)

    async def close(self, n: int, name: str) -> None:
        await self.change(
            "update identity.resident set state = 'closed' where resident_key = $1", self._who(n).made.key
        )
        self._closes(self._who(n).name, "closed", now=True)

    async def ask_higher_level(self, n: int, name: str) -> None:
        """Of authentication, for everybody; and as it was."""
        higher = name in "abc"
        await self.change(
            "update registry.service set required_aal = $2 where service_key = $1",
            self.service.key,
            3 if higher else 2,
        )
        self._closes("", "aal", now=higher)

    async def proof_lower(self, n: int, name: str) -> None:
        """A resident is proofed anew, on weaker evidence; and as before."""
        lower = name in "abc"
        await self.change(
            "update identity.resident set ial = $2 where resident_key = $1",
            self._who(n).made.key,
            1 if lower else 2,
        )
        self._closes(self._who(n).name, "ial", now=lower)

    async def suspend_service(self, n: int, name: str) -> None:
        stopped = name in "abc"
        await self.change(
            "update registry.service set state = $2 where service_key = $1",
            self.service.key,
            "suspended" if stopped else "certified",
        )
        self._closes("", "service", now=stopped)

    async def publish_terms(self, n: int, name: str) -> None:
        """Terms whose day has passed already pause the service for whoever has not accepted them; others do not yet."""
        passed = name in "abc"
        content = f"{self.service.id} {len(self.texts.closed)} {self.terms}"
        await self.change(
            """
            insert into registry.terms_version (kind, service_key, version, content, sha256, accept_by)
            select kind, service_key, version + 1, content, $2, (now() at time zone 'Asia/Tokyo')::date + $3::int
              from registry.terms_version where service_key = $1 order by version desc limit 1
            """,
            self.service.key,
            hashlib.sha256(content.encode()).digest(),
            -1 if passed else 30,
        )
        self.terms += 1
        if passed:
            for one in self.people:
                self._closes(one, "terms", now=True)

    async def accept_terms(self, n: int, name: str) -> None:
        path, touch = f"/consent/v1/services/{self.service.id}/terms", self._who(n).touch
        standing = await touch.get(path)
        if standing.status_code == 200:
            read = standing.json()
            body = {part: read[part]["in_force"]["sha256"] for part in ("service_terms", "platform_terms")}
            answer = await touch.post(path, body)
            if answer.status_code in (200, 201):
                self._closes(self._who(n).name, "terms", now=False)

    async def end_tie(self, n: int, name: str) -> None:
        """The consumer, or the provider of the first link, knows this resident no more. No act of the program ends a tie."""
        town, person = self.ground.town, self._who(n)
        component = town.mimamori if name in "ab" else town.undo_app
        conn = await self.ground.platform.connect(ADMIN, "moyai_control")
        await conn.execute(
            "update identity.pairwise set ends_at = clock_timestamp() - interval '1 second'"
            " where resident_key = $1 and component_key = $2",
            person.made.key,
            component.key,
        )
        self.texts.untied.add((person.name, component.id))

    async def disable_client(self, n: int, name: str) -> None:
        await self._client(
            "update registry.client set state = $1 where client_id = $2", "disabled", "active", name
        )

    async def take_scope(self, n: int, name: str) -> None:
        await self._client(
            "update registry.client set scopes = array[$1]::text[] where client_id = $2",
            "personal:write",
            "personal:exchange",
            name,
        )

    async def _client(self, statement: str, stopped: str, active: str, name: str) -> None:
        stop = name in "abc"
        await self.change(statement, stopped if stop else active, CLIENT)
        self.texts.silent.discard(statement)
        if stop:
            self.texts.silent.add(statement)
