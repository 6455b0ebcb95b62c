"""C1: after a succession consents go on, shown as the old text plus the succession; stopping is offered."""

from __future__ import annotations

import pytest

from moyai.base.clock import tokyo, utc_now
from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.consent import withdrawal
from moyai.registry import organizations, successions
from moyai.registry.declarations import Document, OrganizationDeclaration, SuccessionDeclaration
from tests.consent.conftest import HERE, Walk
from tests.consent.test_changed_texts import NEW_PURPOSE, vitals
from tests.consent.test_terms import Using, using
from tests.factories import Town

__all__ = ["using"]


async def merge(conn: Connection, thing: str = "koiki", noun: str = "organization") -> None:
    declared = SuccessionDeclaration(
        kind="merger",
        noun=noun,  # type: ignore[arg-type]
        id=thing,
        name_ja="東さぬき市",
        name_en="East Sanuki City",
        document=Document("総務省告示", "第12号"),
        effective_date=tokyo(utc_now()).date(),
        notice_ja="広域連合は、東さぬき市になりました。",
        notice_en="The union is East Sanuki City now.",
    )
    await successions.record_succession(conn, declared, "client:unei")


@pytest.mark.parametrize(
    ("thing", "noun"),
    [("koiki", "organization"), ("c1", "organization"), ("unei", "organization"), ("kenko-app", "component")],
    ids=["provider", "consumer", "manager", "component"],
)
async def test_c1_consents_and_pairwise_ids_go_on(using: Using, thing: str, noun: str) -> None:
    before = (await using.ask()).permits[0]
    await merge(using.conn, thing, noun)
    after = (await using.ask()).permits[0]
    assert (after.version, after.items) == (before.version, before.items) == (1, ("systolic", "weight_kg"))
    assert (after.provider_subject, after.organization_key, after.component_id) == (
        before.provider_subject,
        before.organization_key,
        before.component_id,
    )


async def test_a3_a_succession_of_who_is_responsible_for_the_service_carries_consents_on(
    control: Connection, town: Town, hanako: Walk
) -> None:
    await control.execute(
        "update registry.service set organization_key = $1 where service_key = $2",
        town.c2.key,
        town.kenko.key,
    )
    await hanako.join()
    with pytest.raises(Problem) as refused:
        await organizations.register_organization(
            control,
            OrganizationDeclaration("c2", "別の町", "Another", "municipality", ["373419"]),
            "client:unei",
        )
    assert refused.value.code == "succession_required"
    await merge(control, "c2")
    link = await vitals(control, hanako)
    assert (link.standing, link.closed, link.to_decide) == ("given", None, False)
    assert [one.id for one in link.successions] == ["c2"]
    assert [(one.what, one.new_ja) for one in link.changes] == [("responsible", "東さぬき市")]


async def test_c1_the_resident_reads_the_old_text_plus_the_succession(
    control: Connection, town: Town, hanako: Walk
) -> None:
    await hanako.join()
    await merge(control)
    link = await vitals(control, hanako)
    assert (link.standing, link.closed, link.to_decide) == ("given", None, False)
    (known,) = link.successions
    assert (known.before.name_ja, known.after.name_ja) == ("さぬき東部広域連合", "東さぬき市")
    assert [(one.what, one.old_ja, one.new_ja) for one in link.changes] == [
        ("provider", "さぬき東部広域連合（健康アプリ）", "東さぬき市（健康アプリ）")
    ]
    await control.execute("update consent.state set expires_at = clock_timestamp() + interval '9 days'")
    await hanako.decide((await hanako.present()).sha256, {"kenko-vitals": "prolonged"})
    assert (await vitals(control, hanako)).successions == (), "decided on the new text: it says the new name"


async def test_c1_stopping_works_as_ever_after_it(control: Connection, town: Town, hanako: Walk) -> None:
    await hanako.join()
    await merge(control)
    made = await withdrawal.withdraw(
        control, hanako.caller, HERE, hanako.box, hanako.service_id, ["kenko-vitals"]
    )
    assert made.links == {"kenko-vitals": "withdrawn"}
    assert (await vitals(control, hanako)).standing == "withdrawn"


async def test_c1_a_succession_revives_nothing(control: Connection, town: Town, hanako: Walk) -> None:
    await hanako.join()
    await control.raw.execute(NEW_PURPOSE)
    await merge(control)
    link = await vitals(control, hanako)
    assert (link.standing, link.closed, link.successions) == ("outdated", "consent_outdated", ())
    assert [one.what for one in link.changes] == ["purpose", "provider"]
