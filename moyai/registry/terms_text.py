"""The text of terms as structured content: what the owner says, and what the registry knows. Pure.

One shape for both kinds, so that one template renders them and the hash is of what is rendered:
`{"format", "kind", "version", "title", "issuer", "axes", "sections": [{"id", "title", "body", "entries"}], …}`,
texts as `{"ja", "en"}`; service terms also have `service`, `links` and `platform_terms`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from moyai.registry.declarations import (
    PlatformTermsDeclaration,
    ServiceTermsDeclaration,
)
from moyai.registry.model import (
    Bilingual,
    Component,
    Criteria,
    Link,
    Organization,
    Service,
)
from moyai.registry.places import municipality_name, prefecture_name

FORMAT = "moyai-terms/1"
LINKED = "linked_data"
"""The section that repeats the links of a service; `links` has them one by one."""


def _text(ja: str, en: str) -> dict[str, str]:
    return {"ja": ja, "en": en}


def _section(
    section_id: str,
    title: tuple[str, str],
    body: Bilingual | dict[str, str],
    entries: Sequence[dict[str, str]] = (),
) -> dict[str, Any]:
    return {
        "id": section_id,
        "title": _text(*title),
        "body": msgspec.to_builtins(body),
        "entries": list(entries),
    }


def _issuer(organization: Organization) -> dict[str, str]:
    return {
        "organization_id": organization.organization_id,
        "name_ja": organization.name_ja,
        "name_en": organization.name_en,
        "contact": organization.contact,
    }


def _axes(*, components: bool | None, distinction: bool, certification_and_audit: bool) -> dict[str, Any]:
    """住民向け規約 as three independent axes (guidebook 1.2.6, R-035); `components` is of service terms alone."""
    axes: dict[str, Any] = {
        "platform_distinguished": distinction,
        "certification_and_audit_stated": certification_and_audit,
    }
    return axes if components is None else {"components_stated": components, **axes}


def missing_texts(declared: PlatformTermsDeclaration | ServiceTermsDeclaration) -> list[str]:
    """Paths of texts that are empty in one language (R-078), e.g. `role.en`."""
    missing: list[str] = []
    for name in declared.__struct_fields__:
        value = getattr(declared, name)
        if isinstance(value, Bilingual):
            missing += [
                f"{name}.{language}" for language in ("ja", "en") if not getattr(value, language).strip()
            ]
    for section in declared.sections:
        for part, text in (("title", section.title), ("body", section.body)):
            missing += [f"sections.{section.id}.{part}" for one in (text.ja, text.en) if not one.strip()]
    return missing


def platform_content(
    declared: PlatformTermsDeclaration, operator: Organization, criteria: Criteria | None
) -> dict[str, Any]:
    """データ連携基盤利用規約 without its version: names the operating organisation (3-4), the platform's role and
    what it collects (3-3)."""
    sections = [
        _section(
            "operator",
            ("この基盤を提供する組織", "Who provides this platform"),
            _text(
                f"このデータ連携基盤は、{operator.name_ja}が提供し、運営します。",
                f"This data-linkage platform is provided and operated by {operator.name_en}.",
            ),
        ),
        _section("role", ("基盤の役割", "What the platform does"), declared.role),
        _section("collected", ("基盤が集めるデータ", "What the platform collects"), declared.collected),
        *_shared_sections(declared, criteria),
        _contact(operator),
    ]
    axes = _axes(
        components=None,
        distinction=declared.distinction is not None,
        certification_and_audit=declared.certification_and_audit is not None,
    )
    return {
        "format": FORMAT,
        "kind": "platform",
        "title": msgspec.to_builtins(declared.title),
        "issuer": _issuer(operator),
        "axes": axes,
        "sections": sections,
    }


def declared_platform_terms(content: dict[str, Any]) -> PlatformTermsDeclaration:
    """What was declared, from the text that was made of it: declaring that again changes nothing."""
    sections: dict[str, dict[str, Any]] = {one["id"]: one for one in content["sections"]}
    generated = {"operator", "role", "collected", "distinction", "stopping", "certification", "contact"}

    def body(section_id: str) -> Any:
        return sections[section_id]["body"] if section_id in sections else None

    declared = {
        "title": content["title"],
        "role": body("role"),
        "collected": body("collected"),
        "stopping": body("stopping"),
        "distinction": body("distinction"),
        "certification_and_audit": body("certification"),
        "sections": [
            {"id": one["id"], "title": one["title"], "body": one["body"]}
            for one in sections.values()
            if one["id"] not in generated
        ],
    }
    return msgspec.convert(declared, PlatformTermsDeclaration)


def _shared_sections(
    declared: PlatformTermsDeclaration | ServiceTermsDeclaration, criteria: Criteria | None
) -> list[dict[str, Any]]:
    sections: list[dict[str, Any]] = []
    if declared.distinction:
        title = ("基盤の責任とサービスの責任", "The platform's responsibility and the service's")
        sections.append(_section("distinction", title, declared.distinction))
    sections.append(_section("stopping", ("やめかた", "How to stop"), declared.stopping))
    if declared.certification_and_audit:
        title = ("サービスを提供する組織の認定と監査", "Certification and audit of providers")
        sections.append(
            _section("certification", title, declared.certification_and_audit, _criteria_entries(criteria))
        )
    sections += [_section(own.id, (own.title.ja, own.title.en), own.body) for own in declared.sections]
    return sections


def _criteria_entries(criteria: Criteria | None) -> list[dict[str, str]]:
    if criteria is None:
        return []
    version = criteria.criteria_version
    schedule = criteria.content["audit_schedule"]
    return [
        _text(f"認定審査基準 第{version}版", f"Certification criteria, version {version}"),
        _text(f"監査の時期：{schedule['ja']}", f"When audits are made: {schedule['en']}"),
    ]


def _contact(organization: Organization) -> dict[str, Any]:
    contact = organization.contact
    return _section(
        "contact",
        ("問い合わせ先", "Contact"),
        _text(f"{organization.name_ja} {contact}".strip(), f"{organization.name_en} {contact}".strip()),
    )


# --- service terms ----------------------------------------------------------------------------------


def service_content(
    declared: ServiceTermsDeclaration,
    service: Service,
    organizations: dict[str, Organization],
    components: Sequence[Component],
    links: Sequence[Link],
    criteria: Criteria | None,
) -> dict[str, Any]:
    """サービス利用規約 without its version: who provides (3-1, contractors not named), who may use it (2-1, 2-2),
    why it uses the platform and which data is linked (3-3), and the way to the platform's terms."""
    owner = organizations[service.organization_id]
    sections = [
        _provider_section(service, owner, organizations, components),
        _scope_section(service, organizations),
        _section(
            "platform_use", ("基盤を使う目的", "Why this service uses the platform"), declared.platform_use
        ),
        _linked_section(links),
        *([_responsibility_section(organizations, components, links)] if declared.components_stated else []),
        *_shared_sections(declared, criteria),
        _platform_section(),
        _contact(owner),
    ]
    axes = _axes(
        components=declared.components_stated,
        distinction=declared.distinction is not None,
        certification_and_audit=declared.certification_and_audit is not None,
    )
    return {
        "format": FORMAT,
        "kind": "service",
        "title": msgspec.to_builtins(declared.title),
        "issuer": _issuer(owner),
        "service": {"service_id": service.service_id, "name_ja": service.name_ja, "name_en": service.name_en},
        "axes": axes,
        "sections": sections,
        "links": [_link_entry(link) for link in links],
        "platform_terms": {"url": "/terms/platform"},
    }


