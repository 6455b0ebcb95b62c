"""The requests of the desk, which follow one person from coming to leaving, and those about staff."""

from __future__ import annotations

from typing import Any

from moyai.web import examples
from moyai.web.docs_facts import Facts
from moyai.web.docs_making import Make

_RESIDENTS = "/identity/v1/residents"
_PERSON = f"{_RESIDENTS}/{{resident}}"
_FIND = {"q": "ミホン", "reason": "procedure"}


def _enrolled(facts: Facts) -> dict[str, Any]:
    # whoever sent the line before has such a person already: an erasure waits for two clerks
    reason = "同じ名前と生年月日の、見本の別の人"
    person = examples.person(facts.municipality)
    return {"body": {**examples.ENROLMENT, "person": person, "distinct_reason": reason}}


def _somebody(*also: str, body: Any = None, query: dict[str, str] | None = None) -> Make:
    """A name stands in a body, never in a URL: so the search is a call of its own, and piped."""

    return lambda _: {
        "path": {},
        "pipe": f"POST {_RESIDENTS}/search",
        "take": {"resident": "-#/residents/0/resident/resident_id"},
        "body": body,
        "query": query or {},
        "after": (f"POST {_RESIDENTS}", *also),
    }


def _moved(facts: Facts) -> dict[str, Any]:
    address = examples.address(facts.municipality, "2番地2")
    body = {"municipality_code": facts.municipality, "address": address}
    return _somebody(body=body)(facts)


def _clerk(*after: str, **more: Any) -> Make:
    """The account that the line for a new one made; ids are asked for, because only the platform knows them."""
    return lambda _: {
        "take": {"staff": "/identity/v1/staff#/staff/0/staff_id"},
        "after": ("POST /identity/v1/staff", *after),
        **more,
    }


MAKERS: dict[str, Make] = {
    f"POST {_RESIDENTS}": _enrolled,
    f"POST {_RESIDENTS}/search": lambda _: {"body": _FIND},
    f"POST {_PERSON}/credentials": _somebody(body={}),
    f"POST {_PERSON}/authenticator": _somebody(f"POST {_PERSON}/credentials", body={"ground": "本人の申出"}),
    f"POST {_PERSON}/proofing": _somebody(body=examples.ENROLMENT["evidence"]),
    f"PUT {_PERSON}/residence": _moved,
    f"GET {_PERSON}/consents": _somebody(query={"reason": "consultation"}),
    f"POST {_PERSON}/consents/stop": _somebody(
        body={"form": "2026-0417", "document_class": "my_number_card"}
    ),
    f"POST {_PERSON}/erasure": _somebody(body={"ground": "本人の申出"}),
    f"DELETE {_PERSON}/erasure": _somebody(f"POST {_PERSON}/erasure"),
    "POST /identity/v1/staff": lambda facts: {
        "body": {**examples.STAFF["body"], "organization_id": facts.provider_organization}
    },
    "POST /identity/v1/staff/{staff}/unlock": _clerk(),
    "POST /identity/v1/staff/{staff}/recovery": _clerk(),
}
