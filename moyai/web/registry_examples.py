"""Requests that work, for `/docs`: one of each kind, as the operating organisation would send it."""

from __future__ import annotations

from typing import Any, Final


def _both(ja: str, en: str) -> dict[str, str]:
    return {"ja": ja, "en": en}


def _put(thing_id: str, **body: Any) -> dict[str, Any]:
    return {"path": {"id": thing_id}, "body": body}


ORGANIZATION: Final = _put(
    "marugame", name_ja="丸亀市", name_en="Marugame City", kind="municipality", municipality_codes=["372021"]
)
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
    "facility-booking", name_ja="施設の予約", name_en="Booking facilities", dpv="dpv:ServiceProvision"
)
COMPONENT: Final = _put(
    "nemuri-app", organization="c1", name_ja="ねむりノート", name_en="Sleep Notes", datasets=["steps"]
)
SERVICE: Final = _put(
    "undo-club",
    organization="c1",
    name_ja="運動クラブ",
    name_en="Exercise Club",
    summary_ja="歩いた数に合わせて、運動のしかたを知らせます。",
    summary_en="Tells how to exercise, from the steps you walk.",
    kind="community",
    user_scope="municipality",
    municipality_codes=["372013"],
    components=["mimamori", "undo-app"],
)
LINK: Final = _put(
    "kenko-steps",
    service="kenko-mimamori",
    provider="undo-app",
    consumer="mimamori",
    dataset="steps",
    purpose="health-support",
    purpose_ja="毎日どのくらい歩いているかを見て、健康づくりの助言をするために使います。",
    purpose_en="Used to see how much you walk each day, and to give advice on staying healthy.",
    benefit_ja="あなたの歩きかたに合った助言が届きます。",
    benefit_en="You get advice that fits how you walk.",
)
SERVICE_TERMS: Final = _put(
    "kenko-mimamori",
    title=_both("健康見守り 利用規約", "Terms of Health Watch"),
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
    component="undo-app",
    name_ja="ねむりノート",
    name_en="Sleep Notes",
    scopes=["openid", "personal:store"],
    redirect_uris=["https://nemuri.example.jp/callback"],
    jwks={
        "keys": [
            {
                "kty": "EC",
                "crv": "P-256",
                "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
                "kid": "nemuri-1",
            }
        ]
    },
)
WITNESS: Final = _put(
    "marugame",
    organization="c1",
    verifier_key="marugame+c7b1d9a4+AQ==",
    url="https://witness.example.jp",
)
