"""Terms: complete, generated from the registry, versioned, hashed as they are rendered."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from typing import Any

import pytest

from moyai import registry
from moyai.base.clock import tokyo, utc_now
from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.registry import successions
from moyai.registry.model import (
    Bilingual,
)
from tests.registry.samples import (
    ACTOR,
    ADVICE,
    COMPANY,
    CRITERIA,
    LINK,
    PLATFORM_TERMS,
    SERVICE,
    SERVICE_TERMS,
    but,
    certified_parties,
    certified_service,
    registered_service,
)
from tests.registry.test_successions import of_city


def section(terms: registry.TermsVersion, section_id: str) -> dict[str, Any]:
    return next(one for one in terms.content["sections"] if one["id"] == section_id)


async def published(conn: Connection) -> registry.TermsVersion:
    return await registry.terms_in_force(conn, "kenko")


async def test_the_hash_is_of_the_canonical_json_that_is_rendered(control: Connection):
    await certified_service(control)
    terms = await published(control)
    text = json.dumps(terms.content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    assert hashlib.sha256(text.encode()).hexdigest() == terms.sha256


async def test_publishing_the_same_text_makes_no_version(control: Connection):
    await certified_service(control)
    assert (await registry.publish_service_terms(control, SERVICE_TERMS, ACTOR)).outcome == "unchanged"
    changed = but(SERVICE_TERMS, stopping=Bilingual("すぐにやめられます。", "Stop at once."))
    assert (await registry.publish_service_terms(control, changed, ACTOR)).outcome == "changed"
    assert (await published(control)).version == 2
    key = (await registry.service(control, "kenko")).service_key
    assert (await registry.terms_version(control, key, 1)).content["version"] == 1


async def test_c1_a_text_that_changes_names_the_day_by_which_to_accept_it(control: Connection):
    await certified_service(control)
    assert (await published(control)).accept_by is None, "the first text asks nobody who accepted another"
    today = tokyo(utc_now()).date()
    changed = but(SERVICE_TERMS, stopping=Bilingual("すぐにやめられます。", "Stop at once."))
    await registry.publish_service_terms(control, changed, ACTOR)
    second = await published(control)
    assert second.accept_by in (today + timedelta(days=30), today + timedelta(days=31))
    assert second.content["accept_by"] == second.accept_by.isoformat(), (
        "the day is in the text that is hashed"
    )
    for days in (30, 90):
        again = but(changed, accept_within_days=days)
        assert (await registry.publish_service_terms(control, again, ACTOR)).outcome == "unchanged"
    third = but(
        PLATFORM_TERMS, stopping=Bilingual("すぐにやめられます。", "Stop at once."), accept_within_days=90
    )
    await registry.publish_platform_terms(control, third, ACTOR)
    accept_by = (await registry.terms_in_force(control)).accept_by
    assert accept_by in (today + timedelta(days=90), today + timedelta(days=91))


async def test_people_h8_a_version_in_which_only_the_links_are_others_asks_nobody(control: Connection):
    """Each link has its own decision; the terms only repeat it."""
    await certified_service(control)
    more = but(LINK, purpose_ja="見守りに使います。", consent_days=90)
    await registry.register_link(control, more, ACTOR)
    assert (await registry.publish_service_terms(control, SERVICE_TERMS, ACTOR)).outcome == "changed"
    second = await published(control)
    assert (second.version, second.accept_by, "accept_by" in second.content) == (2, None, False)
    changed = but(SERVICE_TERMS, stopping=Bilingual("すぐにやめられます。", "Stop at once."))
    await registry.register_link(control, LINK, ACTOR)
    await registry.publish_service_terms(control, changed, ACTOR)
    assert (await published(control)).accept_by is not None, "other words, too"


@pytest.mark.requirement("R-078")
@pytest.mark.parametrize("member", ["role", "collected", "stopping", "title"])
async def test_platform_terms_with_an_empty_field_are_refused(control: Connection, member: str):
    await certified_parties(control)
    incomplete = but(PLATFORM_TERMS, **{member: Bilingual("", "Text")})
    with pytest.raises(Problem) as refused:
        await registry.publish_platform_terms(control, incomplete, ACTOR)
    assert (refused.value.code, refused.value.extra["missing"]) == ("terms_incomplete", [f"{member}.ja"])


@pytest.mark.requirement("R-078")
async def test_service_terms_say_why_and_which_data(control: Connection):
    await certified_service(control)
    terms = await published(control)
    assert section(terms, "platform_use")["body"]["ja"] == SERVICE_TERMS.platform_use.ja
    assert section(terms, "linked_data")["entries"][0]["ja"] == "歩いた数（日付、歩いた数）"
    incomplete = but(SERVICE_TERMS, platform_use=Bilingual("書く", " "))
    with pytest.raises(Problem) as refused:
        await registry.publish_service_terms(control, incomplete, ACTOR)
    assert refused.value.code == "terms_incomplete"


async def test_service_terms_lead_to_the_platforms_terms(control: Connection):
    await registered_service(control)
    with pytest.raises(Problem) as refused:
        await registry.publish_service_terms(control, SERVICE_TERMS, ACTOR)
    assert refused.value.code == "terms_not_published"
    await registry.publish_platform_terms(control, PLATFORM_TERMS, ACTOR)
    await registry.publish_service_terms(control, SERVICE_TERMS, ACTOR)
    assert (await published(control)).content["platform_terms"]["url"] == "/terms/platform"


@pytest.mark.requirement("R-076", part="registry", of=["registry", "page"])
async def test_terms_list_the_responsible_organisations_and_no_contractor(control: Connection):
    await certified_service(control)
    await registry.register_organization(control, COMPANY, ACTOR)
    direct = but(ADVICE, component_id="maps", organization="company", name_ja="地図")
    outsourced = but(ADVICE, component_id="mail", engagement="outsourced", contractor="有限会社かげ")
    for component in (direct, outsourced):
        await registry.register_component(control, component, ACTOR)
    parts = ["walking", "advice", "maps", "mail"]
    await registry.register_service(control, but(SERVICE, components=parts), ACTOR)
    await registry.publish_service_terms(control, SERVICE_TERMS, ACTOR)
    terms = await published(control)
    assert [one["ja"] for one in section(terms, "provider")["entries"]] == ["高松市", "株式会社あゆみ"]
    assert "有限会社かげ" not in json.dumps(terms.content, ensure_ascii=False)


@pytest.mark.requirement("R-072", part="clause", of=["clause", "enforced"])
@pytest.mark.parametrize(
    ("members", "ja", "en"),
    [
        ({}, "高松市", "Takamatsu City"),
        ({"municipality_codes": ["372013", "373419"]}, "高松市、三木町", "Takamatsu City, 三木町"),
        (
            {"user_scope": "prefecture", "municipality_codes": [], "prefecture_code": "37"},
            "香川県",
            "Kagawa Prefecture",
        ),
    ],
)
async def test_the_scope_clause_comes_from_the_scope(
    control: Connection, members: dict[str, Any], ja: str, en: str
):
    await certified_service(control)
    await registry.register_service(control, but(SERVICE, **members), ACTOR)
    await registry.publish_service_terms(control, SERVICE_TERMS, ACTOR)
    body = section(await published(control), "scope")["body"]
    assert body["ja"] == f"このサービスは、{ja}にお住まいの方だけが利用できます。"
    assert body["en"] == f"Only residents of {en} may use this service."


async def test_platform_terms_name_the_operating_organisation(control: Connection):
    await certified_service(control)
    terms = await registry.terms_in_force(control)
    assert "運営機構が提供し、運営します" in section(terms, "operator")["body"]["ja"]
    await successions.record_succession(
        control, of_city(kind="operation", id="unei", name_ja="新しい機構"), ACTOR
    )
    await registry.publish_platform_terms(control, PLATFORM_TERMS, ACTOR)
    assert (await registry.terms_in_force(control)).version == 2


@pytest.mark.requirement("R-038")
async def test_certification_and_audit_are_stated_only_with_criteria_and_a_schedule(control: Connection):
    await certified_service(control)
    stated = but(
        PLATFORM_TERMS, certification_and_audit=Bilingual("認定し、監査します。", "We certify and audit.")
    )
    with pytest.raises(Problem) as refused:
        await registry.publish_platform_terms(control, stated, ACTOR)
    assert refused.value.code == "audit_not_scheduled"
    yearly = Bilingual("毎年6月", "every June")
    await registry.publish_criteria(
        control, but(CRITERIA, criteria_version="2027-1", audit_schedule=yearly), ACTOR
    )
    await registry.publish_platform_terms(control, stated, ACTOR)
    terms = await registry.terms_in_force(control)
    assert terms.content["axes"]["certification_and_audit_stated"]
    entries = [one["ja"] for one in section(terms, "certification")["entries"]]
    assert entries == ["認定審査基準 第2027-1版", "監査の時期：毎年6月"]


async def test_terms_that_are_not_published_are_said_to_be_so(control: Connection):
    await registered_service(control)
    with pytest.raises(Problem) as refused:
        await registry.terms_in_force(control, "kenko")
    assert refused.value.code == "terms_not_published"
