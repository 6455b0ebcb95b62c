"""What an act that waits was read against: entries by noun and id, each with a hash of its text as it was then.

Whoever confirms has read the change together with what it names. If one of those is another text by then, the word that is
given is not for what was read. An entry's standing (certified, suspended) is no text: it is judged when the act is done.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

import msgspec

from moyai.base.db import Connection
from moyai.registry import store_clients, store_links, store_organizations, store_services
from moyai.registry.hashing import digest
from moyai.registry.recording import builtins

Named = tuple[str, str]
"""An entry by its noun and its id."""


class Entry(msgspec.Struct, frozen=True):
    """An entry as it was read: `sha256` of its text, None where there was none."""

    noun: str
    id: str
    sha256: str | None


_READ: Final[dict[str, Callable[[Connection, str], Awaitable[msgspec.Struct | None]]]] = {
    "organization": store_organizations.organization,
    "component": store_services.component,
    "service": store_services.service,
    "dataset": store_links.dataset,
    "purpose": store_links.purpose,
    "client": store_clients.client,
}

_STANDING: Final = frozenset(
    {
        "state",
        "organization_state",
        "criteria_version",
        "reviewer",
        "reviewer_organization_id",
        "certified_at",
        "suspended_at",
        "suspension_reason",
    }
)


async def read_now(conn: Connection, named: Iterable[Named]) -> list[Entry]:
    """These entries as they are now, in a fixed order."""
    return [Entry(noun, one, await _sha256(conn, noun, one)) for noun, one in sorted(set(named))]


async def other_than_read(conn: Connection, rests_on: list[dict[str, Any]]) -> list[Entry]:
    """Those that are not the text any more that was read."""
    were = msgspec.convert(rests_on, list[Entry])
    return [one for one in were if await _sha256(conn, one.noun, one.id) != one.sha256]


async def _sha256(conn: Connection, noun: str, thing_id: str) -> str | None:
    found = await _READ[noun](conn, thing_id)
    return None if found is None else digest(text_of(found)).hex()


def text_of(found: msgspec.Struct) -> dict[str, Any]:
    """What an entry says, without its standing."""
    return {name: value for name, value in builtins(found).items() if name not in _STANDING}
