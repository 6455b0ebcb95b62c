"""`/consent/v1/sharings`: a relative sees the chosen items, while the sharing lives, and each look is on record."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from moyai.base.db import Connection, connect
from moyai.base.provision import Store
from moyai.base.secrets import SecretBox
from moyai.ledger import Kind
from moyai.web import shared_items
from tests.factories import Made, Town, make_resident, tie
from tests.web.consent.conftest import SERVICE, SignIn, Touch

R004 = ["api", "portal"]


@dataclass
class Family:
    """Hanako, who consents to everything, and her daughter in Tokyo."""

    hanako: Touch
    daughter: Touch
    steps_subject: UUID
    control: Connection
    town: Town

    async def share(self, *links: str, days: int = 30) -> dict[str, Any]:
        body = {
            "service_id": "kenko-mimamori",
            "links": list(links),
            "relation": "娘",
            "viewer_name": "恵",
            "shown_as": "母",
            "days": days,
        }
        answer = await self.hanako.post("/consent/v1/sharings", body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def shared(self, *links: str) -> str:
        """Offered and taken; gives the path of the items."""
        offered = await self.share(*links)
        taken = await self.daughter.post("/consent/v1/sharings/accept", {"code": offered["code"]})
        assert taken.status_code == 201, taken.text
        return f"/consent/v1/sharings/{taken.json()['sharing_id']}/items"


async def place(conn: Connection, organization: Made, store: Store) -> None:
    await conn.execute(
        "insert into registry.store (broker, organization_key, host, port, database, role, sealed_password)"
        " values ('personal', $1, $2, $3, $4, $5, $6)",
        organization.key,
        store.host,
        store.port,
        store.database,
        store.role,
        store.sealed_password,
    )


async def put(
    store: Store, box: SecretBox, subject: UUID, dataset_id: str, item_id: str, content: str
) -> None:
    """Committed for good: the subject is random, so no other test sees it."""
    conn = await connect(store.dsn(box))
    await conn.execute(
        "insert into store.item (subject, dataset_id, item_id, content) values ($1, $2, $3, $4::text::json)",
        subject,
        dataset_id,
        item_id,
        content,
    )
    await conn.raw.close()


@pytest.fixture
async def family(
    control: Connection, box: SecretBox, town: Town, sign_in: SignIn, hanako: Touch, organization_store: Store
) -> Family:
    await place(control, town.c1, organization_store)
    steps = await tie(control, town.hanako, town.undo_app)
    await tie(control, town.hanako, town.kenko_app)
    await tie(control, town.hanako, town.sensor)
    await put(organization_store, box, steps, "steps", "2026-11-23", '{"steps": 5120}')
    await put(organization_store, box, steps, "diary", "2026-11-23", '{"note": "not shared"}')
    daughter = await make_resident(control, "131016", name=("讃岐", "恵", "サヌキ", "メグミ"))
    await hanako.join()
    return Family(hanako, await sign_in(daughter), steps, control, town)


def problem(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


@pytest.mark.requirement("R-004", part="api", of=R004)
async def test_the_relative_sees_the_chosen_items_and_no_others(family: Family) -> None:
    items = await family.shared("kenko-steps")
    seen = (await family.daughter.get(items)).json()["results"]
    assert [(r["dataset"], r["status"]) for r in seen] == [("steps", "ok")]
    assert [(i["item_id"], i["content"]) for i in seen[0]["items"]] == [("2026-11-23", {"steps": 5120})]


@pytest.mark.requirement("R-004", part="api", of=R004)
async def test_ending_it_stops_access_on_the_next_call_and_is_in_the_history(family: Family) -> None:
    items = await family.shared("kenko-steps")
    assert (await family.daughter.get(items)).status_code == 200
    assert (await family.hanako.call("DELETE", items.removesuffix("/items"))).status_code == 204
    assert problem(await family.daughter.get(items)) == (403, "grant_not_in_force")
    rows = (await family.hanako.get("/consent/v1/history")).json()["rows"]
    kinds = [row["kind"] for row in rows]
    for kind in ("sharing_given", "sharing_accepted", "shared_view", "sharing_ended", "refusal"):
        assert kind in kinds, kind
    view = next(row for row in rows if row["kind"] == "shared_view")
    assert view["movements"][0]["items"] == 1
    assert view["text_ja"] == "恵さん（娘）が、「歩数」を見ました。"
    # f5: neither the line nor what its leaf opens to says which resident the viewer is
    daughter = await family.control.fetchval(
        "select r.resident_id from consent.sharing s join identity.resident r on r.resident_key = s.viewer_key"
    )
    assert daughter not in f"{rows}"
    assert {row["actor"] for row in rows if row["kind"] in ("shared_view", "refusal")} == {"viewer"}
    assert '"actor":"viewer"' in view["proof"]["body"]


@pytest.mark.requirement("R-004", part="api", of=R004)
async def test_it_ends_by_itself_when_its_days_are_over(family: Family) -> None:
    items = await family.shared("kenko-steps")
    await family.control.execute("update consent.sharing set expires_at = clock_timestamp()")
    assert problem(await family.daughter.get(items)) == (403, "grant_not_in_force")


@pytest.mark.requirement("R-004", part="api", of=R004)
async def test_a_withdrawn_consent_closes_its_part_of_the_sharing(family: Family) -> None:
    items = await family.shared("kenko-steps", "kenko-presence")
    await family.hanako.post(f"{SERVICE}/withdrawal", {"links": ["kenko-steps"]})
    seen = {r["dataset"]: r for r in (await family.daughter.get(items)).json()["results"]}
    assert (seen["steps"]["status"], seen["steps"]["code"]) == ("refused", "consent_withdrawn")
    assert "items" not in seen["steps"]
    assert seen["presence"]["status"] == "ok"


async def test_m13_what_is_shared_is_read_to_the_end_and_each_page_is_a_look(
    family: Family, organization_store: Store, box: SecretBox
) -> None:
    for day in ("2026-11-21", "2026-11-22"):
        await put(organization_store, box, family.steps_subject, "steps", day, '{"steps": 1}')
    items = await family.shared("kenko-steps", "kenko-presence")
    first = (await family.daughter.get(f"{items}?limit=2")).json()
    cursor = first["next"]
    # where the resident's data lies may say where the resident lives
    assert b"kenko" not in urlsafe_b64decode(cursor + "==")
    second = (await family.daughter.get(f"{items}?limit=2&cursor={cursor}")).json()
    found = [[i["item_id"] for r in page["results"] for i in r["items"]] for page in (first, second)]
    assert [len(one) for one in found] == [2, 1]
    assert len({*found[0], *found[1]}) == 3
    assert "next" not in second
    rows = (await family.hanako.get("/consent/v1/history")).json()["rows"]
    assert [row["kind"] for row in rows].count("shared_view") == 2
    await family.hanako.post(f"{SERVICE}/withdrawal", {"links": ["kenko-steps"]})
    after = (await family.daughter.get(f"{items}?limit=2&cursor={cursor}")).json()
    assert [r["code"] for r in after["results"]] == ["consent_withdrawn"]
    assert problem(await family.daughter.get(f"{items}?cursor=abc")) == (422, "invalid_request")


async def test_scope_is_judged_on_the_resident_who_shares(family: Family) -> None:
    """Nobody asks where the viewer lives; the sharer moving out of the scope closes it."""
    items = await family.shared("kenko-steps")
    await family.control.execute(
        "update identity.resident set municipality_code = '373419' where resident_key = $1",
        family.town.hanako.key,
    )
    seen = (await family.daughter.get(items)).json()["results"]
    assert [(r["dataset"], r["code"]) for r in seen] == [("steps", "outside_user_scope")]


async def test_nobody_else_can_look(family: Family, sign_in: SignIn) -> None:
    items = await family.shared("kenko-steps")
    for other in (family.hanako, await sign_in(family.town.ichiro)):
        assert problem(await other.get(items)) == (403, "grant_not_in_force")
    unknown = "/consent/v1/sharings/00000000-0000-0000-0000-000000000000/items"
    assert problem(await family.daughter.get(unknown)) == (403, "grant_not_in_force")


async def test_a_strangers_try_is_not_on_the_residents_record(family: Family, sign_in: SignIn) -> None:
    items = await family.shared("kenko-steps")
    await (await sign_in(family.town.ichiro)).get(items)
    rows = (await family.hanako.get("/consent/v1/history")).json()["rows"]
    assert "refusal" not in [row["kind"] for row in rows]
    assert await family.control.fetchval("select count(*) from ledger.content where kind = 2") == 1


async def test_the_viewer_must_be_as_sure_as_the_data_asks_for(family: Family, sign_in: SignIn) -> None:
    items = await family.shared("kenko-steps")
    weak = await sign_in(family.daughter.resident, aal=1)
    answer = await weak.get(items)
    assert problem(answer) == (403, "assurance_insufficient")
    assert answer.json()["required"] == {"ial": 2, "aal": 2}


async def test_the_relative_can_end_it_too(family: Family) -> None:
    items = await family.shared("kenko-steps")
    assert (await family.daughter.call("DELETE", items.removesuffix("/items"))).status_code == 204
    assert problem(await family.daughter.get(items)) == (403, "grant_not_in_force")


async def test_the_relative_cannot_use_the_service_itself(family: Family) -> None:
    await family.shared("kenko-steps")
    assert problem(await family.daughter.post(f"{SERVICE}/enrolment", {})) == (403, "outside_user_scope")


async def test_both_see_the_sharing_each_in_their_own_words(family: Family) -> None:
    await family.shared("kenko-steps")
    mine = (await family.hanako.get("/consent/v1/sharings")).json()["sharings"][0]
    hers = (await family.daughter.get("/consent/v1/sharings")).json()["sharings"][0]
    assert (mine["role"], mine["name"], mine["relation"], mine["state"]) == ("sharer", "恵", "娘", "in_force")
    assert (hers["role"], hers["name"], hers["relation"], hers["state"]) == ("viewer", "母", "", "in_force")
    assert [link["dataset_ja"] for link in hers["links"]] == ["歩数"]


async def test_a_wrong_code_is_on_record_though_it_is_refused(family: Family) -> None:
    for _ in range(10):
        answer = await family.daughter.post("/consent/v1/sharings/accept", {"code": "0000-0000"})
        assert problem(answer) == (404, "sharing_code_wrong")
    answer = await family.daughter.post("/consent/v1/sharings/accept", {"code": "0000-0000"})
    assert problem(answer) == (429, "too_many_requests")
    assert answer.headers["retry-after"]


async def test_a11_who_views_what_a_protected_resident_shares_learns_no_id(family: Family) -> None:
    """The public catalogue says of which town a service, a link or a dataset is."""
    offered = await family.share("kenko-steps")
    await family.control.execute(
        "update identity.resident set protected_at = clock_timestamp() where resident_key = $1",
        family.town.hanako.key,
    )
    taken = await family.daughter.post("/consent/v1/sharings/accept", {"code": offered["code"]})
    items = await family.daughter.get(f"/consent/v1/sharings/{taken.json()['sharing_id']}/items")
    listed = (await family.daughter.get("/consent/v1/sharings")).json()["sharings"]
    for told in (taken.json(), *listed):
        assert (told["service_id"], told["service_ja"], told["links"]) == ("", "共有されたデータ", [])
    (seen,) = items.json()["results"]
    assert (seen["dataset"], seen.get("source"), seen["status"]) == ("", None, "ok")
    assert [one["content"] for one in seen["items"]] == [{"steps": 5120}]
    (mine,) = (await family.hanako.get("/consent/v1/sharings")).json()["sharings"]
    assert [one["link_id"] for one in mine["links"]] == ["kenko-steps"]


@pytest.mark.parametrize(
    "change",
    [
        {"links": []},
        {"links": ["NO SUCH"]},
        {"relation": ""},
        {"relation": "a\x00b"},
        {"viewer_name": "x" * 61},
        {"days": 0},
        {"days": 366},
        {"days": "7"},
        {"service_id": "../"},
        {"extra": 1},
    ],
)
async def test_an_offer_that_makes_no_sense_is_refused(family: Family, change: dict[str, Any]) -> None:
    body = {"service_id": "kenko-mimamori", "links": ["kenko-steps"], "relation": "娘", "viewer_name": "恵"}
    answer = await family.hanako.post("/consent/v1/sharings", {**body, **change})
    assert problem(answer) == (422, "invalid_request")
    assert await family.control.fetchval("select count(*) from consent.sharing") == 0


ENDS = {
    "authorisation": "update identity.authorization_grant set revoked_at = clock_timestamp() where resident_key = $1",
    "everything": """insert into identity.authority as a (resident_key, generation) values ($1, 1)
        on conflict (resident_key) do update set generation = a.generation + 1""",
    "standing": "update identity.resident set state = 'closed' where resident_key = $1",
    "touch point": "update registry.client set state = 'disabled' where client_id = 'portal-app' and $1 > 0",
}


@pytest.mark.parametrize("what", ENDS)
async def test_a2_nothing_is_released_to_a_viewer_who_was_stopped_while_a_source_was_slow(
    family: Family, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    items = await family.shared("kenko-steps")
    read_all = shared_items.read_all
    daughter = await family.control.fetchval("select viewer_key from consent.sharing")

    async def slowly(*args: Any) -> Any:
        pages = await read_all(*args)
        await family.control.execute("set local moyai.journal = ''")
        await family.control.execute(ENDS[what], daughter)
        return pages

    monkeypatch.setattr(shared_items, "read_all", slowly)
    answer = await family.daughter.get(items)
    assert (answer.status_code, "steps" in answer.text) == (401, False)
    assert not await family.control.fetchval(
        "select exists (select from ledger.content where kind = $1)", int(Kind.SHARED_VIEW)
    )
