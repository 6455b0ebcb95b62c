"""Rows for tests, written straight into the control database: small, certified and consistent by default.

Each function inserts one thing and gives back its key and id. `make_town` gives the standing cast: two
municipalities, their 広域連合, one composite service with three links, one administrative service, and residents
of both. Where a test is about how such a row comes to be, it uses the room's own actions instead.
"""

from __future__ import annotations

import hashlib
import itertools
import uuid
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import msgspec

from moyai.base.db import Connection
from moyai.base.ids import random_uuid, resident_id
from moyai.identity.names import fold_kana, fold_kanji

C1 = "372013"  # 高松市
C2 = "373419"  # 三木町

_numbers = itertools.count(1)


def unique(word: str) -> str:
    """An id that no other row of this run has, e.g. `org-17`."""
    return f"{word}-{next(_numbers)}"


@dataclass(frozen=True)
class Made:
    """A row: `key` joins it inside, `id` names it outside."""

    key: int
    id: str


@dataclass(frozen=True)
class MadeResident(Made):
    municipality_code: str = C1
    ial: int = 2


@dataclass(frozen=True)
class MadeClerk(Made):
    @property
    def actor(self) -> str:
        return f"staff:{self.id}"


async def make_clerks(conn: Connection, organization: Made, count: int) -> list[MadeClerk]:
    """Clerks of a desk, in force, each with a number of their own."""
    made: list[MadeClerk] = []
    for _ in range(count):
        name, staff_id = unique("clerk"), random_uuid().hex
        key = await conn.fetchval(
            "insert into identity.staff (staff_id, login, name, organization_key, roles, staff_number, in_force_since)"
            " values ($1, $2, $2, $3, '{desk}', $2, now() - interval '1 day') returning staff_key",
            staff_id,
            name,
            organization.key,
        )
        made.append(MadeClerk(key, staff_id))
    return made


async def make_organization(
    conn: Connection,
    organization_id: str | None = None,
    *,
    name: str = "高松市",
    kind: str = "municipality",
    state: str = "certified",
    municipality_codes: tuple[str, ...] = (C1,),
) -> Made:
    organization_id = organization_id or unique("org")
    key = await conn.fetchval(
        "insert into registry.organization"
        " (organization_id, name_ja, name_en, kind, municipality_codes, contact, state, criteria_version,"
        "  certified_at, suspended_at, suspension_reason)"
        " values ($1, $2, $3, $4, $5, 'soudan@example.jp', $6,"
        "  case when $6 <> 'registered' then '2026-1' end, case when $6 <> 'registered' then clock_timestamp() end,"
        "  case when $6 = 'suspended' then clock_timestamp() end, case when $6 = 'suspended' then 'audit' end)"
        " returning organization_key",
        organization_id,
        name,
        f"Organization {organization_id}",
        kind,
        list(municipality_codes),
        state,
    )
    return Made(key, organization_id)


async def make_component(
    conn: Connection, organization: Made, component_id: str | None = None, *, name: str = "部品"
) -> Made:
    component_id = component_id or unique("component")
    key = await conn.fetchval(
        "insert into registry.component (component_id, organization_key, name_ja, name_en)"
        " values ($1, $2, $3, $4) returning component_key",
        component_id,
        organization.key,
        name,
        f"Component {component_id}",
    )
    return Made(key, component_id)


async def make_service(
    conn: Connection,
    organization: Made,
    service_id: str | None = None,
    *,
    name: str = "健康見守り",
    kind: str = "地域社会サービス",
    state: str = "certified",
    user_scope: str = "municipality",
    municipality_codes: tuple[str, ...] = (C1,),
    required_ial: int = 2,
    required_aal: int = 2,
    components: tuple[Made, ...] = (),
    terms: bool = True,
) -> Made:
    """A service; with `terms` its first version of service terms is published too."""
    service_id = service_id or unique("service")
    key = await conn.fetchval(
        "insert into registry.service (service_id, organization_key, name_ja, name_en, summary_ja, summary_en,"
        " kind, user_scope, municipality_codes, required_ial, required_aal, state, certified_at)"
        " values ($1, $2, $3, $4, '離れて暮らす家族も安心できます。', 'Peace of mind for families.', $5, $6, $7, $8, $9,"
        " $10, case when $10 <> 'registered' then clock_timestamp() end) returning service_key",
        service_id,
        organization.key,
        name,
        f"Service {service_id}",
        kind,
        user_scope,
        list(municipality_codes),
        required_ial,
        required_aal,
        state,
    )
    service = Made(key, service_id)
    for component in components:
        await add_component(conn, service, component)
    if terms:
        await make_terms(conn, service)
    return service


