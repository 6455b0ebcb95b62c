"""Values of the personal broker."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

import msgspec

# `$` alone also matches before a line feed at the end
ItemId = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$(?!\n)")]
RegistryId = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$(?!\n)")]
Subject = Annotated[
    str, msgspec.Meta(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$(?!\n)")
]

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
"""RFC 3339, so with its offset from UTC."""

MOST_ITEMS = 1000

Limit = Annotated[int, msgspec.Meta(ge=1, le=MOST_ITEMS)]

Cursor = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[A-Za-z0-9_-]{1,65536}$(?!\n)", description="`next` of the answer before, as it came."
    ),
]

Since = Annotated[
    datetime,
    msgspec.Meta(tz=True, description="Items of this moment or later (observed, else first stored)."),
]
Until = Annotated[datetime, msgspec.Meta(tz=True, description="Items before this moment.")]

ITEM_BYTES = 256
"""What an item takes of an answer beside its content, at most; the statement that reads counts with the same."""


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def etag_of(version: int, created_at: datetime) -> str:
    """The strong entity tag of an item: one that was deleted and stored anew is another one (RFC 9110, 8.8.3)."""
    return f'"{version}-{(created_at - _EPOCH) // timedelta(microseconds=1):x}"'


class NewItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An item to keep. `content` must fit the dataset's JSON Schema; `observed_at` is when it was measured."""

    item_id: ItemId
    content: msgspec.Raw
    observed_at: Moment | None = None

    def __post_init__(self) -> None:
        if self.observed_at is not None and not 1 < self.observed_at.year < 9999:
            raise ValueError("observed_at: years 2 to 9998")


class Item(msgspec.Struct, frozen=True):
    """An item as it lies in a store. `content` is the JSON that was sent, byte for byte."""

    item_id: str
    version: int
    observed_at: datetime | None
    content: msgspec.Raw


class Stored(msgspec.Struct, frozen=True):
    """What became of a write: `created` is false where an item of that id was replaced."""

    item_id: str
    version: int
    created: bool
    etag: str


class Condition(msgspec.Struct, frozen=True):
    """What must hold for a write (RFC 9110, 13.1): the item has one of the tags in `match` (`*`: it is there), or with
    `absent` there is none."""

    match: tuple[str, ...] | None = None
    absent: bool = False

    def holds(self, etag: str | None) -> bool:
        """By strong comparison: a weak tag is the tag of no item."""
        if self.absent:
            return etag is None
        return self.match is None or (etag is not None and ("*" in self.match or etag in self.match))


class Location(msgspec.Struct, frozen=True):
    """Where data of one kind about one resident lies (データ所在情報). Never the data."""

    dataset_id: str
    dataset_name_ja: str
    dataset_name_en: str
    organization_id: str
    organization_name_ja: str
    organization_name_en: str
    component_id: str
    component_name_ja: str
    component_name_en: str
    placement: str
    items: int
    updated_at: datetime


class ExchangeRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A consumer asks for datasets of one person, for one purpose.

    `subject` is what the consumer component knows the person as. At most `limit` items per source, newest first by when
    they were observed, else first stored; `since` (inclusive) and `until` (exclusive) bound that time. `cursor` goes on
    where an answer ended. `item_id` asks for that item alone, and goes with none of the three.
    """

    subject: Subject
    purpose: RegistryId
    datasets: Annotated[list[RegistryId], msgspec.Meta(min_length=1, max_length=20)]
    limit: Limit = 100
    since: Since | None = None
    until: Until | None = None
    cursor: Cursor | None = None
    item_id: ItemId | None = None

    def __post_init__(self) -> None:
        if self.item_id is not None and (self.since or self.until or self.cursor):
            raise ValueError("item_id goes without since, until and cursor")


class Source(msgspec.Struct, frozen=True):
    """Who answered: the responsible organisation and its component."""

    organization_id: str
    component_id: str


class Result(msgspec.Struct, frozen=True, omit_defaults=True):
    """One source's part of the answer: its items, or why there are none.

    `version` is the version of the link's text that the resident read and consented to; the items hold what that text
    named, and nothing else.
    """

    dataset: str
    status: Literal["ok", "refused", "unavailable"]
    source: Source | None = None
    items: list[Item] | None = None
    code: str | None = None
    version: int | None = None


class ExchangeAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """One shape wherever the data lay. `exchange_id` is the ledger entry that recorded it. `next` is the cursor of the
    next page, an exchange of its own; without it, the sources that answered have no more."""

    exchange_id: str
    recorded_at: str
    subject: str
    purpose: str
    results: list[Result]
    next: str | None = None
