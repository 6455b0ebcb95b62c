"""三木町 申請のお知らせ: how far a resident's application to the town has come."""

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

STATUS = {
    "received": "受け付けました",
    "in_review": "審査中です",
    "decided": "決まりました",
    "incomplete": "足りないものがあります",
}


async def applications(site: Site, subject: str) -> list[dict[str, Any]]:
    """Raises Refused with the platform's reason."""
    body = {"subject": subject, "purpose": "administrative-procedure", "datasets": ["application-status"]}
    answer = await site.platform.call("personal:exchange", "POST", "/personal/v1/exchange", body)
    results: list[dict[str, Any]] = answer["results"]
    return [item["content"] for result in results if result["status"] == "ok" for item in result["items"]]


async def show(site: Site, request: Request, subject: str) -> Response:
    try:
        found = await applications(site, subject)
    except Refused as refused:
        return _closed(site, refused)
    cards = "".join(
        f"<section><h2>{html.escape(one['application'])}</h2><p class='big'>{STATUS[one['status']]}</p>"
        f"<p>{html.escape(one.get('next_step', ''))}</p></section>"
        for one in found
    )
    return page(
        site.title,
        f"<h1>申請の進みぐあい</h1>{cards or '<section><p>いま、申請はありません。</p></section>'}"
        '<form method="post" action="/logout"><p><button class="quiet">ログアウト</button></p></form>',
    )


def _closed(site: Site, refused: Refused) -> Response:
    """Without the resident's consent there is nothing to show: say so, and where it can be given."""
    why = html.escape(refused.reason)
    portal = html.escape(f"{site.platform.base_url}/portal/services")
    return page(
        site.title,
        f'<h1>まだお知らせできません</h1><section class="why"><p>{why}</p></section>'
        f'<p><a class="button" href="{portal}">住民ポータルで始める</a></p>'
        '<form method="post" action="/logout"><p><button class="quiet">ログアウト</button></p></form>',
    )


async def data(site: Site, request: Request, subject: str) -> Response:
    try:
        return JSONResponse({"applications": await applications(site, subject)})
    except Refused as refused:
        return JSONResponse({"code": refused.code}, refused.status)


async def live(site: Site) -> None:
    while site.arguments.live:
        await asyncio.sleep(site.arguments.live)
        if not site.state.subjects:
            continue
        subject = random.choice(site.state.subjects)
        try:
            await applications(site, subject)
        except Refused as refused:
            if refused.code == "subject_unknown":
                site.state.forget(subject)


if __name__ == "__main__":
    Site(arguments(__doc__ or "").parse_args(), show, [("GET", "/data", data)], live).run()