async def add_component(conn: Connection, service: Made, component: Made) -> None:
    await conn.execute(
        "insert into registry.service_component (service_key, component_key) values ($1, $2)"
        " on conflict do nothing",
        service.key,
        component.key,
    )


async def make_dataset(
    conn: Connection,
    dataset_id: str | None = None,
    *,
    name: str = "歩数",
    items: tuple[tuple[str, str, str], ...] = (("steps", "1日に歩いた数", "Steps walked in a day"),),
    required_ial: int = 1,
    required_aal: int = 1,
    schema: dict[str, Any] | None = None,
) -> Made:
    dataset_id = dataset_id or unique("dataset")
    key = await conn.fetchval(
        "insert into registry.dataset (dataset_id, name_ja, name_en, items, schema, required_ial, required_aal)"
        " values ($1, $2, $3, $4, $5, $6, $7) returning dataset_key",
        dataset_id,
        name,
        f"Dataset {dataset_id}",
        [{"name": n, "ja": ja, "en": en} for n, ja, en in items],
        schema
        or {"type": "object", "additionalProperties": False, "properties": {n: {} for n, _, _ in items}},
        required_ial,
        required_aal,
    )
    return Made(key, dataset_id)


async def make_purpose(conn: Connection, purpose_id: str | None = None, *, name: str = "健康づくり") -> Made:
    purpose_id = purpose_id or unique("purpose")
    key = await conn.fetchval(
        "insert into registry.purpose (purpose_id, name_ja, name_en) values ($1, $2, $3) returning purpose_key",
        purpose_id,
        name,
        f"Purpose {purpose_id}",
    )
    return Made(key, purpose_id)


async def make_link(
    conn: Connection,
    service: Made,
    provider: Made,
    consumer: Made,
    dataset: Made,
    purpose: Made,
    link_id: str | None = None,
    *,
    consent_days: int = 365,
    state: str = "registered",
) -> Made:
    """A link of a service. Both components become components of the service, if they are not yet."""
    link_id = link_id or unique("link")
    for component in (provider, consumer):
        await add_component(conn, service, component)
    key = await conn.fetchval(
        "insert into registry.link (link_id, service_key, provider_component_key, consumer_component_key,"
        " dataset_key, purpose_key, purpose_ja, purpose_en, benefit_ja, benefit_en, consent_days, state)"
        " values ($1, $2, $3, $4, $5, $6, '健康づくりの助言に使います。', 'Used for advice on health.',"
        " 'あなたに合った助言が届きます。', 'You get advice that fits you.', $7, $8) returning link_key",
        link_id,
        service.key,
        provider.key,
        consumer.key,
        dataset.key,
        purpose.key,
        consent_days,
        state,
    )
    return Made(key, link_id)


async def make_terms(conn: Connection, service: Made | None = None, *, version: int = 1) -> int:
    """Publish a version of a service's terms, or of the platform's (without `service`). Gives the terms_key."""
    what = service.id if service else "platform"
    role = {
        "ja": "住民の同意にもとづいてデータをつなぎます。",
        "en": "Carries data under the resident's consent.",
    }
    content = {
        "title": {
            "ja": f"{service.id if service else '連携基盤'} 利用規約 第{version}版",
            "en": f"Terms of {what}, version {version}",
        },
        "sections": [{"id": "role", "title": {"ja": "役割", "en": "Role"}, "body": role, "entries": []}],
    }
    return await conn.fetchval(
        "insert into registry.terms_version (kind, service_key, version, content, sha256)"
        " values ($1, $2, $3, $4, $5) returning terms_key",
        "service" if service else "platform",
        service.key if service else None,
        version,
        content,
        hashlib.sha256(msgspec.json.encode(content, order="deterministic")).digest(),
    )


