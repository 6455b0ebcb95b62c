"""Who may be calling, and the levels of proofing and authentication (guidebook 1.2.4)."""

from __future__ import annotations

import msgspec


class Anonymous(msgspec.Struct, frozen=True):
    """Nobody in particular."""


class ClientCaller(msgspec.Struct, frozen=True):
    """A component's (or desk's) OAuth client, known by its access token. Identity only, never permission."""

    client_id: str
    client_key: int
    component_id: str | None
    component_key: int | None
    organization_id: str
    organization_key: int
    scopes: frozenset[str]


class ResidentCaller(msgspec.Struct, frozen=True):
    """A resident, in the portal's session or through a touch point's token.

    `session_id` names the session (the token's `sid`) that texts are served to. `ial` and `aal` are levels of
    the framework `jp-ds500`: what was proofed at enrolment, and the factors really used in this session.
    """

    resident_key: int
    resident_id: str
    session_id: str
    client_id: str
    ial: int
    aal: int
    scopes: frozenset[str]


class StaffCaller(msgspec.Struct, frozen=True):
    """A member of staff in a browser session."""

    staff_key: int
    login: str
    name: str
    organization_id: str
    organization_key: int
    roles: frozenset[str]


Caller = Anonymous | ClientCaller | ResidentCaller | StaffCaller
