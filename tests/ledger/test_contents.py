"""Contents of acts: typed, versioned, read back as they were written."""

from __future__ import annotations

import pytest

from moyai.base.db import Connection
from moyai.ledger import Act, Kind, contents, opening, record
from moyai.ledger.contents import CONTENTS, Content
from moyai.ledger.model import Event


class Tried(Content, frozen=True):
    client_id: str
    note: str = ""


@pytest.fixture(autouse=True)
def _declared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CONTENTS, Kind.KEY_ROTATED, Tried)


async def test_a_content_is_read_back_as_its_struct(control: Connection) -> None:
    id_ = await record(control, Act(Kind.KEY_ROTATED, "system", detail=Tried(client_id="c1-desk")))
    event = await opening(control, id_)
    assert isinstance(event, Event)
    assert event.detail == {"v": 1, "client_id": "c1-desk"}
    assert contents.read(event.kind, event.detail) == Tried(client_id="c1-desk")
    assert event.opens()


async def test_a_kind_with_a_content_takes_no_dict(control: Connection) -> None:
    with pytest.raises(AssertionError, match="key_rotated records a Tried, not a dict"):
        await record(control, Act(Kind.KEY_ROTATED, "system", detail={"client_id": "c1-desk"}))


def test_an_entry_from_before_its_kind_had_a_content_is_read_as_it_is() -> None:
    assert contents.read(Kind.KEY_ROTATED, {"client": "c1-desk"}) is None