def without_links(content: dict[str, Any]) -> dict[str, Any]:
    """The text without what only repeats the service's links: each of these is decided on by itself, never by accepting terms."""
    own = [one for one in content["sections"] if one["id"] != LINKED]
    return {name: value for name, value in content.items() if name != "links"} | {"sections": own}


def _provider_section(
    service: Service,
    owner: Organization,
    organizations: dict[str, Organization],
    components: Sequence[Component],
) -> dict[str, Any]:
    ids = dict.fromkeys([owner.organization_id, *(component.organization_id for component in components)])
    responsible = [organizations[one] for one in ids]
    return _section(
        "provider",
        ("このサービスを提供する組織", "Who provides this service"),
        _text(
            f"「{service.name_ja}」は、{owner.name_ja}が提供します。サービスの提供に責任をもつ組織は、次のとおりです。",
            f"“{service.name_en}” is provided by {owner.name_en}. These organisations are responsible for providing it:",
        ),
        [_text(one.name_ja, one.name_en) for one in responsible],
    )


def _scope_section(service: Service, organizations: dict[str, Organization]) -> dict[str, Any]:
    ja, en = scope_names(service, organizations)
    return _section(
        "scope",
        ("利用できる人", "Who may use this service"),
        _text(
            f"このサービスは、{ja}にお住まいの方だけが利用できます。",
            f"Only residents of {en} may use this service.",
        ),
    )


