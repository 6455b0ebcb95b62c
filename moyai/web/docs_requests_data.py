"""The requests of touch points and programs: tokens, personal data, city data and the log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moyai.web.docs_facts import Facts
from moyai.web.docs_making import Make, after

_CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
"""The example of RFC 7636, appendix B."""

_ITEMS = "/personal/v1/subjects/{subject}/datasets/{dataset}/items"
_ENTITY = "/v2/entities/{entity_id}"
_ATTRIBUTE = f"{_ENTITY}/attrs/{{attribute}}"
_BENCH = after("POST /v2/entities")


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


def _entity(facts: Facts) -> dict[str, Any]:
    return {"path": {"entity_id": facts.entity}, "query": {}}


def _attribute(facts: Facts) -> dict[str, Any]:
    return {"path": {"entity_id": facts.entity, "attribute": facts.attribute}}


MAKERS: dict[str, Make] = {
    "POST /oauth2/par": _pushed,
    "POST /oauth2/token": _form(grant_type="client_credentials"),
    "POST /oauth2/revoke": _form(**{"token": "{token}"}),
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
