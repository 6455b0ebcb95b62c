"""What became of staff accounts. They are named by their stable id, never by the login, which would tell whose account
to try.
"""

from __future__ import annotations

from moyai.ledger.contents.content import Content, Replaced


class StaffRegistered(Content, frozen=True, kw_only=True):
    """STAFF_REGISTERED: an account was created or changed; `name` stands as its SHA-256."""

    staff_id: str
    organization_id: str
    fields: dict[str, Replaced]


class StaffChanged(Content, frozen=True, kw_only=True):
    """STAFF_DISABLED, STAFF_ENABLED (with a reason), STAFF_RECOVERED, STAFF_LOGIN_ISSUED, STAFF_UNLOCKED,
    STAFF_IN_FORCE."""

    staff_id: str
    organization_id: str
    reason: str = ""
