"""How things of the registry stand: for each noun one function that says with which code it is kept from acting, or None.

Whoever asks whether an organisation, a service or a link may act, asks here; where the facts come from (a row of the gate, a
model, a view) is their own. Unknown facts refuse. What a resident or a member of staff may do is `identity`'s to say.
"""

from __future__ import annotations

from typing import Final

CERTIFIED: Final = "certified"
_SUSPENDED: Final = "suspended"


def of_organization(state: str | None) -> str | None:
    """Of one that takes part in an exchange, offers a service or keeps the registry: it must be certified."""
    if state == CERTIFIED:
        return None
    return "organization_suspended" if state == _SUSPENDED else "organization_not_certified"


def of_office(state: str | None) -> str | None:
    """Of one that works at its desk, looks after its own staff or gives its word: certified or not, it must not be suspended."""
    return "organization_suspended" if state is None or state == _SUSPENDED else None


def of_service(state: str | None, organization_state: str | None) -> str | None:
    """A service is its organisation's: while that is not in force, neither is the service."""
    code = of_organization(organization_state)
    if code is not None or state == CERTIFIED:
        return code
    return "service_suspended" if state == _SUSPENDED else "service_not_certified"


_KEPT: Final = {f"organization_{state}": state for state in ("registered", _SUSPENDED)}


def of_kept_service(service_state: str | None) -> str | None:
    """`service_state` of `registry.link_standing`, which names the organisation's state where that is not certified."""
    if service_state in _KEPT:
        return of_organization(_KEPT[service_state])
    return of_service(service_state, CERTIFIED)


def of_link(
    state: str | None,
    provider_state: str | None,
    consumer_state: str | None,
    service_state: str | None,
    service_organization_state: str | None,
) -> str | None:
    """Why a link is closed, whatever a resident decides; a link that ended says so by `consumer_not_linked`."""
    ends = [of_organization(one) for one in (provider_state, consumer_state, service_organization_state)]
    for code in ("organization_suspended", "organization_not_certified"):
        if code in ends:
            return code
    if state != "registered":
        return "consumer_not_linked"
    return of_service(service_state, service_organization_state)
