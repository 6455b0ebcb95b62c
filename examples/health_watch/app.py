"""健康見守り, a composite service: it asks the platform for what other components hold, and shows what it may.

What a resident closed is simply not there; the page says so and goes on without it.
"""

from __future__ import annotations

import asyncio
import html
import random
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "shared"))

from moyai_api import Refused
from site_base import Site, arguments, page
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

SCOPE = "personal:exchange"
WISHES = (("health-support", ["steps", "vitals"]), ("watch-over", ["presence"]))
NAMES = {"steps": "歩いた数", "vitals": "体重と血圧", "presence": "家でのようす"}


async def ask(site: Site, subject: str, purpose: str, datasets: list[str]) -> list[dict[str, Any]]:
    """The results of one exchange; a refusal of everything comes as one refused result for each dataset."""
    body = {"subject": subject, "purpose": purpose, "datasets": datasets, "limit": 14}
    try:
        return (await site.platform.call(SCOPE, "POST", "/personal/v1/exchange", body))["results"]
    except Refused as refused:
        reason = {"status": "refused", "code": refused.code, "text": refused.reason}
        return [{"dataset": dataset, **reason} for dataset in datasets]


async def everything(site: Site, subject: str) -> list[dict[str, Any]]:
    answers = await asyncio.gather(*(ask(site, subject, purpose, wish) for purpose, wish in WISHES))
    return [result for answer in answers for result in answer]


def _section(result: dict[str, Any]) -> str:
    name = html.escape(NAMES[result["dataset"]])
    if result["status"] != "ok":
        why = html.escape(result.get("text") or "この連携は、いま使えません。")
        return (
            f'<section class="why"><h2>{name}</h2><p>{why}</p><p><small>この部分がなくても、ほかはそのまま'
            f"使えます（<code>{html.escape(str(result['code']))}</code>）。</small></p></section>"
        )
    return f"<section><h2>{name}</h2>{_shown(result['dataset'], [i['content'] for i in result['items']])}</section>"


def _shown(dataset: str, contents: list[dict[str, Any]]) -> str:
    if not contents:
        return "<p>まだ記録はありません。</p>"
    newest = contents[0]
    if dataset == "steps":
        mean = sum(one["steps"] for one in contents) // len(contents)
        advice = "よく歩けています。" if mean >= 5000 else "あと10分、歩いてみませんか。"
        return f'<p class="big">{newest["steps"]:,} 歩</p><p>この2週間の平均は {mean:,} 歩です。{advice}</p>'
    if dataset == "vitals":
        high, low, weight = (newest.get(name, "—") for name in ("systolic", "diastolic", "weight_kg"))
        return f'<p class="big">{high} / {low}</p><p>体重は {weight} kg です。</p>'
    hours = "、".join(f"{hour}時台" for hour in newest["seen"])
    return f'<p class="big">{"在宅のようです" if newest["at_home"] else "外出のようです"}</p><p>動きがあった時間: {hours}</p>'


async def show(site: Site, request: Request, subject: str) -> Response:
    results = await everything(site, subject)
    portal = html.escape(site.platform.base_url + "/portal/consents")
    return page(
        site.title,
        "<h1>きょうのようす</h1>"
        + "".join(_section(result) for result in results)
        + f'<p><a class="button quiet" href="{portal}">同意を確かめる・変える</a></p>'
        + '<form method="post" action="/logout"><p><button class="quiet">ログアウト</button></p></form>',
    )


async def data(site: Site, request: Request, subject: str) -> Response:
    return JSONResponse({"results": await everything(site, subject)})


async def live(site: Site) -> None:
    """The watch-over looks in on somebody now and then; now and then it asks for what it may not have."""
    while site.arguments.live:
        await asyncio.sleep(site.arguments.live)
        if not site.state.subjects:
            continue
        subject = random.choice(site.state.subjects)
        purpose, datasets = random.choice([*WISHES, ("administrative-procedure", ["steps"])])
        results = await ask(site, subject, purpose, datasets)
        if any(result.get("code") == "subject_unknown" for result in results):
            site.state.forget(subject)


if __name__ == "__main__":
    Site(arguments(__doc__ or "").parse_args(), show, [("GET", "/data", data)], live).run()
