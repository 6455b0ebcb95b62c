"""What a resident is told of a text that changed since they decided: old beside new, and that nothing flows."""

from __future__ import annotations

import pytest

from moyai.base.db import Connection
from moyai.consent import differences, overview, withdrawal
from moyai.consent.overview import LinkStanding
from moyai.registry.version_text import (
    DatasetWords,
    ItemWords,
    Named,
    PurposeWords,
    ServiceWords,
    VersionText,
    Words,
)
from tests.consent.conftest import HERE, Walk
from tests.factories import Town

TEXT = VersionText(
    service=ServiceWords("kenko", "健康見守り", "Health watch", "見守ります。", "Watches."),
    responsible=Named("c1", "高松市", "Takamatsu"),
    provider=Named("koiki", "広域連合", "Union", "app", "健康アプリ", "Health app"),
    consumer=Named("c1", "高松市", "Takamatsu", "mimamori", "見守り", "Watch"),
    manager=Named("unei", "運営機構", "Operator"),
    dataset=DatasetWords("vitals", "体重と血圧", "Vitals"),
    purpose=PurposeWords("health", "健康", "Health", "助言に使います。", "For advice."),
    benefit=Words("助言が届きます。", "You get advice."),
    days=365,
    items={"weight": ItemWords("体重", "Weight", {"type": "number"})},
)


def changed(**members: object) -> list[tuple[str, str | None, str | None]]:
    new = VersionText(**{name: getattr(TEXT, name) for name in TEXT.__struct_fields__} | members)  # type: ignore[arg-type]
    return [(one.what, one.old_ja, one.new_ja) for one in differences.differences(TEXT, new)]


def test_c1_the_same_text_has_no_differences() -> None:
    assert changed() == []


@pytest.mark.parametrize(
    ("member", "value", "what"),
    [
        (
            "service",
            ServiceWords("kenko", "保険料と広告", "Premiums", "見守ります。", "Watches."),
            "service",
        ),
        (
            "service",
            ServiceWords("kenko", "健康見守り", "Health watch", "売ります。", "Sells."),
            "service_summary",
        ),
        ("responsible", Named("c2", "三木町", "Miki"), "responsible"),
        ("purpose", PurposeWords("health", "健康", "Health", "保険料に使います。", "Premiums."), "purpose"),
        ("purpose", PurposeWords("ads", "広告", "Ads", "助言に使います。", "For advice."), "purpose_name"),
        ("benefit", Words("特になし", "None"), "benefit"),
        ("dataset", DatasetWords("vitals", "位置", "Places"), "dataset"),
        ("provider", Named("c2", "三木町", "Miki", "app", "健康アプリ", "Health app"), "provider"),
        ("consumer", Named("c2", "三木町", "Miki", "mimamori", "見守り", "Watch"), "consumer"),
        ("manager", Named("other", "別の機構", "Another"), "manager"),
        ("manager", None, "manager"),
        ("days", 30, "days"),
    ],
    ids=[
        "service",
        "summary",
        "responsible",
        "purpose",
        "purpose name",
        "benefit",
        "dataset",
        "provider",
        "consumer",
        "manager",
        "no manager",
        "days",
    ],
)
def test_c1_each_member_of_a_text_is_compared(member: str, value: object, what: str) -> None:
    assert [one[0] for one in changed(**{member: value})] == [what]


def test_c1_old_and_new_words_stand_beside_each_other() -> None:
    assert changed(provider=Named("c2", "三木町", "Miki", "app", "健康アプリ", "Health app")) == [
        ("provider", "広域連合（健康アプリ）", "三木町（健康アプリ）")
    ]


def test_c1_items_added_taken_out_and_other_in_words_or_values() -> None:
    assert changed(items={"illness": ItemWords("病名", "Illness")}) == [
        ("item_added", None, "病名"),
        ("item_removed", "体重", None),
    ]
    assert changed(items={"weight": ItemWords("病名", "Illness", {"type": "number"})}) == [
        ("item_words", "体重", "病名")
    ]
    assert changed(items={"weight": ItemWords("体重", "Weight", {"type": "string"})}) == [
        ("item_values", "体重", "体重")
    ]


async def vitals(conn: Connection, walk: Walk) -> LinkStanding:
    service = await overview.consents_of_service(conn, walk.caller, walk.service_id)
    return next(link for link in service.links if link.dataset_id == "vitals")


NEW_PURPOSE = (
    "update registry.link set purpose_ja = '保険料の算定に使います。' where link_id = 'kenko-vitals'"
)
NEW_ITEM = """
    update registry.dataset set items = items || '[{"name": "illness", "ja": "病名", "en": "Illness"}]',
           schema = jsonb_set(schema, '{properties,illness}', '{}') where dataset_id = 'vitals'
    """


