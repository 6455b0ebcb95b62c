"""The requests of residents: five steps to join, and what follows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moyai.web import examples
from moyai.web.docs_facts import Facts
from moyai.web.docs_making import REGISTRY, Make

_SERVICE = "/consent/v1/services/{service}"
_SHARINGS = "/consent/v1/sharings"


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
    return lambda facts: {"sha256": f"{REGISTRY}/terms/{owner or facts.service}#/sha256"}


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
    return {
        "resident": f"new-to:{facts.service}",
        "pipe": f"POST {_SHARINGS}",
        "take": {"code": "-#/code"},
        "body": {"code": "{code}"},
    }


def _viewed(facts: Facts) -> dict[str, Any]:
    return {
        "resident": f"new-to:{facts.service}",
        "take": {"sharing": f"{_SHARINGS}#/sharings/0/sharing_id"},
        "after": (f"POST {_SHARINGS}/accept",),
    }


MAKERS: dict[str, Make] = {
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
            "service_terms": f"{REGISTRY}/terms/{facts.service}#/sha256",
            "platform_terms": f"{REGISTRY}/terms/platform#/sha256",
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
}