def scope_names(service: Service, organizations: dict[str, Organization]) -> tuple[str, str]:
    """Where the service's residents live, in words, e.g. ("高松市、三木町", "Takamatsu City, Miki Town")."""
    if service.user_scope == "prefecture":
        ja, en = prefecture_name(service.municipality_codes[0][:2])
        return ja, f"{en} Prefecture"
    english = {
        organization.municipality_codes[0]: organization.name_en
        for organization in organizations.values()
        if organization.kind == "municipality" and organization.municipality_codes
    }
    codes = service.municipality_codes
    ja = "、".join(municipality_name(code) for code in codes)
    return ja, ", ".join(english.get(code, municipality_name(code)) for code in codes)


def _linked_section(links: Sequence[Link]) -> dict[str, Any]:
    return _section(
        LINKED,
        ("つなぐデータ", "Which data is linked"),
        _text(
            "集めたデータのうち、あなたが同意したときだけ、次のデータをつなぎます。目的と効果は、下の一覧にあります。",
            "Of the data collected, the following is linked, and only if you consent. The list below says for what purpose and to what benefit.",
        ),
        [
            _text(
                f"{link.dataset_name_ja}（{'、'.join(item.ja for item in link.items)}）",
                f"{link.dataset_name_en} ({', '.join(item.en for item in link.items)})",
            )
            for link in _one_per_dataset(links)
        ],
    )


def _one_per_dataset(links: Sequence[Link]) -> list[Link]:
    return list({link.dataset_id: link for link in links}.values())


def _responsibility_section(
    organizations: dict[str, Organization], components: Sequence[Component], links: Sequence[Link]
) -> dict[str, Any]:
    """部品毎の責任範囲 (guidebook 1.2.3, 1.2.6)."""
    return _section(
        "responsibility",
        ("部品ごとの責任", "Who is responsible for which component"),
        _text(
            "このサービスは、いくつかの部品でできています。部品ごとに、責任をもつ組織と、その責任の範囲は次のとおりです。",
            "This service is made of several components. For each, this is the responsible organisation and its responsibility:",
        ),
        [_duty(component, organizations[component.organization_id], links) for component in components],
    )


def _duty(component: Component, organization: Organization, links: Sequence[Link]) -> dict[str, str]:
    ja, en = ["部品の提供"], ["provides the component"]
    if any(link.provider.component_id == component.component_id for link in links):
        ja.append("データの生成と蓄積")
        en.append("generates and accumulates the data")
    if any(link.consumer.component_id == component.component_id for link in links):
        ja.append("示した目的でのデータの利用")
        en.append("uses the data for the stated purpose")
    return _text(
        f"{component.name_ja}：{organization.name_ja}（{'、'.join(ja)}）",
        f"{component.name_en}: {organization.name_en} ({', '.join(en)})",
    )


def _platform_section() -> dict[str, Any]:
    return _section(
        "platform_terms",
        ("つながる基盤", "The platform behind it"),
        _text(
            "このサービスは、データ連携基盤につながっています。基盤の役割は「データ連携基盤利用規約」で読めます。",
            "This service is connected to the data-linkage platform. The platform's terms explain what it does.",
        ),
    )


def _link_entry(link: Link) -> dict[str, Any]:
    return {
        "link_id": link.link_id,
        "dataset": _text(link.dataset_name_ja, link.dataset_name_en),
        "items": [_text(item.ja, item.en) for item in link.items],
        "purpose": _text(link.purpose_ja, link.purpose_en),
        "benefit": _text(link.benefit_ja, link.benefit_en),
        "source": _text(link.provider.organization_name_ja, link.provider.organization_name_en),
        "source_component": _text(link.provider.component_name_ja, link.provider.component_name_en),
        "user": _text(link.consumer.organization_name_ja, link.consumer.organization_name_en),
        "user_component": _text(link.consumer.component_name_ja, link.consumer.component_name_en),
        "consent_days": link.consent_days,
    }
