"""`/portal/services`: choosing a service and the first four of the five steps of guidebook 3.2.3; stopping.

The order of the steps is kept by `moyai.consent.enrolment`; these pages show what comes next and never decide it.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.consent import enrolment, overview, presentation, sharing, withdrawal
from moyai.consent.catalogue import ServiceFacts, facts_of
from moyai.consent.eligibility import require_eligible
from moyai.identity.model import ResidentCaller
from moyai.web import kept_choices, portal_decide
from moyai.web import portal_build as build
from moyai.web.consent import this_platform
from moyai.web.consent_sharing import described
from moyai.web.pages import Form, language_of, read_form, render
from moyai.web.portal import platform_of


def _service_id(request: Request) -> str:
    return request.path_params["service"]


def _to(path: str) -> Response:
    """After a form: look at the outcome under its own address."""
    return RedirectResponse(path, status_code=303, headers={"Cache-Control": "no-store"})


async def services(request: Request, caller: ResidentCaller) -> Response:
    """The services on offer, each with the reason where this resident cannot use it."""
    async with platform_of(request).control.connection() as conn:
        offered = await overview.offered(conn, caller)
    views = [build.service(each, language_of(request)) for each in offered]
    views.sort(key=lambda each: (each.reason is not None, each.in_use))
    return render(request, "portal/services.html", caller, services=views)


async def service(request: Request, caller: ResidentCaller) -> Response:
    """Where the resident is with a service: the next of the five steps, or the decision to look at again. Terms that
    changed stand before no decision about data."""
    platform, service_id = platform_of(request), _service_id(request)
    async with platform.control.transaction() as conn:
        facts = await facts_of(conn, service_id)
        await require_eligible(conn, caller, facts)
        member = await enrolment.membership(conn, caller, facts)
        walk = await enrolment.state(conn, caller, service_id)
        if member is not None or (walk is not None and walk.step == 4):
            return await portal_decide.page(request, conn, caller, in_use=member is not None)
    return _step_page(request, caller, facts, 1 if walk is None else walk.step + 1)


def _step_page(request: Request, caller: ResidentCaller, facts: ServiceFacts, step: int) -> Response:
    terms, service_id = facts.platform_terms if step == 4 else facts.terms, facts.service.service_id
    text = presentation.compose(this_platform(platform_of(request)), facts, facts.terms.published_at)
    return render(
        request,
        "portal/step.html",
        caller,
        step=step,
        service=text.service,
        platform=text.platform,
        terms=terms,
        terms_sha256=terms.sha256,
        changed="changed" in request.query_params,
        kept=bool(kept_choices.kept(request, caller, service_id)),
    )


async def enrol(request: Request, caller: ResidentCaller) -> Response:
    """One of the first four steps is done, or the walk is left."""
    form, platform, service_id = await read_form(request, caller), platform_of(request), _service_id(request)
    try:
        async with platform.control.transaction() as conn:
            await _take_step(conn, caller, service_id, form, platform.config.platform.id)
    except Problem as problem:
        if problem.code not in portal_decide.AGAIN:
            raise
        return _to(f"/portal/services/{service_id}?changed=1")
    if form.get("step") == "leave":
        return _to("/portal/services")
    return _to(f"/portal/services/{service_id}")


async def _take_step(
    conn: Connection, caller: ResidentCaller, service_id: str, form: Form, platform_id: str
) -> None:
    step, sha256 = form.get("step"), form.get("sha256", "")
    if step == "choose":
        await enrolment.choose(conn, caller, service_id)
    elif step == "service-terms":
        await enrolment.accept_service_terms(conn, caller, service_id, sha256)
    elif step == "platform":
        await enrolment.recognize_platform(conn, caller, service_id, platform_id, platform_id)
    elif step == "platform-terms":
        await enrolment.accept_platform_terms(conn, caller, service_id, sha256)
    elif step == "leave":
        await enrolment.leave(conn, caller, service_id)
    else:
        raise Problem("invalid_request", "step")


async def ask_withdrawal(request: Request, caller: ResidentCaller) -> Response:
    """The question before stopping: what exactly will stop, also for whom it is shared with; and what stays."""
    link_id = request.query_params.get("link")
    async with platform_of(request).control.connection() as conn:
        standing = await overview.consents_of_service(conn, caller, _service_id(request))
        known = await described(conn, caller, await sharing.sharings(conn, caller))
    view = build.service(standing, language_of(request))
    links = [link for link in view.given if link_id in (None, link.link_id)]
    if not links and (link_id is not None or not view.in_use):
        raise Problem("service_not_in_use")
    stopping = {link.link_id for link in links}
    viewers = [
        each.name
        for each in known
        if each.role == "sharer"
        and each.state in ("offered", "in_force")
        and stopping & {one.link_id for one in each.links if one.opened}
    ]
    return render(
        request,
        "portal/withdrawal.html",
        caller,
        service=view,
        links=links,
        viewers=list(dict.fromkeys(viewers)),
        whole=link_id is None,
    )


async def withdraw(request: Request, caller: ResidentCaller) -> Response:
    """Stop one link, or the whole service. It bites on the very next request."""
    form, platform = await read_form(request, caller), platform_of(request)
    async with platform.control.transaction() as conn:
        stopped = await withdrawal.withdraw(
            conn,
            caller,
            this_platform(platform),
            platform.box,
            _service_id(request),
            form.getlist("link") or None,
        )
    return _to(f"/portal/consents?done=withdrawn&receipt={stopped.act_id}")
