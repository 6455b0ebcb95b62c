"""`/portal/services`: choosing a service and the five steps of guidebook 3.2.3; deciding, changing, stopping.

The order of the steps is kept by `moyai.consent.enrolment`; these pages show what comes next and never decide it.
"""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.consent import decisions, enrolment, overview, presentation, withdrawal
from moyai.consent.catalogue import ServiceFacts, facts_of
from moyai.consent.decisions import Choices
from moyai.consent.eligibility import require_eligible
from moyai.consent.model import Choice
from moyai.identity.model import ResidentCaller
from moyai.web import portal_build as build
from moyai.web import portal_terms
from moyai.web.consent import this_platform
from moyai.web.pages import Form, language_of, read_form, render
from moyai.web.portal import platform_of

_AGAIN = {"step_skipped", "terms_not_in_force", "text_not_served"}
"""Problems that only mean: look at the step where you are, it has changed."""


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
    """Where the resident is with a service: the next of the five steps, or the decision to look at again; before that,
    for a service in use, the terms that changed."""
    platform, service_id = platform_of(request), _service_id(request)
    async with platform.control.transaction() as conn:
        facts = await facts_of(conn, service_id)
        await require_eligible(conn, caller, facts)
        member = await enrolment.membership(conn, caller, facts)
        walk = await enrolment.state(conn, caller, service_id)
        in_use = enrolment.is_current(member, facts)
        if member is not None and not in_use and walk is None:
            return _to(portal_terms.path_of(service_id))
        if in_use or (walk is not None and walk.step == 4):
            return await _decision_page(
                request, conn, caller, in_use=in_use, choices=None if in_use else _preset(request, facts)
            )
    return _step_page(request, caller, facts, 1 if walk is None else walk.step + 1)


def _preset(request: Request, facts: ServiceFacts) -> dict[str, Choice]:
    """“All” and “none” set the choices of a first decision, and decide nothing: the form is looked at again."""
    wanted = request.query_params.get("choose")
    if wanted != "given" and wanted != "refused":
        return {}
    return {link.link_id: wanted for link in facts.links_on_offer()}


def _step_page(request: Request, caller: ResidentCaller, facts: ServiceFacts, step: int) -> Response:
    terms = facts.platform_terms if step == 4 else facts.terms
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
    )


async def _decision_page(
    request: Request,
    conn: Connection,
    caller: ResidentCaller,
    *,
    in_use: bool,
    choices: dict[str, Choice] | None = None,
    missing: Sequence[str] = (),
) -> Response:
    """The whole text, served to this session, and the choice for each link. Nothing is chosen beforehand, except
    what stands already: to change one thing is to change one choice."""
    platform, service_id = platform_of(request), _service_id(request)
    served = await presentation.present(conn, caller, this_platform(platform), service_id)
    stands = (await overview.consents_of_service(conn, caller, service_id)).links if in_use else ()
    if choices is None:
        choices = _standing_choices(stands)
    language = language_of(request)
    return render(
        request,
        "portal/decide.html",
        caller,
        status=422 if missing else 200,
        text=served.text,
        sha256=served.sha256,
        choices=choices,
        missing=missing,
        looked=request.method == "POST" or bool(request.query_params.get("choose")),
        in_use=in_use,
        stale="changed" in request.query_params,
        standing={link.link_id: build.link(link, language) for link in stands},
        waits=[link.link_id for link in stands if link.to_decide],
    )


def _standing_choices(stands: Sequence[overview.LinkStanding]) -> dict[str, Choice]:
    return {
        link.link_id: _AS_CHOSEN[link.standing]
        for link in stands
        if link.standing in _AS_CHOSEN and not link.to_decide
    }


_AS_CHOSEN: dict[str, Choice] = {"given": "given", "refused": "refused", "withdrawn": "refused"}
"""What stands, as a choice of the form. What has expired, is new or says something else now waits for a choice."""


async def enrol(request: Request, caller: ResidentCaller) -> Response:
    """One of the first four steps is done, or the walk is left."""
    form, platform, service_id = await read_form(request, caller), platform_of(request), _service_id(request)
    try:
        async with platform.control.transaction() as conn:
            await _take_step(conn, caller, service_id, form, platform.config.platform.id)
    except Problem as problem:
        if problem.code not in _AGAIN:
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


async def decide(request: Request, caller: ResidentCaller) -> Response:
    """The fifth step: each link as it was chosen; or not to begin, which leaves nothing."""
    form, platform, service_id = await read_form(request, caller), platform_of(request), _service_id(request)
    if form.get("decision") == "leave":
        async with platform.control.transaction() as conn:
            await enrolment.leave(conn, caller, service_id)
        return _to("/portal/services")
    try:
        async with platform.control.transaction() as conn:
            return await _decide(request, conn, caller, form)
    except Problem as problem:
        if problem.code not in _AGAIN:
            raise
        return _to(f"/portal/services/{service_id}?changed=1")


async def _decide(request: Request, conn: Connection, caller: ResidentCaller, form: Form) -> Response:
    platform, service_id, choices = platform_of(request), _service_id(request), _choices(form)
    facts = await facts_of(conn, service_id)
    missing = [link.link_id for link in facts.links_on_offer() if link.link_id not in choices]
    look = form.get("decision") == "look"
    if missing or look:
        missing = [] if look else missing
        in_use = enrolment.is_current(await enrolment.membership(conn, caller, facts), facts)
        return await _decision_page(request, conn, caller, in_use=in_use, choices=choices, missing=missing)
    chosen: Choices = {**choices}
    made = await decisions.decide(
        conn, caller, this_platform(platform), platform.box, service_id, _sha256(form), chosen
    )
    return _to(f"/portal/receipts/{made.act_id}?new=1")


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
            if value not in ("given", "refused"):
                raise Problem("invalid_request", name)
            if chosen.setdefault(name.removeprefix("link."), value) != value:
                raise Problem("decision_contradictory", name)
    if form.get("decision", "each") not in ("each", "look") and set(chosen.values()) != {"given"}:
        raise Problem("decision_contradictory", "decision")
    return chosen


async def ask_withdrawal(request: Request, caller: ResidentCaller) -> Response:
    """The question before stopping: what exactly will stop."""
    link_id = request.query_params.get("link")
    async with platform_of(request).control.connection() as conn:
        standing = await overview.consents_of_service(conn, caller, _service_id(request))
    view = build.service(standing, language_of(request))
    links = [link for link in view.given if link_id in (None, link.link_id)]
    if not links and (link_id is not None or not view.in_use):
        raise Problem("service_not_in_use")
    return render(request, "portal/withdrawal.html", caller, service=view, links=links, whole=link_id is None)


async def withdraw(request: Request, caller: ResidentCaller) -> Response:
    """Stop one link, or the whole service. It bites on the very next request."""
    form, platform = await read_form(request, caller), platform_of(request)
    async with platform.control.transaction() as conn:
        await withdrawal.withdraw(
            conn,
            caller,
            this_platform(platform),
            platform.box,
            _service_id(request),
            form.getlist("link") or None,
        )
    return _to("/portal/consents?done=withdrawn")
