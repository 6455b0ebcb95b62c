"""The request that `/docs` shows for each operation: it works as it stands, on the platform that shows it.

In the order of the page. What a request needs from one before it, it says (`after`): the registry's tell how a new
organisation is connected, the desk's follow one person, the resident's go the five steps. Whatever would harm what
is there already is done to what an earlier request made, or declares again what holds.

Who calls and whom it is about are options of `moyai call`, because the page is public and must name nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from moyai.web import docs_requests_data, docs_requests_desk, docs_requests_registry, docs_requests_residents
from moyai.web.docs_facts import Facts
from moyai.web.docs_making import REGISTRY, Make
from moyai.web.operation import AnyOf, Client, Operation, Resident


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


_MAKERS: dict[str, Make] = {
    **docs_requests_data.MAKERS,
    **docs_requests_desk.MAKERS,
    **docs_requests_registry.MAKERS,
    **docs_requests_residents.MAKERS,
}

OF_TWO: Final = frozenset(
    {
        # ends for good what the line for a witness makes: it could be sent once only
        f"DELETE {REGISTRY}/witnesses/{{id}}",
        f"POST {REGISTRY}/pending/{{pending}}/confirmation",
        # ends the account that the line for a new one makes, and only two persons bring it back
        "POST /identity/v1/staff/{staff}/suspension",
        "DELETE /identity/v1/staff/{staff}/suspension",
        "POST /identity/v1/transfers",
        *(
            f"POST /identity/v1/{whose}transfers/{{transfer}}/{act}"
            for whose in ("", "me/")
            for act in ("confirmation", "decline")
        ),
        "DELETE /identity/v1/me/erasures/{erasure}",
        # what there is to end may be the very authorisation that the line is sent with
        "DELETE /identity/v1/me/sessions/{session}",
        "DELETE /identity/v1/me/authorizations/{authorization}",
    }
)
"""Operations that answer what somebody else did, or end what they are sent with: no line can be sent as it stands."""


def sent(operation: Operation, facts: Facts, table: Mapping[str, Operation]) -> Sent:
    """The request of one operation; `table` has all of them by method and path."""
    example = operation.description.example or {}
    shown = {name: example[name] for name in ("path", "query", "body") if name in example}
    shown |= _caller(operation, facts)
    make = _MAKERS.get(f"{operation.method} {operation.path}")
    shown |= make(facts) if make else {}
    if "pipe" in shown:
        first = table[shown["pipe"]]
        shown["pipe"] = first, sent(first, facts, table)
    return Sent(**shown)


def _caller(operation: Operation, facts: Facts) -> dict[str, Any]:
    """Who can: a client with the scope, somebody who uses a service, or anybody."""
    auth = operation.auth.demands[0] if isinstance(operation.auth, AnyOf) else operation.auth
    if isinstance(auth, Client):
        return {"client": facts.clients.get(auth.scope, "CLIENT")}
    if isinstance(auth, Resident):
        return {"resident": f"using:{facts.service}"}
    return {}
