"""Requests of the registry, as the operating organisation would send them, and of the desk and of residents.

They fit together: 丸亀市 is registered and certified, and its app becomes part of a new service. Nothing in them is
anybody's: the person does not exist, and nobody has the private half of the key.
"""

from __future__ import annotations

from typing import Any, Final

from moyai.registry import municipality_name


def _both(ja: str, en: str) -> dict[str, str]:
    return {"ja": ja, "en": en}


def _put(thing_id: str, **body: Any) -> dict[str, Any]:
    return {"path": {"id": thing_id}, "body": body}


ORGANIZATION: Final = _put(
    "nemuri-lab",
    name_ja="株式会社ねむり研究所",
    name_en="Nemuri Lab Inc.",
    kind="company",
)
CERTIFICATION: Final = _put("nemuri-lab", criteria_version="2026-1", reviewer="審査委員会")


def reason(id_: str, why: str) -> dict[str, Any]:
    """The end of a stop, which takes a reason in its query."""
    return {"path": {"id": id_}, "query": {"reason": why}}


SUCCESSION: Final[dict[str, Any]] = {
    "body": {
        "kind": "renaming",
        "noun": "organization",
        "id": "nemuri-lab",
        "name_ja": "株式会社すいみん研究所",
        "name_en": "Suimin Lab Inc.",
        "document": {"title": "履歴事項全部証明書", "number": "第100号"},
        "effective_date": "2026-04-01",
        "notice_ja": "株式会社ねむり研究所は、株式会社すいみん研究所に名前が変わりました。データの扱いは変わりません。",
        "notice_en": "Nemuri Lab Inc. is now called Suimin Lab Inc. Nothing changes in how data is handled.",
    }
}
SUSPENSION: Final = _put("nemuri-lab", reason="報告の遅れ")
STAFF: Final[dict[str, Any]] = {
    "body": {
        "login": "madoguchi-9",
        "name": "見本 窓口",
        "organization_id": "nemuri-lab",
        "roles": ["desk"],
        "staff_number": "9001",
    }
}
STAFF_SUSPENSION: Final[dict[str, Any]] = {"body": {"reason": "異動"}}
STAFF_END: Final[dict[str, Any]] = {"query": {"reason": "復帰"}}
CRITERIA: Final = _put(
    "2027-1",
    title=_both("サービス提供組織の認定審査基準", "Certification criteria for service providers"),
    requirements=[_both("同意した目的のほかには使わないこと。", "No use but the one consented to.")],
    audit_schedule=_both("毎年6月", "every June"),
)
AUTHENTICATION_SERVICE: Final = _put(
    "moyai-id", name_ja="基盤のログイン", name_en="Platform login", ial=2, aal=2
)
DATASET: Final = _put(
    "sleep",
    name_ja="眠った時間",
    name_en="Sleep",
    items=[
        {"name": "date", **_both("日付", "Day")},
        {"name": "hours", **_both("眠った時間（時間）", "Hours slept")},
    ],
    schema={
        "type": "object",
        "required": ["date", "hours"],
        "additionalProperties": False,
        "properties": {
            "date": {"type": "string", "format": "date"},
            "hours": {"type": "number", "minimum": 0, "maximum": 24},
        },
    },
)
PURPOSE: Final = _put(
    "sleep-advice", name_ja="眠りの助言", name_en="Advice on sleep", dpv="dpv:ServicePersonalisation"
)
COMPONENT: Final = _put(
    "nemuri-app", organization="nemuri-lab", name_ja="ねむりノート", name_en="Sleep Notes", datasets=["sleep"]
)
SERVICE: Final = _put(
    "nemuri",
    organization="nemuri-lab",
    name_ja="ねむりの助言",
    name_en="Sleep Advice",
    summary_ja="眠った時間に合わせて、休みかたを知らせます。",
    summary_en="Tells how to rest, from the hours you slept.",
    kind="community",
    user_scope="municipality",
    municipality_codes=["372021"],
    components=["mimamori", "nemuri-app"],
)
SERVICE_SUSPENSION: Final = _put("nemuri", reason="点検")
CLIENT_SUSPENSION: Final = _put("nemuri", reason="鍵の紛失")
LINK: Final = _put(
    "nemuri-sleep",
    service="nemuri",
    provider="nemuri-app",
    consumer="mimamori",
    dataset="sleep",
    purpose="sleep-advice",
    purpose_ja="眠った時間を見て、休みかたの助言をするために使います。",
    purpose_en="Used to see how long you slept, and to give advice on resting.",
    benefit_ja="あなたの眠りに合った助言が届きます。",
    benefit_en="You get advice that fits how you sleep.",
)
SERVICE_TERMS: Final = _put(
    "nemuri",
    title=_both("ねむりの助言 利用規約", "Terms of Sleep Advice"),
    platform_use=_both(
        "別々のアプリの記録を合わせて見るために使います。", "To look at records of different apps together."
    ),
    stopping=_both(
        "住民ポータルで、いつでもやめられます。", "You can stop at any time in the residents' portal."
    ),
)
PLATFORM_TERMS: Final[dict[str, Any]] = {
    "body": {
        "title": _both("データ連携基盤利用規約", "Terms of the data-linkage platform"),
        "role": _both(
            "サービスのあいだで、あなたのデータを仲介します。",
            "The platform carries your data between services.",
        ),
        "collected": _both(
            "同意の記録と、データのある場所を集めます。", "It keeps your consents and where your data lies."
        ),
        "stopping": _both(
            "住民ポータルで、いつでも取り消せます。", "You can withdraw at any time in the portal."
        ),
    }
}
CLIENT: Final = _put(
    "nemuri",
    kind="component",
    component="nemuri-app",
    name_ja="ねむりノート",
    name_en="Sleep Notes",
    scopes=["openid", "personal:store"],
    redirect_uris=["https://nemuri.example.jp/callback"],
    jwks={
        "keys": [
            {
                "kty": "EC",
                "crv": "P-256",
                "x": "h5sPFPGXy2pqMK9jFmNJ-AT4GnppzYO9ud_UIIRXmS4",
                "y": "1OM9nNcbuzdkG6TQLDuFidxArNVExvq6auI1ZOS63GM",
                "kid": "nemuri-1",
            }
        ]
    },
)
WITNESS: Final = _put(
    "marugame",
    organization="c1",
    verifier_key="marugame.example+efbe64c0+BMztZXYk3Lo2QCpzlZfVnsXIvogNjSP2g7I0Urks0+ln",
    url="https://witness.example.jp",
)


# --- the desk and residents ---------------------------------------------------------------------------------


def address(municipality: str, rest: str) -> str:
    """A place in a municipality (code)."""
    return f"{municipality_name(municipality)}見本町{rest}"


def person(municipality: str) -> dict[str, str]:
    """見本 花子, who does not exist, of this municipality."""
    return {
        "family_name": "見本",
        "given_name": "花子",
        "family_kana": "ミホン",
        "given_kana": "ハナコ",
        "birth_date": "1948-03-14",
        "address": address(municipality, "1番地1"),
        "municipality_code": municipality,
    }


ENROLMENT: Final[dict[str, Any]] = {
    "person": person("372013"),
    "evidence": {"level": 2, "method": "desk_document", "document_class": "drivers_license"},
}
SHARING: Final[dict[str, Any]] = {
    "service_id": "kenko-mimamori",
    "links": ["kenko-steps"],
    "relation": "娘",
    "viewer_name": "花子",
    "shown_as": "母",
    "days": 30,
}
