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


async def test_p_h1_the_text_comes_with_what_stands_and_what_can_be_chosen(
    hanako: Touch, control: Connection
) -> None:
    await hanako.join({"kenko-steps": "given", "kenko-vitals": "given", "kenko-presence": "refused"})
    await control.execute("update consent.state set expires_at = '2199-01-01 00:00+09' where state = 1")
    await control.raw.execute(NEW_ITEM)
    found = {one["link_id"]: one for one in (await hanako.present())["standing"]}
    assert {key: (one["standing"], one["choices"]) for key, one in found.items()} == {
        "kenko-steps": ("given", ["kept", "refused"]),
        "kenko-vitals": ("given", ["given", "kept", "refused"]),
        "kenko-presence": ("refused", ["given", "kept"]),
    }
    assert (found["kenko-vitals"]["waiting"], found["kenko-vitals"]["declined"]) == (["illness"], [])
    assert found["kenko-steps"]["until"] == "2198-12-31T15:00:00.000Z"
    await control.execute("update consent.state set expires_at = clock_timestamp() + interval '9 days'")
    found = {one["link_id"]: one for one in (await hanako.present())["standing"]}
    assert found["kenko-steps"]["choices"] == ["kept", "prolonged", "refused"]


async def test_p_h1_a_touch_point_that_sends_all_it_shows_prolongs_nothing(
    hanako: Touch, control: Connection
) -> None:
    await hanako.join()
    await control.execute("update consent.state set expires_at = now() + interval '9 days'")
    before = await control.fetchval("select min(expires_at) from consent.state")
    links = {"kenko-steps": "refused", "kenko-vitals": "given", "kenko-presence": "given"}
    made = await hanako.decide(links)
    assert made.json()["links"] == {"kenko-steps": "refused"}
    ends = await control.fetch("select expires_at from consent.state where state = 1")
    assert [row["expires_at"] for row in ends] == [before, before]
    nothing = await hanako.decide({"kenko-steps": "kept"})
    assert (nothing.status_code, nothing.json()["code"]) == (409, "nothing_to_change")
