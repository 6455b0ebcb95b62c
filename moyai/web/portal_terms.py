"""`/portal/services/{service}/terms`: terms that changed while a resident uses a service. Accept them, or stop."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from moyai.base.errors import Problem
from moyai.consent import overview, terms
from moyai.identity.model import ResidentCaller
from moyai.registry import store_terms
from moyai.registry.model import TermsVersion
from moyai.web import portal_build as build
from moyai.web.pages import language_of, read_form, render
from moyai.web.portal import platform_of


def path_of(service_id: str) -> str:
    return f"/portal/services/{service_id}/terms"


async def show(request: Request, caller: ResidentCaller) -> Response:
    """What changed, section by section, old beside new; by when; and the whole texts. Data whose text changed as well is
    named with the way to its own decision: accepting terms decides nothing about it."""
    language, service_id = language_of(request), request.path_params["service"]
    async with platform_of(request).control.connection() as conn:
        standing = await terms.standing(conn, caller, service_id)
        service = build.service(await overview.consents_of_service(conn, caller, service_id), language)
        both: list[tuple[terms.ChangedTerms, TermsVersion | None]] = [
            (each, await store_terms.terms_by_hash(conn, each.in_force.sha256))
            for each in (standing.service_terms, standing.platform_terms)
        ]
    return render(
        request,
        "portal/terms_changed.html",
        caller,
        standing=standing,
        service=service,
        accept_by=build.noon(standing.accept_by),
        texts=[
            (build.terms_changes(each.changes, language), version)
            for each, version in both
            if each.accepted.version != each.in_force.version
        ],
        again="changed" in request.query_params,
    )


async def accept(request: Request, caller: ResidentCaller) -> Response:
    form, service_id = await read_form(request, caller), request.path_params["service"]
    try:
        async with platform_of(request).control.transaction() as conn:
            await terms.accept(
                conn, caller, service_id, form.get("service_terms", ""), form.get("platform_terms", "")
            )
    except Problem as problem:
        if problem.code != "terms_not_in_force":
            raise
        return _to(f"{path_of(service_id)}?changed=1")
    return _to("/portal/consents?done=terms")


def _to(path: str) -> Response:
    return RedirectResponse(path, status_code=303, headers={"Cache-Control": "no-store"})
