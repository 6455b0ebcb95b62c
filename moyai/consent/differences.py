"""What changed in a link's text since the resident decided on it: the old words beside the new ones. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

from moyai.registry.version_text import ItemWords, Named, ServiceWords, VersionText

What = Literal[
    "service",
    "service_summary",
    "responsible",
    "purpose",
    "purpose_name",
    "benefit",
    "dataset",
    "provider",
    "consumer",
    "manager",
    "item_added",
    "item_removed",
    "item_words",
    "item_values",
    "days",
]
"""`item_values`: the words are the same, but the schema of the values is not. `days`: how long a consent lasts.
`responsible`: who answers for the service."""


class Difference(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that the text says otherwise now. Null where it was not said before, or is not said any more.

    `item` is the item's name in the dataset, where it is about one item.
    """

    what: What
    old_ja: str | None = None
    old_en: str | None = None
    new_ja: str | None = None
    new_en: str | None = None
    item: str | None = None


def differences(old: VersionText, new: VersionText) -> tuple[Difference, ...]:
    """What `new` says otherwise than `old`, in the order in which a text says it."""
    return (
        *_service(old.service, new.service),
        *_words(old, new),
        *_items(old.items, new.items),
        *_parties(old, new),
        *_days(old, new),
    )


def _service(before: ServiceWords, now: ServiceWords) -> Iterator[Difference]:
    if (before.id, before.ja, before.en) != (now.id, now.ja, now.en):
        yield Difference("service", before.ja, before.en, now.ja, now.en)
    if (before.summary_ja, before.summary_en) != (now.summary_ja, now.summary_en):
        yield Difference(
            "service_summary", before.summary_ja, before.summary_en, now.summary_ja, now.summary_en
        )


def _words(old: VersionText, new: VersionText) -> Iterator[Difference]:
    before, now = old.purpose, new.purpose
    if (before.ja, before.en) != (now.ja, now.en):
        yield Difference("purpose", before.ja, before.en, now.ja, now.en)
    if (before.id, before.name_ja, before.name_en) != (now.id, now.name_ja, now.name_en):
        yield Difference("purpose_name", before.name_ja, before.name_en, now.name_ja, now.name_en)
    if old.benefit != new.benefit:
        yield Difference("benefit", old.benefit.ja, old.benefit.en, new.benefit.ja, new.benefit.en)
    if old.dataset != new.dataset:
        yield Difference("dataset", old.dataset.ja, old.dataset.en, new.dataset.ja, new.dataset.en)


def _items(old: dict[str, ItemWords], new: dict[str, ItemWords]) -> Iterator[Difference]:
    for name in (*new, *(name for name in old if name not in new)):
        before, now = old.get(name), new.get(name)
        if before is None and now is not None:
            yield Difference("item_added", None, None, now.ja, now.en, item=name)
        elif before is not None and now is None:
            yield Difference("item_removed", before.ja, before.en, item=name)
        elif before is not None and now is not None and before != now:
            same = (before.ja, before.en) == (now.ja, now.en)
            yield Difference(
                "item_values" if same else "item_words", before.ja, before.en, now.ja, now.en, item=name
            )


def _parties(old: VersionText, new: VersionText) -> Iterator[Difference]:
    sides: tuple[tuple[What, Named | None, Named | None], ...] = (
        ("responsible", old.responsible, new.responsible),
        ("provider", old.provider, new.provider),
        ("consumer", old.consumer, new.consumer),
        ("manager", old.manager, new.manager),
    )
    for what, before, now in sides:
        if before != now:
            yield Difference(what, *_named(before), *_named(now))


def _named(party: Named | None) -> tuple[str | None, str | None]:
    if party is None:
        return None, None
    if not party.component_id:
        return party.organization_ja, party.organization_en
    return (
        f"{party.organization_ja}（{party.component_ja}）",
        f"{party.organization_en} ({party.component_en})",
    )


def _days(old: VersionText, new: VersionText) -> Iterator[Difference]:
    if old.days != new.days:
        yield Difference("days", f"{old.days}日間", f"{old.days} days", f"{new.days}日間", f"{new.days} days")
