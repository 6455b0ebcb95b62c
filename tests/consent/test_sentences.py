"""The sentences of a resident's history: only what moved, what was stopped, and who looked (vendor H1, people P0-3)."""

from __future__ import annotations

from typing import Any

import pytest

from moyai.base.db import Connection
from moyai.consent import history, sharing, withdrawal
from moyai.ledger import Act, Kind, record
from tests.consent.conftest import HERE, Walk, calls
from tests.factories import Town, make_resident

pytestmark = pytest.mark.usefixtures("plain_contents")

WHO = "「健康見守りアプリ」（高松市）"
STEPS: dict[str, Any] = {"dataset": "steps", "provider": "undo-app", "status": "ok", "items": 7}
NO_STEPS = STEPS | {"items": 0}
VITALS: dict[str, Any] = {
    "dataset": "vitals",
    "provider": "kenko-app",
    "status": "refused",
    "code": "consent_refused",
}
UNTIED = VITALS | {"code": "subject_unknown"}
SILENT: dict[str, Any] = {
    "dataset": "presence", "provider": "mimamori-sensor", "status": "unavailable", "code": "source_unavailable"
}  # fmt: skip


async def told(conn: Connection, town: Town, kind: Kind, **detail: Any) -> history.Row:
    await record(
        conn, Act(kind=kind, actor="component:mimamori", resident_key=town.hanako.key, detail=detail)
    )
    return (await history.page(conn, town.hanako.key, limit=1)).rows[0]


@pytest.mark.parametrize(
    ("sources", "sentence"),
    [
        ([STEPS], f"{WHO}が、「歩数」を受け取りました。"),
        (
            [STEPS, VITALS],
            f"{WHO}が、「歩数」を受け取りました。「体重と血圧」は、渡しませんでした。あなたが断ったので、渡していません。",
        ),
        (
            [STEPS, UNTIED],
            f"{WHO}が、「歩数」を受け取りました。「体重と血圧」は、渡しませんでした。"
            "あなたがまだログインしていないアプリなので、渡すデータがありませんでした。",
        ),
        (
            [STEPS, VITALS, SILENT],
            f"{WHO}が、「歩数」を受け取りました。「体重と血圧」「在宅のようす」は、渡しませんでした。"
            "「体重と血圧」：あなたが断ったので、渡していません。"
            "「在宅のようす」：データの提供元が応答しなかったので、渡せませんでした。",
        ),
        ([NO_STEPS], f"{WHO}が、「歩数」を求めました。データは、ありませんでした。"),
        (
            [SILENT],
            f"{WHO}が「在宅のようす」を求めましたが、渡しませんでした。データの提供元が応答しなかったので、渡せませんでした。",
        ),
    ],
)
async def test_h1_only_what_moved_was_received(
    control: Connection, town: Town, sources: list[dict[str, Any]], sentence: str
) -> None:
    row = await told(control, town, Kind.EXCHANGE, consumer="mimamori", sources=sources)
    assert row.text_ja == sentence
    received = row.text_en.partition(" received: ")[2].partition(".")[0]
    assert received in ("", "Dataset steps")
    assert row.reason_ja is None or row.text_ja.endswith(row.reason_ja)


async def test_h1_an_answer_given_again_names_only_what_was_in_it(control: Connection, town: Town) -> None:
    row = await told(control, town, Kind.EXCHANGE_REPEATED, consumer="mimamori", sources=[STEPS, VITALS])
    assert row.text_ja.startswith(
        f"{WHO}に、前と同じ「歩数」を、もう一度渡しました。「体重と血圧」は、渡しませんでした。"
    )


async def test_what_was_stored_says_by_whom_and_how_many(control: Connection, town: Town) -> None:
    row = await told(control, town, Kind.ITEMS_STORED, dataset="steps", provider="undo-app", items=1)
    assert row.text_ja == "「運動アプリ」（高松市）が、「歩数」を1件記録しました。"


async def test_p0_3_a_withdrawal_names_what_was_stopped_and_no_more(
    control: Connection, town: Town, hanako: Walk
) -> None:
    await hanako.join()
    stop = (control, hanako.caller, HERE, hanako.box, town.kenko.id)
    await withdrawal.withdraw(*stop, ["kenko-vitals"])
    row = (await history.page(control, town.hanako.key, limit=1)).rows[0]
    assert row.text_ja == "あなたが、「体重と血圧」を止めました（健康見守り）。"
    await withdrawal.withdraw(*stop)
    texts = [each.text_ja for each in (await history.page(control, town.hanako.key, limit=2)).rows]
    assert (
        "あなたが、「在宅のようす」「歩数」を止めました（健康見守り）。「健康見守り」の利用もやめました。"
        in texts
    )


async def test_p0_3_who_looked_is_named_as_the_resident_names_them(
    control: Connection, town: Town, hanako: Walk
) -> None:
    await hanako.join()
    megumi = calls(await make_resident(control, "131016", name=("讃岐", "恵", "サヌキ", "メグミ")))
    offers: dict[str, str] = {}
    for name, relation in (("恵", "娘"), ("一郎", "息子")):
        offer = await sharing.share(
            control,
            hanako.caller,
            town.kenko.id,
            ["kenko-steps"],
            relation=relation,
            viewer_name=name,
            days=30,
        )
        offers[name] = str(offer.sharing.sharing_id)
        if name == "恵":
            await sharing.accept(control, megumi, offer.code)
            await sharing.end(control, megumi, offer.sharing.sharing_id)
    texts = {each.text_ja for each in (await history.page(control, town.hanako.key)).rows}
    assert {
        "あなたが、恵さん（娘）に「歩数」を見せるための合言葉をつくりました（健康見守り）。",
        "恵さん（娘）が合言葉を入力し、「歩数」を見られるようになりました。",
        "恵さん（娘）が、見るのをやめました。",
        "あなたが、一郎さん（息子）に「歩数」を見せるための合言葉をつくりました（健康見守り）。",
    } <= texts
    seen = await told(control, town, Kind.SHARED_VIEW, sharing_id=offers["恵"], sources=[STEPS, VITALS])
    assert seen.text_ja == (
        "恵さん（娘）が、「歩数」を見ました。「体重と血圧」は、見せませんでした。あなたが断ったので、渡していません。"
    )
    refused = await told(
        control, town, Kind.REFUSAL, sharing_id=offers["一郎"], sources=[], code="grant_not_in_force"
    )
    assert refused.text_ja.startswith("一郎さん（息子）が見ようとしましたが、見せませんでした。")
