"""The request that `/docs` shows for each operation: it works as it stands, on the platform that shows it.

In the order of the page. What a request needs from one before it, it says (`after`): the registry's tell how a new
organisation is connected, the desk's follow one person, the resident's go the five steps. Whatever would harm what
is there already is done to what an earlier request made, or declares again what holds.

Who calls and whom it is about are options of `moyai call`, because the page is public and must name nobody.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from moyai.web import examples
from moyai.web.docs_facts import Facts
from moyai.web.operation import Client, Operation, Resident


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """A request as options of `moyai call`. `pipe` is the call whose answer comes by standard input, `after`
    the operations (method, path) that have to be sent before."""

    client: str | None = None
    resident: str | None = None
    path: dict[str, str] = {}
    query: dict[str, Any] = {}
    body: Any = None
    form: dict[str, str] = {}
    take: dict[str, str] = {}
    pipe: tuple[Operation, Sent] | None = None
    after: tuple[str, ...] = ()


Make = Callable[[Facts], dict[str, Any]]

_CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
"""The example of RFC 7636, appendix B."""

_RESIDENTS = "/identity/v1/residents"
_PERSON = f"{_RESIDENTS}/{{resident}}"
_REGISTRY = "/registry/v1"
_SERVICE = "/consent/v1/services/{service}"
_SHARINGS = "/consent/v1/sharings"
_ITEMS = "/personal/v1/subjects/{subject}/datasets/{dataset}/items"
_ENTITY = "/v2/entities/{entity_id}"
_ATTRIBUTE = f"{_ENTITY}/attrs/{{attribute}}"


OF_TWO: Final = frozenset(
    {
        # ends for good what the line for a witness makes: it could be sent once only
        f"DELETE {_REGISTRY}/witnesses/{{id}}",
        f"POST {_REGISTRY}/pending/{{pending}}/confirmation",
        # ends the account that the line for a new one makes, and only two persons bring it back
        "POST /identity/v1/staff/{staff}/suspension",
        "DELETE /identity/v1/staff/{staff}/suspension",
        "POST /identity/v1/transfers",
        *(
            f"POST /identity/v1/{whose}transfers/{{transfer}}/{act}"
            for whose in ("", "me/")
            for act in ("confirmation", "decline")
        ),
        # what there is to end may be the very authorisation that the line is sent with
        "DELETE /identity/v1/me/sessions/{session}",
        "DELETE /identity/v1/me/authorizations/{authorization}",
    }
)
"""Operations that answer what somebody else did, or end what they are sent with: no line can be sent as it stands."""


def sent(operation: Operation, facts: Facts) -> Sent:
    """The request of one operation."""
    example = operation.description.example or {}
    shown = {name: example[name] for name in ("path", "query", "body") if name in example}
    shown |= _caller(operation, facts)
    make = _MAKERS.get(f"{operation.method} {operation.path}")
    return Sent(**(shown | (make(facts) if make else {})))


def _caller(operation: Operation, facts: Facts) -> dict[str, Any]:
    """Who can: a client with the scope, somebody who uses a service, or anybody."""
    if isinstance(operation.auth, Client):
        return {"client": facts.clients.get(operation.auth.scope, "CLIENT")}
    if isinstance(operation.auth, Resident):
        return {"resident": f"using:{facts.service}"}
    return {}


# --- OAuth ------------------------------------------------------------------------------------------------


def _form(**form: str) -> Make:
    return lambda facts: {"client": facts.clients.get("personal:exchange", "CLIENT"), "form": form}


def _pushed(facts: Facts) -> dict[str, Any]:
    return _form(
        response_type="code",
        redirect_uri=facts.redirect_uri,
        scope="openid",
        code_challenge=_CHALLENGE,
        code_challenge_method="S256",
    )(facts)


# --- the desk: one person, from coming to leaving -----------------------------------------------------------

_FIND = {"q": "ミホン", "reason": "procedure"}


def _enrolled(facts: Facts) -> dict[str, Any]:
    # whoever sent the line before has such a person already: an erasure waits for two clerks
    reason = "同じ名前と生年月日の、見本の別の人"
    person = examples.person(facts.municipality)
    return {"body": {**examples.ENROLMENT, "person": person, "distinct_reason": reason}}


def _somebody(*also: str, body: Any = None) -> Make:
    """A name stands in a body, never in a URL: so the search is a call of its own, and piped."""

    def make(facts: Facts) -> dict[str, Any]:
        from moyai.web.routes import ROUTES

        find = next(one for one in ROUTES if (one.method, one.path) == ("POST", f"{_RESIDENTS}/search"))
        return {
            "path": {},
            "pipe": (find, sent(find, facts)),
            "take": {"resident": "-#/residents/0/resident/resident_id"},
            "body": body,
            "after": (f"POST {_RESIDENTS}", *also),
        }

    return make


# --- staff ------------------------------------------------------------------------------------------------


def _clerk(*after: str, **more: Any) -> Make:
    """The account that the line for a new one made; ids are asked for, because only the platform knows them."""
    return lambda _: {
        "take": {"staff": "/identity/v1/staff#/staff/0/staff_id"},
        "after": ("POST /identity/v1/staff", *after),
        **more,
    }


# --- acts that wait ------------------------------------------------------------------------------------------


def _operator(facts: Facts) -> dict[str, Any]:
    return {"client": facts.clients.get("registry:write", "CLIENT")}


def _revoked(facts: Facts) -> dict[str, Any]:
    return {
        **_operator(facts),
        "take": {"pending": f"{_REGISTRY}/pending#/pending/0/pending_id"},
        "after": (f"DELETE {_REGISTRY}/organizations/{{id}}/suspension",),
    }


def _moved(facts: Facts) -> dict[str, Any]:
    address = examples.address(facts.municipality, "2番地2")
    body = {"municipality_code": facts.municipality, "address": address}
    return _somebody(body=body)(facts)


# --- the registry -----------------------------------------------------------------------------------------


def _again(name: str, id_name: str = "") -> Make:
    """What is declared already, once more; the example where nothing is."""

    def make(facts: Facts) -> dict[str, Any]:
        declared: dict[str, Any] | None = getattr(facts, name)
        if declared is None:
            return {}
        body = {key: value for key, value in declared.items() if key != id_name}
        return {"path": {"id": declared[id_name]} if id_name else {}, "body": body}

    return make


def _certified(facts: Facts) -> dict[str, Any]:
    body = {**examples.CERTIFICATION["body"], "criteria_version": facts.criteria_version}
    return {"body": body, "after": (_put("organizations"), _put("criteria"))}


def _service(facts: Facts) -> dict[str, Any]:
    components = [facts.consumer, *examples.SERVICE["body"]["components"][1:]]
    return {"body": {**examples.SERVICE["body"], "components": components}, "after": (_put("components"),)}


def _link(facts: Facts) -> dict[str, Any]:
    needs = (_put("datasets"), _put("purposes"), _put("services"))
    return {"body": {**examples.LINK["body"], "consumer": facts.consumer}, "after": needs}


def _put(kind: str) -> str:
    return f"PUT {_REGISTRY}/{kind}/{{id}}"


def _after(*needs: str) -> Make:
    return lambda _: {"after": needs}


# --- residents --------------------------------------------------------------------------------------------


def _newcomer(
    *needs: str,
    body: Callable[[Facts], Any] | None = None,
    take: Callable[[Facts], dict[str, str]] | None = None,
) -> Make:
    """Somebody who does not use the service yet takes a step."""

    def make(facts: Facts) -> dict[str, Any]:
        return {
            "resident": f"new-to:{facts.service}",
            "path": {"service": facts.service},
            "body": body(facts) if body else None,
            "take": take(facts) if take else {},
            "after": needs,
        }

    return make


def _terms(owner: str | None = None) -> Callable[[Facts], dict[str, str]]:
    return lambda facts: {"sha256": f"{_REGISTRY}/terms/{owner or facts.service}#/sha256"}


def _read(_: Facts) -> dict[str, Any]:
    return {"sha256": "{sha256}"}


def _decision(facts: Facts) -> dict[str, Any]:
    return {"sha256": "{sha256}", "links": dict.fromkeys(facts.links, "given")}


def _step(name: str) -> str:
    return f"POST {_SERVICE}/{name}"


def _shared(facts: Facts) -> dict[str, Any]:
    return {"body": {**examples.SHARING, "service_id": facts.service, "links": facts.links[:1]}}


def _accepted(facts: Facts) -> dict[str, Any]:
    """The code is shown once, to the one who shares: so the two calls are piped."""
    from moyai.web.routes import ROUTES

    share = next(one for one in ROUTES if (one.method, one.path) == ("POST", _SHARINGS))
    return {
        "resident": f"new-to:{facts.service}",
        "pipe": (share, sent(share, facts)),
        "take": {"code": "-#/code"},
        "body": {"code": "{code}"},
    }


def _viewed(facts: Facts) -> dict[str, Any]:
    return {
        "resident": f"new-to:{facts.service}",
        "take": {"sharing": f"{_SHARINGS}#/sharings/0/sharing_id"},
        "after": (f"POST {_SHARINGS}/accept",),
    }


# --- personal data ----------------------------------------------------------------------------------------


def _exchange(facts: Facts) -> dict[str, Any]:
    body = {"subject": "{subject}", "purpose": facts.purpose, "datasets": [facts.dataset]}
    return {"resident": f"using:{facts.service}", "body": body}


def _item(body: Callable[[Facts], Any] | None = None, *, item: bool = True, **more: Any) -> Make:
    def make(facts: Facts) -> dict[str, Any]:
        path = {"dataset": facts.dataset, **({"item": "example-1"} if item else {})}
        return {
            "resident": f"using:{facts.service}",
            "path": path,
            "body": body(facts) if body else None,
            **more,
        }

    return make


def _location(facts: Facts) -> dict[str, Any]:
    query = {"dataset": facts.dataset, "purpose": facts.purpose}
    return {"resident": f"using:{facts.service}", "path": {}, "query": query}


# --- city data and the log ----------------------------------------------------------------------------------


def _entity(facts: Facts) -> dict[str, Any]:
    return {"path": {"entity_id": facts.entity}, "query": {}}


def _attribute(facts: Facts) -> dict[str, Any]:
    return {"path": {"entity_id": facts.entity, "attribute": facts.attribute}}


_BENCH = _after("POST /v2/entities")

_MAKERS: dict[str, Make] = {
    "POST /oauth2/par": _pushed,
    "POST /oauth2/token": _form(grant_type="client_credentials"),
    "POST /oauth2/revoke": _form(**{"token": "{token}"}),
    f"POST {_RESIDENTS}": _enrolled,
    f"POST {_RESIDENTS}/search": lambda _: {"body": _FIND},
    f"POST {_PERSON}/credentials": _somebody(body={}),
    f"POST {_PERSON}/authenticator": _somebody(f"POST {_PERSON}/credentials"),
    f"POST {_PERSON}/proofing": _somebody(body=examples.ENROLMENT["evidence"]),
    f"PUT {_PERSON}/residence": _moved,
    f"GET {_PERSON}/consents": _somebody(),
    f"POST {_PERSON}/consents/stop": _somebody(
        body={"form": "2026-0417", "document_class": "my_number_card"}
    ),
    f"POST {_PERSON}/erasure": _somebody(body={"ground": "本人の申出"}),
    f"DELETE {_PERSON}/erasure": _somebody(f"POST {_PERSON}/erasure"),
    "POST /identity/v1/staff": lambda facts: {
        "body": {**examples.STAFF["body"], "organization_id": facts.provider_organization}
    },
    "POST /identity/v1/staff/{staff}/unlock": _clerk(),
    "POST /identity/v1/staff/{staff}/credentials": _clerk(),
    "POST /identity/v1/staff/{staff}/recovery": _clerk("POST /identity/v1/staff/{staff}/credentials"),
    f"POST {_REGISTRY}/organizations/{{id}}/certification": _certified,
    f"POST {_REGISTRY}/organizations/{{id}}/suspension": _after(
        f"POST {_REGISTRY}/organizations/{{id}}/certification"
    ),
    f"DELETE {_REGISTRY}/organizations/{{id}}/suspension": _after(
        f"POST {_REGISTRY}/organizations/{{id}}/suspension"
    ),
    f"POST {_REGISTRY}/successions": _after(_put("organizations")),
    _put("criteria"): _again("criteria", "criteria_version"),
    _put("authentication-services"): _again("authentication_service", "authentication_service_id"),
    _put("components"): _after(_put("organizations"), _put("datasets")),
    _put("services"): _service,
    _put("links"): _link,
    f"PUT {_REGISTRY}/terms/platform": _again("platform_terms"),
    f"PUT {_REGISTRY}/terms/{{id}}": _after(_put("services")),
    f"POST {_REGISTRY}/services/{{id}}/certification": _after(
        f"POST {_REGISTRY}/organizations/{{id}}/certification", f"PUT {_REGISTRY}/terms/{{id}}"
    ),
    f"POST {_REGISTRY}/services/{{id}}/suspension": _after(f"POST {_REGISTRY}/services/{{id}}/certification"),
    f"DELETE {_REGISTRY}/services/{{id}}/suspension": _after(f"POST {_REGISTRY}/services/{{id}}/suspension"),
    f"DELETE {_REGISTRY}/links/{{id}}": _after(_put("links")),
    _put("clients"): _after(_put("components")),
    f"POST {_REGISTRY}/clients/{{id}}/suspension": _after(_put("clients")),
    f"DELETE {_REGISTRY}/clients/{{id}}/suspension": _after(f"POST {_REGISTRY}/clients/{{id}}/suspension"),
    f"GET {_REGISTRY}/pending": _operator,
    f"DELETE {_REGISTRY}/pending/{{pending}}": _revoked,
    f"GET {_REGISTRY}/terms/{{owner}}": lambda facts: {"path": {"owner": facts.service}},
    f"POST {_SERVICE}/enrolment": _newcomer(),
    f"GET {_SERVICE}/enrolment": _newcomer(_step("enrolment")),
    f"POST {_SERVICE}/enrolment/service-terms": _newcomer(_step("enrolment"), body=_read, take=_terms()),
    f"POST {_SERVICE}/enrolment/platform": _newcomer(
        _step("enrolment/service-terms"), body=lambda facts: {"acknowledged": facts.platform_id}
    ),
    f"POST {_SERVICE}/enrolment/platform-terms": _newcomer(
        _step("enrolment/platform"), body=_read, take=_terms("platform")
    ),
    f"GET {_SERVICE}/presentation": lambda facts: {"path": {"service": facts.service}},
    f"POST {_SERVICE}/decision": _newcomer(
        _step("enrolment/platform-terms"),
        body=_decision,
        take=lambda facts: {"sha256": f"{_SERVICE.format(service=facts.service)}/presentation#/sha256"},
    ),
    f"GET {_SERVICE}/terms": _newcomer(_step("decision")),
    f"POST {_SERVICE}/terms": _newcomer(
        _step("decision"),
        body=lambda _: {"service_terms": "{service_terms}", "platform_terms": "{platform_terms}"},
        take=lambda facts: {
            "service_terms": f"{_REGISTRY}/terms/{facts.service}#/sha256",
            "platform_terms": f"{_REGISTRY}/terms/platform#/sha256",
        },
    ),
    f"POST {_SERVICE}/withdrawal": _newcomer(_step("decision"), body=lambda _: {}),
    f"DELETE {_SERVICE}/enrolment": _newcomer(),
    "GET /consent/v1/receipts/{act}": lambda _: {
        "take": {"act": "/consent/v1/consents#/services/0/links/0/act_id"}
    },
    f"POST {_SHARINGS}": _shared,
    f"POST {_SHARINGS}/accept": _accepted,
    f"GET {_SHARINGS}/{{sharing}}/items": _viewed,
    f"DELETE {_SHARINGS}/{{sharing}}": _viewed,
    "POST /personal/v1/exchange": _exchange,
    f"PUT {_ITEMS}/{{item}}": _item(lambda facts: {"content": facts.content}),
    f"POST {_ITEMS}": _item(
        lambda facts: {"items": [{"item_id": "example-2", "content": facts.content}]}, item=False
    ),
    f"GET {_ITEMS}": _item(item=False),
    f"GET {_ITEMS}/{{item}}": _item(after=(f"PUT {_ITEMS}/{{item}}",)),
    f"DELETE {_ITEMS}/{{item}}": _item(after=(f"PUT {_ITEMS}/{{item}}",)),
    "GET /personal/v1/subjects/{subject}/locations": _location,
    "GET /v2/entities": lambda facts: {
        "query": {"type": facts.entity_type, "limit": 3, "options": "count,keyValues"}
    },
    f"GET {_ENTITY}": _entity,
    f"GET {_ENTITY}/attrs": _entity,
    f"GET {_ATTRIBUTE}": _attribute,
    f"GET {_ATTRIBUTE}/value": _attribute,
    f"POST {_ENTITY}/attrs": _BENCH,
    f"PATCH {_ENTITY}/attrs": _BENCH,
    f"PUT {_ENTITY}/attrs": _BENCH,
    f"PUT {_ATTRIBUTE}": _BENCH,
    f"PUT {_ATTRIBUTE}/value": _BENCH,
    f"DELETE {_ATTRIBUTE}": _BENCH,
    f"DELETE {_ENTITY}": _BENCH,
    "GET /log/v1/proof/inclusion": lambda facts: {"query": {"entry": facts.entry}},
    "GET /log/v1/proof/consistency": lambda facts: {"query": {"from": 1, "to": facts.size}},
}
