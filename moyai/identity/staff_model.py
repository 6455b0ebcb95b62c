"""Staff accounts as they are declared, as their administrators see them, and who administers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

import msgspec

from moyai.registry.pending import Asker

ADMIN_ROLES: Final = frozenset({"operator", "staff_admin", "provider_admin"})
"""Whoever has one of these can make others: such an account is created, widened, recovered and enabled by two."""


CONSOLE_ROLES: Final = frozenset({"operator", "auditor"})
"""The console is the operating organisation's, and so are these roles."""

POWERFUL_ROLES: Final = ADMIN_ROLES | CONSOLE_ROLES
"""Roles that an account is created with by two."""


class StaffDeclaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a staff account should be. `login` is the id.

    `staff_number` is the 職員番号 that the organisation knows the person by; it is given once and never another's.
    An account without one counts for nobody where two persons are needed.
    """

    login: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9._@-]{2,63}$(?!\n)", max_length=64)]
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    organization_id: str
    roles: Annotated[list[str], msgspec.Meta(min_length=1, max_length=10)]
    staff_number: Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Za-z-]{0,40}$(?!\n)", max_length=40)] = ""


class StaffAccount(msgspec.Struct, frozen=True):
    """An account as its administrators see it. `has_login` is false until first secrets were issued, `initial` until they
    were replaced by the owner's own, `in_force` until two persons have said whose account it is."""

    staff_id: str
    login: str
    name: str
    organization_id: str
    organization_ja: str
    organization_en: str
    roles: list[str]
    staff_number: str
    state: str
    state_reason: str
    last_login_at: datetime | None
    has_login: bool
    initial: bool
    in_force: bool

    @property
    def admin(self) -> bool:
        return bool(ADMIN_ROLES & set(self.roles))


class Administrator(msgspec.Struct, frozen=True):
    """Who administers: everybody's accounts (the operating organisation), or those of one organisation."""

    asker: Asker
    organization_id: str
    organization_key: int
    everywhere: bool

    @property
    def actor(self) -> str:
        return self.asker.actor
