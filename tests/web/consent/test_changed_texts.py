"""`/consent/v1` gives what changed since the decision as data."""

from __future__ import annotations

from moyai.base.db import Connection
from tests.consent.test_changed_texts import NEW_ITEM, NEW_PURPOSE
from tests.web.consent.conftest import Touch


async def test_c1_the_text_comes_with_what_it_says_otherwise_than_before(
    hanako: Touch, control: Connection
) -> None:
    await hanako.join()
    assert (await hanako.present())["changed"] == []
    await control.raw.execute(NEW_PURPOSE)
    assert (await hanako.present())["changed"] == [
        {
            "link_id": "kenko-vitals",
            "standing": "outdated",
            "to_decide": True,
            "consented_version": 1,
            "version": 2,
            "changes": [
                {
                    "what": "purpose",
                    "old_ja": "健康づくりの助言に使います。",
                    "old_en": "Used for advice on health.",
                    "new_ja": "保険料の算定に使います。",
                    "new_en": "Used for advice on health.",
                }
            ],
        }
    ]


async def test_c1_my_consents_and_the_overview_say_outdated(hanako: Touch, control: Connection) -> None:
    await hanako.join()
    await control.raw.execute(NEW_PURPOSE)
    services = (await hanako.get("/consent/v1/consents")).json()["services"]
    link = next(each for each in services[0]["links"] if each["link_id"] == "kenko-vitals")
    assert (link["standing"], link["closed"], link["changes"][0]["what"]) == (
        "outdated",
        "consent_outdated",
        "purpose",
    )
    who = (await hanako.get("/consent/v1/overview")).json()["who"]
    assert {each["link"]["link_id"] for each in who} == {"kenko-steps", "kenko-presence"}


async def test_c1_added_items_are_named_as_waiting(hanako: Touch, control: Connection) -> None:
    await hanako.join()
    await control.raw.execute(NEW_ITEM)
    changed = (await hanako.present())["changed"]
    assert [(one["link_id"], one["standing"], one["to_decide"]) for one in changed] == [
        ("kenko-vitals", "given", True)
    ]
    assert changed[0]["changes"] == [
        {"what": "item_added", "item": "illness", "new_ja": "病名", "new_en": "Illness"}
    ]
    assert (await hanako.decide("given")).status_code == 201
    assert (await hanako.present())["changed"] == []
