"""`/portal/services/{service}`, the fifth step and every later change: the whole text, and a choice for each link.

The first decision gives or refuses each link. Later, what stands is chosen as it stands, and what is not chosen stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import get_args

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.consent import decisions, enrolment, overview, presentation
from moyai.consent.catalogue import ServiceFacts, facts_of
from moyai.consent.choices import Choices
from moyai.consent.model import Choice
from moyai.identity.model import Anonymous, ResidentCaller
from moyai.web import kept_choices, portal_choices
from moyai.web import portal_build as build
from moyai.web.consent import this_platform
from moyai.web.pages import Form, language_of, read_form, render
from moyai.web.portal import platform_of

AGAIN = {"step_skipped", "terms_not_in_force", "text_not_served"}
"""Problems that only mean: look at the step where you are, it has changed."""

_OFFERED: dict[str, Choice] = {one: one for one in get_args(Choice)}


def _service_id(request: Request) -> str:
    return request.path_params["service"]


def _to(path: str) -> Response:
    """After a form: look at the outcome under its own address."""
    return RedirectResponse(path, status_code=303, headers={"Cache-Control": "no-store"})


async def page(
    request: Request,
    conn: Connection,
    caller: ResidentCaller,
    *,
    in_use: bool,
    choices: Mapping[str, Choice] | None = None,
    missing: Sequence[str] = (),
) -> Response:
    """The whole text, served to this session, and the choices for each link. Nothing is chosen beforehand, except what
    stands already, as it stands: to change one thing is to change one choice."""
    platform, service_id, language = platform_of(request), _service_id(request), language_of(request)
    served = await presentation.present(conn, caller, this_platform(platform), service_id)
    service = await overview.consents_of_service(conn, caller, service_id) if in_use else None
    stands = service.links if service else ()
    offers = await presentation.available(conn, caller, service_id, served)
    known = {link.link_id: link for link in stands}
    chosen = portal_choices.as_it_stands(known, offers) if choices is None else choices
    returned = _returned(request, caller, offers) if choices is None else {}
    answer = render(
        request,
        "portal/decide.html",
        caller,
        status=422 if missing else 200,
        text=served.text,
        sha256=served.sha256,
        offers={
            link.link_id: portal_choices.offers(link, known.get(link.link_id), offers[link.link_id], language)
            for link in served.text.links
        },
        choices={**chosen, **returned},
        returned=bool(returned),
        whose=kept_choices.mark_of(caller, service_id),
        missing=missing,
        looked=request.method == "POST" or bool(returned),
        in_use=in_use,
        service=build.service(service, language) if service else None,
        stale="changed" in request.query_params,
        standing={link_id: build.link(link, language) for link_id, link in known.items()},
        waits=[link.link_id for link in stands if link.to_decide],
    )
    return kept_choices.forget(request, answer) if returned else answer


def _returned(
    request: Request, caller: ResidentCaller, offers: Mapping[str, Sequence[Choice]]
) -> dict[str, Choice]:
    """What this resident had chosen when the log-in ran out, as far as it is still offered."""
    kept = kept_choices.kept(request, caller, _service_id(request))
    return {
        link_id: _OFFERED[value]
        for link_id, value in kept.items()
        if value in _OFFERED and _OFFERED[value] in offers.get(link_id, ())
    }


async def expired(request: Request) -> Response:
    """The log-in has run out: nothing is decided, and what was chosen is shown again afterwards."""
    return kept_choices.keep(request, await read_form(request, Anonymous()), _service_id(request))


async def decide(request: Request, caller: ResidentCaller) -> Response:
    """Each link as it was chosen; or not to begin, which leaves nothing."""
    form, platform, service_id = await read_form(request, caller), platform_of(request), _service_id(request)
    if form.get("decision") == "leave":
        async with platform.control.transaction() as conn:
            await enrolment.leave(conn, caller, service_id)
        return _to("/portal/services")
    try:
        async with platform.control.transaction() as conn:
            return await _decide(request, conn, caller, form)
    except Problem as problem:
        if problem.code == "nothing_to_change":
            return _to("/portal/consents?done=unchanged")
        if problem.code not in AGAIN:
            raise
        return _to(f"/portal/services/{service_id}?changed=1")


async def _decide(request: Request, conn: Connection, caller: ResidentCaller, form: Form) -> Response:
    platform, service_id = platform_of(request), _service_id(request)
    facts = await facts_of(conn, service_id)
    in_use = await enrolment.membership(conn, caller, facts) is not None
    if not in_use and form.get("choose") in ("given", "refused"):
        return await page(request, conn, caller, in_use=False, choices=_all(form, facts))
    choices = _choices(form)
    missing = [] if in_use else [one.link_id for one in facts.links_on_offer() if one.link_id not in choices]
    look = form.get("decision") == "look"
    if missing or look:
        again = () if look else missing
        return await page(request, conn, caller, in_use=in_use, choices=choices, missing=again)
    chosen: Choices = {**choices}
    made = await decisions.decide(
        conn, caller, this_platform(platform), platform.box, service_id, _sha256(form), chosen
    )
    return _to(f"/portal/receipts/{made.act_id}?new=1")


def _all(form: Form, facts: ServiceFacts) -> dict[str, Choice]:
    """“All” and “none” set the choices of a first decision, and decide nothing: the form is looked at again. They are
    buttons of our own page, so that no link from elsewhere can set a choice."""
    wanted: Choice = "given" if form.get("choose") == "given" else "refused"
    return {link.link_id: wanted for link in facts.links_on_offer()}


def _sha256(form: Form) -> str:
    given = form.get("sha256", "")
    if len(given) != 64 or set(given) - set("0123456789abcdef"):
        raise Problem("text_not_served", "sha256")
    return given


def _choices(form: Form) -> dict[str, Choice]:
    """What was chosen for each link, and nothing beyond it.

    A form that says “all” (none of ours does) is taken only where each of its links says the same. Raises Problem
    decision_contradictory, invalid_request.
    """
    chosen: dict[str, Choice] = {}
    for name, value in form.multi_items():
        if name.startswith("link."):
            if value not in _OFFERED:
                raise Problem("invalid_request", name)
            choice = _OFFERED[value]
            if chosen.setdefault(name.removeprefix("link."), choice) != choice:
                raise Problem("decision_contradictory", name)
    if form.get("decision", "each") not in ("each", "look") and set(chosen.values()) != {"given"}:
        raise Problem("decision_contradictory", "decision")
    return chosen
