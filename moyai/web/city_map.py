"""The map of city data: evacuation sites and AEDs over outlines, offline, with the same rows as a table beside it."""

from __future__ import annotations

from typing import Annotated, Any, Final
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from moyai.base.errors import Problem
from moyai.context import places
from moyai.context.datasets import DISASTER_NAMES
from moyai.context.places import Place, Wanted
from moyai.identity.model import Caller
from moyai.web import pages
from moyai.web.map_drawing import draw

ROWS: Final = 50

Disaster = Annotated[str, msgspec.Meta(max_length=20)]


class Kind(msgspec.Struct, frozen=True):
    """A kind of place on the map: its name in the URL, its entity type, what it is called."""

    id: str
    type: str
    ja: str
    en: str
    by_disaster: bool


KINDS: Final = (
    Kind("evacuation", "EvacuationSite", "指定緊急避難場所", "Emergency evacuation site", True),
    Kind("tsunami", "TsunamiEvacuationBuilding", "津波避難ビル", "Tsunami evacuation building", True),
    Kind("aed", "AED", "AED", "AED", False),
)


class Filter(msgspec.Struct, frozen=True):
    """What the visitor chose. Nothing chosen means every kind."""

    kinds: tuple[Kind, ...]
    disaster: str
    page: int

    def wanted(self) -> list[Wanted]:
        chosen = self.disaster or None
        return [Wanted(kind.type, chosen if kind.by_disaster else None) for kind in self.kinds]

    def query(self, page: int) -> str:
        fields = [("kind", kind.id) for kind in self.kinds]
        if self.disaster:
            fields.append(("disaster", self.disaster))
        return urlencode([*fields, ("page", str(page))])


def read_filter(request: Request) -> Filter:
    """Raises Problem("invalid_request") for a kind, disaster or page that there is not."""
    asked = request.query_params
    known = {kind.id: kind for kind in KINDS}
    ids = asked.getlist("kind") or list(known)
    disaster, page = asked.get("disaster", ""), asked.get("page", "1")
    if any(one not in known for one in ids):
        raise Problem("invalid_request", "kind")
    if disaster and disaster not in DISASTER_NAMES:
        raise Problem("invalid_request", "disaster")
    if not (page.isascii() and page.isdigit() and 1 <= len(page) <= 6 and int(page)):
        raise Problem("invalid_request", "page")
    return Filter(tuple(kind for kind in KINDS if kind.id in ids), disaster, int(page))


async def city_map(request: Request, caller: Caller) -> Response:
    """GET /map"""
    database = request.app.state.platform.context
    if database is None:
        raise Problem("not_implemented", "this platform holds no city data")
    chosen = read_filter(request)
    wanted = chosen.wanted()
    async with database.connection() as conn:
        total = await places.total(conn, wanted)
        rows = await places.page(conn, wanted, ROWS, (chosen.page - 1) * ROWS)
        dots = await places.dots(conn, wanted)
        outlines = await places.outlines(conn)
    language = pages.language_of(request)
    return pages.render(
        request,
        "map.html",
        caller,
        chosen=chosen,
        kinds=KINDS,
        disasters=[(name, _pick(names, language)) for name, names in DISASTER_NAMES.items()],
        rows=[_row(place, language) for place in rows],
        total=total,
        last_page=max(1, -(-total // ROWS)),
        drawing=draw(outlines, {kind.id: dots.get(kind.type, []) for kind in chosen.kinds}),
        credits=_credits(rows, outlines, language),
        live=_for_script(chosen, language),
    )


def _pick(names: tuple[str, str], language: str) -> str:
    return names[0] if language == "ja" else names[1]


def _row(place: Place, language: str) -> dict[str, Any]:
    values = place.values
    kind = next(kind for kind in KINDS if kind.type == place.type)
    hours = "〜".join(filter(None, [values.get("opensAt", ""), values.get("closesAt", "")]))
    details = [
        values.get("installedAt", ""),
        " ".join(filter(None, [values.get("availableDays", ""), hours])),
        values.get("availableNote", ""),
        values.get("note", ""),
    ]
    return {
        "kind": kind,
        "name": values.get("name", ""),
        "address": values.get("address", ""),
        "disasters": [_pick(DISASTER_NAMES[name], language) for name in values.get("disasterTypes", [])],
        "capacity": values.get("capacity"),
        "details": [detail for detail in details if detail],
        "telephone": values.get("telephone", ""),
    }


def _credits(rows: list[Place], outlines: list[places.Outline], language: str) -> list[str]:
    """The sources of what this page shows, each once."""
    named = [place.values.get("source", "") for place in rows]
    named += [(o.source_en if language == "en" else "") or o.source for o in outlines]
    return [credit for credit in dict.fromkeys(named) if credit]


def _for_script(chosen: Filter, language: str) -> str:
    """What the script needs to draw the same selection itself from `/v2`."""
    return msgspec.json.encode(
        {
            "kinds": [
                {"id": kind.id, "type": kind.type, "name": _pick((kind.ja, kind.en), language)}
                | ({"disaster": chosen.disaster} if kind.by_disaster and chosen.disaster else {})
                for kind in chosen.kinds
            ],
            "disasters": {name: _pick(names, language) for name, names in DISASTER_NAMES.items()},
            "labels": {
                "zoomIn": _pick(("拡大", "Zoom in"), language),
                "zoomOut": _pick(("縮小", "Zoom out"), language),
                "usable": _pick(("使える災害：", "Usable in: "), language),
                "comma": _pick(("、", ", "), language),
                "close": _pick(("閉じる", "Close"), language),
            },
        }
    ).decode()
