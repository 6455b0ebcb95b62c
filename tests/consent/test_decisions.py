"""The decision: nothing without the text, every link decided, in force at once."""

from __future__ import annotations

import msgspec
import pytest

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.base.secrets import SecretBox
from moyai.consent import receipts, store
from moyai.consent.model import State
from tests.consent.conftest import HERE, Walk, calls
from tests.factories import Town


async def states(conn: Connection, town: Town) -> dict[str, str]:
    found = await store.states_of(conn, town.hanako.key)
    return {name: found[link.key].state.word for name, link in town.links.items() if link.key in found}


async def test_one_word_gives_all_links(control: Connection, town: Town, hanako: Walk) -> None:
    decided = await hanako.join("given")
    assert decided.links == {"kenko-steps": "given", "kenko-vitals": "given", "kenko-presence": "given"}
    assert await states(control, town) == {"steps": "given", "vitals": "given", "presence": "given"}
