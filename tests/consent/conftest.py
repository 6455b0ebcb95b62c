"""The standing cast in the control database, and the five steps as one call."""

from __future__ import annotations

import pytest

from moyai.base.clock import utc_now
from moyai.base.db import Connection
from moyai.base.secrets import SecretBox
from moyai.consent import decisions, enrolment, facts_of, presentation
from moyai.consent.choices import Choices
from moyai.consent.decisions import Decided
from moyai.consent.model import Presentation, ThisPlatform
from moyai.identity.model import ResidentCaller
from tests.factories import MadeResident, Town, make_town

HERE = ThisPlatform("test", "試験の基盤", "Test platform", "http://localhost:8400")


@pytest.fixture
async def town(control: Connection) -> Town:
    return await make_town(control)


def calls(resident: MadeResident, *, session: str = "session-1", aal: int = 2) -> ResidentCaller:
    """The resident, logged in."""
    return ResidentCaller(
        resident_key=resident.key,
        resident_id=resident.id,
        session_id=session,
        client_id="portal",
        ial=resident.ial,
        aal=aal,
        scopes=frozenset({"consent"}),
        second_factor_at=utc_now(),
    )


async def as_shared_now(conn: Connection, *link_keys: int) -> dict[str, list[int]]:
    """These links, shared on the text that they have now, as the gate is asked for them."""
    rows = await conn.fetch(
        "select link_key, version_key from registry.link where link_key = any($1)", list(link_keys)
    )
    found: dict[int, int] = {row["link_key"]: row["version_key"] for row in rows}
    return {"link_keys": list(link_keys), "version_keys": [found[key] for key in link_keys]}


class Walk:
    """One resident's walk towards one service, step by step or all at once."""

    def __init__(self, conn: Connection, box: SecretBox, caller: ResidentCaller, service_id: str) -> None:
        self.conn, self.box, self.caller, self.service_id = conn, box, caller, service_id

    async def steps(self, until: int = 4) -> None:
        """Do the first steps, up to `until`."""
        facts = await facts_of(self.conn, self.service_id)
        conn, caller, service_id = self.conn, self.caller, self.service_id
        if until >= 1:
            await enrolment.choose(conn, caller, service_id)
        if until >= 2:
            await enrolment.accept_service_terms(conn, caller, service_id, facts.terms.sha256)
        if until >= 3:
            await enrolment.recognize_platform(conn, caller, service_id, "test", "test")
        if until >= 4:
            await enrolment.accept_platform_terms(conn, caller, service_id, facts.platform_terms.sha256)

    async def present(self) -> Presentation:
        return await presentation.present(self.conn, self.caller, HERE, self.service_id)

    async def decide(self, sha256: str, choices: Choices = "given") -> Decided:
        return await decisions.decide(
            self.conn, self.caller, HERE, self.box, self.service_id, sha256, choices
        )

    async def join(self, choices: Choices = "given") -> Decided:
        """All five steps."""
        await self.steps()
        return await self.decide((await self.present()).sha256, choices)


@pytest.fixture
def hanako(control: Connection, box: SecretBox, town: Town) -> Walk:
    """Hanako (C1) on her way to the composite service."""
    return Walk(control, box, calls(town.hanako), town.kenko.id)
