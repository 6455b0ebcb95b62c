"""Whether a resident may begin with a service or consent to its links: scope and levels (guidebook 1.2.1, 1.2.4)."""

from __future__ import annotations

from collections.abc import Iterable

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.consent.catalogue import ServiceFacts, resident_of
from moyai.identity.model import Resident, ResidentCaller
from moyai.registry.model import Link


def obstacle(resident: Resident, aal: int, facts: ServiceFacts, links: Iterable[Link] = ()) -> Problem | None:
    """Why not, or None. `links` are the ones to be consented to: their datasets may ask for higher levels."""
    if resident.state != "active":
        return Problem("resident_inactive")
    if resident.municipality_code not in facts.service.municipality_codes:
        return Problem("outside_user_scope", user_scope=list(facts.service.municipality_codes))
    wanted = [(facts.service.required_ial, facts.service.required_aal)]
    wanted += [(link.required_ial, link.required_aal) for link in links]
    ial, aal_wanted = max(i for i, _ in wanted), max(a for _, a in wanted)
    if resident.ial < ial or aal < aal_wanted:
        return Problem(
            "assurance_insufficient",
            required={"ial": ial, "aal": aal_wanted},
            actual={"ial": resident.ial, "aal": aal},
        )
    return None


async def require_eligible(
    conn: Connection, caller: ResidentCaller, facts: ServiceFacts, links: Iterable[Link] = ()
) -> None:
    """Raises Problem: resident_inactive, outside_user_scope, assurance_insufficient (with required and actual)."""
    problem = obstacle(await resident_of(conn, caller.resident_key), caller.aal, facts, links)
    if problem is not None:
        raise problem
