"""Acts that widen access, and the word of a second member of staff, ask for a second factor that was shown just now: a
browser may have been left alone, and an app holds its authorisation for weeks (RFC 9470)."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from moyai.base.clock import utc_now
from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.identity import store_sessions
from moyai.identity.model import ResidentCaller, Session, StaffCaller, acr_of

FRESH_SECONDS: Final = 5 * 60


def is_fresh(caller: ResidentCaller | StaffCaller) -> bool:
    at = caller.second_factor_at
    return at is not None and utc_now() - at <= timedelta(seconds=FRESH_SECONDS)


def require_fresh(caller: ResidentCaller) -> None:
    """Raises Problem insufficient_user_authentication with the members `max_age` and `acr_values`: an app has the
    resident log in again with these."""
    if not is_fresh(caller):
        raise Problem(
            "insufficient_user_authentication", max_age=FRESH_SECONDS, acr_values=acr_of(caller.ial, 2)
        )


async def shown_now(conn: Connection, session: Session) -> None:
    """The code of the authenticator app was shown in this session once more."""
    await store_sessions.set_factor(conn, session.session_hash, "otp")