async def make_client(
    conn: Connection,
    component: Made | None = None,
    organization: Made | None = None,
    client_id: str | None = None,
    *,
    kind: str = "component",
    jwks: dict[str, Any] | None = None,
    redirect_uris: tuple[str, ...] = (),
    post_logout_redirect_uris: tuple[str, ...] = (),
    scopes: tuple[str, ...] = ("openid", "personal:store", "personal:exchange"),
) -> Made:
    client_id = client_id or unique("client")
    key = await conn.fetchval(
        "insert into registry.client (client_id, component_key, organization_key, kind, name_ja, name_en, jwks,"
        " redirect_uris, scopes, post_logout_redirect_uris)"
        " values ($1, $2, $3, $4, $1, $1, $5, $6, $7, $8) returning client_key",
        client_id,
        component.key if component else None,
        organization.key if organization else None,
        kind,
        jwks,
        list(redirect_uris),
        list(scopes),
        list(post_logout_redirect_uris),
    )
    return Made(key, client_id)


async def make_resident(
    conn: Connection,
    municipality_code: str = C1,
    *,
    ial: int = 2,
    state: str = "active",
    name: tuple[str, str, str, str] | None = ("讃岐", "花子", "サヌキ", "ハナコ"),
    birth_date: date = date(1948, 3, 14),
) -> MadeResident:
    """A resident, with the person behind the ID unless `name` is None (family, given, and both in kana)."""
    identifier = resident_id()
    key = await conn.fetchval(
        "insert into identity.resident (resident_id, municipality_code, ial, state) values ($1, $2, $3, $4)"
        " returning resident_key",
        identifier,
        municipality_code,
        ial,
        state,
    )
    if name:
        await conn.execute(
            "insert into identity.person (resident_key, family_name, given_name, family_kana, given_kana,"
            " birth_date, address, match_name, match_kanji)"
            " values ($1, $2, $3, $4, $5, $6, '香川県高松市番町1-8-15', $7, $8)",
            key,
            *name,
            birth_date,
            fold_kana(name[2] + name[3]),
            fold_kanji(name[0] + name[1]),
        )
    return MadeResident(key, identifier, municipality_code, ial)


async def tie(conn: Connection, resident: Made, component: Made) -> uuid.UUID:
    """Tie a component's account to the resident; gives the pairwise subject."""
    subject = random_uuid()
    await conn.execute(
        "insert into identity.pairwise (resident_key, component_key, subject) values ($1, $2, $3)",
        resident.key,
        component.key,
        subject,
    )
    return subject


_STATES = {"given": 1, "refused": 2, "withdrawn": 3}


async def make_consent(
    conn: Connection,
    resident: Made,
    link: Made,
    state: str = "given",
    *,
    since: datetime | None = None,
    expires_at: datetime | None = None,
    aal: int = 2,
) -> uuid.UUID:
    """The state of one link, with its history row, as if decided `since` (now), for a year, in a session of
    authentication level `aal`. Gives the act's id."""
    act = random_uuid()
    await conn.execute(
        "with at as (select since, coalesce($6, since + interval '365 days') as expires_at"
        "   from (select coalesce($5, clock_timestamp()) as since) s),"
        " read as (select version_key from registry.link where link_key = $2), history as ("
        "  insert into consent.history (resident_key, link_key, since, state, act_id, expires_at, aal, version_key)"
        "  select $1, $2, since, $3, $4, expires_at, $7, version_key from at, read)"
        " insert into consent.state (resident_key, link_key, state, act_id, since, expires_at, aal, version_key)"
        " select $1, $2, $3, $4, since, expires_at, $7, version_key from at, read"
        " on conflict (resident_key, link_key) do update set state = excluded.state, act_id = excluded.act_id,"
        " since = excluded.since, expires_at = excluded.expires_at, aal = excluded.aal,"
        " version_key = excluded.version_key",
        resident.key,
        link.key,
        _STATES[state],
        act,
        since,
        expires_at,
        aal,
    )
    return act


async def make_membership(
    conn: Connection, resident: Made, service: Made, service_terms_key: int = 0, platform_terms_key: int = 0
) -> None:
    await conn.execute(
        "insert into consent.membership (resident_key, service_key, service_terms_key, platform_terms_key,"
        " accepted_at) values ($1, $2, $3, $4, clock_timestamp())",
        resident.key,
        service.key,
        service_terms_key,
        platform_terms_key,
    )


