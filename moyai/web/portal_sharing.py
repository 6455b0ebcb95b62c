"""`/portal/sharing`: letting a relative view chosen data, taking a code, looking, ending (R-004)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.base.ids import random_uuid
from moyai.consent import sharing
from moyai.consent.catalogue import names
from moyai.identity import step_up
from moyai.identity.model import ResidentCaller
from moyai.personal.model import Item, Result
from moyai.personal.paging import Page, positions
from moyai.registry import lookups
from moyai.web import portal_build as build
from moyai.web import second_factor, shared_items
from moyai.web.consent_sharing import NewSharing, described
from moyai.web.formats import moment
from moyai.web.pages import Form, Language, language_of, read_form, render
from moyai.web.portal import decided_services, platform_of, uuid_in_path
from moyai.web.portal_views import SharedGroup, say, words

ITEMS = 100
"""Of each source on one page."""


async def sharings(request: Request, caller: ResidentCaller) -> Response:
    """What the resident shares, what is shared with them, and the forms to begin either."""
    return await _page(request, caller)


async def _page(request: Request, caller: ResidentCaller, *, status: int = 200, **shown: Any) -> Response:
    language = language_of(request)
    async with platform_of(request).control.connection() as conn:
        known = await described(conn, caller, await sharing.sharings(conn, caller))
        services = await decided_services(conn, caller, language)
    wanted: str | None = shown.pop("wanted", None) or request.query_params.get("service")
    choices = [each for each in services if each.given]
    chosen = next((each for each in choices if each.service_id == wanted), choices[0] if choices else None)
    defaults: dict[str, Any] = {
        "code": None,
        "code_expires_at": None,
        "ended": "ended" in request.query_params,
        "missing": {},
        "code_error": None,
        "code_due": not step_up.is_fresh(caller),
        "factor_error": None,
        "code_checked": False,
        "picked": [],
        "typed": {},
    }
    return render(
        request,
        "portal/sharing.html",
        caller,
        status=status,
        once=random_uuid(),
        given=[
            build.sharing(each, language, build.open_links(services))
            for each in known
            if each.role == "sharer"
        ],
        received=[build.sharing(each, language) for each in known if each.role == "viewer"],
        choices=choices,
        chosen=chosen,
        **(defaults | shown),
    )


async def share(request: Request, caller: ResidentCaller) -> Response:
    """Offer chosen links; the answer shows the code, once."""
    form, language = await read_form(request, caller), language_of(request)
    wanted = _wanted(form)
    if wanted is None:
        return await _page(
            request,
            caller,
            status=422,
            missing=_missing(form, language),
            picked=form.getlist("links"),
            typed=dict(form),
            wanted=form.get("service"),
        )
    once = _once(form)
    step = await second_factor.step(request, caller, form)
    if step is not None:
        caller, problem = step
        return await _page(
            request,
            caller,
            status=422 if problem else 200,
            factor_error=problem.code if problem else None,
            code_checked=problem is None,
            picked=form.getlist("links"),
            typed=dict(form),
            wanted=form.get("service"),
        )
    async with platform_of(request).control.transaction() as conn:
        if await sharing.offered_before(conn, caller, once):
            return RedirectResponse("/portal/sharing", 303, headers={"Cache-Control": "no-store"})
        offer = await sharing.share(
            conn,
            caller,
            wanted.service_id,
            wanted.links,
            relation=wanted.relation,
            viewer_name=wanted.viewer_name,
            shown_as=wanted.shown_as,
            days=wanted.days,
            sharing_id=once,
        )
    return await _page(request, caller, code=offer.code, code_expires_at=offer.sharing.code_expires_at)


def _once(form: Form) -> UUID:
    """The id that the form was given for its sharing: sent again (reload, double click), it makes no second one."""
    try:
        return UUID(form.get("once", ""))
    except ValueError:
        return random_uuid()


def _wanted(form: Form) -> NewSharing | None:
    """The form in the shape of the API, with the same checks; None if something is missing."""
    fields = {
        "service_id": form.get("service"),
        "links": form.getlist("links"),
        "relation": form.get("relation", "").strip(),
        "viewer_name": form.get("viewer_name", "").strip(),
        "shown_as": form.get("shown_as", "").strip(),
        "days": int(form["days"]) if re.fullmatch("[0-9]{1,9}", form.get("days", "")) else 30,
    }
    try:
        return msgspec.convert(fields, NewSharing)
    except msgspec.ValidationError:
        return None


_ASKED: dict[str, tuple[str, str]] = {
    "links": ("見てもらうデータを、1つ以上選んでください。", "Choose at least one kind of data."),
    "viewer_name": ("相手の名前を入れてください。", "Enter their name."),
    "relation": ("あなたとの関係を入れてください。", "Enter who they are to you."),
    "shown_as": ("相手の画面に出る、あなたの呼び名を入れてください。", "Enter what they see you as."),
}


def _missing(form: Form, language: Language) -> dict[str, str]:
    """What to say beside which field."""
    empty = {name: say(language, *texts) for name, texts in _ASKED.items() if not form.get(name, "").strip()}
    return empty or {"links": say(language, "入力を確かめてください。", "Check what you entered.")}


async def accept(request: Request, caller: ResidentCaller) -> Response:
    """Take a code. A wrong one is told beside the field, and counted."""
    form, language = await read_form(request, caller), language_of(request)
    async with platform_of(request).control.transaction() as conn:
        taken = await sharing.accept(conn, caller, form.get("code", "")[:40])
    if taken is None:
        error = say(
            language,
            "この合言葉は使えません。相手に確かめてください。",
            "This code is not valid. Ask the person who gave it to you.",
        )
        return await _page(request, caller, status=422, code_error=error)
    return RedirectResponse(f"/portal/sharing/{taken.sharing_id}", 303, headers={"Cache-Control": "no-store"})


async def ask_end(request: Request, caller: ResidentCaller) -> Response:
    """The question before a sharing ends: with whom, and what they will no longer see."""
    sharing_id = uuid_in_path(request, "sharing")
    async with platform_of(request).control.connection() as conn:
        known = await described(conn, caller, await sharing.sharings(conn, caller))
    for each in known:
        if each.sharing_id == sharing_id and each.role == "sharer":
            shown = build.sharing(each, language_of(request))
            return render(request, "portal/sharing_end.html", caller, sharing=shown)
    raise Problem("does_not_exist", f"sharing {sharing_id}")


async def end(request: Request, caller: ResidentCaller) -> Response:
    """End a sharing, from either side."""
    await read_form(request, caller)
    platform = platform_of(request)
    async with platform.control.transaction() as conn:
        await sharing.end(conn, caller, uuid_in_path(request, "sharing"))
    return RedirectResponse("/portal/sharing?ended=1", 303, headers={"Cache-Control": "no-store"})


async def look(request: Request, caller: ResidentCaller) -> Response:
    """The shared items, to view. Each look is on the record of the one who shares."""
    sharing_id, language, platform = (
        uuid_in_path(request, "sharing"),
        language_of(request),
        platform_of(request),
    )
    page = Page(ITEMS, after=positions(request.query_params.get("cursor")))
    pages = await shared_items.view(platform, caller, sharing_id, page)
    async with platform.control.connection() as conn:
        known = await described(conn, caller, await sharing.sharings(conn, caller))
        groups = [await _group(conn, result, language) for result in pages.results]
    shared = next((each for each in known if each.sharing_id == sharing_id), None)
    if shared is None:
        raise Problem("does_not_exist", f"sharing {sharing_id}")
    return render(
        request,
        "portal/shared_items.html",
        caller,
        sharing=build.sharing(shared, language),
        groups=groups,
        older=pages.next,
        newer=page.after is not None,
    )


async def _group(conn: Connection, result: Result, language: Language) -> SharedGroup:
    """One source's items as a table: the dataset's items in plain words are the columns."""
    dataset = await lookups.dataset(conn, result.dataset)
    held = (await names(conn)).component(result.source.component_id) if result.source else None
    source = f"{words(held, 'component', language)}・{words(held, 'organization', language)}" if held else ""
    columns = {item.name: say(language, item.ja, item.en) for item in dataset.items}
    heads = (say(language, "日時", "When"), *columns.values())
    rows = tuple(_row(item, list(columns), language) for item in result.items or [])
    name = words(dataset, "name", language) if result.source else say(language, *shared_items.HIDDEN)
    return SharedGroup(name, source, heads, rows, result.code)


def _row(item: Item, columns: Sequence[str], language: Language) -> tuple[str, ...]:
    content = msgspec.json.decode(bytes(item.content), type=dict[str, Any])
    when = moment(item.observed_at, language) if item.observed_at else "—"
    return (when, *(_cell(content.get(name), language) for name in columns))


def _cell(value: Any, language: Language) -> str:
    if value is None:
        return "—"
    if isinstance(value, bool):
        return say(language, "はい" if value else "いいえ", "yes" if value else "no")
    if isinstance(value, list):
        return say(language, "、", ", ").join(_cell(each, language) for each in value)  # type: ignore[reportUnknownVariableType]
    if isinstance(value, str) and "T" in value:
        try:
            return moment(datetime.fromisoformat(value), language)
        except ValueError:
            return value
    return f"{value:,}" if isinstance(value, (int, float)) else str(value)