async def test_c1_an_outdated_consent_is_never_shown_as_given(
    control: Connection, town: Town, hanako: Walk
) -> None:
    await hanako.join()
    assert (await vitals(control, hanako)).standing == "given"
    await control.raw.execute(NEW_PURPOSE)
    link = await vitals(control, hanako)
    assert (link.standing, link.closed, link.to_decide) == ("outdated", "consent_outdated", True)
    assert (link.consented_version, link.version) == (1, 2)
    assert [(one.what, one.old_ja, one.new_ja) for one in link.changes] == [
        ("purpose", "健康づくりの助言に使います。", "保険料の算定に使います。")
    ]
    assert link.waiting == ()


async def test_a3_the_resident_reads_what_the_service_was_and_is(
    control: Connection, town: Town, hanako: Walk
) -> None:
    await hanako.join()
    await control.raw.execute(
        "update registry.service set name_ja = '保険料と広告', summary_ja = '保険料を決めます。',"
        " organization_key = (select organization_key from registry.organization where organization_id = 'c2')"
        " where service_id = 'kenko-mimamori'"
    )
    link = await vitals(control, hanako)
    assert (link.standing, link.closed, link.to_decide) == ("outdated", "consent_outdated", True)
    assert [(one.what, one.old_ja, one.new_ja) for one in link.changes] == [
        ("service", "健康見守り", "保険料と広告"),
        ("service_summary", "離れて暮らす家族も安心できます。", "保険料を決めます。"),
        ("responsible", "高松市", "三木町"),
    ]


async def test_c1_one_decision_on_the_present_text_settles_it(
    control: Connection, town: Town, hanako: Walk
) -> None:
    await hanako.join()
    await control.raw.execute(NEW_PURPOSE)
    await hanako.decide((await hanako.present()).sha256)
    link = await vitals(control, hanako)
    assert (link.standing, link.closed, link.to_decide, link.changes) == ("given", None, False, ())
    assert link.consented_version == 2


async def test_c1_items_that_were_added_wait_and_say_so(
    control: Connection, town: Town, hanako: Walk
) -> None:
    await hanako.join()
    await control.raw.execute(NEW_ITEM)
    link = await vitals(control, hanako)
    assert (link.standing, link.closed, link.to_decide) == ("given", None, True)
    assert link.waiting == ("illness",)


async def test_c1_a_text_that_is_not_kept_is_outdated_without_differences(
    control: Connection, town: Town, hanako: Walk
) -> None:
    await hanako.join()
    await control.raw.execute("update consent.state set version_key = null")
    link = await vitals(control, hanako)
    assert (link.standing, link.consented_version, link.changes) == ("outdated", None, ())


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        (
            "update registry.dataset set required_aal = 3 where dataset_id = 'vitals'",
            "assurance_insufficient",
        ),
        ("update identity.resident set municipality_code = '373419'", "outside_user_scope"),
        ("update registry.link set state = 'ended' where link_id = 'kenko-vitals'", "consumer_not_linked"),
        ("update registry.service set state = 'registered'", "service_not_certified"),
    ],
    ids=["levels", "residence", "ended", "certification"],
)
async def test_c1_whatever_the_gate_refuses_the_resident_reads(
    control: Connection, town: Town, hanako: Walk, statement: str, code: str
) -> None:
    await hanako.join()
    await control.raw.execute(statement)
    assert (await vitals(control, hanako)).closed == code


async def test_c1_an_outdated_consent_can_be_stopped_and_then_never_revives(
    control: Connection, town: Town, hanako: Walk
) -> None:
    await hanako.join()
    old = await control.fetchval("select purpose_ja from registry.link where link_id = 'kenko-vitals'")
    back = "update registry.link set purpose_ja = $1 where link_id = 'kenko-vitals'"
    await control.raw.execute(NEW_PURPOSE)
    assert (await vitals(control, hanako)).standing in overview.STOPPABLE
    await withdrawal.withdraw(control, hanako.caller, HERE, hanako.box, hanako.service_id, ["kenko-vitals"])
    await control.raw.execute(back, old)
    assert (await vitals(control, hanako)).standing == "withdrawn"


async def test_c1_nobody_is_asked_to_decide_on_a_text_that_is_not_served(
    control: Connection, town: Town, hanako: Walk
) -> None:
    await hanako.join()
    await control.raw.execute(NEW_PURPOSE)
    await control.raw.execute("update registry.link set state = 'ended' where link_id = 'kenko-vitals'")
    link = await vitals(control, hanako)
    assert (link.standing, link.closed, link.to_decide) == ("outdated", "consumer_not_linked", False)
