"""The requests of the registry: how a new organisation is connected, and what of it waits."""

from __future__ import annotations

from typing import Any

from moyai.web import examples
from moyai.web.docs_facts import Facts
from moyai.web.docs_making import REGISTRY, Make, after


def _put(kind: str) -> str:
    return f"PUT {REGISTRY}/{kind}/{{id}}"


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


def _operator(facts: Facts) -> dict[str, Any]:
    return {"client": facts.clients.get("registry:write", "CLIENT")}


def _revoked(facts: Facts) -> dict[str, Any]:
    return {
        **_operator(facts),
        "take": {"pending": f"{REGISTRY}/pending#/pending/0/pending_id"},
        "after": (f"DELETE {REGISTRY}/organizations/{{id}}/suspension",),
    }


MAKERS: dict[str, Make] = {
    f"POST {REGISTRY}/organizations/{{id}}/certification": _certified,
    f"POST {REGISTRY}/organizations/{{id}}/suspension": after(
        f"POST {REGISTRY}/organizations/{{id}}/certification"
    ),
    f"DELETE {REGISTRY}/organizations/{{id}}/suspension": after(
        f"POST {REGISTRY}/organizations/{{id}}/suspension"
    ),
    f"POST {REGISTRY}/successions": after(_put("organizations")),
    _put("criteria"): _again("criteria", "criteria_version"),
    _put("authentication-services"): _again("authentication_service", "authentication_service_id"),
    _put("components"): after(_put("organizations"), _put("datasets")),
    _put("services"): _service,
    _put("links"): _link,
    f"PUT {REGISTRY}/terms/platform": _again("platform_terms"),
    f"PUT {REGISTRY}/terms/{{id}}": after(_put("services")),
    f"POST {REGISTRY}/services/{{id}}/certification": after(
        f"POST {REGISTRY}/organizations/{{id}}/certification", f"PUT {REGISTRY}/terms/{{id}}"
    ),
    f"POST {REGISTRY}/services/{{id}}/suspension": after(f"POST {REGISTRY}/services/{{id}}/certification"),
    f"DELETE {REGISTRY}/services/{{id}}/suspension": after(f"POST {REGISTRY}/services/{{id}}/suspension"),
    f"DELETE {REGISTRY}/links/{{id}}": after(_put("links")),
    _put("clients"): after(_put("components")),
    f"POST {REGISTRY}/clients/{{id}}/suspension": after(_put("clients")),
    f"DELETE {REGISTRY}/clients/{{id}}/suspension": after(f"POST {REGISTRY}/clients/{{id}}/suspension"),
    f"GET {REGISTRY}/pending": _operator,
    f"DELETE {REGISTRY}/pending/{{pending}}": _revoked,
    f"GET {REGISTRY}/terms/{{owner}}": lambda facts: {"path": {"owner": facts.service}},
}
