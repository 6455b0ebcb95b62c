"""A provider component: residents record steps, measurements or presence here; the items lie in the component's own
store on the platform. With `--live`, things happen by themselves, as they would in a city."""

from __future__ import annotations

import asyncio
import html
import random
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zlib import crc32
from zoneinfo import ZoneInfo

sys.path.insert(0, str(Path(__file__).parents[1] / "shared"))

from moyai_api import Refused
from site_base import Site, arguments, page
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

TOKYO = ZoneInfo("Asia/Tokyo")
SCOPE = "personal:store"


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _steps(day: datetime, subject: str) -> tuple[str, dict[str, Any]]:
    date = day.astimezone(TOKYO).date().isoformat()
    return date, {"date": date, "steps": random.randint(900, 9800)}


def _vitals(day: datetime, subject: str) -> tuple[str, dict[str, Any]]:
    high = random.randint(108, 148)
    usual_weight = 46 + crc32(subject.encode()) % 28
    return day.strftime("%Y-%m-%dT%H%M%S"), {
        "measured_at": day.isoformat(),
        "weight_kg": round(usual_weight + random.uniform(-0.6, 0.6), 1),
        "systolic": high,
        "diastolic": high - random.randint(38, 56),
    }


def _presence(day: datetime, subject: str) -> tuple[str, dict[str, Any]]:
    local = day.astimezone(TOKYO)
    seen = sorted(random.sample(range(6, 22), 9))
    return local.date().isoformat(), {
        "date": local.date().isoformat(),
        "seen": seen,
        "last_seen_at": day.isoformat(),
        "at_home": random.random() < 0.8,
    }


def _application(day: datetime, subject: str) -> tuple[str, dict[str, Any]]:
    return "jido-teate", {
        "application": "児童手当の認定請求",
        "status": random.choice(["received", "in_review", "decided"]),
        "updated_on": day.astimezone(TOKYO).date().isoformat(),
        "next_step": "いまは、することはありません。",
    }


MAKERS = {"steps": _steps, "vitals": _vitals, "presence": _presence, "application-status": _application}


async def store(site: Site, subject: str, days: int) -> None:
    """Store one item for each of the last days, in one call: all or none."""
    items: list[dict[str, Any]] = []
    for back in range(days):
        day = _now() - timedelta(days=back)
        item_id, content = MAKERS[site.arguments.dataset](day, subject)
        items.append({"item_id": item_id, "content": content, "observed_at": day.isoformat()})
    await site.platform.call(SCOPE, "POST", _path(site, subject), {"items": items})


def _path(site: Site, subject: str) -> str:
    return f"/personal/v1/subjects/{subject}/datasets/{site.arguments.dataset}/items"


async def show(site: Site, request: Request, subject: str) -> Response:
    try:
        items = (await site.platform.call(SCOPE, "GET", f"{_path(site, subject)}?limit=14"))["items"]
    except Refused as refused:
        return site.refusal(refused.reason, refused.status)
    rows = "".join(
        f"<tr><th>{when}</th><td>{html.escape(what)}</td></tr>"
        for when, what in (_shown(site.arguments.dataset, item["content"]) for item in items)
    )
    return page(
        site.title,
        f"<h1>わたしの記録</h1><section><table>{rows or '<tr><td>まだ記録はありません。</td></tr>'}</table></section>"
        '<form method="post" action="/record"><button>きょうの分を記録する</button></form>'
        '<form method="post" action="/logout"><p><button class="quiet">ログアウト</button></p></form>',
    )


STATUS = {"received": "受け付けました", "in_review": "審査中です", "decided": "決まりました"}


def _shown(dataset: str, content: dict[str, Any]) -> tuple[str, str]:
    """When, and what, in words."""
    if dataset == "steps":
        return _day(content["date"]), f"{content['steps']:,} 歩"
    if dataset == "vitals":
        pressure = f"血圧 {content.get('systolic', '—')}/{content.get('diastolic', '—')}"
        return _day(content["measured_at"]), f"{pressure}、体重 {content.get('weight_kg', '—')} kg"
    if dataset == "presence":
        return _day(content["date"]), "在宅" if content["at_home"] else "外出"
    status = STATUS.get(content["status"], "窓口にお尋ねください")
    return _day(content["updated_on"]), f"{content['application']}：{status}"


def _day(text: str) -> str:
    """A date or time as residents read it: in Tokyo."""
    day = datetime.fromisoformat(text)
    if day.tzinfo is None:
        return f"{day.month}月{day.day}日"
    local = day.astimezone(TOKYO)
    return f"{local.month}月{local.day}日 {local.hour}時{local.minute:02}分"


async def record(site: Site, request: Request, subject: str) -> Response:
    try:
        await store(site, subject, 1)
    except Refused as refused:
        return site.refusal(refused.reason, refused.status)
    return RedirectResponse("/", 303)


async def live(site: Site) -> None:
    """New residents get two weeks of records; afterwards somebody records something now and then."""
    known: set[str] = set()
    while site.arguments.live:
        await asyncio.sleep(site.arguments.live)
        new = [subject for subject in site.state.subjects if subject not in known]
        for subject in new[:5] or random.sample(site.state.subjects, min(1, len(site.state.subjects))):
            await _live_record(site, subject, 14 if subject in new else 1)
            known.add(subject)


async def _live_record(site: Site, subject: str, days: int) -> None:
    try:
        await store(site, subject, days)
    except Refused as refused:
        if refused.code == "subject_unknown":
            site.state.forget(subject)


if __name__ == "__main__":
    parser = arguments(__doc__ or "")
    parser.add_argument("--dataset", required=True, choices=sorted(MAKERS))
    Site(parser.parse_args(), show, [("POST", "/record", record)], live).run()