@dataclass(frozen=True)
class Town:
    """The standing cast. `links` by dataset id; `hanako` and `ichiro` live in C1, `midori` in C2."""

    unei: Made
    c1: Made
    c2: Made
    koiki: Made
    mimamori: Made
    undo_app: Made
    kenko_app: Made
    sensor: Made
    madoguchi: Made
    kyufu: Made
    kenko: Made
    gyosei: Made
    links: dict[str, Made]
    hanako: MadeResident
    ichiro: MadeResident
    midori: MadeResident
    purposes: dict[str, Made] = field(default_factory=dict)
    datasets: dict[str, Made] = field(default_factory=dict)


async def make_town(conn: Connection) -> Town:
    """Everything a consented exchange needs, certified and in force; nobody has consented to anything yet."""
    unei = await make_organization(
        conn, "unei", name="データ連携運営機構", kind="operating_organization", municipality_codes=()
    )
    c1 = await make_organization(conn, "c1", name="高松市")
    c2 = await make_organization(conn, "c2", name="三木町", municipality_codes=(C2,))
    koiki = await make_organization(
        conn, "koiki", name="さぬき東部広域連合", kind="wide_area_union", municipality_codes=(C1, C2)
    )
    await make_terms(conn)
    mimamori = await make_component(conn, c1, "mimamori", name="健康見守りアプリ")
    undo_app = await make_component(conn, c1, "undo-app", name="運動アプリ")
    kenko_app = await make_component(conn, koiki, "kenko-app", name="健康アプリ")
    sensor = await make_component(conn, koiki, "mimamori-sensor", name="見守りセンサー")
    madoguchi = await make_component(conn, c2, "c2-madoguchi", name="申請窓口")
    kyufu = await make_component(conn, c2, "c2-kyufu", name="給付管理")
    kenko = await make_service(conn, c1, "kenko-mimamori")
    gyosei = await make_service(
        conn, c2, "c2-gyosei", name="申請のお知らせ", kind="行政サービス", municipality_codes=(C2,)
    )
    purposes = {
        "health-support": await make_purpose(conn, "health-support", name="健康づくりの支援"),
        "watch-over": await make_purpose(conn, "watch-over", name="見守り"),
        "administrative-procedure": await make_purpose(conn, "administrative-procedure", name="行政手続"),
    }
    datasets = {
        "steps": await make_dataset(conn, "steps"),
        "vitals": await make_dataset(
            conn,
            "vitals",
            name="体重と血圧",
            items=(("weight_kg", "体重", "Weight"), ("systolic", "血圧（上）", "Systolic blood pressure")),
        ),
        "presence": await make_dataset(
            conn, "presence", name="在宅のようす", items=(("at_home", "家にいるか", "Whether at home"),)
        ),
        "application-status": await make_dataset(
            conn, "application-status", name="申請の進み具合", items=(("status", "進み具合", "Progress"),)
        ),
    }
    health, watch = purposes["health-support"], purposes["watch-over"]
    links = {
        "steps": await make_link(conn, kenko, undo_app, mimamori, datasets["steps"], health, "kenko-steps"),
        "vitals": await make_link(
            conn, kenko, kenko_app, mimamori, datasets["vitals"], health, "kenko-vitals"
        ),
        "presence": await make_link(
            conn, kenko, sensor, mimamori, datasets["presence"], watch, "kenko-presence"
        ),
        "application-status": await make_link(
            conn,
            gyosei,
            kyufu,
            madoguchi,
            datasets["application-status"],
            purposes["administrative-procedure"],
            "gyosei-status",
        ),
    }
    return Town(
        unei=unei,
        c1=c1,
        c2=c2,
        koiki=koiki,
        mimamori=mimamori,
        undo_app=undo_app,
        kenko_app=kenko_app,
        sensor=sensor,
        madoguchi=madoguchi,
        kyufu=kyufu,
        kenko=kenko,
        gyosei=gyosei,
        links=links,
        hanako=await make_resident(conn),
        ichiro=await make_resident(
            conn, name=("高橋", "一郎", "タカハシ", "イチロウ"), birth_date=date(1975, 7, 1)
        ),
        midori=await make_resident(
            conn, C2, name=("森", "みどり", "モリ", "ミドリ"), birth_date=date(1990, 1, 9)
        ),
        purposes=purposes,
        datasets=datasets,
    )
