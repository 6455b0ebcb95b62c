"""Who may read and write which tenant, judged by the registry as it stands at this moment.

The common tenant (no `Fiware-Service` header) is everybody's to read; an organisation's tenant is its own alone.
"""

from __future__ import annotations

import re
from typing import Final

from moyai.base.db import Connection
from moyai.context.errors import Kind, NgsiError, bad_request
from moyai.context.model import Author
from moyai.registry.standing import of_organization
from moyai.registry.store_standing import client_standing

COMMON_TENANT: Final = ""

_SERVICE = re.compile(r"[a-z0-9_]{1,50}")


def tenant_of(service: str | None) -> str:
    """The tenant that a `Fiware-Service` header names; without one, the common tenant.

    Raises NgsiError (BadRequest) for a malformed name.
    """
    if not service:
        return COMMON_TENANT
    tenant = service.lower()
    if not _SERVICE.fullmatch(tenant):
        raise bad_request("bad tenant: only letters, digits and _ (at most 50) are allowed in Fiware-Service")
    return tenant


def tenant_of_organization(organization_id: str) -> str:
    """An organisation's tenant name: its id, with the hyphens that NGSI forbids written as underscores."""
    return organization_id.replace("-", "_")


async def author(control: Connection, client_id: str, tenant: str) -> Author:
    """The right of a client to write to a tenant, from the control database, never from memory.

    Raises NgsiError (Forbidden): client disabled, organisation not certified or suspended, tenant of another.
    """
    standing = await client_standing(control, client_id)
    if standing is None or standing.client_state != "active":
        raise NgsiError(Kind.FORBIDDEN, "This client may not use the platform")
    if code := of_organization(standing.organization_state):
        raise NgsiError(Kind.FORBIDDEN, f"The client's organisation is not in force ({code})")
    if tenant not in (COMMON_TENANT, tenant_of_organization(standing.organization_id)):
        raise NgsiError(Kind.FORBIDDEN, "This tenant belongs to another organisation")
    return Author(organization_id=standing.organization_id, tenant=tenant)
